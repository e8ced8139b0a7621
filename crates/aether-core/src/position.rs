//! A place in a store's total order of events.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A place in a store's total order of events: right after one event. A saved position is a
/// checkpoint, from which a feed goes on with the next event.
///
/// Opaque to users: compare two of one store, save one as text or with serde (a string in every
/// format), and hand it back. Between stores the order means nothing. It holds which store it is
/// of (its incarnation), the sequence of the commit, the index of the event in it, and a
/// fingerprint of the event, so that a store can refuse a position of another or remade one.
///
/// ```
/// use aether_core::Position;
///
/// let position = Position::new(7, 42, 0);
/// let saved = position.to_string();
/// assert_eq!(saved.parse::<Position>()?, position);
/// assert!(position < Position::new(7, 42, 1));
/// # Ok::<(), aether_core::InvalidPosition>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    incarnation: u64,
    sequence: u64,
    index: u32,
    fingerprint: u64,
}

/// Text that is not a [`Position`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a position in a store")]
pub struct InvalidPosition {
    text: String,
}

impl Position {
    /// The text's first part; another would be another format.
    const FORMAT: &'static str = "p1";

    /// The place of the event at this index in the commit with this sequence, in the store with
    /// this incarnation. For stores to call.
    #[must_use]
    pub const fn new(incarnation: u64, sequence: u64, index: u32) -> Self {
        Self {
            incarnation,
            sequence,
            index,
            fingerprint: 0,
        }
    }

    /// The same place with a fingerprint of the event there; 0 means that there is none.
    #[must_use]
    pub const fn with_fingerprint(mut self, fingerprint: u64) -> Self {
        self.fingerprint = fingerprint;
        self
    }

    /// Which store this is a position of: a store that is made anew under the same name has another.
    #[must_use]
    pub const fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// The commit's place in the store's order.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The event's index in its commit, from 0.
    #[must_use]
    pub const fn index(&self) -> u32 {
        self.index
    }

    /// The fingerprint of the event; 0 where there is none.
    #[must_use]
    pub const fn fingerprint(&self) -> u64 {
        self.fingerprint
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}-{:x}-{}-{}-{:x}",
            Self::FORMAT,
            self.incarnation,
            self.sequence,
            self.index,
            self.fingerprint
        )
    }
}

impl FromStr for Position {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        let parse = || {
            let mut parts = text.split('-');
            let format = parts.next()?;
            let position = Self {
                incarnation: u64::from_str_radix(parts.next()?, 16).ok()?,
                sequence: parts.next()?.parse().ok()?,
                index: parts.next()?.parse().ok()?,
                fingerprint: u64::from_str_radix(parts.next()?, 16).ok()?,
            };
            (format == Self::FORMAT && parts.next().is_none()).then_some(position)
        };
        // One place has one text: no signs, no leading zeros, no capitals.
        parse()
            .filter(|position| position.to_string() == text)
            .ok_or_else(|| InvalidPosition {
                text: text.chars().take(128).collect(),
            })
    }
}

impl Serialize for Position {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = Position;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a position as text")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Position, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_almost_a_position_is_refused() {
        for text in [
            "",
            "p1",
            "p2-1-2-3-4",
            "p1-1-2-3",
            "p1-1-2-3-4-5",
            "p1-x-2-3-4",
            "p1-1--2-3-4",
            "p1-+1-2-3-4",
            "p1-1-02-3-4",
            "p1-A-2-3-4",
        ] {
            assert!(text.parse::<Position>().is_err(), "{text}");
        }
    }
}
