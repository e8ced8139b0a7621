//! What all rows work with: a store, the bare client, actors, and their events.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use aether_core::{ActorId, Event, EventDraft, EventStore as _, EventStoreExt as _, Version};
use aether_store_jetstream::async_nats::header::NATS_EXPECTED_STREAM;
use aether_store_jetstream::{JetStreamConfig, JetStreamStore};
use serde::Serialize;

pub use crate::bare::Side;
use crate::bare::{Bare, Place, Template, Way, run};
use crate::meter::{Meter, Pass};

/// What the encoded data of an event have.
const PAYLOAD_BYTES: usize = 256;
/// The text that has so many bytes as MessagePack: three say that it is a text, and how long.
const TEXT_BYTES: usize = PAYLOAD_BYTES - 3;
/// After so many commits the header with the places of those before is as long as it gets.
const HISTORY: usize = 34;

/// Server, store and bare client.
pub struct World {
    pub url: String,
    pub meter: Meter,
    pub passes: usize,
    pub is_quick: bool,
    pub bare: Bare,
    pub store: JetStreamStore,
    /// Made by a store like ours, with the same settings, for the bare client.
    bare_store: JetStreamStore,
    config: JetStreamConfig,
    actors: AtomicUsize,
}

impl World {
    pub async fn connect(url: &str, is_quick: bool) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let unique = since.expect("after 1970").as_micros() % 1_000_000_000_000;
        let config = |who| JetStreamConfig::new(format!("bench-{who}-{unique}"));
        let store = async |config| {
            let store = JetStreamStore::connect(url, config).await;
            store.expect("a store")
        };
        Self {
            url: url.to_owned(),
            meter: Meter::from_env(),
            passes: if is_quick { 5 } else { 25 },
            is_quick,
            bare: Bare::connect(url).await,
            store: store(config("ours")).await,
            bare_store: store(config("bare")).await,
            config: config("ours"),
            actors: AtomicUsize::new(0),
        }
    }

    /// Removes what was made on the server.
    pub async fn clear(&self) {
        for store in [&self.store, &self.bare_store] {
            self.remove(store).await;
        }
    }

    /// A store with streams of its own.
    pub async fn another(&self, what: &str) -> JetStreamStore {
        self.with(self.config_of(what)).await
    }

    /// One of the same streams that remembers no actor.
    pub async fn forgetful(&self, what: &str) -> JetStreamStore {
        self.with(self.config_of(what).cache_actors(0)).await
    }

    fn config_of(&self, what: &str) -> JetStreamConfig {
        JetStreamConfig::new(format!("{}-{what}", self.store.events_stream()))
    }

    async fn with(&self, config: JetStreamConfig) -> JetStreamStore {
        let client = self.store.client().clone();
        JetStreamStore::with_client(client, config)
            .await
            .expect("a store")
    }

    /// Removes its streams.
    pub async fn remove(&self, store: &JetStreamStore) {
        for stream in [store.events_stream(), store.snapshots_stream()] {
            let deleted = self.bare.context.delete_stream(stream).await;
            deleted.expect("a stream that was made here");
        }
    }

    /// The fewer in a quick run.
    pub fn count(&self, quick: usize, full: usize) -> usize {
        if self.is_quick { quick } else { full }
    }

    /// Stores of the same streams that have seen no actor, on the same connection.
    pub async fn strangers(&self, count: usize) -> Vec<JetStreamStore> {
        let nobody = ActorId::new("nobody").expect("an id");
        let mut strangers = Vec::new();
        for _ in 0..count {
            let client = self.store.client().clone();
            let store = JetStreamStore::with_client(client, self.config.clone()).await;
            let store = store.expect("a store");
            // The first call asks what the stream is.
            let asked = store.latest_version(&nobody).await;
            assert!(asked.is_ok(), "{asked:?}");
            strangers.push(store);
        }
        strangers
    }

    /// Actors that nobody has seen.
    pub fn new_writers(&self, count: usize) -> Vec<Writer> {
        let first = self.actors.fetch_add(count, Ordering::Relaxed);
        let writer = |n| Writer {
            actor: ActorId::new(format!("order-{n:010}")).expect("an id"),
            version: 0,
        };
        (first..first + count).map(writer).collect()
    }

    /// Actors with a history, so that their messages have become as large as they get.
    pub async fn warm_writers(&self, count: usize) -> Vec<Writer> {
        let mut writers = self.new_writers(count);
        self.at_once(Side::Tasks, &mut writers, HISTORY).await;
        writers
    }

    /// Subjects in the bare client's stream, as many as there are writers and like theirs.
    pub fn new_places(&self, writers: &[Writer]) -> Vec<Place> {
        let place = |writer: &Writer| Place {
            subject: self.bare_store.events_subject(&writer.actor).into(),
            last: 0,
        };
        writers.iter().map(place).collect()
    }

    /// The same, published to before.
    pub async fn places(&self, writers: &[Writer]) -> Vec<Place> {
        let mut places = self.new_places(writers);
        let template = self.template(&writers[0]).await;
        for place in &mut places {
            self.bare.publish(Way::Request, place, &template).await;
        }
        places
    }

    /// The newest message of an actor, as one for the bare client's stream.
    pub async fn template(&self, writer: &Writer) -> Template {
        let stream = self.bare.context.get_stream(self.store.events_stream());
        let stream = stream.await.expect("the stream");
        let subject = self.store.events_subject(&writer.actor);
        let message = stream.get_last_raw_message_by_subject(&subject).await;
        let message = message.expect("the actor's newest message");
        let mut headers = message.headers;
        headers.insert(NATS_EXPECTED_STREAM, self.bare_store.events_stream());
        Template {
            headers,
            body: message.payload,
        }
    }

    /// Saves so many, one after the other, in turns of these actors.
    pub async fn one_at_a_time(
        &self,
        store: &JetStreamStore,
        writers: &mut [Writer],
        count: usize,
    ) -> Pass {
        let many = writers.len();
        let next = |n: usize| writers[n % many].next();
        let events: Vec<Event> = (0..count).map(next).collect();
        let work = async {
            for event in events {
                store.save_event(event).await.expect("stored");
            }
        };
        self.meter.pass(count, work).await
    }

    /// Saves so many of each of these actors, one after the other, and of all of them at once.
    pub async fn at_once(&self, side: Side, writers: &mut [Writer], each: usize) -> Pass {
        self.save_at_once(&self.store, side, writers, each).await
    }

    /// The same with this store.
    pub async fn save_at_once(
        &self,
        store: &JetStreamStore,
        side: Side,
        writers: &mut [Writer],
        each: usize,
    ) -> Pass {
        let saves: Vec<_> = writers
            .iter_mut()
            .map(|writer| {
                let events: Vec<Event> = (0..each).map(|_| writer.next()).collect();
                let store = store.clone();
                async move {
                    for event in events {
                        store.save_event(event).await.expect("stored");
                    }
                }
            })
            .collect();
        let count = each * writers.len();
        let mut results = Vec::with_capacity(writers.len());
        self.meter.pass(count, run(side, saves, &mut results)).await
    }
}

/// An actor, and how far its history has come.
#[derive(Clone)]
pub struct Writer {
    pub actor: ActorId,
    pub version: u32,
}

impl Writer {
    /// The event that comes next.
    pub fn next(&mut self) -> Event {
        self.version += 1;
        event(&self.actor, self.version)
    }

    /// So many small events that come next.
    pub fn next_small(&mut self, count: usize) -> Vec<Event> {
        let mut next = || {
            self.version += 1;
            at(draft(&self.actor, &self.version), self.version)
        };
        (0..count).map(|_| next()).collect()
    }

    /// A draft of an event.
    pub fn draft(&self) -> EventDraft {
        draft(&self.actor, &text())
    }
}

/// An event at this version.
pub fn event(actor: &ActorId, version: u32) -> Event {
    at(draft(actor, &text()), version)
}

fn draft(actor: &ActorId, data: &impl Serialize) -> EventDraft {
    EventDraft::new(actor, "OrderPlaced", data).expect("a draft")
}

fn at(draft: EventDraft, version: u32) -> Event {
    draft.at(Version::from(version)).expect("an event")
}

fn text() -> String {
    "x".repeat(TEXT_BYTES)
}
