//! Reads that end at a version or at a time.

use aether_core::{Event, EventStoreExt, StoreError, StoreErrorKind, Timestamp, Until, Version};
use futures_util::StreamExt;
use proptest::prelude::*;

use crate::comfort::{now, torn, versions};
use crate::scripted::{Asked, Item, Scripted, malformed};
use crate::{actor, event, event_at, time, version};

fn read(store: &Scripted, from: u64, until: impl Into<Until>) -> Result<Vec<Event>, StoreError> {
    now(store.get_events_until(&actor("order-1"), version(from), until))
}

/// A history of these versions and times.
fn dated(events: &[(u64, i64)]) -> Scripted {
    let events = events
        .iter()
        .map(|(number, seconds)| event_at(*number, *seconds));
    Scripted::with(events.map(Item::Event))
}

#[test]
fn until_a_version_includes_it_and_until_a_gap_ends_below_it() {
    for (from, until, found) in [
        (0, 0, &[][..]),
        (0, 1, &[1]),
        (0, 2, &[1, 2]),
        (0, 3, &[1, 2]),
        (0, 4, &[1, 2]),
        (0, 5, &[1, 2, 5]),
        (0, 9, &[1, 2, 5, 9]),
        (0, 10, &[1, 2, 5, 9]),
        (0, Version::MAX.get(), &[1, 2, 5, 9]),
        (2, 2, &[2]),
        (2, 5, &[2, 5]),
        (3, 4, &[]),
        (3, 8, &[5]),
        (6, 5, &[]),
        (10, 12, &[]),
    ] {
        let store = Scripted::events([1, 2, 5, 9]);
        let events = read(&store, from, version(until)).unwrap();
        assert_eq!(versions(&events), found, "from {from} until {until}");
    }
}

#[test]
fn until_a_time_ends_before_the_first_event_that_is_later_whatever_follows_it() {
    // The clock of who made 3 was behind, or that of who made 2 was ahead.
    let history = [(1, 10), (2, 30), (3, 15), (5, 30), (6, 40)];
    for (from, until, found) in [
        (0, 9, &[][..]),
        (0, 10, &[1]),
        (0, 29, &[1]),
        (0, 30, &[1, 2, 3, 5]),
        (0, 39, &[1, 2, 3, 5]),
        (0, 40, &[1, 2, 3, 5, 6]),
        // What is not read ends nothing.
        (3, 20, &[3]),
        (4, 20, &[]),
        (7, 50, &[]),
    ] {
        let events = read(&dated(&history), from, time(until)).unwrap();
        assert_eq!(versions(&events), found, "from {from} until {until} s");
    }
}

#[test]
fn a_nanosecond_decides_and_the_ends_of_time_are_bounds_like_others() {
    let at = |nanos| Timestamp::from_unix_nanos(nanos);
    let made = |number, nanos| {
        let draft = event(number).to_draft().timestamp(at(nanos));
        Item::Event(draft.at(version(number)).unwrap())
    };
    let store = || Scripted::with([made(1, i64::MIN), made(2, 7), made(3, 8), made(4, i64::MAX)]);
    for (until, found) in [(i64::MIN, 1), (6, 1), (7, 2), (8, 3), (i64::MAX, 4)] {
        let events = read(&store(), 0, at(until)).unwrap();
        assert_eq!(events.len(), found, "until {until} ns");
    }
}

#[test]
fn the_event_with_the_bounding_version_ends_the_read_without_another_look() {
    let store = Scripted::events([1, 2, 3]);
    let mut stream = store.events_until(&actor("order-1"), Version::ZERO, version(2));
    for number in [1, 2] {
        let recorded = now(stream.next()).unwrap().unwrap();
        assert_eq!(recorded.event().version(), version(number));
        assert_eq!(store.open_streams(), usize::from(number < 2));
    }
    // It stays at its end.
    assert!(now(stream.next()).is_none() && now(stream.next()).is_none());
    assert_eq!(store.polls(), 2);
}

#[test]
fn the_first_event_past_the_bound_is_the_last_that_is_looked_at() {
    for until in [Until::Version(version(3)), Until::Time(time(20))] {
        let store = dated(&[(1, 10), (2, 20), (5, 30), (6, 40), (7, 50)]);
        let mut stream = store.events_until(&actor("order-1"), Version::ZERO, until);
        for _ in 0..2 {
            now(stream.next()).unwrap().unwrap();
        }
        assert_eq!(store.open_streams(), 1);
        assert!(now(stream.next()).is_none());
        assert_eq!(store.open_streams(), 0, "though the bounded one is kept");
        assert!(now(stream.next()).is_none());
        assert_eq!(store.polls(), 3, "{until:?}");
    }
}

#[test]
fn a_bound_below_what_is_asked_for_asks_the_store_for_nothing() {
    let store = Scripted::with([Item::Unavailable]);
    for (from, until) in [(0, 0), (3, 2), (3, 0), (Version::MAX.get(), 1)] {
        assert_eq!(read(&store, from, version(until)).unwrap(), []);
    }
    assert_eq!(store.asked(), []);
    assert!(read(&store, 3, version(3)).is_err());
    assert_eq!(store.asked(), [Asked::EventsFrom(3)]);
}

