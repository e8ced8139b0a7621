//! The order of all events of the store, and who waits for the next one.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use aether_core::Position;
use crossbeam_utils::CachePadded;

/// Gives each event its place among all events.
pub(crate) struct Order {
    /// Which store this is: positions of another are refused.
    incarnation: u64,
    /// The sequence that the next event gets; the first is 1.
    next: CachePadded<AtomicU64>,
    /// How many feeds wait.
    waiting: AtomicUsize,
    appended: event_listener::Event,
}

impl Order {
    pub(crate) fn new() -> Self {
        Self {
            // The standard hasher's keys are random for each process and differ for each state.
            incarnation: RandomState::new().hash_one(0),
            next: CachePadded::new(AtomicU64::new(1)),
            waiting: AtomicUsize::new(0),
            appended: event_listener::Event::new(),
        }
    }

    pub(crate) fn incarnation(&self) -> u64 {
        self.incarnation
    }

    pub(crate) fn position(&self, sequence: u64) -> Position {
        Position::new(self.incarnation, sequence, 0)
    }

    /// The sequence after the last one that was taken.
    pub(crate) fn end(&self) -> u64 {
        self.next.load(Ordering::SeqCst)
    }

    /// Takes this many sequences; gives the first.
    #[inline]
    pub(crate) fn take(&self, count: u64) -> u64 {
        self.next.fetch_add(count, Ordering::SeqCst)
    }

    /// Wakes the feeds that wait, after an append has taken sequences.
    ///
    /// An append takes sequences and then looks for waiting feeds; a feed says that it waits and
    /// then looks at the sequences ([`wait_past`](Self::wait_past)). All four are sequentially
    /// consistent, so at least one of the two sees the other: no feed sleeps while there is
    /// something to read. Where nobody waits this costs an append one load.
    #[inline]
    pub(crate) fn wake(&self) {
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.appended.notify(usize::MAX);
        }
    }

    /// Waits until this sequence was taken; gives the end as it is then.
    pub(crate) async fn wait_past(&self, sequence: u64) -> u64 {
        let _waiting = Waiting::new(&self.waiting);
        loop {
            let listener = self.appended.listen();
            let end = self.end();
            if end > sequence {
                return end;
            }
            listener.await;
        }
    }
}

/// One feed that waits, until this is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
