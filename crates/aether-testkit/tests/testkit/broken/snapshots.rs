//! How snapshots are kept.

use aether_core::{
    ActorId, ActorSnapshot, Position, SnapshotSaved, SnapshotStore, StoreError, Version,
};
use tokio::task::yield_now;

use super::{BrokenStore, Defect};

impl SnapshotStore for BrokenStore {
    async fn save_snapshot(&self, snapshot: ActorSnapshot) -> Result<SnapshotSaved, StoreError> {
        let actor_id = snapshot.actor_id().clone();
        let latest = || match self.inner.state().snapshots.get(&actor_id) {
            Some(Ok(there)) => Some(there.version()),
            _ => None,
        };
        match self.defect {
            Defect::ReplacesNewerSnapshots => {
                self.inner.state().snapshots.insert(actor_id, Ok(snapshot));
                Ok(SnapshotSaved::Saved)
            }
            Defect::ComparesSnapshotVersionsAsText => {
                let newer = |there: &Version| there.to_string() > snapshot.version().to_string();
                if let Some(by) = latest().filter(newer) {
                    return Ok(SnapshotSaved::Superseded { by });
                }
                self.inner.state().snapshots.insert(actor_id, Ok(snapshot));
                Ok(SnapshotSaved::Saved)
            }
            Defect::KeepsTheFirstOfOneVersion if latest() == Some(snapshot.version()) => {
                Ok(SnapshotSaved::Superseded {
                    by: snapshot.version(),
                })
            }
            Defect::ComparesSnapshotsThenReplaces => {
                if let Some(by) = latest().filter(|there| *there > snapshot.version()) {
                    return Ok(SnapshotSaved::Superseded { by });
                }
                yield_now().await;
                self.inner.state().snapshots.insert(actor_id, Ok(snapshot));
                Ok(SnapshotSaved::Saved)
            }
            Defect::SaysSavedOfOlderSnapshots => {
                self.inner.save_snapshot(snapshot).await?;
                Ok(SnapshotSaved::Saved)
            }
            Defect::LosesSnapshotPositions if snapshot.position().is_some() => {
                self.inner
                    .save_snapshot(snapshot.at_position(Position::new(0, 0, 0)))
                    .await
            }
            Defect::CompactsBehindSnapshots => {
                for entry in &mut self.inner.state().log {
                    if let (true, Ok(events)) = (entry.actor_id == actor_id, &mut entry.content) {
                        events.retain(|event| event.version() > snapshot.version());
                    }
                }
                self.inner.save_snapshot(snapshot).await
            }
            Defect::KeepsOneSnapshotPerCategory => {
                let category = ActorId::new(actor_id.category()).unwrap();
                self.inner.state().snapshots.insert(category, Ok(snapshot));
                Ok(SnapshotSaved::Saved)
            }
            Defect::HidesSnapshotsFromOtherHandles => {
                self.own.snapshots.save_snapshot(snapshot).await
            }
            _ => self.inner.save_snapshot(snapshot).await,
        }
    }

    async fn latest_snapshot(&self, id: &ActorId) -> Result<Option<ActorSnapshot>, StoreError> {
        match self.defect {
            Defect::FailsWithoutASnapshot => {
                let latest = self.inner.latest_snapshot(id).await?;
                latest.map(Some).ok_or(StoreError::Closed)
            }
            Defect::KeepsOneSnapshotPerCategory => {
                let category = ActorId::new(id.category()).unwrap();
                self.inner.latest_snapshot(&category).await
            }
            Defect::HidesSnapshotsFromOtherHandles => self.own.snapshots.latest_snapshot(id).await,
            Defect::SwallowsUndecodableSnapshots => {
                Ok(self.inner.latest_snapshot(id).await.unwrap_or(None))
            }
            _ => self.inner.latest_snapshot(id).await,
        }
    }
}
