//! What the server says of the stream, for who listens to what it sends.

use std::time::Duration;

use aether_core::{Position, StoreError, Timestamp};
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::stream::Config;
use serde::Deserialize;

use super::course::Tip;
use crate::doubt::{Doubt, OLD_LEADER_MAX};
use crate::errors::{Fault, misconfigured};
use crate::ledger::Age;
use crate::link::Wanted;
use crate::patience::Patience;
use crate::server::nanos;
use crate::store::Shared;
use crate::stream_config::{republish, shown_republish};

/// What the stream is now.
#[derive(Debug)]
pub(super) struct State {
    pub(super) first: u64,
    pub(super) last: Tip,
    config: Config,
}

/// A message that is stored.
#[derive(Debug, Deserialize)]
pub(super) struct Found {
    pub(super) subject: String,
    #[serde(rename = "seq")]
    pub(super) sequence: u64,
    pub(super) time: Timestamp,
}

/// Asks the server, and goes on asking.
pub(super) struct Ground {
    store: Shared,
    action: &'static str,
    patience: Patience,
    /// Whether no silence is the end any more.
    pub(super) begun: bool,
}

impl Ground {
    /// For who does what completes "while trying to …".
    pub(super) fn new(store: Shared, action: &'static str) -> Self {
        Self {
            patience: store.ledger.patience(),
            store,
            action,
            begun: false,
        }
    }

    /// From now on there is all the time again.
    pub(super) fn renew(&mut self) {
        self.patience.renew();
    }

    /// What the leader says of the stream, which has come to this sequence: of several replicas,
    /// one that says less is not the leader any more. But not for longer than one may take itself
    /// for it.
    ///
    /// An error says that nothing goes on from this place.
    pub(super) async fn look(&mut self, known: u64, from: Position) -> Result<State, StoreError> {
        self.look_for(known, OLD_LEADER_MAX, from).await
    }

    /// The same where it is not sure that the stream has come as far: who says less is believed
    /// after he has said so for so long.
    pub(super) async fn look_for(
        &mut self,
        known: u64,
        doubt: Duration,
        from: Position,
    ) -> Result<State, StoreError> {
        let store = self.store.clone();
        let ledger = &store.ledger;
        let mut doubted = Doubt::lasting(doubt);
        loop {
            let fault = match self.ask().await {
                Ok((created, state)) => match ledger.age_of(created) {
                    Age::Same => {
                        // There may be other requests to come: they have their own time.
                        self.patience.renew();
                        if state.last.sequence >= known || !ledger.replicated || doubt.is_zero() {
                            return Ok(state);
                        }
                        if doubted.is_over().await {
                            return Ok(state);
                        }
                        continue;
                    }
                    Age::Earlier => Fault::Garbled("of an earlier stream".to_owned()),
                    Age::Replaced => {
                        ledger.note_made_anew();
                        let reason = "the stream was deleted and made anew".to_owned();
                        return Err(StoreError::PositionLost {
                            position: from,
                            reason,
                        });
                    }
                },
                Err(fault) => fault,
            };
            self.wait_after(fault).await?;
        }
    }

    async fn ask(&self) -> Result<(u64, State), Fault> {
        #[derive(Deserialize)]
        struct Info {
            created: Timestamp,
            config: Config,
            state: Sequences,
        }
        #[derive(Deserialize)]
        struct Sequences {
            first_seq: u64,
            last_seq: u64,
            /// Of an empty stream it is a time before all of ours.
            last_ts: String,
        }
        let server = &self.store.server;
        let call = format!("STREAM.INFO.{}", server.events_stream);
        let info: Info = server.link.order(&call, &self.patience).await?;
        let state = State {
            first: info.state.first_seq,
            last: Tip {
                sequence: info.state.last_seq,
                time: info.state.last_ts.parse().ok(),
            },
            config: info.config,
        };
        Ok((nanos(info.created), state))
    }

    /// Refuses a stream that sends nothing: who listens would hear nothing, and never know.
    pub(super) fn check_sends(&self, state: &State) -> Result<(), StoreError> {
        let names = &self.store.ledger.names;
        let wanted = Config {
            republish: Some(republish(names)),
            ..Config::default()
        };
        if state.config.republish == wanted.republish {
            return Ok(());
        }
        Err(misconfigured(
            format!("republish of stream {:?}", names.events_stream),
            shown_republish(&state.config),
            shown_republish(&wanted),
        ))
    }

    /// The message with this sequence; none where it is not there.
    pub(super) async fn message_at(&mut self, sequence: u64) -> Result<Option<Found>, StoreError> {
        self.message(&Wanted::At { seq: sequence }).await
    }

    /// The last message on a subject, which may have wildcards; none where there is none.
    pub(super) async fn last_on(&mut self, subject: &str) -> Result<Option<Found>, StoreError> {
        let wanted = Wanted::Last {
            last_by_subj: subject,
        };
        self.message(&wanted).await
    }

    async fn message(&mut self, wanted: &Wanted<'_>) -> Result<Option<Found>, StoreError> {
        #[derive(Deserialize)]
        struct Answer {
            message: Found,
        }
        let store = self.store.clone();
        let call = format!("STREAM.MSG.GET.{}", store.server.events_stream);
        loop {
            let link = &store.server.link;
            match link.api::<Answer>(&call, wanted, &self.patience).await {
                Ok(answer) => return Ok(Some(answer.message)),
                Err(fault) if fault.code() == Some(ErrorCode::NO_MESSAGE_FOUND) => return Ok(None),
                Err(fault) => self.wait_after(fault).await?,
            }
        }
    }

    /// Waits a little before the next try. Who has begun to listen tries for ever: it can't be told
    /// from a stream in which nothing is stored.
    pub(super) async fn wait_after(&mut self, fault: Fault) -> Result<(), StoreError> {
        let stream = &self.store.ledger.names.events_stream;
        if !fault.may_pass() {
            return Err(fault.into_store_error(self.action, stream));
        }
        self.store.ledger.observer.rereads(&fault);
        if !self.patience.pause().await {
            if !self.begun {
                return Err(fault.into_store_error(self.action, stream));
            }
            tracing::warn!(%fault, "a subscription waits for the server");
            self.patience.renew();
        }
        Ok(())
    }
}
