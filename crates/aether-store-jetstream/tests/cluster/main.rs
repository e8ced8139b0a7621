//! What goes wrong in a cluster: each test has three servers of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics says where"
)]

mod feed;
mod heard;
mod hearing;
mod leader;
mod old_leader;
mod own_cluster;
#[path = "../support/mod.rs"]
mod support;

use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
