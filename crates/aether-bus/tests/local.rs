//! What only a bus within one process does, and what many do with it at once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics says where"
)]

mod support;

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use aether_bus::{
    BusError, Delivery, EventBus, Missed, NamespacePattern, StoredDelivery, Subscribe,
    SubscribeStored as _, SubscriptionEnd, WhenFull,
};
use aether_core::{ActorId, EventDraft, EventFilter, EventStoreExt as _, EventStored, Namespace};
use aether_store_memory::MemoryStore;
use futures_util::FutureExt as _;
use support::{SHOP, Said, event, expect, namespace, receipt, typed, versions};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_receipt_says_who_got_it_and_who_fell_behind() {
    let bus = EventBus::new();
    let publish = |version| bus.publish_now(&SHOP, event(version)).unwrap();
    assert_eq!(publish(1), receipt(0, 0));
    let behaviours = [
        WhenFull::DropOldest,
        WhenFull::DropNewest,
        WhenFull::Disconnect,
    ];
    let small = |when_full| Subscribe::to(&SHOP).capacity(1).when_full(when_full);
    let subscriptions = behaviours.map(|when_full| bus.subscribe(small(when_full)).unwrap());
    let large = bus.subscribe(Subscribe::to(&SHOP)).unwrap();
    assert_eq!(publish(2), receipt(4, 0));
    assert_eq!(publish(3), receipt(2, 3));
    // Who was disconnected is neither.
    assert_eq!(publish(4), receipt(2, 2));
    drop(subscriptions);
    assert_eq!(publish(5), receipt(1, 0));
    drop(large);
    assert_eq!(publish(6), receipt(0, 0));
}

#[tokio::test]
async fn subscribers_are_counted_by_namespace_and_by_pattern() {
    let bus = EventBus::new();
    let pattern = |pattern: &str| pattern.parse::<NamespacePattern>().unwrap();
    let mut subscriptions = Vec::new();
    for (text, filter) in [
        ("shop", EventFilter::all()),
        (
            "shop",
            EventFilter::all().category("order").category("bill"),
        ),
        ("shop.*", EventFilter::all()),
        (">", EventFilter::all()),
        ("*.eu", EventFilter::all()),
    ] {
        let asked = Subscribe::to(pattern(text)).only(filter);
        subscriptions.push(bus.subscribe(asked).unwrap());
    }
    let counts = |bus: &EventBus| {
        ["shop", "shop.eu", "bank.eu", "bank"].map(|name| bus.subscribers(&namespace(name)))
    };
    assert_eq!(counts(&bus), [3, 3, 2, 1]);
    let by_pattern = [("shop", 2), ("shop.*", 1), (">", 1), ("*.eu", 1)];
    let by_pattern: BTreeMap<_, _> = by_pattern
        .map(|(text, count)| (pattern(text), count))
        .into();
    assert_eq!(bus.subscribers_by_pattern(), by_pattern);
    subscriptions.drain(1..4);
    assert_eq!(counts(&bus), [1, 1, 1, 0]);
    subscriptions.clear();
    assert_eq!(counts(&bus), [0; 4]);
    assert!(bus.subscribers_by_pattern().is_empty());
}

