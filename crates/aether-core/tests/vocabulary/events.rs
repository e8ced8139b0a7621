//! Events, drafts, metadata, payloads, snapshots, the notice, the filter of a feed.

use std::sync::Arc;

use aether_core::{
    ActorId, ActorSnapshot, Appended, BroadcastError, Clock, CommandId, Event, EventBroadcaster,
    EventDraft, EventFilter, EventId, EventStored, EventType, FixedClock, InvalidEvent,
    InvalidMetadata, InvalidText, Metadata, Namespace, Payload, PayloadError, Position,
    RecordedEvent, SystemClock, Timestamp, Version, WireForm,
};

use crate::{actor, draft_of, event, version};

fn clock() -> FixedClock {
    FixedClock::new("2026-03-01T12:00:00.9Z".parse().unwrap())
}

#[test]
fn a_draft_becomes_the_event_that_it_described() {
    let placed = event(1);
    let draft = EventDraft::with_clock(&clock(), &actor("order-1"), "Shipped", &("post", 3))
        .unwrap()
        .id(EventId::new("e-2").unwrap())
        .command(CommandId::new("ship/1").unwrap())
        .metadata(Metadata::USER_ID, "ada")
        .unwrap()
        .caused_by(&placed)
        .unwrap();
    assert_eq!(
        (draft.actor_id(), draft.event_id().as_str()),
        (&actor("order-1"), "e-2")
    );
    assert_eq!(*draft.event_type(), "Shipped");
    let shipped = draft.clone().at(version(2)).unwrap();
    assert_eq!(*shipped.id(), "e-2");
    assert_eq!(*shipped.event_type(), "Shipped");
    assert_eq!(*shipped.actor_id(), "order-1");
    assert_eq!(shipped.command_id().map(CommandId::as_str), Some("ship/1"));
    assert_eq!(shipped.version(), version(2));
    assert_eq!(shipped.decode::<(&str, u8)>().unwrap(), ("post", 3));
    assert_eq!(shipped.metadata().user_id(), Some("ada"));
    assert_eq!(shipped.metadata().causation_id(), Some("e-1"));
    assert_eq!(shipped.timestamp(), clock().now());
    assert!(draft.became(&shipped));
    assert_eq!(shipped.to_draft(), draft);
}

#[test]
fn a_draft_became_no_event_with_another_part() {
    let draft = draft_of("order-1", "e-1");
    let moved = draft.clone().at(version(9)).unwrap();
    assert!(draft.became(&moved), "the version is not the draft's");
    for other in [
        draft_of("order-1", "e-2"),
        draft_of("order-2", "e-1"),
        draft.clone().command(CommandId::new("c").unwrap()),
        draft.clone().metadata("k", "v").unwrap(),
        draft.clone().data(Payload::encode(&1).unwrap()),
        draft.clone().timestamp(Timestamp::UNIX_EPOCH),
    ] {
        assert!(!draft.became(&other.at(version(9)).unwrap()));
    }
}

#[test]
fn an_event_has_version_1_at_least() {
    let error = draft_of("a\"b", "e").at(Version::ZERO).unwrap_err();
    assert!(matches!(&error, InvalidEvent::VersionZero { actor_id } if *actor_id == "a\"b"));
    assert_eq!(
        error.to_string(),
        r#"an event of actor "a\"b" has version 0; the first is at least 1"#
    );
}

#[test]
fn a_draft_says_what_it_refuses() {
    let a = actor("a");
    let no_type = EventDraft::new(&a, "", &()).unwrap_err();
    assert!(matches!(
        no_type,
        InvalidEvent::Text(InvalidText::Empty { noun: "event type" })
    ));
    assert_eq!(no_type.to_string(), "event type is empty");
    let long = EventDraft::new(&a, "x".repeat(257), &()).unwrap_err();
    assert_eq!(
        long.to_string(),
        "event type has 257 bytes, at most 256 are allowed"
    );
    let deep =
        (0..=Payload::DEPTH_MAX).fold(serde_json::Value::Null, |inner, _| vec![inner].into());
    let deep = EventDraft::new(&a, "T", &deep).unwrap_err();
    assert!(matches!(deep, InvalidEvent::Payload(PayloadError::TooDeep)));
    assert_eq!(
        deep.to_string(),
        "the data is nested deeper than 100 levels"
    );
    let no_key = EventDraft::new(&a, "T", &())
        .unwrap()
        .metadata("", "v")
        .unwrap_err();
    assert_eq!(no_key.to_string(), "metadata key is empty");
    let large = EventDraft::new(&a, "T", &())
        .unwrap()
        .metadata("k", "v".repeat(Metadata::BYTES_MAX));
    assert_eq!(
        InvalidEvent::from(large.unwrap_err()).to_string(),
        "metadata would have 32769 bytes, at most 32768 are allowed"
    );
}

