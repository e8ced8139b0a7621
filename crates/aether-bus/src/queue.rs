//! What waits for one subscriber alone: bounded, and what is dropped is counted where it would have
//! been.
//!
//! # Why no event is lost without a gap
//!
//! Each entry has the number of events that were dropped right before it, and the queue that of
//! those after its last entry. An event that is offered is under one lock queued, put behind those
//! that wait for room, or added to one of those numbers; dropping an entry adds it, and the number
//! it has, to the next one. So at any time entries, numbers and those that wait are together all
//! that was offered, in its order. The subscriber takes entries from the front with their numbers,
//! the last number only where there is no entry, and the end only where there is neither. What is
//! taken makes room, into which those that wait longest are moved at once, by whoever takes: there
//! is never room where somebody waits. Where the end comes first, they are among those dropped last.
//! What was lost on its way here is added to the number of those after the last entry.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::sync::oneshot;

use crate::lost::Lost;
use crate::{Published, Subscribe, SubscriptionEnd, WhenFull};

/// What waits for one subscriber.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    capacity: usize,
    when_full: WhenFull,
    waits: Duration,
}

#[derive(Debug, Default)]
struct State {
    entries: VecDeque<Entry>,
    /// How many were dropped after the last entry.
    missed: Lost,
    /// Events whose publishers wait for room, the oldest first.
    waiting: VecDeque<Waiting>,
    tickets: u64,
    subscriber: Option<Waker>,
    end: Option<SubscriptionEnd>,
}

/// An event that waits for room.
#[derive(Debug)]
struct Waiting {
    ticket: u64,
    published: Published,
    settled: oneshot::Sender<Offered>,
}

/// What the publisher of an event has that waits for room.
#[derive(Debug)]
pub(crate) struct Ticket {
    number: u64,
    pub(crate) settled: oneshot::Receiver<Offered>,
}

/// An event, and how many were dropped right before it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) missed: Lost,
    pub(crate) published: Published,
}

/// What became of an event that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offered {
    Queued,
    /// It was queued in the place of an older one.
    QueuedForAnother,
    Dropped,
    /// Nobody takes it any more.
    Ended,
}

/// What a subscriber takes.
#[derive(Debug)]
pub(crate) enum Taken {
    /// Some entries.
    Entries,
    /// So many were dropped after all that was taken.
    Missed(Lost),
    End(SubscriptionEnd),
}

/// What is to be dropped.
pub(crate) type Gone = SmallVec<[Published; 8]>;

/// Who is to be woken or told, and what is to be dropped, when no lock is held: all of that may run
/// code of others.
#[derive(Debug, Default)]
pub(crate) struct Afterwards {
    pub(crate) wakers: Vec<Option<Waker>>,
    pub(crate) gone: Gone,
    settled: Vec<(oneshot::Sender<Offered>, Offered)>,
    /// A waker that another one has taken the place of.
    pub(crate) replaced: Option<Waker>,
}

impl Drop for Afterwards {
    fn drop(&mut self) {
        // One that panics keeps nobody else asleep.
        let mut panicked = None;
        for (settled, offered) in self.settled.drain(..) {
            // Nobody is there where the publisher was dropped meanwhile.
            let told = catch_unwind(AssertUnwindSafe(|| settled.send(offered)));
            panicked = panicked.or(told.err());
        }
        for waker in self.wakers.drain(..).flatten() {
            let woken = catch_unwind(AssertUnwindSafe(|| waker.wake()));
            panicked = panicked.or(woken.err());
        }
        if let Some(panicked) = panicked
            && !std::thread::panicking()
        {
            resume_unwind(panicked);
        }
    }
}

impl Queue {
    pub(crate) fn new(asked: &Subscribe) -> Self {
        Self {
            state: Mutex::default(),
            capacity: asked.capacity,
            when_full: asked.when_full,
            waits: asked.waits,
        }
    }

    /// How long a publisher waits for room.
    pub(crate) fn waits(&self) -> Duration {
        self.waits
    }

    /// How many events wait.
    pub(crate) fn len(&self) -> usize {
        self.state.lock().entries.len()
    }

    /// Offers an event, of a publisher that can wait or not: a ticket where it has to.
    pub(crate) fn offer(
        &self,
        published: &Published,
        can_wait: bool,
        afterwards: &mut Afterwards,
    ) -> Result<Offered, Ticket> {
        let mut state = self.state.lock();
        if state.end.is_some() {
            return Ok(Offered::Ended);
        }
        if can_wait && !self.waits.is_zero() && state.entries.len() >= self.capacity {
            let (sender, receiver) = oneshot::channel();
            let number = state.tickets;
            state.tickets += 1;
            state.waiting.push_back(Waiting {
                ticket: number,
                published: published.clone(),
                settled: sender,
            });
            return Err(Ticket {
                number,
                settled: receiver,
            });
        }
        Ok(self.put(&mut state, published.clone(), afterwards))
    }

