//! Saving a commit: a compare-and-set in the server, and what to make of its answers.
//!
//! 1. Read the actor's last message. Are the events there already? Does its version allow them?
//! 2. Publish, on the condition that this message is still the subject's last.
//! 3. Acknowledged: stored. Anything else: look what is there instead ([`decide`]), and publish
//!    the identical message again, begin anew after another's commit, or give up.

use aether_core::{
    Appended, Commit, CommitContent, Event, EventId, Indeterminate, Position, RecordedEvent,
    StoreError, SystemClock, Version,
};

use crate::decide::{Answer, Slot, Step, decide};
use crate::errors::{Fault, unavailable};
use crate::link::Wanted;
use crate::message::{Outgoing, StoredCommit};
use crate::patience::Patience;
use crate::read::{Replay, tail};
use crate::recognise::{Found, find, find_drafts, first_version, identical};
use crate::store::Shared;

const ACTION: &str = "save events";

/// How a publish ended that did not fail.
enum Published {
    Stored { sequence: u64 },
    Repeated { sequence: u64 },
    Beaten { by: u64 },
}

/// Stores a commit.
pub(crate) async fn append(store: &Shared, commit: Commit) -> Result<Appended, StoreError> {
    let save = Save {
        store,
        subject: store.names.events_subject(commit.actor_id()),
        commit,
        // A ULID is as good a name for an append as for an event.
        id: EventId::generate(&SystemClock),
    };
    save.run().await
}

struct Save<'s> {
    store: &'s Shared,
    subject: String,
    commit: Commit,
    /// Tells what this append has stored from the same events stored by another.
    id: EventId,
}