#[test]
fn an_event_type_comes_as_a_literal_a_string_or_itself() {
    const PLACED: EventType = EventType::from_static("Placed");
    let a = actor("a");
    let drafts = [
        EventDraft::new(&a, "Placed", &()),
        EventDraft::new(&a, String::from("Placed"), &()),
        EventDraft::new(&a, PLACED, &()),
        EventDraft::new(&a, &PLACED, &()),
    ];
    for draft in drafts {
        assert_eq!(*draft.unwrap().event_type(), PLACED);
    }
}

#[test]
fn two_events_are_equal_where_all_their_parts_are() {
    let one = event(1);
    assert_eq!(one, one.clone());
    assert_eq!(one, one.to_draft().at(version(1)).unwrap());
    assert_ne!(one, one.to_draft().at(version(2)).unwrap());
    assert_ne!(
        one,
        one.to_draft()
            .data(Payload::encode(&0).unwrap())
            .at(version(1))
            .unwrap()
    );
    let shown = format!("{one:?}");
    assert!(
        shown.starts_with(r#"Event { id: "e-1", event_type: "Happened", actor_id: "order-1""#),
        "{shown}"
    );
    assert!(shown.contains("version: 1, data: Payload(null)"), "{shown}");
}

#[test]
fn the_first_event_of_a_transaction_lends_its_id_to_all_that_follow() {
    let first = event(1);
    let second = draft_of("stock-1", "s-1")
        .caused_by(&first)
        .unwrap()
        .at(version(4))
        .unwrap();
    let third = draft_of("mail-1", "m-1")
        .caused_by(&second)
        .unwrap()
        .at(version(1))
        .unwrap();
    assert_eq!(second.metadata().correlation_id(), Some("e-1"));
    assert_eq!(second.metadata().causation_id(), Some("e-1"));
    assert_eq!(third.metadata().correlation_id(), Some("e-1"));
    assert_eq!(third.metadata().causation_id(), Some("s-1"));
    // A cause replaces an earlier one.
    let again = third
        .to_draft()
        .caused_by(&first)
        .unwrap()
        .at(version(2))
        .unwrap();
    assert_eq!(again.metadata().causation_id(), Some("e-1"));
    assert_eq!(again.metadata().len(), 2);
}

#[test]
fn metadata_has_accessors_for_the_standard_keys_and_order_for_all() {
    let mut metadata = Metadata::new();
    assert!(metadata.is_empty() && metadata.trace_id().is_none());
    for (key, value) in [
        (Metadata::USER_ID, "u"),
        (Metadata::TRACE_ID, "t"),
        (Metadata::SPAN_ID, "s"),
        (Metadata::CORRELATION_ID, "co"),
        (Metadata::CAUSATION_ID, "ca"),
        ("tenant", ""),
    ] {
        metadata.insert(key, value).unwrap();
    }
    assert_eq!(metadata.user_id(), Some("u"));
    assert_eq!(metadata.trace_id(), Some("t"));
    assert_eq!(metadata.span_id(), Some("s"));
    assert_eq!(metadata.correlation_id(), Some("co"));
    assert_eq!(metadata.causation_id(), Some("ca"));
    assert_eq!(
        (metadata.get("tenant"), metadata.get("none")),
        (Some(""), None)
    );
    let keys: Vec<&str> = metadata.iter().map(|(key, _)| key).collect();
    assert_eq!(
        keys,
        [
            "causationId",
            "correlationId",
            "spanId",
            "tenant",
            "traceId",
            "userId"
        ]
    );
    assert_eq!(metadata.len(), 6);
}

#[test]
fn a_full_metadata_takes_no_more_but_other_values() {
    let mut metadata = Metadata::new();
    for n in 0..Metadata::ENTRIES_MAX {
        metadata.insert(n.to_string(), "v").unwrap();
    }
    let error = metadata.insert("one more", "v").unwrap_err();
    assert_eq!(error, InvalidMetadata::TooManyEntries);
    assert_eq!(
        error.to_string(),
        "metadata has 64 entries already, which is the most"
    );
    metadata.insert("0", "w").unwrap();
    assert_eq!(metadata.get("0"), Some("w"));
    assert!(
        draft_of("a", "e")
            .with_metadata(metadata)
            .caused_by(&event(1))
            .is_err()
    );
}

#[test]
fn a_payload_says_what_is_wrong_with_it() {
    let wrong_type = Payload::encode("text").unwrap().decode::<u8>().unwrap_err();
    assert!(matches!(wrong_type, PayloadError::Decode(_)));
    assert!(
        wrong_type
            .to_string()
            .starts_with("the data is not what was asked for: "),
        "{wrong_type}"
    );
    let malformed = Payload::from_msgpack(vec![0x92, 1]).unwrap_err();
    assert_eq!(
        malformed.to_string(),
        "not well-formed MessagePack at byte 2: the data ends too early"
    );
    let json = Payload::from_json("{").unwrap_err();
    assert!(json.to_string().starts_with("JSON: EOF"), "{json}");
    let more = Payload::from_json("1 2").unwrap_err();
    assert!(matches!(more, PayloadError::Json(_)));
    // A struct's fields have names, so that more of them can be added later.
    let named = Payload::encode(&EventStored::notice(&clock(), &event(1), None).unwrap()).unwrap();
    assert_eq!(named.as_msgpack(), &named.to_bytes()[..]);
}

#[test]
fn data_is_shown_as_json_where_it_is_short() {
    assert_eq!(format!("{:?}", Payload::NIL), "Payload(null)");
    assert_eq!(
        format!("{:?}", Payload::encode(&("a", 1)).unwrap()),
        r#"Payload(["a",1])"#
    );
    let long = Payload::encode(&"x".repeat(1_000)).unwrap();
    assert_eq!(format!("{long:?}"), "Payload(1003 bytes of MessagePack)");
}

#[test]
fn a_snapshot_says_of_whom_when_and_where() {
    let place = Position::new(1, 2, 0);
    let snapshot =
        ActorSnapshot::with_clock(&clock(), &actor("order-1"), version(2), &"open").unwrap();
    assert_eq!(snapshot.position(), None);
    let snapshot = snapshot.at_position(place);
    assert_eq!(*snapshot.actor_id(), "order-1");
    assert_eq!(snapshot.version(), version(2));
    assert_eq!(snapshot.decode::<&str>().unwrap(), "open");
    assert_eq!(*snapshot.state(), Payload::encode("open").unwrap());
    assert_eq!(snapshot.timestamp(), clock().now());
    assert_eq!(snapshot.position(), Some(place));
    assert!(matches!(
        snapshot.decode::<u8>(),
        Err(PayloadError::Decode(_))
    ));
}

#[test]
fn the_notice_of_a_stored_event_has_an_id_of_its_own_and_the_events_place() {
    let stored = event(7);
    let place = Position::new(1, 2, 0);
    let notice = EventStored::notice(&clock(), &stored, Some(place)).unwrap();
    let again = EventStored::notice(&clock(), &stored, Some(place)).unwrap();
    assert_ne!(notice.id(), stored.id());
    assert_ne!(notice.id(), again.id());
    assert_eq!(*notice.event_type(), "EventStored");
    assert_eq!(
        (notice.actor_id(), notice.version()),
        (stored.actor_id(), stored.version())
    );
    let expected = EventStored {
        event_id: stored.id().clone(),
        actor_id: actor("order-1"),
        version: version(7),
        timestamp: 1_772_366_400,
        position: Some(place),
    };
    assert_eq!(notice.decode::<EventStored>().unwrap(), expected);
}

#[test]
fn an_append_gives_its_version_and_place_and_what_its_drafts_became() {
    let place = Position::new(1, 2, 1);
    let stored = Appended::stored(version(5), place);
    assert_eq!((stored.version(), stored.position()), (version(5), place));
    assert!(!stored.was_repeated() && stored.numbered().is_empty());
    assert!(stored.clone().into_numbered().is_empty());
    let repeated = Appended::repeated(version(5), place).with_numbered(vec![event(5)]);
    assert!(repeated.was_repeated());
    assert_eq!(repeated.numbered(), [event(5)]);
    assert_ne!(stored, repeated);
    assert_eq!(repeated.into_numbered(), [event(5)]);
}

#[test]
fn a_recorded_event_is_an_event_and_its_place() {
    let (event, place) = (event(1), Position::new(1, 2, 0));
    let recorded = RecordedEvent::new(event.clone(), place);
    assert_eq!((recorded.event(), recorded.position()), (&event, place));
    assert_eq!(recorded.into_event(), event);
}

#[test]
fn a_filter_without_criteria_lets_everything_pass() {
    let filter = EventFilter::all();
    assert_eq!(filter, EventFilter::default());
    assert!(filter.passes(&event(1)));
    assert_eq!(
        (
            filter.categories().len(),
            filter.actors().len(),
            filter.event_types().len()
        ),
        (0, 0, 0)
    );
}

#[test]
fn a_filter_is_any_of_each_criterion_and_all_of_the_criteria() {
    let of = |actor_id: &str, event_type: &str| {
        EventDraft::new(&actor(actor_id), event_type, &())
            .unwrap()
            .at(version(1))
            .unwrap()
    };
    let typed = |name| EventType::new(name).unwrap();
    let orders = EventFilter::all().category("order");
    let orders_and_carts = orders.clone().category("cart");
    let two = EventFilter::all()
        .actor(actor("order-1"))
        .actor(actor("cart-1"));
    let placed = EventFilter::all()
        .event_type(typed("Placed"))
        .event_type(typed("Paid"));
    let all = orders_and_carts
        .clone()
        .actor(actor("order-1"))
        .event_type(typed("Placed"));
    let never = EventFilter::all().category("order").actor(actor("cart-1"));
    for (filter, passing) in [
        (&orders, [true, false, true, false]),
        (&orders_and_carts, [true, true, true, false]),
        (&two, [true, true, false, false]),
        (&placed, [true, false, true, true]),
        (&all, [true, false, false, false]),
        (&never, [false; 4]),
    ] {
        let events = [
            of("order-1", "Placed"),
            of("cart-1", "Shipped"),
            of("order-2", "Paid"),
            of("orders-1", "Placed"), // another category, though it begins alike
        ];
        assert_eq!(
            events.map(|event| filter.passes(&event)),
            passing,
            "{filter:?}"
        );
    }
    assert!(all.categories().eq(["cart", "order"]));
    assert!(all.actors().eq([&actor("order-1")]));
    assert!(all.event_types().eq([&typed("Placed")]));
    // A criterion given twice is one.
    assert_eq!(orders.clone().category("order"), orders);
}

#[test]
fn a_clock_is_whatever_tells_the_time() {
    let fixed = clock();
    let shared: Arc<dyn Clock> = Arc::new(fixed);
    fn tells(clock: impl Clock) -> Timestamp {
        clock.now()
    }
    for now in [tells(fixed), tells(Arc::clone(&shared)), tells(&*shared)] {
        assert_eq!(now, "2026-03-01T12:00:00.9Z".parse().unwrap());
    }
    let draft = EventDraft::with_clock(&*shared, &actor("a"), "T", &()).unwrap();
    assert_eq!(draft.at(version(1)).unwrap().timestamp(), fixed.now());
    assert!(SystemClock.now() > fixed.now() || SystemClock.now() > Timestamp::UNIX_EPOCH);
}

#[test]
fn ids_sort_by_the_time_of_their_clock_and_one_before_1970_counts_as_1970() {
    let at = |nanos| EventId::generate(&FixedClock::new(Timestamp::from_unix_nanos(nanos)));
    assert!(at(0) < at(1_000_000) && at(1_000_000) < at(i64::MAX));
    assert!(at(i64::MIN).as_str().starts_with("0000000000"));
}

#[test]
fn a_broadcaster_may_be_shared_and_says_why_it_did_not_pass_something_on() {
    struct Full;
    impl EventBroadcaster for Full {
        fn broadcast(&self, _: &Namespace, _: &Event) -> Result<(), BroadcastError> {
            Err(BroadcastError::new("the queue is full"))
        }
    }
    fn passes_on(broadcaster: impl EventBroadcaster) -> Result<(), BroadcastError> {
        broadcaster.broadcast(&Namespace::from_static("shop"), &event(1))
    }
    let shared: Arc<dyn EventBroadcaster> = Arc::new(Full);
    for outcome in [
        passes_on(&Full),
        passes_on(&*shared),
        passes_on(shared.clone()),
    ] {
        let error = outcome.unwrap_err();
        assert_eq!(error.to_string(), "not passed on: the queue is full");
        assert!(std::error::Error::source(&error).is_some());
    }
}

#[test]
fn a_wire_form_names_its_media_type() {
    assert_eq!(WireForm::default(), WireForm::MessagePack);
    assert_eq!(WireForm::MessagePack.media_type(), "application/msgpack");
    assert_eq!(WireForm::Json.media_type(), "application/json");
    assert_eq!(WireForm::FORMAT, 1);
    assert_eq!(ActorId::BYTES_MAX, 1_024);
}
