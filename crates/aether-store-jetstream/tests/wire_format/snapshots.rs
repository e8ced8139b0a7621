//! "A snapshot": what a store saved is read by the page, and what is none is ignored.

use aether_core::{
    ActorSnapshot, EventStoreExt as _, Payload, SnapshotStore as _, StoreErrorKind, Version,
};
use serde_json::json;

use crate::by_hand::{Draft, nested, packed, text};
use crate::compared::{agreed, names};
use crate::reader::msgpack::Value;
use crate::reader::snapshot::{self, Snapshot};
use crate::support::{Streams, actor, event, trap_ids};
use crate::written::FORMS;

#[tokio::test]
async fn a_snapshot_that_was_saved_is_read_by_the_page_and_is_equal_in_every_part() {
    for (codec, _) in FORMS {
        let streams = Streams::new("snapshots");
        let store = streams.store_with(streams.config().codec(codec)).await;
        let names = names(&streams);
        for (number, id) in (0_u32..).zip(trap_ids()) {
            let appended = store.save_event(event(&id, number + 1)).await.unwrap();
            let state = (id.as_str(), "größe", number);
            // Version 0 is the state before any event, of which there is no place.
            let version = if number == 0 { 0 } else { number + 1 };
            let mut saved = ActorSnapshot::new(&id, version.into(), &state).unwrap();
            if number > 0 {
                saved = saved.at_position(appended.position());
            }
            store.save_snapshot(saved.clone()).await.unwrap();

            let read = snapshot::read(store.client(), &names, id.as_str()).await;
            let Snapshot {
                actor_id,
                version,
                state,
                timestamp,
                position,
            } = read.unwrap();
            assert_eq!(actor_id, id.as_str());
            assert_eq!(version, saved.version().get());
            let expected = [text(id.as_str()), text("größe"), Value::Int(number.into())];
            assert_eq!(state, Value::Array(expected.into()));
            assert_eq!(timestamp, saved.timestamp().unix_nanos());
            let said = saved.position().map(|position| position.to_string());
            assert_eq!(position.map(|position| position.text()), said);
        }
    }
}

fn of(content_type: &str, version: u64, body: Vec<u8>) -> Draft {
    let headers = Vec::new();
    Draft { headers, body }
        .with("Content-Type", content_type)
        .with("Aether-Format", "1")
        .with("Aether-Version", &version.to_string())
}

