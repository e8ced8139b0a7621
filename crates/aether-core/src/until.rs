//! How far a history is read: up to a version, or up to a time.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use crate::{ActorId, Event, EventStore, EventStream, RecordedEvent, StoreError};
use crate::{Timestamp, Version};

/// How far a history is read: up to a version, or up to a time.
///
/// What is read with a bound is always the beginning of what is read without it. So the events up
/// to a bound add up to a state that the actor had.
///
/// ```
/// # use aether_core::{ActorId, EventStore, EventStoreExt, StoreError, Timestamp, Until, Version};
/// # async fn example(
/// #     store: &impl EventStore, order: &ActorId,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// let as_decided = store.get_events_until(order, Version::ZERO, Version::from(7)).await?;
///
/// let year_end: Timestamp = "2026-01-01T00:00:00Z".parse()?;
/// let at_year_end = store.get_events_until(order, Version::ZERO, year_end).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Why a time ends the read
///
/// A timestamp is from the clock of whoever made the event. Two machines differ, and a clock may be
/// set back, so a later version may have an earlier timestamp. To pick the events of a time one by
/// one would leave out an event in the middle, and keep one that was decided in the knowledge of
/// it: together they are a state that the actor never had. So the first event that is too late ends
/// the read, whatever follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Until {
    /// Up to the event with this version, and with it.
    ///
    /// Where there is no event with this version (versions may have gaps, and it may be above the
    /// latest), up to the last one below it. [`Version::ZERO`] is before everything.
    Version(Version),
    /// Up to the first event whose own timestamp is later than this, and without it.
    ///
    /// Events with just this timestamp are read. It is as exact as the writers' clocks.
    Time(Timestamp),
}

/// Where an event is in respect of a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Within it; the next one may be, too.
    Within,
    /// Within it; the next one can't be.
    Last,
    /// Past it.
    Past,
}

impl Until {
    /// Where this event is, if all before it are within the bound.
    pub(crate) fn place_of(self, event: &Event) -> Place {
        match self {
            Self::Version(version) if event.version() < version => Place::Within,
            Self::Version(version) if event.version() == version => Place::Last,
            Self::Time(time) if event.timestamp() <= time => Place::Within,
            Self::Version(_) | Self::Time(_) => Place::Past,
        }
    }

    /// Whether no event with at least this version can be within the bound.
    pub(crate) fn is_before(self, from: Version) -> bool {
        match self {
            Self::Version(version) => version.is_zero() || version < from,
            Self::Time(_) => false,
        }
    }
}

impl From<Version> for Until {
    fn from(version: Version) -> Self {
        Self::Version(version)
    }
}

impl From<Timestamp> for Until {
    fn from(time: Timestamp) -> Self {
        Self::Time(time)
    }
}

/// The events of a stream up to a bound. It lets go of the stream as soon as the bound is passed.
pub(crate) struct EventsUntil {
    until: Until,
    /// None where nothing more is to be read.
    events: Option<EventStream>,
}

impl EventsUntil {
    /// The actor's events with versions of at least `from`, up to this bound.
    pub(crate) fn of<S: EventStore + ?Sized>(
        store: &S,
        actor_id: &ActorId,
        from: Version,
        until: Until,
    ) -> Self {
        let events = (!until.is_before(from)).then(|| store.events(actor_id, from));
        Self { until, events }
    }
}

impl Stream for EventsUntil {
    type Item = Result<RecordedEvent, StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(events) = &mut self.events else {
            return Poll::Ready(None);
        };
        let item = ready!(events.as_mut().poll_next(context));
        let place = match &item {
            Some(Ok(recorded)) => self.until.place_of(recorded.event()),
            // It may be within the bound.
            Some(Err(StoreError::Malformed(_))) => Place::Within,
            Some(Err(_)) | None => Place::Last,
        };
        if place != Place::Within {
            self.events = None;
        }
        Poll::Ready(item.filter(|_| place != Place::Past))
    }
}
