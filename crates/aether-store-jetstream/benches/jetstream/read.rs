//! Rows of reads: histories of every length beside the bare ways to the same events, both sides
//! decoding them.

use std::collections::HashMap;

use aether_core::{
    ActorId, ActorSnapshot, Event, EventStore as _, EventStoreExt as _, Position, RecordedEvent,
    RestoreExt as _, SnapshotStore as _, StoreError, Version, WireForm,
};
use aether_store_jetstream::JetStreamStore;
use aether_store_jetstream::async_nats::jetstream::consumer::{DeliverPolicy, pull};
use aether_store_jetstream::async_nats::jetstream::stream::Stream;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use crate::bare::Bare;
use crate::meter::{Pass, Passes, fastest};
use crate::table::{Row, Target, thousands};
use crate::world::{World, event};

/// How many events a short history has.
const SHORT: u32 = 5;
/// How many actors with such a history are read in turns.
const ACTORS: u32 = 64;
/// How many messages of others are on their way at once.
const WINDOW: usize = 512;
/// How many actors those are of.
const OTHERS: usize = 10_000;

/// A stream of its own, in which histories lie among messages of others.
struct Shelf {
    store: JetStreamStore,
    /// One that remembers no actor.
    forgetful: JetStreamStore,
    bare: Bare,
    stream: Stream,
    others: usize,
}

impl Shelf {
    async fn make(world: &World, what: &str) -> Self {
        let store = world.another(what).await;
        let forgetful = world.forgetful(what).await;
        let bare = world.bare.clone();
        let stream = bare.context.get_stream(store.events_stream()).await;
        Self {
            stream: stream.expect("the stream"),
            store,
            forgetful,
            bare,
            others: 0,
        }
    }

    /// So many more messages of others.
    async fn add_others(&mut self, count: usize) {
        let body = Bytes::from(vec![b'x'; 256]);
        let subject = |n: usize| {
            let other = ActorId::new(format!("other-{:06}", n % OTHERS)).expect("an id");
            self.store.events_subject(&other)
        };
        let subjects: Vec<String> = (0..count.min(OTHERS))
            .map(|n| subject(self.others + n))
            .collect();
        let mut sent = FuturesUnordered::new();
        for n in 0..count {
            if sent.len() == WINDOW {
                let answered: Option<Result<_, _>> = sent.next().await;
                answered.expect("one is on its way").expect("stored");
            }
            let subject = subjects[n % subjects.len()].clone();
            sent.push(self.bare.client.request(subject, body.clone()));
        }
        while let Some(answered) = sent.next().await {
            answered.expect("stored");
        }
        self.others += count;
    }

    /// Histories of these actors, with their events as far apart as the others allow.
    async fn add_thin(&mut self, actors: &[ActorId], length: u32, others: usize) {
        for version in 1..=length {
            self.add_others(others / length as usize).await;
            let saves = actors
                .iter()
                .map(|actor| self.store.save_event(event(actor, version)));
            for saved in futures_util::future::join_all(saves).await {
                saved.expect("stored");
            }
        }
    }

    /// The newest message by direct get, decoded: the least that any read does.
    async fn direct_get(&self, subject: &str) {
        let request = format!("{{\"last_by_subj\":\"{subject}\"}}");
        let to = format!("$JS.API.DIRECT.GET.{}", self.store.events_stream());
        let answer = self.bare.client.request(to, request.into()).await;
        decode(&answer.expect("an answer").payload);
    }

    /// The messages at these places at once: what nobody knows who has not read them before.
    async fn at_places(&self, places: &[u64]) {
        let gets = places.iter().map(|place| {
            let to = format!("$JS.API.DIRECT.GET.{}", self.store.events_stream());
            self.bare
                .client
                .request(to, format!("{{\"seq\":{place}}}").into())
        });
        for answer in futures_util::future::join_all(gets).await {
            decode(&answer.expect("an answer").payload);
        }
    }

    /// Where the event with this version is.
    async fn position(&self, actor: &ActorId, version: u32) -> Position {
        let mut events = self.store.events(actor, Version::from(version));
        let event = events.next().await.expect("an event");
        event.expect("readable").position()
    }

    /// Where a history is.
    async fn places(&self, actor: &ActorId) -> Vec<u64> {
        let events = self.store.events(actor, Version::ZERO);
        let place = |recorded: Result<RecordedEvent, StoreError>| {
            recorded.expect("an event").position().sequence()
        };
        events.map(place).collect().await
    }

