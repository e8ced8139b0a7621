//! Arbitrary events, commits and snapshots: every text, number and nesting that is allowed.

use aether_core::{
    ActorId, ActorSnapshot, CommandId, Event, EventDraft, EventId, EventType, FixedClock, Metadata,
    Payload, Position, Timestamp, Version, WireForm,
};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::num::{f32 as float32, f64 as float64};
use proptest::prelude::*;

/// One MessagePack value of any kind, as it is written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Data {
    Nil,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Single(f32),
    Text(String),
    Binary(Vec<u8>),
    /// Text by its marker, but not UTF-8.
    BrokenText(Vec<u8>),
    Extension(i8, Vec<u8>),
    Array(Vec<Self>),
    Map(Vec<(Self, Self)>),
}

impl Data {
    fn write(&self, out: &mut Vec<u8>) {
        use rmp::encode as to;
        let size = |length: usize| u32::try_from(length).unwrap();
        match self {
            Self::Nil => to::write_nil(out).unwrap(),
            Self::Bool(value) => to::write_bool(out, *value).unwrap(),
            Self::Unsigned(value) => drop(to::write_uint(out, *value).unwrap()),
            Self::Signed(value) => drop(to::write_sint(out, *value).unwrap()),
            Self::Float(value) => to::write_f64(out, *value).unwrap(),
            Self::Single(value) => to::write_f32(out, *value).unwrap(),
            Self::Text(value) => to::write_str(out, value).unwrap(),
            Self::Binary(value) => to::write_bin(out, value).unwrap(),
            Self::BrokenText(value) => {
                to::write_str_len(out, size(value.len())).unwrap();
                out.extend(value);
            }
            Self::Extension(kind, value) => {
                to::write_ext_meta(out, size(value.len()), *kind).unwrap();
                out.extend(value);
            }
            Self::Array(values) => {
                to::write_array_len(out, size(values.len())).unwrap();
                values.iter().for_each(|value| value.write(out));
            }
            Self::Map(entries) => {
                to::write_map_len(out, size(entries.len())).unwrap();
                for (key, value) in entries {
                    key.write(out);
                    value.write(out);
                }
            }
        }
    }

