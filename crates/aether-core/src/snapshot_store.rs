//! The store of snapshots, and its contract.

use std::future::Future;
use std::sync::Arc;

use crate::{ActorId, ActorSnapshot, StoreError, Version};

/// Keeps the newest snapshot of each actor.
///
/// A trait of its own: not every store of events has snapshots, and they may be kept elsewhere.
///
/// # Contract
///
/// (The other clauses are in [`EventStore`](crate::EventStore).)
///
/// 10. **The newest wins.** The latest snapshot is the one with the highest version. An older one
///     never replaces it, however late it is saved; one of the same version does. A snapshot that
///     can't be decoded is reported, and the reader falls back to the replay of all events
///     ([`RestoreExt::restore`](crate::RestoreExt::restore) does).
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
