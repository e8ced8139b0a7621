//! The stream is another one, while somebody listens.

use aether_core::{EventFilter, EventStoreExt as _, Position, StoreError};
use aether_store_jetstream::{JetStreamStore, StoredSubscription};

use futures_util::StreamExt as _;

use super::streams::jetstream_of;
use crate::support::hearing::{end_of, listening, next, next_event, sending_store};
use crate::support::proxy::Proxy;
use crate::support::{Streams, actor, event};
use crate::{SECOND, misconfigured};

/// The end of a subscription to a stream that was made anew: the position and the reason.
async fn lost(heard: &mut StoredSubscription) -> (Position, String) {
    match end_of(heard).await {
        StoreError::PositionLost { position, reason } => (position, reason),
        other => panic!("another error: {other}"),
    }
}

/// The same where nothing is given before it.
async fn lost_at_once(heard: &mut StoredSubscription) -> (Position, String) {
    match next(heard).await {
        Err(StoreError::PositionLost { position, reason }) => (position, reason),
        other => panic!("not its end: {other:?}"),
    }
}

async fn make_anew(streams: &Streams, store: &JetStreamStore) -> JetStreamStore {
    let jetstream = jetstream_of(store);
    jetstream.delete_stream(&streams.base).await.unwrap();
    sending_store(streams).await
}

#[tokio::test]
async fn a_stream_that_is_made_anew_ends_a_subscription_and_its_events_are_not_given() {
    for (saved, heard_before) in [(3, 2), (3, 0), (0, 1), (0, 0)] {
        for filter in [EventFilter::all(), EventFilter::all().category("order")] {
            let streams = Streams::new("heard-remade");
            let store = sending_store(&streams).await;
            let id = actor("order-1");
            for version in 1..=saved {
                store.save_event(event(&id, version)).await.unwrap();
            }
            let (mut heard, _) = listening(&store, filter).await;
            for version in saved + 1..=saved + heard_before {
                store.save_event(event(&id, version)).await.unwrap();
                next_event(&mut heard).await;
            }
            let anew = make_anew(&streams, &store).await;
            // Its sequences begin again: those of the first ones were given before.
            anew.save_event(event(&actor("order-2"), 1)).await.unwrap();
            let (position, reason) = lost_at_once(&mut heard).await;
            assert_eq!(position.sequence(), u64::from(saved + heard_before));
            assert!(reason.contains("made anew"), "{reason}");
        }
    }
}

/// Nothing that comes is in the place of what was heard, of an actor of whom nothing was.
#[tokio::test]
async fn a_stream_that_is_made_anew_and_has_come_farther_is_noticed_by_who_hears_a_part() {
    // And whose commit comes then: in a category of one of whom nothing was heard.
    let filters = [
        (EventFilter::all().category("order"), "order-9"),
        (EventFilter::all().actor(actor("order-2")), "order-2"),
    ];
    for (saved, heard_before) in [(3, 1), (3, 0), (0, 1), (0, 0)] {
        for (filter, comes) in &filters {
            let streams = Streams::new("heard-farther");
            let store = sending_store(&streams).await;
            for version in 1..=saved {
                let id = actor("order-1");
                store.save_event(event(&id, version)).await.unwrap();
            }
            let (mut heard, _) = listening(&store, filter.clone()).await;
            for version in 1..=heard_before {
                let id = actor(&format!("order-{}", 1 + version));
                store.save_event(event(&id, saved + version)).await.unwrap();
                next_event(&mut heard).await;
            }
            // What was compared with the stream just now is believed for a second.
            if heard_before > 0 {
                let quiet = tokio::time::timeout(SECOND, heard.next()).await;
                assert!(quiet.is_err(), "{quiet:?}");
            }
            let anew = make_anew(&streams, &store).await;
            for version in 1..=saved + heard_before {
                let id = actor("account-1");
                anew.save_event(event(&id, version)).await.unwrap();
            }
            anew.save_event(event(&actor(comes), 1)).await.unwrap();
            let (_, reason) = lost_at_once(&mut heard).await;
            assert!(reason.contains("made anew"), "{reason}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_made_anew_while_one_is_cut_off_is_noticed_however_far_it_has_come() {
    for many in [0, 1, 4] {
        for filter in [EventFilter::all(), EventFilter::all().category("order")] {
            let streams = Streams::new("cut-remade");
            let store = sending_store(&streams).await;
            let proxy = Proxy::before(&streams.url).await;
            let behind = JetStreamStore::connect(&proxy.url, streams.config())
                .await
                .unwrap();
            let (mut heard, _) = listening(&behind, filter).await;
            let id = actor("order-1");
            store.save_event(event(&id, 1)).await.unwrap();
            next_event(&mut heard).await;
            proxy.set_down(true);
            let anew = make_anew(&streams, &store).await;
            for version in 1..=many {
                anew.save_event(event(&id, version)).await.unwrap();
            }
            proxy.set_down(false);
            let (_, reason) = lost(&mut heard).await;
            assert!(reason.contains("made anew"), "{reason}");
        }
    }
}

#[tokio::test]
async fn a_stream_that_is_gone_is_said_by_who_begins_to_listen() {
    let streams = Streams::new("heard-gone");
    let store = sending_store(&streams).await;
    let jetstream = jetstream_of(&store);
    jetstream.delete_stream(&streams.base).await.unwrap();
    let mut heard = store.subscribe_stored(EventFilter::all());
    let error = end_of(&mut heard).await;
    assert_eq!(misconfigured(&error), format!("stream {:?}", streams.base));
}
