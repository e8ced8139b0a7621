//! A finite retention that takes the beginning of a history, and all of it.

use std::sync::atomic::Ordering;

use aether_core::{
    ActorId, EventDraft, EventStore as _, EventStoreExt as _, StoreError, StoreErrorKind as Kind,
    Version,
};
use aether_store_jetstream::async_nats::jetstream;
use aether_store_jetstream::{JetStreamConfig, JetStreamStore, Retention};
use futures_util::StreamExt as _;

use crate::SECOND;
use crate::support::books::messages;
use crate::support::proxy::Proxy;
use crate::support::{Streams, actor, event, eventually};

fn finite(streams: &Streams) -> JetStreamConfig {
    let config = streams.config().retention(Retention::MaxAge(2 * SECOND));
    config.request_timeout(SECOND / 2)
}

/// Waits until the stream of events has this many messages left.
async fn expire(store: &JetStreamStore, left: u64) {
    let jetstream = jetstream::new(store.client().clone());
    let stream = jetstream.get_stream(store.events_stream()).await.unwrap();
    let expired = async || stream.get_info().await.unwrap().state.messages <= left;
    eventually("the events expire", expired).await;
}

fn is_truncated(error: &StoreError, version: u32) -> bool {
    matches!(error, StoreError::HistoryTruncated { after, .. } if *after == version.into())
}

/// Whatever is asked for of an actor at version 3, of which nothing is left.
async fn check_all_expired(store: &JetStreamStore, id: &ActorId) {
    assert_eq!(store.latest_version(id).await.unwrap(), Version::from(3));
    for from in [0, 3] {
        let error = store.get_events(id, Version::from(from)).await.unwrap_err();
        assert!(is_truncated(&error, 3), "from {from}: {error}");
    }
    assert_eq!(store.get_events(id, 4.into()).await.unwrap(), []);
    for version in 1..=3 {
        let error = store.save_event(event(id, version)).await.unwrap_err();
        let conflict = error.version_conflict().unwrap();
        assert_eq!(conflict.current_version, Version::from(3), "{error}");
    }
    let report = store.verify(id).await.unwrap();
    assert!(report.is_intact());
    assert_eq!(report.expired_through, Some(3.into()));
}

#[tokio::test]
async fn an_actor_whose_events_have_all_expired_goes_on_from_where_it_was() {
    let streams = Streams::new("expired");
    let warm = streams.store_with(finite(&streams)).await;
    let [by_event, by_draft] = ["order-1", "order-2"].map(actor);
    let last = event(&by_event, 3);
    for version in [1, 2] {
        warm.save_event(event(&by_event, version)).await.unwrap();
    }
    warm.save_event(last.clone()).await.unwrap();
    warm.save_events((1..=3).map(|version| event(&by_draft, version)))
        .await
        .unwrap();
    expire(&warm, 0).await;

    // One that never saw these actors, and one that remembers them.
    let cold = streams.store_with(finite(&streams)).await;
    for store in [&cold, &warm] {
        check_all_expired(store, &by_event).await;
        check_all_expired(store, &by_draft).await;
        // The newest commit is kept, so a repeat of it is recognised.
        assert!(store.save_event(last.clone()).await.unwrap().was_repeated());
    }

    let next = event(&by_event, 4);
    warm.save_event(next.clone()).await.unwrap();
    assert_eq!(cold.get_events(&by_event, 4.into()).await.unwrap(), [next]);
    let draft = EventDraft::new(&by_draft, "Drafted", &()).unwrap();
    let numbered = cold.append_next([draft]).await.unwrap();
    assert_eq!(numbered[0].version(), Version::from(4));
    for (store, id) in [(&warm, &by_event), (&cold, &by_draft)] {
        let error = store.get_events(id, Version::ZERO).await.unwrap_err();
        assert!(is_truncated(&error, 3), "{error}");
        let report = store.verify(id).await.unwrap();
        assert!(report.is_intact(), "{report:?}");
        assert_eq!((report.commits, report.latest), (1, 4.into()));
        assert_eq!(report.expired_through, Some(3.into()));
    }
}

