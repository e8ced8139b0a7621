//! An event and where a store keeps it.

use crate::{Event, Position};

/// An event that is stored, and its place in the store's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedEvent {
    event: Event,
    position: Position,
}

impl RecordedEvent {
    /// This event, stored at this place. For stores to call.
    #[must_use]
    pub const fn new(event: Event, position: Position) -> Self {
        Self { event, position }
    }

    /// The event.
    #[must_use]
    pub const fn event(&self) -> &Event {
        &self.event
    }

    /// Its place: a feed that starts after it goes on with the next event.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }

    /// The event without its place.
    #[must_use]
    pub fn into_event(self) -> Event {
        self.event
    }
}
