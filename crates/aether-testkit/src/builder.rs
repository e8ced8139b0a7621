//! What a store's author implements: where a case gets its store from.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use aether_core::{BoxError, EventBroadcaster, EventStore, Namespace};

use crate::Effort;

/// Gives each case a store of its own. Implemented by a store's author, once.
///
/// A case fails where the builder does: an environment that is not there (no server, no disk) is
/// an error to return from [`build`](Self::build), so that nothing counts as passed that was not
/// tried.
///
/// Everything runs inside a tokio runtime with I/O and time enabled.
///
/// ```
/// # use aether_core::{ActorId, Appended, BoxError, Commit, EventStore, EventStream, StoreError, Version};
/// # #[derive(Clone, Default)] struct MyStore;
/// # impl EventStore for MyStore {
/// #     async fn append(&self, _: Commit) -> Result<Appended, StoreError> { Err(StoreError::Closed) }
/// #     fn events(&self, _: &ActorId, _: Version) -> EventStream { Box::pin(futures_util::stream::empty()) }
/// #     async fn latest_version(&self, _: &ActorId) -> Result<Version, StoreError> { Ok(Version::ZERO) }
/// # }
/// use aether_testkit::{StoreBuilder, StoreOptions};
///
/// #[derive(Default)]
/// struct MyBuilder;
///
/// impl StoreBuilder for MyBuilder {
///     type Store = MyStore;
///     type Guard = MyStore; // for a store behind a network: what it is called there
///
///     async fn build(&self, _: StoreOptions) -> Result<(MyStore, MyStore), BoxError> {
///         let store = MyStore::default();
///         Ok((store.clone(), store))
///     }
///
///     async fn reopen(&self, guard: &MyStore) -> Result<MyStore, BoxError> {
///         Ok(guard.clone())
///     }
/// }
/// ```
pub trait StoreBuilder: Send + Sync + 'static {
    /// The store to be tested.
    type Store: EventStore + 'static;

    /// What keeps a store's data while a case runs, and finds it again. It is kept until the case
    /// has ended and every handle was dropped, and is then given to
    /// [`clean_up`](Self::clean_up).
    type Guard: Send + Sync + 'static;

    /// A store that nobody else uses, with nothing in it.
    ///
    /// # Errors
    ///
    /// Whatever keeps a store from being made; the case fails with it.
    fn build(
        &self,
        options: StoreOptions,
    ) -> impl Future<Output = Result<(Self::Store, Self::Guard), BoxError>> + Send;

    /// Another handle on the same data, as another process would open it: nothing is shared with
    /// the first handle that two processes could not share. A store that lives in one process only
    /// gives a clone of its handle.
    ///
    /// It shows what was saved before it was opened; where that may take a moment (a replica that
    /// lags), this waits for it.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being opened; the case fails with it.
    fn reopen(
        &self,
        guard: &Self::Guard,
    ) -> impl Future<Output = Result<Self::Store, BoxError>> + Send;

    /// Removes what a case has left behind. Called after each case, also one that has failed.
    /// Unless it is overridden, the guard is dropped.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being removed; the case fails with it.
    fn clean_up(&self, guard: Self::Guard) -> impl Future<Output = Result<(), BoxError>> + Send {
        drop(guard);
        async { Ok(()) }
    }

    /// How much the cases do. [`Effort::LOCAL`] unless it is overridden.
    fn effort(&self) -> Effort {
        Effort::LOCAL
    }
}

/// What a case asks of a store when it is built.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct StoreOptions {
    /// Who is to be told what the store has stored (clause 11). Only asked for by the cases of
    /// the section `notices`: a builder that does not claim it can ignore this.
    pub notices: Option<Notices>,
}

/// A broadcaster, and the namespace that a store is to pass to it.
#[derive(Clone)]
#[non_exhaustive]
pub struct Notices {
    /// The namespace of every notice.
    pub namespace: Namespace,
    /// Who gets them.
    pub broadcaster: Arc<dyn EventBroadcaster>,
}

impl Notices {
    /// Notices to this broadcaster, in this namespace.
    #[must_use]
    pub fn new(namespace: Namespace, broadcaster: Arc<dyn EventBroadcaster>) -> Self {
        Self {
            namespace,
            broadcaster,
        }
    }
}

impl fmt::Debug for Notices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notices")
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}
