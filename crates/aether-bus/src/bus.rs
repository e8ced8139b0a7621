//! What every bus does.

use std::future::Future;

use aether_core::{Event, EventBroadcaster, Namespace};

use crate::queue::Offered;
use crate::{Subscribe, Subscription};

/// A bus: whoever subscribes gets what is published, or is told that something is missing.
///
/// # Contract
///
/// 1. **Who gets it.** An event comes to each subscription that is about its namespace and whose
///    filter it passes, once, and to no other.
/// 2. **Nothing is lost in silence.** Between two events that a subscription gives, none is missing
///    that was published in between, unless a [`Delivery::Gap`](crate::Delivery::Gap) is there.
/// 3. **Order.** What one task publishes for one actor comes in that order.
/// 4. **Nobody slows down another**, unless a subscription [asks for
///    it](Subscribe::publishers_wait).
/// 5. **Dropping a subscription unsubscribes**, anywhere.
/// 6. **Stopping drains**: a subscription gives what was published before, and then its end.
///
/// A namespace keeps apart what would otherwise meet by accident. It is not a security boundary.
pub trait Bus: EventBroadcaster {
    /// Subscribes: what is published after this was answered comes.
    ///
    /// Dropping the future leaves no subscription behind.
    ///
    /// # Errors
    ///
    /// [`BusError`] where nobody can subscribe any more.
    fn subscribe(
        &self,
        asked: Subscribe,
    ) -> impl Future<Output = Result<Subscription, BusError>> + Send;

    /// Brings an event to whoever subscribes to it.
    ///
    /// # Errors
    ///
    /// [`BusError`] where it was not published.
    fn publish(
        &self,
        namespace: &Namespace,
        event: Event,
    ) -> impl Future<Output = Result<Receipt, BusError>> + Send;

    /// Nothing is published any more, and subscriptions end behind what was.
    fn stop(&self) -> impl Future<Output = ()> + Send;
}

/// Who got an event, of those in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Receipt {
    /// How many subscriptions have it in their queue.
    pub queued: usize,
    /// How many have missed something for it, this event or an older one: they are told.
    pub behind: usize,
}

impl Receipt {
    pub(crate) fn count(&mut self, offered: Offered) {
        let (queued, behind) = match offered {
            Offered::Queued => (1, 0),
            Offered::QueuedForAnother => (1, 1),
            Offered::Dropped => (0, 1),
            Offered::Ended => (0, 0),
        };
        self.queued += queued;
        self.behind += behind;
    }
}

/// Why something was not published, or nobody could subscribe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BusError {
    /// The bus was stopped.
    #[error("the bus was stopped")]
    Stopped,
    /// Whoever wants to hear of stored events filters by their types.
    #[error("notices of stored events can't be filtered by the events' types")]
    TypesOfNotices,
    /// The server does not take the connection, or is none.
    #[error("not connected: {reason}")]
    Connect {
        /// Why.
        reason: String,
    },
    /// The server was not reached in time, or what was sent to it did not come back: it may not be
    /// allowed, or the connection does not echo.
    #[error("the server was not reached, or does not allow it, within the deadline")]
    Unreachable,
    /// The connection was closed.
    #[error("the connection was closed")]
    Closed,
    /// The connection has no room, and it was not to be waited for.
    #[error("the connection has no room: other nodes are told of a gap")]
    Full,
    /// The event is larger than a message may be.
    #[error("a message of {bytes} bytes, at most {bytes_max} are taken")]
    TooLarge {
        /// How many bytes headers and body have.
        bytes: usize,
        /// The most that the server takes.
        bytes_max: usize,
    },
    /// The event can't be written in the form that was chosen.
    #[error("the event can't be written: {reason}")]
    Unencodable {
        /// Why.
        reason: String,
    },
}
