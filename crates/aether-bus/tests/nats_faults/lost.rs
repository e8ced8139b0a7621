//! Single messages that are lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aether_bus::async_nats::{self, HeaderMap};
use aether_bus::{NatsEventBus, Subscribe, Subscription};
use aether_core::{ActorId, EventFilter, EventType, Namespace};

use crate::nats::{nats_url, node, unique_prefix};
use crate::proxy::Proxy;
use crate::support::{SHOP, Said, event, expect, namespace, typed};

/// A node that publishes, and one behind a proxy, which hears.
struct Pair {
    prefix: String,
    bus: NatsEventBus,
    listener: NatsEventBus,
    proxy: Proxy,
}

impl Pair {
    async fn new() -> Self {
        let prefix = unique_prefix();
        let proxy = Proxy::before(&nats_url()).await;
        Self {
            listener: node(&proxy.url, &prefix).await,
            bus: node(&nats_url(), &prefix).await,
            prefix,
            proxy,
        }
    }

    async fn subscribe(&self, asked: Subscribe) -> Subscription {
        self.listener.subscribe(asked).await.unwrap()
    }

    /// From now on frames with this text in them don't come; how many those were.
    fn lose(&self, what: &str) -> Arc<AtomicU64> {
        let (what, lost) = (what.to_owned(), Arc::new(AtomicU64::new(0)));
        let counter = lost.clone();
        self.proxy.sift(move |frame| {
            let is_lost = frame
                .windows(what.len())
                .any(|part| part == what.as_bytes());
            counter.fetch_add(u64::from(is_lost), Ordering::SeqCst);
            !is_lost
        });
        lost
    }

    fn lose_nothing(&self) {
        self.proxy.sift(|_| true);
    }

