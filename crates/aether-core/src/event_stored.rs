//! The notice that an event was stored.

use serde::{Deserialize, Serialize};

use crate::{
    ActorId, Clock, Event, EventDraft, EventId, EventType, InvalidEvent, Position, Version,
};

/// The data of the notice that an event was stored: what a store's broadcaster carries
/// (clause 11 of the contract).
///
/// The notice is an event of type [`EVENT_TYPE`](Self::EVENT_TYPE) with an id of its own, and
/// with the stored event's actor and version. It says that something is there to be read; it is
/// not stored, and may be lost.
///
/// ```
/// use aether_core::{ActorId, EventDraft, EventStored, SystemClock, Version};
///
/// let event = EventDraft::new(&ActorId::new("order-123")?, "OrderPlaced", &())?.at(Version::from(7))?;
/// let notice = EventStored::notice(&SystemClock, &event, None)?;
/// assert_eq!(notice.event_type(), &EventStored::EVENT_TYPE);
/// assert_eq!(notice.decode::<EventStored>()?.event_id, *event.id());
/// # Ok::<(), aether_core::InvalidEvent>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventStored {
    /// The stored event's id.
    pub event_id: EventId,
    /// Whose event it is.
    pub actor_id: ActorId,
    /// Its version.
    pub version: Version,
    /// When the notice was made, in whole seconds since the Unix epoch.
    pub timestamp: i64,
    /// The stored event's place in its store, where the store tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
}

impl EventStored {
    /// The event type of the notice.
    pub const EVENT_TYPE: EventType = EventType::from_static("EventStored");

    /// The notice for this event.
    ///
    /// # Errors
    ///
    /// None in practice: the parts of a valid event make a valid notice.
    pub fn notice(
        clock: &(impl Clock + ?Sized),
        event: &Event,
        position: Option<Position>,
    ) -> Result<Event, InvalidEvent> {
        let stored = Self {
            event_id: event.id().clone(),
            actor_id: event.actor_id().clone(),
            version: event.version(),
            timestamp: clock.now().unix_seconds(),
            position,
        };
        EventDraft::with_clock(clock, event.actor_id(), Self::EVENT_TYPE, &stored)?
            .at(event.version())
    }
}
