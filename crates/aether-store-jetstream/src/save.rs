//! Saving a commit: a compare-and-set in the server, and what to make of its answers.
//!
//! 1. Begin with what is known of the actor: its newest commit as it was seen last, or, for a
//!    first version of an actor that was never seen, nothing. Where that does not do, read the
//!    newest commit. Are the events there already? Does its version allow them?
//! 2. Publish, on the condition that this commit is still the subject's last.
//! 3. Acknowledged: stored. Anything else: look what is there instead (`decide.rs`), and publish
//!    the identical message again, begin anew after another's commit that was read, or give up.
//!
//! # Why it is right
//!
//! - *Stored once.* All copies of a message expect the same predecessor, so the server takes one
//!   at most, and it stays what is in the slot. A message with other events, or after another
//!   predecessor, is made only when the slot was seen to be taken: from then on no copy of the
//!   earlier one can be taken. (The one other case is a predecessor that was seen to have
//!   expired: it is never the subject's last again, so that no copy which expects it can be taken
//!   from then on; one that was taken before is the newest commit, which is read before anything
//!   else is made.)
//! - *Nothing is concluded from a refusal or a silence*: `Ok` needs an acknowledgement or the
//!   message in the slot; a conflict needs a commit that was read, or the ids of one.
//! - *Dropping the future* leaves copies on their way, or none. Whatever comes of them, what is
//!   remembered of the actor stays true: it is only ever raised to what was seen.

mod ground;
mod publish;
mod recognition;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32};

use aether_core::{
    Appended, Commit, CommitContent, Event, EventDraft, EventId, ExpectedVersion, Position,
    StoreError, StoredNotifier, SystemClock, Version,
};

use tokio::time::Instant;

use crate::errors::{Fault, unavailable};
use crate::head::Head;
use crate::ledger::Ledger;
use crate::newest::{Floor, Newest, Reader};
use crate::observe::Lookup;
use crate::patience::Patience;
use crate::recognise::first_version;
use crate::server::Server;
use ground::Ground;
use publish::Published;

const ACTION: &str = "save events";

/// How often it is looked whether a version that is expected is there after all.
const BEHIND_LOOKS: u32 = 5;

/// What a look at the newest commit led to.
enum Looked {
    /// The events are stored already.
    Answer(Appended),
    Ground(Ground),
}

/// Stores a commit.
pub(crate) async fn append<S: Server>(
    server: &S,
    ledger: &Ledger,
    notifier: Option<&StoredNotifier>,
    commit: Commit,
) -> Result<Appended, StoreError> {
    let subject = ledger.names.events_subject(commit.actor_id());
    let save = Save {
        reader: Reader {
            server,
            ledger,
            actor_id: commit.actor_id(),
            subject: &subject,
        },
        commit: &commit,
        // A ULID is as good a name for an append as for an event.
        id: EventId::generate(&SystemClock),
        notifier,
        attempts: AtomicU32::new(0),
        sent: OnceLock::new(),
        unsettled: AtomicBool::new(false),
    };
    let mut patience = ledger.patience();
    let _turn = match ledger.actors.turn_now(commit.actor_id()) {
        Some(turn) => turn,
        None => {
            let turn = ledger.actors.turn(commit.actor_id());
            let turn = Box::pin(tokio::time::timeout(patience.left(), turn)).await;
            turn.map_err(|_| unavailable(ACTION, Fault::TimedOut))?
        }
    };
    save.run(&mut patience).await
}

/// What is rare is awaited in a box: what a future may wait for is a part of it, and a warm save
/// moves it several times.
struct Save<'s, S> {
    reader: Reader<'s, S>,
    commit: &'s Commit,
    /// Tells what this append has stored from the same events stored by another.
    id: EventId,
    notifier: Option<&'s StoredNotifier>,
    /// How often something was sent.
    attempts: AtomicU32,
    /// When something was sent for the first time.
    sent: OnceLock<Instant>,
    /// Whether something that was sent may have been stored without being seen.
    unsettled: AtomicBool,
}

