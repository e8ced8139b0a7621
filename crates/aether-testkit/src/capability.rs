//! What only some builders can do to their stores: break them, or let them forget.

use std::future::Future;

use aether_core::{ActorId, BoxError, Event, Position};

use crate::StoreBuilder;

/// A builder that can plant something unreadable in an actor's history, for the sections
/// `corruption` and `feed_corruption`: for stores that keep bytes, which can rot.
pub trait PlantMalformedEvent: StoreBuilder {
    /// Puts something that can't be read as an event at the end of the actor's history, in the
    /// place of one commit, and after it, as one commit, the readable events of `then` (of the
    /// same actor; their versions leave room for the unreadable one; there may be none).
    ///
    /// It is done behind the store's back: by the means of whatever the store runs on.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being planted; the case fails with it.
    fn plant_malformed_event(
        &self,
        guard: &Self::Guard,
        actor_id: &ActorId,
        then: Vec<Event>,
    ) -> impl Future<Output = Result<(), BoxError>> + Send;
}

/// A builder that can make an actor's latest snapshot unreadable, for the section
/// `snapshot_corruption`.
pub trait PlantUndecodableSnapshot: StoreBuilder {
    /// Puts something that can't be read as a snapshot where the actor's latest one is kept.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being planted; the case fails with it.
    fn plant_undecodable_snapshot(
        &self,
        guard: &Self::Guard,
        actor_id: &ActorId,
    ) -> impl Future<Output = Result<(), BoxError>> + Send;
}

/// A builder that can let the beginning of a store expire, for the sections `retention`,
/// `snapshot_retention` and `feed_retention`: for stores with a finite retention.
pub trait ExpireHistory: StoreBuilder {
    /// Lets everything expire that is stored up to and including this position, which is the one
    /// of the last event of a commit, in the way in which the store's retention would.
    ///
    /// Snapshots do not expire by it.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from expiring; the case fails with it.
    fn expire_through(
        &self,
        guard: &Self::Guard,
        position: Position,
    ) -> impl Future<Output = Result<(), BoxError>> + Send;
}
