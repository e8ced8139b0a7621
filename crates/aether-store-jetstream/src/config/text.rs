//! Durations as text, for files and for the environment.

use std::time::Duration;

/// Reads `250ms`, `2s`, `1m 30s`, `365d`.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    humantime::parse_duration(text).ok()
}

/// The duration in the largest unit of which it is a whole number: `365d`, and not the years and
/// average months that a person would rather read.
pub(super) fn exact(duration: Duration) -> String {
    const UNITS: [(&str, u128); 7] = [
        ("d", 24 * 60 * 60 * 1_000_000_000),
        ("h", 60 * 60 * 1_000_000_000),
        ("m", 60 * 1_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("us", 1_000),
        ("ns", 1),
    ];
    let nanos = duration.as_nanos();
    let fits = |(_, size): &&(&str, u128)| nanos > 0 && nanos.is_multiple_of(*size);
    match UNITS.iter().find(fits) {
        None => "0s".to_owned(),
        Some((unit, size)) => format!("{}{unit}", nanos / size),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_written_so() {
        let rows = [
            (Duration::ZERO, "0s"),
            (Duration::from_millis(250), "250ms"),
            (Duration::from_secs(2), "2s"),
            (Duration::from_millis(1_500), "1500ms"),
            (Duration::from_secs(90), "90s"),
            (Duration::from_secs(120), "2m"),
            (Duration::from_secs(12 * 3_600), "12h"),
            (Duration::from_secs(365 * 86_400), "365d"),
            (Duration::from_nanos(1_001), "1001ns"),
            (Duration::from_micros(7), "7us"),
        ];
        for (duration, text) in rows {
            assert_eq!(exact(duration), text);
            assert_eq!(parse_duration(text), Some(duration), "{text}");
        }
    }

    #[test]
    fn several_units_add_up_and_m_is_a_minute() {
        assert_eq!(parse_duration("1m 30s"), Some(Duration::from_secs(90)));
        assert_eq!(parse_duration("1h30m"), Some(Duration::from_secs(5_400)));
        for text in [
            "",
            "2",
            "s",
            "2 fortnights",
            "-2s",
            "2s,",
            "forever",
            "1e3s",
        ] {
            assert_eq!(parse_duration(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(seconds in 0..u64::MAX / 2, nanos in 0..1_000_000_000_u32) {
            for duration in [Duration::new(seconds, nanos), Duration::from_secs(seconds)] {
                // More than 64 bits of nanoseconds have no text that is read.
                if duration.as_nanos() < u128::from(u64::MAX) {
                    prop_assert_eq!(parse_duration(&exact(duration)), Some(duration));
                }
            }
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = parse_duration(&text);
        }
    }
}
