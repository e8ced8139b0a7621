//! "Body in MessagePack", "Body in JSON": the events of a commit.

use std::collections::BTreeMap;

use super::msgpack::Value;
use super::{json, msgpack, time};

const EVENTS_MAX: usize = 1_000;
const VERSION_MAX: i128 = (1 << 63) - 1;
const LEVELS_MAX: usize = 100;

/// The two forms of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    MessagePack,
    Json,
}

impl Form {
    pub(crate) fn of(content_type: &str) -> Option<Self> {
        match content_type {
            "application/msgpack" => Some(Self::MessagePack),
            "application/json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// An event, in every part.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) event_type: String,
    pub(crate) actor_id: String,
    pub(crate) command_id: Option<String>,
    pub(crate) version: u64,
    /// `Nil` where there is none.
    pub(crate) data: Value,
    pub(crate) metadata: BTreeMap<String, String>,
    /// Nanoseconds since 1970.
    pub(crate) timestamp: i64,
}

/// The events of a body, if it is exactly one commit in this form.
pub(crate) fn events(form: Form, body: &[u8]) -> Option<Vec<Event>> {
    let events = match form {
        Form::MessagePack => packed(body)?,
        Form::Json => written(body)?,
    };
    (1..=EVENTS_MAX).contains(&events.len()).then_some(events)
}

fn packed(body: &[u8]) -> Option<Vec<Event>> {
    let commit = array(msgpack::decode(body, LEVELS_MAX)?)?;
    let [format, actor_id, events] = commit.try_into().ok()?;
    if format != Value::Int(1) {
        return None;
    }
    let actor_id = text(actor_id, 1024)?;
    let events = array(events)?.into_iter();
    events.map(|event| packed_event(&actor_id, event)).collect()
}

fn packed_event(actor_id: &str, event: Value) -> Option<Event> {
    let fields: [Value; 7] = array(event)?.try_into().ok()?;
    let [id, event_type, command_id, at, data, metadata, timestamp] = fields;
    let command_id = match command_id {
        Value::Nil => None,
        some => Some(text(some, 256)?),
    };
    Some(Event {
        id: text(id, 128)?,
        event_type: text(event_type, 256)?,
        actor_id: actor_id.to_owned(),
        command_id,
        version: version(&at, 1)?,
        data: packed_data(data)?,
        metadata: metadata_of(metadata)?,
        timestamp: integer(&timestamp)?.try_into().ok()?,
    })
}

/// The one value within a `bin`.
pub(crate) fn packed_data(data: Value) -> Option<Value> {
    match data {
        Value::Bin(bytes) => msgpack::decode(&bytes, LEVELS_MAX),
        _ => None,
    }
}

/// What a name has in JSON, or nothing.
pub(crate) fn written_data(data: Option<Value>) -> Option<Value> {
    let data = data.unwrap_or(Value::Nil);
    let is_right = data.levels() <= LEVELS_MAX && !has_reserved_name(&data);
    is_right.then_some(data)
}

fn has_reserved_name(data: &Value) -> bool {
    let reserved = Value::Str("$serde_json::private::Number".to_owned());
    match data {
        Value::Array(values) => values.iter().any(has_reserved_name),
        Value::Map(entries) => entries
            .iter()
            .any(|(name, value)| *name == reserved || has_reserved_name(value)),
        _ => false,
    }
}

fn written(body: &[u8]) -> Option<Vec<Event>> {
    let events = array(json::decode(body)?)?;
    events.into_iter().map(written_event).collect()
}

/// The names that the page gives an event's fields in JSON.
const EVENT_FIELDS: [&str; 8] = [
    "id",
    "eventType",
    "actorId",
    "commandId",
    "version",
    "data",
    "metadata",
    "timestamp",
];

fn written_event(event: Value) -> Option<Event> {
    let mut fields = Fields::of(event, &EVENT_FIELDS)?;
    Some(Event {
        id: text(fields.take("id")?, 128)?,
        event_type: text(fields.take("eventType")?, 256)?,
        actor_id: text(fields.take("actorId")?, 1024)?,
        command_id: match fields.take("commandId") {
            None | Some(Value::Nil) => None,
            Some(some) => Some(text(some, 256)?),
        },
        version: version(&fields.take("version")?, 1)?,
        data: written_data(fields.take("data"))?,
        metadata: match fields.take("metadata") {
            None => BTreeMap::new(),
            Some(metadata) => metadata_of(metadata)?,
        },
        timestamp: written_time(fields.take("timestamp")?)?,
    })
}

/// An object's entries: those whose names are known are there once, whatever the others do.
pub(crate) struct Fields(Vec<(String, Value)>);

impl Fields {
    pub(crate) fn of(object: Value, known: &[&str]) -> Option<Self> {
        let Value::Map(entries) = object else {
            return None;
        };
        let named = entries.into_iter().map(|(name, value)| match name {
            Value::Str(name) => Some((name, value)),
            _ => None,
        });
        let fields = Self(named.collect::<Option<_>>()?);
        let are_there_once = known.iter().all(|name| fields.count(name) < 2);
        are_there_once.then_some(fields)
    }

    fn count(&self, name: &str) -> usize {
        let named = self.0.iter().filter(|(written, _)| written == name);
        named.count()
    }

    /// What has this name.
    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        let place = self.0.iter().position(|(written, _)| written == name)?;
        Some(self.0.swap_remove(place).1)
    }
}

fn metadata_of(map: Value) -> Option<BTreeMap<String, String>> {
    let Value::Map(entries) = map else {
        return None;
    };
    let count = entries.len();
    let texts = entries.into_iter().map(|entry| match entry {
        (Value::Str(key), Value::Str(value)) => Some((key, value)),
        _ => None,
    });
    let metadata = texts.collect::<Option<BTreeMap<_, _>>>()?;
    let bytes: usize = metadata.iter().map(|(k, v)| k.len() + v.len()).sum();
    let keys_are_fine = metadata.keys().all(|key| (1..=256).contains(&key.len()));
    let once = metadata.len() == count;
    (once && keys_are_fine && count <= 64 && bytes <= 32 * 1024).then_some(metadata)
}

pub(crate) fn array(value: Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(values) => Some(values),
        _ => None,
    }
}

/// Text that is not empty and has at most so many bytes.
pub(crate) fn text(value: Value, bytes_max: usize) -> Option<String> {
    match value {
        Value::Str(text) if (1..=bytes_max).contains(&text.len()) => Some(text),
        _ => None,
    }
}

pub(crate) fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::Int(integer) => Some(*integer),
        _ => None,
    }
}

pub(crate) fn version(value: &Value, least: i128) -> Option<u64> {
    let version = integer(value)?;
    let is_one = (least..=VERSION_MAX).contains(&version);
    is_one.then(|| version.try_into().ok())?
}

pub(crate) fn written_time(value: Value) -> Option<i64> {
    match value {
        Value::Str(text) => time::nanoseconds(&text),
        _ => None,
    }
}
