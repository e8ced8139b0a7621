//! The forms in which events, commits and snapshots are written down.
//!
//! MessagePack is positional under a format version, because every event pays for its envelope;
//! the user's data within it is a map with names, because it must survive added and reordered
//! fields. JSON has names throughout, for people and their tools. `docs/wire-format.md` is the
//! normative description, and the golden files in `tests/golden` are what it means in bytes.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::commit::check_events;
use crate::event::Content;
use crate::{
    ActorId, ActorSnapshot, BoxError, CommandId, Commit, CommitContent, Event, EventId, EventType,
    InvalidCommit, InvalidEvent, Metadata, Payload, Position, Timestamp, Version,
};

/// The names of an event's parts in JSON.
const EVENT_NAMES: [&str; 8] = [
    "id",
    "eventType",
    "actorId",
    "commandId",
    "version",
    "data",
    "metadata",
    "timestamp",
];

/// The names of a snapshot's parts in JSON.
const SNAPSHOT_NAMES: [&str; 5] = ["actorId", "version", "state", "timestamp", "position"];

/// About what MessagePack takes for an event beside its data: how much room to begin with.
const ENVELOPE_BYTES: usize = 64;

/// In which of its two forms something is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum WireForm {
    /// Compact and fast: positional arrays under a format version.
    #[default]
    MessagePack,
    /// For people with a text viewer at hand: objects with names.
    Json,
}

