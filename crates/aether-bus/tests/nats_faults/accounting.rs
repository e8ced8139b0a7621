//! Whatever happens to servers and connections, what was received and what is said to be missed are
//! together what was sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use aether_bus::async_nats::ConnectOptions;
use aether_bus::{NatsEventBus, Subscribe, Subscription};
use aether_core::{EventFilter, EventType};
use tokio::task::JoinHandle;

use crate::nats::{config, nats_url, node, unique_prefix};
use crate::proxy::Proxy;
use crate::server::Server;
use crate::support::{namespace, typed};
use crate::{PATIENCE, Tally};

/// A node that publishes as fast as it can, events of two types, in a namespace of its own.
struct Publisher {
    bus: NatsEventBus,
    ends: Arc<AtomicBool>,
    sent: Arc<[AtomicU64; 2]>,
    publishing: JoinHandle<()>,
}

const TYPES: [&str; 2] = ["Placed", "Paid"];

impl Publisher {
    fn start(bus: NatsEventBus, name: &str) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let sent = Arc::new([const { AtomicU64::new(0) }; 2]);
        let publishing = {
            let (bus, ends, sent) = (bus.clone(), ends.clone(), sent.clone());
            let namespace = namespace(name);
            tokio::spawn(async move {
                for version in 1.. {
                    let which = version as usize % 2;
                    let event = typed("order-1", TYPES[which], version);
                    bus.publish(&namespace, event).await.unwrap();
                    sent[which].fetch_add(1, Ordering::SeqCst);
                    if ends.load(Ordering::SeqCst) {
                        return;
                    }
                    // Leaves the server some of the machine.
                    if version % 8 == 0 {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                }
            })
        };
        Self {
            bus,
            ends,
            sent,
            publishing,
        }
    }

    fn sent(&self) -> u64 {
        self.sent
            .iter()
            .map(|sent| sent.load(Ordering::SeqCst))
            .sum()
    }

    /// How many it has sent of each type.
    async fn end(&mut self) -> [u64; 2] {
        self.ends.store(true, Ordering::SeqCst);
        let ended = tokio::time::timeout(PATIENCE, &mut self.publishing).await;
        ended.expect("it can't publish").unwrap();
        [0, 1].map(|which| self.sent[which].load(Ordering::SeqCst))
    }
}

/// What hears everything of a publisher, and what hears one type only.
async fn subscribe(bus: &NatsEventBus, name: &str) -> [Subscription; 2] {
    let asked = || Subscribe::to(namespace(name)).capacity(1_000_000);
    let paid = EventFilter::all().event_type(EventType::new(TYPES[1]).unwrap());
    [
        bus.subscribe(asked()).await.unwrap(),
        bus.subscribe(asked().only(paid)).await.unwrap(),
    ]
}

async fn wait_for_more(publishers: &[Publisher], more: u64) {
    for publisher in publishers {
        let enough = publisher.sent() + more;
        crate::until("nothing is published", || publisher.sent() >= enough).await;
    }
}

