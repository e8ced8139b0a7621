//! Going through an actor's messages up to one that is known: page by page, or many of them by a
//! consumer.
//!
//! A page costs the server more for each message (it is made ready and sent by itself), a consumer
//! more to begin with. There is a limit to how many a server has, so that a store has few at once;
//! whoever gets none reads by pages.

use std::sync::Arc;

use aether_core::StoreError;
use tokio::sync::OwnedSemaphorePermit;

use crate::batch_get::{PAGE_MESSAGES, Page};
use crate::consumer::{BATCH_LEAST, Consumer, Given};
use crate::doubt::{Doubt, OUTDATED_MAX};
use crate::errors::{Fault, unavailable};
use crate::link::Wanted;
use crate::message::Stored;
use crate::patience::Patience;
use crate::server::{JetStream, Server as _};
use crate::store::Shared;

/// From so many messages on a consumer is made for them.
const CONSUMED_LEAST: u64 = 512;
/// How many consumers one scan makes, one after the other.
const CONSUMERS_MAX: u32 = 3;
/// How many consumers the scans of one store have at once.
pub(crate) const CONSUMERS_AT_ONCE: usize = 16;

/// The messages of a subject up to its tail: at most one page of them is in memory, or what a
/// consumer is asked for at once.
///
/// What ends before the tail is a stale answer and is asked for again. Dropping it leaves nothing
/// behind but an unsubscribe; a consumer is removed.
#[derive(Debug)]
pub(crate) struct Scan {
    /// There is nothing to be given before this message.
    start: u64,
    /// The sequence of the last message.
    tail: u64,
    /// The next message has at least this sequence.
    next: u64,
    page: Option<Page>,
    consumer: Option<(Consumer, OwnedSemaphorePermit)>,
    /// About how many messages there are.
    expected: u64,
    /// How often a consumer may still be made.
    consumers_left: u32,
    /// How many messages are asked for at once. Halved where a page breaks off: the client's own
    /// buffer may be too small for it, and what does not fit is lost. One more after each whole
    /// page, as it may have been the connection that broke.
    page_messages: u32,
    /// How many messages are read by themselves before a page is tried again.
    alone: u32,
    /// How many that will be after the next page that fails at once: twice as many each time, so
    /// that where no page ever comes a history of n messages waits for log n of them, not for n.
    alone_next: u32,
    /// Whether the last try failed. If not, all the time there is begins anew with the next one:
    /// what the reader of the stream did in between is his own time.
    retrying: bool,
    /// How many messages were given.
    given: u64,
    /// Up to this message the leader is asked for each by itself.
    by_leader: u64,
    /// Whether it does not find the next one there.
    not_there: Option<Doubt>,
}

impl Scan {
    /// Everything up to the message with this sequence, which was seen.
    pub(crate) fn up_to(tail: u64) -> Self {
        Self::between(1, tail)
    }

    /// Everything from one message to another, which was seen.
    pub(crate) fn between(start: u64, tail: u64) -> Self {
        Self {
            start,
            tail,
            next: start,
            page: None,
            consumer: None,
            expected: 0,
            consumers_left: CONSUMERS_MAX,
            page_messages: PAGE_MESSAGES,
            alone: 0,
            alone_next: 1,
            retrying: false,
            given: 0,
            by_leader: 0,
            not_there: None,
        }
    }

    /// With about so many messages in it.
    pub(crate) fn of_about(mut self, messages: u64) -> Self {
        self.expected = messages;
        self
    }

    /// Goes on up to a later message, which was seen.
    pub(crate) fn extend(&mut self, tail: u64) {
        self.tail = self.tail.max(tail);
        self.page = None;
    }

    /// Goes back behind a message, as the last one that was given does not follow it: what is
    /// between them the leader may have where a replica has lost it. False where the leader was
    /// asked already.
    pub(crate) fn look_again(&mut self, store: &Shared, before: u64, given: u64) -> bool {
        if !store.ledger.replicated || given <= self.by_leader {
            return false;
        }
        self.by_leader = given;
        // As long as a call asks, at most.
        let lasts = OUTDATED_MAX.min(store.ledger.deadline * 3 / 4);
        self.not_there = Some(Doubt::lasting(lasts));
        self.next = (before + 1).max(self.start);
        self.given -= 1;
        (self.page, self.consumer) = (None, None);
        let text = format!("message {given} does not follow {before}");
        store.ledger.observer.rereads(&Fault::Garbled(text));
        true
    }

    /// The sequence of the last message.
    pub(crate) fn tail(&self) -> u64 {
        self.tail
    }

    /// How many messages were given so far.
    pub(crate) fn given(&self) -> u64 {
        self.given
    }