impl Save<'_> {
    async fn run(&self) -> Result<Appended, StoreError> {
        let mut patience = self.store.link.patience();
        // What was seen to be there: an answer that is older is not believed.
        let mut seen = 0;
        loop {
            let newest = self.newest(seen, &mut patience).await?;
            if let Some(repeated) = self.recognise(newest.as_ref()).await? {
                return Ok(repeated);
            }
            let latest = newest.as_ref().map_or(Version::ZERO, StoredCommit::last);
            let expected = newest.as_ref().map_or(0, |newest| newest.sequence);
            let events = self.commit.number_after(latest)?;
            match self.publish(&events, expected, &mut patience).await? {
                Published::Stored { sequence } => {
                    let position = self.store.incarnation.last_position(sequence, &events);
                    return Ok(self.answer(Appended::stored, events, position));
                }
                Published::Repeated { sequence } => {
                    let position = self.store.incarnation.last_position(sequence, &events);
                    return Ok(self.answer(Appended::repeated, events, position));
                }
                Published::Beaten { by } => {
                    tracing::debug!(subject = self.subject, by, "another commit was first");
                    if patience.is_over() {
                        return Err(unavailable(ACTION, Fault::TimedOut));
                    }
                    seen = by;
                }
            }
        }
    }

    /// The answer, with the events where the commit was of drafts, which became them.
    fn answer(
        &self,
        became: impl FnOnce(Version, Position) -> Appended,
        events: Vec<Event>,
        position: Position,
    ) -> Appended {
        let last = events.last().map_or(Version::ZERO, Event::version);
        let answer = became(last, position);
        match self.commit.content() {
            CommitContent::Drafts(_) => answer.with_numbered(events),
            CommitContent::Event(_) | CommitContent::Events(_) => answer,
        }
    }

    /// The actor's newest commit.
    async fn newest(
        &self,
        seen: u64,
        patience: &mut Patience,
    ) -> Result<Option<StoredCommit>, StoreError> {
        let Some(stored) = tail(self.store, &self.subject, seen, patience).await? else {
            return Ok(None);
        };
        match stored.commit(self.commit.actor_id()) {
            Ok(commit) => Ok(Some(commit)),
            Err(reason) => Err(self.store.incarnation.malformed(stored, reason).into()),
        }
    }

    /// The commit as it is stored already, if it is.
    async fn recognise(
        &self,
        newest: Option<&StoredCommit>,
    ) -> Result<Option<Appended>, StoreError> {
        let Some(newest) = newest else {
            return Ok(None);
        };
        let found = match (self.commit.content(), self.commit.as_events()) {
            (CommitContent::Drafts(drafts), _) => find_drafts(drafts, &newest.events)?,
            (_, None) => return Ok(None),
            (_, Some(events)) if first_version(events) > newest.last() => return Ok(None),
            (_, Some(events)) if first_version(events) < newest.first() => {
                return self.recognise_earlier(events).await;
            }
            (_, Some(events)) => find(events, &newest.events)?,
        };
        let Found::All(events) = found else {
            return Ok(None);
        };
        let incarnation = self.store.incarnation;
        let position = events
            .last()
            .map(|event| newest.position(incarnation, event));
        Ok(position.map(|position| self.answer(Appended::repeated, events, position)))
    }

    /// The same for events that are not all in the newest commit: reads the history from the
    /// first of their versions on.
    async fn recognise_earlier(&self, events: &[Event]) -> Result<Option<Appended>, StoreError> {
        let last = events.last().map_or(Version::ZERO, |event| event.version());
        let actor_id = self.commit.actor_id().clone();
        let mut replay = Replay::new(self.store.clone(), actor_id, first_version(events));
        let mut stored: Vec<RecordedEvent> = Vec::new();
        while let Some(item) = replay.next().await {
            let recorded = item?;
            if recorded.event().version() > last {
                break;
            }
            // Only what was offered is worth keeping.
            let version = recorded.event().version();
            if events
                .binary_search_by_key(&version, |event| event.version())
                .is_ok()
            {
                stored.push(recorded);
            }
        }
        let position = stored.last().map(RecordedEvent::position);
        let stored: Vec<_> = stored.into_iter().map(RecordedEvent::into_event).collect();
        Ok(match (find(events, &stored)?, position) {
            (Found::All(events), Some(position)) => {
                Some(self.answer(Appended::repeated, events, position))
            }
            _ => None,
        })
    }

    /// Publishes until it is known what became of it.
    async fn publish(
        &self,
        events: &[Event],
        expected: u64,
        patience: &mut Patience,
    ) -> Result<Published, StoreError> {
        let stream = &self.store.names.events_stream;
        let message = Outgoing::commit(stream, events, self.store.form, self.id.as_str())?;
        let message = message.expecting(expected);
        message.check_size("the commit", self.store.message_bytes_max())?;
        let mut first = true;
        loop {
            let fault = match self.attempt(message.clone(), expected, patience).await {
                Ok(sequence) => return Ok(Published::Stored { sequence }),
                Err(fault) => fault,
            };
            let slot = self.look(events, expected, patience).await;
            let step = decide(Answer::of(&fault), slot, first);
            tracing::debug!(subject = self.subject, expected, %fault, ?slot, ?step, "not acknowledged");
            match step {
                Step::Stored { sequence } => return Ok(Published::Stored { sequence }),
                Step::Repeated { sequence } => return Ok(Published::Repeated { sequence }),
                Step::Beaten { by } => return Ok(Published::Beaten { by }),
                Step::Refused => return Err(self.refused(fault, slot)),
                Step::Unknown => return Err(indeterminate(events, fault)),
                Step::Resend => {
                    if !patience.pause().await {
                        return Err(indeterminate(events, fault));
                    }
                    first = false;
                }
            }
        }
    }

    /// Publishes once; gives the sequence where the right stream says that it has stored it.
    async fn attempt(
        &self,
        message: Outgoing,
        expected: u64,
        patience: &Patience,
    ) -> Result<u64, Fault> {
        let link = &self.store.link;
        let ack = link.publish(&self.subject, message, patience).await?;
        let ours = ack.stream == self.store.names.events_stream;
        if ours && !ack.duplicate && ack.sequence > expected {
            return Ok(ack.sequence);
        }
        Err(Fault::Garbled(format!(
            "an acknowledgement that can't be: {ack:?}"
        )))
    }

    /// Looks at the first message on the subject after the expected one.
    async fn look(&self, events: &[Event], expected: u64, patience: &Patience) -> Slot {
        let wanted = Wanted::Next {
            seq: expected + 1,
            next_by_subj: &self.subject,
        };
        let stream = &self.store.names.events_stream;
        match self.store.link.message(stream, &wanted, patience).await {
            Ok(None) => Slot::Empty,
            Ok(Some(stored)) => {
                let sequence = stored.sequence;
                match stored.commit(self.commit.actor_id()) {
                    Ok(commit) if identical(events, &commit.events) => {
                        if stored.save_id() == Some(self.id.as_str()) {
                            Slot::Ours { sequence }
                        } else {
                            Slot::Same { sequence }
                        }
                    }
                    _ => Slot::Anothers { sequence },
                }
            }
            Err(fault) if fault.may_pass() => Slot::Unseen,
            Err(_) => Slot::Gone,
        }
    }

    /// What a refusal that is proof is called.
    fn refused(&self, fault: Fault, slot: Slot) -> StoreError {
        let stream = &self.store.names.events_stream;
        match (fault, slot) {
            (Fault::NoResponders, Slot::Gone) => crate::errors::misconfigured(
                format!("stream {stream:?}"),
                "missing on the server",
                "there (connecting makes it)",
            ),
            (fault, _) => fault.into_store_error(ACTION, stream),
        }
    }
}

fn indeterminate(events: &[Event], fault: Fault) -> StoreError {
    tracing::debug!(%fault, "giving up without knowing whether the events were stored");
    Indeterminate {
        events: events.to_vec(),
        source: fault.into(),
    }
    .into()
}