impl<S: Server> Save<'_, S> {
    async fn run(&self, patience: &mut Patience) -> Result<Appended, StoreError> {
        let Reader {
            ledger, subject, ..
        } = self.reader;
        self.reader.check_incarnation(patience).await?;
        let mut looked = self.begin(patience).await?;
        loop {
            let ground = match looked {
                Looked::Answer(answer) => return Ok(answer),
                Looked::Ground(ground) => ground,
            };
            let events = self.commit.number_after(ground.version())?;
            looked = match self.publish(&events, &ground, patience).await? {
                Published::Stored { sequence } => {
                    return Ok(self.stored(events, sequence));
                }
                Published::Repeated { sequence } => {
                    let position = ledger.incarnation.last_position(sequence, &events);
                    return Ok(self.answer(Appended::repeated, events, position));
                }
                Published::Beaten { by } => {
                    ledger.observer.lost_a_race();
                    tracing::debug!(subject, by = by.sequence, "another commit was first");
                    if patience.is_over() {
                        return Err(unavailable(ACTION, Fault::TimedOut));
                    }
                    Box::pin(self.look(Some(by), None, patience)).await?
                }
                Published::Expired => {
                    let floor = ground.head().map(|head| Floor::of(head));
                    let looked = Box::pin(self.look(floor, None, patience)).await;
                    looked.map_err(|error| match error {
                        decided @ (StoreError::VersionConflict(_)
                        | StoreError::EventMismatch(_)) => decided,
                        // What was sent may be stored.
                        error => self.indeterminate(&events, error),
                    })?
                }
            };
        }
    }

    /// Finds what to publish after: with what is known where that will do, else with a read.
    async fn begin(&self, patience: &mut Patience) -> Result<Looked, StoreError> {
        let ledger = self.reader.ledger;
        let known = ledger.actors.known(self.commit.actor_id());
        let is_outdated = known.is_outdated();
        let Some(head) = known.head else {
            if !is_outdated && !ledger.expires() && self.is_first() {
                ledger.observer.looked_up(Lookup::First);
                return Ok(Looked::Ground(Ground::Nothing));
            }
            ledger.observer.looked_up(Lookup::Miss);
            return Box::pin(self.look(None, None, patience)).await;
        };
        let fits = self.commit.fits(head.version);
        if fits && !is_outdated && self.has_new_drafts(&head) {
            ledger.observer.looked_up(Lookup::Hit);
            return Ok(Looked::Ground(Ground::On(head)));
        }
        ledger.observer.looked_up(Lookup::of_no_use(is_outdated));
        // Decided by what is known; the look is for the conflict to say which version is current.
        let refused = self
            .commit
            .as_events()
            .filter(|events| head.rules_out(events));
        let refused = refused.map(|_| head.version);
        Box::pin(self.look(Some(Floor::of(&head)), refused, patience)).await
    }

    /// Whether this can be an actor's first commit and nothing else.
    fn is_first(&self) -> bool {
        let expects_none = matches!(
            self.commit.expected(),
            ExpectedVersion::NoEvents | ExpectedVersion::Exactly(Version::ZERO)
        );
        match self.commit.as_events() {
            Some(events) => {
                first_version(events) == Version::FIRST && self.commit.fits(Version::ZERO)
            }
            None => expects_none,
        }
    }

    /// Whether it is certain, by what is known, that no draft of this commit was stored lately.
    fn has_new_drafts(&self, head: &Head) -> bool {
        self.drafts().is_none_or(|drafts| {
            let ids = drafts.iter().map(EventDraft::event_id);
            !head.is_astray() && head.may_have(ids).is_empty()
        })
    }

    fn drafts(&self) -> Option<&[EventDraft]> {
        match self.commit.content() {
            CommitContent::Drafts(drafts) => Some(drafts),
            CommitContent::Event(_) | CommitContent::Events(_) => None,
        }
    }

    /// Reads the newest commit: is this one there already, or what does it come after?
    ///
    /// With `refused` it is known to be a conflict, at this version or later.
    ///
    /// Who expects a version has seen it, or so he says. An answer that shows less may be an
    /// outdated one: it is asked for again, a few times. It is the one answer that nothing can
    /// prove, and the conflict shows it: its current version is below the expected one.
    async fn look(
        &self,
        floor: Option<Floor>,
        refused: Option<Version>,
        patience: &mut Patience,
    ) -> Result<Looked, StoreError> {
        let mut looks = 1;
        loop {
            match self.look_once(floor, refused, patience).await {
                Err(StoreError::VersionConflict(conflict))
                    if self.expects_above(conflict.current_version)
                        && looks < BEHIND_LOOKS
                        && patience.pause().await =>
                {
                    looks += 1;
                }
                looked => return looked,
            }
        }
    }

    fn expects_above(&self, version: Version) -> bool {
        matches!(self.commit.expected(), ExpectedVersion::Exactly(expected) if expected > version)
    }

    async fn look_once(
        &self,
        floor: Option<Floor>,
        refused: Option<Version>,
        patience: &mut Patience,
    ) -> Result<Looked, StoreError> {
        let newest = self.reader.newest(floor, patience).await;
        let ground = match (newest, refused) {
            (Err(StoreError::Unavailable { .. }), Some(version)) => {
                return Err(self.commit.conflict_with(version).into());
            }
            (newest, _) => match newest? {
                Newest::Nothing => Ground::Nothing,
                Newest::Commit(mut head, commit) => {
                    if refused.is_none()
                        && let Some(answer) = self.recognise(&mut head, &commit, patience).await?
                    {
                        return Ok(Looked::Answer(answer));
                    }
                    Ground::On(head)
                }
                Newest::Expired(head, commit) => {
                    if let Some(answer) = self.recognise_expired(&commit)? {
                        return Ok(Looked::Answer(answer));
                    }
                    Ground::Expired(head)
                }
            },
        };
        // A hint that this did not confirm is of no more use.
        self.reader.ledger.actors.drop_hint(self.commit.actor_id());
        if self.commit.fits(ground.version()) {
            Ok(Looked::Ground(ground))
        } else {
            Err(self.commit.conflict_with(ground.version()).into())
        }
    }

    /// What was stored: told to whom it concerns, before anybody of this process can store the
    /// next.
    fn stored(&self, events: Vec<Event>, sequence: u64) -> Appended {
        let incarnation = self.reader.ledger.incarnation;
        if let Some(notifier) = self.notifier {
            for (index, event) in events.iter().enumerate() {
                notifier.tell(event, incarnation.position(sequence, index, event));
            }
        }
        let position = incarnation.last_position(sequence, &events);
        self.answer(Appended::stored, events, position)
    }

    /// The answer, with the events where the commit was of drafts, which became them.
    fn answer(
        &self,
        became: impl FnOnce(Version, Position) -> Appended,
        events: Vec<Event>,
        position: Position,
    ) -> Appended {
        let last = events.iter().map(Event::version).max();
        let answer = became(last.unwrap_or(Version::ZERO), position);
        match self.commit.content() {
            CommitContent::Drafts(_) => answer.with_numbered(events),
            CommitContent::Event(_) | CommitContent::Events(_) => answer,
        }
    }
}
