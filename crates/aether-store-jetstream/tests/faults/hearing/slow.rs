//! Readers that are slower than what is stored.

use aether_core::{EventDraft, EventFilter, EventStore as _, EventStoreExt as _, FeedStart};
use aether_store_jetstream::JetStreamStore;
use aether_store_jetstream::async_nats::ConnectOptions;

use crate::SECOND;
use crate::support::hearing::{
    By, Healed, all_passing, events, filled, listening, next_gap, sending_store,
};
use crate::support::{Streams, actor, event};

/// What the client's buffer holds.
const CAPACITY: usize = 8;

/// A store with a small buffer for each subscription.
async fn small(streams: &Streams) -> JetStreamStore {
    let options = ConnectOptions::new().subscription_capacity(CAPACITY);
    let builder = JetStreamStore::builder(streams.config());
    builder.connect_with(&streams.url, options).await.unwrap()
}

#[tokio::test]
async fn a_reader_that_is_too_slow_for_its_buffer_is_told_of_the_gap_and_fills_it() {
    let streams = Streams::new("slow");
    let store = sending_store(&streams).await;
    let slow = small(&streams).await;
    for filter in [
        EventFilter::all(),
        EventFilter::all().actor(actor("order-1")),
        EventFilter::all().category("order"),
    ] {
        let id = actor("order-1");
        let before = all_passing(&store, EventFilter::all()).await.len();
        let (mut heard, _) = listening(&slow, filter).await;
        let version = u32::try_from(before).unwrap();
        // Nobody reads meanwhile.
        for version in version + 1..=version + 50 {
            store.save_event(event(&id, version)).await.unwrap();
        }
        // All that was sent has arrived before the answer does.
        slow.latest_version(&actor("nobody")).await.unwrap();
        let all = all_passing(&store, EventFilter::all()).await;
        let mut seen = events(&mut heard, CAPACITY).await;
        assert_eq!(seen, all[before..before + CAPACITY]);
        store.save_event(event(&id, version + 51)).await.unwrap();
        let gap = next_gap(&mut heard).await;
        assert_eq!(gap.start, FeedStart::After(seen[CAPACITY - 1].position()));
        seen.extend(filled(&slow, gap).await);
        seen.extend(events(&mut heard, 1).await);
        let all = all_passing(&store, EventFilter::all()).await;
        assert_eq!(seen, all[before..]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_slower_than_the_writers_loses_nothing_where_gaps_are_filled() {
    let streams = Streams::new("slower");
    let store = sending_store(&streams).await;
    let slow = small(&streams).await;
    // With a buffer as small a feed would take long.
    let healed = Healed::with(&slow, &store, EventFilter::all(), By::Checkpoint).await;
    let writers = (0..20).map(|n| {
        let store = store.clone();
        async move {
            let id = actor(&format!("order-{n}"));
            for version in 1..=100 {
                store.save_event(event(&id, version)).await.unwrap();
            }
        }
    });
    futures_util::future::join_all(writers).await;
    // The last of all is lost as easily, and shows at the next one.
    let mut saved = 20 * 100;
    loop {
        let draft = EventDraft::new(&actor("last"), "Last", &()).unwrap();
        store.append_next([draft]).await.unwrap();
        saved += 1;
        let heard = tokio::time::timeout(SECOND, healed.has(saved));
        if heard.await.is_ok() {
            break;
        }
    }
    assert!(healed.gaps() > 0, "it was fast enough");
    healed.has_all_of(&store, EventFilter::all()).await;
}
