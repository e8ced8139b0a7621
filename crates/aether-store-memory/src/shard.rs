//! Some of the actors and their events, under one lock.

use aether_core::{
    ActorId, Appended, Commit, CommitContent, Event, ExpectedVersion, StoreError, Version,
};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::history::{Found, History};
use crate::log::Log;
use crate::order::Order;

/// Some of the actors, and the log of their events.
#[derive(Default)]
pub(crate) struct Shard {
    histories: HashTable<History>,
    log: Log,
}

impl Shard {
    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    pub(crate) fn history(&self, hash: u64, actor_id: &ActorId) -> Option<&History> {
        self.histories
            .find(hash, |history| history.actor_id == *actor_id)
    }

    pub(crate) fn history_mut(
        &mut self,
        hash: u64,
        actor_id: &ActorId,
        rehash: impl Fn(&ActorId) -> u64,
    ) -> &mut History {
        self.split_mut(hash, actor_id, rehash).0
    }

    /// The actor's history, made where there is none, and the log beside it.
    fn split_mut(
        &mut self,
        hash: u64,
        actor_id: &ActorId,
        rehash: impl Fn(&ActorId) -> u64,
    ) -> (&mut History, &mut Log) {
        let history = self
            .histories
            .entry(
                hash,
                |history| history.actor_id == *actor_id,
                |history| rehash(&history.actor_id),
            )
            .or_insert_with(|| History::new(actor_id.clone()))
            .into_mut();
        (history, &mut self.log)
    }

    /// Stores one event, if its version is above the actor's latest and that is as expected; else
    /// gives it back. The usual append, with as little copying as can be: the hot path.
    ///
    /// Sequences are taken while this shard is locked, and all that were taken are in the log
    /// before the lock is released: the feed relies on it.
    #[inline]
    pub(crate) fn append_event(
        &mut self,
        hash: u64,
        event: Event,
        expected: ExpectedVersion,
        rehash: impl Fn(&ActorId) -> u64,
        order: &Order,
    ) -> Result<Appended, Event> {
        let log = &mut self.log;
        let version = event.version();
        let fits = |latest| expected.admits(latest, version) && !log.is_full();
        let history = match self.histories.entry(
            hash,
            |history| history.actor_id == *event.actor_id(),
            |history| rehash(&history.actor_id),
        ) {
            Entry::Occupied(slot) if fits(slot.get().latest()) => slot.into_mut(),
            Entry::Vacant(slot) if fits(Version::ZERO) => slot
                .insert(History::new(event.actor_id().clone()))
                .into_mut(),
            _ => return Err(event),
        };
        let sequence = order.take(1);
        history.grow(log, event, sequence);
        Ok(Appended::stored(version, order.position(sequence)))
    }

    /// Stores a commit, or says why not: the complete rule.
    pub(crate) fn append(
        &mut self,
        hash: u64,
        commit: &Commit,
        rehash: impl Fn(&ActorId) -> u64,
        order: &Order,
    ) -> Result<Appended, StoreError> {
        // An actor that was never heard of stays so where its first commit is refused.
        if self.history(hash, commit.actor_id()).is_none() && !commit.fits(Version::ZERO) {
            return Err(commit.conflict_with(Version::ZERO).into());
        }
        let (history, log) = self.split_mut(hash, commit.actor_id(), rehash);
        let fits = commit.fits(history.latest());
        // A commit with versions that fit can't be a repeat; drafts always fit.
        if (!fits || commit.as_events().is_none())
            && let Some(repeated) = repeated(history, log, commit, order)?
        {
            return Ok(repeated);
        }
        if log.is_full() {
            return Err(full());
        }
        let events = commit.number_after(history.latest())?;
        let count = events.len() as u64;
        let first = order.take(count);
        let numbered = match commit.as_events() {
            Some(_) => Vec::new(),
            None => events.clone(),
        };
        for (event, sequence) in events.into_iter().zip(first..) {
            history.grow(log, event, sequence);
        }
        let last = order.position(first + count - 1);
        Ok(Appended::stored(history.latest(), last).with_numbered(numbered))
    }
}

/// What an earlier append of this commit did, if there was one (clause 6).
#[cold]
fn repeated(
    history: &History,
    log: &Log,
    commit: &Commit,
    order: &Order,
) -> Result<Option<Appended>, StoreError> {
    let found = match commit.content() {
        CommitContent::Event(event) => history.find(log, std::slice::from_ref(event)),
        CommitContent::Events(events) => history.find(log, events),
        CommitContent::Drafts(drafts) => history.find_drafts(log, drafts),
    };
    match found {
        Found::Missing => Ok(None),
        Found::Mismatch(mismatch) => Err(mismatch.into()),
        Found::All(entries) => {
            let Some(last) = entries.last() else {
                return Ok(None);
            };
            let repeated = Appended::repeated(last.event.version(), order.position(last.sequence));
            let is_numbered_here = commit.as_events().is_none();
            let numbered = entries.iter().filter(|_| is_numbered_here);
            let numbered = numbered.map(|entry| entry.event.clone()).collect();
            Ok(Some(repeated.with_numbered(numbered)))
        }
    }
}

#[cold]
fn full() -> StoreError {
    StoreError::TooLarge {
        what: "the log of one shard, counted in events,",
        bytes: u32::MAX as usize,
        max: u32::MAX as usize - Commit::EVENTS_MAX,
    }
}
