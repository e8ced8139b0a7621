//! What the wire forms promise of arbitrary values, and of bytes that are none.
//!
//! Here are the round trips; `garbage` has the bytes of others, `refusals` the ones that are
//! almost right, `values` makes the arbitrary values.

#![allow(clippy::unwrap_used, reason = "a test that panics says where")]

mod garbage;
mod refusals;
mod values;

use aether_core::{
    ActorSnapshot, Event, Payload, PayloadError, Position, StoreError, StoreErrorKind, Timestamp,
    WireError, WireForm,
};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use values::{Data, any_data, commit, event, finite, foreign_data, json_data, position, snapshot};

/// How the bytes of these values come about elsewhere: as a part of something of the user's.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Envelope {
    before: u8,
    event: Event,
    snapshot: Option<ActorSnapshot>,
    history: Vec<Event>,
    at: Position,
    after: String,
}

/// As [`Envelope`], told apart by a name: what serde reads into a buffer of its own first.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    Event(Event),
    Snapshot(ActorSnapshot),
}

fn through<T: Serialize + DeserializeOwned>(value: &T, form: impl Fn(&T) -> Vec<u8>) -> [T; 2] {
    let bytes = form(value);
    [
        rmp_serde::from_slice(&bytes).unwrap(),
        rmp_serde::from_read(&*bytes).unwrap(),
    ]
}

fn cases(count: u32) -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(count)
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn an_event_survives_both_forms(event in event(json_data())) {
        for form in [WireForm::MessagePack, WireForm::Json] {
            let bytes = event.to_wire(form).unwrap();
            prop_assert_eq!(&Event::from_wire(form, &bytes).unwrap(), &event);
        }
    }

    #[test]
    fn an_event_with_data_of_any_kind_survives_message_pack(event in event(any_data())) {
        let bytes = event.to_wire(WireForm::MessagePack).unwrap();
        let read = Event::from_wire(WireForm::MessagePack, &bytes).unwrap();
        prop_assert_eq!(read.to_wire(WireForm::MessagePack).unwrap(), bytes);
        prop_assert_eq!(read, event);
    }

    #[test]
    fn a_snapshot_survives_both_forms(snapshot in snapshot(json_data())) {
        for form in [WireForm::MessagePack, WireForm::Json] {
            let bytes = snapshot.to_wire(form).unwrap();
            prop_assert_eq!(&ActorSnapshot::from_wire(form, &bytes).unwrap(), &snapshot);
        }
    }

    #[test]
    fn a_snapshot_with_state_of_any_kind_survives_message_pack(snapshot in snapshot(any_data())) {
        let bytes = snapshot.to_wire(WireForm::MessagePack).unwrap();
        let read = ActorSnapshot::from_wire(WireForm::MessagePack, &bytes).unwrap();
        prop_assert_eq!(read, snapshot);
    }

    #[test]
    fn data_survives_as_json_text_and_other_readers_read_it(data in json_data()) {
        let payload = data.payload();
        let text = payload.to_json().unwrap();
        prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok());
        prop_assert_eq!(Payload::from_json(&text).unwrap(), payload);
    }

    #[test]
    fn data_that_json_has_no_form_for_is_a_typed_error(
        event in event(foreign_data()),
        snapshot in snapshot(foreign_data()),
    ) {
        prop_assert!(matches!(event.data().to_json(), Err(PayloadError::Json(_))));
        prop_assert!(matches!(event.to_wire(WireForm::Json), Err(WireError::Json(_))));
        prop_assert!(matches!(snapshot.to_wire(WireForm::Json), Err(WireError::Json(_))));
        let commit = WireForm::Json.encode_commit(std::slice::from_ref(&event));
        let error = StoreError::from(commit.unwrap_err());
        prop_assert_eq!(error.kind(), StoreErrorKind::InvalidEvent);
        // What can't be shown as JSON can be shown all the same.
        let shown = format!("{event:?}");
        prop_assert!(shown.contains("bytes of MessagePack"), "{}", shown);
    }

    #[test]
    fn text_forms_of_positions_and_times_read_back(at in position(), nanos: i64) {
        prop_assert_eq!(at.to_string().parse::<Position>().unwrap(), at);
        let time = Timestamp::from_unix_nanos(nanos);
        prop_assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time);
    }
}

