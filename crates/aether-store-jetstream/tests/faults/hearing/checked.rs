//! A listener to whom nothing comes any more, on a connection that lives.

use aether_core::{EventFilter, EventStoreExt as _, StoreErrorKind as Kind};
use aether_store_jetstream::JetStreamStore;
use aether_store_jetstream::async_nats::jetstream::stream::Config;
use futures_util::{FutureExt as _, StreamExt as _};

use super::cut::{behind, lose, save};
use super::streams::{change, jetstream_of};
use crate::support::hearing::{
    all_passing, end_of, filled, listening, next_event, next_gap, sending_store,
};
use crate::support::server::Server;
use crate::support::{Streams, actor, event};
use crate::{SECOND, misconfigured};

fn filters() -> [EventFilter; 3] {
    let all = EventFilter::all;
    [
        all(),
        all().category("order"),
        all().actor(actor("order-1")),
    ]
}

/// One that asks every few seconds.
async fn impatient(streams: &Streams) -> JetStreamStore {
    let config = streams.config().request_timeout(SECOND / 2);
    streams.store_with(config.deadline(SECOND)).await
}

#[tokio::test]
async fn a_stream_that_sends_no_more_ends_a_subscription_though_nothing_comes() {
    let changes: [fn(&mut Config); 2] = [
        |config| config.republish = None,
        |config| config.republish.as_mut().unwrap().headers_only = true,
    ];
    for changed in changes {
        let streams = Streams::new("heard-no-more");
        let direct = sending_store(&streams).await;
        let store = impatient(&streams).await;
        let mut subscriptions = Vec::new();
        for filter in filters() {
            subscriptions.push(listening(&store, filter).await.0);
        }
        save(&direct, "order-1", 1..=1).await;
        for heard in &mut subscriptions {
            next_event(heard).await;
        }
        change(&jetstream_of(&direct), &streams.base, changed).await;
        save(&direct, "order-1", 2..=2).await;
        for heard in &mut subscriptions {
            let error = end_of(heard).await;
            let what = format!("republish of stream {:?}", streams.base);
            assert_eq!(misconfigured(&error), what, "{error}");
        }
    }
}

#[tokio::test]
async fn a_stream_that_is_made_anew_and_does_not_send_ends_a_subscription() {
    let streams = Streams::new("heard-dumb");
    let direct = sending_store(&streams).await;
    let store = impatient(&streams).await;
    let mut subscriptions = Vec::new();
    for filter in filters() {
        subscriptions.push(listening(&store, filter).await.0);
    }
    let jetstream = jetstream_of(&direct);
    jetstream.delete_stream(&streams.base).await.unwrap();
    save(&streams.store().await, "order-1", 1..=1).await;
    for heard in &mut subscriptions {
        let error = end_of(heard).await;
        assert_eq!(error.kind(), Kind::PositionLost, "{error}");
    }
}

#[tokio::test]
async fn a_stream_that_is_deleted_ends_a_subscription() {
    let streams = Streams::new("heard-deleted");
    let direct = sending_store(&streams).await;
    let store = impatient(&streams).await;
    let mut subscriptions = Vec::new();
    for filter in filters() {
        subscriptions.push(listening(&store, filter).await.0);
    }
    let jetstream = jetstream_of(&direct);
    jetstream.delete_stream(&streams.base).await.unwrap();
    for heard in &mut subscriptions {
        let error = end_of(heard).await;
        let what = format!("stream {:?}", streams.base);
        assert_eq!(misconfigured(&error), what, "{error}");
    }
}

#[tokio::test]
async fn a_last_message_that_is_lost_is_missed_though_nothing_follows() {
    let behind = behind("lost-last", SECOND).await;
    let direct = &behind.direct;
    lose(&behind, &[b"Nats-Sequence: 2\r\n"]);
    let mut subscriptions = Vec::new();
    for filter in filters() {
        subscriptions.push(listening(&behind.store, filter).await.0);
    }
    save(direct, "order-1", 1..=2).await;
    save(direct, "account-1", 1..=1).await;
    let all = all_passing(direct, EventFilter::all()).await;
    let (whole, parts) = subscriptions.split_first_mut().unwrap();
    assert_eq!(next_event(whole).await, all[0]);
    let gap = next_gap(whole).await;
    assert_eq!(gap.before.sequence(), 3);
    assert_eq!(filled(&behind.store, gap).await, all[1..2]);
    assert_eq!(next_event(whole).await, all[2]);
    for heard in parts {
        assert_eq!(next_event(heard).await, all[0]);
        let gap = next_gap(heard).await;
        assert_eq!(gap.before.sequence(), 3);
        assert_eq!(filled(&behind.store, gap).await, all[1..2]);
    }
    // It is said once, and what comes then is heard.
    behind.proxy.sift(|_| true);
    save(direct, "order-1", 3..=3).await;
    for heard in &mut subscriptions {
        assert_eq!(next_event(heard).await.event().version(), 3.into());
        assert!(heard.next().now_or_never().is_none());
    }
}

/// The server says of no subscription which one it is, and the connection lives on.
#[tokio::test]
async fn a_listener_whom_the_server_has_no_room_for_is_told_that_he_is_deaf() {
    let files = tempfile::TempDir::new().unwrap();
    let file = files.path().join("nats-server.conf");
    std::fs::write(&file, "max_subscriptions: 2").unwrap();
    let server = Server::start_with(&["-c", file.to_str().unwrap()]).await;
    let config = aether_store_jetstream::JetStreamConfig::new("heard-full")
        .republish(true)
        .request_timeout(SECOND / 2)
        .deadline(SECOND);
    let connect = async || {
        let store = JetStreamStore::connect(server.url(), config.clone()).await;
        store.unwrap()
    };
    let direct = connect().await;
    let mut deaf = Vec::new();
    for filter in filters() {
        // The other one is for the answers.
        let store = connect().await;
        let taken = store.client().subscribe("taken").await.unwrap();
        let (heard, _) = listening(&store, filter).await;
        deaf.push((store, taken, heard));
    }
    let saved = event(&actor("order-1"), 1);
    direct.save_event(saved.clone()).await.unwrap();
    for (store, taken, mut heard) in deaf {
        let gap = next_gap(&mut heard).await;
        drop(taken);
        let missed = filled(&store, gap).await;
        assert_eq!(missed.len(), 1);
        assert_eq!(missed[0].event(), &saved);
    }
}
