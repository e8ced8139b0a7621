//! Reading an actor's newest commit, and not believing an answer that is older than what is known.

use std::sync::Arc;

use aether_core::{ActorId, StoreError, Version};

use crate::chain::Digest;
use crate::decide::{Place, StreamState, Verdict, weigh};
use crate::doubt::{Doubt, OUTDATED_MAX};
use crate::errors::{Fault, unavailable};
use crate::follow::Wrong;
use crate::head::Head;
use crate::ledger::{Age, Ledger, regressed};
use crate::link::Wanted;
use crate::message::{Stored, StoredCommit};
use crate::patience::Patience;
use crate::server::Server;

pub(crate) const ACTION: &str = "read the actor's last event";

/// After how many outdated answers it is asked whether what is known is still there.
const OUTDATED_BEFORE_DOUBT: u32 = 2;
/// After how many outdated answers a known commit that has expired, and of which only an older head
/// is kept, is taken for gone.
const OUTDATED_BEFORE_GONE: u32 = 5;

/// An actor's newest commit.
#[derive(Debug, Clone)]
pub(crate) enum Newest {
    /// This one.
    Commit(Arc<Head>, StoredCommit),
    /// This one, and it has expired.
    Expired(Arc<Head>, StoredCommit),
    /// None: the actor has no events.
    Nothing,
}

/// An actor's newest message, which need not be a commit that can be read.
#[derive(Debug, Clone)]
pub(crate) enum NewestMessage {
    Message(Stored),
    /// It is kept as a copy, and has expired.
    Expired(Stored),
    Nothing,
}

/// A commit that is known to have been stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Floor {
    pub(crate) sequence: u64,
    pub(crate) digest: Digest,
    /// Its last version; 0 where it could not be read.
    pub(crate) version: Version,
}

impl Floor {
    pub(crate) fn of(head: &Head) -> Self {
        Self {
            sequence: head.sequence(),
            digest: head.digest,
            version: head.version,
        }
    }
}

/// One actor's newest commits, as a call reads them.
#[derive(Debug)]
pub(crate) struct Reader<'s, S> {
    pub(crate) server: &'s S,
    pub(crate) ledger: &'s Ledger,
    pub(crate) actor_id: &'s ActorId,
    pub(crate) subject: &'s str,
}

