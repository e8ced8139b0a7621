//! Counters and histograms, through the facade of the `metrics` crate; nothing without the feature.
//!
//! # Why they are looked up each time
//!
//! A handle that is kept counts for ever into the recorder that was there when it was made, which
//! is none where the store is connected before the recorder is installed. A lookup takes a fraction
//! of a microsecond, a call at least one round trip.
//!
//! # Labels
//!
//! `stream` is the stream of events, one of each store; all others have values that are written
//! out in this crate's code. Never an actor, a category or an event's type: their number has no
//! bound.

pub(crate) const SAVES: &str = "aether_jetstream_saves_total";
pub(crate) const SAVE_DURATION: &str = "aether_jetstream_save_duration_seconds";
pub(crate) const COMMIT_EVENTS: &str = "aether_jetstream_commit_events";
pub(crate) const RESENDS: &str = "aether_jetstream_resends_total";
pub(crate) const LOST_RACES: &str = "aether_jetstream_lost_races_total";
pub(crate) const SLOT_LOOKS: &str = "aether_jetstream_slot_looks_total";
pub(crate) const CACHE_LOOKUPS: &str = "aether_jetstream_cache_lookups_total";
pub(crate) const DOUBTS: &str = "aether_jetstream_doubts_total";
pub(crate) const SEQUENCES_REUSED: &str = "aether_jetstream_sequences_reused_total";
pub(crate) const READS: &str = "aether_jetstream_reads_total";
pub(crate) const READ_DURATION: &str = "aether_jetstream_read_duration_seconds";
pub(crate) const READ_EVENTS: &str = "aether_jetstream_read_events_total";
pub(crate) const REREADS: &str = "aether_jetstream_rereads_total";
pub(crate) const FEED_EVENTS: &str = "aether_jetstream_feed_events_total";
pub(crate) const FEED_INTERRUPTIONS: &str = "aether_jetstream_feed_interruptions_total";
pub(crate) const HEARD: &str = "aether_jetstream_heard_total";
pub(crate) const SNAPSHOT_SAVES: &str = "aether_jetstream_snapshot_saves_total";
pub(crate) const SNAPSHOT_SAVE_DURATION: &str = "aether_jetstream_snapshot_save_duration_seconds";
pub(crate) const PUBLISHED_BYTES: &str = "aether_jetstream_published_bytes_total";

/// Labels beside the stream.
pub(crate) type Labels<'l> = &'l [(&'static str, &'static str)];

pub(crate) use sink::{Meter, Stopwatch, describe};

#[cfg(feature = "metrics")]
mod sink {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use metrics::{Label, SharedString, Unit};

    use super::*;

    /// Counts for one store.
    #[derive(Debug, Clone)]
    pub(crate) struct Meter {
        stream: SharedString,
    }

    impl Meter {
        pub(crate) fn new(stream: &str) -> Self {
            Self {
                stream: Arc::<str>::from(stream).into(),
            }
        }

        pub(crate) fn count(&self, name: &'static str, by: u64, labels: Labels<'_>) {
            metrics::counter!(name, self.labels(labels)).increment(by);
        }

        pub(crate) fn measure(&self, name: &'static str, value: usize, labels: Labels<'_>) {
            let value = u32::try_from(value).unwrap_or(u32::MAX);
            metrics::histogram!(name, self.labels(labels)).record(value);
        }

        pub(crate) fn time(&self, name: &'static str, time: Duration, labels: Labels<'_>) {
            metrics::histogram!(name, self.labels(labels)).record(time);
        }

        fn labels(&self, labels: Labels<'_>) -> Vec<Label> {
            let stream = Label::new("stream", self.stream.clone());
            let others = labels.iter();
            let others = others.map(|(key, value)| Label::from_static_parts(key, value));
            std::iter::once(stream).chain(others).collect()
        }
    }

    /// How long something takes.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Stopwatch(Instant);

    impl Stopwatch {
        pub(crate) fn start() -> Self {
            Self(Instant::now())
        }

        pub(crate) fn elapsed(self) -> Duration {
            self.0.elapsed()
        }
    }

    /// Tells the recorder that is there now what the names mean.
    pub(crate) fn describe() {
        for (name, unit, text) in COUNTERS {
            metrics::describe_counter!(name, unit, text);
        }
        for (name, unit, text) in HISTOGRAMS {
            metrics::describe_histogram!(name, unit, text);
        }
    }

