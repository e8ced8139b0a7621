//! Messages that can't be read from the server's disk any more.

use aether_core::{
    ActorId, EventDraft, EventStore as _, EventStoreExt as _, StoreErrorKind as Kind, Version,
};
use aether_store_jetstream::JetStreamStore;

use crate::files::damage_last;
use crate::support::books::messages;
use crate::support::server::Server;
use crate::support::{actor, event, event_with};
use crate::{hasty_config, patient_config};

const MARK: &str = "here is the damage";

/// A server on which the last message of an actor with this many versions can't be read; others
/// have written before it and, if so, after it.
struct Damaged {
    server: Server,
    /// Has saved what is there.
    warm: JetStreamStore,
    /// Knows nothing of it.
    cold: JetStreamStore,
    id: ActorId,
    other: ActorId,
}

async fn damaged(versions: u32, others_after: bool) -> Damaged {
    let mut server = Server::start().await;
    let warm = JetStreamStore::connect(server.url(), patient_config("damaged"))
        .await
        .unwrap();
    let (id, other) = (actor("order-1"), actor("other-1"));
    warm.save_event(event(&other, 1)).await.unwrap();
    for version in 1..versions {
        warm.save_event(event(&id, version)).await.unwrap();
    }
    warm.save_event(event_with(&id, versions, &MARK))
        .await
        .unwrap();
    if others_after {
        warm.save_event(event(&other, 2)).await.unwrap();
    }
    server.stop();
    damage_last(&server, warm.events_stream(), MARK.as_bytes());
    server.restart().await;
    let cold = JetStreamStore::connect(server.url(), hasty_config("damaged"))
        .await
        .unwrap();
    Damaged {
        server,
        warm,
        cold,
        id,
        other,
    }
}

/// The server forgets that a subject has messages when it can't read the last one: it takes
/// whatever expects none, and answers that there is none.
async fn takes_nothing_above_the_first(others_after: bool) {
    const VERSIONS: u32 = 3;
    let damaged = damaged(VERSIONS, others_after).await;
    let (cold, warm, id) = (&damaged.cold, &damaged.warm, &damaged.id);
    let stored = messages(cold).await;
    for version in [VERSIONS - 1, VERSIONS, VERSIONS + 1] {
        let error = cold.save_event(event(id, version)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Malformed, "version {version}: {error}");
    }
    let draft = EventDraft::new(id, "Drafted", &()).unwrap();
    let errors = [
        cold.append_next([draft]).await.unwrap_err(),
        cold.latest_version(id).await.unwrap_err(),
        cold.get_events(id, Version::ZERO).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), Kind::Malformed, "{error}");
    }
    // Who knows what was there sees that it is not there any more.
    let next = event(id, VERSIONS + 1);
    let mut error = warm.save_event(next.clone()).await.unwrap_err();
    if error.kind() == Kind::Indeterminate {
        // No answer proves alone that the last message is gone. Saving again reads first.
        error = warm.save_event(next).await.unwrap_err();
    }
    let kinds = [Kind::HistoryRegressed, Kind::Malformed];
    assert!(kinds.contains(&error.kind()), "{error}");
    assert_eq!(messages(cold).await, stored);

    let latest = cold.latest_version(&damaged.other).await.unwrap();
    let next = latest.next().unwrap();
    let draft = EventDraft::new(&damaged.other, "Next", &()).unwrap();
    cold.save_event(draft.at(next).unwrap()).await.unwrap();
    cold.save_event(event(&actor("another-1"), 1))
        .await
        .unwrap();
}

#[tokio::test]
async fn an_actor_whose_last_message_is_damaged_takes_no_more_events_and_others_do() {
    takes_nothing_above_the_first(true).await;
}

#[tokio::test]
async fn an_actor_whose_last_message_is_damaged_and_the_streams_last_takes_no_more_events() {
    takes_nothing_above_the_first(false).await;
}

/// A first version is published without a read, and the server takes it where it finds no last
/// message. What is there must not be passed over then.
async fn first_version_again(versions: u32) {
    let damaged = damaged(versions, true).await;
    let (cold, id) = (&damaged.cold, &damaged.id);
    let second = cold.save_event(event(id, versions + 1)).await.unwrap_err();
    assert_eq!(second.kind(), Kind::Malformed, "{second}");
    match cold.save_event(event(id, 1)).await {
        Ok(appended) => assert!(!appended.was_repeated()),
        Err(error) => assert_eq!(error.kind(), Kind::Malformed, "{error}"),
    }
    let fresh = JetStreamStore::connect(damaged.server.url(), hasty_config("damaged"));
    let fresh = fresh.await.unwrap();
    for store in [cold, &fresh] {
        let error = store.get_events(id, Version::ZERO).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Malformed, "{error}");
        let lenient = store
            .get_events_with_errors(id, Version::ZERO)
            .await
            .unwrap();
        assert!(!lenient.errors.is_empty());
    }
}

#[tokio::test]
async fn a_damaged_only_message_is_reported_also_after_a_first_version_was_stored_again() {
    first_version_again(1).await;
}

#[tokio::test]
async fn a_damaged_last_message_is_reported_also_after_a_first_version_was_stored_again() {
    first_version_again(3).await;
}
