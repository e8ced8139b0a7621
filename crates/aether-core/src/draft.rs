//! An event that has no version yet.

use serde::Serialize;

use crate::event::Content;
use crate::{
    ActorId, Clock, CommandId, Event, EventId, EventType, InvalidEvent, InvalidMetadata,
    InvalidText, Metadata, Payload, SystemClock, Timestamp, Version,
};

/// An event that has no version yet: for an actor that numbers it ([`at`](Self::at)) or for a
/// store that does ([`append_next`](crate::EventStoreExt::append_next)).
///
/// Its id is made when the draft is, so that the same draft is recognised when it is offered twice.
///
/// ```
/// use aether_core::{ActorId, CommandId, EventDraft, Metadata, Version};
/// use serde::Serialize;
///
/// #[derive(Serialize)]
/// struct Shipped { carrier: &'static str }
///
/// let order = ActorId::new("order-123")?;
/// let placed = EventDraft::new(&order, "OrderPlaced", &())?.at(Version::from(1))?;
/// let shipped = EventDraft::new(&order, "OrderShipped", &Shipped { carrier: "post" })?
///     .command(CommandId::new("ship/1")?)
///     .metadata(Metadata::USER_ID, "ada")?
///     .caused_by(&placed)?
///     .at(Version::from(2))?;
/// assert_eq!(shipped.metadata().causation_id(), Some(placed.id().as_str()));
/// # Ok::<(), aether_core::InvalidEvent>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventDraft(Content);

/// What can be an event type: an [`EventType`], a literal, or any text.
pub trait IntoEventType {
    /// Checks and converts.
    ///
    /// # Errors
    ///
    /// [`InvalidText`] where the text is empty or longer than [`EventType::BYTES_MAX`].
    fn into_event_type(self) -> Result<EventType, InvalidText>;
}

impl IntoEventType for EventType {
    fn into_event_type(self) -> Result<EventType, InvalidText> {
        Ok(self)
    }
}

impl IntoEventType for &EventType {
    fn into_event_type(self) -> Result<EventType, InvalidText> {
        Ok(self.clone())
    }
}

impl IntoEventType for &str {
    fn into_event_type(self) -> Result<EventType, InvalidText> {
        EventType::new(self)
    }
}

impl IntoEventType for String {
    fn into_event_type(self) -> Result<EventType, InvalidText> {
        EventType::new(self)
    }
}

impl EventDraft {
    /// A draft with a new id, the system's time, and the data encoded.
    ///
    /// # Errors
    ///
    /// [`InvalidEvent`] where the event type is empty or too long, or the data can't be encoded.
    pub fn new<T: Serialize + ?Sized>(
        actor_id: &ActorId,
        event_type: impl IntoEventType,
        data: &T,
    ) -> Result<Self, InvalidEvent> {
        Self::with_clock(&SystemClock, actor_id, event_type, data)
    }

    /// The same, with the time from this clock.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with_clock<T: Serialize + ?Sized>(
        clock: &(impl Clock + ?Sized),
        actor_id: &ActorId,
        event_type: impl IntoEventType,
        data: &T,
    ) -> Result<Self, InvalidEvent> {
        Ok(Self(Content {
            id: EventId::generate(clock),
            event_type: event_type.into_event_type()?,
            actor_id: actor_id.clone(),
            command_id: None,
            version: Version::ZERO,
            data: Payload::encode(data)?,
            metadata: Metadata::new(),
            timestamp: clock.now(),
        }))
    }

    pub(crate) fn from_content(content: Content) -> Self {
        Self(Content {
            version: Version::ZERO,
            ..content
        })
    }

    /// With an id of the caller's, which must never name another event.
    #[must_use]
    pub fn id(mut self, id: EventId) -> Self {
        self.0.id = id;
        self
    }

    /// With the command that it answers.
    #[must_use]
    pub fn command(mut self, id: CommandId) -> Self {
        self.0.command_id = Some(id);
        self
    }

    /// With another time.
    #[must_use]
    pub fn timestamp(mut self, timestamp: Timestamp) -> Self {
        self.0.timestamp = timestamp;
        self
    }

    /// With other data, encoded already.
    #[must_use]
    pub fn data(mut self, data: Payload) -> Self {
        self.0.data = data;
        self
    }

    /// With one more entry of metadata.
    ///
    /// # Errors
    ///
    /// [`InvalidMetadata`] where the key is empty or a bound is passed.
    pub fn metadata(
        mut self,
        key: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<Self, InvalidMetadata> {
        self.0.metadata.insert(key, value)?;
        Ok(self)
    }

    /// With this metadata in place of what it had.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.0.metadata = metadata;
        self
    }

    /// With the event that caused it: fills the correlation and the causation id
    /// ([`Metadata::set_cause`]).
    ///
    /// # Errors
    ///
    /// [`InvalidMetadata`] where a bound of the metadata is passed.
    pub fn caused_by(mut self, event: &Event) -> Result<Self, InvalidMetadata> {
        self.0.metadata.set_cause(event)?;
        Ok(self)
    }

    /// Whose event it will be.
    #[must_use]
    pub fn actor_id(&self) -> &ActorId {
        &self.0.actor_id
    }

    /// The id that the event will have.
    #[must_use]
    pub fn event_id(&self) -> &EventId {
        &self.0.id
    }

    /// What kind of thing happened.
    #[must_use]
    pub fn event_type(&self) -> &EventType {
        &self.0.event_type
    }

    /// The event, at this version of the actor's history.
    ///
    /// # Errors
    ///
    /// [`InvalidEvent::VersionZero`] where the version is 0.
    pub fn at(self, version: Version) -> Result<Event, InvalidEvent> {
        Event::from_content(Content { version, ..self.0 })
    }

    /// Whether this event is what this draft became when it was numbered.
    #[must_use]
    pub fn became(&self, event: &Event) -> bool {
        let content = event.content();
        content.id == self.0.id && Self::from_content(content.clone()) == *self
    }

    pub(crate) const fn content(&self) -> &Content {
        &self.0
    }
}
