//! A position in one actor's history.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A position in one actor's history, from 0 to [`Version::MAX`].
///
/// [`Version::ZERO`] means "no events"; an event has at least 1. Gaps are allowed. The maximum is
/// `i64::MAX`, so that JSON readers and languages without unsigned integers can hold it.
///
/// ```
/// use aether_core::Version;
///
/// let five = Version::from(5);
/// assert_eq!(five.next(), Some(Version::from(6)));
/// assert!(Version::new(u64::MAX).is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Version(u64);

impl Version {
    /// No events yet.
    pub const ZERO: Self = Self(0);
    /// The lowest version that an event can have.
    pub const FIRST: Self = Self(1);
    /// The highest version, `i64::MAX`.
    pub const MAX: Self = Self(i64::MAX.unsigned_abs());

    /// A version from a number.
    ///
    /// # Errors
    ///
    /// [`InvalidVersion`] where the number is above [`Version::MAX`].
    pub const fn new(number: u64) -> Result<Self, InvalidVersion> {
        if number > Self::MAX.0 {
            Err(InvalidVersion::TooLarge(number))
        } else {
            Ok(Self(number))
        }
    }

    /// The number, which fits an `i64`.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The version that follows; none after [`Version::MAX`].
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        self.plus(1)
    }

    /// The version `n` further on; none past [`Version::MAX`].
    #[must_use]
    pub const fn plus(self, n: u64) -> Option<Self> {
        match self.0.checked_add(n) {
            Some(number) if number <= Self::MAX.0 => Some(Self(number)),
            _ => None,
        }
    }

    /// Whether this means "no events".
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

/// A number that is not a [`Version`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidVersion {
    /// The number is above [`Version::MAX`].
    #[error("version {0} is above the maximum, {max}", max = Version::MAX)]
    TooLarge(u64),
    /// The number is below 0.
    #[error("version {0} is negative")]
    Negative(i64),
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl From<u32> for Version {
    fn from(number: u32) -> Self {
        Self(u64::from(number))
    }
}

impl From<Version> for u64 {
    fn from(version: Version) -> Self {
        version.0
    }
}

impl TryFrom<u64> for Version {
    type Error = InvalidVersion;

    fn try_from(number: u64) -> Result<Self, InvalidVersion> {
        Self::new(number)
    }
}

impl TryFrom<i64> for Version {
    type Error = InvalidVersion;

    fn try_from(number: i64) -> Result<Self, InvalidVersion> {
        u64::try_from(number)
            .map(Self)
            .map_err(|_| InvalidVersion::Negative(number))
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = Version;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a version, 0 to {}", Version::MAX)
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Version, E> {
                Version::new(number).map_err(E::custom)
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Version, E> {
                Version::try_from(number).map_err(E::custom)
            }
        }

        deserializer.deserialize_u64(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_are_zero_and_the_largest_i64() {
        assert_eq!(Version::MAX.get(), 9_223_372_036_854_775_807);
        assert_eq!(
            Version::new(1 << 63),
            Err(InvalidVersion::TooLarge(9_223_372_036_854_775_808))
        );
        assert_eq!(Version::try_from(-1_i64), Err(InvalidVersion::Negative(-1)));
        assert_eq!(Version::MAX.next(), None);
        assert_eq!(Version::ZERO.plus(u64::MAX), None);
    }

    #[test]
    fn a_negative_or_oversized_version_is_refused_when_read() {
        for text in ["-1", "9223372036854775808", "1.5", "\"1\"", "null"] {
            assert!(serde_json::from_str::<Version>(text).is_err(), "{text}");
        }
        assert_eq!(
            serde_json::from_str::<Version>("9223372036854775807").unwrap(),
            Version::MAX
        );
    }
}
