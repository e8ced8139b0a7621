//! One actor's place in a shard.
//!
//! An append touches the actor's slot in the table and the end of the log, and no third place:
//! events are linked backwards in the log. So that nothing has to walk far, every
//! [`PAGE_EVENTS`]th event is marked; a read goes from mark to mark.

use std::ops::Range;
use std::sync::Arc;

use aether_core::{ActorId, ActorSnapshot, Event, EventDraft, EventMismatch, Version};

use crate::log::{Log, Logged};

/// How many events there are between two marks.
pub(crate) const PAGE_EVENTS: usize = 64;

/// What is kept of one actor. Its events have numbers from 0 on: a history only grows at its end,
/// so a number means the same event for ever.
pub(crate) struct History {
    pub(crate) actor_id: ActorId,
    latest: Version,
    /// How many events there are.
    count: u32,
    /// Where the newest one is in the log; anything where there is none.
    newest: u32,
    /// What few actors need, apart, so that the slots are small.
    rare: Option<Box<Rare>>,
}

#[derive(Default)]
struct Rare {
    /// Where the events with the numbers 63, 127, 191, … are in the log.
    marks: Vec<u32>,
    snapshot: Option<ActorSnapshot>,
    turn: Arc<async_lock::Mutex<()>>,
}

/// What a look for events in a history found.
pub(crate) enum Found<'l> {
    /// All of them, as they are stored.
    All(Vec<Logged<'l>>),
    /// One of them is stored with other content.
    Mismatch(EventMismatch),
    /// At least one is not there.
    Missing,
}

impl History {
    pub(crate) fn new(actor_id: ActorId) -> Self {
        Self {
            actor_id,
            latest: Version::ZERO,
            count: 0,
            newest: 0,
            rare: None,
        }
    }

    /// The latest version.
    pub(crate) fn latest(&self) -> Version {
        self.latest
    }

    /// How many events there are.
    pub(crate) fn len(&self) -> usize {
        self.count as usize
    }

    /// Takes in an event that follows all others, and puts it at the end of the log.
    #[inline]
    pub(crate) fn grow(&mut self, log: &mut Log, event: Event, sequence: u64) {
        self.latest = event.version();
        self.newest = log.push(event, sequence, self.newest);
        self.count += 1;
        if (self.count as usize).is_multiple_of(PAGE_EVENTS) {
            self.mark();
        }
    }

    #[cold]
    fn mark(&mut self) {
        let newest = self.newest;
        self.rare().marks.push(newest);
    }

    pub(crate) fn snapshot(&self) -> Option<&ActorSnapshot> {
        self.rare.as_ref()?.snapshot.as_ref()
    }

    pub(crate) fn set_snapshot(&mut self, snapshot: ActorSnapshot) {
        self.rare().snapshot = Some(snapshot);
    }

    /// Held by the save whose notices are going out.
    pub(crate) fn turn(&mut self) -> Arc<async_lock::Mutex<()>> {
        Arc::clone(&self.rare().turn)
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    fn marks(&self) -> &[u32] {
        self.rare.as_ref().map_or(&[], |rare| &rare.marks)
    }

    /// The events with these numbers, which are within one page, from the last to the first.
    fn backwards<'l>(
        &self,
        log: &'l Log,
        numbers: Range<usize>,
    ) -> impl Iterator<Item = Logged<'l>> {
        // From the mark at the end of the page, or from the newest in a page that is not full.
        let page = numbers.start / PAGE_EVENTS;
        let (newest, count) = match self.marks().get(page) {
            Some(mark) => (*mark, (page + 1) * PAGE_EVENTS),
            None => (self.newest, self.len()),
        };
        let next = |logged: &Logged<'_>| log.get(logged.previous);
        std::iter::successors(log.get(newest), next)
            .take(count.saturating_sub(numbers.start))
            .skip(count.saturating_sub(numbers.end))
    }

    /// The events with these numbers, which are within one page, in order.
    pub(crate) fn entries<'l>(&self, log: &'l Log, numbers: Range<usize>) -> Vec<Logged<'l>> {
        let mut entries: Vec<_> = self.backwards(log, numbers).collect();
        entries.reverse();
        entries
    }

    /// The number of the first event with a version of at least `from`.
    pub(crate) fn first_at(&self, log: &Log, from: Version) -> usize {
        let below = |logged: Logged<'_>| logged.event.version() < from;
        let page = self
            .marks()
            .partition_point(|mark| log.get(*mark).is_some_and(below));
        let begin = page * PAGE_EVENTS;
        let end = self.len().min(begin + PAGE_EVENTS);
        let not_below = self
            .backwards(log, begin..end)
            .take_while(|logged| !below(*logged))
            .count();
        end - not_below
    }

    /// Looks for events that may have been stored already (clause 6).
    pub(crate) fn find<'l>(&self, log: &'l Log, events: &[Event]) -> Found<'l> {
        self.collect(events.iter().map(|event| {
            let number = self.first_at(log, event.version());
            let entry = self.backwards(log, number..number + 1).last()?;
            let same = entry.event.version() == event.version() && entry.event.id() == event.id();
            same.then_some((entry, entry.event == event))
        }))
    }

    /// Looks whether the newest events are what these drafts became (clause 6).
    pub(crate) fn find_drafts<'l>(&self, log: &'l Log, drafts: &[EventDraft]) -> Found<'l> {
        let Some(first) = self.len().checked_sub(drafts.len()) else {
            return Found::Missing;
        };
        self.collect(drafts.iter().zip(first..).map(|(draft, number)| {
            let entry = self.backwards(log, number..number + 1).last()?;
            (entry.event.id() == draft.event_id()).then_some((entry, draft.became(entry.event)))
        }))
    }

    /// From what was looked up for each event: the entry with its id, and whether it is equal.
    fn collect<'l>(&self, lookups: impl Iterator<Item = Option<(Logged<'l>, bool)>>) -> Found<'l> {
        let mut entries = Vec::new();
        let mut complete = true;
        for lookup in lookups {
            match lookup {
                None => complete = false,
                Some((entry, true)) => entries.push(entry),
                Some((entry, false)) => {
                    return Found::Mismatch(EventMismatch {
                        actor_id: self.actor_id.clone(),
                        version: entry.event.version(),
                        event_id: entry.event.id().clone(),
                    });
                }
            }
        }
        if complete {
            Found::All(entries)
        } else {
            Found::Missing
        }
    }
}
