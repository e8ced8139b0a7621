//! Versions, what a save demands of them, and the times and places beside them.

use std::time::{Duration, SystemTime};

use aether_core::{ExpectedVersion, InvalidVersion, Position, Timestamp, Version};
use time::OffsetDateTime;

use crate::version;

const MAX: u64 = i64::MAX.unsigned_abs();

#[test]
fn a_version_goes_from_zero_to_the_largest_i64() {
    assert_eq!(Version::ZERO.get(), 0);
    assert_eq!(Version::FIRST.get(), 1);
    assert_eq!(Version::MAX.get(), MAX);
    assert_eq!(Version::default(), Version::ZERO);
    assert_eq!(Version::new(MAX), Ok(Version::MAX));
    let too_large = Version::new(MAX + 1).unwrap_err();
    assert_eq!(too_large, InvalidVersion::TooLarge(MAX + 1));
    assert_eq!(
        too_large.to_string(),
        "version 9223372036854775808 is above the maximum, 9223372036854775807"
    );
    assert_eq!(
        Version::try_from(u64::MAX),
        Err(InvalidVersion::TooLarge(u64::MAX))
    );
    let negative = Version::try_from(i64::MIN).unwrap_err();
    assert_eq!(negative, InvalidVersion::Negative(i64::MIN));
    assert_eq!(
        negative.to_string(),
        "version -9223372036854775808 is negative"
    );
    assert_eq!(Version::try_from(i64::MAX), Ok(Version::MAX));
    assert_eq!(u64::from(Version::from(u32::MAX)), u64::from(u32::MAX));
}

#[test]
fn a_version_counts_up_and_stops_at_the_last() {
    for (from, plus, sum) in [
        (0, 0, Some(0)),
        (0, 1, Some(1)),
        (5, 7, Some(12)),
        (0, MAX, Some(MAX)),
        (MAX - 1, 1, Some(MAX)),
        (MAX, 0, Some(MAX)),
        (MAX, 1, None),
        (MAX - 1, 2, None),
        (1, MAX, None),
        (MAX, u64::MAX, None),
    ] {
        assert_eq!(
            version(from).plus(plus).map(Version::get),
            sum,
            "{from} + {plus}"
        );
    }
    assert_eq!(version(8).next(), Some(version(9)));
    assert_eq!(Version::MAX.next(), None);
    assert!(version(9) < version(10));
    assert!(Version::ZERO.is_zero() && !Version::FIRST.is_zero());
    assert_eq!(
        format!("{:>4}|{:<3}|", version(12), version(1)),
        "  12|1  |"
    );
}

#[test]
fn an_expectation_narrows_that_versions_rise() {
    use ExpectedVersion::{Exactly, NoEvents, Older};
    assert_eq!(ExpectedVersion::default(), Older);
    for (expected, latest, first, admitted) in [
        (Older, 0, 1, true),
        (Older, 0, 9, true),
        (Older, 4, 5, true),
        (Older, 5, 5, false),
        (Older, 6, 5, false),
        (Older, MAX - 1, MAX, true),
        (Older, MAX, MAX, false),
        (Exactly(version(4)), 4, 5, true),
        (Exactly(version(4)), 4, 9, true),
        (Exactly(version(4)), 3, 5, false),
        (Exactly(version(4)), 5, 6, false),
        (Exactly(version(4)), 4, 4, false),
        (Exactly(Version::ZERO), 0, 1, true),
        (Exactly(Version::MAX), MAX, MAX, false),
        (NoEvents, 0, 1, true),
        (NoEvents, 0, MAX, true),
        (NoEvents, 1, 2, false),
        (NoEvents, 0, 0, false),
    ] {
        assert_eq!(
            expected.admits(version(latest), version(first)),
            admitted,
            "{expected:?}, {latest}, {first}"
        );
    }
}

#[test]
fn an_instant_survives_every_other_type_of_time() {
    for nanos in [
        0,
        1,
        -1,
        999_999_999,
        -1_000_000_000,
        1_700_000_000_123_456_789,
        i64::MAX,
        i64::MIN + 1,
        i64::MIN,
    ] {
        let instant = Timestamp::from_unix_nanos(nanos);
        assert_eq!(instant.unix_nanos(), nanos);
        assert_eq!(instant.to_string().parse(), Ok(instant));
        assert_eq!(
            Timestamp::try_from(OffsetDateTime::from(instant)),
            Ok(instant)
        );
        assert_eq!(
            Timestamp::try_from(SystemTime::from(instant)),
            Ok(instant),
            "{nanos}"
        );
    }
}

#[test]
fn a_time_outside_the_range_is_refused() {
    let system = SystemTime::UNIX_EPOCH;
    let far = Duration::from_nanos(MAX) + Duration::from_nanos(1);
    let after = Timestamp::try_from(system + far).unwrap_err();
    let before = Timestamp::try_from(system - far - Duration::from_nanos(1)).unwrap_err();
    let unix = OffsetDateTime::UNIX_EPOCH;
    let date = Timestamp::try_from(unix + time::Duration::days(300 * 365)).unwrap_err();
    for error in [after, before, date] {
        assert!(
            error
                .to_string()
                .ends_with("is outside the years 1677 to 2262"),
            "{error}"
        );
    }
    let no_time = "yesterday".parse::<Timestamp>().unwrap_err();
    assert!(
        no_time.to_string().starts_with("invalid timestamp: "),
        "{no_time}"
    );
}

#[test]
fn whole_seconds_are_rounded_down_before_the_epoch_too() {
    for (nanos, seconds) in [
        (0, 0),
        (999_999_999, 0),
        (-1, -1),
        (-1_000_000_000, -1),
        (-1_000_000_001, -2),
    ] {
        assert_eq!(Timestamp::from_unix_nanos(nanos).unix_seconds(), seconds);
    }
}

#[test]
fn a_time_with_an_offset_is_the_same_instant() {
    let noon: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
    for text in [
        "2026-03-01T13:00:00+01:00",
        "2026-03-01T12:00:00.000000000Z",
        "2026-03-01T06:30:00-05:30",
        "2026-03-02T11:59:00+23:59",
        "2026-03-01t12:00:00z",
    ] {
        assert_eq!(text.parse(), Ok(noon), "{text}");
    }
}

#[test]
fn positions_of_one_store_are_in_the_order_of_the_feed() {
    let ordered = [
        Position::new(7, 1, 0),
        Position::new(7, 1, 1),
        Position::new(7, 2, 0),
        Position::new(7, 10, 0),
        Position::new(7, u64::MAX, u32::MAX),
    ];
    assert!(ordered.is_sorted());
    for position in ordered {
        assert_eq!(position.to_string().parse(), Ok(position));
    }
    let last = Position::new(1, 2, 3).with_fingerprint(4);
    assert_eq!(
        (
            last.incarnation(),
            last.sequence(),
            last.index(),
            last.fingerprint()
        ),
        (1, 2, 3, 4)
    );
    let error = "p1-nonsense".parse::<Position>().unwrap_err();
    assert_eq!(
        error.to_string(),
        r#""p1-nonsense" is not a position in a store"#
    );
    let long = "x".repeat(10_000).parse::<Position>().unwrap_err();
    assert!(long.to_string().len() < 200, "the text is cut short");
}
