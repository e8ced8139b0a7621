//! Telling a broadcaster what was stored.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use aether_core::{Clock, Event, EventBroadcaster, EventStored, Namespace, Position};

/// Whom to tell, and in which namespace.
pub(crate) struct Notices {
    namespace: Namespace,
    broadcaster: Arc<dyn EventBroadcaster>,
    clock: Arc<dyn Clock>,
}

impl Notices {
    pub(crate) fn new(
        namespace: Namespace,
        broadcaster: Arc<dyn EventBroadcaster>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            namespace,
            broadcaster,
            clock,
        }
    }

    /// Tells of one stored event. Whatever the broadcaster does, the event is stored: its errors
    /// and even its panics are no reason for the save to fail, nor for the next notice to be left out.
    pub(crate) fn tell(&self, event: &Event, position: Position) {
        let _told = catch_unwind(AssertUnwindSafe(|| {
            EventStored::notice(&*self.clock, event, Some(position))
                .map(|notice| self.broadcaster.broadcast(&self.namespace, &notice))
        }));
    }
}
