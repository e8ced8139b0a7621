//! Feeds and replays while the stream's leader is paused or killed, and where a follower lags.

use aether_core::{
    EventFeed as _, EventFilter, EventStore as _, EventStoreExt as _, FeedStart, Version,
};
use aether_store_jetstream::{JetStreamConfig, JetStreamStore};

use crate::SECOND;
use crate::leader::Stores;
use crate::support::cluster::Cluster;
use crate::support::feed::{Watched, all_of, until_caught_up};
use crate::support::load::{Load, Plan};
use crate::support::proxy::Proxy;
use crate::support::{actor, event};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn feeds_give_each_event_once_though_leaders_are_killed_and_paused() {
    let mut cluster = Cluster::start().await;
    let config = JetStreamConfig::new("feed-leaders")
        .replicas(3)
        .request_timeout(SECOND / 2)
        .deadline(30 * SECOND);
    let stores = Stores::connect(&cluster, &config).await;
    let stream = stores.stores[0].events_stream().to_owned();
    let mut feeds: Vec<_> = stores
        .stores
        .iter()
        .map(|s| Watched::start(all_of(s)))
        .collect();
    let mut load = Load::start(&stores.stores, &Plan::new(5));
    for round in 0..4 {
        load.goes_on(60).await;
        let leader = cluster.lose_leader(&stream, round).await;
        feeds.push(Watched::start(all_of(&stores.stores[(leader + 1) % 3])));
        load.goes_on(60).await;
        cluster.bring_back(leader, round).await;
    }
    let books = load.stop().await;
    let fresh = JetStreamStore::connect(&cluster.url(), config)
        .await
        .unwrap();
    books.check(&fresh).await;
    for feed in feeds {
        feed.gives_all_of(&fresh).await;
    }
    println!("{books}");
}

/// The consumer of a feed may be on a server that is behind: then it comes later, and is whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_has_not_caught_up_before_it_has_given_what_a_follower_lags_behind() {
    let cluster = Cluster::start().await;
    let config = JetStreamConfig::new("feed-lags")
        .replicas(3)
        .request_timeout(SECOND / 2)
        .deadline(5 * SECOND);
    let stores = Stores::connect(&cluster, &config).await;
    let stream = stores.stores[0].events_stream().to_owned();
    let id = actor("order-1");
    let leader = cluster.leader_of(&stream).await;
    let lagging = (leader + 1) % 3;
    for round in 0..5 {
        cluster.servers[lagging].pause();
        for version in round * 40 + 1..=round * 40 + 40 {
            stores.stores[leader]
                .save_event(event(&id, version))
                .await
                .unwrap();
        }
        cluster.servers[lagging].resume();
        // On every server at once, while one of them hears of what it has missed.
        let counts = stores.stores.iter().map(|store| async move {
            let (seen, reports) = until_caught_up(&mut all_of(store)).await;
            assert!(reports.is_empty(), "{reports:?}");
            seen.len()
        });
        let counts = futures_util::future::join_all(counts).await;
        assert_eq!(counts, [round as usize * 40 + 40; 3]);
    }
}

/// A direct get is answered by the server that one is connected to, if it has the stream.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_that_lags_behind_does_not_shorten_a_history_that_is_read_through_it() {
    let cluster = Cluster::start().await;
    let config = JetStreamConfig::new("reads-lag")
        .replicas(3)
        .request_timeout(SECOND / 2)
        .deadline(10 * SECOND);
    let stores = Stores::connect(&cluster, &config).await;
    let stream = stores.stores[0].events_stream().to_owned();
    let id = actor("order-1");
    let leader = cluster.leader_of(&stream).await;
    let lagging = (leader + 1) % 3;
    let through = &stores.stores[lagging];
    for round in 0..6 {
        cluster.servers[lagging].pause();
        for version in round * 20 + 1..=round * 20 + 20 {
            let saved = stores.stores[leader].save_event(event(&id, version)).await;
            saved.unwrap();
        }
        cluster.servers[lagging].resume();
        // While it hears of what it has missed.
        let latest = round * 20 + 20;
        let read = through.get_events(&id, Version::ZERO).await.unwrap();
        assert_eq!(read.len() as u64, u64::from(latest));
        let late = through.get_events(&id, (latest - 15).into()).await.unwrap();
        assert_eq!(late.len(), 16);
        assert_eq!(through.latest_version(&id).await.unwrap(), latest.into());
    }
}

/// Servers of a cluster compare what they are asked for again with what they were asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_whose_creation_was_not_heard_of_is_asked_for_again() {
    let cluster = Cluster::start().await;
    let proxy = Proxy::before(cluster.servers[0].url()).await;
    let config = JetStreamConfig::new("feed-unheard")
        .replicas(3)
        .request_timeout(SECOND)
        .deadline(10 * SECOND);
    let store = JetStreamStore::connect(&proxy.url, config).await.unwrap();
    let id = actor("order-1");
    store.save_event(event(&id, 1)).await.unwrap();
    for filter in [EventFilter::all(), EventFilter::all().category("order")] {
        let mut lost = 0;
        proxy.sift(move |frame| {
            let said = frame
                .windows(24)
                .any(|part| part == b"consumer_create_response");
            lost += usize::from(said);
            !said || lost > 1
        });
        let mut feed = store.feed(FeedStart::Beginning, filter);
        let (seen, _) = until_caught_up(&mut feed).await;
        assert_eq!(seen.len(), 1);
    }
}
