//! A store through the traits' `dyn` forms.

use std::future::Future;
use std::sync::Arc;

use aether_core::{
    ActorId, ActorSnapshot, Appended, Commit, DynEventStore, DynSnapshotStore, EventFeed,
    EventFilter, EventStore, EventStream, FeedStart, FeedStream, SnapshotSaved, SnapshotStore,
    StoreError, Version,
};

/// A store that is called through `dyn DynEventStore`, `dyn DynSnapshotStore` and
/// `dyn EventFeed`, so that the suite runs through the boxed forms as well:
/// `wrapped(MyBuilder::default(), Boxed::new)`.
#[derive(Debug)]
pub struct Boxed<S>(Arc<S>);

impl<S> Boxed<S> {
    /// This store, boxed.
    #[must_use]
    pub fn new(store: S) -> Self {
        Self(Arc::new(store))
    }
}

impl<S> Clone for Boxed<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: EventStore> EventStore for Boxed<S> {
    fn append(&self, commit: Commit) -> impl Future<Output = Result<Appended, StoreError>> + Send {
        let store: &dyn DynEventStore = &*self.0;
        store.append(commit)
    }

    fn events(&self, actor_id: &ActorId, from: Version) -> EventStream {
        let store: &dyn DynEventStore = &*self.0;
        store.events(actor_id, from)
    }

    async fn latest_version(&self, actor_id: &ActorId) -> Result<Version, StoreError> {
        let store: &dyn DynEventStore = &*self.0;
        store.latest_version(actor_id).await
    }
}

impl<S: SnapshotStore> SnapshotStore for Boxed<S> {
    fn save_snapshot(
        &self,
        snapshot: ActorSnapshot,
    ) -> impl Future<Output = Result<SnapshotSaved, StoreError>> + Send {
        let store: &dyn DynSnapshotStore = &*self.0;
        store.save_snapshot(snapshot)
    }

    async fn latest_snapshot(
        &self,
        actor_id: &ActorId,
    ) -> Result<Option<ActorSnapshot>, StoreError> {
        let store: &dyn DynSnapshotStore = &*self.0;
        store.latest_snapshot(actor_id).await
    }
}

impl<S: EventFeed> EventFeed for Boxed<S> {
    fn feed(&self, start: FeedStart, filter: EventFilter) -> FeedStream {
        let store: &dyn EventFeed = &*self.0;
        store.feed(start, filter)
    }
}