impl<S: Server> Reader<'_, S> {
    /// What is known to have been stored, which no answer may be older than.
    pub(crate) fn floor(&self) -> Option<Floor> {
        let known = self.ledger.actors.known(self.actor_id);
        known.head.map(|head| Floor::of(&head))
    }

    /// Refuses to go on with a stream that is another than the one that was connected to.
    pub(crate) async fn check_incarnation(&self, patience: &Patience) -> Result<(), StoreError> {
        self.ledger
            .check_incarnation(self.server, self.actor_id, self.subject, patience)
            .await
    }

    /// The newest commit, verified; with a floor, one that is at least as new.
    ///
    /// # Errors
    ///
    /// As [`newest_message`](Self::newest_message), and [`StoreError::Malformed`] where it is not
    /// a commit of this actor.
    pub(crate) async fn newest(
        &self,
        floor: Option<Floor>,
        patience: &mut Patience,
    ) -> Result<Newest, StoreError> {
        let mut floor = floor;
        loop {
            let (commit, expired) = match self.newest_message(floor, patience).await? {
                NewestMessage::Nothing => return Ok(Newest::Nothing),
                NewestMessage::Message(stored) => (self.commit(&stored)?, false),
                NewestMessage::Expired(kept) => (self.commit(&kept)?, true),
            };
            if let Some(floor) = floor {
                if commit.sequence == floor.sequence && commit.digest != floor.digest {
                    return Err(self.gone(floor));
                }
                if commit.sequence > floor.sequence && commit.first() <= floor.version {
                    return Err(self.falls(commit.sequence, commit.first(), floor.version));
                }
            }
            let head = self.observe(&commit);
            if (head.sequence(), head.digest) != (commit.sequence, commit.digest) {
                // While the answer was on its way another call of this process has seen a newer
                // commit, or another one in this place. What is looked for may be in that one, so
                // this answer is too old, or contradicts what is known.
                floor = Some(Floor::of(&head));
                if !patience.pause().await {
                    let text = format!("older than message {}", head.sequence());
                    return Err(unavailable(ACTION, Fault::Garbled(text)));
                }
                continue;
            }
            return Ok(match expired {
                false => Newest::Commit(head, commit),
                true => Newest::Expired(head, commit),
            });
        }
    }

    /// The newest message; with a floor, one that is at least as new.
    ///
    /// The leader is asked. Around a leader change an old one may answer with what was true
    /// before: what is older than the floor is asked for again, until the deadline.
    ///
    /// # Errors
    ///
    /// [`StoreError::HistoryRegressed`] where it is proved that the floor is gone;
    /// [`StoreError::Malformed`] where the newest message can't be found though the server counts
    /// it.
    pub(crate) async fn newest_message(
        &self,
        floor: Option<Floor>,
        patience: &mut Patience,
    ) -> Result<NewestMessage, StoreError> {
        let wanted = Wanted::Last {
            last_by_subj: self.subject,
        };
        let at_least = floor.map_or(0, |floor| floor.sequence);
        let (mut outdated, mut unreadable) = (0, Doubt::lasting(OUTDATED_MAX));
        loop {
            let fault = match self.server.message(wanted, patience).await {
                Ok(Some(stored)) if stored.sequence >= at_least => {
                    match self.contradicts(floor, &stored, patience).await {
                        Verdict::Stands => return Ok(NewestMessage::Message(stored)),
                        verdict => self.conclude(verdict, floor)?,
                    }
                }
                Ok(found) => {
                    outdated += 1;
                    match self.older(found, floor, outdated, patience).await? {
                        Older::Newest(newest) => return Ok(newest),
                        Older::AskAgain(fault) => fault,
                    }
                }
                Err(fault) => fault,
            };
            if !fault.may_pass() {
                return Err(fault.into_store_error(ACTION, &self.ledger.names.events_stream));
            }
            let lasted = matches!(fault, Fault::Unreadable { .. }) && unreadable.is_said();
            if !patience.pause().await {
                return Err(self.out_of_patience(fault, lasted));
            }
            self.ledger.observer.rereads(&fault);
            tracing::debug!(subject = self.subject, %fault, "reading the last message again");
        }
    }

    /// Whether what is known still stands, now that this message was found in its place or after
    /// it: versions rise with sequences as long as nothing is lost and its place used again, and
    /// everybody who writes asks the server to compare.
    async fn contradicts(
        &self,
        floor: Option<Floor>,
        stored: &Stored,
        patience: &Patience,
    ) -> Verdict {
        let Some(floor) = floor else {
            return Verdict::Stands;
        };
        let follows = match stored.span() {
            _ if stored.sequence == floor.sequence => stored.digest() == floor.digest,
            Ok(span) => span.first > floor.version,
            Err(_) => true, // what can't be read says nothing
        };
        match follows {
            true => Verdict::Stands,
            false => self.verdict(floor, None, patience).await,
        }
    }

    /// The error for what is proved, and why to ask again where nothing is.
    pub(crate) fn conclude(
        &self,
        verdict: Verdict,
        floor: Option<Floor>,
    ) -> Result<Fault, StoreError> {
        let known = floor.map_or(Version::ZERO, |floor| floor.version);
        match (verdict, floor) {
            (Verdict::Remade, _) => Err(self.ledger.made_anew(self.actor_id, known)),
            (Verdict::Gone, Some(floor)) => Err(self.gone(floor)),
            _ => Ok(Fault::Garbled(format!(
                "older than message {}, which was seen",
                floor.map_or(0, |floor| floor.sequence)
            ))),
        }
    }

    /// The error for a commit with versions that are not above those before it.
    pub(crate) fn falls(&self, sequence: u64, first: Version, after: Version) -> StoreError {
        let wrong = Wrong::Falls { first, after };
        let incarnation = self.ledger.incarnation;
        incarnation.malformed_at(sequence, wrong.to_string()).into()
    }

    /// What an answer means that shows nothing, or less than is known.
    async fn older(
        &self,
        found: Option<Stored>,
        floor: Option<Floor>,
        outdated: u32,
        patience: &Patience,
    ) -> Result<Older, StoreError> {
        let is_empty = found.is_none();
        if is_empty || outdated >= OUTDATED_BEFORE_DOUBT {
            let known = floor.map_or(0, |floor| floor.sequence);
            let state = match self.server.state(self.subject, known, patience).await {
                Ok(state) => state,
                Err(fault) => return Ok(Older::AskAgain(fault)),
            };
            let verdict = match (self.ledger.age_of(state.created), floor) {
                (Age::Replaced, _) => Verdict::Remade,
                (Age::Earlier, _) => Verdict::Unknown,
                (Age::Same, Some(floor)) => self.verdict(floor, Some(state), patience).await,
                // "Not found" is also what the server says of a message that is damaged: it would
                // take version 1 again. So what it counts is asked, too.
                (Age::Same, None) if state.messages > 0 => Verdict::Unknown,
                (Age::Same, None) => Verdict::Gone,
            };
            // What expires goes from the oldest on: an older message that is still there shows that
            // this one has not.
            let outlived = found
                .as_ref()
                .is_some_and(|old| old.sequence >= state.first);
            if verdict == Verdict::Gone && !outlived {
                return self
                    .expired_or_nothing(floor, state, outdated, patience)
                    .await;
            }
            let fault = self.conclude(verdict, floor)?;
            return Ok(Older::AskAgain(match is_empty && state.messages > 0 {
                true => Fault::Unreadable {
                    messages: state.messages,
                },
                false => fault,
            }));
        }
        self.conclude(Verdict::Unknown, floor).map(Older::AskAgain)
    }

    /// Nothing is there, or what was known is there no longer: has it expired?
    ///
    /// `state` is the one answer that everything is compared with: it says what had expired, and
    /// that nothing of the actor's was left. A copy of what has expired by then is the newest
    /// commit. A copy of anything later shows that whoever gave `state` does not know of it yet.
    async fn expired_or_nothing(
        &self,
        floor: Option<Floor>,
        state: StreamState,
        outdated: u32,
        patience: &Patience,
    ) -> Result<Older, StoreError> {
        let ask_again = |why: String| Ok(Older::AskAgain(Fault::Garbled(why)));
        let nothing = || match floor {
            None => Ok(Older::Newest(NewestMessage::Nothing)),
            Some(floor) => Err(self.gone(floor)),
        };
        let at_least = floor.map_or(0, |floor| floor.sequence);
        if !self.ledger.expires() {
            return nothing();
        }
        if floor.is_some() && at_least >= state.first {
            // It has not expired, as far as this answer knows.
            return match outdated < OUTDATED_BEFORE_GONE {
                true => ask_again(format!("message {at_least} is missing, and not by its age")),
                false => nothing(),
            };
        }
        // Copies may be behind what has expired already. How far they go and whether there is one
        // of this actor is one answer, the copy another: where they differ it is asked again.
        let mut copied = false;
        if state.first > 1 {
            let copies = match self.server.copies(self.subject, patience).await {
                Ok(copies) => copies,
                Err(fault) => return Ok(Older::AskAgain(fault)),
            };
            if copies.up_to.saturating_add(1) < state.first {
                return ask_again(format!(
                    "heads are kept up to message {}, and what was before {} has expired",
                    copies.up_to, state.first
                ));
            }
            copied = copies.of_subject;
        }
        let kept = match self.server.kept(self.subject, patience).await {
            Ok(kept) => kept,
            Err(fault) => return Ok(Older::AskAgain(fault)),
        };
        match kept {
            Some(kept) if kept.sequence > state.last => ask_again(format!(
                "older than message {}, which is kept as a head",
                kept.sequence
            )),
            // Where it has not expired it was removed: nothing of the actor's is there, by an
            // answer that knows of something as late.
            Some(kept)
                if kept.sequence >= at_least
                    && (kept.sequence < state.first || state.messages == 0) =>
            {
                Ok(Older::Newest(NewestMessage::Expired(kept)))
            }
            Some(kept) if kept.sequence >= at_least => {
                ask_again(format!("older than message {}", kept.sequence))
            }
            None if copied => ask_again("a head is counted and not found".to_owned()),
            // The head may be one that an old leader knows, or what is known was missed.
            Some(_) if outdated < OUTDATED_BEFORE_GONE => {
                ask_again(format!("the head is older than message {at_least}"))
            }
            Some(_) | None => nothing(),
        }
    }

    /// Whether a commit that is known to have been stored is still there.
    pub(crate) async fn verdict(
        &self,
        floor: Floor,
        state: Option<StreamState>,
        patience: &Patience,
    ) -> Verdict {
        let place = self.place(floor, patience).await;
        let state = match (place, state) {
            (Place::Commit | Place::Another | Place::Later { .. }, state) => state,
            (Place::Nothing | Place::Unseen, Some(state)) => Some(state),
            (Place::Nothing | Place::Unseen, None) => {
                let state = self.server.state(self.subject, floor.sequence, patience);
                state.await.ok()
            }
        };
        if state.is_some_and(|state| self.ledger.age_of(state.created) == Age::Replaced) {
            return Verdict::Remade;
        }
        weigh(floor.sequence, self.ledger.incarnation.0, place, state)
    }

    /// What is at the place of a commit, or first after it: one answer.
    async fn place(&self, floor: Floor, patience: &Patience) -> Place {
        let all = self.ledger.names.events_subjects();
        let wanted = Wanted::Next {
            seq: floor.sequence,
            next_by_subj: &all,
        };
        match self.server.message(wanted, patience).await {
            Err(_) => Place::Unseen,
            Ok(None) => Place::Nothing,
            Ok(Some(found)) if found.sequence > floor.sequence => Place::Later {
                sequence: found.sequence,
            },
            Ok(Some(found)) if found.digest() == floor.digest => Place::Commit,
            Ok(Some(_)) => Place::Another,
        }
    }

    /// The error for a commit that was proved to be gone.
    pub(crate) fn gone(&self, floor: Floor) -> StoreError {
        let detail = format!(
            "the commit that was stored as message {} is gone: it was lost, deleted, or its place \
             used again",
            floor.sequence
        );
        regressed(self.actor_id, floor.version, detail)
    }

    /// That messages are counted and none is found are two answers. Of several replicas they may
    /// come from an old leader and from a new one: there it has to last longer than that does.
    pub(crate) fn out_of_patience(&self, fault: Fault, lasted: bool) -> StoreError {
        match fault {
            Fault::Unreadable { messages } if lasted || !self.ledger.replicated => {
                let reason = format!(
                    "the server counts {messages} message(s) on {:?} and finds no last one",
                    self.subject
                );
                self.ledger.incarnation.malformed_at(0, reason).into()
            }
            fault => unavailable(ACTION, fault),
        }
    }

    /// The commit in a message of this actor's.
    pub(crate) fn commit(&self, stored: &Stored) -> Result<StoredCommit, StoreError> {
        stored.commit(self.actor_id).map_err(|reason| {
            let incarnation = self.ledger.incarnation;
            incarnation.malformed(stored.clone(), reason).into()
        })
    }

    /// Remembers that this commit was seen.
    pub(crate) fn observe(&self, commit: &StoredCommit) -> Arc<Head> {
        self.ledger.saw(commit.sequence);
        self.ledger.actors.observe(self.actor_id, Head::of(commit))
    }
}

enum Older {
    Newest(NewestMessage),
    AskAgain(Fault),
}
