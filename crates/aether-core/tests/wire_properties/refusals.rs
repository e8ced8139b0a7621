//! Bytes that are almost right: each is refused with an error that says what is wrong.

use aether_core::{
    ActorSnapshot, Commit, Event, EventDraft, EventId, InvalidCommit, InvalidEvent, Payload,
    Version, WireError, WireForm,
};

use crate::values::Data;

fn text(text: &str) -> Data {
    Data::Text(text.into())
}

/// The parts of an event in MessagePack.
fn event_row() -> Vec<Data> {
    vec![
        Data::Unsigned(1),
        text("e-1"),
        text("OrderPlaced"),
        text("order-123"),
        Data::Nil,
        Data::Unsigned(7),
        Data::Binary(vec![0xc0]),
        Data::Map(vec![]),
        Data::Unsigned(0),
    ]
}

fn snapshot_row() -> Vec<Data> {
    vec![
        Data::Unsigned(1),
        text("order-123"),
        Data::Unsigned(7),
        Data::Binary(vec![0xc0]),
        Data::Unsigned(0),
        Data::Nil,
    ]
}

fn read_event(row: &[Data]) -> Result<Event, WireError> {
    Event::from_wire(WireForm::MessagePack, &Data::Array(row.to_vec()).msgpack())
}

fn read_snapshot(row: &[Data]) -> Result<ActorSnapshot, WireError> {
    ActorSnapshot::from_wire(WireForm::MessagePack, &Data::Array(row.to_vec()).msgpack())
}

/// A commit of these rows: the parts of events without format and actor.
fn read_commit(actor: &str, rows: Vec<Vec<Data>>) -> Result<Vec<Event>, WireError> {
    let rows = rows.into_iter().map(Data::Array).collect();
    let commit = Data::Array(vec![Data::Unsigned(1), text(actor), Data::Array(rows)]);
    WireForm::MessagePack.decode_commit(&commit.msgpack())
}

fn commit_row(id: &str, version: u64) -> Vec<Data> {
    let mut row = event_row();
    row[1] = text(id);
    row[5] = Data::Unsigned(version);
    row.remove(3);
    row.remove(0);
    row
}

