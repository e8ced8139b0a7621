//! A builder whose stores are put into a wrapper.

use std::fmt;

use aether_core::{ActorId, BoxError, Event, EventStore, Position};

use crate::{
    Effort, ExpireHistory, PlantMalformedEvent, PlantUndecodableSnapshot, StoreBuilder,
    StoreOptions,
};

/// A builder whose stores are those of another, put into a wrapper: see [`wrapped`].
pub struct Wrapped<B, F> {
    builder: B,
    wrap: F,
}

/// Puts each store of a builder into a wrapper ([`Boxed::new`](crate::Boxed::new), …), so that
/// the suite shows that the wrapper keeps the contract if the store does.
///
/// What the builder can do to its stores, the wrapping builder can too.
#[must_use]
pub fn wrapped<B, W, F>(builder: B, wrap: F) -> Wrapped<B, F>
where
    B: StoreBuilder,
    W: EventStore + 'static,
    F: Fn(B::Store) -> W + Send + Sync + 'static,
{
    Wrapped { builder, wrap }
}

impl<B, W, F> StoreBuilder for Wrapped<B, F>
where
    B: StoreBuilder,
    W: EventStore + 'static,
    F: Fn(B::Store) -> W + Send + Sync + 'static,
{
    type Store = W;
    type Guard = B::Guard;

    async fn build(&self, options: StoreOptions) -> Result<(W, B::Guard), BoxError> {
        let (store, guard) = self.builder.build(options).await?;
        Ok(((self.wrap)(store), guard))
    }

    async fn reopen(&self, guard: &B::Guard) -> Result<W, BoxError> {
        Ok((self.wrap)(self.builder.reopen(guard).await?))
    }

    async fn clean_up(&self, guard: B::Guard) -> Result<(), BoxError> {
        self.builder.clean_up(guard).await
    }

    fn effort(&self) -> Effort {
        self.builder.effort()
    }
}

impl<B, W, F> PlantMalformedEvent for Wrapped<B, F>
where
    B: PlantMalformedEvent,
    W: EventStore + 'static,
    F: Fn(B::Store) -> W + Send + Sync + 'static,
{
    async fn plant_malformed_event(
        &self,
        guard: &B::Guard,
        actor_id: &ActorId,
        then: Vec<Event>,
    ) -> Result<(), BoxError> {
        self.builder
            .plant_malformed_event(guard, actor_id, then)
            .await
    }
}

impl<B, W, F> PlantUndecodableSnapshot for Wrapped<B, F>
where
    B: PlantUndecodableSnapshot,
    W: EventStore + 'static,
    F: Fn(B::Store) -> W + Send + Sync + 'static,
{
    async fn plant_undecodable_snapshot(
        &self,
        guard: &B::Guard,
        actor_id: &ActorId,
    ) -> Result<(), BoxError> {
        self.builder
            .plant_undecodable_snapshot(guard, actor_id)
            .await
    }
}

impl<B, W, F> ExpireHistory for Wrapped<B, F>
where
    B: ExpireHistory,
    W: EventStore + 'static,
    F: Fn(B::Store) -> W + Send + Sync + 'static,
{
    async fn expire_through(&self, guard: &B::Guard, position: Position) -> Result<(), BoxError> {
        self.builder.expire_through(guard, position).await
    }
}

impl<B: fmt::Debug, F> fmt::Debug for Wrapped<B, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wrapped")
            .field("builder", &self.builder)
            .finish_non_exhaustive()
    }
}