/// With the time stopped: it passes only while all wait.
#[tokio::test(start_paused = true)]
async fn a_publisher_waits_for_room_where_it_was_asked_to() {
    let bus = EventBus::new();
    let asked = Subscribe::to(&SHOP)
        .capacity(1)
        .publishers_wait(10 * SECOND);
    let mut waited_for = bus.subscribe(asked).unwrap();
    let mut other = bus.subscribe(Subscribe::to(&SHOP)).unwrap();
    bus.publish(&SHOP, event(1)).await.unwrap();
    let begun = tokio::time::Instant::now();
    let publishing = tokio::spawn({
        let bus = bus.clone();
        async move { bus.publish(&SHOP, event(2)).await.unwrap() }
    });
    tokio::time::sleep(5 * SECOND).await;
    assert!(!publishing.is_finished());
    // Nobody else waits for it.
    expect(&mut other, &[Said::Event(1), Said::Event(2)]).await;
    expect(&mut waited_for, &[Said::Event(1)]).await;
    assert_eq!(publishing.await.unwrap(), receipt(2, 0));
    assert_eq!(begun.elapsed(), 5 * SECOND);
    expect(&mut waited_for, &[Said::Event(2)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_publisher_waits_no_longer_than_it_was_asked_to() {
    let bus = EventBus::new();
    let asked = Subscribe::to(&SHOP).capacity(1);
    let asked = |seconds: u32| asked.clone().publishers_wait(seconds * SECOND);
    let mut short = bus.subscribe(asked(3)).unwrap();
    let newest = asked(7).when_full(WhenFull::DropNewest);
    let mut long = bus.subscribe(newest).unwrap();
    bus.publish(&SHOP, event(1)).await.unwrap();
    let begun = tokio::time::Instant::now();
    let published = bus.publish(&SHOP, event(2)).await.unwrap();
    // At the same time.
    assert_eq!(begun.elapsed(), 7 * SECOND);
    assert_eq!(published, receipt(1, 2));
    expect(&mut short, &[Said::Missed(1), Said::Event(2)]).await;
    expect(&mut long, &[Said::Event(1), Said::Missed(1)]).await;
    // Who can't wait does not.
    for version in [3, 4] {
        bus.publish_now(&SHOP, event(version)).unwrap();
    }
    expect(&mut short, &[Said::Missed(1), Said::Event(4)]).await;
    assert_eq!(begun.elapsed(), 7 * SECOND);
}

#[tokio::test]
async fn who_is_dropped_while_it_waits_for_room_leaves_no_hole_in_silence() {
    let bus = EventBus::new();
    let asked = Subscribe::to(&SHOP)
        .capacity(1)
        .publishers_wait(1_000 * SECOND);
    let mut oldest = bus.subscribe(asked.clone()).unwrap();
    let newest = asked.when_full(WhenFull::DropNewest);
    let mut newest = bus.subscribe(newest).unwrap();
    bus.publish(&SHOP, event(1)).await.unwrap();
    {
        let mut publishing = pin!(bus.publish(&SHOP, event(2)));
        assert!(publishing.as_mut().now_or_never().is_none());
    }
    // One that was never polled has not been published.
    drop(bus.publish(&SHOP, event(3)));
    bus.stop();
    expect(&mut oldest, &[Said::Missed(1), Said::Event(2), Said::End]).await;
    expect(&mut newest, &[Said::Event(1), Said::Missed(1), Said::End]).await;
}

#[tokio::test]
async fn what_waits_for_room_when_the_bus_is_stopped_is_said_to_be_missed() {
    let bus = EventBus::new();
    let asked = Subscribe::to(&SHOP)
        .capacity(1)
        .publishers_wait(1_000 * SECOND);
    let mut subscription = bus.subscribe(asked).unwrap();
    bus.publish(&SHOP, event(1)).await.unwrap();
    let mut publishing = pin!(bus.publish(&SHOP, event(2)));
    assert!(publishing.as_mut().now_or_never().is_none());
    bus.stop();
    assert_eq!(publishing.await, Ok(receipt(0, 1)));
    expect(
        &mut subscription,
        &[Said::Event(1), Said::Missed(1), Said::End],
    )
    .await;
}

#[tokio::test]
async fn when_the_last_handle_goes_subscriptions_end() {
    let bus = EventBus::new();
    let mut subscription = bus.subscribe(Subscribe::to(&SHOP)).unwrap();
    let other = bus.clone();
    drop(bus);
    other.publish(&SHOP, event(1)).await.unwrap();
    drop(other);
    assert_eq!(versions(&mut subscription).await, [1]);
    assert_eq!(subscription.end(), Some(SubscriptionEnd::Stopped));
}

/// Who stops finds everybody who publishes in the middle of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_published_while_it_is_stopped_is_given_or_refused() {
    for _ in 0..50 {
        let bus = EventBus::new();
        let asked = Subscribe::to(&SHOP).capacity(1 << 20);
        let mut subscription = bus.subscribe(asked).unwrap();
        let published = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while bus.publish_now(&SHOP, event(1)).is_ok() {
                        published.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
            while published.load(Ordering::SeqCst) < 100 {
                std::thread::yield_now();
            }
            bus.stop();
        });
        let given = versions(&mut subscription).await;
        assert_eq!(given.len() as u64, published.load(Ordering::SeqCst));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_subscribers_get_everything() {
    const SUBSCRIBERS: usize = 10_000;
    let bus = EventBus::new();
    let mut reading = Vec::new();
    for number in 0..SUBSCRIBERS {
        let pattern = match number % 3 {
            0 => NamespacePattern::from(&SHOP),
            1 => NamespacePattern::all(),
            _ => "*".parse().unwrap(),
        };
        let mut subscription = bus.subscribe(Subscribe::to(pattern)).unwrap();
        reading.push(tokio::spawn(
            async move { versions(&mut subscription).await },
        ));
    }
    assert_eq!(bus.subscribers(&SHOP), SUBSCRIBERS);
    for version in 1..=20 {
        let published = bus.publish(&SHOP, event(version)).await.unwrap();
        assert_eq!(published, receipt(SUBSCRIBERS, 0));
    }
    bus.stop();
    for reading in reading {
        assert!(reading.await.unwrap().into_iter().eq(1..=20));
    }
    assert_eq!(bus.subscribers(&SHOP), 0);
}

#[tokio::test(start_paused = true)]
async fn publishers_that_wait_have_room_in_their_turn() {
    let bus = EventBus::new();
    let asked = Subscribe::to(&SHOP)
        .capacity(2)
        .publishers_wait(1_000 * SECOND);
    let mut subscription = bus.subscribe(asked).unwrap();
    for version in 1..=2 {
        bus.publish(&SHOP, event(version)).await.unwrap();
    }
    let mut publishing = Vec::new();
    for version in 3..=8 {
        let bus = bus.clone();
        let publish = async move { bus.publish(&SHOP, event(version)).await };
        publishing.push(tokio::spawn(publish));
        tokio::time::sleep(SECOND).await;
    }
    // One of those that wait is dropped, and one that nobody polls has its turn all the same.
    publishing.remove(1).abort();
    tokio::time::sleep(SECOND).await;
    let mut due = [1, 2, 3, 4, 5, 6, 7, 8].map(Said::Event).to_vec();
    // What was dropped takes the place of the oldest.
    due.splice(
        0..4,
        [
            Said::Missed(1),
            Said::Event(2),
            Said::Event(4),
            Said::Event(3),
        ],
    );
    expect(&mut subscription, &due).await;
    for publishing in publishing {
        assert_eq!(publishing.await.unwrap(), Ok(receipt(1, 0)));
    }
}

#[tokio::test]
async fn who_unsubscribes_while_a_publisher_waits_is_in_no_receipt() {
    let bus = EventBus::new();
    let asked = Subscribe::to(&SHOP)
        .capacity(1)
        .publishers_wait(1_000 * SECOND);
    let subscription = bus.subscribe(asked).unwrap();
    bus.publish(&SHOP, event(1)).await.unwrap();
    let mut publishing = pin!(bus.publish(&SHOP, event(2)).map(Result::unwrap));
    assert!(publishing.as_mut().now_or_never().is_none());
    drop(subscription);
    assert_eq!(publishing.await, receipt(0, 0));
}

/// Who shares a queue with one of whom much more may wait.
#[tokio::test]
async fn a_small_queue_that_is_never_read_keeps_no_more_than_it_may() {
    let bus = EventBus::new();
    let subscribe = |events| {
        bus.subscribe(Subscribe::to(&SHOP).capacity(events))
            .unwrap()
    };
    let (_never_read, mut large) = (subscribe(3), subscribe(10_000));
    let mut data = Vec::new();
    for version in 1..=200 {
        let sent = event(version);
        data.push(sent.data().to_bytes());
        bus.publish(&SHOP, sent).await.unwrap();
        drop(large.next().await);
    }
    let kept = data.iter().filter(|data| !data.is_unique()).count();
    // It is looked now and then what is kept for nobody.
    assert!(kept <= 3 + 64, "{kept} events");
}

/// Several publishers and subscribers, on threads of their own; some come and go.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_stays_gets_each_publishers_events_in_order_or_counted() {
    const PUBLISHERS: u32 = 3;
    const EVENTS: u32 = 20_000;
    let bus = EventBus::new();
    let mut reading = Vec::new();
    for number in 0..6 {
        let asked = Subscribe::to(&SHOP).capacity([2, 64, 100_000][number % 3]);
        let asked = match number < 3 {
            true => asked,
            false => asked.when_full(WhenFull::DropNewest),
        };
        let mut subscription = bus.subscribe(asked).unwrap();
        reading.push(tokio::spawn(async move {
            let (mut last, mut total) = ([0; PUBLISHERS as usize], 0);
            while let Some(delivery) = subscription.next().await {
                match delivery {
                    Delivery::Gap {
                        missed: Missed::Exactly(missed),
                    } => total += missed,
                    Delivery::Gap { missed } => panic!("{missed:?}"),
                    Delivery::Event(published) => {
                        total += 1;
                        let publisher = published.event().decode::<usize>().unwrap();
                        let version = published.event().version().get();
                        assert!(version > last[publisher], "{version} after {last:?}");
                        last[publisher] = version;
                    }
                }
            }
            total
        }));
    }
    let published = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let publishing: Vec<_> = (0..PUBLISHERS)
            .map(|publisher| {
                let bus = &bus;
                scope.spawn(move || {
                    let actor_id = ActorId::new(format!("order-{publisher}")).unwrap();
                    for version in 1..=EVENTS {
                        let draft = EventDraft::new(&actor_id, "Changed", &publisher).unwrap();
                        let event = draft.at(version.into()).unwrap();
                        bus.publish_now(&SHOP, event).unwrap();
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !published.load(Ordering::SeqCst) {
                let mut passing = bus.subscribe(Subscribe::to(&SHOP).capacity(1)).unwrap();
                passing.next().now_or_never();
            }
        });
        for publishing in publishing {
            publishing.join().unwrap();
        }
        published.store(true, Ordering::SeqCst);
    });
    bus.stop();
    for reading in reading {
        assert_eq!(reading.await.unwrap(), u64::from(PUBLISHERS * EVENTS));
    }
}

#[tokio::test]
async fn what_all_have_taken_is_freed() {
    let bus = EventBus::new();
    let subscribe = || bus.subscribe(Subscribe::to(&SHOP)).unwrap();
    let [mut quick, mut slow] = [subscribe(), subscribe()];
    let sent = typed("order-1", "Large", 1);
    let data = sent.data().to_bytes();
    bus.publish(&SHOP, sent).await.unwrap();
    drop(quick.next().await);
    assert!(quick.next().now_or_never().is_none());
    assert!(!data.is_unique());
    drop(slow.next().await);
    assert!(slow.next().now_or_never().is_none());
    assert!(data.is_unique());
    // The slowest may leave instead.
    let sent = typed("order-1", "Large", 2);
    let data = sent.data().to_bytes();
    bus.publish(&SHOP, sent).await.unwrap();
    drop(quick.next().await);
    drop(slow);
    assert!(quick.next().now_or_never().is_none());
    assert!(data.is_unique());
}

#[tokio::test]
async fn a_dropped_subscription_frees_what_waited_for_it() {
    let bus = EventBus::new();
    let subscription = bus.subscribe(Subscribe::to(&SHOP)).unwrap();
    let sent = typed("order-1", "Large", 1);
    let data = sent.data().to_bytes();
    bus.publish(&SHOP, sent).await.unwrap();
    assert_eq!(subscription.waiting(), 1);
    drop(subscription);
    // Ours is the last.
    assert!(data.is_unique());
}

#[tokio::test]
async fn a_store_tells_the_bus_what_it_has_stored() {
    static STORED: Namespace = Namespace::from_static("orders");
    let bus = EventBus::new();
    let orders = EventFilter::all().category("order");
    let asked = Subscribe::to(&STORED).only(orders);
    let mut stored = bus.subscribe_event_stored(asked.clone()).await.unwrap();
    let store = MemoryStore::builder()
        .broadcaster(STORED.clone(), Arc::new(bus.clone()))
        .build();
    for event in [typed("bill-1", "Made", 1), event(1), event(2)] {
        store.save_event(event).await.unwrap();
    }
    // Not a notice, though it says so.
    let forged = typed("order-1", EventStored::EVENT_TYPE.as_str(), 3);
    bus.publish(&STORED, forged.clone()).await.unwrap();
    for version in [1, 2] {
        let Some(StoredDelivery::Stored { namespace, notice }) = stored.next().await else {
            panic!("no notice");
        };
        assert_eq!(namespace, STORED);
        assert_eq!(notice.actor_id.as_str(), "order-1");
        assert_eq!(notice.version.get(), version);
    }
    let Some(StoredDelivery::Malformed { published, .. }) = stored.next().await else {
        panic!("it was not reported");
    };
    assert_eq!(*published.event(), forged);
    bus.stop();
    // A store does not fail for it.
    store.save_event(event(3)).await.unwrap();
    assert!(stored.next().await.is_none());
    assert_eq!(stored.end(), Some(SubscriptionEnd::Stopped));
    let typed = EventFilter::all().event_type("Paid".parse().unwrap());
    let refused = bus.subscribe_event_stored(asked.only(typed)).await;
    assert_eq!(refused.unwrap_err(), BusError::TypesOfNotices);
}
