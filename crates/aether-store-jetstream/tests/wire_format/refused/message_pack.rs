//! Bodies that are almost a commit in MessagePack.

use super::{Draft, Fault, Message, PACKED, Row, check, good, of, with_part};
use crate::by_hand::{commit, event, nested, packed, text};
use crate::reader::msgpack::Value;

fn of_one(body: Vec<u8>) -> Draft {
    Draft::of(PACKED, 2, 2, body)
}

/// A commit as an array with other parts.
fn with_parts(parts: Vec<Value>) -> Draft {
    of_one(packed(&Value::Array(parts)))
}

fn of_a_commit(id: &str, before: &Message) -> Vec<Row> {
    let right = good(id).body;
    let events = || Value::Array(vec![Value::Array(event("e-2", 2))]);
    let number = |number: i128| Value::Int(number);
    let many = |count: u64| {
        let events = (0..count).map(|n| event(&format!("e-{n}"), 2 + n));
        Draft::of(PACKED, 2, 1 + count, packed(&commit(id, events.collect())))
    };
    let parts = |count: usize| {
        let mut parts = event("e-2", 2);
        parts.resize(count, Value::Nil);
        of_one(packed(&commit(id, vec![parts])))
    };
    let signed = right
        .windows(9)
        .rposition(|nine| *nine == [0xcf, 0, 0, 0, 0, 0, 0, 0, 2]);
    let mut as_signed = right.clone();
    as_signed[signed.unwrap()] = 0xd3;
    let falling = of(id, &[("e", 3), ("f", 2)]);
    let falls_within = of(id, &[("e", 2), ("f", 4), ("g", 3), ("h", 5)]);
    vec![
        Row::new("nothing wrong", None, good(id)),
        Row::new("a version in a signed form", None, of_one(as_signed)),
        Row::new("a thousand events", None, many(1_000)),
        Row::new("nothing", Fault::Body, of_one(Vec::new())),
        Row::new("no MessagePack", Fault::Body, of_one(b"garbage".to_vec())),
        Row::new(
            "half of it",
            Fault::Body,
            of_one(right[..right.len() / 2].to_vec()),
        ),
        Row::new(
            "a byte more",
            Fault::Body,
            of_one([&right[..], &[0xc0]].concat()),
        ),
        Row::new("twice", Fault::Body, of_one([&right[..], &right].concat())),
        Row::new(
            "in the other form",
            Fault::Body,
            good(id).with("Content-Type", "application/json"),
        ),
        Row::new(
            "format 2",
            Fault::Body,
            with_parts(vec![number(2), text(id), events()]),
        ),
        Row::new(
            "format 1.0",
            Fault::Body,
            with_parts(vec![Value::Float(1.0), text(id), events()]),
        ),
        Row::new(
            "no format",
            Fault::Body,
            with_parts(vec![text(id), events()]),
        ),
        Row::new(
            "a part more",
            Fault::Body,
            with_parts(vec![number(1), text(id), events(), Value::Nil]),
        ),
        Row::new(
            "no events",
            Fault::Body,
            of_one(packed(&commit(id, Vec::new()))),
        ),
        Row::new("six parts", Fault::Body, parts(6)),
        Row::new("eight parts", Fault::Body, parts(8)),
        Row::new("an event too many", Fault::Body, many(1_001)),
        Row::new("another's", Fault::OtherActor, good("order-other")),
        Row::new("not above", Fault::NotAbove, of(id, &[("e", 1)])),
        Row::new("falling", Fault::Versions, falling),
        Row::new("falling within", Fault::Versions, falls_within),
        Row::new(
            "one version twice",
            Fault::Versions,
            of(id, &[("e", 2), ("f", 2)]),
        ),
        Row::new("one id twice", Fault::SameId, of(id, &[("e", 2), ("e", 3)])),
        Row::new(
            "linked and another's",
            Fault::OtherActor,
            good("order-x").after(before),
        ),
    ]
}

#[tokio::test]
async fn what_is_no_commit_in_message_pack_is_refused_by_both_readers() {
    check(of_a_commit).await;
}

