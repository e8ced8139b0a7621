//! What a replay costs, or would cost.

use std::ops::{Add, AddAssign};
use std::time::Duration;

use crate::{Commit, CommitContent, Event, Payload};

/// What a replay cost, or what one would cost that began at the newest snapshot: by it a
/// [`SnapshotPolicy`](crate::SnapshotPolicy) decides.
///
/// Costs add up, and stop at the largest number there is.
///
/// ```
/// use std::time::Duration;
/// use aether_core::{ActorId, EventDraft, ReplayCost, Version};
///
/// let order = ActorId::new("order-123")?;
/// let placed = EventDraft::new(&order, "OrderPlaced", "a book")?.at(Version::FIRST)?;
///
/// let cost = ReplayCost::of([&placed]).took(Duration::from_millis(3));
/// assert_eq!((cost.events, cost.bytes), (1, 7));
/// # Ok::<(), aether_core::InvalidEvent>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ReplayCost {
    /// How many events there are.
    pub events: u64,
    /// How many bytes their data has, as the MessagePack of [`Payload`]. What a
    /// store keeps around it is not counted.
    pub bytes: u64,
    /// How long it took to read and to apply them, as far as somebody has measured it.
    pub elapsed: Duration,
}

impl ReplayCost {
    /// Nothing: right after a snapshot.
    pub const ZERO: Self = Self {
        events: 0,
        bytes: 0,
        elapsed: Duration::ZERO,
    };

    /// What these events cost, without the time.
    #[must_use]
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        Self::of_data(events.into_iter().map(Event::data))
    }

    fn of_data<'a>(data: impl Iterator<Item = &'a Payload>) -> Self {
        data.fold(Self::ZERO, |cost, data| {
            cost + Self {
                events: 1,
                bytes: data.as_msgpack().len() as u64,
                elapsed: Duration::ZERO,
            }
        })
    }

    /// The same, with this time in place of what it had.
    ///
    /// Whoever replays measures it, with a clock that only goes forward, such as
    /// [`Instant`](std::time::Instant). This crate does not: it reads no clock but a
    /// [`Clock`](crate::Clock), and that may be set while a replay goes on.
    #[must_use]
    pub const fn took(mut self, elapsed: Duration) -> Self {
        self.elapsed = elapsed;
        self
    }
}

/// What a commit's events or drafts cost whoever replays them, without the time.
impl From<&Commit> for ReplayCost {
    fn from(commit: &Commit) -> Self {
        match commit.content() {
            CommitContent::Event(event) => Self::of([event]),
            CommitContent::Events(events) => Self::of(events),
            CommitContent::Drafts(drafts) => {
                Self::of_data(drafts.iter().map(|draft| &draft.content().data))
            }
        }
    }
}

impl Add for ReplayCost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            events: self.events.saturating_add(other.events),
            bytes: self.bytes.saturating_add(other.bytes),
            elapsed: self.elapsed.saturating_add(other.elapsed),
        }
    }
}

impl AddAssign for ReplayCost {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}
