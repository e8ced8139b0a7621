//! Reading an actor's newest commit, and not believing an answer that is older than what is known.

use std::sync::Arc;

use aether_core::{ActorId, StoreError, Version};

use crate::chain::Digest;
use crate::decide::{Place, StreamState, Verdict, weigh};
use crate::errors::{Fault, unavailable};
use crate::follow::Wrong;
use crate::head::Head;
use crate::ledger::{Ledger, regressed};
use crate::link::Wanted;
use crate::message::{Stored, StoredCommit};
use crate::patience::Patience;
use crate::server::Server;

const ACTION: &str = "read the actor's last event";

/// After how many outdated answers it is asked whether what is known is still there.
const OUTDATED_BEFORE_DOUBT: u32 = 2;

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

    /// How many messages of this actor the server knows of, asked until there is an answer.
    pub(crate) async fn count(&self, patience: &mut Patience) -> Result<u64, StoreError> {
        const ACTION: &str = "count the actor's commits";
        loop {
            let fault = match self.server.state(self.subject, 0, patience).await {
                Ok(state) if state.created != self.ledger.incarnation.0 => {
                    let known = self.floor().map_or(Version::ZERO, |floor| floor.version);
                    return Err(self.ledger.made_anew(self.actor_id, known));
                }
                Ok(state) => return Ok(state.messages),
                Err(fault) => fault,
            };
            if !fault.may_pass() || !patience.pause().await {
                return Err(fault.into_store_error(ACTION, &self.ledger.names.events_stream));
            }
            self.ledger.observer.rereads(&fault);
            tracing::debug!(subject = self.subject, %fault, "counting the commits again");
        }
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
                NewestMessage::Message(stored) => {
                    let commit = self.commit(&stored)?;
                    if let Some(floor) = floor
                        && commit.sequence > floor.sequence
                        && commit.first() <= floor.version
                    {
                        return Err(self.falls(stored.sequence, commit.first(), floor.version));
                    }
                    (commit, false)
                }
                NewestMessage::Expired(kept) => (self.commit(&kept)?, true),
            };
            let head = self.observe(&commit);
            if head.sequence() > commit.sequence {
                // While the answer was on its way another call of this process has seen a newer
                // commit. What is looked for may be in that one, so this answer is too old.
                floor = Some(Floor::of(&head));
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
        let mut outdated = 0;
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
                    let doubtful = outdated >= OUTDATED_BEFORE_DOUBT;
                    match self.older(found, floor, doubtful, patience).await? {
                        Older::Newest(newest) => return Ok(newest),
                        Older::AskAgain(fault) => fault,
                    }
                }
                Err(fault) => fault,
            };
            if !fault.may_pass() {
                return Err(fault.into_store_error(ACTION, &self.ledger.names.events_stream));
            }
            if !patience.pause().await {
                return Err(self.out_of_patience(fault));
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
        doubtful: bool,
        patience: &Patience,
    ) -> Result<Older, StoreError> {
        let is_empty = found.is_none();
        if is_empty || doubtful {
            let known = floor.map_or(0, |floor| floor.sequence);
            let state = match self.server.state(self.subject, known, patience).await {
                Ok(state) => state,
                Err(fault) => return Ok(Older::AskAgain(fault)),
            };
            let verdict = match floor {
                _ if state.created != self.ledger.incarnation.0 => Verdict::Remade,
                Some(floor) => self.verdict(floor, Some(state), patience).await,
                // "Not found" is also what the server says of a message that is damaged: it would
                // take version 1 again. So what it counts is asked, too.
                None if state.messages > 0 => Verdict::Unknown,
                None => Verdict::Gone,
            };
            // What expires goes from the oldest on: an older message that is still there shows that
            // this one has not.
            let outlived = found
                .as_ref()
                .is_some_and(|old| old.sequence >= state.first);
            if verdict == Verdict::Gone && !outlived {
                return self.expired_or_nothing(floor, state, patience).await;
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
    async fn expired_or_nothing(
        &self,
        floor: Option<Floor>,
        state: StreamState,
        patience: &Patience,
    ) -> Result<Older, StoreError> {
        let at_least = floor.map_or(0, |floor| floor.sequence);
        if self.ledger.expires() {
            // First how far the server's copies go, then the copy: in the other order one could
            // arrive in between. Copies may be behind what has expired already.
            if state.first > 1 {
                match self.server.kept_up_to(patience).await {
                    Ok(copied) if copied.saturating_add(1) >= state.first => {}
                    Ok(copied) => {
                        return Ok(Older::AskAgain(Fault::Garbled(format!(
                            "heads are kept up to message {copied}, and what was before {} has \
                             expired",
                            state.first
                        ))));
                    }
                    Err(fault) => return Ok(Older::AskAgain(fault)),
                }
            }
            match self.server.kept(self.subject, patience).await {
                Ok(Some(kept)) if kept.sequence >= at_least => {
                    return Ok(Older::Newest(NewestMessage::Expired(kept)));
                }
                Ok(_) => {}
                Err(fault) => return Ok(Older::AskAgain(fault)),
            }
        }
        match floor {
            None => Ok(Older::Newest(NewestMessage::Nothing)),
            Some(floor) => Err(self.gone(floor)),
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

    fn out_of_patience(&self, fault: Fault) -> StoreError {
        match fault {
            Fault::Unreadable { messages } => {
                let reason = format!(
                    "the server counts {messages} message(s) on {:?} and finds no last one",
                    self.subject
                );
                self.ledger.incarnation.malformed_at(0, reason).into()
            }
            fault => unavailable(ACTION, fault),
        }
    }

    /// Whether what came after this message may have expired while the history was being read: the
    /// message itself has.
    pub(crate) async fn has_expired(&self, sequence: u64, patience: &Patience) -> bool {
        let state = match self.ledger.expires() {
            true => self.server.state(self.subject, 0, patience).await.ok(),
            false => None,
        };
        state.is_some_and(|state| {
            state.created == self.ledger.incarnation.0 && state.first > sequence
        })
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
