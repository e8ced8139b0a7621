//! The wire forms of format version 1, byte for byte.
//!
//! Each file in `tests/golden/v1` is one value in one form. Writing the value must give exactly
//! the file's bytes, and reading the bytes must give the value: both, because a release reads
//! what every earlier one wrote. A file that is missing fails its test.
//!
//! After a *new* value or format version was added here, `AETHER_GOLDEN=write` writes the files:
//!
//! ```text
//! AETHER_GOLDEN=write cargo test -p aether-core --test golden
//! ```
//!
//! (the test that counts the files may need a second run). The `go_*.json` are written by hand,
//! as the Go library would.
//!
//! A file of a format version that was released never changes; where it would, the version must.

#![allow(clippy::unwrap_used, reason = "a test that panics says where")]

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::path::PathBuf;

use aether_core::{
    ActorId, ActorSnapshot, CommandId, Event, EventDraft, EventId, EventStored, FixedClock,
    Metadata, Payload, Position, Timestamp, Version, WireForm,
};
use serde::{Deserialize, Serialize};

/// Every file that a test here reads; `no_golden_file_is_left_unread` keeps it complete.
const FILES: [&str; 18] = [
    "commit.json",
    "commit.msgpack",
    "event.json",
    "event.msgpack",
    "event_minimal.json",
    "event_minimal.msgpack",
    "event_stored.json",
    "event_stored.msgpack",
    "event_stored_without_position.json",
    "event_stored_without_position.msgpack",
    "go_event.json",
    "go_event_minimal.json",
    "go_history.json",
    "position.txt",
    "snapshot.json",
    "snapshot.msgpack",
    "snapshot_with_position.json",
    "snapshot_with_position.msgpack",
];

fn path(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/v1")
        .join(file)
}

/// A golden file's bytes.
fn golden(file: &str) -> Vec<u8> {
    assert!(
        FILES.contains(&file),
        "{file} is not in the list of golden files"
    );
    std::fs::read(path(file)).unwrap_or_else(|error| panic!("golden file {file}: {error}"))
}

/// Writes the value, compares with the file, reads the file, compares with the value.
fn holds<T: PartialEq + Debug>(
    file: &str,
    value: &T,
    write: impl Fn(&T) -> Vec<u8>,
    read: impl Fn(&[u8]) -> T,
) {
    let written = write(value);
    if std::env::var("AETHER_GOLDEN").is_ok_and(|mode| mode == "write") {
        std::fs::write(path(file), &written).unwrap();
    }
    let expected = golden(file);
    assert!(
        written == expected,
        "{file} would be written differently\n  golden: {}\n     now: {}",
        expected.escape_ascii(),
        written.escape_ascii(),
    );
    assert_eq!(read(&expected), *value, "{file} reads as something else");
}