    /// An event waits no longer; what became of it, unless that was told by its ticket.
    pub(crate) fn give_up(&self, ticket: &Ticket, afterwards: &mut Afterwards) -> Option<Offered> {
        let mut state = self.state.lock();
        // Tickets rise.
        let number = ticket.number;
        let found = state
            .waiting
            .binary_search_by_key(&number, |waiting| waiting.ticket);
        let waiting = state.waiting.remove(found.ok()?)?;
        Some(self.put(&mut state, waiting.published, afterwards))
    }

    fn put(&self, state: &mut State, published: Published, afterwards: &mut Afterwards) -> Offered {
        let mut offered = Offered::Queued;
        if state.entries.len() >= self.capacity {
            match self.when_full {
                WhenFull::DropOldest => {
                    offered = Offered::QueuedForAnother;
                    if let Some(oldest) = state.entries.pop_front() {
                        let next = match state.entries.front_mut() {
                            Some(next) => &mut next.missed,
                            None => &mut state.missed,
                        };
                        next.add(oldest.missed);
                        next.add(Lost::exactly(1));
                        afterwards.gone.push(oldest.published);
                    }
                }
                WhenFull::DropNewest => {
                    state.missed.add(Lost::exactly(1));
                    afterwards.gone.push(published);
                    return Offered::Dropped;
                }
                WhenFull::Disconnect => {
                    afterwards.gone.push(published);
                    Self::finish(state, SubscriptionEnd::Disconnected, afterwards);
                    return Offered::Dropped;
                }
            }
        }
        state.entries.push_back(Entry {
            missed: std::mem::take(&mut state.missed),
            published,
        });
        afterwards.wakers.extend(state.subscriber.take().map(Some));
        offered
    }

    /// So many were lost on their way here.
    pub(crate) fn add_gap(&self, missed: Lost, afterwards: &mut Afterwards) {
        let mut state = self.state.lock();
        if state.end.is_some() {
            return;
        }
        if self.when_full == WhenFull::Disconnect {
            return Self::finish(&mut state, SubscriptionEnd::Disconnected, afterwards);
        }
        state.missed.add(missed);
        afterwards.wakers.extend(state.subscriber.take().map(Some));
    }

    /// Nothing more comes in: what waits is still given.
    pub(crate) fn end(&self, end: SubscriptionEnd, afterwards: &mut Afterwards) {
        Self::finish(&mut self.state.lock(), end, afterwards);
    }

    fn finish(state: &mut State, end: SubscriptionEnd, afterwards: &mut Afterwards) {
        if state.end.is_some() {
            return;
        }
        state.end = Some(end);
        let offered = match end {
            SubscriptionEnd::Unsubscribed => Offered::Ended,
            _ => Offered::Dropped,
        };
        state.missed.add(Lost::exactly(state.waiting.len() as u64));
        for waiting in state.waiting.drain(..) {
            afterwards.gone.push(waiting.published);
            afterwards.settled.push((waiting.settled, offered));
        }
        afterwards.wakers.extend(state.subscriber.take().map(Some));
    }

    /// The subscriber is gone: nothing more comes in, and what waits goes.
    pub(crate) fn close(&self) {
        let mut afterwards = Afterwards::default();
        let mut state = self.state.lock();
        Self::finish(&mut state, SubscriptionEnd::Unsubscribed, &mut afterwards);
        let entries = std::mem::take(&mut state.entries);
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
        // Dropped after the lock is.
        let mut afterwards = Afterwards::default();
        // Cloning may run code of others.
        let mut waker = None;
        loop {
            let mut state = self.state.lock();
            let count = state.entries.len().min(at_once);
            if count > 0 {
                if count == state.entries.len() {
                    std::mem::swap(&mut state.entries, taken);
                } else {
                    taken.extend(state.entries.drain(..count));
                }
                self.move_up(&mut state, &mut afterwards);
                return Poll::Ready(Taken::Entries);
            }
            if !state.missed.is_none() {
                return Poll::Ready(Taken::Missed(std::mem::take(&mut state.missed)));
            }
            if let Some(end) = state.end {
                return Poll::Ready(Taken::End(end));
            }
            let there = state.subscriber.as_ref();
            if there.is_some_and(|there| there.will_wake(cx.waker())) {
                return Poll::Pending;
            }
            if let Some(waker) = waker.take() {
                afterwards.replaced = state.subscriber.replace(waker);
                return Poll::Pending;
            }
            drop(state);
            waker = Some(cx.waker().clone());
        }
    }

    /// Into the room that there is go those that have waited longest.
    fn move_up(&self, state: &mut State, afterwards: &mut Afterwards) {
        while state.entries.len() < self.capacity
            && let Some(waiting) = state.waiting.pop_front()
        {
            let offered = self.put(state, waiting.published, afterwards);
            afterwards.settled.push((waiting.settled, offered));
        }
    }
}