#[test]
fn what_is_malformed_counts_as_long_as_the_bound_is_not_passed() {
    // Unreadable: 1, 4, 5 and 7, as places in the store. Readable: versions 1, 2 and 5.
    let read_all = |until: Until| {
        let store = Scripted::with(torn());
        let stream = store.events_until(&actor("order-1"), Version::ZERO, until);
        let items: Vec<_> = now(stream.collect());
        let shown = |item: &Result<aether_core::RecordedEvent, StoreError>| match item {
            Ok(recorded) => format!("{}", recorded.event().version()),
            Err(StoreError::Malformed(error)) => format!("bad {}", error.position.sequence()),
            Err(error) => panic!("{error}"),
        };
        items.iter().map(shown).collect::<Vec<_>>().join(", ")
    };
    for (until, items) in [
        (1, "bad 1, 1"),
        (2, "bad 1, 1, 2"),
        // An event that is unreadable may have just this version.
        (3, "bad 1, 1, 2, bad 4, bad 5"),
        (4, "bad 1, 1, 2, bad 4, bad 5"),
        (5, "bad 1, 1, 2, bad 4, bad 5, 5"),
        (6, "bad 1, 1, 2, bad 4, bad 5, 5, bad 7"),
    ] {
        assert_eq!(
            read_all(version(until).into()),
            items,
            "until version {until}"
        );
    }
    // All have one time.
    let made = event(1).timestamp();
    let before = Timestamp::from_unix_nanos(made.unix_nanos() - 1);
    assert_eq!(read_all(before.into()), "bad 1");
    assert_eq!(read_all(made.into()), "bad 1, 1, 2, bad 4, bad 5, 5, bad 7");
}

#[test]
fn get_events_until_fails_at_what_is_malformed_before_the_bound_and_only_there() {
    let history = || {
        Scripted::with([
            Item::Event(event(1)),
            Item::Event(event(2)),
            Item::Malformed(3),
            Item::Event(event(4)),
        ])
    };
    for (until, found) in [(1, &[1][..]), (2, &[1, 2])] {
        let events = read(&history(), 0, version(until)).unwrap();
        assert_eq!(versions(&events), found);
    }
    for until in [3, 4, 5] {
        let error = read(&history(), 0, version(until)).unwrap_err();
        let StoreError::Malformed(found) = error else {
            panic!("{error:?}")
        };
        assert_eq!(*found, malformed(3));
    }
}

#[test]
fn a_history_that_breaks_off_before_the_bound_is_an_error_and_after_it_is_none() {
    let store = || {
        Scripted::with([
            Item::Event(event(1)),
            Item::Unavailable,
            Item::Event(event(2)),
        ])
    };
    assert_eq!(read(&store(), 0, version(1)).unwrap().len(), 1);
    let error = read(&store(), 0, version(2)).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    let broken_off = store();
    let stream = broken_off.events_until(&actor("order-1"), Version::ZERO, version(2));
    assert_eq!(now(stream.count()), 2, "nothing follows the error");
    assert_eq!(broken_off.open_streams(), 0);
}

/// Events at rising versions with any times, and what can't be read among them.
fn any_history() -> impl Strategy<Value = Vec<Item>> {
    let item = (1..4_u64, 0..6_i64, prop::bool::weighted(0.1));
    prop::collection::vec(item, 0..12).prop_map(|items| {
        let mut number = 0;
        let mut next = |(gap, seconds, is_bad)| {
            number += gap;
            match is_bad {
                true => Item::Malformed(number),
                false => Item::Event(event_at(number, seconds)),
            }
        };
        items.into_iter().map(&mut next).collect()
    })
}

fn any_bound() -> impl Strategy<Value = Until> {
    prop_oneof![
        (0..30_u64).prop_map(|number| Until::Version(version(number))),
        (-1..6_i64).prop_map(|seconds| Until::Time(time(seconds))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(512)
    })]

    #[test]
    fn a_bounded_read_is_the_beginning_of_an_unbounded_one(
        history in any_history(),
        from in 0..15_u64,
        until in any_bound(),
    ) {
        let is_past = |event: &Event| match until {
            Until::Version(bound) => event.version() > bound,
            Until::Time(bound) => event.timestamp() > bound,
        };
        let is_bound = |event: &Event| until == Until::Version(event.version());
        let mut expected = Ok(vec![]);
        let nothing = matches!(until, Until::Version(bound) if bound.is_zero() || bound < version(from));
        for item in history.iter().filter(|_| !nothing) {
            match (item, &mut expected) {
                (Item::Event(event), _) if event.version() < version(from) => {}
                (Item::Event(event), _) if is_past(event) => break,
                (Item::Event(event), Ok(events)) => {
                    events.push(event.clone());
                    if is_bound(event) {
                        break;
                    }
                }
                _ => {
                    expected = Err(StoreErrorKind::Malformed);
                    break;
                }
            }
        }
        let store = Scripted::with(history);
        let seen = read(&store, from, until).map_err(|error| error.kind());
        prop_assert_eq!(seen, expected);
        prop_assert_eq!(store.open_streams(), 0);
    }
}
