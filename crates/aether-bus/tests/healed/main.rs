//! Notices that are healed by a store's feed: whatever the bus loses, each event is told once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics says where"
)]

mod errors;
mod fills;
mod from_now;
mod model;
mod shop;
#[path = "../support/mod.rs"]
mod support;
