//! How a store is made where it is to do more than keep.

use std::fmt;
use std::sync::Arc;

use aether_core::{Clock, EventBroadcaster, Namespace, StoredNotifier, SystemClock};

use crate::MemoryStore;

/// Makes a [`MemoryStore`] that tells a broadcaster what it stored.
///
/// ```
/// use std::sync::Arc;
/// use aether_core::{BroadcastError, Event, EventBroadcaster, Namespace};
/// use aether_store_memory::MemoryStore;
///
/// struct Print;
///
/// impl EventBroadcaster for Print {
///     fn broadcast(&self, namespace: &Namespace, event: &Event) -> Result<(), BroadcastError> {
///         println!("{namespace}: {event:?}");
///         Ok(())
///     }
/// }
///
/// let store = MemoryStore::builder()
///     .broadcaster(Namespace::from_static("shop"), Arc::new(Print))
///     .build();
/// ```
pub struct MemoryStoreBuilder {
    broadcaster: Option<(Namespace, Arc<dyn EventBroadcaster>)>,
    clock: Arc<dyn Clock>,
}

impl MemoryStoreBuilder {
    pub(crate) fn new() -> Self {
        Self {
            broadcaster: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// Tells this broadcaster of each event that was stored, in this namespace
    /// (clause 11 of [`EventStore`](aether_core::EventStore)'s contract).
    ///
    /// Saves of one actor then wait for each other while the broadcaster is being told; saves of
    /// different actors do not. It costs some 100 bytes more for each actor, and an actor is
    /// remembered from the first commit that is offered, also if that is refused.
    #[must_use]
    pub fn broadcaster(
        mut self,
        namespace: Namespace,
        broadcaster: Arc<dyn EventBroadcaster>,
    ) -> Self {
        self.broadcaster = Some((namespace, broadcaster));
        self
    }

    /// Stamps notices with this clock's time; the system's where none is given.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The store, empty.
    #[must_use]
    pub fn build(self) -> MemoryStore {
        let clock = self.clock;
        let notifier = self.broadcaster.map(|(namespace, broadcaster)| {
            StoredNotifier::new(namespace, broadcaster).with_clock(clock)
        });
        MemoryStore::with_notifier(notifier)
    }
}

impl fmt::Debug for MemoryStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStoreBuilder")
            .field("namespace", &self.broadcaster.as_ref().map(|(n, _)| n))
            .finish_non_exhaustive()
    }
}