#[tokio::test]
async fn a_history_whose_beginning_has_expired_is_not_passed_off_as_whole() {
    let streams = Streams::new("truncated");
    let warm = streams.store_with(finite(&streams)).await;
    let id = actor("order-1");
    for version in [1, 2] {
        warm.save_event(event(&id, version)).await.unwrap();
    }
    expire(&warm, 0).await;
    let kept: Vec<_> = (3..=4).map(|version| event(&id, version)).collect();
    warm.save_events(kept.clone()).await.unwrap();
    let cold = streams.store_with(finite(&streams)).await;
    for store in [&warm, &cold] {
        let error = store.get_events(&id, 1.into()).await.unwrap_err();
        assert!(is_truncated(&error, 2), "{error}");
        assert_eq!(store.get_events(&id, 3.into()).await.unwrap(), kept);
        // Whether it was this very event, nobody can tell any more.
        let error = store.save_event(event(&id, 2)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::VersionConflict, "{error}");
        let report = store.verify(&id).await.unwrap();
        assert!(report.is_intact(), "{report:?}");
        assert_eq!(report.expired_through, Some(2.into()));
    }
}

#[tokio::test]
async fn an_actor_that_never_had_events_begins_at_version_1_where_events_expire() {
    let streams = Streams::new("fresh");
    let store = streams.store_with(finite(&streams)).await;
    let id = actor("order-1");
    assert_eq!(store.latest_version(&id).await.unwrap(), Version::ZERO);
    let error = store.append_next([]).await.unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidEvent, "{error}");
    let appended = store.save_event(event(&id, 1)).await.unwrap();
    assert_eq!(appended.position().sequence(), 1);
}

/// The acknowledgement is lost, and what it was for has expired before the store looks for it.
#[tokio::test]
async fn what_expires_before_its_lost_acknowledgement_is_missed_is_not_stored_twice() {
    let streams = Streams::new("expires-at-once");
    let proxy = Proxy::before(&streams.url).await;
    let config = streams.config().retention(Retention::MaxAge(SECOND));
    let store = JetStreamStore::connect(&proxy.url, config).await.unwrap();
    let first = event(&actor("order-1"), 1);
    proxy.faults.lose_acks.store(1, Ordering::SeqCst);
    let error = store.save_event(first.clone()).await.unwrap_err();
    assert_eq!(
        error.indeterminate_events(),
        Some(&[first.clone()][..]),
        "{error}"
    );
    // Nobody knows, until it is saved again.
    assert!(store.save_event(first).await.unwrap().was_repeated());
    let jetstream = jetstream::new(store.client().clone());
    let stream = jetstream.get_stream(store.events_stream()).await.unwrap();
    assert_eq!(stream.get_info().await.unwrap().state.last_sequence, 1);
}

/// What expires between two pages of a slow reader is no damage.
#[tokio::test]
async fn what_expires_under_a_slow_reader_is_reported_as_expired() {
    const MANY: u32 = 300; // more than a page
    let streams = Streams::new("slow-reader");
    // Long enough for all of them to be there when the reader begins.
    let config = finite(&streams).retention(Retention::MaxAge(6 * SECOND));
    let store = streams.store_with(config).await;
    let id = actor("order-1");
    for version in 1..=MANY {
        store.save_event(event(&id, version)).await.unwrap();
    }
    let expired = messages(&store).await;
    tokio::time::sleep(2 * SECOND).await;
    store.save_event(event(&id, MANY + 1)).await.unwrap();
    let mut events = store.events(&id, Version::ZERO);
    events.next().await.unwrap().unwrap();
    expire(&store, 1).await;
    let mut read = 1;
    let error = loop {
        match events.next().await.expect("not all of them are left") {
            Ok(_) => read += 1,
            Err(error) => break error,
        }
    };
    assert!(read < expired, "{read}");
    assert!(is_truncated(&error, MANY), "{error}");
    assert!(events.next().await.is_none());
}
