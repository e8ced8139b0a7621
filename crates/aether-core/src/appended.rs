//! What an append gives back.

use crate::commit::Events;
use crate::{Event, Position, Version};

/// The events of a commit as they are stored now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    events: Events,
    last_position: Position,
    repeated: bool,
}

impl Appended {
    /// Events that this append stored; the last of them at this place. For stores to call.
    #[must_use]
    pub fn stored(events: Events, last_position: Position) -> Self {
        Self {
            events,
            last_position,
            repeated: false,
        }
    }

    /// Events that were stored already by an earlier append. For stores to call.
    #[must_use]
    pub fn repeated(events: Events, last_position: Position) -> Self {
        Self {
            events,
            last_position,
            repeated: true,
        }
    }

    /// The events with their versions, in order; at least one.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Takes the events out.
    #[must_use]
    pub fn into_events(self) -> Vec<Event> {
        self.events.into_vec()
    }

    /// The version of the last event.
    ///
    /// It is the actor's latest at that moment, but for a [repeat](Self::was_repeated), after
    /// which others may have been stored.
    #[must_use]
    pub fn version(&self) -> Version {
        self.events.last().map_or(Version::ZERO, Event::version)
    }

    /// The place of the last event in the store's order.
    #[must_use]
    pub fn position(&self) -> Position {
        self.last_position
    }

    /// Whether these events were stored already, so that this append changed nothing
    /// (clause 6 of the contract).
    #[must_use]
    pub fn was_repeated(&self) -> bool {
        self.repeated
    }
}
