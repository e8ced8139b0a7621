//! What goes wrong in a cluster: each test has three servers of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics says where"
)]

mod heard;
mod leader;
mod old_leader;
mod own_cluster;
#[path = "../support/mod.rs"]
mod support;
