//! The cases.

use std::collections::BTreeSet;

use aether_bus::{
    Bus as _, BusError, Delivery, NamespacePattern, Subscribe, Subscription, SubscriptionEnd,
    WhenFull,
};
use aether_core::{ActorId, EventBroadcaster as _, EventFilter, EventType};

use crate::suite::Transport;
use crate::support::{SHOP, Said, event, expect, namespace, next, strange_names, typed, versions};

pub(crate) async fn an_event_comes_once_to_each_subscription_of_its_namespace(
    transport: &impl Transport,
) {
    let (here, there) = (transport.node().await, transport.node().await);
    let mut subscriptions = Vec::new();
    for node in [&here, &there, &here] {
        subscriptions.push(node.subscribe(Subscribe::to(&SHOP)).await.unwrap());
    }
    let sent = event(1);
    here.publish(&SHOP, sent.clone()).await.unwrap();
    there.publish(&SHOP, event(2)).await.unwrap();
    for subscription in &mut subscriptions {
        let mut seen = BTreeSet::new();
        for _ in 0..2 {
            let Some(Delivery::Event(published)) = next(subscription).await else {
                panic!("no event");
            };
            assert_eq!(*published.namespace(), SHOP);
            if published.event().version() == sent.version() {
                assert_eq!(*published.event(), sent);
            }
            seen.insert(published.event().version().get());
        }
        assert_eq!(seen, BTreeSet::from([1, 2]));
    }
    // Nothing else: what comes next is what is published next.
    here.publish(&SHOP, event(3)).await.unwrap();
    for subscription in &mut subscriptions {
        expect(subscription, &[Said::Event(3)]).await;
    }
}

pub(crate) async fn whatever_is_in_its_name_a_namespace_is_that_one_only(
    transport: &impl Transport,
) {
    let (here, there) = (transport.node().await, transport.node().await);
    let names = strange_names();
    let mut subscriptions = Vec::new();
    for name in &names {
        let asked = Subscribe::to(namespace(name));
        subscriptions.push(there.subscribe(asked).await.unwrap());
    }
    for (version, name) in (1..).zip(&names) {
        here.publish(&namespace(name), event(version))
            .await
            .unwrap();
    }
    for (version, subscription) in (1..).zip(&mut subscriptions) {
        expect(subscription, &[Said::Event(version)]).await;
    }
    // And no other one's.
    for name in &names {
        here.publish(&namespace(name), event(1_000)).await.unwrap();
    }
    for subscription in &mut subscriptions {
        expect(subscription, &[Said::Event(1_000)]).await;
    }
}

pub(crate) async fn a_pattern_gets_the_namespaces_that_it_matches(transport: &impl Transport) {
    let (here, there) = (transport.node().await, transport.node().await);
    let names = [
        "shop",
        "shop.eu",
        "shop.eu.de",
        "shop.us",
        "bank.eu",
        "shop.*",
    ];
    let rows: [(&str, &[u64]); 6] = [
        ("shop", &[1]),
        ("shop.*", &[2, 4, 6]),
        ("*.eu", &[2, 5]),
        ("shop.>", &[2, 3, 4, 6]),
        (">", &[1, 2, 3, 4, 5, 6]),
        ("*.*.*", &[3]),
    ];
    let mut subscriptions = Vec::new();
    for (pattern, _) in rows {
        let pattern: NamespacePattern = pattern.parse().unwrap();
        subscriptions.push(there.subscribe(Subscribe::to(pattern)).await.unwrap());
    }
    for (version, name) in (1..).zip(names) {
        here.publish(&namespace(name), event(version))
            .await
            .unwrap();
    }
    for ((_, expected), subscription) in rows.iter().zip(&mut subscriptions) {
        for version in *expected {
            expect(subscription, &[Said::Event(*version)]).await;
        }
    }
    there.stop().await;
    for subscription in &mut subscriptions {
        expect(subscription, &[Said::End]).await;
    }
}

