//! Who is told that an event was stored.

use std::sync::Arc;

use crate::{BoxError, Event, Namespace};

/// Passes events on to whoever listens, in a namespace: what a store calls after it has stored one.
///
/// One synchronous call that never blocks: an implementation puts the event into a bounded queue,
/// or gives up on it and says so. It may be called from many threads at once; calls for one actor
/// come in the order of its versions.
pub trait EventBroadcaster: Send + Sync {
    /// Passes the event on, without waiting for anybody.
    ///
    /// # Errors
    ///
    /// [`BroadcastError`] where it can't be passed on. A store reports that to nobody and does not
    /// fail: the event is stored all the same.
    fn broadcast(&self, namespace: &Namespace, event: &Event) -> Result<(), BroadcastError>;
}

/// An event that was not passed on.
#[derive(Debug, thiserror::Error)]
#[error("not passed on: {0}")]
pub struct BroadcastError(#[source] BoxError);

impl BroadcastError {
    /// Not passed on for this reason.
    #[must_use]
    pub fn new(reason: impl Into<BoxError>) -> Self {
        Self(reason.into())
    }
}

impl<B: EventBroadcaster + ?Sized> EventBroadcaster for &B {
    fn broadcast(&self, namespace: &Namespace, event: &Event) -> Result<(), BroadcastError> {
        (**self).broadcast(namespace, event)
    }
}

impl<B: EventBroadcaster + ?Sized> EventBroadcaster for Arc<B> {
    fn broadcast(&self, namespace: &Namespace, event: &Event) -> Result<(), BroadcastError> {
        (**self).broadcast(namespace, event)
    }
}
