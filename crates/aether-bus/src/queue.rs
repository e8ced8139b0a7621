//! What waits for one subscriber alone: bounded, and what is dropped is counted where it would have been.
//!
//! # Why no event is lost without a gap
//!
//! Each entry has the number of events that were dropped right before it, and the queue that of
//! those after its last entry. An event that is offered is under one lock either queued, or added
//! to one of those numbers; dropping an entry adds it, and the number it has, to the next one. So
//! at any time entries and numbers together are all that was offered, in its order. The subscriber
//! takes entries from the front with their numbers, the last number only where there is no entry,
//! and the end only where there is neither. A publisher that waits for room is counted as long as
//! it does: where the end comes first, what it has is among those dropped last.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use event_listener::{Event as Notice, EventListener};
use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::{Published, Subscribe, SubscriptionEnd, WhenFull};

/// What waits for one subscriber.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Told when there is room.
    room: Notice,
    capacity: usize,
    when_full: WhenFull,
    waits: Duration,
}

#[derive(Debug, Default)]
struct State {
    entries: VecDeque<Entry>,
    /// How many were dropped after the last entry.
    missed: u64,
    /// How many publishers wait for room.
    waiting: u64,
    subscriber: Option<Waker>,
    end: Option<SubscriptionEnd>,
}

/// An event, and how many were dropped right before it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) missed: u64,
    pub(crate) published: Published,
}

/// What became of an event that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offered {
    Queued,
    /// It was queued in the place of an older one.
    QueuedForAnother,
    Dropped,
    /// There is no room, and the publisher is to wait: [`Queue::offer_again`] has to follow.
    Full,
    /// Nobody takes it any more.
    Ended,
}

/// What a subscriber takes.
#[derive(Debug)]
pub(crate) enum Taken {
    /// Some entries.
    Entries,
    /// So many were dropped after all that was taken.
    Missed(u64),
    End(SubscriptionEnd),
}

/// What is to be dropped.
pub(crate) type Gone = SmallVec<[Published; 8]>;

/// Who is to be woken and what is to be dropped when no lock is held: both may run code of others.
#[derive(Debug, Default)]
pub(crate) struct Afterwards {
    pub(crate) wakers: Vec<Waker>,
    pub(crate) dropped: Gone,
}

impl Drop for Afterwards {
    fn drop(&mut self) {
        self.wakers.drain(..).for_each(Waker::wake);
    }
}

impl Queue {
    pub(crate) fn new(asked: &Subscribe) -> Self {
        Self {
            state: Mutex::default(),
            room: Notice::new(),
            capacity: asked.capacity,
            when_full: asked.when_full,
            waits: asked.waits,
        }
    }

    /// How long a publisher waits for room.
    pub(crate) fn waits(&self) -> Duration {
        self.waits
    }

    /// Hears of room that there is from now on.
    pub(crate) fn listen(&self) -> EventListener {
        self.room.listen()
    }

    /// How many events wait.
    pub(crate) fn len(&self) -> usize {
        self.state.lock().entries.len()
    }

    /// Offers an event, of a publisher that can wait or not.
    pub(crate) fn offer(
        &self,
        published: &Published,
        can_wait: bool,
        afterwards: &mut Afterwards,
    ) -> Offered {
        let mut state = self.state.lock();
        if state.end.is_some() {
            return Offered::Ended;
        }
        if can_wait && !self.waits.is_zero() && state.entries.len() >= self.capacity {
            state.waiting += 1;
            return Offered::Full;
        }
        self.put(&mut state, published, afterwards)
    }

    /// Offers an event again that had to wait, once more or for the last time.
    pub(crate) fn offer_again(
        &self,
        published: &Published,
        is_last: bool,
        afterwards: &mut Afterwards,
    ) -> Offered {
        let mut state = self.state.lock();
        if !is_last && state.end.is_none() && state.entries.len() >= self.capacity {
            return Offered::Full;
        }
        state.waiting -= 1;
        match state.end {
            // It is among those that were missed at the end.
            Some(_) => Offered::Dropped,
            None => self.put(&mut state, published, afterwards),
        }
    }

    fn put(
        &self,
        state: &mut State,
        published: &Published,
        afterwards: &mut Afterwards,
    ) -> Offered {
        let mut offered = Offered::Queued;
        if state.entries.len() >= self.capacity {
            match self.when_full {
                WhenFull::DropOldest => {
                    offered = Offered::QueuedForAnother;
                    if let Some(oldest) = state.entries.pop_front() {
                        let missed = oldest.missed.saturating_add(1);
                        match state.entries.front_mut() {
                            Some(next) => next.missed = next.missed.saturating_add(missed),
                            None => state.missed = state.missed.saturating_add(missed),
                        }
                        afterwards.dropped.push(oldest.published);
                    }
                }
                WhenFull::DropNewest => {
                    state.missed = state.missed.saturating_add(1);
                    return Offered::Dropped;
                }
                WhenFull::Disconnect => {
                    self.finish(state, SubscriptionEnd::Disconnected, afterwards);
                    return Offered::Dropped;
                }
            }
        }
        state.entries.push_back(Entry {
            missed: std::mem::take(&mut state.missed),
            published: published.clone(),
        });
        afterwards.wakers.extend(state.subscriber.take());
        offered
    }

    /// Nothing more comes in: what waits is still given.
    pub(crate) fn end(&self, end: SubscriptionEnd, afterwards: &mut Afterwards) {
        self.finish(&mut self.state.lock(), end, afterwards);
    }

    fn finish(&self, state: &mut State, end: SubscriptionEnd, afterwards: &mut Afterwards) {
        if state.end.is_none() {
            state.end = Some(end);
            state.missed = state.missed.saturating_add(state.waiting);
            afterwards.wakers.extend(state.subscriber.take());
            self.room.notify(usize::MAX);
        }
    }

    /// The subscriber is gone: nothing more comes in, and what waits goes.
    pub(crate) fn close(&self) {
        let mut afterwards = Afterwards::default();
        let mut state = self.state.lock();
        self.finish(&mut state, SubscriptionEnd::Unsubscribed, &mut afterwards);
        let entries = std::mem::take(&mut state.entries);
        state.subscriber = None;
        drop(state);
        drop(entries);
    }

    /// Takes some entries into `taken`, which is empty.
    pub(crate) fn poll_take(
        &self,
        at_once: usize,
        taken: &mut VecDeque<Entry>,
        cx: &Context<'_>,
    ) -> Poll<Taken> {
        let mut state = self.state.lock();
        let count = state.entries.len().min(at_once);
        if count > 0 {
            if count == state.entries.len() {
                std::mem::swap(&mut state.entries, taken);
            } else {
                taken.extend(state.entries.drain(..count));
            }
            drop(state);
            self.room.notify(count);
            return Poll::Ready(Taken::Entries);
        }
        if state.missed > 0 {
            return Poll::Ready(Taken::Missed(std::mem::take(&mut state.missed)));
        }
        if let Some(end) = state.end {
            return Poll::Ready(Taken::End(end));
        }
        let before = match &mut state.subscriber {
            Some(waker) if waker.will_wake(cx.waker()) => None,
            waker => waker.replace(cx.waker().clone()),
        };
        drop(state);
        drop(before);
        Poll::Pending
    }
}
