//! One queue for all subscribers that ask for the same and go on with what is new when they are
//! late: an event is put into it once, however many they are.
//!
//! Each subscriber has a cursor, the number of the event that it takes next. What lies further back
//! than its capacity is not for it any more: it finds that out itself, and how many those were, when
//! it takes what comes next. An event goes when all cursors have passed it, or when it lies further
//! back than the largest capacity.
//!
//! # Why nobody sleeps while there is something to take
//!
//! A subscriber looks for events and parks under one read lock; a publisher adds an event and takes
//! all that are parked under one write lock. So a subscriber that has found nothing is parked before
//! the next event is added, and whoever adds it wakes it.
//!
//! # Why every event is given or counted
//!
//! A cursor is moved by its subscriber only, to behind what it took, and begins at the end. Between
//! where it stands and where it takes from there are just the events that it counts as missed. None
//! goes earlier: what goes lies before all cursors, or further back than any capacity, where nobody
//! takes it.
//!
//! What was lost on its way here is in no event. It is kept as sums: how much was lost in all before
//! each place where something was. A subscriber remembers the sum at its own place, and what it is
//! told of is the difference. So nothing has to be done for each of them, and however much is lost
//! there is at most one sum for each event.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::{Mutex, RwLock, RwLockWriteGuard};

use crate::lost::{Lost, Sum};
use crate::queue::{Afterwards, Entry, Gone, Taken};
use crate::{Published, Receipt, SubscriptionEnd};

/// After how many events it is looked what all have passed, at the latest.
const TRIMMED_EVERY: u64 = 64;

/// A queue that many subscribers share.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    log: RwLock<Log>,
    /// Locked after the log.
    parked: Mutex<Parked>,
    /// Whether anybody is. It becomes true under a read lock, and false under the write lock.
    has_parked: AtomicBool,
    /// How many cursors are at the end. It rises under a read lock, and changes in any other way
    /// under the write lock only.
    at_end: AtomicUsize,
    /// The number that the next event gets, for who only guesses whether there is any.
    next: AtomicU64,
}

#[derive(Debug, Default)]
struct Log {
    events: VecDeque<Published>,
    /// The number of the first of them.
    first: u64,
    /// Of all subscribers, by their ids, which rise.
    cursors: Vec<Arc<Cursor>>,
    /// How many subscribers have which capacity.
    capacities: BTreeMap<u64, usize>,
    /// The largest of them.
    largest: u64,
    /// Subscribers that were so far behind at the last look that the next event is one too many.
    laggards: Vec<Arc<Cursor>>,
    /// The other ones, by when that is, at the earliest.
    due: BTreeMap<(u64, u64), Arc<Cursor>>,
    /// Where something was lost on its way here: before the event with this number, and how much in
    /// all up to there. None lies before the first event.
    marks: VecDeque<(u64, Sum)>,
    /// How much was lost before all marks.
    lost_before: Sum,
    /// How much in all.
    lost: Sum,
    /// At the event with this number it is looked what all have passed.
    trim_at: u64,
    end: Option<SubscriptionEnd>,
}

/// Where a subscriber is.
#[derive(Debug)]
struct Cursor {
    id: u64,
    capacity: u64,
    /// The number of the event that it takes next. Set by the subscriber under a read lock, and
    /// otherwise looked at under the write lock only.
    next: AtomicU64,
    /// What it is due by. Under the write lock only.
    due_at: AtomicU64,
}

impl Cursor {
    /// The number of the event that is one too many, if it takes none before.
    fn full_at(&self) -> u64 {
        let next = self.next.load(Ordering::Relaxed);
        next.saturating_add(self.capacity)
    }
}

#[derive(Debug, Default)]
struct Parked {
    /// How often all were woken.
    generation: u64,
    wakers: Vec<Option<Waker>>,
    /// Places that nobody has.
    free: Vec<usize>,
}

impl Parked {
    /// A place that nobody has.
    fn place(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.wakers.push(None);
            self.wakers.len() - 1
        })
    }
}