pub(crate) async fn what_a_filter_does_not_let_pass_is_neither_given_nor_missed(
    transport: &impl Transport,
) {
    let (here, there) = (transport.node().await, transport.node().await);
    let event_type = |name: &str| EventType::new(name).unwrap();
    let actor = |id: &str| ActorId::new(id).unwrap();
    let all = EventFilter::all;
    let rows: [(EventFilter, &[u64]); 7] = [
        (all().event_type(event_type("Paid")), &[2, 4]),
        (all().category("order"), &[1, 2]),
        (all().actor(actor("bill-1")), &[3, 4]),
        (
            all().actor(actor("bill-1")).event_type(event_type("Paid")),
            &[4],
        ),
        (all().category("order").event_type(event_type("Paid")), &[2]),
        (all().category("order").category("bill"), &[1, 2, 3, 4]),
        (all().actor(actor("bill-1")).category("order"), &[]),
    ];
    let mut subscriptions = Vec::new();
    for (filter, _) in &rows {
        // No room for anything that does not pass.
        let asked = Subscribe::to(&SHOP).only(filter.clone()).capacity(4);
        subscriptions.push(there.subscribe(asked).await.unwrap());
    }
    let mut whole = there.subscribe(Subscribe::to(&SHOP)).await.unwrap();
    let sent = [
        typed("order-1", "Placed", 1),
        typed("order-1", "Paid", 2),
        typed("bill-1", "Placed", 3),
        typed("bill-1", "Paid", 4),
    ];
    for sent in sent {
        for _ in 0..3 {
            let other = typed("other-1", "Other", 9);
            here.publish(&SHOP, other).await.unwrap();
        }
        here.publish(&SHOP, sent).await.unwrap();
    }
    for _ in 0..16 {
        next(&mut whole).await.unwrap();
    }
    there.stop().await;
    for ((filter, expected), subscription) in rows.iter().zip(&mut subscriptions) {
        assert_eq!(versions(subscription).await, *expected, "{filter:?}");
    }
}

pub(crate) async fn what_one_publisher_publishes_comes_in_its_order(transport: &impl Transport) {
    const MANY: u32 = 1_000;
    let (here, there) = (transport.node().await, transport.node().await);
    let mut near = here.subscribe(Subscribe::to(&SHOP)).await.unwrap();
    let mut far = there.subscribe(Subscribe::to(&SHOP)).await.unwrap();
    for version in 1..=MANY {
        here.publish(&SHOP, event(version)).await.unwrap();
    }
    for subscription in [&mut near, &mut far] {
        for version in 1..=u64::from(MANY) {
            expect(subscription, &[Said::Event(version)]).await;
        }
    }
}

pub(crate) async fn who_subscribes_gets_what_is_published_from_then_on(transport: &impl Transport) {
    let (here, there) = (transport.node().await, transport.node().await);
    let mut early = there.subscribe(Subscribe::to(&SHOP)).await.unwrap();
    here.publish(&SHOP, event(1)).await.unwrap();
    expect(&mut early, &[Said::Event(1)]).await;
    let mut late = there.subscribe(Subscribe::to(&SHOP)).await.unwrap();
    here.publish(&SHOP, event(2)).await.unwrap();
    expect(&mut late, &[Said::Event(2)]).await;
    expect(&mut early, &[Said::Event(2)]).await;
}

/// Publishes versions up to this one, and gives a subscription that has been offered all of them;
/// before it the nodes, the one that publishes first.
async fn overrun<T: Transport>(
    transport: &T,
    asked: Subscribe,
    up_to: u32,
) -> ((T::Bus, T::Bus), Subscription) {
    let (here, there) = (transport.node().await, transport.node().await);
    let subscription = there.subscribe(asked).await.unwrap();
    let witness = Subscribe::to(&SHOP).capacity(up_to as usize);
    let mut witness = there.subscribe(witness).await.unwrap();
    for version in 1..=up_to {
        here.publish(&SHOP, event(version)).await.unwrap();
    }
    for version in 1..=u64::from(up_to) {
        expect(&mut witness, &[Said::Event(version)]).await;
    }
    ((here, there), subscription)
}

pub(crate) async fn what_has_waited_longest_makes_room_and_is_in_a_gap(transport: &impl Transport) {
    let asked = Subscribe::to(&SHOP).capacity(3);
    let ((here, _there), mut late) = overrun(transport, asked, 10).await;
    let expected = [
        Said::Missed(7),
        Said::Event(8),
        Said::Event(9),
        Said::Event(10),
    ];
    expect(&mut late, &expected).await;
    here.publish(&SHOP, event(11)).await.unwrap();
    expect(&mut late, &[Said::Event(11)]).await;
}

