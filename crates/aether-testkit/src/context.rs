//! What a case gets its stores from.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aether_core::{EventBroadcaster, Namespace};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

use crate::{Effort, Failure, Notices, Outcome, StoreBuilder, StoreOptions};

/// The namespace of every notice in the suite.
pub(crate) const NAMESPACE: Namespace = Namespace::from_static("testkit.a b");

/// What a case gets its stores from. It keeps the guards until the case has ended.
pub struct Context<B: StoreBuilder> {
    builder: Arc<B>,
    effort: Effort,
    guards: Mutex<Vec<B::Guard>>,
}

impl<B: StoreBuilder> Context<B> {
    pub(crate) fn new(builder: Arc<B>) -> Self {
        Self {
            effort: builder.effort(),
            builder,
            guards: Mutex::new(Vec::new()),
        }
    }

    /// A new, empty store.
    pub(crate) async fn store(&self) -> Result<Arc<B::Store>, Failure> {
        self.build(StoreOptions::default()).await
    }

    /// A new, empty store that tells this broadcaster what it has stored.
    pub(crate) async fn store_with_notices(
        &self,
        broadcaster: Arc<dyn EventBroadcaster>,
    ) -> Result<Arc<B::Store>, Failure> {
        self.build(StoreOptions {
            notices: Some(Notices::new(NAMESPACE, broadcaster)),
        })
        .await
    }

    async fn build(&self, options: StoreOptions) -> Result<Arc<B::Store>, Failure> {
        let built = self.builder.build(options).await;
        let (store, guard) =
            built.map_err(|error| Failure::environment("build a store", &error))?;
        self.guards.lock().await.push(guard);
        Ok(Arc::new(store))
    }

    /// A second handle on the first store that this case built.
    pub(crate) async fn reopen(&self) -> Result<Arc<B::Store>, Failure> {
        let guard = self.guard().await?;
        let reopened = self.builder.reopen(&guard).await;
        reopened
            .map(Arc::new)
            .map_err(|error| Failure::environment("reopen a store", &error))
    }

    /// The guard of the first store that this case built.
    pub(crate) async fn guard(&self) -> Result<MappedMutexGuard<'_, B::Guard>, Failure> {
        MutexGuard::try_map(self.guards.lock().await, |guards| guards.first_mut())
            .map_err(|_| Failure::new("a mistake in the suite: no store was built yet"))
    }

    pub(crate) fn builder(&self) -> &B {
        &self.builder
    }

    pub(crate) fn effort(&self) -> Effort {
        self.effort
    }

    /// Waits for something that must come, as long as the builder has patience.
    #[track_caller]
    pub(crate) fn in_time<T: Send>(
        &self,
        what: &'static str,
        future: impl Future<Output = T> + Send,
    ) -> impl Future<Output = Result<T, Failure>> + Send {
        let location = std::panic::Location::caller();
        let patience: Duration = self.effort.patience;
        async move {
            tokio::time::timeout(patience, future).await.map_err(|_| {
                Failure::at(location, format!("{what} did not come within {patience:?}"))
            })
        }
    }

    /// Gives the guards back to the builder.
    pub(crate) async fn clean_up(&self) -> Outcome {
        let guards = std::mem::take(&mut *self.guards.lock().await);
        let mut outcome = Ok(());
        for guard in guards {
            if let Err(error) = self.builder.clean_up(guard).await {
                outcome = Err(Failure::environment("clean up", &error));
            }
        }
        outcome
    }
}

impl<B: StoreBuilder> fmt::Debug for Context<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("effort", &self.effort)
            .finish_non_exhaustive()
    }
}
