//! What a save did, with the events, as the stores in here pass it around.

use aether_core::{Appended, Commit, Event, Position};

/// What a save did, with the events that are stored, also those that came with versions.
#[derive(Debug)]
pub(crate) struct Answer {
    events: Vec<Event>,
    position: Position,
    repeated: bool,
}

impl Answer {
    pub(crate) fn stored(events: Vec<Event>, position: Position) -> Self {
        Self {
            events,
            position,
            repeated: false,
        }
    }

    pub(crate) fn repeated(events: Vec<Event>, position: Position) -> Self {
        Self {
            events,
            position,
            repeated: true,
        }
    }

    pub(crate) fn events(&self) -> &[Event] {
        &self.events
    }

    pub(crate) fn position(&self) -> Position {
        self.position
    }

    pub(crate) fn was_repeated(&self) -> bool {
        self.repeated
    }

    /// The answer to this commit.
    pub(crate) fn to(self, commit: &Commit) -> Appended {
        let version = self.events[self.events.len() - 1].version();
        let appended = match self.repeated {
            true => Appended::repeated(version, self.position),
            false => Appended::stored(version, self.position),
        };
        match commit.as_events() {
            Some(_) => appended,
            None => appended.with_numbered(self.events),
        }
    }
}
