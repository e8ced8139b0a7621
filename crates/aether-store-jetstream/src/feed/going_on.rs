//! How a feed goes on when its consumer has gone.

use aether_core::StoreError;
use futures_util::future::join_all;

use super::subjects::Subjects;
use super::{ACTION, Feed, Phase};
use crate::consumer::{Consumer, Given};
use crate::errors::Fault;
use crate::link::Wanted;
use crate::message::Stored;
use crate::server::Server as _;

/// After so many consumers in a row that have given nothing the next message is read by itself.
const BARREN_BEFORE_ALONE: u32 = 2;
/// How many messages that don't pass are gone by at once, one by one.
const STEPS_ALONE: u32 = 256;
/// After so many requests for a consumer without an answer another one is asked for; for that one
/// twice as many.
const ASKS_BEFORE_ANOTHER: u32 = 3;
/// After so many it is said aloud, and again after as many more.
const BARREN_BEFORE_WARNING: u32 = 16;

impl Feed {
    /// The consumer is of no more use.
    pub(super) fn interrupted(&mut self, fault: Fault) -> Result<(), StoreError> {
        if !fault.may_pass() {
            let stream = &self.store.ledger.names.events_stream;
            return Err(fault.into_store_error(ACTION, stream));
        }
        if let Phase::Reading(consumer) = &self.phase {
            if consumer.has_missed() {
                self.batch_most = (consumer.batch() / 2).max(1);
                self.since_missed = 0;
            }
            self.barren = match consumer.given() {
                0 => self.barren + 1,
                _ => 0,
            };
        }
        self.store.ledger.observer.feed_interrupted(&fault);
        let from = self.looked + 1;
        if self.barren > 0 && self.barren.is_multiple_of(BARREN_BEFORE_WARNING) {
            tracing::warn!(from, %fault, "a feed is given nothing, by one consumer after the other");
        } else {
            tracing::debug!(from, %fault, "a feed goes on with another consumer");
        }
        self.phase = Phase::Interrupted;
        Ok(())
    }

    /// Makes another consumer, where everything is as it was.
    pub(super) async fn go_on(&mut self) -> Result<(), StoreError> {
        // One that gave nothing may have had no time to: the next ones are made less and less often.
        if self.barren > 0 && !self.backoff.pause().await {
            self.backoff.renew();
        }
        self.patience.renew();
        let known = self.looked.max(self.catches_up_at.unwrap_or(0));
        let state = self.look(known).await?;
        // Behind the last message that passed there may be others now, if the end was lost.
        let sure = match (&self.last, self.everything_passes()) {
            (_, true) => self.looked,
            (Some(last), false) => last.sequence,
            (None, false) => self.starts_behind,
        };
        if state.last < sure {
            let last = state.last;
            return Err(self.lost(format!(
                "the stream has lost its end: its last message is {last}, and {sure} was there"
            )));
        }
        self.catches_up_at = self.catches_up_at.map(|end| end.min(state.last));
        self.check_beginning(&state)?;
        if let Some(last) = &self.last
            && last.sequence >= state.first
        {
            let (sequence, digest) = (last.sequence, last.digest());
            let there = self.message_at(sequence).await?;
            if there.is_some_and(|there| there.digest() != digest) {
                return Err(self.lost(format!(
                    "another message is at {sequence} than was there: the stream has lost its \
                     end and was written on"
                )));
            }
        }
        self.proved_before = self.proved().min(state.last);
        self.looked = match self.everything_passes() {
            true => self.looked,
            false => sure.max(state.first.saturating_sub(1)),
        };
        if self.barren >= BARREN_BEFORE_ALONE
            && let Some(given) = self.next_alone().await
        {
            // Then a consumer is tried again, and if it is of no use, the next one by itself.
            self.barren = BARREN_BEFORE_ALONE - 1;
            let barren = self.barren;
            self.take(given).await?;
            self.barren = barren;
            return Ok(());
        }
        self.open(self.looked + 1).await
    }

    /// The next message that passes, from the leader; none where it can't be had now.
    ///
    /// That answer has the headers in base64. As a consumer gives them, headers that are none end
    /// the connection, each time.
    async fn next_alone(&self) -> Option<Given> {
        let all = self.store.ledger.names.events_subjects();
        let from = self.looked + 1;
        let subjects = match &self.subjects {
            Subjects::Only(subjects) => &subjects[..],
            Subjects::All | Subjects::None => std::slice::from_ref(&all),
        };
        let next = subjects.iter().map(|subject| self.next_on(subject, from));
        let next: Result<Vec<_>, Fault> = join_all(next).await.into_iter().collect();
        let next = next.ok()?;
        // Who has a later message for one subject knew of all before it. Who has none may be an
        // old leader, beside a new one who answered for another subject.
        let is_sure = !self.store.ledger.replicated || next.len() == 1;
        if !is_sure && next.iter().any(Option::is_none) {
            return self.step_alone(&all, from).await;
        }
        let next = next.into_iter().flatten();
        next.min_by_key(|stored| stored.sequence)
            .map(Given::Message)
    }

    /// The same, message by message, whether or not they pass: each answer is one server's.
    async fn step_alone(&self, all: &str, from: u64) -> Option<Given> {
        let mut up_to = None;
        for _ in 0..STEPS_ALONE {
            let Some(stored) = self
                .next_on(all, up_to.unwrap_or(from - 1) + 1)
                .await
                .ok()?
            else {
                break;
            };
            if self.subjects.may_have(&stored.subject) {
                return Some(Given::Message(stored));
            }
            up_to = Some(stored.sequence);
        }
        up_to.map(|up_to| Given::Nothing { up_to })
    }

    async fn next_on(&self, subject: &str, from: u64) -> Result<Option<Stored>, Fault> {
        let wanted = Wanted::Next {
            seq: from,
            next_by_subj: subject,
        };
        self.store.server.message(wanted, &self.patience).await
    }

    /// Makes a consumer that begins with this sequence.
    pub(super) async fn open(&mut self, from: u64) -> Result<(), StoreError> {
        let store = self.store.clone();
        let mut asks = ASKS_BEFORE_ANOTHER;
        let mut consumer = 'made: loop {
            let mut consumer = match Consumer::new(&store.server).await {
                Ok(consumer) => consumer,
                Err(fault) => {
                    self.wait_after(fault).await?;
                    continue;
                }
            };
            for _ in 0..asks {
                let subjects = self.subjects.as_slice();
                match consumer.create(subjects, from, &self.patience).await {
                    Ok(()) => break 'made consumer,
                    Err(fault) => self.wait_after(fault).await?,
                }
            }
            // The server that was to have it may be gone, or be counting what passes.
            asks *= 2;
        };
        consumer.set_most(self.batch_most);
        consumer.wait_longer(self.barren);
        consumer.set_eager(self.catches_up_at.is_some() && !self.everything_passes());
        self.phase = Phase::Reading(consumer);
        Ok(())
    }
}
