//! How much is missing at one place of a subscription.

use crate::Missed;

/// How many events are missing at one place: a number, and besides perhaps others that nobody can
/// count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Lost {
    exactly: u64,
    unknown: bool,
}

impl Lost {
    pub(crate) const fn exactly(count: u64) -> Self {
        Self {
            exactly: count,
            unknown: false,
        }
    }

    pub(crate) fn is_none(self) -> bool {
        self == Self::default()
    }

    pub(crate) fn add(&mut self, more: Self) {
        self.exactly = self.exactly.saturating_add(more.exactly);
        self.unknown |= more.unknown;
    }

    /// What is told of it next; none when all was.
    pub(crate) fn tell(&mut self) -> Option<Missed> {
        if self.exactly > 0 {
            return Some(Missed::Exactly(std::mem::take(&mut self.exactly)));
        }
        std::mem::take(&mut self.unknown).then_some(Missed::Unknown)
    }
}

impl From<Missed> for Lost {
    fn from(missed: Missed) -> Self {
        match missed {
            Missed::Exactly(count) => Self::exactly(count),
            Missed::Unknown => Self {
                exactly: 0,
                unknown: true,
            },
        }
    }
}

/// All that was ever lost up to a place: what was lost between two places is their difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sum {
    exactly: u64,
    /// How many times it was not known.
    unknown: u64,
}

impl Sum {
    pub(crate) fn add(&mut self, lost: Lost) {
        self.exactly = self.exactly.wrapping_add(lost.exactly);
        self.unknown = self.unknown.wrapping_add(u64::from(lost.unknown));
    }

    /// What was lost since an earlier place.
    pub(crate) fn since(self, earlier: Self) -> Lost {
        Lost {
            exactly: self.exactly.wrapping_sub(earlier.exactly),
            unknown: self.unknown != earlier.unknown,
        }
    }
}
