//! What a subscriber asks for.

use std::time::Duration;

use aether_core::EventFilter;

use crate::NamespacePattern;

/// What a subscriber asks for: namespaces, events, and how many of them may wait.
///
/// ```
/// use aether_bus::{NamespacePattern, Subscribe, WhenFull};
/// use aether_core::{EventType, EventFilter};
///
/// let returns = Subscribe::to("shop.*".parse::<NamespacePattern>()?)
///     .only(EventFilter::all().category("order").event_type(EventType::new("OrderReturned")?))
///     .capacity(256)
///     .when_full(WhenFull::DropNewest);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "it subscribes to nothing by itself"]
pub struct Subscribe {
    pub(crate) pattern: NamespacePattern,
    pub(crate) filter: EventFilter,
    pub(crate) capacity: usize,
    pub(crate) when_full: WhenFull,
    pub(crate) waits: Duration,
}

/// What happens to an event for which a subscription's queue has no room. Whichever it is, the
/// subscriber is told ([`Delivery::Gap`](crate::Delivery::Gap)), and no other one is affected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WhenFull {
    /// The event that has waited longest makes room for it: who is late goes on with what is new.
    #[default]
    DropOldest,
    /// It is dropped: who is late goes on where he is.
    DropNewest,
    /// It is dropped, and the subscription ends behind what was queued: who can't do with a gap has
    /// to begin anew.
    Disconnect,
}

impl Subscribe {
    /// How many events may wait, unless something else is said.
    pub const CAPACITY_DEFAULT: usize = 1_024;

    /// To the events of these namespaces: all of them, with a queue for
    /// [`CAPACITY_DEFAULT`](Self::CAPACITY_DEFAULT), of which the oldest make room for new ones.
    pub fn to(namespaces: impl Into<NamespacePattern>) -> Self {
        Self {
            pattern: namespaces.into(),
            filter: EventFilter::all(),
            capacity: Self::CAPACITY_DEFAULT,
            when_full: WhenFull::default(),
            waits: Duration::ZERO,
        }
    }

    /// Only events that pass this filter. It is asked before anything is queued: what does not pass
    /// costs the subscriber nothing, and is in no gap.
    pub fn only(mut self, filter: EventFilter) -> Self {
        self.filter = filter;
        self
    }

    /// So many events may wait; 0 is taken for 1. The memory for them is taken when they do.
    ///
    /// Besides, a subscription that is polled takes up to
    /// [`Subscription::TAKEN_AT_ONCE`](crate::Subscription::TAKEN_AT_ONCE) of them out at once,
    /// and has room for as many others then.
    pub fn capacity(mut self, events: usize) -> Self {
        self.capacity = events.max(1);
        self
    }

    /// What happens where they are more.
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = when_full;
        self
    }

    /// Publishers that can wait ([`publish`](crate::EventBus::publish)) wait for room, each so long
    /// at most; only then it is as [`when_full`](Self::when_full) says. A call that can't wait
    /// ([`broadcast`](aether_core::EventBroadcaster::broadcast)) doesn't.
    ///
    /// The one setting by which a slow subscriber slows down who publishes.
    pub fn publishers_wait(mut self, at_most: Duration) -> Self {
        self.waits = at_most;
        self
    }

    /// Whether what comes may wait in one queue with that of others who ask for the same: where an
    /// event that is added changes nothing for anybody but who is late.
    pub(crate) fn can_share(&self) -> bool {
        self.when_full == WhenFull::DropOldest && self.waits.is_zero()
    }
}
