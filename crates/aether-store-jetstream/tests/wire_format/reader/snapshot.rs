//! "A snapshot": what stands in for the events up to its version.

use async_nats::Client;

use super::body::{self, Fields, Form};
use super::messages::{self, Message};
use super::msgpack::{self, Value};
use super::names::Names;
use super::{json, position::Position};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Snapshot {
    pub(crate) actor_id: String,
    pub(crate) version: u64,
    pub(crate) state: Value,
    /// Nanoseconds since 1970.
    pub(crate) timestamp: i64,
    pub(crate) position: Option<Position>,
}

/// The newest snapshot of an actor; `None` where there is none that can be read.
pub(crate) async fn read(client: &Client, names: &Names, actor_id: &str) -> Option<Snapshot> {
    let subject = names.snapshot_subject(actor_id);
    let messages = messages::on_subject(client, &names.snapshots(), &subject).await;
    of_message(messages.last()?, actor_id)
}

pub(crate) fn of_message(message: &Message, actor_id: &str) -> Option<Snapshot> {
    let looked_at = ["Content-Type", "Aether-Format", "Aether-Version"];
    if looked_at.iter().any(|name| message.is_twice(name)) {
        return None;
    }
    if message.header("Aether-Format") != Some("1") {
        return None;
    }
    let snapshot = match Form::of(message.header("Content-Type")?)? {
        Form::MessagePack => packed(&message.body)?,
        Form::Json => written(&message.body)?,
    };
    let is_it =
        snapshot.actor_id == actor_id && message.number("Aether-Version") == Some(snapshot.version);
    is_it.then_some(snapshot)
}

fn packed(body: &[u8]) -> Option<Snapshot> {
    let fields: [Value; 6] = body::array(msgpack::decode(body, 100)?)?.try_into().ok()?;
    let [format, actor_id, version, state, timestamp, position] = fields;
    if format != Value::Int(1) {
        return None;
    }
    Some(Snapshot {
        actor_id: body::text(actor_id, 1024)?,
        version: body::version(&version, 0)?,
        state: body::packed_data(state)?,
        timestamp: body::integer(&timestamp)?.try_into().ok()?,
        position: match position {
            Value::Nil => None,
            some => Some(position_of(some)?),
        },
    })
}

/// The names that the page gives a snapshot's fields in JSON.
const FIELDS: [&str; 5] = ["actorId", "version", "state", "timestamp", "position"];

fn written(body: &[u8]) -> Option<Snapshot> {
    let mut fields = Fields::of(json::decode(body)?, &FIELDS)?;
    Some(Snapshot {
        actor_id: body::text(fields.take("actorId")?, 1024)?,
        version: body::version(&fields.take("version")?, 0)?,
        state: body::written_data(fields.take("state"))?,
        timestamp: body::written_time(fields.take("timestamp")?)?,
        position: match fields.take("position") {
            None | Some(Value::Nil) => None,
            Some(some) => Some(position_of(some)?),
        },
    })
}

fn position_of(value: Value) -> Option<Position> {
    match value {
        Value::Str(text) => Position::parse(&text),
        _ => None,
    }
}
