//! Whether a commit that is offered is stored already, and where.

use std::sync::Arc;

use aether_core::{Appended, Event, EventDraft, StoreError, Version};

use super::Save;
use crate::head::Head;
use crate::message::StoredCommit;
use crate::patience::Patience;
use crate::recognise::{Found, find, find_drafts, first_version};
use crate::seek::{Covering, Take};
use crate::server::Server;

impl<S: Server> Save<'_, S> {
    /// The commit as it is stored already, if it is. The head learns what had to be read.
    pub(super) async fn recognise(
        &self,
        head: &mut Arc<Head>,
        newest: &StoredCommit,
        patience: &mut Patience,
    ) -> Result<Option<Appended>, StoreError> {
        match (self.drafts(), self.commit.as_events()) {
            (Some(drafts), _) => self.recognise_drafts(drafts, head, newest, patience).await,
            (_, Some(events)) => self.recognise_events(events, newest).await,
            _ => Ok(None),
        }
    }

    /// The same where the newest commit is the only one that is left, as a copy.
    pub(super) fn recognise_expired(
        &self,
        newest: &StoredCommit,
    ) -> Result<Option<Appended>, StoreError> {
        let found = match (self.drafts(), self.commit.as_events()) {
            (Some(drafts), _) => find_drafts(drafts, &newest.events)?,
            (None, events) => find(events.unwrap_or_default(), &newest.events)?,
        };
        Ok(self.repeated(found, std::slice::from_ref(newest)))
    }

    async fn recognise_events(
        &self,
        events: &[Event],
        newest: &StoredCommit,
    ) -> Result<Option<Appended>, StoreError> {
        let first = first_version(events);
        if first > newest.last() {
            return Ok(None);
        }
        if first >= newest.first() {
            return Ok(self.repeated(find(events, &newest.events)?, std::slice::from_ref(newest)));
        }
        let last = events.last().map_or(first, Event::version);
        // All of them are stored or it isn't this commit: where one is not, there's no more to read.
        let mut seen = Version::ZERO;
        let take = |commit: &StoredCommit| {
            let due = events.partition_point(|event| event.version() <= seen)
                ..events.partition_point(|event| event.version() <= commit.last());
            seen = commit.last();
            let next = events.get(due.end).map_or(Version::MAX, Event::version);
            match events.get(due).unwrap_or_default() {
                [] => Take::SkipTo(next),
                due if due.iter().all(|event| has(commit, event)) => Take::Keep,
                _ => Take::Stop,
            }
        };
        // Whoever asks for what is far back waits for it, and not the longer for the rest.
        let mut seeking = self.reader.ledger.patience();
        let covering = self
            .reader
            .covering(newest, first, last, take, &mut seeking);
        let covering = covering.await?;
        let Covering::Commits(commits) = covering else {
            return Ok(None);
        };
        let stored: Vec<Event> = commits.iter().flat_map(|c| c.events.clone()).collect();
        Ok(self.repeated(find(events, &stored)?, &commits))
    }

    /// Looks for drafts in the actor's recent commits, all of which are then known.
    async fn recognise_drafts(
        &self,
        drafts: &[EventDraft],
        head: &mut Arc<Head>,
        newest: &StoredCommit,
        patience: &mut Patience,
    ) -> Result<Option<Appended>, StoreError> {
        let ids = || drafts.iter().map(EventDraft::event_id);
        let places: Vec<u64> = head.may_have(ids());
        let (newest_may, others): (Vec<u64>, Vec<u64>) = places
            .into_iter()
            .partition(|place| *place == newest.sequence);
        let recent = match head.is_astray() {
            true => None,
            false => {
                let recent = self.reader.commits_at(head, newest, &others, patience);
                recent.await?
            }
        };
        let mut known = Head::clone(head);
        let mut commits = match recent {
            Some(commits) => {
                for commit in &commits {
                    known.examined(commit);
                }
                commits
            }
            None => {
                let commits = self.reader.before(newest, patience).await?;
                patience.renew();
                known.relocate(&commits);
                commits
            }
        };
        if known != **head {
            let actors = &self.reader.ledger.actors;
            actors.observe(self.commit.actor_id(), known.clone());
            // Not what is remembered now, which may be a newer commit that nobody looked into.
            *head = Arc::new(known);
        }
        commits.extend((!newest_may.is_empty()).then(|| newest.clone()));
        commits.sort_unstable_by_key(|commit| commit.sequence);
        let stored: Vec<Event> = commits.iter().flat_map(|c| c.events.clone()).collect();
        match find_drafts(drafts, &stored)? {
            // To number the others alone would tear the commit apart.
            Found::Some => Err(self.commit.conflict_with(newest.last()).into()),
            found => Ok(self.repeated(found, &commits)),
        }
    }

    /// The answer for events that were found in these commits.
    fn repeated(&self, found: Found, commits: &[StoredCommit]) -> Option<Appended> {
        let Found::All(events) = found else {
            return None;
        };
        let last = events.iter().max_by_key(|event| event.version())?;
        let commit = commits
            .iter()
            .find(|commit| commit.last() >= last.version())?;
        let position = commit.position(self.reader.ledger.incarnation, last);
        Some(self.answer(Appended::repeated, events, position))
    }
}

/// Whether an event with this version and this id is in a commit.
fn has(commit: &StoredCommit, event: &Event) -> bool {
    let place = commit
        .events
        .binary_search_by_key(&event.version(), Event::version);
    let stored = place.ok().and_then(|place| commit.events.get(place));
    stored.is_some_and(|stored| stored.id() == event.id())
}
