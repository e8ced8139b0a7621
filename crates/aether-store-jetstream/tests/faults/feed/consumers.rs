//! Reads leave no consumer, and feeds only as long as they are read.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use aether_core::{
    ActorId, EventFeed as _, EventFilter, EventStore as _, EventStoreExt as _, FeedItem, FeedStart,
    FeedStream, Version,
};
use aether_store_jetstream::async_nats::jetstream;
use futures_util::StreamExt as _;
use futures_util::future::join_all;

use super::fill;
use crate::SECOND;
use crate::support::feed::{
    all_of, consumers, everything, next_event, no_consumer_is_left, remove_consumers,
    until_caught_up,
};
use crate::support::{Streams, actor, event, event_with, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_that_is_dropped_at_any_point_leaves_no_consumer() {
    let streams = Streams::new("feed-dropped");
    let store = streams.store().await;
    fill(&store, 200).await;
    let all = everything(&store).await.len();
    for taken in [0, 1, 2, 150, all, all + 1] {
        let mut feed = all_of(&store);
        for _ in 0..taken {
            feed.next().await.unwrap().unwrap();
        }
        drop(feed);
    }
    no_consumer_is_left(&store).await;
    // While it begins, and while it waits.
    for micros in (0..4_000).step_by(100) {
        for start in [FeedStart::Beginning, FeedStart::Now] {
            let mut feed = store.feed(start, EventFilter::all().category("order"));
            let limit = Duration::from_micros(micros);
            drop(tokio::time::timeout(limit, feed.next()).await);
        }
    }
    no_consumer_is_left(&store).await;
}

#[test]
fn a_feed_that_is_dropped_outside_of_its_runtime_leaves_no_consumer() {
    let runtime = crate::support::runtime();
    let streams = Streams::new("feed-outside");
    let (store, feed) = runtime.block_on(async {
        let store = streams.store().await;
        let mut feed = all_of(&store);
        until_caught_up(&mut feed).await;
        assert_eq!(consumers(&store).await, 1);
        (store, feed)
    });
    std::thread::spawn(move || drop(feed)).join().unwrap();
    runtime.block_on(no_consumer_is_left(&store));
    // And when the runtime itself is gone there is nobody to panic.
    let feed = runtime.block_on(async {
        let mut feed = all_of(&store);
        until_caught_up(&mut feed).await;
        feed
    });
    drop(runtime);
    drop(feed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_replays_at_once_make_no_consumer() {
    let streams = Streams::new("replays");
    let store = streams.store().await;
    let id = actor("order-1");
    for version in 1..=5 {
        store
            .save_event(event_with(&id, version, &"x"))
            .await
            .unwrap();
    }
    let jetstream = jetstream::new(store.client().clone());
    let stream = jetstream.get_stream(store.events_stream()).await.unwrap();
    let replays = join_all((0..2_000).map(|_| {
        let mut events = store.events(&id, Version::ZERO);
        async move {
            events.next().await.unwrap().unwrap();
            // Dropped here, with more to come.
        }
    }));
    let counting = async {
        let mut most = 0;
        for _ in 0..10 {
            let info = stream.get_info().await.unwrap();
            most = most.max(info.state.consumer_count);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        most
    };
    let (_, most) = tokio::join!(replays, counting);
    assert_eq!(most, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_long_replays_at_once_make_few_consumers_and_leave_none() {
    const COMMITS: u32 = 600;
    let streams = Streams::new("long-replays");
    // All of them together are much for a small machine.
    let config = streams.config().request_timeout(10 * SECOND);
    let store = streams.store_with(config.deadline(60 * SECOND)).await;
    let id = actor("order-1");
    for version in 1..=COMMITS {
        store.save_event(event(&id, version)).await.unwrap();
    }
    let replays = (0..40).map(|n| {
        let mut events = store.events(&id, Version::ZERO);
        // Every third is dropped on the way.
        let wanted = if n % 3 == 0 { 100 } else { COMMITS };
        tokio::spawn(async move {
            for version in 1..=wanted {
                let recorded = events.next().await.unwrap().unwrap();
                assert_eq!(recorded.event().version(), version.into());
            }
        })
    });
    let replays: Vec<_> = replays.collect();
    let mut most = 0;
    while !replays.iter().all(tokio::task::JoinHandle::is_finished) {
        most = most.max(consumers(&store).await);
    }
    for replay in replays {
        replay.await.unwrap();
    }
    assert!((1..=16).contains(&most), "{most} consumers");
    no_consumer_is_left(&store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_thousand_events_a_reader_that_pauses_holds_few_and_gets_all() {
    const EVENTS: usize = 100_000;
    let streams = Streams::new("feed-paused");
    let store = streams.store().await;
    let mut feed = all_of(&store);
    until_caught_up(&mut feed).await;
    // One is waited for, so that more have been asked for.
    let first = event_with(&actor("account-1"), 1, &"x");
    let (seen, saved) = tokio::join!(next_event(&mut feed), store.save_event(first));
    let mut seen = vec![seen];
    saved.unwrap();
    let saves = (0..10).map(|n| {
        let store = store.clone();
        async move {
            let id = actor(&format!("order-{n}"));
            for first in (0..1_000).map(|commit| commit * 10 + 1) {
                let events = (first..first + 10).map(|v| event_with(&id, v, &"x".repeat(100)));
                store.save_events(events.collect::<Vec<_>>()).await.unwrap();
            }
        }
    });
    join_all(saves).await;
    // It has been given at most what it had asked for, although nobody has read that.
    let jetstream = jetstream::new(store.client().clone());
    let stream = jetstream.get_stream(store.events_stream()).await.unwrap();
    let name = stream.consumer_names().next().await.unwrap().unwrap();
    let info = stream.consumer_info(&name).await.unwrap();
    let given = info.delivered.consumer_sequence;
    assert!(given > 0 && given <= 2_000, "{given} messages were given");
    assert!(info.num_pending >= 8_000, "{} are left", info.num_pending);
    // It is so slow that the server has removed its consumer.
    remove_consumers(&store).await;
    while seen.len() < EVENTS + 1 {
        match feed.next().await.unwrap().unwrap() {
            FeedItem::Event(recorded) => seen.push(recorded),
            FeedItem::CaughtUp => panic!("it had caught up before"),
        }
    }
    assert!(seen == everything(&store).await);
    let more = tokio::time::timeout(SECOND / 10, feed.next()).await;
    assert!(more.is_err(), "more than was stored: {more:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_messages_come_one_by_one() {
    let streams = Streams::new("feed-large");
    let store = streams.store().await;
    let id = actor("order-1");
    // The largest are larger than all that is asked for at once.
    for (version, size) in (1..=30).zip([10, 500_000, 900_000, 1_000_000].into_iter().cycle()) {
        let event = event_with(&id, version, &"x".repeat(size));
        store.save_event(event).await.unwrap();
    }
    let mut feed = all_of(&store);
    let started = std::time::Instant::now();
    let (seen, _) = until_caught_up(&mut feed).await;
    assert_eq!(seen.len(), 30);
    assert!(started.elapsed() < 5 * SECOND, "it waited in between");
    eventually("one consumer is there", async || {
        consumers(&store).await == 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_million_events_come_through_a_feed_once_and_in_order() {
    const ACTORS: u32 = 20;
    const COMMITS: u32 = 500;
    const EVENTS: u32 = 100;
    let streams = Streams::new("feed-million");
    let store = streams.store().await;
    // A feed that was there before, and one that begins when all is stored.
    let early = tokio::spawn(sum(all_of(&store)));
    let saves = (0..ACTORS).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            let id = actor(&format!("order-{n}"));
            let mut sum = Sum::default();
            for commit in 0..COMMITS {
                let first = commit * EVENTS + 1;
                let events = (first..first + EVENTS).map(|version| event(&id, version));
                let events: Vec<_> = events.collect();
                for event in &events {
                    sum.add(event);
                }
                store.save_events(events).await.unwrap();
            }
            sum
        })
    });
    let mut stored = Sum::default();
    for saved in join_all(saves).await {
        stored.merge(&saved.unwrap());
    }
    assert_eq!(stored.count, u64::from(ACTORS * COMMITS * EVENTS));
    let late = sum(all_of(&store)).await;
    assert_eq!(late, stored);
    assert_eq!(early.await.unwrap(), stored);
}

/// How many events there were, and a sum over their ids that does not depend on their order.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sum {
    count: u64,
    ids: u64,
}

impl Sum {
    fn add(&mut self, event: &aether_core::Event) {
        let mut hasher = DefaultHasher::new();
        (event.id().as_str(), event.version().get()).hash(&mut hasher);
        self.count += 1;
        self.ids = self.ids.wrapping_add(hasher.finish());
    }

    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.ids = self.ids.wrapping_add(other.ids);
    }
}

/// Reads a million events, and checks that positions rise and that no actor's version is left out.
async fn sum(mut feed: FeedStream) -> Sum {
    let mut sum = Sum::default();
    let mut versions: HashMap<ActorId, Version> = HashMap::new();
    let mut last = None;
    while sum.count < 1_000_000 {
        let FeedItem::Event(recorded) = feed.next().await.unwrap().unwrap() else {
            continue;
        };
        assert!(last < Some(recorded.position()));
        last = Some(recorded.position());
        let event = recorded.event();
        let version = versions.entry(event.actor_id().clone()).or_default();
        assert_eq!(Some(event.version()), version.next());
        *version = event.version();
        sum.add(event);
    }
    sum
}
