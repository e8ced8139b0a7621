//! What a bus has done so far.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a [`NatsEventBus`](crate::NatsEventBus) has done so far, since it was connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct NatsBusStats {
    /// Events that were handed to the connection.
    pub sent: u64,
    /// Events that were given a number and not sent, because the connection had no room for who
    /// could not wait: others learn of a gap.
    pub left_out: u64,
    /// Events of other nodes that were heard, once for each subject that is listened to.
    pub heard: u64,
    /// Events of other nodes that were missed on the way, as far as they could be counted.
    pub missed: u64,
    /// How many times something may have been missed that nobody can count.
    pub unknown: u64,
    /// Messages that are none of a bus of this release.
    pub foreign: u64,
    /// Messages of a bus whose event can't be read. They are among those missed.
    pub unreadable: u64,
    /// How many other nodes are there.
    pub nodes: u64,
    /// How many of them have not yet answered what they were asked: they may not have heard of all
    /// subscriptions of this node.
    pub strangers: u64,
}

/// The same while it changes.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) sent: AtomicU64,
    pub(crate) left_out: AtomicU64,
    pub(crate) heard: AtomicU64,
    pub(crate) missed: AtomicU64,
    pub(crate) unknown: AtomicU64,
    pub(crate) foreign: AtomicU64,
    pub(crate) unreadable: AtomicU64,
}

pub(crate) fn count(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

impl Counters {
    pub(crate) fn stats(&self, (nodes, strangers): (usize, usize)) -> NatsBusStats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        NatsBusStats {
            sent: count(&self.sent),
            left_out: count(&self.left_out),
            heard: count(&self.heard),
            missed: count(&self.missed),
            unknown: count(&self.unknown),
            foreign: count(&self.foreign),
            unreadable: count(&self.unreadable),
            nodes: nodes as u64,
            strangers: strangers as u64,
        }
    }
}
