//! A feed, and a replay, while the server is killed, loses its tail, or can't read what it has.

use aether_core::{
    EventFeed as _, EventFilter, EventStore as _, EventStoreExt as _, FeedStart, FeedStream,
    StoreError, StoreErrorKind as Kind, Version,
};
use aether_store_jetstream::{JetStreamConfig, JetStreamStore};
use futures_util::StreamExt as _;

use crate::files::{Copy, damage_last};
use crate::lost::{SAVED, with_a_lost_tail};
use crate::support::feed::{Watched, all_of, end_of, everything, next_event, until_caught_up};
use crate::support::load::{Load, Plan};
use crate::support::server::Server;
use crate::support::{actor, event, event_with};
use crate::{SECOND, patient_config};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn feeds_give_each_event_once_though_the_server_is_killed_again_and_again() {
    let mut server = Server::start().await;
    let config = JetStreamConfig::new("killed-feed")
        .request_timeout(SECOND / 2)
        .deadline(SECOND);
    let connect = async |config| JetStreamStore::connect(server.url(), config).await.unwrap();
    let stores = [connect(config.clone()).await, connect(config.clone()).await];
    let early = Watched::start(all_of(&stores[0]));
    let filtered = EventFilter::all().actor(actor("load-1"));
    let filtered = Watched::start(stores[1].feed(FeedStart::Beginning, filtered));
    let mut load = Load::start(&stores, &Plan::new(7));
    let mut late = Vec::new();
    for _ in 0..3 {
        load.goes_on(200).await;
        // One that is in its history when the server goes.
        let feed = Watched::start(all_of(&stores[1]));
        feed.has(1).await;
        late.push(feed);
        server.kill();
        tokio::time::sleep(SECOND / 2).await;
        server.restart().await;
    }
    load.goes_on(200).await;
    let books = load.stop().await;
    let fresh = JetStreamStore::connect(server.url(), config).await.unwrap();
    let stored = books.check(&fresh).await;
    println!("{books}, {stored} of them stored");
    let all = early.gives_all_of(&fresh).await;
    for late in late {
        late.gives_all_of(&fresh).await;
    }
    let one = actor("load-1");
    let events = all
        .iter()
        .filter(|recorded| recorded.event().actor_id() == &one);
    filtered.has(events.count()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_in_the_middle_of_a_replay_or_of_a_feed_is_waited_for() {
    let mut server = Server::start().await;
    let store = JetStreamStore::connect(server.url(), patient_config("replay")).await;
    let store = store.unwrap();
    let id = actor("order-1");
    for version in 1..=600 {
        let event = event_with(&id, version, &"x".repeat(4_000));
        store.save_event(event).await.unwrap();
    }
    let mut replay = store.events(&id, Version::ZERO);
    let mut feed = all_of(&store);
    let mut seen = Vec::new();
    for _ in 0..20 {
        seen.push(next_event(&mut feed).await);
        replay.next().await.unwrap().unwrap();
    }
    server.kill();
    let back = async {
        tokio::time::sleep(SECOND / 2).await;
        server.restart().await;
    };
    let rest = async {
        let rest: Vec<_> = replay.collect().await;
        assert_eq!(rest.len(), 580);
        assert!(rest.iter().all(Result::is_ok));
    };
    let ((), (), (more, reports)) = tokio::join!(back, rest, until_caught_up(&mut feed));
    assert!(reports.is_empty(), "{reports:?}");
    seen.extend(more);
    assert!(seen == everything(&store).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_tail_whose_sequences_were_used_again_is_the_end_of_feeds_that_had_seen_it() {
    let mut server = Server::start().await;
    let store = JetStreamStore::connect(server.url(), patient_config("lost-feed")).await;
    let store = store.unwrap();
    let id = actor("order-1");
    for version in 1..=3 {
        store.save_event(event(&id, version)).await.unwrap();
    }
    server.stop();
    let copy = Copy::of(&server);
    server.restart().await;
    for version in 4..=6 {
        store.save_event(event(&id, version)).await.unwrap();
    }
    let mut feed = all_of(&store);
    let (seen, _) = until_caught_up(&mut feed).await;
    server.stop();
    copy.restore(&server);
    server.restart().await;
    // By somebody else, who fills the places and goes on.
    let others = JetStreamStore::connect(server.url(), patient_config("lost-feed")).await;
    let others = others.unwrap();
    for version in 1..=6 {
        others
            .save_event(event(&actor("order-2"), version))
            .await
            .unwrap();
    }
    let error = end_of(&mut feed).await;
    let StoreError::PositionLost { position, reason } = error else {
        panic!("another error: {error}");
    };
    assert_eq!(position, seen[5].position());
    assert!(reason.contains("has lost its end"), "{reason}");
    // What was not lost can be gone on from, and what was can't.
    for (n, recorded) in seen.iter().enumerate() {
        let start = FeedStart::After(recorded.position());
        let mut resumed = others.feed(start, EventFilter::all());
        if n < 3 {
            let (rest, _) = until_caught_up(&mut resumed).await;
            assert_eq!(rest.len(), 8 - n);
        } else {
            let error = end_of(&mut resumed).await;
            assert_eq!(error.kind(), Kind::PositionLost, "{error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_gives_what_is_left_after_a_lost_tail_and_what_comes_then() {
    let id = actor("order-1");
    let (_server, warm) = with_a_lost_tail(&id).await;
    let mut feed = all_of(&warm);
    let (seen, _) = until_caught_up(&mut feed).await;
    assert!(seen.len() < SAVED as usize);
    warm.save_event(event(&actor("order-2"), 1)).await.unwrap();
    assert_eq!(
        next_event(&mut feed).await.event().actor_id(),
        &actor("order-2")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_the_server_can_not_read_any_more_is_reported_by_a_feed() {
    const MARK: &str = "here is the damage";
    for filter in [EventFilter::all(), EventFilter::all().category("order")] {
        let mut server = Server::start().await;
        let store = JetStreamStore::connect(server.url(), patient_config("rotten")).await;
        let store = store.unwrap();
        let id = actor("order-1");
        for version in 1..=9 {
            let data = if version == 5 { MARK } else { "fine" };
            store
                .save_event(event_with(&id, version, &data))
                .await
                .unwrap();
        }
        let stream = store.events_stream().to_owned();
        server.stop();
        damage_last(&server, &stream, MARK.as_bytes());
        server.restart().await;
        let fresh = JetStreamStore::connect(server.url(), patient_config("rotten")).await;
        let fresh = fresh.unwrap();
        let mut feed = fresh.feed(FeedStart::Beginning, filter);
        let (seen, reports) = until_caught_up(&mut feed).await;
        assert!(!reports.is_empty());
        // A server may give up what is behind it, too; what it does give is right.
        let versions: Vec<u64> = seen.iter().map(|r| r.event().version().get()).collect();
        assert!(
            !versions.contains(&5) && versions.starts_with(&[1, 2, 3, 4]),
            "{versions:?}"
        );
    }
}

/// A server that has come back without what was stored after `kept` commits of one actor.
async fn without_the_end(
    kept: u32,
    saved: u32,
    look: impl AsyncFnOnce(&JetStreamStore) -> FeedStream,
) -> (Server, JetStreamStore, FeedStream) {
    let mut server = Server::start().await;
    let store = JetStreamStore::connect(server.url(), patient_config("ends")).await;
    let store = store.unwrap();
    let (order, account) = (actor("order-1"), actor("account-1"));
    store.save_event(event(&order, 1)).await.unwrap();
    for version in 1..=kept {
        store.save_event(event(&account, version)).await.unwrap();
    }
    server.stop();
    let copy = Copy::of(&server);
    server.restart().await;
    for version in kept + 1..=saved {
        store.save_event(event(&account, version)).await.unwrap();
    }
    let feed = look(&store).await;
    server.stop();
    copy.restore(&server);
    server.restart().await;
    let others = JetStreamStore::connect(server.url(), patient_config("ends")).await;
    (server, others.unwrap(), feed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filtered_feed_does_not_pass_over_what_took_the_place_of_a_lost_tail() {
    let (_server, others, mut feed) = without_the_end(5, 20, async |store| {
        let orders = EventFilter::all().category("order");
        let mut feed = store.feed(FeedStart::Beginning, orders);
        until_caught_up(&mut feed).await;
        // It has been told that there is nothing else for it up to the end.
        drop(tokio::time::timeout(SECOND, feed.next()).await);
        feed
    })
    .await;
    // In a place that the feed had passed over, and others up to behind where it was.
    let found = actor("order-2");
    others.save_event(event(&found, 1)).await.unwrap();
    for version in 1..=20 {
        others
            .save_event(event(&actor("account-2"), version))
            .await
            .unwrap();
    }
    assert_eq!(next_event(&mut feed).await.event().actor_id(), &found);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_from_now_notices_a_lost_tail() {
    let (_server, others, mut feed) = without_the_end(5, 20, async |store| {
        let mut feed = store.feed(FeedStart::Now, EventFilter::all());
        until_caught_up(&mut feed).await;
        drop(tokio::time::timeout(SECOND / 10, feed.next()).await);
        feed
    })
    .await;
    for version in 1..=30 {
        others
            .save_event(event(&actor("account-2"), version))
            .await
            .unwrap();
    }
    let error = end_of(&mut feed).await;
    assert_eq!(error.kind(), Kind::PositionLost, "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_catches_up_though_the_end_that_it_began_with_is_lost() {
    let (_server, _others, mut feed) = without_the_end(2_000, 2_100, async |store| {
        let mut feed = all_of(store);
        next_event(&mut feed).await;
        feed
    })
    .await;
    let (seen, _) = until_caught_up(&mut feed).await;
    assert!(seen.len() >= 2_000, "{}", seen.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_asks_for_no_more_at_once_than_the_server_allows() {
    let files = tempfile::TempDir::new().unwrap();
    let file = files.path().join("nats-server.conf");
    std::fs::write(&file, "jetstream { limits { max_request_batch: 50 } }").unwrap();
    let server = Server::start_with(&["-c", file.to_str().unwrap()]).await;
    let store = JetStreamStore::connect(server.url(), patient_config("limited")).await;
    let store = store.unwrap();
    for version in 1..=700 {
        store
            .save_event(event(&actor("order-1"), version))
            .await
            .unwrap();
    }
    assert_eq!(everything(&store).await.len(), 700);
    let read = store.get_events(&actor("order-1"), Version::ZERO).await;
    assert_eq!(read.unwrap().len(), 700);
}