/// One subscriber's part of the ring. Dropping it leaves.
#[derive(Debug)]
pub(crate) struct Seat {
    ring: Arc<Ring>,
    cursor: Arc<Cursor>,
    /// Where it is parked, and when that was.
    parked: Option<(u64, usize)>,
    /// How much was lost up to where the cursor is, and was told.
    told: Sum,
}

impl Log {
    /// The number that the next event gets.
    fn end(&self) -> u64 {
        self.first + self.events.len() as u64
    }

    fn lag(&self, cursor: &Cursor) -> u64 {
        self.end() - cursor.next.load(Ordering::Relaxed)
    }

    /// How many subscribers miss an event when one is added: the cursors are looked at of those who
    /// do, or may do by now.
    fn behind(&mut self, afterwards: &mut Afterwards) -> usize {
        let end = self.end();
        if end >= self.trim_at {
            self.trim_at = end + TRIMMED_EVERY;
            afterwards.gone.extend(self.trim());
        }
        let is_due = |due: Option<(&(u64, u64), _)>| due.is_some_and(|((due, _), _)| *due <= end);
        if self.laggards.is_empty() && !is_due(self.due.first_key_value()) {
            return 0;
        }
        let mut laggards = std::mem::take(&mut self.laggards);
        laggards.retain(|cursor| {
            let is_late = self.lag(cursor) >= cursor.capacity;
            if !is_late {
                self.set_due(cursor.clone());
            }
            is_late
        });
        while let Some(first) = self.due.first_entry()
            && first.key().0 <= end
        {
            let cursor = first.remove();
            match cursor.full_at() <= end {
                true => laggards.push(cursor),
                false => self.set_due(cursor),
            }
        }
        self.laggards = laggards;
        self.laggards.len()
    }

    fn set_due(&mut self, cursor: Arc<Cursor>) {
        let due = cursor.full_at();
        cursor.due_at.store(due, Ordering::Relaxed);
        self.due.insert((due, cursor.id), cursor);
    }

    /// The number of the first event that is still for somebody.
    fn needed(&self) -> u64 {
        let end = self.end();
        let needed = self.cursors.iter().map(|cursor| {
            let next = cursor.next.load(Ordering::Relaxed);
            next.max(end.saturating_sub(cursor.capacity))
        });
        needed.min().unwrap_or(end)
    }

    /// Takes out what is for nobody any more.
    fn trim(&mut self) -> Gone {
        self.take_before(self.needed())
    }

    fn take_before(&mut self, first: u64) -> Gone {
        let gone = usize::try_from(first.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let gone: Gone = self.events.drain(..gone.min(self.events.len())).collect();
        self.first += gone.len() as u64;
        self.trim_marks();
        gone
    }

    fn trim_marks(&mut self) {
        while let Some((at, lost)) = self.marks.front()
            && *at <= self.first
        {
            self.lost_before = *lost;
            self.marks.pop_front();
        }
    }

    /// How much was lost before the event with this number, which is there.
    fn lost_before(&self, number: u64) -> Sum {
        let later = self.marks.partition_point(|(at, _)| *at <= number);
        let mark = later.checked_sub(1).and_then(|at| self.marks.get(at));
        mark.map_or(self.lost_before, |(_, lost)| *lost)
    }

    /// Says in what was taken from the event with this number on what was lost before, of which so
    /// much was told; and how much is told then.
    fn say_lost(&self, from: u64, taken: &mut VecDeque<Entry>, told: Sum) -> Sum {
        if self.marks.is_empty() && told == self.lost_before {
            return told;
        }
        let mut told = told;
        for (number, entry) in (from..).zip(taken) {
            let lost = self.lost_before(number);
            entry.missed.add(lost.since(told));
            told = lost;
        }
        told
    }
}

impl Ring {
    /// Adds an event, for all subscribers at once.
    pub(crate) fn add(
        &self,
        published: &Published,
        receipt: &mut Receipt,
        afterwards: &mut Afterwards,
    ) {
        let mut log = self.log.write();
        if log.end.is_some() {
            return;
        }
        receipt.behind += log.behind(afterwards);
        receipt.queued += log.cursors.len();
        log.events.push_back(published.clone());
        if log.events.len() as u64 > log.largest {
            afterwards.gone.extend(log.events.pop_front());
            log.first += 1;
            log.trim_marks();
        }
        self.at_end.store(0, Ordering::Relaxed);
        self.next.store(log.end(), Ordering::Relaxed);
        self.wake(&log, afterwards);
    }