/// What is stored, and whether it is a snapshot.
fn rows() -> Vec<(String, bool, Draft)> {
    let mut rows = Vec::new();
    let mut row = |what: String, is_right: bool, draft: Draft| rows.push((what, is_right, draft));
    let packed_parts = |changed: Option<(usize, Value)>| {
        let mut parts = vec![
            Value::Int(1),
            text("order-1"),
            Value::Int(3),
            Value::Bin(vec![0xc0]),
            Value::Int(5),
            Value::Nil,
        ];
        if let Some((part, value)) = changed {
            parts[part] = value;
        }
        packed(&Value::Array(parts))
    };
    let message_pack = |version: u64, body: Vec<u8>| of("application/msgpack", version, body);
    let good = || message_pack(3, packed_parts(None));
    row("nothing wrong".to_owned(), true, good());
    for name in ["Content-Type", "Aether-Format", "Aether-Version"] {
        row(format!("no {name}"), false, good().without(name));
        for other in ["", "2", "03", "4", "text/plain"] {
            row(format!("{name}: {other}"), false, good().with(name, other));
        }
        let mut twice = good();
        let header = twice.headers.iter().find(|(written, _)| written == name);
        let header = header.unwrap().clone();
        twice.headers.push(header);
        row(format!("{name} again"), false, twice);
    }
    let largest = (1 << 63) - 1;
    let parts = [
        (2, Value::Int(0), false),
        (0, Value::Int(2), false),
        (1, text("order-other"), false),
        (2, Value::Int(4), false),
        (3, Value::Nil, false),
        (3, Value::Array(vec![Value::Int(0xc0)]), false),
        (3, Value::Bin(packed(&nested(100))), true),
        (3, Value::Bin(packed(&nested(101))), false),
        (4, Value::Float(5.0), false),
        (4, Value::Int(-5), true),
        (5, Value::Bin(b"p1-1-1-1-1".to_vec()), false),
    ];
    for (part, value, is_right) in parts {
        let what = format!("part {part}: {value:?}");
        let draft = message_pack(3, packed_parts(Some((part, value))));
        row(what, is_right, draft);
    }
    for version in [0, largest, largest + 1] {
        let body = packed_parts(Some((2, Value::Int(version.into()))));
        let draft = message_pack(version, body);
        row(format!("version {version}"), version <= largest, draft);
    }
    let positions = [
        ("p1-18fae27693b40000-7-1-5b0408adf8ce3b93", true),
        ("p1-0-0-0-0", true),
        (
            "p1-ffffffffffffffff-18446744073709551615-4294967295-ffffffffffffffff",
            true,
        ),
        ("p1-10000000000000000-1-1-1", false),
        ("p1-1-18446744073709551616-1-1", false),
        ("p1-1-1-4294967296-1", false),
        ("p1-1-1-1-10000000000000000", false),
        ("p1-01-1-1-1", false),
        ("p1-1-01-1-1", false),
        ("p1-A-1-1-1", false),
        ("p1-1-+1-1-1", false),
        ("p1-1-1-1", false),
        ("p1-1-1-1-1-1", false),
        ("p2-1-1-1-1", false),
        ("", false),
    ];
    for (position, is_right) in positions {
        let body = packed_parts(Some((5, text(position))));
        row(
            format!("position {position}"),
            is_right,
            message_pack(3, body),
        );
    }

    let json = |body: &serde_json::Value| of("application/json", 3, body.to_string().into());
    let object = json!({
        "actorId": "order-1", "version": 3, "state": [], "timestamp": "2026-03-01T12:00:00Z",
        "position": "p1-1-1-1-1",
    });
    row("an object".to_owned(), true, json(&object));
    let values: Vec<_> = ["actorId", "version", "state", "timestamp", "position"]
        .iter()
        .map(|name| object[name].clone())
        .collect();
    row(
        "values without names".to_owned(),
        false,
        json(&json!(values)),
    );
    for name in [
        "actorId",
        "version",
        "state",
        "timestamp",
        "position",
        "more",
    ] {
        let mut without = object.clone();
        without.as_object_mut().unwrap().remove(name);
        let may_be_missing = ["state", "position", "more"].contains(&name);
        row(format!("no {name}"), may_be_missing, json(&without));
        for other in [json!(null), json!(7), json!(""), json!({})] {
            let mut with = object.clone();
            with[name] = other.clone();
            let is_right = match name {
                "state" | "more" => true,
                "position" => other.is_null(),
                _ => false,
            };
            row(format!("{name}: {other}"), is_right, json(&with));
        }
    }
    rows
}

#[tokio::test]
async fn what_is_no_snapshot_is_ignored_by_both_readers() {
    let streams = Streams::new("no-snapshots");
    let store = streams.store().await;
    let (names, id) = (names(&streams), actor("order-1"));
    let subject = names.snapshot_subject("order-1");
    for (what, is_right, draft) in rows() {
        draft.store(store.client(), &subject).await;
        let read = snapshot::read(store.client(), &names, "order-1").await;
        assert_eq!(read.is_some(), is_right, "{what}: {read:?}");
        match store.latest_snapshot(&id).await {
            Ok(Some(said)) => {
                let read = read.unwrap();
                assert_eq!(read.version, said.version().get(), "{what}");
                assert_eq!(read.timestamp, said.timestamp().unix_nanos(), "{what}");
                let position = said.position().map(|position| position.to_string());
                assert_eq!(read.position.map(|position| position.text()), position);
            }
            Err(error) if error.kind() == StoreErrorKind::Malformed => {
                assert!(!is_right, "{what}: {error}");
            }
            other => panic!("{what}: {other:?}"),
        }
    }
}

/// What a reader makes of both: the state that a snapshot has, and the events after it.
#[tokio::test]
async fn a_snapshot_stands_in_for_the_events_up_to_its_version() {
    let streams = Streams::new("stands-in");
    let store = streams.store().await;
    let (names, id) = (names(&streams), actor("order-1"));
    for version in 1..=5 {
        store.save_event(event(&id, version)).await.unwrap();
    }
    let at = Version::from(3);
    let saved = ActorSnapshot::new(&id, at, &Payload::NIL).unwrap();
    store.save_snapshot(saved).await.unwrap();
    let read = snapshot::read(store.client(), &names, "order-1").await;
    let version = read.unwrap().version;
    let history = agreed(&store, &names, &id).await;
    let later = history.events().into_iter().map(|event| event.version);
    assert!(later.filter(|later| *later > version).eq([4, 5]));
}
