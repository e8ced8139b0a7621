//! What the tests share that need a server.

#![allow(dead_code, reason = "each test target uses a part of it")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aether_bus::{NatsBusConfig, NatsEventBus};

/// Where the server is. Without one these tests fail: passing by not running is a lie.
pub(crate) fn nats_url() -> String {
    std::env::var("AETHER_NATS_URL").unwrap_or_else(|_| {
        panic!("AETHER_NATS_URL is not set: run `cargo xtask integration`, which starts a server")
    })
}

/// A prefix that no other test uses, in this run or any other.
pub(crate) fn unique_prefix() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let nanos = now.unwrap().as_nanos() % 1_000_000_000_000;
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("t-{nanos}-{}-{count}", std::process::id())
}

/// Nodes that tell of themselves soon, so that tests don't wait for it.
pub(crate) fn config(prefix: &str) -> NatsBusConfig {
    let config = NatsBusConfig::new(prefix).unwrap();
    let config = config.heartbeat(Duration::from_millis(500)).unwrap();
    config.announce(Duration::from_millis(50)).unwrap()
}

pub(crate) async fn node(url: &str, prefix: &str) -> NatsEventBus {
    NatsEventBus::connect(url, config(prefix)).await.unwrap()
}