    /// The whole history by batch direct get, in pages.
    async fn batch_get(&self, subject: &str, length: u32) {
        let to = format!("$JS.API.DIRECT.GET.{}", self.store.events_stream());
        let (mut next, mut given) = (1, 0);
        let mut events = Vec::new();
        while given < length {
            let inbox = self.bare.client.new_inbox();
            let answers = self.bare.client.subscribe(inbox.clone()).await;
            let mut answers = answers.expect("subscribed");
            let request =
                format!("{{\"seq\":{next},\"batch\":256,\"next_by_subj\":\"{subject}\"}}");
            let sent = self
                .bare
                .client
                .publish_with_reply(to.clone(), inbox, request.into());
            sent.await.expect("sent");
            while let Some(message) = answers.next().await
                && message.status.is_none()
            {
                let headers = message.headers.as_ref().expect("headers");
                let sequence = headers.get_last("Nats-Sequence").expect("a sequence");
                next = sequence.as_str().parse::<u64>().expect("a number") + 1;
                events.extend(decode(&message.payload));
                given += 1;
            }
        }
        assert_eq!(events.len(), length as usize);
    }

    /// The whole history by an ordered consumer, made and dropped.
    async fn consumer(&self, subject: &str, length: u32) {
        let config = pull::OrderedConfig {
            filter_subject: subject.to_owned(),
            deliver_policy: DeliverPolicy::All,
            ..pull::OrderedConfig::default()
        };
        let consumer = self
            .stream
            .create_consumer(config)
            .await
            .expect("a consumer");
        let messages = consumer.messages().await.expect("messages");
        let mut messages = messages.take(length as usize);
        let mut events = Vec::new();
        while let Some(message) = messages.next().await {
            events.extend(decode(&message.expect("a message").payload));
        }
        assert_eq!(events.len(), length as usize);
    }
}

pub fn decode(body: &[u8]) -> Vec<Event> {
    WireForm::MessagePack.decode_commit(body).expect("a commit")
}

fn actors(what: &str, count: u32) -> Vec<ActorId> {
    let actor = |n| ActorId::new(format!("{what}-{n:04}")).expect("an id");
    (0..count).map(actor).collect()
}

/// So many calls, with the actors in turns.
async fn pass<F: Future<Output = ()>>(
    world: &World,
    actors: &[ActorId],
    count: usize,
    call: impl Fn(ActorId) -> F,
) -> Pass {
    let calls: Vec<ActorId> = actors.iter().cycle().take(count).cloned().collect();
    let work = async {
        for actor in calls {
            call(actor).await;
        }
    };
    world.meter.pass(count, work).await
}

