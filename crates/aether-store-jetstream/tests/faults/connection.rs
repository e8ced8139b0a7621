//! What happens to the connection while something is saved or read.

use std::sync::atomic::Ordering;
use std::time::Instant;

use aether_core::{
    ActorSnapshot, Commit, Event, EventDraft, EventStore as _, EventStoreExt as _,
    SnapshotStore as _, StoreErrorKind as Kind, Version,
};
use aether_store_jetstream::JetStreamStore;
use aether_store_jetstream::async_nats;
use futures_util::{StreamExt as _, TryStreamExt as _};

use crate::SECOND;
use crate::support::behind::behind_a_proxy;
use crate::support::books::messages;
use crate::support::{Streams, actor, event, event_with, eventually};

#[tokio::test]
async fn a_save_whose_acknowledgement_was_lost_is_stored_once() {
    let behind = behind_a_proxy("lost-ack", 10 * SECOND).await;
    let (store, faults) = (&behind.store, &behind.proxy.faults);
    let id = actor("order-1");
    let events: Vec<Event> = (1..=3).map(|v| event(&id, v)).collect();
    for (number, event) in events.iter().enumerate() {
        // More of them than one: what is sent again is not acknowledged either.
        faults.lose_acks.store(1 + number, Ordering::SeqCst);
        let appended = store.save_event(event.clone()).await.unwrap();
        assert!(!appended.was_repeated());
        assert_eq!(appended.position().sequence(), number as u64 + 1);
        faults.lose_acks.store(0, Ordering::SeqCst);
    }
    assert_eq!(faults.lost_acks.load(Ordering::SeqCst), 3);
    assert_eq!(
        behind.direct.get_events(&id, Version::ZERO).await.unwrap(),
        events
    );
    assert_eq!(messages(&behind.direct).await, 3);
}

#[tokio::test]
async fn a_batch_whose_acknowledgement_was_lost_is_stored_once() {
    let behind = behind_a_proxy("lost-batch", 10 * SECOND).await;
    let id = actor("order-1");
    behind.proxy.faults.lose_acks.store(1, Ordering::SeqCst);
    let batch = [1, 2, 5].map(|version| event(&id, version));
    let appended = behind.store.save_events(batch.clone()).await.unwrap();
    assert!(!appended.was_repeated());
    assert_eq!(behind.proxy.faults.lost_acks.load(Ordering::SeqCst), 1);
    let stored = behind.direct.get_events(&id, Version::ZERO).await.unwrap();
    assert_eq!(stored, batch);
    assert_eq!(messages(&behind.direct).await, 1);
}

#[tokio::test]
async fn drafts_whose_acknowledgement_was_lost_are_numbered_once() {
    let behind = behind_a_proxy("lost-drf", 10 * SECOND).await;
    let id = actor("order-1");
    behind.store.save_event(event(&id, 4)).await.unwrap();
    behind.proxy.faults.lose_acks.store(1, Ordering::SeqCst);
    let drafts = [1, 2].map(|n| EventDraft::new(&id, "Drafted", &n).unwrap());
    let events = behind.store.append_next(drafts).await.unwrap();
    assert_eq!(behind.proxy.faults.lost_acks.load(Ordering::SeqCst), 1);
    assert_eq!(
        behind.direct.get_events(&id, 5.into()).await.unwrap(),
        events
    );
    assert_eq!(
        behind.direct.latest_version(&id).await.unwrap(),
        Version::from(6)
    );
}

#[tokio::test]
async fn a_lost_acknowledgement_is_resolved_though_others_have_written_since() {
    let behind = behind_a_proxy("overtaken", 10 * SECOND).await;
    let id = actor("order-1");
    let faults = behind.proxy.faults.clone();
    faults.lose_acks.store(1, Ordering::SeqCst);
    let ours = event(&id, 1);
    let save = tokio::spawn({
        let (store, ours) = (behind.store.clone(), ours.clone());
        async move { store.save_event(ours).await }
    });
    let lost = async || faults.lost_acks.load(Ordering::SeqCst) == 1;
    eventually("the acknowledgement is lost", lost).await;
    let theirs = event(&id, 2);
    behind.direct.save_event(theirs.clone()).await.unwrap();
    assert!(!save.await.unwrap().unwrap().was_repeated());
    let stored = behind.direct.get_events(&id, Version::ZERO).await.unwrap();
    assert_eq!(stored, [ours, theirs]);
}

#[tokio::test]
async fn a_snapshot_whose_acknowledgement_was_lost_is_saved() {
    let behind = behind_a_proxy("lost-snap", 10 * SECOND).await;
    let id = actor("order-1");
    behind.proxy.faults.lose_acks.store(1, Ordering::SeqCst);
    let snapshot = ActorSnapshot::new(&id, 1.into(), &"state").unwrap();
    behind.store.save_snapshot(snapshot.clone()).await.unwrap();
    assert_eq!(behind.proxy.faults.lost_acks.load(Ordering::SeqCst), 1);
    assert_eq!(
        behind.direct.latest_snapshot(&id).await.unwrap(),
        Some(snapshot)
    );
}

