//! What every bus does: the same cases for each.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics says where"
)]

mod cases;
mod suite;
#[path = "../support/mod.rs"]
mod support;

use aether_bus::EventBus;
use suite::{Transport, suite};

/// All in one process, by one bus.
#[derive(Default)]
struct Local(EventBus);

impl Transport for Local {
    type Bus = EventBus;

    async fn node(&self) -> EventBus {
        self.0.clone()
    }
}

suite!(local, crate::Local::default());
