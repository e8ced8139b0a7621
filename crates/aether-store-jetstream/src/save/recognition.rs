//! Whether a commit that is offered is stored already, and where.

use std::sync::Arc;

use aether_core::{Appended, Event, EventDraft, StoreError};

use super::Save;
use crate::head::Head;
use crate::message::StoredCommit;
use crate::patience::Patience;
use crate::recognise::{Found, find, find_drafts, first_version};
use crate::seek::Covering;
use crate::server::Server;

impl<S: Server> Save<'_, S> {
    /// The commit as it is stored already, if it is.
    pub(super) async fn recognise(
        &self,
        head: &Arc<Head>,
        newest: &StoredCommit,
        patience: &mut Patience,
    ) -> Result<Option<Appended>, StoreError> {
        match (self.drafts(), self.commit.as_events()) {
            (Some(drafts), _) => self.recognise_drafts(drafts, head, newest, patience).await,
            (_, Some(events)) => self.recognise_events(events, newest, patience).await,
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
        patience: &mut Patience,
    ) -> Result<Option<Appended>, StoreError> {
        let first = first_version(events);
        if first > newest.last() {
            return Ok(None);
        }
        if first >= newest.first() {
            return Ok(self.repeated(find(events, &newest.events)?, std::slice::from_ref(newest)));
        }
        let last = events.last().map_or(first, Event::version);
        let covering = self.reader.covering(newest, first, last, patience).await?;
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
        head: &Arc<Head>,
        newest: &StoredCommit,
        patience: &mut Patience,
    ) -> Result<Option<Appended>, StoreError> {
        let ids = || drafts.iter().map(EventDraft::event_id);
        let places: Vec<u64> = head.may_have(ids());
        let (newest_may, others): (Vec<u64>, Vec<u64>) = places
            .into_iter()
            .partition(|place| *place == newest.sequence);
        let mut commits = self.reader.commits_at(&others, patience).await?;
        if !commits.is_empty() {
            let mut known = Head::clone(head);
            for commit in &commits {
                known.examined(commit);
            }
            let actors = &self.reader.ledger.actors;
            actors.observe(self.commit.actor_id(), known);
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
