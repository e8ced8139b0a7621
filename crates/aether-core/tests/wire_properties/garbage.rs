//! Bytes that are no values: reading them is an error, never a panic.

use aether_core::{
    ActorId, ActorSnapshot, Event, EventStored, Metadata, Payload, Position, Timestamp, Version,
    WireError, WireForm,
};
use proptest::collection::vec;
use proptest::prelude::*;
use serde::Deserialize;

use crate::cases;
use crate::values::{Data, any_data, commit, event, json_data, snapshot};

const FORMS: [WireForm; 2] = [WireForm::MessagePack, WireForm::Json];

/// Either is right; an error has a text.
fn works_or_says_why_not<T, E: std::error::Error>(outcome: Result<T, E>) {
    if let Err(error) = outcome {
        assert!(!error.to_string().is_empty());
    }
}

/// Reads the bytes as everything there is. Whatever reads must be a value: it writes again in
/// the same form, and reads again as itself.
fn read_as_everything(bytes: &[u8]) {
    for form in FORMS {
        if let Ok(event) = Event::from_wire(form, bytes) {
            let again = event.to_wire(form).unwrap();
            assert_eq!(Event::from_wire(form, &again).unwrap(), event);
            works_or_says_why_not(event.to_wire(WireForm::Json));
            assert!(!format!("{event:?}").is_empty());
        }
        if let Ok(snapshot) = ActorSnapshot::from_wire(form, bytes) {
            let again = snapshot.to_wire(form).unwrap();
            assert_eq!(ActorSnapshot::from_wire(form, &again).unwrap(), snapshot);
        }
        if let Ok(events) = form.decode_commit(bytes) {
            let again = form.encode_commit(&events).unwrap();
            assert_eq!(form.decode_commit(&again).unwrap(), events);
        }
    }
    if let Ok(payload) = Payload::from_msgpack(bytes.to_vec()) {
        assert_eq!(payload.as_msgpack(), bytes);
        assert!(!format!("{payload:?}").is_empty());
        read_as_some_types(&payload);
        if let Ok(json) = payload.to_json() {
            // The same data, though its numbers may be written shorter now.
            let again = Payload::from_json(&json).unwrap();
            assert_eq!(again.to_json().unwrap(), json);
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Ok(payload) = Payload::from_json(text) {
            let json = payload.to_json().unwrap();
            assert_eq!(Payload::from_json(&json).unwrap(), payload);
        }
        if let Ok(position) = text.parse::<Position>() {
            assert_eq!(position.to_string().parse::<Position>().unwrap(), position);
        }
        if let Ok(time) = text.parse::<Timestamp>() {
            assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time);
        }
    }
    // The form for people in MessagePack, whose own bound on the depth is 1,024 levels.
    let mut source = rmp_serde::Deserializer::from_read_ref(bytes).with_human_readable();
    works_or_says_why_not(Payload::deserialize(&mut source));
    // What is passed over as unknown goes as deep as the reader lets it, which is not ours to say.
    let mut source = rmp_serde::Deserializer::from_read_ref(bytes).with_human_readable();
    source.set_max_depth(128);
    works_or_says_why_not(Event::deserialize(&mut source));
}

fn read_as_some_types(payload: &Payload) {
    works_or_says_why_not(payload.decode::<serde_json::Value>());
    works_or_says_why_not(payload.decode::<EventStored>());
    works_or_says_why_not(payload.decode::<Vec<&str>>());
    works_or_says_why_not(payload.decode::<(u8, f32, Option<bool>)>());
    works_or_says_why_not(payload.decode::<(ActorId, Version, Metadata)>());
}

/// Every value in every form that has one, with its reader: gives whether the bytes read.
type Reads = fn(WireForm, &[u8]) -> bool;

fn encodings(
    event: &Event,
    snapshot: &ActorSnapshot,
    events: &[Event],
) -> Vec<(WireForm, Vec<u8>, Reads)> {
    let mut all: Vec<(WireForm, Vec<u8>, Reads)> = Vec::new();
    for form in FORMS {
        all.push((form, event.to_wire(form).unwrap(), |form, bytes| {
            Event::from_wire(form, bytes).is_ok()
        }));
        all.push((form, snapshot.to_wire(form).unwrap(), |form, bytes| {
            ActorSnapshot::from_wire(form, bytes).is_ok()
        }));
        all.push((form, form.encode_commit(events).unwrap(), |form, bytes| {
            form.decode_commit(bytes).is_ok()
        }));
    }
    all
}