fn of_an_event(id: &str, _: &Message) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut row = |part: usize, value: Value, is_right: bool| {
        let fault = (!is_right).then_some(Fault::Body);
        let what = format!("part {part}: {value:?}");
        rows.push(Row::new(what, fault, with_part(id, part, value)));
    };
    let bin = |value: &Value| Value::Bin(packed(value));
    // An id, a type, and a command's id, which alone may be missing.
    for (part, bytes_max) in [(0, 128), (1, 256), (2, 256)] {
        row(part, text("x".repeat(bytes_max)), true);
        row(part, text("x".repeat(bytes_max + 1)), false);
        row(part, text("é".repeat(bytes_max / 2 + 1)), false);
        row(part, text("\0 "), true);
        row(part, text(""), false);
        row(part, Value::Nil, part == 2);
        row(part, Value::Bin(b"x".to_vec()), false);
        row(part, Value::NotText(vec![0xff]), false);
        row(part, Value::Int(1), false);
    }
    for version in [0, -1, 1 << 63, i128::from(u64::MAX)] {
        row(3, Value::Int(version), false);
    }
    row(3, Value::Float(2.0), false);
    row(3, text("2"), false);

    for right in [
        nested(100),
        Value::NotText(vec![0xff]),
        Value::Map(vec![(Value::Nil, nested(99))]),
    ] {
        row(4, bin(&right), true);
    }
    // An empty array is no level.
    let empty = (0..100).fold(Value::Array(Vec::new()), |inner, _| {
        Value::Array(vec![inner])
    });
    row(4, bin(&empty), true);
    let as_key = Value::Map(vec![(nested(100), Value::Nil)]);
    for wrong in [nested(101), as_key, Value::Array(vec![empty])] {
        row(4, bin(&wrong), false);
    }
    for wrong in [
        &[][..],
        &[0xc0, 0xc0],
        &[0xc1],
        &[0xa2, b'x'],
        &[0xdd, 0xff, 0xff, 0xff, 0xff],
    ] {
        row(4, Value::Bin(wrong.into()), false);
    }
    for wrong in [
        Value::Nil,
        Value::Int(2),
        text("x"),
        Value::Array(vec![Value::Int(0xc0)]),
    ] {
        row(4, wrong, false);
    }

    let map = |entries: Vec<(Value, Value)>| Value::Map(entries);
    let one = |key: Value, value: Value| map(vec![(key, value)]);
    let many = |count: usize| {
        map((0..count)
            .map(|n| (text(format!("{n}")), text("")))
            .collect())
    };
    let key = |bytes: usize| one(text("k".repeat(bytes)), text(""));
    let sized = |bytes: usize| one(text("k"), text("v".repeat(bytes - 1)));
    for right in [many(64), key(256), sized(32 * 1024)] {
        row(5, right, true);
    }
    for wrong in [
        many(65),
        key(0),
        key(257),
        sized(32 * 1024 + 1),
        Value::Nil,
        Value::Array(vec![]),
    ] {
        row(5, wrong, false);
    }
    let same = (text("k"), text("v"));
    row(5, map(vec![same.clone(), same]), false);
    for wrong in [
        Value::Nil,
        Value::Int(1),
        Value::Bin(b"x".to_vec()),
        Value::NotText(vec![0xff]),
    ] {
        row(5, one(wrong.clone(), text("x")), false);
        row(5, one(text("x"), wrong), false);
    }

    for right in [i128::from(i64::MIN), -1, 0, i128::from(i64::MAX)] {
        row(6, Value::Int(right), true);
    }
    for wrong in [
        Value::Int(1 << 63),
        Value::Float(1.0),
        Value::Nil,
        Value::Ext(-1, vec![0; 4]),
    ] {
        row(6, wrong, false);
    }
    rows
}

#[tokio::test]
async fn a_part_of_an_event_in_message_pack_that_is_out_of_bounds_is_refused_by_both_readers() {
    check(of_an_event).await;
}
