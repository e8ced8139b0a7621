//! How long events are kept.

use std::fmt;
use std::time::Duration;

use super::text::{exact, parse_duration};

/// How long events are kept. As text `forever`, or a duration such as `365d`.
///
/// With a finite retention the server removes each commit when it is that old, and a history that
/// has lost its beginning is [`HistoryTruncated`](aether_core::StoreError::HistoryTruncated) unless
/// a snapshot covers what is missing. Snapshots never expire, and neither does the newest commit of
/// each actor: a third stream keeps it, so that versions go on from where they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Retention {
    /// Nothing expires.
    #[default]
    Forever,
    /// Each commit expires when it is this old: [`MAX_AGE_LEAST`](Self::MAX_AGE_LEAST) to
    /// [`MAX_AGE_MOST`](Self::MAX_AGE_MOST).
    MaxAge(Duration),
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Retention {
    /// 365 days: what the Aether library for Go keeps if nothing else is said.
    pub const ONE_YEAR: Self = Self::MaxAge(Duration::from_secs(365 * DAY.as_secs()));
    /// The shortest: 1 s.
    pub const MAX_AGE_LEAST: Duration = Duration::from_secs(1);
    /// The longest: 36,500 days. The server counts nanoseconds in 64 bits, which end at 292 years.
    pub const MAX_AGE_MOST: Duration = Duration::from_secs(36_500 * DAY.as_secs());
    const FOREVER: &str = "forever";

    /// The age at which a commit expires; none where it doesn't.
    #[must_use]
    pub const fn max_age(self) -> Option<Duration> {
        match self {
            Self::Forever => None,
            Self::MaxAge(age) => Some(age),
        }
    }

    pub(super) fn is_valid(self) -> bool {
        let allowed = Self::MAX_AGE_LEAST..=Self::MAX_AGE_MOST;
        self.max_age().is_none_or(|age| allowed.contains(&age))
    }

    pub(super) fn expected() -> String {
        let (least, most) = (exact(Self::MAX_AGE_LEAST), exact(Self::MAX_AGE_MOST));
        format!("{} or {least} to {most}", Self::FOREVER)
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            Self::FOREVER => Some(Self::Forever),
            age => parse_duration(age).map(Self::MaxAge),
        }
    }
}

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forever => f.write_str(Self::FOREVER),
            Self::MaxAge(age) => f.write_str(&exact(*age)),
        }
    }
}