    const COUNTERS: [(&str, Unit, &str); 15] = [
        (SAVES, Unit::Count, "Saves that ended, by how"),
        (
            RESENDS,
            Unit::Count,
            "Commits sent once more, by what had become of the last time",
        ),
        (
            LOST_RACES,
            Unit::Count,
            "Commits whose place another commit had taken",
        ),
        (
            SLOT_LOOKS,
            Unit::Count,
            "Looks at what is in a commit's place, by what was found",
        ),
        (
            CACHE_LOOKUPS,
            Unit::Count,
            "Saves by what was remembered of their actor",
        ),
        (
            DOUBTS,
            Unit::Count,
            "Checks whether a known commit is still there, by the verdict",
        ),
        (
            SEQUENCES_REUSED,
            Unit::Count,
            "Times that the server was seen to have lost its tail",
        ),
        (
            READS,
            Unit::Count,
            "Reads that ended, by what was read and how",
        ),
        (READ_EVENTS, Unit::Count, "Events that replays passed on"),
        (
            REREADS,
            Unit::Count,
            "Requests of reads made once more, by why",
        ),
        (FEED_EVENTS, Unit::Count, "Events that feeds passed on"),
        (
            FEED_INTERRUPTIONS,
            Unit::Count,
            "Times that a feed went on with another consumer, by why",
        ),
        (
            HEARD,
            Unit::Count,
            "What subscriptions to stored events passed on, by what it was",
        ),
        (
            SNAPSHOT_SAVES,
            Unit::Count,
            "Saves of snapshots that ended, by how",
        ),
        (
            PUBLISHED_BYTES,
            Unit::Bytes,
            "Headers and bodies that were sent, each time that they were",
        ),
    ];

    const HISTOGRAMS: [(&str, Unit, &str); 4] = [
        (
            SAVE_DURATION,
            Unit::Seconds,
            "Time that saves took, by how they ended",
        ),
        (
            COMMIT_EVENTS,
            Unit::Count,
            "Events in a commit that was stored",
        ),
        (
            READ_DURATION,
            Unit::Seconds,
            "Time that reads took, by what was read and how they ended",
        ),
        (
            SNAPSHOT_SAVE_DURATION,
            Unit::Seconds,
            "Time that saves of snapshots took, by how they ended",
        ),
    ];
}

#[cfg(not(feature = "metrics"))]
mod sink {
    use std::time::Duration;

    use super::Labels;

    /// Counts nothing.
    #[derive(Debug, Clone)]
    pub(crate) struct Meter;

    impl Meter {
        pub(crate) fn new(_stream: &str) -> Self {
            Self
        }

        #[inline]
        #[expect(clippy::unused_self, reason = "as the one that counts")]
        pub(crate) fn count(&self, _name: &'static str, _by: u64, _labels: Labels<'_>) {}

        #[inline]
        #[expect(clippy::unused_self, reason = "as the one that counts")]
        pub(crate) fn measure(&self, _name: &'static str, _value: usize, _labels: Labels<'_>) {}

        #[inline]
        #[expect(clippy::unused_self, reason = "as the one that counts")]
        pub(crate) fn time(&self, _name: &'static str, _time: Duration, _labels: Labels<'_>) {}
    }

    /// Does not look at the clock.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Stopwatch;

    impl Stopwatch {
        #[inline]
        pub(crate) fn start() -> Self {
            Self
        }

        #[inline]
        #[expect(clippy::unused_self, reason = "as the one that looks")]
        pub(crate) fn elapsed(self) -> Duration {
            Duration::ZERO
        }
    }

    #[inline]
    pub(crate) fn describe() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_in_the_crates_documentation() {
        let documentation = include_str!("lib.rs");
        let names = [
            SAVES,
            SAVE_DURATION,
            COMMIT_EVENTS,
            RESENDS,
            LOST_RACES,
            SLOT_LOOKS,
            CACHE_LOOKUPS,
            DOUBTS,
            SEQUENCES_REUSED,
            READS,
            READ_DURATION,
            READ_EVENTS,
            REREADS,
            FEED_EVENTS,
            FEED_INTERRUPTIONS,
            HEARD,
            SNAPSHOT_SAVES,
            SNAPSHOT_SAVE_DURATION,
            PUBLISHED_BYTES,
        ];
        for name in names {
            let row = format!("//! | `{name}` |");
            assert_eq!(documentation.matches(&row).count(), 1, "{name}");
        }
        let rows = documentation.matches("//! | `aether_jetstream_").count();
        assert_eq!(rows, names.len());
    }
}