/// Bytes that are not what they should be, or something that has no such form.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// Not the JSON form, or data that JSON has no form for.
    #[error("JSON form: {0}")]
    Json(#[source] BoxError),
    /// Not the MessagePack form.
    #[error("MessagePack form: {0}")]
    MessagePack(#[source] BoxError),
    /// Not to be encoded as MessagePack.
    #[error("MessagePack form: {0}")]
    Encode(#[source] BoxError),
    /// Of a format version that this release does not know.
    #[error("format version {found} is not known, only {known} is", known = WireForm::FORMAT)]
    UnknownFormat {
        /// The version that the bytes say they have.
        found: u64,
    },
    /// More bytes after the end.
    #[error("{count} more byte(s) after the end")]
    TrailingBytes {
        /// How many.
        count: usize,
    },
    /// An event that can't be.
    #[error(transparent)]
    Event(#[from] InvalidEvent),
    /// Events that can't be a commit.
    #[error(transparent)]
    Commit(#[from] InvalidCommit),
}

impl WireForm {
    /// The version of the MessagePack forms, their first element.
    pub const FORMAT: u8 = 1;

    /// The media type: `application/msgpack` or `application/json`.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::MessagePack => "application/msgpack",
            Self::Json => "application/json",
        }
    }

    /// Writes the events of one commit, the actor's id once.
    ///
    /// # Errors
    ///
    /// [`WireError::Commit`] where they are not one commit ([`Commit::events`]);
    /// [`WireError::Json`] where the data has no form in JSON.
    pub fn encode_commit(self, events: &[Event]) -> Result<Vec<u8>, WireError> {
        check_events(events)?;
        let actor_id = events.first().ok_or(InvalidCommit::Empty)?.actor_id();
        match self {
            Self::MessagePack => {
                let data: usize = events.iter().map(|e| e.data().as_msgpack().len()).sum();
                let mut bytes = Vec::with_capacity(data + events.len() * ENVELOPE_BYTES);
                rmp_serde::encode::write(&mut bytes, &(Self::FORMAT, actor_id, Rows(events)))
                    .map_err(|e| WireError::Encode(e.into()))?;
                Ok(bytes)
            }
            Self::Json => serde_json::to_vec(events).map_err(|e| WireError::Json(e.into())),
        }
    }

    /// Reads the events of one commit.
    ///
    /// # Errors
    ///
    /// [`WireError`] where the bytes are anything else than one commit.
    pub fn decode_commit(self, bytes: &[u8]) -> Result<Vec<Event>, WireError> {
        let events = match self {
            Self::MessagePack => {
                let (_, actor_id, rows): (u8, ActorId, Vec<Row>) = decode_message_pack(bytes)?;
                rows.into_iter()
                    .map(|row| Event::from_content(row.into_content(actor_id.clone())))
                    .collect::<Result<Vec<Event>, InvalidEvent>>()?
            }
            Self::Json => serde_json::from_slice::<Vec<Event>>(bytes)
                .map_err(|e| WireError::Json(e.into()))?,
        };
        match Commit::events(events)?.into_content() {
            CommitContent::Event(event) => Ok(vec![event]),
            CommitContent::Events(events) => Ok(events),
            CommitContent::Drafts(_) => Err(InvalidCommit::Empty.into()),
        }
    }

    fn encode<T: Serialize>(self, value: &T) -> Result<Vec<u8>, WireError> {
        match self {
            Self::MessagePack => {
                // Room for most events, so that it is not moved while it grows.
                let mut bytes = Vec::with_capacity(4 * ENVELOPE_BYTES);
                rmp_serde::encode::write(&mut bytes, value)
                    .map_err(|e| WireError::Encode(e.into()))?;
                Ok(bytes)
            }
            Self::Json => serde_json::to_vec(value).map_err(|e| WireError::Json(e.into())),
        }
    }

    fn decode<T: DeserializeOwned>(self, bytes: &[u8]) -> Result<T, WireError> {
        match self {
            Self::MessagePack => decode_message_pack(bytes),
            Self::Json => serde_json::from_slice(bytes).map_err(|e| WireError::Json(e.into())),
        }
    }
}

/// Decodes an array that begins with the format version, and nothing after it.
fn decode_message_pack<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, WireError> {
    if let Some(found) = format_of(bytes)
        && found != u64::from(WireForm::FORMAT)
    {
        return Err(WireError::UnknownFormat { found });
    }
    // A reader rather than a slice: only that tells how much is left.
    let mut rest = bytes;
    let mut source = rmp_serde::Deserializer::new(&mut rest);
    let value = T::deserialize(&mut source).map_err(|e| WireError::MessagePack(e.into()))?;
    match rest.len() {
        0 => Ok(value),
        count => Err(WireError::TrailingBytes { count }),
    }
}

/// The format version, where the bytes begin with an array that has one.
fn format_of(mut bytes: &[u8]) -> Option<u64> {
    rmp::decode::read_array_len(&mut bytes).ok()?;
    rmp::decode::read_int(&mut bytes).ok()
}

/// Gives a type `to_wire` and `from_wire`.
macro_rules! wire_forms {
    ($type:ident, $what:literal) => {
        impl $type {
            #[doc = concat!("Writes ", $what, " in this form.")]
            ///
            /// # Errors
            ///
            /// [`WireError::Json`] where the data has no form in JSON
            /// ([`Payload::to_json`]); none for MessagePack.
            pub fn to_wire(&self, form: WireForm) -> Result<Vec<u8>, WireError> {
                form.encode(self)
            }

            #[doc = concat!("Reads ", $what, " from this form. Names that are not known are passed over in JSON.")]
            ///
            /// # Errors
            ///
            /// [`WireError`] where the bytes are anything else.
            pub fn from_wire(form: WireForm, bytes: &[u8]) -> Result<Self, WireError> {
                form.decode(bytes)
            }
        }
    };
}

wire_forms!(Event, "an event");
wire_forms!(ActorSnapshot, "a snapshot");

/// The parts of an event in MessagePack, without the actor's id.
#[derive(Deserialize)]
struct Row(
    EventId,
    EventType,
    Option<CommandId>,
    Version,
    Payload,
    Metadata,
    Timestamp,
);

impl Row {
    fn into_content(self, actor_id: ActorId) -> Content {
        let Self(id, event_type, command_id, version, data, metadata, timestamp) = self;
        Content {
            id,
            event_type,
            actor_id,
            command_id,
            version,
            data,
            metadata,
            timestamp,
        }
    }
}

struct Rows<'a>(&'a [Event]);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|event| {
            let c = event.content();
            (
                &c.id,
                &c.event_type,
                &c.command_id,
                c.version,
                &c.data,
                &c.metadata,
                c.timestamp,
            )
        }))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventObject<'a> {
    id: &'a EventId,
    event_type: &'a EventType,
    actor_id: &'a ActorId,
    #[serde(skip_serializing_if = "Option::is_none")]
    command_id: Option<&'a CommandId>,
    version: Version,
    data: &'a Payload,
    #[serde(skip_serializing_if = "Metadata::is_empty")]
    metadata: &'a Metadata,
    timestamp: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OwnedEventObject {
    id: EventId,
    event_type: EventType,
    actor_id: ActorId,
    #[serde(default)]
    command_id: Option<CommandId>,
    version: Version,
    #[serde(default = "nil")]
    data: Payload,
    #[serde(default)]
    metadata: Metadata,
    timestamp: Timestamp,
}