#[tokio::test]
async fn a_server_gone_in_the_middle_of_a_save_is_indeterminate_until_it_is_saved_again() {
    let behind = behind_a_proxy("gone", SECOND).await;
    let id = actor("order-1");
    let first = event(&id, 1);
    behind.store.save_event(first.clone()).await.unwrap();
    let batch = [event(&id, 2), event(&id, 3)];
    let drafts = [EventDraft::new(&id, "Drafted", &()).unwrap()];
    let commits = [
        Commit::events(batch.clone()).unwrap(),
        Commit::drafts(drafts).unwrap(),
    ];
    for commit in commits {
        behind
            .proxy
            .faults
            .down_after_commit
            .store(true, Ordering::SeqCst);
        let error = behind.store.append(commit.clone()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Indeterminate, "{error}");
        let numbered = error.indeterminate_events().unwrap().to_vec();
        assert_eq!(numbered.len(), commit.len());
        // It was stored, which nobody could know.
        let last = numbered.last().unwrap().version();
        let latest = async || behind.direct.latest_version(&id).await.unwrap() == last;
        eventually("the commit reaches the server", latest).await;

        behind.proxy.set_down(false);
        let connected = async || {
            let state = behind.store.client().connection_state();
            state == async_nats::connection::State::Connected
        };
        eventually("the client connects again", connected).await;
        let again = behind.store.save_events(numbered.clone()).await.unwrap();
        assert!(again.was_repeated());
        assert_eq!(again.version(), last);
    }
    assert_eq!(messages(&behind.direct).await, 3);
}

#[tokio::test]
async fn a_server_that_is_gone_before_a_call_is_unavailable_and_nothing_is_stored() {
    let behind = behind_a_proxy("away", SECOND).await;
    let id = actor("order-1");
    behind.proxy.set_down(true);
    let disconnected = async || {
        let state = behind.store.client().connection_state();
        state != async_nats::connection::State::Connected
    };
    eventually("the client sees that the server is gone", disconnected).await;
    let snapshot = ActorSnapshot::new(&id, 1.into(), &()).unwrap();
    let started = Instant::now();
    let errors = [
        behind.store.save_event(event(&id, 1)).await.unwrap_err(),
        behind
            .store
            .get_events(&id, Version::ZERO)
            .await
            .unwrap_err(),
        behind.store.latest_version(&id).await.unwrap_err(),
        behind.store.save_snapshot(snapshot).await.unwrap_err(),
        behind.store.latest_snapshot(&id).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), Kind::Unavailable, "{error}");
        assert!(error.is_retryable());
    }
    assert!(started.elapsed() < 10 * SECOND);
    assert_eq!(messages(&behind.direct).await, 0);
}

#[tokio::test]
async fn a_read_goes_on_where_it_was_when_the_connection_is_cut() {
    const COUNT: u32 = 700;
    let behind = behind_a_proxy("cut", 10 * SECOND).await;
    let id = actor("order-1");
    let events: Vec<Event> = (1..=COUNT)
        .map(|v| event_with(&id, v, &"x".repeat(2_000)))
        .collect();
    for event in &events {
        behind.direct.save_event(event.clone()).await.unwrap();
    }
    let mut stream = behind.store.events(&id, Version::ZERO);
    let mut read = Vec::new();
    while let Some(recorded) = stream.next().await {
        read.push(recorded.unwrap().into_event());
        if read.len() % 150 == 0 {
            behind.proxy.cut();
        }
    }
    assert_eq!(read, events);
}

#[tokio::test]
async fn a_reader_who_takes_longer_than_the_deadline_has_it_whole_for_each_fault() {
    const COUNT: u32 = 600;
    let behind = behind_a_proxy("slow", SECOND / 2).await;
    let id = actor("order-1");
    for version in 1..=COUNT {
        let event = event_with(&id, version, &"x".repeat(2_000));
        behind.direct.save_event(event).await.unwrap();
    }
    let mut stream = behind.store.events(&id, Version::ZERO);
    let mut read = 0;
    while let Some(recorded) = stream.next().await {
        read += 1;
        assert_eq!(recorded.unwrap().event().version(), Version::from(read));
        if read == 100 {
            // What the reader does with an event takes a while; then the connection is cut.
            tokio::time::sleep(SECOND).await;
            behind.proxy.cut();
        }
    }
    assert_eq!(read, COUNT);
}

#[tokio::test]
async fn a_subscription_that_drops_messages_does_not_make_a_hole() {
    const COUNT: u32 = 600;
    let streams = Streams::new("narrow");
    let options = async_nats::ConnectOptions::new().subscription_capacity(16);
    let client = options.connect(&streams.url).await.unwrap();
    let config = streams.config().request_timeout(SECOND / 5);
    let store = JetStreamStore::with_client(client, config).await.unwrap();
    let id = actor("order-1");
    for version in 1..=COUNT {
        store.save_event(event(&id, version)).await.unwrap();
    }
    let read: Vec<_> = store
        .events(&id, Version::ZERO)
        .try_collect()
        .await
        .unwrap();
    let versions: Vec<u64> = read.iter().map(|r| r.event().version().get()).collect();
    assert_eq!(versions, (1..=u64::from(COUNT)).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_closed_connection_is_said_to_be_closed() {
    let streams = Streams::new("closed");
    let store = streams.store().await;
    let id = actor("order-1");
    store.client().drain().await.unwrap();
    let closed = async || {
        let error = store.latest_version(&id).await.err();
        error.is_some_and(|error| error.kind() == Kind::Closed)
    };
    eventually("the connection is closed", closed).await;
    let error = store.save_event(event(&id, 1)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Closed, "{error}");
}
