//! What an append gives back.

use crate::{Event, Position, Version};

/// What an append did: up to which version the commit is stored, and where.
///
/// Events that came with versions of the caller's are not given back; drafts are, as they were
/// numbered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    version: Version,
    position: Position,
    repeated: bool,
    numbered: Vec<Event>,
}

impl Appended {
    /// A commit was stored, its last event at this version and place. For stores to call.
    #[inline]
    #[must_use]
    pub const fn stored(version: Version, position: Position) -> Self {
        Self {
            version,
            position,
            repeated: false,
            numbered: Vec::new(),
        }
    }

    /// A commit was stored already by an earlier append. For stores to call.
    #[inline]
    #[must_use]
    pub const fn repeated(version: Version, position: Position) -> Self {
        let mut appended = Self::stored(version, position);
        appended.repeated = true;
        appended
    }

    /// With the events that a commit's drafts became. For stores to call.
    #[must_use]
    pub fn with_numbered(mut self, events: Vec<Event>) -> Self {
        self.numbered = events;
        self
    }

    /// The version of the commit's last event.
    ///
    /// It is the actor's latest at that moment, but for a [repeat](Self::was_repeated), after
    /// which others may have been stored.
    #[inline]
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The place of the commit's last event in the store's order.
    #[inline]
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }

    /// Whether the commit was stored already, so that this append changed nothing
    /// (clause 6 of the contract).
    #[inline]
    #[must_use]
    pub const fn was_repeated(&self) -> bool {
        self.repeated
    }

    /// The events that the commit's drafts became, in order; none where it came with versions.
    #[must_use]
    pub fn numbered(&self) -> &[Event] {
        &self.numbered
    }

    /// Takes the events out that the commit's drafts became.
    #[must_use]
    pub fn into_numbered(self) -> Vec<Event> {
        self.numbered
    }
}
