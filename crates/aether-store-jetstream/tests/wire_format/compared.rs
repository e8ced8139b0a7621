//! What the page's reader has read, held against what the store says.

use aether_core::{ActorId, Event, EventStoreExt as _, Version};
use aether_store_jetstream::JetStreamStore;

use crate::reader::history::{self, History};
use crate::reader::messages::{self, Message};
use crate::reader::names::Names;
use crate::reader::{body, msgpack};
use crate::support::Streams;

/// The names of a store without a namespace.
pub(crate) fn names(streams: &Streams) -> Names {
    Names::new(&streams.base, None)
}

/// An event of Aether's, part by part.
pub(crate) fn parts(event: &Event) -> body::Event {
    let metadata = event.metadata().iter();
    body::Event {
        id: event.id().as_str().to_owned(),
        event_type: event.event_type().as_str().to_owned(),
        actor_id: event.actor_id().as_str().to_owned(),
        command_id: event.command_id().map(|id| id.as_str().to_owned()),
        version: event.version().get(),
        data: msgpack::decode(event.data().as_msgpack(), 100).unwrap(),
        metadata: metadata
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
        timestamp: event.timestamp().unix_nanos(),
    }
}

pub(crate) fn all_parts(events: &[Event]) -> Vec<body::Event> {
    events.iter().map(parts).collect()
}

/// An actor's messages.
pub(crate) async fn stored(store: &JetStreamStore, names: &Names, id: &ActorId) -> Vec<Message> {
    let subject = names.subject(id.as_str());
    messages::on_subject(store.client(), &names.events(), &subject).await
}

/// What the page says of an actor, after the store has said the same.
pub(crate) async fn agreed(store: &JetStreamStore, names: &Names, id: &ActorId) -> History {
    let read = history::read(store.client(), names, id.as_str()).await;
    let replay = store.get_events_with_errors(id, Version::ZERO).await;
    let replay = replay.unwrap();
    let reported = replay.errors.iter().map(|error| error.position.sequence());
    let faults = read.faults.iter().map(|(sequence, _)| *sequence);
    assert!(
        faults.eq(reported),
        "{id:?}: the page {:?}, the store {:#?}",
        read.faults,
        replay.errors
    );
    assert_eq!(read.events(), all_parts(&replay.events), "{id:?}");
    read
}
