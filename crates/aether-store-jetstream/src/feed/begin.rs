//! Where a feed begins.

use aether_core::{FeedStart, Position, StoreError};

use super::order::Order;
use super::subjects::Subjects;
use super::{Feed, Phase};
use crate::decide::StreamState;
use crate::doubt::{Doubt, OLD_LEADER_MAX};
use crate::message::{Stored, is_behind_a_message};

impl Feed {
    /// Finds the place to begin at and the end of what is there.
    pub(super) async fn begin(&mut self, start: FeedStart) -> Result<(), StoreError> {
        // The feed may have been made long before it is polled.
        self.patience.renew();
        let known = self.store.ledger.mark();
        let state = match start {
            FeedStart::After(position) => self.resume(position).await?,
            FeedStart::Beginning => {
                let state = self.look(known).await?;
                self.looked = state.first.saturating_sub(1);
                self.order = Order::new(self.looked == 0);
                self.at_edge = true;
                state
            }
            FeedStart::Now => {
                let state = self.look(known).await?;
                self.looked = state.last;
                // To know it by, should the stream lose its end.
                if state.last > 0 {
                    self.last = self.message_at(state.last).await?;
                }
                state
            }
        };
        self.starts_behind = self.looked;
        self.catches_up_at = Some(state.last.max(self.looked));
        if self.subjects == Subjects::None {
            self.catches_up_at = Some(self.looked);
            self.phase = Phase::Idle;
            return Ok(());
        }
        self.open(self.looked + 1).await?;
        self.begun = true;
        Ok(())
    }

    /// Finds the place behind an event, and gives the rest of its commit.
    async fn resume(&mut self, position: Position) -> Result<StreamState, StoreError> {
        let store = self.store.clone();
        let ledger = &store.ledger;
        let lost = |reason: String| StoreError::PositionLost { position, reason };
        if position.incarnation() != ledger.incarnation.0 {
            let reason =
                "it is a position in another stream, or in this one before it was made anew";
            return Err(lost(reason.to_owned()));
        }
        let sequence = position.sequence();
        let mut known = ledger.mark().max(sequence);
        let mut doubt = Doubt::lasting(OLD_LEADER_MAX).whatever_the_silence();
        loop {
            let state = self.look(known).await.map_err(|error| match error {
                StoreError::PositionLost { reason, .. } => lost(reason),
                error => error,
            })?;
            // It was doubted for long enough if it is less.
            known = known.min(state.last);
            // Nothing is to be looked at where it is of no event: all behind it has to be there.
            let is_behind = is_behind_a_message(position);
            let needed = sequence.saturating_add(u64::from(is_behind));
            if sequence == 0 && !is_behind {
                return Err(lost("no event is there".to_owned()));
            }
            if needed < state.first {
                let first = state.first;
                return Err(lost(format!(
                    "its event has expired or was removed, and others after it may have: the \
                     first message that is left is {first}"
                )));
            }
            if sequence > state.last {
                let last = state.last;
                return Err(lost(format!("it is past the end, which is message {last}")));
            }
            if is_behind {
                self.looked = sequence;
                return Ok(state);
            }
            if position.fingerprint() == 0 {
                // Of a report, not of an event: the message is looked at once more.
                self.looked = sequence - 1;
                return Ok(state);
            }
            if let Some(stored) = self.message_at(sequence).await? {
                self.give_rest(stored, position).map_err(lost)?;
                return Ok(state);
            }
            // An old leader may not know of it.
            if !ledger.replicated || doubt.is_over().await {
                return Err(lost(
                    "the message with its event is damaged or was removed".to_owned(),
                ));
            }
        }
    }

    /// Gives the events of a message that come after this position in it, where that is of one
    /// of them.
    fn give_rest(&mut self, stored: Stored, position: Position) -> Result<(), String> {
        let incarnation = self.store.ledger.incarnation;
        let (events, previous) = self.events_in(&stored, &stored.fields())?;
        let index = usize::try_from(position.index()).unwrap_or(usize::MAX);
        let sequence = stored.sequence;
        let there = events.get(index);
        if there.map(|event| incarnation.position(sequence, index, event)) != Some(position) {
            return Err(
                "another event is there: the stream has lost its end and was written on, or is \
                 an older copy"
                    .to_owned(),
            );
        }
        self.follow(&stored.subject, previous, &events);
        self.give(&stored, events, index + 1);
        self.last = Some(stored);
        self.looked = sequence;
        Ok(())
    }
}
