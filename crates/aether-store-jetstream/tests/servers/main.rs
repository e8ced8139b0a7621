//! What goes wrong when a server is killed, loses what it had, or has no more room: each test has
//! a server of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics says where"
)]

mod chain;
mod damaged;
mod feed;
mod files;
mod full;
mod hearing;
mod killed;
mod lost;
mod own_server;
#[path = "../support/mod.rs"]
mod support;

use std::time::Duration;

use aether_store_jetstream::JetStreamConfig;

const SECOND: Duration = Duration::from_secs(1);

/// For stores that stay while their server is restarted: a client pauses for up to 4 s before it
/// connects again.
fn patient_config(stream: &str) -> JetStreamConfig {
    JetStreamConfig::new(stream)
        .request_timeout(SECOND / 2)
        .deadline(6 * SECOND)
}

/// For those that are to find out at once that there is no answer.
fn hasty_config(stream: &str) -> JetStreamConfig {
    patient_config(stream).deadline(SECOND)
}