/// Both forms of something that has `to_wire` and `from_wire`.
macro_rules! holds_in_both_forms {
    ($type:ident, $stem:literal, $value:expr) => {
        for (extension, form) in [("json", WireForm::Json), ("msgpack", WireForm::MessagePack)] {
            holds(
                &format!("{}.{extension}", $stem),
                &$value,
                |value| value.to_wire(form).unwrap(),
                |bytes| $type::from_wire(form, bytes).unwrap(),
            );
        }
    };
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderPlaced {
    item: String,
    quantity: u32,
    unit_price: f64,
    total_cents: i64,
    tags: Vec<String>,
    note: Option<String>,
    express: bool,
}

fn order() -> ActorId {
    ActorId::new("order-123").unwrap()
}

fn order_placed() -> OrderPlaced {
    OrderPlaced {
        item: "fish & chips \"to go\" <großer Teller> 🐟\n".into(),
        quantity: 3,
        unit_price: 12.25,
        total_cents: -3675,
        tags: vec!["a".into(), String::new()],
        note: None,
        express: true,
    }
}

fn clock(time: &str) -> FixedClock {
    FixedClock::new(time.parse().unwrap())
}

fn id(text: &str) -> EventId {
    EventId::new(text).unwrap()
}

/// An event with every part there.
fn event() -> Event {
    let clock = clock("2026-03-01T12:00:00.123456789Z");
    EventDraft::with_clock(&clock, &order(), "OrderPlaced", &order_placed())
        .unwrap()
        .id(id("01ARZ3NDEKTSV4RRFFQ69G5FAV"))
        .command(CommandId::new("place-order/7f3a").unwrap())
        .metadata(Metadata::USER_ID, "ada")
        .unwrap()
        .metadata(Metadata::CORRELATION_ID, "01ARZ3NDEKTSV4RRFFQ69G5FAV")
        .unwrap()
        .metadata("größe", "")
        .unwrap()
        .at(Version::from(7))
        .unwrap()
}

/// An event with nothing that can be left out.
fn minimal_event() -> Event {
    EventDraft::with_clock(&clock("1970-01-01T00:00:00Z"), &order(), "Touched", &())
        .unwrap()
        .id(id("e"))
        .at(Version::FIRST)
        .unwrap()
}

/// Three events with a gap between their versions, up to the last version there is, and with
/// the first and the last time there is.
fn commit() -> [Event; 3] {
    let first = minimal_event()
        .to_draft()
        .timestamp(Timestamp::from_unix_nanos(i64::MIN));
    let last = minimal_event()
        .to_draft()
        .id(id("evt_1N2b3c"))
        .data(Payload::encode(&[u64::MAX, 0]).unwrap())
        .timestamp(Timestamp::from_unix_nanos(i64::MAX));
    [
        first.at(Version::FIRST).unwrap(),
        event(),
        last.at(Version::MAX).unwrap(),
    ]
}

fn position() -> Position {
    Position::new(0x1f2e_3d4c, 42, 1).with_fingerprint(0xfeed_beef)
}

fn snapshot() -> ActorSnapshot {
    let clock = clock("2026-03-01T12:00:00.5Z");
    ActorSnapshot::with_clock(&clock, &order(), Version::from(7), &order_placed()).unwrap()
}

/// A notice has an id of its own each time; its data is what is fixed.
fn event_stored(position: Option<Position>) -> EventStored {
    let clock = clock("2026-03-01T12:00:01.999Z");
    EventStored::notice(&clock, &event(), position)
        .unwrap()
        .decode()
        .unwrap()
}

#[test]
fn an_event_is_written_and_read_as_ever() {
    holds_in_both_forms!(Event, "event", event());
    assert_eq!(event().decode::<OrderPlaced>().unwrap(), order_placed());
}

#[test]
fn an_event_without_command_metadata_and_data_is_written_and_read_as_ever() {
    holds_in_both_forms!(Event, "event_minimal", minimal_event());
}

#[test]
fn a_commit_of_three_events_is_written_and_read_as_ever() {
    for (file, form) in [
        ("commit.json", WireForm::Json),
        ("commit.msgpack", WireForm::MessagePack),
    ] {
        holds(
            file,
            &commit().to_vec(),
            |events| form.encode_commit(events).unwrap(),
            |bytes| form.decode_commit(bytes).unwrap(),
        );
    }
}

#[test]
fn a_snapshot_is_written_and_read_as_ever() {
    holds_in_both_forms!(ActorSnapshot, "snapshot", snapshot());
    holds_in_both_forms!(
        ActorSnapshot,
        "snapshot_with_position",
        snapshot().at_position(position())
    );
}

#[test]
fn the_data_of_the_notice_of_a_stored_event_is_written_and_read_as_ever() {
    for (stem, position) in [
        ("event_stored", Some(position())),
        ("event_stored_without_position", None),
    ] {
        let stored = event_stored(position);
        holds(
            &format!("{stem}.msgpack"),
            &stored,
            |stored| Payload::encode(stored).unwrap().as_msgpack().to_vec(),
            |bytes| {
                let payload = Payload::from_msgpack(bytes.to_vec()).unwrap();
                payload.decode().unwrap()
            },
        );
        holds(
            &format!("{stem}.json"),
            &stored,
            |stored| {
                Payload::encode(stored)
                    .unwrap()
                    .to_json()
                    .unwrap()
                    .into_bytes()
            },
            |bytes| serde_json::from_slice(bytes).unwrap(),
        );
    }
}

#[test]
fn a_position_is_written_and_read_as_ever() {
    let written = |position: &Position| position.to_string().into_bytes();
    let read = |bytes: &[u8]| std::str::from_utf8(bytes).unwrap().parse().unwrap();
    holds("position.txt", &position(), written, read);
}

/// The Go library's `json.Marshal` of an event: `<`, `>` and `&` escaped, a time with an offset,
/// and here a field that this release does not know.
#[test]
fn an_event_that_the_go_library_wrote_is_read() {
    let event = Event::from_wire(WireForm::Json, &golden("go_event.json")).unwrap();
    assert_eq!(*event.id(), "5b0c2b7e-8a3e-4f7c-9d58-0f7f3a1c2d4e");
    assert_eq!(*event.event_type(), "OrderPlaced");
    assert_eq!(*event.actor_id(), "order-123");
    assert_eq!(event.command_id().map(CommandId::as_str), Some("cmd-1"));
    assert_eq!(event.version(), Version::from(7));
    assert_eq!(
        event.data().to_json().unwrap(),
        r#"{"customer":{"name":"Ada <ada@example.org> & sons"},"express":true,"lines":[{"item":"book","price":19.99,"quantity":3}],"note":null,"total":59.97}"#
    );
    let metadata: Vec<_> = event.metadata().iter().collect();
    assert_eq!(
        metadata,
        [
            ("correlationId", "c-1"),
            ("traceId", "4bf92f3577b34da6a3ce929d0e0e4736")
        ]
    );
    assert_eq!(
        event.timestamp().to_string(),
        "2026-03-01T11:00:00.123456789Z",
        "the offset of two hours is taken off"
    );
}

#[test]
fn an_event_that_the_go_library_wrote_with_nothing_optional_is_read() {
    let event = Event::from_wire(WireForm::Json, &golden("go_event_minimal.json")).unwrap();
    assert_eq!(event.command_id(), None);
    assert!(event.metadata().is_empty());
    assert_eq!(*event.data(), Payload::NIL);
    assert_eq!(event.version(), Version::MAX);
    assert_eq!(event.timestamp(), "2026-03-01T00:00:00Z".parse().unwrap());
}

#[test]
fn a_history_that_the_go_library_wrote_is_read_as_a_commit() {
    let events = WireForm::Json
        .decode_commit(&golden("go_history.json"))
        .unwrap();
    let versions: Vec<u64> = events.iter().map(|event| event.version().get()).collect();
    assert_eq!(versions, [1, 2, 4]);
    assert!(events.iter().all(|event| *event.actor_id() == "order-123"));
}

#[test]
fn every_golden_message_pack_form_begins_with_the_format_version() {
    for file in FILES.iter().filter(|file| file.ends_with(".msgpack")) {
        if !file.starts_with("event_stored") {
            let bytes = golden(file);
            let array = bytes[0];
            assert_eq!(array & 0xf0, 0x90, "{file} is no short array");
            assert_eq!(bytes[1], WireForm::FORMAT, "{file}");
        }
    }
}

#[test]
fn no_golden_file_is_left_unread() {
    let there: BTreeSet<String> = std::fs::read_dir(path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let listed: BTreeSet<String> = FILES.iter().map(|file| String::from(*file)).collect();
    assert_eq!(there, listed);
}