/// All that was sent is accounted for, once; and nothing is said to be unknown.
async fn check(publishers: &mut [Publisher], heard: &mut [[Subscription; 2]]) -> Tally {
    let mut whole = Tally::default();
    for (publisher, [all, paid]) in publishers.iter_mut().zip(heard) {
        let sent = publisher.end().await;
        let rows = [(all, sent[0] + sent[1]), (paid, sent[1])];
        for (subscription, sent) in rows {
            let tally = Tally::default().until(subscription, sent).await;
            // No more than that, also after the next announcements.
            tokio::time::sleep(Duration::from_millis(200)).await;
            let tally = tally.and_what_is_there(subscription);
            assert_eq!((tally.accounted(), tally.unknown), (sent, 0), "{tally:?}");
            whole.received += tally.received;
            whole.missed += tally.missed;
        }
    }
    whole
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_a_killed_server_received_and_missed_are_what_was_sent_ten_times_in_a_row() {
    let mut server = Server::start().await;
    let mut missed = 0;
    for round in 0..10_u64 {
        let prefix = unique_prefix();
        let listener = node(server.url(), &prefix).await;
        let mut heard = Vec::new();
        let mut publishers = Vec::new();
        for name in ["north", "south"] {
            heard.push(subscribe(&listener, name).await);
            let bus = node(server.url(), &prefix).await;
            publishers.push(Publisher::start(bus, name));
        }
        wait_for_more(&publishers, 500).await;
        server.kill();
        tokio::time::sleep(Duration::from_millis(20 * round)).await;
        server.restart().await;
        wait_for_more(&publishers, 500).await;
        let tally = check(&mut publishers, &mut heard).await;
        missed += tally.missed;
        for publisher in publishers {
            publisher.bus.stop().await;
        }
        listener.stop().await;
    }
    assert!(
        missed > 0,
        "nothing was lost in any round: this shows nothing"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_s_connection_is_cut_received_and_missed_are_what_was_sent() {
    let mut missed = 0;
    for cut_listener in [true, false] {
        let (prefix, proxy) = (unique_prefix(), Proxy::before(&nats_url()).await);
        let direct = nats_url();
        let (near, far) = match cut_listener {
            true => (&proxy.url, &direct),
            false => (&direct, &proxy.url),
        };
        let listener = node(near, &prefix).await;
        let mut heard = [subscribe(&listener, "shop").await];
        let mut publishers = [Publisher::start(node(far, &prefix).await, "shop")];
        for _ in 0..3 {
            wait_for_more(&publishers, 300).await;
            proxy.set_down(true);
            tokio::time::sleep(Duration::from_millis(50)).await;
            proxy.set_down(false);
        }
        wait_for_more(&publishers, 300).await;
        missed += check(&mut publishers, &mut heard).await.missed;
    }
    assert!(missed > 0, "nothing was lost: this shows nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_full_buffer_of_the_client_drops_is_missed() {
    let prefix = unique_prefix();
    // Room for one message.
    let options = ConnectOptions::new().subscription_capacity(1);
    let client = options.connect(nats_url()).await.unwrap();
    let listener = NatsEventBus::with_client(client, config(&prefix))
        .await
        .unwrap();
    let mut heard = listener
        .subscribe(Subscribe::to(namespace("shop")).capacity(100_000))
        .await
        .unwrap();
    let bus = node(&nats_url(), &prefix).await;
    let sent = 20_000;
    for version in 1..=sent {
        let event = typed("order-1", "Placed", version);
        bus.publish(&namespace("shop"), event).await.unwrap();
    }
    let tally = Tally::default().until(&mut heard, u64::from(sent)).await;
    assert_eq!((tally.accounted(), tally.unknown), (u64::from(sent), 0));
    assert!(tally.missed > 0, "nothing was dropped: this shows nothing");
    assert!(listener.stats().missed >= tally.missed);
}

/// What a node says of itself does not wait behind what is published.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_connection_is_always_full_is_not_taken_for_dead() {
    let prefix = unique_prefix();
    let quick = || {
        let config = config(&prefix).heartbeat(Duration::from_millis(50));
        config.unwrap()
    };
    let listener = NatsEventBus::connect(&nats_url(), quick()).await.unwrap();
    let mut heard = listener
        .subscribe(Subscribe::to(namespace("shop")).capacity(10_000_000))
        .await
        .unwrap();
    let options = ConnectOptions::new().client_capacity(2);
    let client = options.connect(nats_url()).await.unwrap();
    let bus = NatsEventBus::with_client(client, quick()).await.unwrap();
    crate::acquainted(&listener, 1).await;
    let ends = Arc::new(AtomicBool::new(false));
    let publishing: Vec<_> = (0..8)
        .map(|_| {
            let (bus, ends) = (bus.clone(), ends.clone());
            tokio::spawn(async move {
                let mut sent = 0;
                while !ends.load(Ordering::SeqCst) {
                    let event = typed("order-1", "Placed", 1);
                    bus.publish(&namespace("shop"), event).await.unwrap();
                    sent += 1;
                }
                sent
            })
        })
        .collect();
    // Many times as long as it takes to be taken for dead.
    tokio::time::sleep(Duration::from_secs(3)).await;
    ends.store(true, Ordering::SeqCst);
    let mut sent = 0;
    for publishing in publishing {
        sent += publishing.await.unwrap();
    }
    let tally = Tally::default().until(&mut heard, sent).await;
    assert_eq!((tally.accounted(), tally.unknown), (sent, 0));
}

/// When nothing is announced any more by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_away_for_long_is_told_what_was_missed_when_it_is_back() {
    let (prefix, proxy) = (unique_prefix(), Proxy::before(&nats_url()).await);
    let listener = node(&proxy.url, &prefix).await;
    let mut heard = subscribe(&listener, "shop").await;
    // It announces for seven seconds at most.
    let config = config(&prefix).announce(Duration::from_millis(10));
    let bus = NatsEventBus::connect(&nats_url(), config.unwrap())
        .await
        .unwrap();
    crate::acquainted(&listener, 1).await;
    let publish = async |name: &str, version| {
        let event = typed("order-1", TYPES[1], version);
        bus.publish(&namespace(name), event).await.unwrap();
    };
    publish("shop", 1).await;
    let before = Tally::default().until(&mut heard[0], 1).await;
    assert_eq!((before.received, before.missed), (1, 0));
    proxy.set_down(true);
    for version in 2..=4 {
        publish("shop", version).await;
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    proxy.set_down(false);
    let [all, paid] = &mut heard;
    let all = Tally::default().until(all, 3).await;
    // This one has not been read yet.
    let paid = Tally::default().until(paid, 4).await;
    assert_eq!((all.missed, paid.missed), (3, 3));
    assert_eq!((all.unknown, paid.unknown), (0, 0));
}
