//! The store of snapshots: its contract, and replays that start from one.

use std::future::Future;
use std::sync::Arc;

use futures_util::StreamExt;

use crate::{
    ActorId, ActorSnapshot, Event, EventStore, EventStoreExt, RecordedEvent, StoreError, Version,
};

/// Keeps the newest snapshot of each actor.
///
/// A trait of its own: not every store of events has snapshots, and they may be kept elsewhere.
///
/// # Contract
///
/// (The other clauses are in [`EventStore`].)
///
/// 10. **The newest wins.** The latest snapshot is the one with the highest version. An older one
///     never replaces it, however late it is saved; one of the same version does. A snapshot that
///     can't be decoded is reported, and the reader falls back to the replay of all events
///     ([`RestoreExt::restore`] does).
pub trait SnapshotStore: Send + Sync {
    /// Saves a snapshot, unless a newer one of the actor is there.
    ///
    /// Dropping the future leaves the snapshot saved or not.
    ///
    /// # Errors
    ///
    /// [`StoreError::TooLarge`]; whatever keeps the store from answering. A snapshot that was not
    /// saved costs a longer replay, nothing else.
    fn save_snapshot(
        &self,
        snapshot: ActorSnapshot,
    ) -> impl Future<Output = Result<SnapshotSaved, StoreError>> + Send;

    /// The actor's snapshot with the highest version, if it has one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Malformed`] where it can't be decoded; whatever keeps the store from answering.
    fn latest_snapshot(
        &self,
        actor_id: &ActorId,
    ) -> impl Future<Output = Result<Option<ActorSnapshot>, StoreError>> + Send;
}

/// What became of a snapshot that was to be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotSaved {
    /// It is the actor's latest now.
    Saved,
    /// A newer one was there; nothing changed.
    Superseded {
        /// The version of the newer one.
        by: Version,
    },
}

/// Forwards a trait of the store family through a pointer.
macro_rules! forward_snapshot_store {
    ($($pointer:ty),+) => {$(
        impl<S: SnapshotStore + ?Sized> SnapshotStore for $pointer {
            fn save_snapshot(
                &self,
                snapshot: ActorSnapshot,
            ) -> impl Future<Output = Result<SnapshotSaved, StoreError>> + Send {
                (**self).save_snapshot(snapshot)
            }

            fn latest_snapshot(
                &self,
                actor_id: &ActorId,
            ) -> impl Future<Output = Result<Option<ActorSnapshot>, StoreError>> + Send {
                (**self).latest_snapshot(actor_id)
            }
        }
    )+};
}

forward_snapshot_store!(&S, Box<S>, Arc<S>);

/// Replays that start from a snapshot, for stores that keep both.
pub trait RestoreExt: EventStore + SnapshotStore {
    /// The actor's newest snapshot and the events after it; all events where there is none that
    /// can be used.
    ///
    /// A snapshot counts only if the history reaches its version and, where it knows its place
    /// ([`ActorSnapshot::at_position`]), if the event of that version is in that very place. One
    /// that can't be read, that is ahead of a history which has lost its end, or that is of
    /// another life of the store, is reported in [`Restored::problem`] and the whole history is
    /// read instead: a longer replay. A snapshot without a place can't be told from one that
    /// was taken before the store was made anew.
    ///
    /// # Errors
    ///
    /// As [`EventStoreExt::get_events`]. A fault of the snapshots alone is not one.
    fn restore(
        &self,
        actor_id: &ActorId,
    ) -> impl Future<Output = Result<Restored, StoreError>> + Send {
        async move {
            let (snapshot, problem) = match self.latest_snapshot(actor_id).await {
                Ok(snapshot) => (snapshot, None),
                Err(error) => (None, Some(error)),
            };
            let Some(snapshot) = snapshot else {
                return Restored::whole(self, actor_id, problem).await;
            };
            match events_after(self, &snapshot).await? {
                Some(events) => Ok(Restored {
                    snapshot: Some(snapshot),
                    events,
                    problem: None,
                }),
                None => {
                    let problem = StoreError::HistoryRegressed {
                        actor_id: actor_id.clone(),
                        known: snapshot.version(),
                        detail: "the snapshot is not of this history".to_owned(),
                    };
                    Restored::whole(self, actor_id, Some(problem)).await
                }
            }
        }
    }
}

impl<S: EventStore + SnapshotStore + ?Sized> RestoreExt for S {}

/// What is needed to bring an actor's state back.
#[derive(Debug)]
pub struct Restored {
    /// The snapshot to start from, if there is one that can be used.
    pub snapshot: Option<ActorSnapshot>,
    /// The events after the snapshot, or all of them.
    pub events: Vec<Event>,
    /// Why no snapshot could be used though there may be one.
    pub problem: Option<StoreError>,
}

impl Restored {
    /// The version that the state will have: the last event's, else the snapshot's.
    #[must_use]
    pub fn version(&self) -> Version {
        match (self.events.last(), &self.snapshot) {
            (Some(event), _) => event.version(),
            (None, Some(snapshot)) => snapshot.version(),
            (None, None) => Version::ZERO,
        }
    }

    async fn whole<S: EventStore + ?Sized>(
        store: &S,
        actor_id: &ActorId,
        problem: Option<StoreError>,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            snapshot: None,
            events: store.get_events(actor_id, Version::ZERO).await?,
            problem,
        })
    }
}

/// Whether this is the event that the snapshot ends with, in another place than it says.
fn is_elsewhere(recorded: &RecordedEvent, snapshot: &ActorSnapshot) -> bool {
    recorded.event().version() == snapshot.version()
        && snapshot
            .position()
            .is_some_and(|position| position != recorded.position())
}

/// The events after a snapshot; `None` where it is not of this history.
///
/// The snapshot's own event is read along: if it or a later one is there, the history reaches
/// that far. Only where neither is (all may have expired) the latest version is asked for.
async fn events_after<S: EventStore + ?Sized>(
    store: &S,
    snapshot: &ActorSnapshot,
) -> Result<Option<Vec<Event>>, StoreError> {
    let mut stream = store.events(snapshot.actor_id(), snapshot.version());
    let mut reached = false;
    let mut events = Vec::new();
    while let Some(item) = stream.next().await {
        let recorded = item?;
        if is_elsewhere(&recorded, snapshot) {
            return Ok(None);
        }
        let event = recorded.into_event();
        reached = true;
        if event.version() > snapshot.version() {
            events.push(event);
        }
    }
    if !reached {
        reached = store.latest_version(snapshot.actor_id()).await? >= snapshot.version();
    }
    Ok(reached.then_some(events))
}
