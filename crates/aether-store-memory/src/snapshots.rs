//! The newest snapshot of each actor.

use aether_core::{ActorId, ActorSnapshot, SnapshotSaved, SnapshotStore, StoreError};

use crate::MemoryStore;

impl SnapshotStore for MemoryStore {
    async fn save_snapshot(&self, snapshot: ActorSnapshot) -> Result<SnapshotSaved, StoreError> {
        let inner = self.inner();
        let hash = inner.hash(snapshot.actor_id());
        let mut shard = inner.shard(hash);
        let history = shard.history_mut(hash, snapshot.actor_id(), |id| inner.hash(id));
        match history.snapshot() {
            Some(there) if there.version() > snapshot.version() => Ok(SnapshotSaved::Superseded {
                by: there.version(),
            }),
            _ => {
                history.set_snapshot(snapshot);
                Ok(SnapshotSaved::Saved)
            }
        }
    }

    async fn latest_snapshot(
        &self,
        actor_id: &ActorId,
    ) -> Result<Option<ActorSnapshot>, StoreError> {
        let hash = self.inner().hash(actor_id);
        let shard = self.inner().shard(hash);
        Ok(shard
            .history(hash, actor_id)
            .and_then(|history| history.snapshot().cloned()))
    }
}