/// Reads an object by its names. What serde derives would also take the values alone, in order.
fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
    names: &'static [&'static str],
) -> Result<T, D::Error> {
    struct Object<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object with names")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }

    deserializer.deserialize_struct("Object", names, Object(PhantomData))
}

fn nil() -> Payload {
    Payload::NIL
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let c = self.content();
        if serializer.is_human_readable() {
            EventObject {
                id: &c.id,
                event_type: &c.event_type,
                actor_id: &c.actor_id,
                command_id: c.command_id.as_ref(),
                version: c.version,
                data: &c.data,
                metadata: &c.metadata,
                timestamp: c.timestamp,
            }
            .serialize(serializer)
        } else {
            (
                WireForm::FORMAT,
                &c.id,
                &c.event_type,
                &c.actor_id,
                &c.command_id,
                c.version,
                &c.data,
                &c.metadata,
                c.timestamp,
            )
                .serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        type Array = (
            u8,
            EventId,
            EventType,
            ActorId,
            Option<CommandId>,
            Version,
            Payload,
            Metadata,
            Timestamp,
        );
        let content = if deserializer.is_human_readable() {
            let o = object::<OwnedEventObject, D>(deserializer, &EVENT_NAMES)?;
            Content {
                id: o.id,
                event_type: o.event_type,
                actor_id: o.actor_id,
                command_id: o.command_id,
                version: o.version,
                data: o.data,
                metadata: o.metadata,
                timestamp: o.timestamp,
            }
        } else {
            let (format, id, event_type, actor_id, command_id, version, data, metadata, timestamp) =
                Array::deserialize(deserializer)?;
            check_format::<D::Error>(format)?;
            Row(
                id, event_type, command_id, version, data, metadata, timestamp,
            )
            .into_content(actor_id)
        };
        Self::from_content(content).map_err(D::Error::custom)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SnapshotObject<'a> {
    actor_id: &'a ActorId,
    version: Version,
    state: &'a Payload,
    timestamp: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<Position>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OwnedSnapshotObject {
    actor_id: ActorId,
    version: Version,
    #[serde(default = "nil")]
    state: Payload,
    timestamp: Timestamp,
    #[serde(default)]
    position: Option<Position>,
}

impl Serialize for ActorSnapshot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            SnapshotObject {
                actor_id: &self.actor_id,
                version: self.version,
                state: &self.state,
                timestamp: self.timestamp,
                position: self.position,
            }
            .serialize(serializer)
        } else {
            (
                WireForm::FORMAT,
                &self.actor_id,
                self.version,
                &self.state,
                self.timestamp,
                self.position,
            )
                .serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for ActorSnapshot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        type Array = (u8, ActorId, Version, Payload, Timestamp, Option<Position>);
        if deserializer.is_human_readable() {
            let o = object::<OwnedSnapshotObject, D>(deserializer, &SNAPSHOT_NAMES)?;
            Ok(Self {
                actor_id: o.actor_id,
                version: o.version,
                state: o.state,
                timestamp: o.timestamp,
                position: o.position,
            })
        } else {
            let (format, actor_id, version, state, timestamp, position) =
                Array::deserialize(deserializer)?;
            check_format::<D::Error>(format)?;
            Ok(Self {
                actor_id,
                version,
                state,
                timestamp,
                position,
            })
        }
    }
}

fn check_format<E: serde::de::Error>(found: u8) -> Result<(), E> {
    if found == WireForm::FORMAT {
        Ok(())
    } else {
        Err(E::custom(WireError::UnknownFormat {
            found: found.into(),
        }))
    }
}
