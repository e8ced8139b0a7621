//! What goes wrong in a cluster: each test has three servers of its own.

mod heard;
mod leader;
mod old_leader;
mod own_cluster;
#[path = "../support/mod.rs"]
mod support;
