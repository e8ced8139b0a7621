//! The reference store with one mistake in it.

mod append;
mod defect;
mod feed;
mod key;
mod notices;
mod read;
mod recognise;
mod snapshots;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use aether_core::{ActorId, BoxError, Event, EventId, Position, Version};
use aether_testkit::{
    Effort, ExpireHistory, PlantMalformedEvent, PlantUndecodableSnapshot, StoreBuilder,
    StoreOptions,
};
use tokio::sync::watch;

use crate::support::reference::ReferenceStore;
pub(crate) use defect::Defect;

/// The reference store with one mistake in it.
#[derive(Clone)]
pub(crate) struct BrokenStore {
    inner: ReferenceStore,
    defect: Defect,
    common: Arc<Common>,
    own: Arc<Own>,
}

/// What all handles on one store share, beside the store.
struct Common {
    turn: tokio::sync::Mutex<()>,
    /// What keeps writers waiting: locked actors, readers, feeds.
    in_the_way: watch::Sender<u64>,
    /// The last commit that reads see.
    shown: AtomicU64,
    refused: Mutex<Vec<Event>>,
    notifications: AtomicU64,
    /// How many events each feed has passed.
    feeds: Mutex<BTreeMap<u64, usize>>,
}

/// What one handle has for itself.
struct Own {
    turn: tokio::sync::Mutex<()>,
    saved: Mutex<BTreeSet<EventId>>,
    remembered: Mutex<BTreeMap<ActorId, Version>>,
    streams: AtomicU64,
    /// The last commit that this handle sees.
    frozen_at: AtomicU64,
    snapshots: ReferenceStore,
}

impl Own {
    fn new(frozen_at: u64) -> Arc<Self> {
        Arc::new(Self {
            turn: tokio::sync::Mutex::default(),
            saved: Mutex::default(),
            remembered: Mutex::default(),
            streams: AtomicU64::new(0),
            frozen_at: AtomicU64::new(frozen_at),
            snapshots: ReferenceStore::new(None),
        })
    }
}

impl BrokenStore {
    fn new(defect: Defect, inner: ReferenceStore) -> Self {
        inner.state().key = key::of(defect);
        let common = Common {
            turn: tokio::sync::Mutex::default(),
            in_the_way: watch::Sender::new(0),
            shown: AtomicU64::new(0),
            refused: Mutex::default(),
            notifications: AtomicU64::new(0),
            feeds: Mutex::default(),
        };
        Self {
            inner,
            defect,
            common: Arc::new(common),
            own: Own::new(u64::MAX),
        }
    }

    fn reopened(&self) -> Self {
        match self.defect {
            Defect::HidesFromOtherHandles => {
                let inner = ReferenceStore::new(self.inner.notices.clone());
                Self::new(self.defect, inner)
            }
            Defect::FreezesOtherHandles => {
                let last = self.inner.state().last;
                Self {
                    own: Own::new(last),
                    ..self.clone()
                }
            }
            _ => Self {
                own: Own::new(u64::MAX),
                ..self.clone()
            },
        }
    }

    fn thaw(&self) {
        self.own.frozen_at.store(u64::MAX, Ordering::Relaxed);
    }
}

/// Builds stores with one mistake in them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BrokenBuilder(pub(crate) Defect);

impl StoreBuilder for BrokenBuilder {
    type Store = BrokenStore;
    type Guard = BrokenStore;

    async fn build(&self, options: StoreOptions) -> Result<(BrokenStore, BrokenStore), BoxError> {
        let store = BrokenStore::new(self.0, ReferenceStore::new(options.notices));
        Ok((store.clone(), store))
    }

    async fn reopen(&self, guard: &BrokenStore) -> Result<BrokenStore, BoxError> {
        Ok(guard.reopened())
    }

    fn effort(&self) -> Effort {
        Effort::LOCAL.writers(20).rounds(4).sequences(24)
    }
}

impl PlantMalformedEvent for BrokenBuilder {
    async fn plant_malformed_event(
        &self,
        guard: &BrokenStore,
        actor_id: &ActorId,
        then: Vec<Event>,
    ) -> Result<(), BoxError> {
        guard.inner.plant(actor_id, &then);
        guard
            .common
            .shown
            .store(guard.inner.state().last, Ordering::Relaxed);
        Ok(())
    }
}

impl PlantUndecodableSnapshot for BrokenBuilder {
    async fn plant_undecodable_snapshot(
        &self,
        guard: &BrokenStore,
        actor_id: &ActorId,
    ) -> Result<(), BoxError> {
        guard.inner.plant_snapshot(actor_id);
        Ok(())
    }
}

impl ExpireHistory for BrokenBuilder {
    async fn expire_through(&self, guard: &BrokenStore, through: Position) -> Result<(), BoxError> {
        guard.inner.expire(through);
        Ok(())
    }
}