/// Five events, spread among ever more messages of others.
pub async fn short(world: &World) -> Vec<Row> {
    let mut rows = Vec::new();
    let amounts: &[usize] = match world.is_quick {
        true => &[30_000],
        false => &[30_000, 300_000, 3_000_000],
    };
    for others in amounts {
        let mut shelf = Shelf::make(world, &format!("short-{others}")).await;
        let actors = actors("short", ACTORS);
        shelf.add_thin(&actors, SHORT, *others).await;
        let shelf = &shelf;
        let (reader, subject) = (&shelf.store, |actor: &ActorId| {
            shelf.store.events_subject(actor)
        });
        let mut limit = Passes::new("one direct get");
        let [mut ours, mut cold, mut restored, mut latest] = [(); 4].map(|()| Passes::new(""));
        let [mut known, mut told, mut batch, mut consumer] = [(); 4].map(|()| Passes::new(""));
        let mut places = HashMap::new();
        for actor in &actors {
            places.insert(actor.clone(), shelf.places(actor).await);
            let snapshot = ActorSnapshot::new(actor, Version::from(SHORT - 1), &"state");
            let fourth = shelf.position(actor, SHORT - 1).await;
            let snapshot = snapshot.expect("a snapshot").at_position(fourth);
            reader.save_snapshot(snapshot).await.expect("saved");
        }
        for _ in 0..world.passes {
            let get = async |actor: ActorId| shelf.direct_get(&subject(&actor)).await;
            limit.push(pass(world, &actors, 200, get).await);
            let read = async |actor: ActorId| {
                let events = reader.get_events(&actor, Version::ZERO).await;
                assert_eq!(events.expect("events").len(), SHORT as usize);
            };
            ours.push(pass(world, &actors, 200, read).await);
            let read = async |actor: ActorId| {
                let events = shelf.forgetful.get_events(&actor, Version::ZERO).await;
                assert_eq!(events.expect("events").len(), SHORT as usize);
            };
            cold.push(pass(world, &actors, 200, read).await);
            let restore = async |actor: ActorId| {
                let state = reader.restore(&actor).await.expect("a state");
                assert!(state.snapshot.is_some() && state.events.len() == 1);
            };
            restored.push(pass(world, &actors, 200, restore).await);
            let look = async |actor: ActorId| {
                let version = reader.latest_version(&actor).await;
                assert_eq!(version.expect("a version"), SHORT.into());
            };
            latest.push(pass(world, &actors, 200, look).await);
            let get = async |actor: ActorId| shelf.at_places(&places[&actor]).await;
            known.push(pass(world, &actors, 200, get).await);
            let get = async |actor: ActorId| {
                shelf.direct_get(&subject(&actor)).await;
                shelf.at_places(&places[&actor][..SHORT as usize - 1]).await;
            };
            told.push(pass(world, &actors, 200, get).await);
            let get = async |actor: ActorId| shelf.batch_get(&subject(&actor), SHORT).await;
            batch.push(pass(world, &actors, 20, get).await);
            let get = async |actor: ActorId| shelf.consumer(&subject(&actor), SHORT).await;
            consumer.push(pass(world, &actors, 20, get).await);
        }
        let among = format!("among {} messages of others", thousands(*others as f64));
        let row = |work: String, ours: &Passes, target| Row::new(work, &limit, ours, target);
        rows.extend([
            row(
                format!("`get_events` of 5 events {among}"),
                &ours,
                Target::Times(2.5),
            ),
            row(
                "the same by who remembers nothing of the actors".to_owned(),
                &cold,
                Target::Times(2.5),
            ),
            row(
                "the same from a snapshot at version 4, which is read and compared".to_owned(),
                &restored,
                Target::Times(2.5),
            ),
            row(
                "the same, bare: all five by their places, known before".to_owned(),
                &known,
                Target::None,
            ),
            row(
                "the same, bare: the newest, then the four that it tells".to_owned(),
                &told,
                Target::None,
            ),
            row(
                "the same, bare: a batch direct get".to_owned(),
                &batch,
                Target::None,
            ),
            row(
                "the same, bare: an ordered consumer".to_owned(),
                &consumer,
                Target::None,
            ),
            row(
                format!("`latest_version` {among}"),
                &latest,
                Target::Times(1.1),
            ),
        ]);
        world.remove(&shelf.store).await;
    }
    rows
}

/// Long histories, one message after the other or far apart.
pub async fn long(world: &World) -> Vec<Row> {
    let mut rows = Vec::new();
    let spread = world.count(30_000, 300_000);
    let cases = [
        (1_000, 0, "dense"),
        (1_000, spread, "spread"),
        (10_000, 0, "dense"),
    ];
    for (length, others, layout) in cases {
        let mut shelf = Shelf::make(world, &format!("long-{length}-{layout}")).await;
        let actors = actors("long", 1);
        shelf.add_thin(&actors, length, others).await;
        let subject = shelf.store.events_subject(&actors[0]);
        let (shelf, subject) = (&shelf, &subject);
        let mut batch = Passes::new("a batch direct get");
        let mut consumer = Passes::new("an ordered consumer");
        let mut ours = Passes::new("");
        for _ in 0..world.passes {
            let get = async |_| shelf.batch_get(subject, length).await;
            batch.push(pass(world, &actors, 2, get).await);
            let read = async |actor: ActorId| {
                let events = shelf.store.get_events(&actor, Version::ZERO).await;
                assert_eq!(events.expect("events").len(), length as usize);
            };
            ours.push(pass(world, &actors, 2, read).await);
            let get = async |_| shelf.consumer(subject, length).await;
            consumer.push(pass(world, &actors, 2, get).await);
        }
        let limit = fastest(vec![batch.clone(), consumer.clone()]);
        let work = format!(
            "`get_events` of {} events, {layout}",
            thousands(f64::from(length))
        );
        rows.push(Row::new(work, &limit, &ours, Target::Rate(0.9)));
        for way in [batch, consumer] {
            let work = format!("the same, bare: {}", way.name);
            rows.push(Row::new(work, &limit, &way, Target::None));
        }
        world.remove(&shelf.store).await;
    }
    rows
}
