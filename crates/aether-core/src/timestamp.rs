//! When something happened.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A point in time: nanoseconds since the Unix epoch, UTC, from the year 1677 to 2262.
///
/// Its text and JSON form is RFC 3339 in UTC; a time with another offset is read as the same
/// instant, one that is finer than a nanosecond or a leap second is refused. In MessagePack it is the number of nanoseconds. Order between events comes from
/// versions and positions, never from timestamps.
///
/// ```
/// use aether_core::Timestamp;
///
/// let noon: Timestamp = "2026-03-01T13:00:00+01:00".parse()?;
/// assert_eq!(noon.to_string(), "2026-03-01T12:00:00Z");
/// # Ok::<(), aether_core::InvalidTimestamp>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Text or a time that is not a [`Timestamp`]: not RFC 3339, or outside the years 1677 to 2262.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid timestamp: {reason}")]
pub struct InvalidTimestamp {
    reason: String,
}

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const UNIX_EPOCH: Self = Self(0);

    /// The time that many nanoseconds after (or, negative, before) the Unix epoch.
    #[must_use]
    pub const fn from_unix_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the Unix epoch; negative before it.
    #[must_use]
    pub const fn unix_nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }
}

impl From<Timestamp> for OffsetDateTime {
    fn from(timestamp: Timestamp) -> Self {
        Self::UNIX_EPOCH + time::Duration::nanoseconds(timestamp.0)
    }
}

impl From<Timestamp> for SystemTime {
    fn from(timestamp: Timestamp) -> Self {
        let distance = Duration::from_nanos(timestamp.0.unsigned_abs());
        if timestamp.0 < 0 {
            Self::UNIX_EPOCH - distance
        } else {
            Self::UNIX_EPOCH + distance
        }
    }
}

impl TryFrom<OffsetDateTime> for Timestamp {
    type Error = InvalidTimestamp;

    fn try_from(time: OffsetDateTime) -> Result<Self, InvalidTimestamp> {
        i64::try_from(time.unix_timestamp_nanos())
            .map(Self)
            .map_err(|_| InvalidTimestamp {
                reason: format!("{time} is outside the years 1677 to 2262"),
            })
    }
}

impl TryFrom<SystemTime> for Timestamp {
    type Error = InvalidTimestamp;

    fn try_from(time: SystemTime) -> Result<Self, InvalidTimestamp> {
        let nanos = match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_nanos()).ok(),
            // Negative first: there is one nanosecond more before the epoch than after it.
            Err(before) => i128::try_from(before.duration().as_nanos())
                .ok()
                .and_then(|n| i64::try_from(-n).ok()),
        };
        nanos.map(Self).ok_or_else(|| InvalidTimestamp {
            reason: "the system's time is outside the years 1677 to 2262".to_owned(),
        })
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = OffsetDateTime::from(*self)
            .format(&Rfc3339)
            .map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        let invalid = |reason: String| InvalidTimestamp { reason };
        let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|e| invalid(e.to_string()))?;
        match taken_for_another(text) {
            Some(reason) => Err(invalid(reason.to_owned())),
            None => time.try_into(),
        }
    }
}

/// Why a text that can be parsed is not the time that it would be read as. The parser takes any
/// character for the `T`, drops what is finer than a nanosecond, and reads a leap second as the
/// second before it.
fn taken_for_another(text: &str) -> Option<&'static str> {
    let clock = text.get("2026-03-01".len()..)?;
    if !clock.starts_with(['T', 't']) {
        return Some("there is no `T` between day and time");
    }
    if clock.get(7..9) == Some("60") {
        return Some("a leap second has no number of seconds since 1970");
    }
    let fraction = clock.get(9..)?.strip_prefix('.')?;
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
    (digits > 9).then_some("a second has more than nine decimals")
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_i64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl serde::de::Visitor<'_> for Text {
            type Value = Timestamp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an RFC 3339 timestamp")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Timestamp, E> {
                text.parse().map_err(E::custom)
            }
        }

        if deserializer.is_human_readable() {
            deserializer.deserialize_str(Text)
        } else {
            i64::deserialize(deserializer).map(Self)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instant_survives_its_text_form() {
        for nanos in [0, 1, -1, 1_700_000_000_123_456_789, i64::MIN, i64::MAX] {
            let timestamp = Timestamp::from_unix_nanos(nanos);
            assert_eq!(
                timestamp.to_string().parse::<Timestamp>().unwrap(),
                timestamp
            );
        }
    }

    #[test]
    fn text_is_refused_rather_than_read_as_another_time() {
        for (text, says) in [
            ("2026-03-01 12:00:00Z", "no `T`"),
            ("2026-03-01_12:00:00Z", "no `T`"),
            ("2026-03-01T12:00:00.1234567891Z", "nine decimals"),
            ("2026-03-01T12:00:00.0000000000Z", "nine decimals"),
            ("2016-12-31T23:59:60Z", "leap second"),
            ("2017-01-01T00:59:60.5+01:00", "leap second"),
        ] {
            let error = text.parse::<Timestamp>().unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
        let lower = "2026-03-01t12:00:00.123456789z".parse::<Timestamp>();
        let upper = "2026-03-01T12:00:00.123456789Z".parse::<Timestamp>();
        assert_eq!(lower.unwrap(), upper.unwrap());
    }

    #[test]
    fn a_year_outside_the_range_is_refused() {
        let error = "2300-01-01T00:00:00Z".parse::<Timestamp>().unwrap_err();
        assert!(error.to_string().contains("1677 to 2262"), "{error}");
    }
}