proptest! {
    #![proptest_config(cases(32))]

    #[test]
    fn a_commit_survives_both_forms(events in commit(json_data())) {
        for form in [WireForm::MessagePack, WireForm::Json] {
            let bytes = form.encode_commit(&events).unwrap();
            prop_assert_eq!(&form.decode_commit(&bytes).unwrap(), &events);
        }
    }

    #[test]
    fn a_commit_with_data_of_any_kind_survives_message_pack(events in commit(any_data())) {
        let bytes = WireForm::MessagePack.encode_commit(&events).unwrap();
        prop_assert_eq!(WireForm::MessagePack.decode_commit(&bytes).unwrap(), events);
    }

    #[test]
    fn they_survive_as_a_part_of_something_of_the_users(
        event in event(json_data()),
        snapshot in proptest::option::of(snapshot(json_data())),
        history in event(json_data()),
        at in position(),
    ) {
        let whole = Envelope { before: 1, event, snapshot, history: vec![history], at, after: "end".into() };
        let json = serde_json::to_vec(&whole).unwrap();
        prop_assert_eq!(&serde_json::from_slice::<Envelope>(&json).unwrap(), &whole);
        let pretty = serde_json::to_string_pretty(&whole).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Envelope>(&pretty).unwrap(), &whole);
        prop_assert_eq!(&serde_json::from_reader::<_, Envelope>(&*json).unwrap(), &whole);
        let positional = through(&whole, |whole| rmp_serde::to_vec(whole).unwrap());
        let named = through(&whole, |whole| rmp_serde::to_vec_named(whole).unwrap());
        for read in positional.iter().chain(&named) {
            prop_assert_eq!(read, &whole);
        }
    }

    #[test]
    fn they_survive_in_json_behind_a_tag(
        event in event(json_data()),
        snapshot in snapshot(json_data()),
    ) {
        for whole in [Tagged::Event(event), Tagged::Snapshot(snapshot)] {
            let json = serde_json::to_vec(&whole).unwrap();
            prop_assert_eq!(serde_json::from_slice::<Tagged>(&json).unwrap(), whole);
        }
    }

    #[test]
    fn they_survive_message_pack_that_says_it_is_for_people(event in event(json_data())) {
        let mut bytes = Vec::new();
        let mut target = rmp_serde::Serializer::new(&mut bytes)
            .with_human_readable()
            .with_struct_map();
        event.serialize(&mut target).unwrap();
        let mut source = rmp_serde::Deserializer::from_read_ref(&bytes).with_human_readable();
        prop_assert_eq!(Event::deserialize(&mut source).unwrap(), event);
    }
}

proptest! {
    #![proptest_config(cases(4096))]

    #[test]
    fn a_float_keeps_every_bit_in_json(number in finite()) {
        let json = Data::Float(number).payload().to_json().unwrap();
        let read: f64 = Payload::from_json(&json).unwrap().decode().unwrap();
        prop_assert_eq!(read.to_bits(), number.to_bits(), "{} read as {}", json, read);
    }

    #[test]
    fn a_single_precision_float_keeps_its_value_in_json(number in proptest::num::f32::NORMAL | proptest::num::f32::SUBNORMAL | proptest::num::f32::NEGATIVE) {
        let json = Data::Single(number).payload().to_json().unwrap();
        let read: f64 = Payload::from_json(&json).unwrap().decode().unwrap();
        prop_assert_eq!(read.to_bits(), f64::from(number).to_bits());
    }
}
