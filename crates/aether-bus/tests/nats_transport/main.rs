//! What every bus does, over NATS: the same cases as within a process.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics says where"
)]

mod beside;
#[path = "../transport/cases.rs"]
mod cases;
#[path = "../support/nats.rs"]
mod nats;
#[path = "../transport/suite.rs"]
mod suite;
#[path = "../support/mod.rs"]
mod support;

use aether_bus::NatsEventBus;
use suite::{Transport, suite};

/// Nodes with a connection each, on a bus of their own.
struct Nats {
    prefix: String,
}

impl Nats {
    fn new() -> Self {
        let prefix = nats::unique_prefix();
        Self { prefix }
    }
}

impl Transport for Nats {
    type Bus = NatsEventBus;

    async fn node(&self) -> NatsEventBus {
        nats::node(&nats::nats_url(), &self.prefix).await
    }
}

suite!(over_nats, crate::Nats::new());
