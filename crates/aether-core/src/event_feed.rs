//! Everybody's events in one order: from history to live, without a seam.

use std::pin::Pin;
use std::sync::Arc;

use futures_core::Stream;

use crate::{EventFilter, Position, RecordedEvent, StoreError};

/// The items of a feed as they come. It has no end of its own; it ends after an error that is not
/// [`StoreError::Malformed`].
pub type FeedStream = Pin<Box<dyn Stream<Item = Result<FeedItem, StoreError>> + Send>>;

/// Gives all events of a store in one total order: first what is stored, then what is being stored.
///
/// # Contract
///
/// (The other clauses are in [`EventStore`](crate::EventStore).)
///
/// 13. **Each event once, in one order.** The feed delivers each stored event once, in one total
///     order per store, from any position, one inside a commit included. The events of an actor
///     come in the order of their versions. [`FeedItem::CaughtUp`] comes exactly once, when
///     everything that was stored when the feed began (and passes the filter) has been delivered.
///     A slow reader slows itself only, and memory stays bounded.
///
/// ```
/// # use aether_core::{EventFeed, EventFilter, FeedItem, FeedStart, StoreError};
/// # async fn example(store: &impl EventFeed) -> Result<(), StoreError> {
/// use futures_util::StreamExt;
///
/// let mut feed = store.feed(FeedStart::Beginning, EventFilter::all().category("order"));
/// let mut checkpoint = None;
/// while let Some(item) = feed.next().await {
///     match item? {
///         FeedItem::Event(recorded) => checkpoint = Some(recorded.position()), // … and project it
///         FeedItem::CaughtUp => break, // from here on it is live
///     }
/// }
/// let resumed = checkpoint.map_or(FeedStart::Beginning, FeedStart::After);
/// # let _ = store.feed(resumed, EventFilter::all());
/// # Ok(())
/// # }
/// ```
pub trait EventFeed: Send + Sync {
    /// The events from this place on that pass the filter.
    ///
    /// The stream is `'static` and does nothing until it is polled; dropping it leaves nothing
    /// behind. A [`StoreError::PositionLost`] item says that it can't start from that place.
    fn feed(&self, start: FeedStart, filter: EventFilter) -> FeedStream;
}

/// Where a feed begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FeedStart {
    /// With the first event that the store has.
    #[default]
    Beginning,
    /// With the event that follows this position: how a checkpoint is resumed.
    After(Position),
    /// With the first event that is stored after the feed was first polled.
    Now,
}

/// What comes out of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedItem {
    /// An event and its place.
    Event(RecordedEvent),
    /// Everything that was stored when the feed began has been delivered.
    CaughtUp,
}

/// Forwards a trait of the store family through a pointer.
macro_rules! forward_event_feed {
    ($($pointer:ty),+) => {$(
        impl<S: EventFeed + ?Sized> EventFeed for $pointer {
            fn feed(&self, start: FeedStart, filter: EventFilter) -> FeedStream {
                (**self).feed(start, filter)
            }
        }
    )+};
}

forward_event_feed!(&S, Box<S>, Arc<S>);
