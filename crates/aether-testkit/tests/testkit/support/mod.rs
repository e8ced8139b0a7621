//! A small correct store, ways to break it, and its builder.

pub(crate) mod answer;
pub(crate) mod reference;
mod reference_feed;

use aether_core::{ActorId, BoxError, Event, Position};
use aether_testkit::{
    Effort, ExpireHistory, PlantMalformedEvent, PlantUndecodableSnapshot, StoreBuilder,
    StoreOptions,
};
use reference::ReferenceStore;

/// Builds reference stores.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReferenceBuilder;

impl StoreBuilder for ReferenceBuilder {
    type Store = ReferenceStore;
    type Guard = ReferenceStore;

    async fn build(&self, options: StoreOptions) -> Result<(Self::Store, Self::Guard), BoxError> {
        let store = ReferenceStore::new(options.notices);
        Ok((store.clone(), store))
    }

    async fn reopen(&self, guard: &ReferenceStore) -> Result<ReferenceStore, BoxError> {
        Ok(guard.clone())
    }

    fn effort(&self) -> Effort {
        Effort::LOCAL
    }
}

impl PlantMalformedEvent for ReferenceBuilder {
    async fn plant_malformed_event(
        &self,
        guard: &ReferenceStore,
        actor_id: &ActorId,
        then: Vec<Event>,
    ) -> Result<(), BoxError> {
        guard.plant(actor_id, &then);
        Ok(())
    }
}

impl PlantUndecodableSnapshot for ReferenceBuilder {
    async fn plant_undecodable_snapshot(
        &self,
        guard: &ReferenceStore,
        actor_id: &ActorId,
    ) -> Result<(), BoxError> {
        guard.plant_snapshot(actor_id);
        Ok(())
    }
}

impl ExpireHistory for ReferenceBuilder {
    async fn expire_through(
        &self,
        guard: &ReferenceStore,
        position: Position,
    ) -> Result<(), BoxError> {
        guard.expire(position);
        Ok(())
    }
}
