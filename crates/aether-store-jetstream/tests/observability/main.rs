//! What a store tells those who watch it: spans, counts, and the trace in its commits' headers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics says where"
)]

mod counts;
mod recording;
mod spans;
#[path = "../support/mod.rs"]
mod support;
mod traces;

use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
