//! What a feed asks the server for beside its consumer.

use aether_core::{Position, StoreError};

use super::order::Order;
use super::{ACTION, Feed};
use crate::decide::StreamState;
use crate::doubt::{Doubt, OLD_LEADER_MAX};
use crate::errors::Fault;
use crate::ledger::Age;
use crate::link::Wanted;
use crate::message::Stored;
use crate::server::Server as _;

impl Feed {
    /// The message with this sequence, from the leader.
    pub(super) async fn message_at(&mut self, sequence: u64) -> Result<Option<Stored>, StoreError> {
        let store = self.store.clone();
        loop {
            let wanted = Wanted::At { seq: sequence };
            match store.server.message(wanted, &self.patience).await {
                Ok(stored) => {
                    self.patience.renew();
                    return Ok(stored);
                }
                Err(fault) => self.wait_after(fault).await?,
            }
        }
    }

    /// The first message from a sequence on that the leader has and can read.
    pub(super) async fn next_stored(&mut self, from: u64) -> Result<Option<Stored>, StoreError> {
        let store = self.store.clone();
        let all = store.ledger.names.events_subjects();
        let wanted = Wanted::Next {
            seq: from,
            next_by_subj: &all,
        };
        loop {
            match store.server.message(wanted, &self.patience).await {
                Ok(stored) => return Ok(stored),
                Err(fault) if fault.code().is_some() => return Ok(None),
                Err(fault) => self.wait_after(fault).await?,
            }
        }
    }

    /// What the leader says of the stream, which had this sequence: of several replicas, one that
    /// says less is not the leader any more. But not for longer than one may take itself for it,
    /// counted from when it first said so: while nobody answers, nothing is known.
    pub(super) async fn look(&mut self, known: u64) -> Result<StreamState, StoreError> {
        let store = self.store.clone();
        let ledger = &store.ledger;
        let mut doubt = Doubt::lasting(OLD_LEADER_MAX);
        loop {
            let fault = match store.server.state("", 0, &self.patience).await {
                Ok(state) => match ledger.age_of(state.created) {
                    Age::Same => {
                        // There may be other requests to come: they have their own time.
                        self.patience.renew();
                        if state.last >= known || !ledger.replicated {
                            return Ok(state);
                        }
                        let last = state.last;
                        let text = format!("the last message is {last}, and {known} was there");
                        ledger.observer.rereads(&Fault::Garbled(text));
                        if doubt.is_over().await {
                            return Ok(state);
                        }
                        continue;
                    }
                    Age::Earlier => Fault::Garbled("of an earlier stream".to_owned()),
                    Age::Replaced => {
                        ledger.note_made_anew();
                        return Err(self.lost("the stream was deleted and made anew".to_owned()));
                    }
                },
                Err(fault) => fault,
            };
            self.wait_after(fault).await?;
        }
    }

    /// Refuses to go on where messages may have gone that were not given yet.
    ///
    /// What is gone before a feed from the beginning has come to it is not missing.
    pub(super) fn check_beginning(&mut self, state: &StreamState) -> Result<(), StoreError> {
        let unproved = self.unproved.take().unwrap_or(self.proved());
        if state.first <= unproved + 1 {
            self.at_edge &= self.everything_passes();
            return Ok(());
        }
        if self.at_edge {
            self.looked = self.looked.max(state.first - 1);
            self.order = Order::new(false);
            return Ok(());
        }
        let (from, to) = (unproved + 1, state.first - 1);
        Err(self.lost(format!(
            "messages {from} to {to} have expired or were removed, and not all that pass may have \
             been given before"
        )))
    }

    /// The end of a feed that can't go on from where it is.
    pub(super) fn lost(&self, reason: String) -> StoreError {
        let incarnation = self.store.ledger.incarnation;
        let events = self.last.as_ref().and_then(|last| {
            let events = last.events(last.span().ok()?).ok()?;
            Some(incarnation.last_position(last.sequence, &events))
        });
        let position = events.unwrap_or(Position::new(incarnation.0, self.looked, 0));
        StoreError::PositionLost { position, reason }
    }

    /// Waits a little before the next try. A feed that has begun tries for ever: it can't be told
    /// from one in whose stream nothing is stored.
    pub(super) async fn wait_after(&mut self, fault: Fault) -> Result<(), StoreError> {
        if !fault.may_pass() {
            let stream = &self.store.ledger.names.events_stream;
            return Err(fault.into_store_error(ACTION, stream));
        }
        self.store.ledger.observer.rereads(&fault);
        if !self.patience.pause().await {
            if !self.begun {
                let stream = &self.store.ledger.names.events_stream;
                return Err(fault.into_store_error(ACTION, stream));
            }
            tracing::warn!(%fault, "a feed waits for the server");
            self.patience.renew();
        }
        Ok(())
    }
}