pub(crate) async fn what_is_newest_is_dropped_where_that_is_asked_for(transport: &impl Transport) {
    let asked = Subscribe::to(&SHOP)
        .capacity(3)
        .when_full(WhenFull::DropNewest);
    let ((here, _there), mut late) = overrun(transport, asked, 10).await;
    expect(&mut late, &[Said::Event(1), Said::Event(2), Said::Event(3)]).await;
    here.publish(&SHOP, event(11)).await.unwrap();
    expect(&mut late, &[Said::Missed(7), Said::Event(11)]).await;
}

pub(crate) async fn who_can_not_do_with_a_gap_is_disconnected_behind_what_was_queued(
    transport: &impl Transport,
) {
    let asked = Subscribe::to(&SHOP)
        .capacity(3)
        .when_full(WhenFull::Disconnect);
    let ((here, _there), mut late) = overrun(transport, asked, 10).await;
    assert_eq!(late.end(), None);
    expect(&mut late, &[Said::Event(1), Said::Event(2), Said::Event(3)]).await;
    here.publish(&SHOP, event(11)).await.unwrap();
    expect(&mut late, &[Said::Unknown, Said::End, Said::End]).await;
    assert_eq!(late.end(), Some(SubscriptionEnd::Disconnected));
}

pub(crate) async fn a_subscriber_that_never_reads_delays_nobody(transport: &impl Transport) {
    const MANY: u32 = 5_000;
    let (here, there) = (transport.node().await, transport.node().await);
    let asked = || Subscribe::to(&SHOP).capacity(1);
    let mut never = Vec::new();
    for when_full in [
        WhenFull::DropOldest,
        WhenFull::DropNewest,
        WhenFull::Disconnect,
    ] {
        never.push(there.subscribe(asked().when_full(when_full)).await.unwrap());
    }
    let reads = Subscribe::to(&SHOP).capacity(MANY as usize);
    let mut reads = there.subscribe(reads).await.unwrap();
    for version in 1..=MANY {
        here.publish(&SHOP, event(version)).await.unwrap();
    }
    for version in 1..=u64::from(MANY) {
        expect(&mut reads, &[Said::Event(version)]).await;
    }
    drop(never);
}

pub(crate) async fn a_dropped_subscription_gets_nothing_and_the_others_everything(
    transport: &impl Transport,
) {
    const MANY: u32 = 200;
    let (here, there) = (transport.node().await, transport.node().await);
    let mut stays = there.subscribe(Subscribe::to(&SHOP)).await.unwrap();
    let mut goes = Vec::new();
    for _ in 0..MANY {
        goes.push(there.subscribe(Subscribe::to(&SHOP)).await.unwrap());
    }
    // On a thread without a runtime, while it is published.
    let dropping = std::thread::spawn(move || {
        for subscription in goes {
            drop(subscription);
            std::thread::yield_now();
        }
    });
    for version in 1..=MANY {
        here.publish(&SHOP, event(version)).await.unwrap();
    }
    dropping.join().unwrap();
    for version in 1..=u64::from(MANY) {
        expect(&mut stays, &[Said::Event(version)]).await;
    }
}

pub(crate) async fn after_a_stop_there_is_what_was_published_before_and_then_the_end(
    transport: &impl Transport,
) {
    let node = transport.node().await;
    let mut subscription = node.subscribe(Subscribe::to(&SHOP)).await.unwrap();
    for version in 1..=3 {
        node.publish(&SHOP, event(version)).await.unwrap();
    }
    node.stop().await;
    assert_eq!(node.publish(&SHOP, event(4)).await, Err(BusError::Stopped));
    assert!(node.broadcast(&SHOP, &event(4)).is_err());
    let again = node.subscribe(Subscribe::to(&SHOP)).await;
    assert_eq!(again.unwrap_err(), BusError::Stopped);
    assert_eq!(subscription.end(), None);
    assert_eq!(versions(&mut subscription).await, [1, 2, 3]);
    assert_eq!(subscription.end(), Some(SubscriptionEnd::Stopped));
    node.stop().await;
    expect(&mut subscription, &[Said::End]).await;
}

pub(crate) async fn a_broadcast_comes_like_anything_else(transport: &impl Transport) {
    let (here, there) = (transport.node().await, transport.node().await);
    let mut subscription = there.subscribe(Subscribe::to(&SHOP)).await.unwrap();
    here.broadcast(&SHOP, &event(1)).unwrap();
    expect(&mut subscription, &[Said::Event(1)]).await;
}
