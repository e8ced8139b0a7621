//! Nodes that are gone.

use std::time::Duration;

use aether_bus::{BusError, NatsEventBus, Subscribe, SubscriptionEnd};
use aether_core::EventBroadcaster as _;

use crate::nats::{nats_url, node, unique_prefix};
use crate::proxy::Proxy;
use crate::support::{SHOP, Said, event, expect, next, said, versions};
use crate::{PATIENCE, Tally};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_node_has_sent_last_nobody_knows() {
    let (prefix, proxy) = (unique_prefix(), Proxy::before(&nats_url()).await);
    let listener = node(&nats_url(), &prefix).await;
    let mut heard = listener.subscribe(Subscribe::to(&SHOP)).await.unwrap();
    let mut elsewhere = listener
        .subscribe(Subscribe::to(crate::support::namespace("bank")))
        .await
        .unwrap();
    let bus = node(&proxy.url, &prefix).await;
    bus.publish(&SHOP, event(1)).await.unwrap();
    expect(&mut heard, &[Said::Event(1)]).await;
    crate::acquainted(&listener, 1).await;
    // Nothing of it gets through any more, not even that it is gone.
    proxy.set_down(true);
    expect(&mut heard, &[Said::Unknown]).await;
    // It may have published there, too.
    expect(&mut elsewhere, &[Said::Unknown]).await;
    assert_eq!(listener.stats().nodes, 0);
    // One that was only away goes on where it was.
    proxy.set_down(false);
    until_connected(&bus).await;
    bus.publish(&SHOP, event(2)).await.unwrap();
    expect(&mut heard, &[Said::Event(2)]).await;
}