/// What valid bytes begin with.
const BEGINNINGS: [&[u8]; 6] = [
    &[0x99, 1, 0xa1, b'e', 0xa1, b't', 0xa1, b'a'],
    &[0x99, 1],
    &[0x96, 1, 0xa1, b'a', 1],
    &[0x93, 1, 0xa1, b'a', 0x91, 0x97],
    b"{\"id\":\"e\",\"data\":",
    b"[{\"actorId\":",
];

/// What JSON text is made of, the awkward parts included.
const TOKENS: [&str; 23] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\"id\"",
    "\"data\"",
    "\"version\"",
    "\\u0000",
    "\\ud800",
    "null",
    "true",
    "-",
    "0",
    "1e999",
    "-0",
    "0.1",
    "18446744073709551616",
    " ",
    "é",
    "\u{0}",
];

proptest! {
    #![proptest_config(cases(2048))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..200)) {
        read_as_everything(&bytes);
    }

    #[test]
    fn arbitrary_bytes_after_a_right_beginning_never_panic(
        head in proptest::sample::select(&BEGINNINGS[..]),
        tail in vec(any::<u8>(), 0..100),
    ) {
        read_as_everything(&[head, &tail].concat());
    }

    #[test]
    fn arbitrary_json_text_never_panics(
        tokens in vec(proptest::sample::select(&TOKENS[..]), 0..30),
    ) {
        read_as_everything(tokens.concat().as_bytes());
    }
}

proptest! {
    #![proptest_config(cases(16))]

    #[test]
    fn a_value_cut_short_anywhere_is_an_error(
        event in event(json_data()),
        snapshot in snapshot(json_data()),
        events in commit(json_data()),
    ) {
        // Of a long commit, the first events are enough.
        let events = &events[..events.len().min(2)];
        for (form, bytes, reads) in encodings(&event, &snapshot, events) {
            // Everywhere; of long values only every seventh length, which takes long enough.
            let step = if bytes.len() < 600 { 1 } else { 7 };
            for length in (0..bytes.len()).rev().step_by(step) {
                prop_assert!(!reads(form, &bytes[..length]), "{:?}, {} bytes", form, length);
            }
        }
    }

    #[test]
    fn a_value_with_some_bytes_changed_is_an_error_or_a_value(
        event in event(json_data()),
        snapshot in snapshot(json_data()),
        events in commit(json_data()),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 16),
    ) {
        for (_, bytes, _) in encodings(&event, &snapshot, &events) {
            for (at, byte) in &changes {
                let mut changed = bytes.clone();
                changed[at.index(bytes.len())] = *byte;
                read_as_everything(&changed);
            }
        }
    }

    #[test]
    fn a_value_with_more_bytes_after_it_is_an_error(
        event in event(json_data()),
        snapshot in snapshot(json_data()),
        events in commit(json_data()),
        more in vec(any::<u8>(), 1..20),
    ) {
        for (form, bytes, reads) in encodings(&event, &snapshot, &events) {
            let with_more = [&bytes[..], &more].concat();
            let only_space = more.iter().all(u8::is_ascii_whitespace);
            prop_assert_eq!(reads(form, &with_more), form == WireForm::Json && only_space);
        }
        let error = Event::from_wire(
            WireForm::MessagePack,
            &[&event.to_wire(WireForm::MessagePack).unwrap()[..], &more].concat(),
        );
        let counted = matches!(error, Err(WireError::TrailingBytes { count }) if count == more.len());
        prop_assert!(counted, "expected {} bytes too many", more.len());
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn a_payload_cut_short_anywhere_is_an_error(data in any_data()) {
        let bytes = data.msgpack();
        for length in 0..bytes.len() {
            prop_assert!(Payload::from_msgpack(bytes[..length].to_vec()).is_err(), "{length}");
        }
        prop_assert!(Payload::from_msgpack([bytes, vec![0xc0]].concat()).is_err());
    }

    #[test]
    fn a_payload_with_a_byte_changed_is_an_error_or_a_value(
        data in any_data(),
        at: prop::sample::Index,
        byte: u8,
    ) {
        let mut bytes = data.msgpack();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        read_as_everything(&bytes);
    }
}

