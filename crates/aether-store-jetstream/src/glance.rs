//! Looking once at an actor's newest commit, for who knows another way where that does not do.

use aether_core::{ActorId, StoreError, Version};

use crate::decide::StreamState;
use crate::ledger::Age;
use crate::link::Wanted;
use crate::message::{Stored, StoredCommit};
use crate::newest::{ACTION, Newest, Reader};
use crate::patience::Patience;
use crate::server::{JetStream, Server as _};
use crate::store::Shared;

/// An actor's latest version, from its newest commit.
pub(crate) async fn latest_version(
    store: &Shared,
    actor_id: &ActorId,
) -> Result<Version, StoreError> {
    let subject = store.ledger.names.events_subject(actor_id);
    let reader = store.reader(actor_id, &subject);
    let mut patience = store.ledger.patience();
    reader.check_incarnation(&patience).await?;
    let (tail, state) = tokio::join!(
        reader.glance(&patience),
        maybe(store.ledger.check_is_due(), reader.state(&patience)),
    );
    let is_earlier = match &state {
        Some(state) => !reader.check_age(state)?,
        None => false,
    };
    if let Some((_, commit)) = tail?.filter(|_| !is_earlier) {
        return Ok(commit.last());
    }
    match reader.newest(reader.floor(), &mut patience).await? {
        Newest::Nothing => Ok(Version::ZERO),
        Newest::Commit(head, _) | Newest::Expired(head, _) => Ok(head.version),
    }
}

/// What this comes to, where it is wanted.
pub(crate) async fn maybe<T>(wanted: bool, work: impl Future<Output = Option<T>>) -> Option<T> {
    match wanted {
        true => work.await,
        false => None,
    }
}

impl Reader<'_, JetStream> {
    /// The newest commit, by one answer; none where that leaves any doubt, be it only silence.
    ///
    /// Where there is one server it is asked in the quickest way.
    ///
    /// # Errors
    ///
    /// Where asking again is of no use.
    pub(crate) async fn glance(
        &self,
        patience: &Patience,
    ) -> Result<Option<(Stored, StoredCommit)>, StoreError> {
        let floor = self.floor();
        let wanted = Wanted::Last {
            last_by_subj: self.subject,
        };
        let answer = match self.ledger.replicated {
            true => self.server.message(wanted, patience).await,
            false => self.server.direct(&wanted, patience).await,
        };
        let stored = match answer {
            Ok(Some(stored)) => stored,
            Ok(None) => return Ok(None),
            Err(fault) if fault.may_pass() => {
                self.ledger.observer.rereads(&fault);
                return Ok(None);
            }
            Err(fault) => {
                return Err(fault.into_store_error(ACTION, &self.ledger.names.events_stream));
            }
        };
        let Ok(commit) = self.commit(&stored) else {
            return Ok(None);
        };
        let falls = floor.is_some_and(|floor| {
            stored.sequence > floor.sequence && commit.first() <= floor.version
        });
        if falls {
            return Ok(None);
        }
        let head = self.observe(&commit);
        // A newer one may be known, or another one in its place.
        let is_newest = (head.sequence(), head.digest) == (commit.sequence, commit.digest);
        Ok(is_newest.then_some((stored, commit)))
    }

    /// What the leader says of the stream and of this actor's messages, by one answer.
    pub(crate) async fn state(&self, patience: &Patience) -> Option<StreamState> {
        self.server.state(self.subject, 0, patience).await.ok()
    }

    /// Whether this is of the stream that was connected to, not of an earlier one, which proves
    /// nothing; refuses to go on where it is of a later one.
    pub(crate) fn check_age(&self, state: &StreamState) -> Result<bool, StoreError> {
        match self.ledger.age_of(state.created) {
            Age::Same => Ok(true),
            Age::Earlier => Ok(false),
            Age::Replaced => {
                let known = self.floor().map_or(Version::ZERO, |floor| floor.version);
                Err(self.ledger.made_anew(self.actor_id, known))
            }
        }
    }
}
