//! What is in the stream in the end: as it is, and as the store reads it.

use std::time::{Duration, Instant};

use aether_core::{EventStoreExt as _, Version, WireForm};
use aether_store_jetstream::async_nats;
use aether_store_jetstream::async_nats::jetstream::consumer::pull;
use aether_store_jetstream::async_nats::jetstream::{self, stream};
use aether_store_jetstream::{JetStreamConfig, JetStreamStore};
use futures_util::StreamExt as _;

use crate::checker::{FinalRead, Message};
use crate::load::actors;
use crate::log::Offered;

const PATIENCE: Duration = Duration::from_secs(120);
/// How long a consumer may stay: one whose process was killed is removed after a minute by the
/// server, which had to hear of it first.
const CONSUMERS_STAY_MAX: Duration = Duration::from_secs(90);

/// All messages, read with the bare client.
pub(crate) async fn messages(url: &str, name: &str) -> Vec<Message> {
    let jetstream = jetstream::new(async_nats::connect(url).await.unwrap());
    let info = settled(&jetstream, name).await;
    let stream = jetstream.get_stream(name).await.unwrap();
    let consumer = pull::OrderedConfig::default();
    let consumer = stream.create_consumer(consumer).await.unwrap();
    let mut arriving = consumer.messages().await.unwrap();
    let mut messages = Vec::new();
    while (messages.len() as u64) < info.state.messages {
        let next = tokio::time::timeout(PATIENCE, arriving.next()).await;
        let message = next.unwrap().unwrap().unwrap();
        messages.push(Message {
            sequence: message.info().unwrap().stream_sequence,
            actor: message.subject.rsplit('.').next().unwrap().to_owned(),
            events: decoded(&message.subject, &message.payload),
        });
    }
    messages
}

/// Waits until all three have everything.
async fn settled(jetstream: &jetstream::Context, name: &str) -> stream::Info {
    let started = Instant::now();
    loop {
        if let Ok(mut stream) = jetstream.get_stream(name).await
            && let Ok(info) = stream.info().await
            && let Some(cluster) = &info.cluster
            && cluster.leader.is_some()
            && cluster.replicas.len() == 2
            && cluster.replicas.iter().all(|peer| peer.current)
        {
            return info.clone();
        }
        assert!(started.elapsed() < PATIENCE, "the replicas do not catch up");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn decoded(subject: &str, body: &[u8]) -> Result<Vec<Offered>, String> {
    let events = WireForm::MessagePack.decode_commit(body);
    let events = events.map_err(|error| error.to_string())?;
    let actor = events[0].actor_id().as_str();
    // The load's ids are their own tokens.
    let category = events[0].actor_id().category();
    if !subject.ends_with(&format!(".events.{category}.{actor}")) {
        return Err(format!("events of {actor} on {subject}"));
    }
    Ok(events.iter().map(Offered::event).collect())
}

/// Each actor's history through a store that knows nothing yet.
pub(crate) async fn histories(url: &str, name: &str) -> Vec<FinalRead> {
    let config = JetStreamConfig::new(name).replicas(3);
    let store = JetStreamStore::connect(url, config).await.unwrap();
    let mut reads = Vec::new();
    for actor in actors() {
        let events = store.get_events(&actor, Version::ZERO).await;
        reads.push(FinalRead {
            actor: actor.to_string(),
            events: events
                .map(|events| events.iter().map(Offered::event).collect())
                .map_err(|error| error.to_string()),
        });
    }
    reads
}

/// The consumers that stay, by the server's own list; waits for them to be removed.
pub(crate) async fn consumers_left(url: &str, name: &str) -> Vec<String> {
    let jetstream = jetstream::new(async_nats::connect(url).await.unwrap());
    let stream = jetstream.get_stream(name).await.unwrap();
    let started = Instant::now();
    loop {
        let names: Vec<_> = stream.consumer_names().collect().await;
        let names: Vec<String> = names.into_iter().map(Result::unwrap).collect();
        if names.is_empty() || started.elapsed() >= CONSUMERS_STAY_MAX {
            return names;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
