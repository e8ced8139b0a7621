//! What a store wrote is read by the page, part by part.

use std::collections::BTreeSet;

use aether_core::{
    ActorId, CommandId, Event, EventDraft, EventStore as _, EventStoreExt as _, Namespace, Payload,
    Timestamp, TraceContext, Version, WireForm,
};
use aether_store_jetstream::JetStreamStore;
use futures_util::TryStreamExt as _;

use crate::by_hand::{nested, packed, text};
use crate::compared::{agreed, all_parts, names, stored};
use crate::page::{quoted, table};
use crate::reader::body::Form;
use crate::reader::chain::Link;
use crate::reader::msgpack::Value;
use crate::reader::names::Names;
use crate::reader::position::Position;
use crate::reader::{history, messages, time};
use crate::support::{Streams, actor, event, trap_ids};

pub(crate) const FORMS: [(WireForm, Form); 2] = [
    (WireForm::MessagePack, Form::MessagePack),
    (WireForm::Json, Form::Json),
];

/// An event with all that one can have.
fn full(id: &ActorId, version: u64) -> Event {
    let data = (id.as_str(), version, [Some("größe\n\"🦀\""), None]);
    let mut draft = EventDraft::new(id, "Größe/geändert 🦀", &data)
        .unwrap()
        .command(CommandId::new(format!("place/{version}\n")).unwrap())
        .timestamp(Timestamp::from_unix_nanos(1_700_000_000_123_456_789));
    for (key, value) in [("userId", "ada"), ("größe", ""), ("\0", "\u{7f}\"\\")] {
        draft = draft.metadata(key, value).unwrap();
    }
    draft.at(Version::new(version).unwrap()).unwrap()
}

/// One without anything that may be missing, at the end of time or at its beginning.
fn bare(id: &ActorId, version: u64) -> Event {
    let nanos = if version.is_multiple_of(2) {
        i64::MIN
    } else {
        i64::MAX
    };
    let draft = EventDraft::new(id, "T", &()).unwrap();
    let draft = draft.timestamp(Timestamp::from_unix_nanos(nanos));
    draft.at(Version::new(version).unwrap()).unwrap()
}

/// Commits of one event and of several, with gaps between the versions and within.
fn commits(id: &ActorId) -> Vec<Vec<Event>> {
    vec![
        vec![full(id, 1)],
        vec![bare(id, 2), full(id, 3), bare(id, 7)],
        vec![bare(id, (1 << 53) + 1)],
        vec![full(id, (1 << 63) - 2), bare(id, (1 << 63) - 1)],
    ]
}

/// Saves the commits of all these actors, one of each in turn, and reads them by the page.
async fn saved_and_read(store: &JetStreamStore, names: &Names, form: Form, ids: &[ActorId]) {
    let histories: Vec<_> = ids.iter().map(commits).collect();
    for number in 0..histories[0].len() {
        for history in &histories {
            store.save_events(history[number].clone()).await.unwrap();
        }
    }
    for (id, saved) in ids.iter().zip(&histories) {
        let read = agreed(store, names, id).await;
        assert_eq!(read.faults, [], "{id:?}");
        let by_commit = read.commits.iter().map(|commit| commit.events.clone());
        assert!(
            by_commit.eq(saved.iter().map(|events| all_parts(events))),
            "{id:?}: {:?}",
            read.commits
        );
        assert!(read.commits.iter().all(|commit| commit.form == form));
    }
}

#[tokio::test]
async fn what_a_store_wrote_is_read_by_the_page_and_is_equal_in_every_part() {
    for (codec, form) in FORMS {
        let streams = Streams::new("written");
        let store = streams.store_with(streams.config().codec(codec)).await;
        let ids = [trap_ids(), ["order", "order-1-a"].map(actor).into()].concat();
        saved_and_read(&store, &names(&streams), form, &ids).await;
    }
}

#[tokio::test]
async fn what_is_in_a_namespace_is_found_by_its_token() {
    let long = "größe/".repeat(16);
    let mut streams = Streams::new("in-space");
    streams.namespaces = ["blue", "Eu West.1", "=", &long]
        .map(|name| Namespace::new(name).unwrap())
        .into();
    let id = actor("order-1");
    for namespace in &streams.namespaces {
        let config = streams.config().namespace(namespace.clone());
        let store = streams.store_with(config).await;
        let names = Names::new(&streams.base, Some(namespace.as_str()));
        assert_eq!(names.events(), store.events_stream());
        let ids = std::slice::from_ref(&id);
        saved_and_read(&store, &names, Form::MessagePack, ids).await;
    }
}

