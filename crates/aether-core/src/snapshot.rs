//! An actor's state at a version, to shorten a replay.

use serde::Serialize;

use crate::{ActorId, Clock, Payload, PayloadError, Position, SystemClock, Timestamp, Version};

/// An actor's state at a version of its history. It only shortens a replay: whatever a snapshot
/// says, the events are the truth.
///
/// Its serde form is [the wire form](crate#wire-forms): an object with the names
/// `actorId version state timestamp position` in a human-readable format, a positional array in
/// MessagePack.
///
/// ```
/// use aether_core::{ActorId, ActorSnapshot, Version};
///
/// let snapshot = ActorSnapshot::new(&ActorId::new("order-123")?, Version::from(2), &("shipped", 3))?;
/// assert_eq!(snapshot.decode::<(String, u32)>()?.0, "shipped");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActorSnapshot {
    pub(crate) actor_id: ActorId,
    pub(crate) version: Version,
    pub(crate) state: Payload,
    pub(crate) timestamp: Timestamp,
    pub(crate) position: Option<Position>,
}

impl ActorSnapshot {
    /// The state after the event with this version, taken now.
    ///
    /// # Errors
    ///
    /// [`PayloadError`] where the state can't be encoded.
    pub fn new<T: Serialize + ?Sized>(
        actor_id: &ActorId,
        version: Version,
        state: &T,
    ) -> Result<Self, PayloadError> {
        Self::with_clock(&SystemClock, actor_id, version, state)
    }

    /// The same, with the time from this clock.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with_clock<T: Serialize + ?Sized>(
        clock: &(impl Clock + ?Sized),
        actor_id: &ActorId,
        version: Version,
        state: &T,
    ) -> Result<Self, PayloadError> {
        Ok(Self {
            actor_id: actor_id.clone(),
            version,
            state: Payload::encode(state)?,
            timestamp: clock.now(),
            position: None,
        })
    }

    /// With the place of the event whose effect is the last that the state holds, where it is
    /// known.
    #[must_use]
    pub fn at_position(mut self, position: impl Into<Option<Position>>) -> Self {
        self.position = position.into();
        self
    }

    /// Whose state it is.
    #[must_use]
    pub fn actor_id(&self) -> &ActorId {
        &self.actor_id
    }

    /// The version of the last event whose effect the state holds.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The state.
    #[must_use]
    pub fn state(&self) -> &Payload {
        &self.state
    }

    /// Decodes the state.
    ///
    /// # Errors
    ///
    /// [`PayloadError::Decode`] where the state is not a `T`.
    pub fn decode<'a, T: serde::Deserialize<'a>>(&'a self) -> Result<T, PayloadError> {
        self.state.decode()
    }

    /// When it was taken, by the clock of who took it.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// The place of the last event in its store, where it is known.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.position
    }
}