    async fn publish(&self, version: u32) {
        self.bus.publish(&SHOP, event(version)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_message_is_a_gap_before_the_next_one() {
    let pair = Pair::new().await;
    let mut heard = pair.subscribe(Subscribe::to(&SHOP)).await;
    pair.publish(1).await;
    expect(&mut heard, &[Said::Event(1)]).await;
    let lost = pair.lose(" event 0.");
    pair.publish(2).await;
    pair.publish(3).await;
    crate::until("both are lost", || lost.load(Ordering::SeqCst) == 2).await;
    pair.lose_nothing();
    pair.publish(4).await;
    expect(&mut heard, &[Said::Missed(2), Said::Event(4)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_last_message_is_a_gap_after_the_next_announcement() {
    let pair = Pair::new().await;
    let mut heard = pair.subscribe(Subscribe::to(&SHOP)).await;
    pair.publish(1).await;
    expect(&mut heard, &[Said::Event(1)]).await;
    // So that nobody asks for it.
    crate::acquainted(&pair.listener, 1).await;
    pair.lose(" event 0.");
    pair.publish(2).await;
    expect(&mut heard, &[Said::Missed(1)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_first_message_is_a_gap_too() {
    let pair = Pair::new().await;
    let mut heard = pair.subscribe(Subscribe::to(&SHOP)).await;
    // Once the publisher knows of the subscription.
    crate::acquainted(&pair.listener, 1).await;
    pair.lose(" event 0.");
    pair.publish(1).await;
    expect(&mut heard, &[Said::Missed(1)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_for_a_type_hears_of_no_other_type_s_loss() {
    let pair = Pair::new().await;
    let of_type = |name: &str| EventFilter::all().event_type(EventType::new(name).unwrap());
    let actor = |id: &str| ActorId::new(id).unwrap();
    let rows = [
        (EventFilter::all(), Said::Missed(2)),
        (of_type("Paid"), Said::Missed(2)),
        (
            of_type("Paid").event_type(EventType::new("Other").unwrap()),
            Said::Missed(2),
        ),
        (of_type("Placed"), Said::Event(9)),
        (EventFilter::all().category("bill"), Said::Unknown),
        (EventFilter::all().actor(actor("order-1")), Said::Unknown),
        (of_type("Placed").category("order"), Said::Event(9)),
        (of_type("Placed").actor(actor("order-1")), Said::Event(9)),
        (of_type("Paid").actor(actor("order-1")), Said::Unknown),
    ];
    let mut subscriptions = Vec::new();
    for (filter, _) in &rows {
        let asked = Subscribe::to(&SHOP).only(filter.clone());
        subscriptions.push(pair.subscribe(asked).await);
    }
    let mut elsewhere = pair.subscribe(Subscribe::to(namespace("bank"))).await;
    let lost = pair.lose(".Paid.");
    for version in 1..=2 {
        let paid = typed("order-1", "Paid", version);
        pair.bus.publish(&SHOP, paid).await.unwrap();
    }
    crate::until("they are lost", || lost.load(Ordering::SeqCst) > 0).await;
    pair.lose_nothing();
    let placed = typed("order-1", "Placed", 9);
    pair.bus.publish(&SHOP, placed.clone()).await.unwrap();
    let paid = typed("order-1", "Paid", 3);
    pair.bus.publish(&SHOP, paid).await.unwrap();
    pair.bus.publish(&namespace("bank"), placed).await.unwrap();
    for ((filter, expected), subscription) in rows.iter().zip(&mut subscriptions) {
        let mut first = crate::support::said(crate::support::next(subscription).await.as_ref());
        // Order between types is promised for one task's events, and a gap is not one.
        if first == Said::Event(9) && *expected != first {
            first = crate::support::said(crate::support::next(subscription).await.as_ref());
        }
        assert_eq!(first, *expected, "{filter:?}");
    }
    expect(&mut elsewhere, &[Said::Event(9)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_subscribes_late_misses_nothing_of_what_was_before() {
    let pair = Pair::new().await;
    let mut early = pair.subscribe(Subscribe::to(&SHOP)).await;
    for version in 1..=100 {
        pair.publish(version).await;
        expect(&mut early, &[Said::Event(version.into())]).await;
    }
    for _ in 0..20 {
        let mut late = pair.subscribe(Subscribe::to(&SHOP).capacity(7)).await;
        // And one with a subscription of its own on the server.
        let asked = Subscribe::to(aether_bus::NamespacePattern::all());
        let mut other = pair.subscribe(asked).await;
        pair.publish(101).await;
        expect(&mut late, &[Said::Event(101)]).await;
        expect(&mut other, &[Said::Event(101)]).await;
        // Nor when the origin has answered.
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        pair.publish(102).await;
        expect(&mut late, &[Said::Event(102)]).await;
        expect(&mut other, &[Said::Event(102)]).await;
    }
    assert_eq!(pair.listener.stats().unknown, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_nobody_s_is_counted_and_what_can_t_be_read_is_missed() {
    let pair = Pair::new().await;
    let mut heard = pair.subscribe(Subscribe::to(&SHOP)).await;
    pair.publish(1).await;
    expect(&mut heard, &[Said::Event(1)]).await;
    let client = async_nats::connect(nats_url()).await.unwrap();
    let subject = format!("{}.OrderChanged.shop", pair.prefix);
    let origin = "01ARZ3NDEKTSV4RRFFQ69G5FA2";
    let foreign = [
        "".to_owned(),
        "1".to_owned(),
        "garbage".to_owned(),
        format!("2 {origin} event 0.1"),
        format!("1 {origin} event 0.0"),
        format!("1 {origin} event 0.99999999999999999999999999"),
        format!("1 {origin} event -1.1"),
    ];
    for header in &foreign {
        let mut headers = HeaderMap::new();
        headers.insert("Aether-Bus", header.as_str());
        let body = vec![0xff; 100].into();
        client
            .publish_with_headers(subject.clone(), headers, body)
            .await
            .unwrap();
    }
    client
        .publish(subject.clone(), "no headers".into())
        .await
        .unwrap();
    let stats = || pair.listener.stats();
    let count = foreign.len() as u64 + 1;
    crate::until("all are counted", || stats().foreign == count).await;
    // On subjects that are about nothing.
    let heard_of_all = pair
        .subscribe(Subscribe::to(aether_bus::NamespacePattern::all()))
        .await;
    for subject in ["a=2.shop", "=.shop", "Placed.=zz"] {
        let mut headers = HeaderMap::new();
        headers.insert("Aether-Bus", format!("1 {origin} event 0.1"));
        let subject = format!("{}.{subject}", pair.prefix);
        client
            .publish_with_headers(subject, headers, "".into())
            .await
            .unwrap();
    }
    // Two of the three come to both subscriptions on the server.
    crate::until("all are counted", || stats().foreign == count + 5).await;
    drop(heard_of_all);
    // Numbered, and not to be read: an event is missing.
    for (body, content_type) in [
        ("garbage", "application/json"),
        ("", "application/msgpack"),
        ("{}", "text/plain"),
    ] {
        let number = 1 + stats().unreadable;
        let mut headers = HeaderMap::new();
        headers.insert("Aether-Bus", format!("1 {origin} event 0.{number}"));
        headers.insert("Content-Type", content_type);
        client
            .publish_with_headers(subject.clone(), headers, body.into())
            .await
            .unwrap();
        expect(&mut heard, &[Said::Missed(1)]).await;
        assert_eq!(stats().unreadable, number);
    }
    pair.publish(2).await;
    expect(&mut heard, &[Said::Event(2)]).await;
}

/// More last numbers than the connection has room for at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_has_published_on_many_subjects_answers_for_all_of_them() {
    const MANY: u32 = 5_000;
    let pair = Pair::new().await;
    let name = |number: u32| namespace(&format!("shop.{number}"));
    for number in 0..MANY {
        pair.bus.publish(&name(number), event(1)).await.unwrap();
    }
    crate::settled(&pair.bus).await;
    let asked = Subscribe::to(aether_bus::NamespacePattern::all()).capacity(100_000);
    let mut heard = pair.subscribe(asked).await;
    crate::acquainted(&pair.listener, 1).await;
    let lost = pair.lose(" event ");
    for number in 0..MANY {
        pair.bus.publish(&name(number), event(2)).await.unwrap();
    }
    let all_are_lost = || lost.load(Ordering::SeqCst) == u64::from(MANY);
    crate::until("all are lost", all_are_lost).await;
    let tally = crate::Tally::default().until(&mut heard, MANY.into()).await;
    assert_eq!((tally.missed, tally.unknown), (MANY.into(), 0));
}

/// Also where a subject is too long to say what it is about.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loss_shows_whatever_the_names_are() {
    let pair = Pair::new().await;
    let name: Namespace = namespace(&"ü.".repeat(42));
    let event_type = "Ü*> \r\n".repeat(28);
    let mut heard = pair.subscribe(Subscribe::to(&name)).await;
    let event = |version| typed("order-1", &event_type, version);
    pair.bus.publish(&name, event(1)).await.unwrap();
    expect(&mut heard, &[Said::Event(1)]).await;
    pair.lose(" event 0.");
    pair.bus.publish(&name, event(2)).await.unwrap();
    expect(&mut heard, &[Said::Missed(1)]).await;
}
