//! The bytes of messages: what is written, what is read back, and what is refused.

use std::path::PathBuf;

use aether_core::{CommandId, EventDraft, Timestamp};

use super::*;
use crate::chain::Predecessor;

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
    commit_and_digest(form).0
}

fn commit_and_digest(form: WireForm) -> (Outgoing, Digest) {
    let save_id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let headers = CommitHeaders::new("orders=eu", form);
    Outgoing::commit(&headers, &events(), 1_000, save_id, &link()).unwrap()
}

fn link() -> Link {
    Link::After(Predecessor {
        version: 39.into(),
        digest: Digest::over(std::iter::empty(), b"the commit before"),
        sequences: vec![1_000, 999, 6],
    })
}

#[test]
fn the_trace_is_in_the_headers_and_counts_for_the_size_and_not_for_the_digest() {
    let plain = commit(WireForm::Json);
    let context = TraceContext::new(1, 2, 1).unwrap();
    let parent = plain.clone().in_trace(Some(&context));
    let state = context.with_state("vendor=1").unwrap();
    let both = plain.clone().in_trace(Some(&state));
    let digest = |message: &Outgoing| Fields::of(&message.headers).digest(&message.body);
    assert_eq!(digest(&plain), digest(&parent));
    assert_eq!(digest(&plain), digest(&both));
    let line = |name: &str, value: usize| name.len() + ": ".len() + value + "\r\n".len();
    let (with_parent, with_both) = (line("traceparent", 55), line("tracestate", 8));
    assert_eq!(parent.wire_bytes(), plain.wire_bytes() + with_parent);
    assert_eq!(both.wire_bytes(), parent.wire_bytes() + with_both);
    let header = |name: &str| both.headers.get(name).unwrap().as_str();
    assert_eq!(header("tracestate"), "vendor=1");
    let expected = "00-00000000000000000000000000000001-0000000000000002-01";
    assert_eq!(header("traceparent"), expected);
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
            headers.insert(name.parse::<HeaderName>().unwrap(), value);
        }
    }
    Stored {
        subject: "orders=eu.events.order.x".into(),
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
        let read = |name| stored(&std::fs::read(golden(&format!("{name}.{suffix}.bin"))).unwrap());
        let message = read("commit-1");
        let span = message.span().unwrap();
        assert_eq!(
            (span.form, span.first, span.last.get()),
            (form, 41.into(), 1 << 40)
        );
        assert_eq!(message.save_id(), Some("01ARZ3NDEKTSV4RRFFQ69G5FAV"));
        let commit = message.commit(&actor()).unwrap();
        assert_eq!(commit.events[..], events());
        assert_eq!((commit.first(), commit.last()), (span.first, span.last));
        assert_eq!(commit.link, Some(link()));

        // As it was written before commits had links.
        let unlinked = read("commit-1-without-links");
        let unlinked = unlinked.commit(&actor());
        let unlinked = unlinked.unwrap();
        assert_eq!(unlinked.events, commit.events);
        assert_eq!(unlinked.link, None);

        let message = read("snapshot-1");
        assert_eq!(message.snapshot(&actor()).unwrap(), snapshot());
    }
}

#[test]
fn what_is_for_another_actor_or_says_other_versions_is_refused() {
    let other = ActorId::new("order-2").unwrap();
    let with = |name: &HeaderName, value: &str, message: &Outgoing| {
        let mut message = stored(&wire(message));
        message.headers.insert(name.clone(), value);
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
            (PREVIOUS_VERSION, "41"),
            (PREVIOUS_VERSION, "-1"),
            (PREVIOUS_DIGEST, ""),
            (PREVIOUS_DIGEST, "c29tZXRoaW5nIGVsc2U"),
            (PREDECESSORS, ""),
            (PREDECESSORS, "RS.1"),
            (PREDECESSORS, "1.rs"),
        ] {
            let message = with(&name, value, &commit);
            assert!(message.commit(&actor()).is_err(), "{name}: {value}");
        }
        assert!(
            with(&SNAPSHOT_VERSION, "41", &snapshot)
                .snapshot(&actor())
                .is_err()
        );
    }
}

