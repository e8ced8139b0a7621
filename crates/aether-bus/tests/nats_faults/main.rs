//! What may go wrong with a bus over NATS: servers that are killed, connections that are cut, messages
//! that are lost, too large, or somebody else's.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics says where"
)]

mod accounting;
mod gone;
mod lost;
mod names;
mod refused;

#[allow(dead_code, reason = "these tests use a part of it")]
#[path = "../../../aether-store-jetstream/tests/support/frame.rs"]
mod frame;
#[path = "../support/nats.rs"]
mod nats;
#[allow(dead_code, reason = "these tests use a part of it")]
#[path = "../../../aether-store-jetstream/tests/support/proxy.rs"]
mod proxy;
#[allow(dead_code, reason = "these tests use a part of it")]
#[path = "../../../aether-store-jetstream/tests/support/server.rs"]
mod server;
#[path = "../support/mod.rs"]
mod support;

use std::time::Duration;

use aether_bus::{Delivery, Missed, NatsEventBus, Subscribe, Subscription};

/// However slow the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came to a subscription so far.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Tally {
    received: u64,
    missed: u64,
    unknown: u64,
}

impl Tally {
    fn accounted(self) -> u64 {
        self.received + self.missed
    }

    fn add(&mut self, delivery: &Delivery) {
        match delivery {
            Delivery::Event(_) => self.received += 1,
            Delivery::Gap {
                missed: Missed::Exactly(missed),
            } => self.missed += missed,
            Delivery::Gap { .. } => self.unknown += 1,
        }
    }

    /// Takes what comes until so many are accounted for.
    async fn until(mut self, subscription: &mut Subscription, accounted: u64) -> Self {
        let all = async {
            while self.accounted() < accounted {
                match subscription.next().await {
                    Some(delivery) => self.add(&delivery),
                    None => return,
                }
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, all).await;
        assert!(in_time.is_ok(), "{self:?} of {accounted}");
        self
    }

    /// The same of all that has come by now.
    fn and_what_is_there(mut self, subscription: &mut Subscription) -> Self {
        use futures_util::FutureExt as _;
        while let Some(Some(delivery)) = subscription.next().now_or_never() {
            self.add(&delivery);
        }
        self
    }
}

/// Waits until this node knows so many others, and they know of all its subscriptions.
async fn acquainted(bus: &NatsEventBus, nodes: u64) {
    until("nodes don't hear of each other", || {
        let stats = bus.stats();
        (stats.nodes, stats.strangers) == (nodes, 0)
    })
    .await;
}

/// Waits until the server has had all that this node has published.
async fn settled(bus: &NatsEventBus) {
    let asked = Subscribe::to(support::namespace("settled"));
    drop(bus.subscribe(asked).await.unwrap());
}

/// Waits until this is so.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, wait).await;
    assert!(in_time.is_ok(), "{what}");
}
