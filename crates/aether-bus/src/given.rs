//! Which events have been given, of those that were heard and those that were read.

use std::collections::BTreeSet;

use aether_core::{FeedStart, Position};

/// What has been given.
pub(crate) struct Given {
    /// Everything up to there.
    pub(crate) place: FeedStart,
    /// What was heard of events behind it.
    pub(crate) since: BTreeSet<Position>,
    /// The last thing that was reported as malformed, which a fill may come to once more.
    reported: Option<Position>,
}

/// What a notice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    New,
    /// Its event was given.
    Known,
    /// It says that there may be something to read.
    Hint,
}

impl Given {
    pub(crate) fn before(start: FeedStart) -> Self {
        Self {
            place: start,
            since: BTreeSet::new(),
            reported: None,
        }
    }

    /// Takes in the position of a notice that was heard.
    pub(crate) fn hear(&mut self, position: Option<Position>) -> Heard {
        let (FeedStart::After(place), Some(position)) = (self.place, position) else {
            return Heard::Hint;
        };
        if position.incarnation() != place.incarnation() {
            return Heard::Hint;
        }
        match position > place && self.since.insert(position) {
            true => Heard::New,
            false => Heard::Known,
        }
    }

    /// Takes in the position of an event that was read; gives whether it is new.
    pub(crate) fn read(&mut self, position: Position) -> bool {
        self.place = FeedStart::After(position);
        !self.since.remove(&position)
    }

    /// Takes in the position of a report; gives whether it is new.
    pub(crate) fn report(&mut self, position: Position) -> bool {
        let is_known = |reported: Position| {
            reported.incarnation() == position.incarnation() && reported >= position
        };
        let is_new = !self.reported.is_some_and(is_known);
        if is_new {
            self.reported = Some(position);
        }
        is_new
    }
}