/// A program may take the first of two, another the last.
#[test]
fn a_header_that_is_there_twice_is_refused() {
    let twice = |name: &HeaderName, message: &Outgoing| {
        let mut message = stored(&wire(message));
        let value = message.headers.get(name.clone()).unwrap().clone();
        message.headers.append(name.clone(), value);
        message
    };
    for (form, _) in FORMS {
        let (commit, snapshot) = (commit(form), snapshot_message(form));
        for name in &DIGESTED {
            let refused = twice(name, &commit).commit(&actor()).unwrap_err();
            assert_eq!(refused, format!("header {name} is there twice"));
        }
        assert!(twice(&LAST_VERSION, &commit).span().is_err());
        for name in [CONTENT_TYPE, FORMAT_HEADER, SNAPSHOT_VERSION] {
            assert!(twice(&name, &snapshot).snapshot(&actor()).is_err());
        }
        let message = twice(&SNAPSHOT_VERSION, &snapshot);
        assert_eq!(message.snapshot_version(), None);
    }
}

#[test]
fn a_digest_is_over_all_that_was_written_and_not_over_what_the_server_adds() {
    for (form, _) in FORMS {
        let (sent, digest) = commit_and_digest(form);
        let read = || stored(&wire(&sent));
        assert_eq!(read().digest(), digest);
        for name in DIGESTED {
            let mut changed = read();
            changed.headers.insert(name.clone(), "changed");
            assert_ne!(changed.digest(), digest, "{name}");
        }
        let mut changed = read();
        changed.body = Bytes::from_static(b"changed");
        assert_ne!(changed.digest(), digest);
        let mut with_more = read();
        for name in [
            HeaderName::from_static("Nats-Sequence"),
            NATS_EXPECTED_LAST_SUBJECT_SEQUENCE,
            TRACEPARENT,
        ] {
            with_more.headers.insert(name, "7");
        }
        assert_eq!(with_more.digest(), digest);
    }
}

#[test]
fn the_first_commit_says_that_it_is() {
    let link = Link::First;
    let headers = CommitHeaders::new("orders", WireForm::Json);
    let (message, digest) = Outgoing::commit(&headers, &events(), 0, "id", &link).unwrap();
    assert_eq!(message.headers.get(PREVIOUS_VERSION).unwrap().as_str(), "0");
    for name in [PREVIOUS_DIGEST, PREDECESSORS] {
        assert!(message.headers.get(name.clone()).is_none(), "{name}");
    }
    let read = stored(&wire(&message));
    assert_eq!(read.link().unwrap(), Some(Link::First));
    assert_eq!(read.digest(), digest);
}

#[test]
fn the_trace_of_an_event_is_passed_on_in_the_standard_header() {
    let traced = |trace: &str, span: &str| {
        let draft = draft(1).metadata("traceId", trace).unwrap();
        let event = draft.metadata("spanId", span).unwrap().at(41.into());
        let link = Link::First;
        let event = [event.unwrap()];
        let headers = CommitHeaders::new("orders", WireForm::Json);
        let commit = Outgoing::commit(&headers, &event, 0, "id", &link);
        commit.unwrap().0
    };
    let (trace, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let header = |message: &Outgoing| message.headers.get(TRACEPARENT).map(ToString::to_string);
    let expected = format!("00-{trace}-{span}-01");
    assert_eq!(header(&traced(trace, span)), Some(expected));
    for (trace, span) in [
        (&trace[1..], span),
        (trace, "0000000000000000"),
        ("4BF92F3577B34DA6A3CE929D0E0E4736", span),
        (trace, "my-span"),
    ] {
        assert_eq!(header(&traced(trace, span)), None, "{trace} {span}");
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

#[test]
fn each_digested_header_is_found_by_its_name() {
    for (field, name) in DIGESTED.iter().enumerate() {
        assert_eq!(Fields::field_of(name.as_ref()), Some(field), "{name}");
    }
    assert_eq!(Fields::field_of("content-type"), None);
    assert_eq!(Fields::field_of("traceparent"), None);
}
