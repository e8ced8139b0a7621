//! The traits in a form that can be boxed, for who chooses a store at run time.

use std::future::Future;
use std::pin::Pin;

use crate::{
    ActorId, ActorSnapshot, Appended, Commit, EventFeed, EventStore, EventStream, SnapshotSaved,
    SnapshotStore, StoreError, Version,
};

/// A future on the heap.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// [`EventStore`] with its futures boxed, so that it can be a `dyn` type. Every store is one, and
/// `dyn DynEventStore` is an [`EventStore`] again.
///
/// ```
/// use std::sync::Arc;
/// use aether_core::{ActorId, DynEventStore, EventStore, EventStoreExt, StoreError, Version};
///
/// struct Service { store: Arc<dyn DynEventStore> }
///
/// async fn version(service: &Service, id: &ActorId) -> Result<Version, StoreError> {
///     service.store.latest_version(id).await
/// }
/// ```
pub trait DynEventStore: Send + Sync {
    /// [`EventStore::append`], boxed.
    fn append_boxed(&self, commit: Commit) -> BoxFuture<'_, Result<Appended, StoreError>>;

    /// [`EventStore::events`].
    fn events_boxed(&self, actor_id: &ActorId, from: Version) -> EventStream;

    /// [`EventStore::latest_version`], boxed.
    fn latest_version_boxed<'a>(
        &'a self,
        actor_id: &'a ActorId,
    ) -> BoxFuture<'a, Result<Version, StoreError>>;
}

impl<S: EventStore> DynEventStore for S {
    fn append_boxed(&self, commit: Commit) -> BoxFuture<'_, Result<Appended, StoreError>> {
        Box::pin(self.append(commit))
    }

    fn events_boxed(&self, actor_id: &ActorId, from: Version) -> EventStream {
        self.events(actor_id, from)
    }

    fn latest_version_boxed<'a>(
        &'a self,
        actor_id: &'a ActorId,
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        Box::pin(self.latest_version(actor_id))
    }
}

impl EventStore for dyn DynEventStore + '_ {
    fn append(&self, commit: Commit) -> impl Future<Output = Result<Appended, StoreError>> + Send {
        self.append_boxed(commit)
    }

    fn events(&self, actor_id: &ActorId, from: Version) -> EventStream {
        self.events_boxed(actor_id, from)
    }

    async fn latest_version(&self, actor_id: &ActorId) -> Result<Version, StoreError> {
        self.latest_version_boxed(actor_id).await
    }
}

/// [`SnapshotStore`] with its futures boxed, so that it can be a `dyn` type.
pub trait DynSnapshotStore: Send + Sync {
    /// [`SnapshotStore::save_snapshot`], boxed.
    fn save_snapshot_boxed(
        &self,
        snapshot: ActorSnapshot,
    ) -> BoxFuture<'_, Result<SnapshotSaved, StoreError>>;

    /// [`SnapshotStore::latest_snapshot`], boxed.
    fn latest_snapshot_boxed<'a>(
        &'a self,
        actor_id: &'a ActorId,
    ) -> BoxFuture<'a, Result<Option<ActorSnapshot>, StoreError>>;
}

impl<S: SnapshotStore> DynSnapshotStore for S {
    fn save_snapshot_boxed(
        &self,
        snapshot: ActorSnapshot,
    ) -> BoxFuture<'_, Result<SnapshotSaved, StoreError>> {
        Box::pin(self.save_snapshot(snapshot))
    }

    fn latest_snapshot_boxed<'a>(
        &'a self,
        actor_id: &'a ActorId,
    ) -> BoxFuture<'a, Result<Option<ActorSnapshot>, StoreError>> {
        Box::pin(self.latest_snapshot(actor_id))
    }
}

impl SnapshotStore for dyn DynSnapshotStore + '_ {
    fn save_snapshot(
        &self,
        snapshot: ActorSnapshot,
    ) -> impl Future<Output = Result<SnapshotSaved, StoreError>> + Send {
        self.save_snapshot_boxed(snapshot)
    }

    async fn latest_snapshot(
        &self,
        actor_id: &ActorId,
    ) -> Result<Option<ActorSnapshot>, StoreError> {
        self.latest_snapshot_boxed(actor_id).await
    }
}

/// [`EventFeed`] can be a `dyn` type as it is; this says so at compile time.
const _: Option<&dyn EventFeed> = None;
