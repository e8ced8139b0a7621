//! Something that happened to an actor.

use std::fmt;
use std::sync::Arc;

use crate::{
    ActorId, CommandId, EventDraft, EventId, EventType, InvalidMetadata, InvalidText, Metadata,
    Payload, PayloadError, Timestamp, Version,
};

/// Something that happened to an actor, at a version of its history. Immutable; a clone is one
/// atomic increment and shares everything.
///
/// An event is made from an [`EventDraft`] and a version, with [`EventDraft::at`] or by a store
/// that numbers it ([`append_next`](crate::EventStoreExt::append_next)). What turns out to be
/// wrong is never changed: a later event corrects it (`OrderCorrected`).
///
/// Its serde form is [the wire form](crate#wire-forms): an object with the names
/// `id eventType actorId commandId version data metadata timestamp` in a human-readable format,
/// a positional array in MessagePack.
///
/// ```
/// use aether_core::{ActorId, EventDraft, Version};
///
/// let order = ActorId::new("order-123")?;
/// let placed = EventDraft::new(&order, "OrderPlaced", &("book", 3))?.at(Version::FIRST)?;
/// assert_eq!(placed.version(), Version::from(1));
/// assert_eq!(placed.decode::<(String, u32)>()?, ("book".to_owned(), 3));
/// # Ok::<(), aether_core::InvalidEvent>(())
/// ```
#[derive(Clone)]
pub struct Event(Arc<Content>);

/// The parts of an event; the version is [`Version::ZERO`] only inside a draft.
///
/// In this order in memory: what a store looks at when it appends is on one cache line with the
/// count of references.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[repr(C)]
pub(crate) struct Content {
    pub(crate) actor_id: ActorId,
    pub(crate) version: Version,
    pub(crate) id: EventId,
    pub(crate) event_type: EventType,
    pub(crate) command_id: Option<CommandId>,
    pub(crate) data: Payload,
    pub(crate) metadata: Metadata,
    pub(crate) timestamp: Timestamp,
}

/// A part of an event that is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEvent {
    /// An identifier is empty or too long.
    #[error(transparent)]
    Text(#[from] InvalidText),
    /// An event's version is 0, which means "no events".
    #[error("an event of actor {actor_id:?} has version 0; the first is at least 1", actor_id = .actor_id.as_str())]
    VersionZero {
        /// Whose event it was to be.
        actor_id: ActorId,
    },
    /// The data can't be encoded or decoded.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// The metadata passes a bound.
    #[error(transparent)]
    Metadata(#[from] InvalidMetadata),
}

impl Event {
    /// The event with these parts, if its version is one that an event can have.
    pub(crate) fn from_content(content: Content) -> Result<Self, InvalidEvent> {
        if content.version.is_zero() {
            return Err(InvalidEvent::VersionZero {
                actor_id: content.actor_id,
            });
        }
        Ok(Self(Arc::new(content)))
    }

    /// What tells this event from every other.
    #[must_use]
    pub fn id(&self) -> &EventId {
        &self.0.id
    }

    /// What kind of thing happened.
    #[must_use]
    pub fn event_type(&self) -> &EventType {
        &self.0.event_type
    }

    /// To whom it happened.
    #[must_use]
    pub fn actor_id(&self) -> &ActorId {
        &self.0.actor_id
    }

    /// The command that it answers, if one was named.
    #[must_use]
    pub fn command_id(&self) -> Option<&CommandId> {
        self.0.command_id.as_ref()
    }

    /// Its place in the actor's history, at least 1.
    #[must_use]
    pub fn version(&self) -> Version {
        self.0.version
    }

    /// The user's data.
    #[must_use]
    pub fn data(&self) -> &Payload {
        &self.0.data
    }

    /// Decodes the user's data.
    ///
    /// # Errors
    ///
    /// [`PayloadError::Decode`] where the data is not a `T`.
    pub fn decode<'a, T: serde::Deserialize<'a>>(&'a self) -> Result<T, PayloadError> {
        self.0.data.decode()
    }

    /// What is said about it beside the data.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.0.metadata
    }

    /// When it happened, by the clock of who made it.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        self.0.timestamp
    }

    /// The same event as a draft, to be numbered anew, with its id kept.
    #[must_use]
    pub fn to_draft(&self) -> EventDraft {
        EventDraft::from_content(Content::clone(&self.0))
    }

    pub(crate) fn content(&self) -> &Content {
        &self.0
    }
}

/// Events are equal where all their parts are.
impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Eq for Event {}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("id", &self.id().as_str())
            .field("event_type", &self.event_type().as_str())
            .field("actor_id", &self.actor_id().as_str())
            .field("command_id", &self.command_id().map(CommandId::as_str))
            .field("version", &self.version().get())
            .field("data", self.data())
            .field("metadata", &self.0.metadata)
            .field("timestamp", &format_args!("{}", self.timestamp()))
            .finish()
    }
}
