//! `docs/wire-format.md` is enough to write a reader in another language: here is one that was
//! written from it, held against the store. The store writes, the reader reads; what both read,
//! they read alike.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics says where"
)]

mod any_messages;
mod by_hand;
mod chained;
mod compared;
mod heads;
mod page;
mod reader;
mod refused;
mod sent;
mod snapshots;
#[path = "../support/mod.rs"]
mod support;
mod written;