    /// The next message; none after the tail.
    pub(crate) async fn next(
        &mut self,
        store: &Shared,
        subject: &str,
        patience: &mut Patience,
    ) -> Result<Option<Stored>, StoreError> {
        let server = &store.server;
        loop {
            if self.next > self.tail {
                return Ok(None);
            }
            if !self.retrying {
                patience.renew();
            }
            let (tail, from) = (self.tail, self.next);
            let by_leader = self.next <= self.by_leader;
            let alone = !by_leader && self.alone > 0;
            let one = if alone || by_leader {
                self.read_alone(store, subject, patience).await
            } else {
                self.read_one(store, subject).await
            };
            let fault = match one {
                Ok(Some(stored)) if stored.sequence <= tail => {
                    self.retrying = false;
                    if alone {
                        self.alone -= 1;
                    } else {
                        self.alone_next = 1;
                    }
                    self.next = stored.sequence + 1;
                    self.given += 1;
                    return Ok(Some(stored));
                }
                // Only the tail itself is the end.
                Ok(Some(Stored { sequence, .. })) => Fault::Garbled(format!(
                    "message {sequence} is the first from {from} on, though {tail} was there"
                )),
                Ok(None) => {
                    Fault::Garbled(format!("no message from {from} on, though {tail} is there"))
                }
                Err(fault) => fault,
            };
            self.consumer = None;
            if self.page.take().is_some_and(|page| page.given() > 0) {
                self.page_messages = (self.page_messages / 2).max(1);
            }
            self.retrying = true;
            if !alone && !by_leader {
                self.alone = self.alone_next;
                self.alone_next = self.alone_next.saturating_mul(2);
            }
            if !fault.may_pass() {
                let stream = &server.events_stream;
                return Err(fault.into_store_error("read the actor's events", stream));
            }
            if !patience.pause().await {
                return Err(unavailable("read the actor's events up to the last", fault));
            }
            store.ledger.observer.rereads(&fault);
            tracing::debug!(subject, %fault, "reading the history again from {from}");
        }
    }

    /// The next message; none where even a new page is empty.
    async fn read_one(&mut self, store: &Shared, subject: &str) -> Result<Option<Stored>, Fault> {
        if self.page.is_none() {
            self.make_consumer(store, subject).await?;
        }
        match &mut self.consumer {
            Some((consumer, _)) => match consumer.next(&store.server).await? {
                Given::Message(stored) if stored.sequence < self.next => Err(Fault::Garbled(
                    format!("message {} where {} was due", stored.sequence, self.next),
                )),
                Given::Message(stored) => Ok(Some(stored)),
                Given::Nothing { up_to } if up_to >= self.tail => Ok(None),
                // Whoever has it is behind.
                Given::Nothing { up_to } => Err(Fault::Interrupted(format!(
                    "a consumer has nothing up to message {up_to}"
                ))),
            },
            None => self.read_from_page(&store.server, subject).await,
        }
    }

    /// Makes a consumer for a long way that is left, where one is to be had.
    async fn make_consumer(&mut self, store: &Shared, subject: &str) -> Result<(), Fault> {
        let left = self.expected.saturating_sub(self.given);
        if self.consumer.is_some() || left < CONSUMED_LEAST || self.consumers_left == 0 {
            return Ok(());
        }
        let Ok(permit) = Arc::clone(&store.consumers).try_acquire_owned() else {
            return Ok(());
        };
        self.consumers_left -= 1;
        let (subject, patience) = (subject.to_owned(), store.ledger.patience());
        let subjects = std::slice::from_ref(&subject);
        let mut consumer = Consumer::new(&store.server).await?;
        match consumer.create(subjects, self.next, &patience).await {
            Ok(()) => {
                // There may be many replays at once, each with so many under way.
                consumer.set_most(BATCH_LEAST);
                self.consumer = Some((consumer, permit));
            }
            // There is another way. Who is not permitted is not for the next time, either.
            Err(Fault::Denied(_)) => {
                store.consumers.close();
                self.consumers_left = 0;
            }
            // The server has too many.
            Err(Fault::Refused(_)) => self.consumers_left = 0,
            Err(fault) => return Err(fault),
        }
        Ok(())
    }

    /// The next message, from the page or from a new one.
    async fn read_from_page(
        &mut self,
        server: &JetStream,
        subject: &str,
    ) -> Result<Option<Stored>, Fault> {
        if let Some(open) = &mut self.page {
            if let Some(stored) = open.next().await? {
                let due = self.next;
                return match stored.sequence {
                    early if early < due => Err(Fault::Garbled(format!(
                        "message {early} where {due} was due"
                    ))),
                    _ => Ok(Some(stored)),
                };
            }
            if open.given() >= self.page_messages {
                self.page_messages = (self.page_messages + 1).min(PAGE_MESSAGES);
            }
        }
        let stream = &server.events_stream;
        let (from, messages) = (self.next, self.page_messages);
        let opened = Page::open(&server.link, stream, subject, from, messages).await?;
        self.page.insert(opened).next().await
    }

    /// The same after a fault: the next message by itself, if it can be had so.
    ///
    /// That answer has the headers in base64. Within a page, headers that are none end the
    /// connection, each time.
    async fn read_alone(
        &mut self,
        store: &Shared,
        subject: &str,
        patience: &Patience,
    ) -> Result<Option<Stored>, Fault> {
        let wanted = Wanted::Next {
            seq: self.next,
            next_by_subj: subject,
        };
        let found = store.server.message(wanted, patience).await?;
        if found.is_some() {
            // A page or a consumer that is open gives it, too.
            (self.page, self.consumer) = (None, None);
            return Ok(found);
        }
        // An old leader may not have it yet.
        if let Some(not_there) = &mut self.not_there
            && self.next <= self.by_leader
            && !not_there.is_said()
        {
            let text = format!("the leader has no message from {} on", self.next);
            return Err(Fault::Garbled(text));
        }
        self.read_one(store, subject).await
    }
}
