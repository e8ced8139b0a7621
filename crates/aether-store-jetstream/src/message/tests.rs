//! The bytes of messages: what is written, what is read back, and what is refused.

use std::path::PathBuf;

use aether_core::{CommandId, EventDraft, Timestamp};

use super::*;

const FORMS: [(WireForm, &str); 2] = [(WireForm::MessagePack, "msgpack"), (WireForm::Json, "json")];

fn actor() -> ActorId {
    ActorId::new("order-12.3 🦀").unwrap()
}

fn draft(number: u32) -> EventDraft {
    let nanos = 1_700_000_000_123_456_789 + i64::from(number);
    EventDraft::new(&actor(), "OrderPlaced", &("book", number))
        .unwrap()
        .id(EventId::new(format!("01ARZ3NDEKTSV4RRFFQ69G5FA{number}")).unwrap())
        .timestamp(Timestamp::from_unix_nanos(nanos))
}

/// Two events with a gap between their versions; the first has all that an event can have.
fn events() -> [Event; 2] {
    let full = draft(1)
        .command(CommandId::new("place/1").unwrap())
        .metadata("userId", "ada")
        .unwrap();
    [
        full.at(41.into()).unwrap(),
        draft(2).at(Version::new(1 << 40).unwrap()).unwrap(),
    ]
}

fn snapshot() -> ActorSnapshot {
    let clock = aether_core::FixedClock::new(Timestamp::from_unix_nanos(1_700_000_000_000_000_000));
    let position = Incarnation(1_800_000_000_000_000_000).position(7, 1, &events()[1]);
    ActorSnapshot::with_clock(&clock, &actor(), Version::from(42), &("shipped", 3))
        .unwrap()
        .at_position(position)
}

fn commit(form: WireForm) -> Outgoing {
    let save_id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let message = Outgoing::commit("orders=eu", &events(), form, save_id).unwrap();
    message.expecting(6)
}

fn snapshot_message(form: WireForm) -> Outgoing {
    let stream = "orders=eu=~snapshots";
    Outgoing::snapshot(stream, &snapshot(), form)
        .unwrap()
        .expecting(0)
}

/// As it goes over the wire, but for the order of the headers, which is free: here by name.
fn wire(message: &Outgoing) -> Vec<u8> {
    let mut lines: Vec<String> = message
        .headers
        .iter()
        .flat_map(|(name, values)| {
            values
                .iter()
                .map(move |value| format!("{name}: {value}\r\n"))
        })
        .collect();
    lines.sort();
    let block = format!("NATS/1.0\r\n{}\r\n", lines.concat());
    [block.as_bytes(), &message.body].concat()
}

/// What was on the wire, as it would be read back.
fn stored(wire: &[u8]) -> Stored {
    let end = wire.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
    let mut headers = HeaderMap::new();
    for line in std::str::from_utf8(&wire[..end]).unwrap().lines().skip(1) {
        if let Some((name, value)) = line.split_once(": ") {
            headers.insert(name.parse::<async_nats::HeaderName>().unwrap(), value);
        }
    }
    Stored {
        sequence: 7,
        headers,
        body: Bytes::copy_from_slice(&wire[end..]),
    }
}

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

#[test]
fn messages_are_these_bytes() {
    for (form, suffix) in FORMS {
        for (name, message) in [
            ("commit", commit(form)),
            ("snapshot", snapshot_message(form)),
        ] {
            let bytes = wire(&message);
            assert_eq!(message.wire_bytes(), bytes.len(), "{name}, {suffix}");
            let golden = golden(&format!("{name}-1.{suffix}.bin"));
            // For a new format version; a golden file that was released never changes.
            if std::env::var_os("AETHER_BLESS").is_some() {
                std::fs::write(&golden, &bytes).unwrap();
            }
            let golden = std::fs::read(golden).unwrap();
            assert_eq!(
                bytes.escape_ascii().to_string(),
                golden.escape_ascii().to_string()
            );
        }
    }
}

#[test]
fn these_bytes_are_read_back() {
    for (form, suffix) in FORMS {
        let read =
            |name| stored(&std::fs::read(golden(&format!("{name}-1.{suffix}.bin"))).unwrap());
        let message = read("commit");
        let span = message.span().unwrap();
        assert_eq!(
            (span.form, span.first, span.last.get()),
            (form, 41.into(), 1 << 40)
        );
        assert_eq!(message.save_id(), Some("01ARZ3NDEKTSV4RRFFQ69G5FAV"));
        let commit = message.commit(&actor()).unwrap();
        assert_eq!(commit.events[..], events());
        assert_eq!((commit.first(), commit.last()), (span.first, span.last));

        let message = read("snapshot");
        assert_eq!(message.snapshot(&actor()).unwrap(), snapshot());
    }
}

#[test]
fn what_is_for_another_actor_or_says_other_versions_is_refused() {
    let other = ActorId::new("order-2").unwrap();
    let with = |name: &'static str, value: &str, message: &Outgoing| {
        let mut message = stored(&wire(message));
        message.headers.insert(name, value);
        message
    };
    for (form, _) in FORMS {
        let (commit, snapshot) = (commit(form), snapshot_message(form));
        let read = stored(&wire(&commit));
        assert!(read.commit(&other).unwrap_err().contains("order-12.3"));
        let read = stored(&wire(&snapshot));
        assert!(read.snapshot(&other).unwrap_err().contains("order-12.3"));
        for (name, value) in [
            (FIRST_VERSION, "40"),
            (FIRST_VERSION, "0"),
            (FIRST_VERSION, "+41"),
            (LAST_VERSION, "41"),
            (LAST_VERSION, "40"),
            (LAST_VERSION, "9223372036854775808"),
            (FORMAT_HEADER, "2"),
            (CONTENT_TYPE, "application/msgpack; charset=utf-8"),
        ] {
            let message = with(name, value, &commit);
            assert!(message.commit(&actor()).is_err(), "{name}: {value}");
        }
        assert!(
            with(SNAPSHOT_VERSION, "41", &snapshot)
                .snapshot(&actor())
                .is_err()
        );
    }
}

#[test]
fn a_message_of_one_form_is_not_read_as_the_other() {
    let mut message = stored(&wire(&commit(WireForm::Json)));
    message
        .headers
        .insert(CONTENT_TYPE, WireForm::MessagePack.media_type());
    assert!(message.commit(&actor()).is_err());
}

#[test]
fn what_is_too_large_says_both_sizes() {
    let message = commit(WireForm::MessagePack);
    let bytes = message.wire_bytes();
    assert!(message.check_size("the commit", bytes).is_ok());
    let error = message.check_size("the commit", bytes - 1).unwrap_err();
    let StoreError::TooLarge {
        bytes: said, max, ..
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!((said, max), (bytes, bytes - 1));
}

#[test]
fn a_position_has_the_fingerprint_of_the_wire_format() {
    // printf 01ARZ3NDEKTSV4RRFFQ69G5FA1 | sha256sum
    let position = Incarnation(9).position(7, 0, &events()[0]);
    assert_eq!(
        position,
        Position::new(9, 7, 0).with_fingerprint(FINGERPRINT)
    );
    assert_eq!(Incarnation(9).last_position(7, &events()).index(), 1);
}

const FINGERPRINT: u64 = 0x0c47_7974_6e87_72d7;