/// What both forms have a form for.
fn data() -> Vec<Value> {
    let map = |entries: &[(&str, Value)]| {
        let entries = entries.iter();
        Value::Map(
            entries
                .map(|(key, value)| (text(*key), value.clone()))
                .collect(),
        )
    };
    let many = (0..70_000).map(|_| Value::Bool(true)).collect();
    let names = (0..20).map(|number| (text(format!("field {number}")), Value::Nil));
    // On both sides of where a longer form begins.
    let integers = [
        0,
        1,
        127,
        128,
        255,
        256,
        65_535,
        65_536,
        (1 << 32) - 1,
        1 << 32,
        i128::from(u64::MAX),
        -1,
        -32,
        -33,
        -128,
        -129,
        -32_768,
        -32_769,
        -(1 << 31),
        -(1 << 31) - 1,
        i128::from(i64::MIN),
    ];
    let floats = [0.5, -0.0, 1.0, f64::MAX, f64::MIN_POSITIVE, 5e-324, 0.1];
    let texts = [
        "",
        "größe 🦀\0\n\"\\/\u{7f}",
        &"x".repeat(31),
        &"é".repeat(40_000),
    ];
    let mut data = vec![
        Value::Nil,
        Value::Bool(true),
        Value::Bool(false),
        Value::Array(Vec::new()),
        Value::Array(many),
        map(&[]),
        Value::Map(names.collect()),
        map(&[("a", map(&[("", Value::Array(vec![map(&[])]))]))]),
        map(&[("same", Value::Int(1)), ("same", Value::Int(2))]),
        nested(100),
        (0..100).fold(Value::Array(Vec::new()), |inner, _| {
            map(&[("within", inner)])
        }),
    ];
    data.extend(integers.map(Value::Int));
    data.extend(floats.map(Value::Float));
    data.extend(texts.map(text));
    data
}

/// What JSON has no form for.
fn data_of_message_pack_alone() -> Vec<Value> {
    let bytes = |length: usize| vec![0xff; length];
    let keys = [
        Value::Int(1),
        Value::Nil,
        Value::Bin(bytes(1)),
        Value::Array(vec![Value::Nil]),
    ];
    vec![
        Value::Bin(Vec::new()),
        Value::Bin(bytes(300)),
        Value::Ext(-1, bytes(4)),
        Value::Ext(127, bytes(17)),
        Value::Float(f64::INFINITY),
        Value::NotText(bytes(2)),
        Value::Map(keys.map(|key| (key, Value::Nil)).into()),
        Value::Array(vec![Value::Map(vec![(Value::Float(0.5), Value::Nil)])]),
    ]
}

/// A value in its longest form.
fn payload(value: &Value) -> Payload {
    Payload::from_msgpack(packed(value)).unwrap()
}

fn with_data(id: &ActorId, version: usize, data: Payload) -> Event {
    let version = Version::new(version.try_into().unwrap()).unwrap();
    let draft = EventDraft::new(id, "T", &()).unwrap();
    draft.data(data).at(version).unwrap()
}

#[tokio::test]
async fn data_of_every_kind_is_read_by_the_page() {
    for (codec, _) in FORMS {
        let streams = Streams::new("data");
        let store = streams.store_with(streams.config().codec(codec)).await;
        let id = actor("order-1");
        let mut expected = data();
        let mut saved: Vec<Payload> = expected.iter().map(payload).collect();
        if codec == WireForm::MessagePack {
            // Each in its shortest form as well, which is what JSON is turned into.
            let json = saved.iter().map(|payload| payload.to_json().unwrap());
            let short: Vec<_> = json
                .map(|json| Payload::from_json(&json).unwrap())
                .collect();
            saved.extend(short);
            expected.extend(data());
            let alone = data_of_message_pack_alone();
            saved.extend(alone.iter().map(payload));
            expected.extend(alone);
        }
        for (number, data) in saved.into_iter().enumerate() {
            let event = with_data(&id, number + 1, data);
            store.save_event(event).await.unwrap();
        }
        let read = agreed(&store, &names(&streams), &id).await;
        let read: Vec<Value> = read.events().into_iter().map(|event| event.data).collect();
        assert_eq!(read, expected, "{codec:?}");
    }
}

#[derive(serde::Serialize)]
struct Line {
    item: &'static str,
    quantity: u32,
    price: f32,
    note: Option<&'static str>,
}