    /// So much was lost on its way here, of what all subscribers would have got.
    pub(crate) fn add_gap(&self, missed: Lost, afterwards: &mut Afterwards) {
        let mut log = self.log.write();
        if log.end.is_some() {
            return;
        }
        log.lost.add(missed);
        let (at, lost) = (log.end(), log.lost);
        match log.marks.back_mut() {
            Some((last, sum)) if *last == at => *sum = lost,
            _ => log.marks.push_back((at, lost)),
        }
        log.trim_marks();
        self.wake(&log, afterwards);
    }

    /// Whoever is parked is woken when the lock is dropped.
    fn wake(&self, _log: &RwLockWriteGuard<'_, Log>, afterwards: &mut Afterwards) {
        if !self.has_parked.load(Ordering::Relaxed) {
            return;
        }
        self.has_parked.store(false, Ordering::Relaxed);
        let mut parked = self.parked.lock();
        parked.generation += 1;
        parked.free.clear();
        // As many are going to park again.
        let places = Vec::with_capacity(parked.wakers.len());
        let woken = std::mem::replace(&mut parked.wakers, places);
        drop(parked);
        match afterwards.wakers.is_empty() {
            true => afterwards.wakers = woken,
            false => afterwards.wakers.extend(woken),
        }
    }

    /// A seat for one more, who gets what is added from now on.
    pub(crate) fn join(self: &Arc<Self>, id: u64, capacity: usize) -> Seat {
        let capacity = capacity as u64;
        let mut log = self.log.write();
        let end = log.end();
        let cursor = Arc::new(Cursor {
            id,
            capacity,
            next: AtomicU64::new(end),
            due_at: AtomicU64::new(0),
        });
        log.cursors.push(cursor.clone());
        log.set_due(cursor.clone());
        *log.capacities.entry(capacity).or_default() += 1;
        log.largest = log.largest.max(capacity);
        self.at_end.fetch_add(1, Ordering::Relaxed);
        Seat {
            ring: self.clone(),
            cursor,
            parked: None,
            told: log.lost,
        }
    }

    pub(crate) fn has_nobody(&self) -> bool {
        self.log.read().cursors.is_empty()
    }

    /// Nothing more comes in: what is there is still given.
    pub(crate) fn end(&self, end: SubscriptionEnd, afterwards: &mut Afterwards) {
        let mut log = self.log.write();
        log.end.get_or_insert(end);
        self.wake(&log, afterwards);
    }

    /// All have taken everything: it goes, unless more has come meanwhile. No cursor goes back, and
    /// who has joined meanwhile begins at the end.
    fn all_are_at(&self, end: u64) {
        let mut log = self.log.write();
        if log.end() == end {
            let gone = log.take_before(end);
            drop(log);
            drop(gone);
        }
    }
}

impl Seat {
    /// How many events wait.
    pub(crate) fn len(&self) -> usize {
        let lag = self.ring.log.read().lag(&self.cursor);
        usize::try_from(lag.min(self.cursor.capacity)).unwrap_or(usize::MAX)
    }