    pub(crate) fn msgpack(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    pub(crate) fn payload(&self) -> Payload {
        Payload::from_msgpack(self.msgpack()).unwrap()
    }

    fn levels(&self) -> usize {
        match self {
            Self::Array(values) => 1 + values.iter().map(Self::levels).max().unwrap_or(0),
            Self::Map(entries) => {
                1 + entries
                    .iter()
                    .map(|(key, value)| key.levels().max(value.levels()))
                    .max()
                    .unwrap_or(0)
            }
            _ => 0,
        }
    }
}

/// Characters that have meant trouble to somebody.
const TRAPS: [char; 18] = [
    '\0',
    '\u{1}',
    '\n',
    '\r',
    '\u{1b}',
    '\u{7f}',
    '\u{85}',
    '"',
    '\\',
    '/',
    '.',
    '*',
    '>',
    ' ',
    '\u{2028}',
    '\u{feff}',
    '\u{fffd}',
    '\u{10ffff}',
];

fn character() -> BoxedStrategy<char> {
    prop_oneof![3 => any::<char>(), 1 => proptest::sample::select(&TRAPS[..])].boxed()
}

/// Text of `0..=max` bytes: mostly short, sometimes exactly as long as it may be.
fn text(min: usize, max: usize) -> BoxedStrategy<String> {
    let fill = move |(character, over): (char, usize)| {
        let bytes = max - over.min(max - min);
        let count = bytes / character.len_utf8();
        let mut text = String::from(character).repeat(count);
        text.extend(std::iter::repeat_n('x', bytes - text.len()));
        text
    };
    let cut = move |characters: Vec<char>| {
        let mut text = String::new();
        for character in characters {
            if text.len() + character.len_utf8() <= max {
                text.push(character);
            }
        }
        text
    };
    prop_oneof![
        8 => vec(character(), min..16).prop_map(cut),
        1 => (character(), 0..2_usize).prop_map(fill),
    ]
    .boxed()
}

fn unsigned() -> BoxedStrategy<u64> {
    let edges = [
        0,
        127,
        128,
        255,
        256,
        65_535,
        65_536,
        (1 << 32) - 1,
        1 << 32,
        (1 << 53) + 1,
        i64::MAX.unsigned_abs(),
        1 << 63,
        u64::MAX,
    ];
    prop_oneof![any::<u64>(), proptest::sample::select(edges.to_vec())].boxed()
}

fn negative() -> BoxedStrategy<i64> {
    let edges = [
        -1,
        -32,
        -33,
        -128,
        -129,
        -32_768,
        -32_769,
        -(1 << 31),
        -(1 << 31) - 1,
        i64::MIN,
    ];
    prop_oneof![i64::MIN..=-1, proptest::sample::select(edges.to_vec())].boxed()
}

/// Every finite 64-bit float, of all sizes and signs.
pub(crate) fn finite() -> BoxedStrategy<f64> {
    let edges = [
        0.0,
        -0.0,
        0.1,
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        5e-324,
        -5e-324,
        f64::EPSILON,
        1e23,
        9_007_199_254_740_992.0,
        2.225_073_858_507_201e-308,
    ];
    prop_oneof![
        4 => float64::POSITIVE | float64::NEGATIVE | float64::NORMAL | float64::SUBNORMAL | float64::ZERO,
        2 => -1e9..1e9_f64,
        1 => proptest::sample::select(edges.to_vec()),
    ]
    .boxed()
}

/// Arrays and maps around what these leaves and keys give, a few levels deep.
fn nested(leaf: BoxedStrategy<Data>, key: BoxedStrategy<Data>) -> BoxedStrategy<Data> {
    leaf.prop_recursive(4, 24, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Data::Array),
            vec((key.clone(), inner), 0..6).prop_map(Data::Map),
        ]
    })
    .boxed()
}

/// Data in so many arrays and maps that it is as deep as `levels`.
fn sunk((data, levels, in_maps): (Data, usize, u128)) -> Data {
    (data.levels()..levels).fold(data, |data, level| {
        if in_maps >> (level % 128) & 1 == 1 {
            Data::Map(vec![(Data::Text("k".into()), data)])
        } else {
            Data::Array(vec![data])
        }
    })
}

/// Mostly flat, sometimes as deep as is allowed.
fn of_any_depth(data: BoxedStrategy<Data>) -> BoxedStrategy<Data> {
    let levels =
        prop_oneof![8 => Just(0), 1 => 0..=Payload::DEPTH_MAX, 1 => Just(Payload::DEPTH_MAX)];
    (data, levels, any::<u128>()).prop_map(sunk).boxed()
}

fn json_leaf() -> BoxedStrategy<Data> {
    prop_oneof![
        1 => Just(Data::Nil),
        1 => any::<bool>().prop_map(Data::Bool),
        2 => unsigned().prop_map(Data::Unsigned),
        1 => negative().prop_map(Data::Signed),
        2 => finite().prop_map(Data::Float),
        3 => text(0, 64).prop_map(Data::Text),
    ]
    .boxed()
}

/// Data that JSON has a form for; the keys of one map may repeat.
pub(crate) fn json_data() -> BoxedStrategy<Data> {
    let key = text(0, 64).prop_map(Data::Text).boxed();
    of_any_depth(nested(json_leaf(), key))
}