/// What a program in Rust saves is not what MessagePack has, but what serde makes of it.
#[tokio::test]
async fn structures_are_maps_with_the_names_of_their_fields() {
    let line = Line {
        item: "book",
        quantity: 3,
        price: 1.25,
        note: None,
    };
    let expected = [
        ("item", text("book")),
        ("quantity", Value::Int(3)),
        ("price", Value::Float(1.25)),
        ("note", Value::Nil),
    ];
    let expected = expected.map(|(name, value)| (text(name), value));
    for (codec, _) in FORMS {
        let streams = Streams::new("structures");
        let store = streams.store_with(streams.config().codec(codec)).await;
        let id = actor("order-1");
        let data = Payload::encode(&line).unwrap();
        store.save_event(with_data(&id, 1, data)).await.unwrap();
        let read = history::read(store.client(), &names(&streams), "order-1").await;
        assert_eq!(read.events()[0].data, Value::Map(expected.clone().into()));
    }
}

#[tokio::test]
async fn a_commit_has_the_headers_that_are_in_the_pages_table() {
    let streams = Streams::new("headers");
    let traced = JetStreamStore::builder(streams.config()).trace_context(|| {
        let context = TraceContext::new(7, 8, 1).unwrap();
        Some(context.with_state("vendor=1").unwrap())
    });
    let traced = traced.connect(&streams.url).await.unwrap();
    let plain = streams.store().await;
    let id = actor("order-1");
    plain.save_event(event(&id, 1)).await.unwrap();
    traced.save_event(event(&id, 5)).await.unwrap();
    let names = names(&streams);
    let messages = stored(&plain, &names, &id).await;

    let table = table("| header | value |");
    let named = table.iter().flat_map(|row| quoted(&row[0]));
    let named: BTreeSet<&str> = named.map(|(_, name)| name).collect();
    let has = |number: usize| -> BTreeSet<&str> {
        let headers = messages[number].headers.iter().flatten();
        headers.map(|(name, _)| name.as_str()).collect()
    };
    assert_eq!(has(1), named);
    let missing: Vec<&str> = named.difference(&has(0)).copied().collect();
    let only_later = ["Aether-Predecessors", "Aether-Previous-Digest"];
    assert_eq!(
        missing,
        [&only_later[..], &["traceparent", "tracestate"]].concat()
    );
    let first = [
        ("Aether-Previous-Version", "0"),
        ("Nats-Expected-Last-Subject-Sequence", "0"),
    ];
    let second = [
        ("Aether-First-Version", "5"),
        ("Aether-Previous-Version", "1"),
        ("Aether-Predecessors", "1"),
        ("Nats-Expected-Stream", &streams.base),
        ("Nats-Expected-Last-Subject-Sequence", "1"),
        ("tracestate", "vendor=1"),
    ];
    for (message, headers) in [(&messages[0], &first[..]), (&messages[1], &second)] {
        for (name, value) in headers {
            assert_eq!(message.header(name), Some(*value), "{name}");
        }
    }
}

#[tokio::test]
async fn a_position_is_where_the_page_says_that_an_event_is() {
    let streams = Streams::new("position");
    let store = streams.store().await;
    let id = actor("order-1");
    store.save_event(event(&actor("other"), 1)).await.unwrap();
    store.save_event(event(&id, 1)).await.unwrap();
    let several = [event(&id, 2), event(&id, 3), event(&id, 9)];
    store.save_events(several).await.unwrap();

    let info = messages::stream_info(store.client(), &streams.base).await;
    let created = time::nanoseconds(info["created"].as_str().unwrap()).unwrap();
    let read = agreed(&store, &names(&streams), &id).await;
    let mut by_the_page = Vec::new();
    for commit in &read.commits {
        for (index, event) in (0..).zip(&commit.events) {
            let created = created.try_into().unwrap();
            let position = Position::after(created, commit.sequence, index, &event.id);
            by_the_page.push(position.text());
        }
    }
    let recorded: Vec<_> = store
        .events(&id, Version::ZERO)
        .try_collect()
        .await
        .unwrap();
    let said = recorded.iter().map(|event| event.position().to_string());
    assert!(said.eq(by_the_page));
}

/// The first commit of an actor says that it is, and no other does.
#[tokio::test]
async fn commits_in_both_forms_are_one_history() {
    let streams = Streams::new("mixed");
    let packed = streams.store().await;
    let json = streams
        .store_with(streams.config().codec(WireForm::Json))
        .await;
    let id = actor("order-1");
    for version in 1..=6 {
        let store = if version % 2 == 0 { &packed } else { &json };
        store.save_event(event(&id, version)).await.unwrap();
    }
    let read = agreed(&packed, &names(&streams), &id).await;
    assert_eq!(read.faults, []);
    let forms = read.commits.iter().map(|commit| commit.form);
    assert!(forms.eq([Form::Json, Form::MessagePack].into_iter().cycle().take(6)));
    let first = read
        .commits
        .iter()
        .filter(|commit| commit.link == Link::First);
    assert!(first.map(|commit| commit.sequence).eq([1]));
}