    /// Takes some entries into `taken`, which is empty.
    pub(crate) fn poll_take(
        &mut self,
        at_once: usize,
        taken: &mut VecDeque<Entry>,
        cx: &Context<'_>,
    ) -> Poll<Taken> {
        let (ring, cursor) = (&*self.ring, &*self.cursor);
        // Cloning may run code of others: no lock is held then. Where it seems that there is nothing
        // it is done first.
        let is_ahead = cursor.next.load(Ordering::Relaxed) != ring.next.load(Ordering::Relaxed);
        let mut waker = (!is_ahead).then(|| cx.waker().clone());
        let (log, before) = loop {
            let log = ring.log.read();
            let (end, next) = (log.end(), cursor.next.load(Ordering::Relaxed));
            if next < end {
                let from = next.max(end.saturating_sub(cursor.capacity)).max(log.first);
                let skipped = usize::try_from(from - log.first).unwrap_or(usize::MAX);
                let there = log.events.range(skipped..).take(at_once);
                taken.extend(there.map(|published| Entry {
                    missed: Lost::default(),
                    published: published.clone(),
                }));
                if let Some(first) = taken.front_mut() {
                    first.missed = Lost::exactly(from - next);
                }
                self.told = log.say_lost(from, taken, self.told);
                let next = from + taken.len() as u64;
                cursor.next.store(next, Ordering::Relaxed);
                if next == end {
                    ring.at_end.fetch_add(1, Ordering::Relaxed);
                }
                return Poll::Ready(Taken::Entries);
            }
            if self.told != log.lost {
                let missed = log.lost.since(std::mem::replace(&mut self.told, log.lost));
                return Poll::Ready(Taken::Missed(missed));
            }
            if let Some(end) = log.end {
                return Poll::Ready(Taken::End(end));
            }
            let mut parked = ring.parked.lock();
            let place = self.parked.filter(|(since, _)| *since == parked.generation);
            let place = place.map(|(_, index)| index);
            let there = place.and_then(|index| parked.wakers.get(index)?.as_ref());
            if there.is_some_and(|there| there.will_wake(cx.waker())) {
                return Poll::Pending;
            }
            if let Some(waker) = waker.take() {
                let index = place.unwrap_or_else(|| parked.place());
                let before = parked.wakers[index].replace(waker);
                self.parked = Some((parked.generation, index));
                break (log, before);
            }
            drop((parked, log));
            waker = Some(cx.waker().clone());
        };
        ring.has_parked.store(true, Ordering::Relaxed);
        let are_all = ring.at_end.load(Ordering::Relaxed) == log.cursors.len();
        let is_over = are_all && !log.events.is_empty();
        let end = log.end();
        drop(log);
        drop(before);
        if is_over {
            ring.all_are_at(end);
        }
        Poll::Pending
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let (ring, cursor) = (&*self.ring, &*self.cursor);
        let mut log = ring.log.write();
        let found = log
            .cursors
            .binary_search_by_key(&cursor.id, |other| other.id);
        let Ok(found) = found else {
            return;
        };
        log.cursors.remove(found);
        log.laggards.retain(|other| other.id != cursor.id);
        let due = (cursor.due_at.load(Ordering::Relaxed), cursor.id);
        log.due.remove(&due);
        if let Some(count) = log.capacities.get_mut(&cursor.capacity) {
            *count -= 1;
            if *count == 0 {
                log.capacities.remove(&cursor.capacity);
                let largest = log.capacities.last_key_value();
                log.largest = largest.map_or(0, |(capacity, _)| *capacity);
            }
        }
        if log.lag(cursor) == 0 {
            ring.at_end.fetch_sub(1, Ordering::Relaxed);
        }
        let gone = match log.events.is_empty() {
            true => Gone::new(),
            false => log.trim(),
        };
        let mut parked = ring.parked.lock();
        let place = self.parked.filter(|(since, _)| *since == parked.generation);
        let waker = place.and_then(|(_, index)| {
            parked.free.push(index);
            parked.wakers.get_mut(index)?.take()
        });
        drop(parked);
        drop(log);
        drop((gone, waker));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_parks_and_leaves_leaves_no_place_behind() {
        let ring = Arc::new(Ring::default());
        let cx = Context::from_waker(Waker::noop());
        let park = |seat: &mut Seat| {
            let mut taken = VecDeque::new();
            assert!(seat.poll_take(64, &mut taken, &cx).is_pending());
        };
        let mut stays = ring.join(0, 4);
        park(&mut stays);
        // Whose times overlap.
        let mut before = None;
        for id in 1..1_000 {
            let mut seat = ring.join(id, 4);
            park(&mut seat);
            before = Some(seat).filter(|_| before.take().is_none_or(|_: Seat| true));
        }
        drop(before);
        assert!(ring.parked.lock().wakers.len() <= 3);
        let log = ring.log.read();
        assert_eq!(
            (log.cursors.len(), log.due.len(), log.capacities.len()),
            (1, 1, 1)
        );
    }
}