async fn until_connected(bus: &NatsEventBus) {
    use aether_bus::async_nats::connection::State;
    crate::until("it does not connect", || {
        bus.client().connection_state() == State::Connected
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_dropped_is_missed_and_one_that_stops_is_not() {
    let prefix = unique_prefix();
    let listener = node(&nats_url(), &prefix).await;
    let mut heard = listener.subscribe(Subscribe::to(&SHOP)).await.unwrap();
    let stays = node(&nats_url(), &prefix).await;
    let stops = node(&nats_url(), &prefix).await;
    stops.publish(&SHOP, event(1)).await.unwrap();
    expect(&mut heard, &[Said::Event(1)]).await;
    stops.stop().await;
    crate::until("it is heard", || listener.stats().nodes == 1).await;
    // Longer than it takes to miss one.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    stays.publish(&SHOP, event(2)).await.unwrap();
    expect(&mut heard, &[Said::Event(2)]).await;
    drop(stays);
    expect(&mut heard, &[Said::Unknown]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_publishes_while_a_node_stops_all_that_was_answered_comes() {
    let prefix = unique_prefix();
    let listener = node(&nats_url(), &prefix).await;
    let mut heard = listener
        .subscribe(Subscribe::to(&SHOP).capacity(1_000_000))
        .await
        .unwrap();
    let bus = node(&nats_url(), &prefix).await;
    let mut near = bus
        .subscribe(Subscribe::to(&SHOP).capacity(1_000_000))
        .await
        .unwrap();
    let publishing: Vec<_> = (0..8)
        .map(|_| {
            let bus = bus.clone();
            tokio::spawn(async move {
                let mut sent = 0_u64;
                loop {
                    match bus.publish(&SHOP, event(1)).await {
                        Ok(_) => sent += 1,
                        Err(error) => {
                            assert_eq!(error, BusError::Stopped);
                            return sent;
                        }
                    }
                }
            })
        })
        .collect();
    Tally::default().until(&mut heard, 2_000).await;
    bus.stop().await;
    let mut sent = 0;
    for publishing in publishing {
        sent += publishing.await.unwrap();
    }
    // What had not come when it was counted, and nothing more than was answered.
    let tally = Tally {
        received: 2_000,
        ..Tally::default()
    };
    let tally = tally.until(&mut heard, sent).await;
    assert_eq!((tally.received, tally.missed, tally.unknown), (sent, 0, 0));
    let near = versions(&mut near).await.len() as u64;
    // One that was handed to the connection when the bus stopped may have come too late here.
    assert!(near <= sent && near + 8 >= sent, "{near} of {sent}");
    assert!(bus.broadcast(&SHOP, &event(1)).is_err());
    drop(listener);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_connection_ends_subscriptions_with_a_gap() {
    let prefix = unique_prefix();
    let bus = node(&nats_url(), &prefix).await;
    let mut heard = bus.subscribe(Subscribe::to(&SHOP)).await.unwrap();
    // Others, each of which has a listener of its own.
    let mut others = Vec::new();
    for name in ["bank", "depot", "office"] {
        let asked = Subscribe::to(crate::support::namespace(name));
        others.push(bus.subscribe(asked).await.unwrap());
    }
    bus.publish(&SHOP, event(1)).await.unwrap();
    bus.client().drain().await.unwrap();
    expect(&mut heard, &[Said::Event(1), Said::Unknown, Said::End]).await;
    assert_eq!(heard.end(), Some(SubscriptionEnd::Closed));
    for other in &mut others {
        expect(other, &[Said::Unknown, Said::End]).await;
    }
    let failed = tokio::time::timeout(PATIENCE, bus.subscribe(Subscribe::to(&SHOP))).await;
    assert!(failed.unwrap().is_err());
    let published = bus.publish(&SHOP, event(2)).await;
    assert!(published.is_err(), "{published:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_subscribers_on_a_node_get_each_event_once() {
    const MANY: usize = 10_000;
    let prefix = unique_prefix();
    let listener = node(&nats_url(), &prefix).await;
    let subscribing = (0..MANY).map(|_| listener.subscribe(Subscribe::to(&SHOP)));
    let subscribing = futures_util::future::join_all(subscribing);
    let subscriptions = tokio::time::timeout(PATIENCE, subscribing).await.unwrap();
    let bus = node(&nats_url(), &prefix).await;
    assert_eq!(listener.subscribers(&SHOP), MANY);
    for version in 1..=3 {
        bus.publish(&SHOP, event(version)).await.unwrap();
    }
    let mut subscriptions: Vec<_> = subscriptions.into_iter().map(Result::unwrap).collect();
    for subscription in &mut subscriptions {
        expect(subscription, &[1, 2, 3].map(Said::Event)).await;
    }
    assert_eq!(listener.stats().heard, 3);
    drop(subscriptions);
    assert_eq!(listener.subscribers(&SHOP), 0);
    // And nothing is left on the server: what is published now is heard by nobody.
    bus.publish(&SHOP, event(4)).await.unwrap();
    crate::settled(&bus).await;
    let mut again = listener.subscribe(Subscribe::to(&SHOP)).await.unwrap();
    bus.publish(&SHOP, event(5)).await.unwrap();
    assert_eq!(said(next(&mut again).await.as_ref()), Said::Event(5));
    assert_eq!(listener.stats().heard, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_gives_up_subscribing_leaves_nothing_behind() {
    let prefix = unique_prefix();
    let listener = node(&nats_url(), &prefix).await;
    let bus = node(&nats_url(), &prefix).await;
    for micros in (0..2_000).step_by(40) {
        let subscribing = listener.subscribe(Subscribe::to(&SHOP));
        let given_up = tokio::time::timeout(Duration::from_micros(micros), subscribing).await;
        drop(given_up);
        assert_eq!(listener.subscribers(&SHOP), 0);
    }
    let mut heard = listener.subscribe(Subscribe::to(&SHOP)).await.unwrap();
    bus.publish(&SHOP, event(1)).await.unwrap();
    expect(&mut heard, &[Said::Event(1)]).await;
    bus.publish(&SHOP, event(2)).await.unwrap();
    expect(&mut heard, &[Said::Event(2)]).await;
}