const EVENT: [(&str, &str); 8] = [
    ("id", r#""e-1""#),
    ("eventType", r#""OrderPlaced""#),
    ("actorId", r#""order-123""#),
    ("commandId", r#""c""#),
    ("version", "7"),
    ("data", "{}"),
    ("metadata", r#"{"k":"v"}"#),
    ("timestamp", r#""2026-03-01T12:00:00Z""#),
];

const SNAPSHOT: [(&str, &str); 5] = [
    ("actorId", r#""order-123""#),
    ("version", "7"),
    ("state", "{}"),
    ("timestamp", r#""2026-03-01T12:00:00Z""#),
    ("position", r#""p1-1-2-0-0""#),
];

fn object(entries: &[(&str, &str)]) -> String {
    let entries: Vec<String> = entries
        .iter()
        .map(|(name, value)| format!("{name:?}:{value}"))
        .collect();
    format!("{{{}}}", entries.join(","))
}

fn event_json(entries: &[(&str, &str)]) -> Result<Event, WireError> {
    Event::from_wire(WireForm::Json, object(entries).as_bytes())
}

fn snapshot_json(entries: &[(&str, &str)]) -> Result<ActorSnapshot, WireError> {
    ActorSnapshot::from_wire(WireForm::Json, object(entries).as_bytes())
}

#[test]
fn what_the_refusals_start_from_is_right() {
    read_event(&event_row()).unwrap();
    read_snapshot(&snapshot_row()).unwrap();
    read_commit("a", vec![commit_row("e-1", 1), commit_row("e-2", 2)]).unwrap();
    event_json(&EVENT).unwrap();
    snapshot_json(&SNAPSHOT).unwrap();
}

#[test]
fn a_format_version_that_is_not_known_is_named() {
    for found in [0, 2, 127, 128, 255, 256, 65_536, u64::MAX] {
        let number = || Data::Unsigned(found);
        let mut row = event_row();
        row[0] = number();
        let event = read_event(&row).unwrap_err();
        let mut row = snapshot_row();
        row[0] = number();
        let snapshot = read_snapshot(&row).unwrap_err();
        let commit = Data::Array(vec![number(), text("a"), Data::Array(vec![])]).msgpack();
        let commit = WireForm::MessagePack.decode_commit(&commit).unwrap_err();
        // Whatever a later version puts behind the number.
        let other = Data::Array(vec![number(), Data::Map(vec![])]).msgpack();
        let other = Event::from_wire(WireForm::MessagePack, &other).unwrap_err();
        for error in [event, snapshot, commit, other] {
            assert!(matches!(error, WireError::UnknownFormat { found: n } if n == found));
            assert_eq!(
                error.to_string(),
                format!("format version {found} is not known, only 1 is")
            );
        }
    }
    let mut row = event_row();
    row[0] = Data::Unsigned(2);
    let within =
        rmp_serde::from_slice::<Vec<Event>>(&Data::Array(vec![Data::Array(row)]).msgpack());
    let error = within.unwrap_err().to_string();
    assert!(error.contains("format version 2 is not known"), "{error}");
}

#[test]
fn a_format_version_that_is_no_number_is_refused() {
    for format in [
        Data::Nil,
        text("1"),
        Data::Signed(-1),
        Data::Float(1.0),
        Data::Array(vec![]),
    ] {
        let mut row = event_row();
        row[0] = format;
        assert!(
            matches!(read_event(&row), Err(WireError::MessagePack(_))),
            "{row:?}"
        );
    }
}

#[test]
fn each_part_of_another_type_is_refused() {
    let others = [
        Data::Nil,
        Data::Bool(true),
        Data::Unsigned(1),
        Data::Signed(-1),
        Data::Float(1.0),
        text("x"),
        Data::Binary(vec![b'x']),
        Data::Extension(1, vec![b'x']),
        Data::Array(vec![text("x")]),
        // The bytes of a nil, one by one.
        Data::Array(vec![Data::Unsigned(0xc0)]),
        Data::Map(vec![(Data::Unsigned(1), text("x"))]),
        Data::Map(vec![(text("x"), Data::Unsigned(1))]),
        Data::Map(vec![(Data::Binary(vec![b'x']), text("x"))]),
        Data::Map(vec![(text("x"), Data::Binary(vec![b'x']))]),
    ];
    // By place: which of these are right there.
    let is_text = |data: &Data| matches!(data, Data::Text(_));
    let number = |data: &Data| matches!(data, Data::Unsigned(_));
    let binary = |data: &Data| matches!(data, Data::Binary(_));
    let right_in_event: [&dyn Fn(&Data) -> bool; 9] = [
        &number,
        &is_text,
        &is_text,
        &is_text,
        &|data| is_text(data) || *data == Data::Nil,
        &number,
        &binary,
        &|_| false,
        &|data| number(data) || matches!(data, Data::Signed(_)),
    ];
    for (place, right) in right_in_event.iter().enumerate() {
        for other in &others {
            let mut row = event_row();
            row[place] = other.clone();
            assert_eq!(read_event(&row).is_ok(), right(other), "{place}: {other:?}");
        }
    }
    let right_in_snapshot: [&dyn Fn(&Data) -> bool; 6] = [
        &number,
        &is_text,
        &number,
        &binary,
        &|data| number(data) || matches!(data, Data::Signed(_)),
        &|data| *data == Data::Nil,
    ];
    for (place, right) in right_in_snapshot.iter().enumerate() {
        for other in &others {
            let mut row = snapshot_row();
            row[place] = other.clone();
            assert_eq!(
                read_snapshot(&row).is_ok(),
                right(other),
                "{place}: {other:?}"
            );
        }
    }
}

#[test]
fn each_json_member_of_another_type_is_refused() {
    let others = [
        "null",
        "true",
        "1",
        "-1",
        "1.5",
        r#""x""#,
        r#"["x"]"#,
        r#"{"x":1}"#,
    ];
    for (place, (name, _)) in EVENT.iter().enumerate() {
        for other in others {
            let mut entries = EVENT;
            entries[place].1 = other;
            let right = match *name {
                "id" | "eventType" | "actorId" => other == r#""x""#,
                "commandId" => other == r#""x""# || other == "null",
                "version" => other == "1",
                "data" => true,
                _ => false,
            };
            assert_eq!(event_json(&entries).is_ok(), right, "{name}: {other}");
        }
    }
    for (place, (name, _)) in SNAPSHOT.iter().enumerate() {
        for other in others {
            let mut entries = SNAPSHOT;
            entries[place].1 = other;
            let right = match *name {
                "actorId" => other == r#""x""#,
                "version" => other == "1",
                "state" => true,
                "position" => other == "null",
                _ => false,
            };
            assert_eq!(snapshot_json(&entries).is_ok(), right, "{name}: {other}");
        }
    }
}

#[test]
fn a_part_more_or_less_is_refused() {
    for (row, read) in [
        (
            event_row(),
            (|row| read_event(row).is_ok()) as fn(&[Data]) -> bool,
        ),
        (snapshot_row(), |row| read_snapshot(row).is_ok()),
        (commit_row("e", 1), |row| {
            read_commit("a", vec![row.to_vec()]).is_ok()
        }),
    ] {
        assert!(read(&row));
        for length in 0..row.len() {
            assert!(!read(&row[..length]), "{length} parts");
        }
        assert!(!read(&[row, vec![Data::Nil]].concat()), "one part more");
    }
}

#[test]
fn a_json_member_may_be_missing_only_where_it_says_so() {
    for left_out in 0..EVENT.len() {
        let mut entries = EVENT.to_vec();
        let (name, _) = entries.remove(left_out);
        let optional = ["commandId", "data", "metadata"].contains(&name);
        assert_eq!(event_json(&entries).is_ok(), optional, "{name}");
    }
    for left_out in 0..SNAPSHOT.len() {
        let mut entries = SNAPSHOT.to_vec();
        let (name, _) = entries.remove(left_out);
        let optional = ["state", "position"].contains(&name);
        assert_eq!(snapshot_json(&entries).is_ok(), optional, "{name}");
    }
}

#[test]
fn json_values_without_their_names_are_refused() {
    let values = |entries: &[(&str, &str)]| {
        let values: Vec<&str> = entries.iter().map(|(_, value)| *value).collect();
        format!("[{}]", values.join(","))
    };
    let event = values(&EVENT);
    assert!(Event::from_wire(WireForm::Json, event.as_bytes()).is_err());
    let commit = format!("[{event}]");
    assert!(WireForm::Json.decode_commit(commit.as_bytes()).is_err());
    let snapshot = values(&SNAPSHOT);
    assert!(ActorSnapshot::from_wire(WireForm::Json, snapshot.as_bytes()).is_err());
}

#[test]
fn json_members_come_in_any_order_and_unknown_ones_are_passed_over() {
    let reference = event_json(&EVENT).unwrap();
    let mut entries = EVENT.to_vec();
    entries.reverse();
    entries.insert(3, ("unknown", r#"{"deep":[1,{"id":null}]}"#));
    entries.push(("Id", "7"));
    assert_eq!(event_json(&entries).unwrap(), reference);
}

#[test]
fn a_json_member_given_twice_is_refused() {
    for (name, value) in EVENT {
        let entries = [&EVENT[..], &[(name, value)]].concat();
        let error = event_json(&entries).unwrap_err().to_string();
        assert!(
            error.contains(&format!("duplicate field `{name}`")),
            "{error}"
        );
    }
    for (name, value) in SNAPSHOT {
        let entries = [&SNAPSHOT[..], &[(name, value)]].concat();
        assert!(snapshot_json(&entries).is_err(), "{name}");
    }
}

#[test]
fn a_metadata_key_given_twice_is_refused_in_both_forms() {
    let mut entries = EVENT;
    entries[6].1 = r#"{"k":"1","k":"1"}"#;
    let json = event_json(&entries).unwrap_err();
    let mut row = event_row();
    row[7] = Data::Map(vec![(text("k"), text("1")), (text("k"), text("1"))]);
    let message_pack = read_event(&row).unwrap_err();
    for error in [json, message_pack] {
        assert!(
            error
                .to_string()
                .contains(r#"metadata has the key "k" twice"#),
            "{error}"
        );
    }
}

#[test]
fn a_key_given_twice_in_the_users_data_is_kept_as_it_is() {
    let json = r#"{"k":1,"k":2,"":{"k":null,"k":null}}"#;
    let payload = Payload::from_json(json).unwrap();
    assert_eq!(payload.to_json().unwrap(), json);
}

#[test]
fn a_version_of_zero_is_refused_in_every_form() {
    let mut row = event_row();
    row[5] = Data::Unsigned(0);
    let mut entries = EVENT;
    entries[4].1 = "0";
    for error in [
        read_event(&row).unwrap_err(),
        event_json(&entries).unwrap_err(),
    ] {
        let text = error.to_string();
        assert!(
            text.contains(r#"an event of actor "order-123" has version 0"#),
            "{text}"
        );
    }
    assert!(matches!(
        read_commit("a", vec![commit_row("e", 0)]),
        Err(WireError::Event(InvalidEvent::VersionZero { .. }))
    ));
}

#[test]
fn numbers_out_of_range_are_refused() {
    for number in [
        "-1",
        "9223372036854775808",
        "18446744073709551616",
        "1e3",
        "1.0",
    ] {
        let mut entries = EVENT;
        entries[4].1 = number;
        assert!(event_json(&entries).is_err(), "{number}");
    }
    let mut row = event_row();
    row[5] = Data::Unsigned(1 << 63);
    assert!(read_event(&row).is_err());
    let mut row = event_row();
    row[8] = Data::Unsigned(1 << 63);
    assert!(read_event(&row).is_err(), "a time past the year 2262");
    for time in [
        "2262-04-11T23:47:16.854775808Z",
        "1677-09-21T00:12:43.145224191Z",
        "2026-03-01T12:00:00",
        "2026-02-30T12:00:00Z",
        "1772366400",
        "",
    ] {
        let time = format!("{time:?}");
        let mut entries = EVENT;
        entries[7].1 = &time;
        assert!(event_json(&entries).is_err(), "{time}");
    }
}

#[test]
fn text_that_is_empty_too_long_or_broken_is_refused() {
    let long = [(1, 129), (2, 257), (3, 1_025), (4, 257)];
    for (place, bytes) in long {
        for bad in [
            text(""),
            text(&"x".repeat(bytes)),
            Data::BrokenText(vec![b'a', 0xff]),
            Data::BrokenText("é".as_bytes()[..1].to_vec()),
        ] {
            let mut row = event_row();
            row[place] = bad;
            assert!(
                matches!(read_event(&row), Err(WireError::MessagePack(_))),
                "{place}"
            );
        }
        let mut row = event_row();
        row[place] = text(&"x".repeat(bytes - 1));
        read_event(&row).unwrap();
    }
    for bad in [r#""""#, r#""\ud800""#, r#""\x""#, "\"\u{1}\""] {
        for place in 0..4 {
            let mut entries = EVENT;
            entries[place].1 = bad;
            assert!(event_json(&entries).is_err(), "{place}: {bad}");
        }
    }
}

#[test]
fn data_that_is_not_one_message_pack_value_is_refused_with_its_place() {
    for (bytes, says) in [
        (vec![], "byte 0: the data ends too early"),
        (vec![0x92, 1], "byte 2: the data ends too early"),
        (vec![0xc1], "byte 0: the byte 0xc1"),
        (vec![1, 2], "byte 1: more bytes after the value"),
        (
            [vec![0x91; 101], vec![0xc0]].concat(),
            "deeper than 100 levels",
        ),
    ] {
        let mut row = event_row();
        row[6] = Data::Binary(bytes);
        let error = read_event(&row).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn a_list_of_events_that_is_no_commit_is_refused_when_read() {
    use InvalidCommit::{Empty, RepeatedId, TooManyEvents, VersionsOutOfOrder};
    let read = |rows: Vec<Vec<Data>>| match read_commit("a", rows) {
        Err(WireError::Commit(why)) => why,
        other => panic!("expected no commit, got {other:?}"),
    };
    assert_eq!(read(vec![]), Empty);
    let out_of_order = VersionsOutOfOrder {
        previous: Version::from(2),
        version: Version::from(2),
        index: 1,
    };
    assert_eq!(
        read(vec![commit_row("e", 2), commit_row("f", 2)]),
        out_of_order
    );
    let repeated = RepeatedId {
        id: EventId::new("e").unwrap(),
    };
    assert_eq!(read(vec![commit_row("e", 1), commit_row("e", 2)]), repeated);
    let rows = (1..=1_001).map(|n| commit_row(&n.to_string(), n)).collect();
    assert_eq!(read(rows), TooManyEvents { count: 1_001 });

    let mut other = EVENT;
    other[0].1 = r#""e-2""#;
    other[2].1 = r#""order-124""#;
    let mixed = format!("[{},{}]", object(&EVENT), object(&other));
    assert!(matches!(
        WireForm::Json.decode_commit(mixed.as_bytes()),
        Err(WireError::Commit(InvalidCommit::MixedActors {
            index: 1,
            ..
        }))
    ));
    assert!(matches!(
        WireForm::Json.decode_commit(b"[]"),
        Err(WireError::Commit(Empty))
    ));
}

#[test]
fn a_list_of_events_that_is_no_commit_is_not_written() {
    let event = |id: &str, version: u32| {
        let actor = aether_core::ActorId::new("a").unwrap();
        EventDraft::new(&actor, "T", &())
            .unwrap()
            .id(EventId::new(id).unwrap())
            .at(Version::from(version))
            .unwrap()
    };
    for form in [WireForm::MessagePack, WireForm::Json] {
        for events in [
            vec![],
            vec![event("1", 2), event("2", 1)],
            vec![event("1", 1), event("1", 2)],
        ] {
            assert!(matches!(
                form.encode_commit(&events),
                Err(WireError::Commit(_))
            ));
        }
        let most = |count: u32| {
            (1..=count)
                .map(|n| event(&n.to_string(), n))
                .collect::<Vec<_>>()
        };
        let full = most(u32::try_from(Commit::EVENTS_MAX).unwrap());
        let bytes = form.encode_commit(&full).unwrap();
        assert_eq!(form.decode_commit(&bytes).unwrap(), full);
        assert!(form.encode_commit(&most(1_001)).is_err());
    }
}

#[test]
fn a_commit_and_an_event_are_not_taken_for_each_other() {
    let event = read_event(&event_row()).unwrap();
    let snapshot = read_snapshot(&snapshot_row()).unwrap();
    for form in [WireForm::MessagePack, WireForm::Json] {
        let commit = form.encode_commit(std::slice::from_ref(&event)).unwrap();
        let event = event.to_wire(form).unwrap();
        let snapshot = snapshot.to_wire(form).unwrap();
        assert!(Event::from_wire(form, &commit).is_err());
        assert!(Event::from_wire(form, &snapshot).is_err());
        assert!(form.decode_commit(&event).is_err());
        assert!(form.decode_commit(&snapshot).is_err());
        assert!(ActorSnapshot::from_wire(form, &commit).is_err());
    }
    let other = |form| match form {
        WireForm::Json => WireForm::MessagePack,
        WireForm::MessagePack => WireForm::Json,
    };
    for form in [WireForm::MessagePack, WireForm::Json] {
        let event = event.to_wire(form).unwrap();
        assert!(
            Event::from_wire(other(form), &event).is_err(),
            "{form:?} as the other"
        );
    }
}
