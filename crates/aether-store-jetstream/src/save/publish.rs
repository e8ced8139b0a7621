//! Publishing a commit until it is known what became of it.

use std::fmt;
use std::sync::atomic::Ordering;

use aether_core::{BoxError, Event, Indeterminate, StoreError, Version};
use tokio::time::Instant;

use super::ground::Ground;
use super::{ACTION, Save};
use crate::chain::Digest;
use crate::decide::{Answer, Slot, Step, Verdict, decide};
use crate::errors::{Fault, unavailable};
use crate::head::Head;
use crate::ledger::Age;
use crate::link::Wanted;
use crate::message::Outgoing;
use crate::newest::{Floor, Reader};
use crate::patience::Patience;
use crate::recognise::identical;
use crate::server::Server;

/// How a publish ended that did not fail.
pub(super) enum Published {
    Stored {
        sequence: u64,
    },
    Repeated {
        sequence: u64,
    },
    /// The slot is another's: nothing of this was stored, or ever will be.
    Beaten {
        by: Floor,
    },
    /// What it was to follow has expired.
    Expired,
}

impl<S: Server> Save<'_, S> {
    /// Publishes until it is known what became of it.
    pub(super) async fn publish(
        &self,
        events: &[Event],
        ground: &Ground,
        patience: &mut Patience,
    ) -> Result<Published, StoreError> {
        let Reader { server, ledger, .. } = self.reader;
        let link = ground.link();
        // Each copy is made anew, of the same: most messages are sent once.
        let trace = ledger.observer.trace();
        let copy = || {
            let (id, expected) = (self.id.as_str(), ground.expected());
            let (message, digest) = Outgoing::commit(&ledger.headers, events, expected, id, &link)?;
            Ok::<_, StoreError>((message.in_trace(trace.as_ref()), digest))
        };
        let (message, digest) = copy()?;
        let mut ready = Some(message);
        let mut first = !self.unsettled.load(Ordering::Relaxed);
        loop {
            let message = match ready.take() {
                Some(message) => message,
                None => copy()?.0,
            };
            // A reconnect may have changed what is too large.
            if let Err(too_large) = message.check_size("the commit", server.message_bytes_max()) {
                return Err(match first {
                    true => too_large,
                    false => self.indeterminate(events, Fault::Garbled(too_large.to_string())),
                });
            }
            if !server.is_connected() {
                // What is sent now would wait in the client, and might be stored after we said
                // that we don't know.
                ready = Some(message);
                if patience.pause().await {
                    continue;
                }
                let fault = Fault::TimedOut;
                return Err(match first {
                    true => unavailable(ACTION, fault),
                    false => self.indeterminate(events, fault),
                });
            }
            let sent = *self.sent.get_or_init(Instant::now);
            let fault = match self.attempt(message, ground, patience).await? {
                Ok(sequence) => {
                    self.remember(digest, events, ground, sequence);
                    return Ok(Published::Stored { sequence });
                }
                Err(fault) => fault,
            };
            let (slot, by) = Box::pin(self.look_at_slot(events, ground, patience)).await;
            ledger.observer.looked_at_slot(slot);
            let step = decide(Answer::of(&fault), slot, first);
            tracing::debug!(
                subject = self.reader.subject, expected = ground.expected(), %fault, ?slot, ?step,
                "not acknowledged"
            );
            match (step, by) {
                (Step::Stored { sequence }, _) => {
                    self.remember(digest, events, ground, sequence);
                    return Ok(Published::Stored { sequence });
                }
                (Step::Repeated { sequence }, _) => return Ok(Published::Repeated { sequence }),
                // Where ours may have expired, what was found may be what came after it.
                (Step::Beaten { .. }, Some(by)) if !ledger.may_have_expired(sent.elapsed()) => {
                    self.unsettled.store(false, Ordering::Relaxed);
                    return Ok(Published::Beaten { by });
                }
                // Copies may have been stored and have expired as well: nobody knows.
                (Step::Contradicted { .. } | Step::Doubt, _)
                    if ledger.may_have_expired(sent.elapsed()) =>
                {
                    return Err(self.indeterminate(events, fault));
                }
                (Step::Contradicted { by }, slot) => {
                    if Box::pin(self.is_gone(ground, patience)).await? {
                        return Ok(self.expired());
                    }
                    let first = slot.map_or(Version::ZERO, |slot| slot.version);
                    return Err(self.reader.falls(by, first, ground.version()));
                }
                (Step::Refused, _) => return Err(self.refused(fault, slot)),
                (Step::Unknown, _) => return Err(self.indeterminate(events, fault)),
                (Step::Doubt, _) if !first && Box::pin(self.is_gone(ground, patience)).await? => {
                    return Ok(self.expired());
                }
                (Step::Doubt | Step::Resend | Step::Beaten { .. }, _) => {
                    // An empty slot shows that nothing was stored only for as long as what was
                    // stored could not have expired: later, sent again, it would be stored twice.
                    let expired = ledger.may_have_expired(sent.elapsed());
                    if expired || !patience.pause().await {
                        return Err(self.indeterminate(events, fault));
                    }
                    ledger.observer.resends(&fault);
                    first = false;
                }
            }
        }
    }

    /// Publishes once; gives the sequence where the right stream says that it has stored it.
    async fn attempt(
        &self,
        message: Outgoing,
        ground: &Ground,
        patience: &Patience,
    ) -> Result<Result<u64, Fault>, StoreError> {
        let Reader {
            server,
            ledger,
            actor_id,
            subject,
        } = self.reader;
        let attempt = self.attempts.fetch_add(1, Ordering::Relaxed) + 1;
        ledger.observer.sends(&message, attempt);
        let mark = ledger.mark();
        let ack = match server.publish(subject, message, patience).await {
            Ok(ack) => ack,
            Err(fault) => return Ok(Err(fault)),
        };
        let ours = ack.stream == ledger.names.events_stream;
        if !ours || ack.duplicate || ack.sequence <= ground.after() {
            let text = format!("an acknowledgement that can't be: {ack:?}");
            return Ok(Err(Fault::Garbled(text)));
        }
        if ack.sequence <= mark {
            // A sequence that was used before: this is another stream, or one that lost its tail.
            if let Ok(state) = Box::pin(server.state(subject, 0, patience)).await {
                if ledger.age_of(state.created) == Age::Replaced {
                    return Err(ledger.made_anew(actor_id, ground.version()));
                }
                tracing::error!(
                    stream = ack.stream,
                    sequence = ack.sequence,
                    mark,
                    "the server uses sequences again: it has lost messages that it had acknowledged"
                );
                ledger.observer.saw_sequence_reused();
                ledger.lower_mark(ack.sequence);
            }
        }
        Ok(Ok(ack.sequence))
    }

    /// This was stored: it is the newest commit that is known.
    fn remember(&self, digest: Digest, events: &[Event], ground: &Ground, sequence: u64) {
        let ledger = self.reader.ledger;
        ledger.saw(sequence);
        let head = ground.head().map(|head| &**head);
        let head = Head::after(head, sequence, digest, events);
        ledger.actors.observe(self.commit.actor_id(), head);
    }

    /// Looks at the first message on the subject after the one that it is to follow.
    async fn look_at_slot(
        &self,
        events: &[Event],
        ground: &Ground,
        patience: &Patience,
    ) -> (Slot, Option<Floor>) {
        let wanted = Wanted::Next {
            seq: ground.after() + 1,
            next_by_subj: self.reader.subject,
        };
        let stored = match self.reader.server.message(wanted, patience).await {
            Ok(Some(stored)) => stored,
            Ok(None) => return (Slot::Empty, None),
            Err(fault) if fault.may_pass() => return (Slot::Unseen, None),
            Err(_) => return (Slot::Gone, None),
        };
        let sequence = stored.sequence;
        let mut floor = Floor {
            sequence,
            digest: stored.digest(),
            version: Version::ZERO,
        };
        let Ok(commit) = stored.commit(self.commit.actor_id()) else {
            return (Slot::Anothers { sequence }, Some(floor));
        };
        if commit.first() <= ground.version() {
            floor.version = commit.first();
            return (Slot::Fallen { sequence }, Some(floor));
        }
        floor.version = commit.last();
        self.reader.observe(&commit);
        let slot = if !identical(events, &commit.events) {
            Slot::Anothers { sequence }
        } else if stored.save_id() == Some(self.id.as_str()) {
            Slot::Ours { sequence }
        } else {
            Slot::Same { sequence }
        };
        (slot, Some(floor))
    }

    /// What this was to follow has expired. One of the copies may have been stored before it did.
    fn expired(&self) -> Published {
        self.unsettled.store(true, Ordering::Relaxed);
        Published::Expired
    }

    /// Whether it is proved that what this is to follow has expired.
    ///
    /// # Errors
    ///
    /// [`StoreError::HistoryRegressed`] where it is proved to be gone and nothing expires.
    async fn is_gone(&self, ground: &Ground, patience: &Patience) -> Result<bool, StoreError> {
        let Ground::On(head) = ground else {
            return Ok(false);
        };
        let floor = Floor::of(head);
        let verdict = self.reader.verdict(floor, None, patience).await;
        self.reader.ledger.observer.doubted(verdict);
        match verdict {
            Verdict::Gone if self.reader.ledger.expires() => Ok(true),
            verdict => self.reader.conclude(verdict, Some(floor)).map(|_| false),
        }
    }

    /// What a refusal that is proof is called.
    fn refused(&self, fault: Fault, slot: Slot) -> StoreError {
        let stream = &self.reader.ledger.names.events_stream;
        match (fault, slot) {
            (Fault::NoResponders, Slot::Gone) => crate::errors::misconfigured(
                format!("stream {stream:?}"),
                "missing on the server",
                "there (connecting makes it)",
            ),
            (fault, _) => fault.into_store_error(ACTION, stream),
        }
    }

    /// Nobody knows: the next save of this actor begins with a read.
    pub(super) fn indeterminate(
        &self,
        events: &[Event],
        fault: impl Into<BoxError> + fmt::Display,
    ) -> StoreError {
        tracing::debug!(%fault, "giving up without knowing whether the events were stored");
        if let Some(last) = events.last() {
            let actors = &self.reader.ledger.actors;
            actors.hint(self.commit.actor_id(), last.version());
        }
        Indeterminate {
            events: events.to_vec(),
            source: fault.into(),
        }
        .into()
    }
}