fn foreign_leaf() -> BoxedStrategy<Data> {
    let not_a_number = prop_oneof![
        Just(f64::NAN),
        Just(-f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
    ];
    prop_oneof![
        not_a_number.clone().prop_map(Data::Float),
        (float32::INFINITE | float32::QUIET_NAN).prop_map(Data::Single),
        vec(any::<u8>(), 0..40).prop_map(Data::Binary),
        vec(0x80..=0xff_u8, 1..40)
            .prop_filter("broken", |bytes| std::str::from_utf8(bytes).is_err())
            .prop_map(Data::BrokenText),
        (any::<i8>(), vec(any::<u8>(), 1..40))
            .prop_map(|(kind, bytes)| Data::Extension(kind, bytes)),
    ]
    .boxed()
}

/// A map key that is not text.
fn foreign_key() -> BoxedStrategy<Data> {
    prop_oneof![
        foreign_leaf(),
        json_leaf().prop_filter("not text", |key| !matches!(key, Data::Text(_))),
        Just(Data::Array(vec![])),
        Just(Data::Map(vec![])),
    ]
    .boxed()
}

/// Data with one thing in it that JSON has no form for, somewhere.
pub(crate) fn foreign_data() -> BoxedStrategy<Data> {
    let fault = prop_oneof![
        foreign_leaf(),
        (foreign_key(), json_leaf()).prop_map(|(key, value)| Data::Map(vec![(key, value)])),
    ];
    let around = (vec(json_leaf(), 0..4), text(0, 16), any::<bool>());
    let put_within = |data, (mut others, key, in_map): (Vec<Data>, String, bool)| {
        if in_map {
            let mut entries: Vec<_> = others
                .into_iter()
                .map(|other| (Data::Text("other".into()), other))
                .collect();
            entries.insert(entries.len() / 2, (Data::Text(key), data));
            Data::Map(entries)
        } else {
            others.insert(others.len() / 2, data);
            Data::Array(others)
        }
    };
    of_any_depth(
        (fault, vec(around, 0..4))
            .prop_map(move |(fault, around)| around.into_iter().fold(fault, put_within))
            .boxed(),
    )
}

/// Data of every kind that MessagePack has.
pub(crate) fn any_data() -> BoxedStrategy<Data> {
    let leaf = prop_oneof![
        3 => json_leaf(),
        1 => foreign_leaf(),
        1 => float32::ANY.prop_map(Data::Single),
    ]
    .boxed();
    let key = prop_oneof![text(0, 16).prop_map(Data::Text), foreign_key()].boxed();
    of_any_depth(nested(leaf, key))
}

fn event_id() -> BoxedStrategy<EventId> {
    let ulid_like = vec(0x20..0x7f_u8, 26).prop_map(|bytes| String::from_utf8(bytes).unwrap());
    prop_oneof![text(1, EventId::BYTES_MAX), ulid_like]
        .prop_map(|id| EventId::new(id).unwrap())
        .boxed()
}

pub(crate) fn actor_id() -> BoxedStrategy<ActorId> {
    text(1, ActorId::BYTES_MAX)
        .prop_map(|id| ActorId::new(id).unwrap())
        .boxed()
}

fn event_type() -> BoxedStrategy<EventType> {
    text(1, EventType::BYTES_MAX)
        .prop_map(|name| EventType::new(name).unwrap())
        .boxed()
}

fn command_id() -> BoxedStrategy<CommandId> {
    text(1, CommandId::BYTES_MAX)
        .prop_map(|id| CommandId::new(id).unwrap())
        .boxed()
}

fn version() -> BoxedStrategy<Version> {
    prop_oneof![1..100_u64, 1..=Version::MAX.get(), Just(Version::MAX.get())]
        .prop_map(|number| Version::new(number).unwrap())
        .boxed()
}

fn timestamp() -> BoxedStrategy<Timestamp> {
    let edges = [
        i64::MIN,
        i64::MIN + 1,
        -1_000_000_000,
        -1,
        0,
        1,
        999_999_999,
        i64::MAX,
    ];
    prop_oneof![any::<i64>(), proptest::sample::select(edges.to_vec())]
        .prop_map(Timestamp::from_unix_nanos)
        .boxed()
}

fn metadata() -> BoxedStrategy<Metadata> {
    let entries = prop_oneof![
        4 => btree_map(text(1, Metadata::KEY_BYTES_MAX), text(0, 100), 0..5),
        1 => btree_map(text(1, 8), text(0, 8), Metadata::ENTRIES_MAX),
    ];
    entries
        .prop_map(|entries| {
            let mut metadata = Metadata::new();
            for (key, value) in entries {
                metadata.insert(key, value).unwrap();
            }
            metadata
        })
        .boxed()
}

pub(crate) fn position() -> BoxedStrategy<Position> {
    (unsigned(), unsigned(), any::<u32>(), unsigned())
        .prop_map(|(incarnation, sequence, index, fingerprint)| {
            Position::new(incarnation, sequence, index).with_fingerprint(fingerprint)
        })
        .boxed()
}

fn draft(data: BoxedStrategy<Data>) -> BoxedStrategy<EventDraft> {
    let envelope = (
        event_id(),
        event_type(),
        proptest::option::of(command_id()),
        metadata(),
        timestamp(),
    );
    (actor_id(), envelope, data)
        .prop_map(
            |(actor_id, (id, event_type, command_id, metadata, timestamp), data)| {
                let clock = FixedClock::new(timestamp);
                let draft = EventDraft::with_clock(&clock, &actor_id, event_type, &())
                    .unwrap()
                    .id(id)
                    .data(data.payload())
                    .with_metadata(metadata);
                match command_id {
                    Some(command_id) => draft.command(command_id),
                    None => draft,
                }
            },
        )
        .boxed()
}

pub(crate) fn event(data: BoxedStrategy<Data>) -> BoxedStrategy<Event> {
    (draft(data), version())
        .prop_map(|(draft, version)| draft.at(version).unwrap())
        .boxed()
}

/// 1 to 20 events of one actor with rising versions and different ids.
pub(crate) fn commit(data: BoxedStrategy<Data>) -> BoxedStrategy<Vec<Event>> {
    let versions = btree_set(version(), 1..=20);
    (actor_id(), versions, vec(draft(data), 20), any::<u32>())
        .prop_map(|(actor_id, versions, drafts, salt)| {
            let number = |(index, (version, draft)): (usize, (Version, EventDraft))| {
                let event = draft.at(version).unwrap();
                // All of one actor; the ids made different where the generator repeated one.
                let mut moved = EventDraft::new(&actor_id, event.event_type(), &())
                    .unwrap()
                    .id(EventId::new(format!("{index}-{salt}")).unwrap())
                    .timestamp(event.timestamp())
                    .data(event.data().clone())
                    .with_metadata(event.metadata().clone());
                if index == 0 {
                    moved = moved.id(event.id().clone());
                }
                if let Some(command_id) = event.command_id() {
                    moved = moved.command(command_id.clone());
                }
                moved.at(version).unwrap()
            };
            versions
                .into_iter()
                .zip(drafts)
                .enumerate()
                .map(number)
                .collect()
        })
        .boxed()
}

/// Built from its documented bytes, because a snapshot is made from a value, not from a payload.
pub(crate) fn snapshot(state: BoxedStrategy<Data>) -> BoxedStrategy<ActorSnapshot> {
    let version = prop_oneof![4 => version(), 1 => Just(Version::ZERO)];
    let position = proptest::option::of(position());
    (actor_id(), version, state, timestamp(), position)
        .prop_map(|(actor_id, version, state, timestamp, position)| {
            let position = position.map(|position| position.to_string());
            let row = Data::Array(vec![
                Data::Unsigned(WireForm::FORMAT.into()),
                Data::Text(actor_id.to_string()),
                Data::Unsigned(version.get()),
                Data::Binary(state.msgpack()),
                Data::Signed(timestamp.unix_nanos()),
                position.map_or(Data::Nil, Data::Text),
            ]);
            ActorSnapshot::from_wire(WireForm::MessagePack, &row.msgpack()).unwrap()
        })
        .boxed()
}
