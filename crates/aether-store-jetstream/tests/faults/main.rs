//! What goes wrong, one by one, on a real server where it can be done on one.
//!
//! One server, not a cluster: a client that knows the others goes round the proxy.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics says where"
)]

mod again;
mod answers;
mod backwards;
mod connecting;
mod connection;
mod copied;
mod delayed;
mod dropped;
mod expiry;
mod feed;
mod heads;
mod hearing;
mod hints;
mod places;
mod stored;
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod verify;

use std::time::Duration;

use aether_core::StoreError;

const SECOND: Duration = Duration::from_secs(1);

fn misconfigured(error: &StoreError) -> &str {
    match error {
        StoreError::Misconfigured { what, .. } => what,
        other => panic!("not misconfigured, but {other:?}"),
    }
}