/// A short event with every part there, for the tests that try everything.
fn short_event() -> Event {
    let row = Data::Array(vec![
        Data::Unsigned(1),
        Data::Text("id".into()),
        Data::Text("T".into()),
        Data::Text("a-1".into()),
        Data::Text("c".into()),
        Data::Unsigned(300),
        Data::Binary(Data::Map(vec![(Data::Text("k".into()), Data::Float(0.5))]).msgpack()),
        Data::Map(vec![(Data::Text("m".into()), Data::Text("v".into()))]),
        Data::Unsigned(1_700_000_000_123_456_789),
    ]);
    Event::from_wire(WireForm::MessagePack, &row.msgpack()).unwrap()
}

#[test]
fn a_short_event_cut_short_anywhere_is_an_error() {
    let event = short_event();
    for form in FORMS {
        let bytes = event.to_wire(form).unwrap();
        for length in 0..bytes.len() {
            assert!(
                Event::from_wire(form, &bytes[..length]).is_err(),
                "{form:?}, {length} bytes"
            );
        }
    }
}

#[test]
fn every_single_byte_of_an_event_changed_to_every_other_is_an_error_or_a_value() {
    let event = short_event();
    for form in FORMS {
        for bytes in [
            event.to_wire(form).unwrap(),
            form.encode_commit(std::slice::from_ref(&event)).unwrap(),
        ] {
            for at in 0..bytes.len() {
                for byte in 0..=u8::MAX {
                    let mut changed = bytes.clone();
                    changed[at] = byte;
                    match (
                        Event::from_wire(form, &changed),
                        form.decode_commit(&changed),
                    ) {
                        (Ok(event), _) => drop(event.to_wire(form).unwrap()),
                        (_, Ok(events)) => drop(form.encode_commit(&events).unwrap()),
                        (Err(one), Err(other)) => {
                            assert!(!one.to_string().is_empty() && !other.to_string().is_empty());
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn nesting_bombs_are_errors_and_exhaust_no_stack() {
    const LEVELS: usize = 50_000;
    let markers: [&[u8]; 6] = [
        &[0x91],
        &[0x81, 0xa1, b'k'],
        &[0x81, 0x80],
        &[0xdc, 0, 1],
        &[0xdd, 0, 0, 0, 1],
        &[0xde, 0, 1, 0xc0],
    ];
    for marker in markers {
        // Closed and cut short, alone and where an event has its data.
        for end in [&[0xc0][..], &[]] {
            let bomb = [&marker.repeat(LEVELS)[..], end].concat();
            assert!(Payload::from_msgpack(bomb.clone()).is_err());
            read_as_everything(&bomb);
            let event = [
                &[0x99, 1, 0xa1, b'e', 0xa1, b't', 0xa1, b'a', 0xc0, 1][..],
                &bomb,
            ]
            .concat();
            read_as_everything(&event);
            assert!(Event::from_wire(WireForm::MessagePack, &event).is_err());
        }
    }
    for bomb in ["[", "{\"k\":", "[[],", "{\"a\":{},\"b\":"] {
        let bomb = bomb.repeat(LEVELS);
        for head in [
            "",
            "{\"data\":",
            "{\"unknown\":",
            "{\"metadata\":",
            "{\"id\":\"e\",\"version\":",
            "[{\"state\":",
            "[{\"data\":",
        ] {
            let text = format!("{head}{bomb}");
            assert!(Payload::from_json(&text).is_err());
            read_as_everything(text.as_bytes());
        }
    }
}

#[test]
fn json_text_within_the_bound_of_depth_reads_and_one_level_more_does_not() {
    let json = |levels: usize| format!("{}0{}", "[".repeat(levels), "]".repeat(levels));
    assert!(Payload::from_json(&json(Payload::DEPTH_MAX)).is_ok());
    assert!(matches!(
        Payload::from_json(&json(Payload::DEPTH_MAX + 1)),
        Err(aether_core::PayloadError::TooDeep)
    ));
    let event = |data: &str| {
        format!(
            r#"{{"id":"e","eventType":"t","actorId":"a","version":1,"data":{data},"timestamp":"2026-03-01T12:00:00Z"}}"#
        )
    };
    let read = |text: String| Event::from_wire(WireForm::Json, text.as_bytes());
    assert!(read(event(&json(Payload::DEPTH_MAX))).is_ok());
    let error = read(event(&json(Payload::DEPTH_MAX + 1))).unwrap_err();
    assert!(
        error.to_string().contains("deeper than 100 levels"),
        "{error}"
    );
}
