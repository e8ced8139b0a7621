//! What an actor's state was: replays that end at a version or a time, from a snapshot where one
//! can be used.

use aether_core::{
    ActorSnapshot, Event, EventStore, EventStoreExt, FixedClock, Position, RestoreExt, Restored,
    StoreError, StoreErrorKind, Until, Version,
};
use futures_util::StreamExt;
use proptest::prelude::*;

use crate::comfort::{now, versions};
use crate::restores::{found, snapshot_at};
use crate::scripted::{Asked, Item, Scripted, Snapshot};
use crate::{actor, event_at, time, version};

fn restore(store: &Scripted, until: impl Into<Until>) -> Result<Restored, StoreError> {
    now(store.restore_until(&actor("order-1"), until))
}

/// A snapshot at this version that was taken at this time.
fn taken_at(number: u64, seconds: i64) -> ActorSnapshot {
    let clock = FixedClock::new(time(seconds));
    ActorSnapshot::with_clock(&clock, &actor("order-1"), version(number), &number).unwrap()
}

/// Versions and times: the clock of who made 3 was behind.
const DATED: [(u64, i64); 5] = [(1, 10), (2, 30), (3, 20), (5, 40), (6, 50)];

fn dated() -> Scripted {
    Scripted::with(DATED.map(|(number, seconds)| Item::Event(event_at(number, seconds))))
}

#[test]
fn until_a_version_a_snapshot_is_used_that_is_not_past_it() {
    for (snapshot, until, expected) in [
        (2, 2, (Some(2), vec![])),
        (2, 3, (Some(2), vec![3])),
        (2, 4, (Some(2), vec![3])),
        (2, 7, (Some(2), vec![3, 7])),
        (2, 99, (Some(2), vec![3, 7])),
        (5, 6, (Some(5), vec![])),
        (3, 2, (None, vec![1, 2])),
        (7, 6, (None, vec![1, 2, 3])),
        (7, 0, (None, vec![])),
        (0, 0, (Some(0), vec![])),
        (0, 1, (Some(0), vec![1])),
    ] {
        let store = Scripted::events([1, 2, 3, 7]).snapshot(snapshot_at(snapshot));
        let restored = restore(&store, version(until)).unwrap();
        let (from, events) = expected;
        assert_eq!(
            found(&restored),
            (from, events.clone(), None),
            "a snapshot at {snapshot}, until {until}"
        );
        let last = events.last().copied().or(from).unwrap_or_default();
        assert_eq!(restored.version(), version(last));
    }
}

#[test]
fn a_snapshot_past_the_version_is_not_looked_at() {
    let store = Scripted::events([1, 2, 3]).snapshot(snapshot_at(9));
    assert_eq!(
        found(&restore(&store, version(2)).unwrap()),
        (None, vec![1, 2], None),
        "it is ahead of the history, but that is not asked"
    );
    assert_eq!(store.asked(), [Asked::LatestSnapshot, Asked::EventsFrom(0)]);
    assert_eq!((store.polls(), store.open_streams()), (2, 0));
}

#[test]
fn a_replay_reads_no_further_than_its_bound() {
    let store = Scripted::events([1, 2, 3, 4, 5]).snapshot(snapshot_at(2));
    restore(&store, version(3)).unwrap();
    assert_eq!(store.asked(), [Asked::LatestSnapshot, Asked::EventsFrom(2)]);
    assert_eq!((store.polls(), store.open_streams()), (2, 0));
}

#[test]
fn until_a_time_a_snapshot_is_used_if_its_last_event_is_not_later() {
    for (snapshot, until, expected) in [
        (1, 10, (Some(1), vec![])),
        (1, 9, (None, vec![])),
        (1, 29, (Some(1), vec![])),
        (2, 30, (Some(2), vec![3])),
        (2, 29, (None, vec![1])),
        (5, 40, (Some(5), vec![])),
        (5, 39, (None, vec![1, 2, 3])),
        (6, 60, (Some(6), vec![])),
        // It holds the effect of 2, which is later; the history alone would end at 1.
        (3, 25, (Some(3), vec![])),
    ] {
        // When the snapshot was taken doesn't matter where its event is there.
        for taken in [0, 99] {
            let store = dated().snapshot(Snapshot::Is(taken_at(snapshot, taken)));
            let restored = restore(&store, time(until)).unwrap();
            let (from, events) = expected.clone();
            assert_eq!(
                found(&restored),
                (from, events, None),
                "a snapshot at {snapshot}, until {until} s"
            );
            assert_eq!(store.open_streams(), 0);
        }
    }
}

#[test]
fn where_the_snapshots_event_is_gone_the_time_when_it_was_taken_decides() {
    // 1 and 2 have expired; the snapshot was taken at 35 s.
    let rest = || Scripted::with([Item::Event(event_at(3, 40)), Item::Event(event_at(4, 50))]);
    for (until, expected) in [
        (45, (Some(2), vec![3], None)),
        (35, (Some(2), vec![], None)),
        // It may be later. A store with a retention answers that the beginning is gone.
        (34, (None, vec![], None)),
    ] {
        let store = rest().snapshot(Snapshot::Is(taken_at(2, 35)));
        let restored = restore(&store, time(until)).unwrap();
        assert_eq!(found(&restored), expected, "until {until} s");
    }
    // All have expired, and the store still knows how far they went.
    for (until, expected) in [(35, Some(2)), (34, None)] {
        let mut store = Scripted::events([]).snapshot(Snapshot::Is(taken_at(2, 35)));
        store.latest = Some(version(2));
        let restored = restore(&store, time(until)).unwrap();
        assert_eq!(found(&restored), (expected, vec![], None));
        let asked = [
            Asked::LatestSnapshot,
            Asked::EventsFrom(2),
            Asked::LatestVersion,
        ];
        assert_eq!(store.asked()[..3], asked);
    }
}

#[test]
fn where_the_snapshots_event_can_not_be_read_its_time_is_not_known() {
    let history = || {
        Scripted::with([
            Item::Event(event_at(1, 10)),
            Item::Event(event_at(2, 20)),
            Item::Malformed(3),
            Item::Event(event_at(4, 40)),
        ])
    };
    let snapshot = || Snapshot::Is(taken_at(3, 30));
    // The whole history, up to there, has nothing that is unreadable.
    let restored = restore(&history().snapshot(snapshot()), time(15)).unwrap();
    assert_eq!(found(&restored), (None, vec![1], None));
    // Here it has.
    let error = restore(&history().snapshot(snapshot()), time(50)).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Malformed);
    // By a version, it is known that the snapshot may be used: nothing else is tried.
    let store = history().snapshot(snapshot());
    let error = restore(&store, version(3)).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Malformed);
    assert_eq!(store.asked(), [Asked::LatestSnapshot, Asked::EventsFrom(3)]);
}

#[test]
fn a_snapshot_that_is_not_of_this_history_is_reported_with_a_bound_too() {
    let elsewhere = taken_at(2, 0).at_position(Position::new(99, 2, 0));
    let regressed = Some(StoreErrorKind::HistoryRegressed);
    for (snapshot, until, events) in [
        (elsewhere.clone(), Until::Version(version(2)), vec![1, 2]),
        (elsewhere, Until::Time(time(30)), vec![1, 2, 3]),
        (
            taken_at(9, 0),
            Until::Version(version(9)),
            vec![1, 2, 3, 5, 6],
        ),
        (taken_at(9, 0), Until::Time(time(10)), vec![1]),
    ] {
        let store = dated().snapshot(Snapshot::Is(snapshot));
        let restored = restore(&store, until).unwrap();
        assert_eq!(found(&restored), (None, events, regressed), "{until:?}");
    }
}

#[test]
fn a_fault_of_the_snapshots_alone_costs_a_longer_replay_up_to_the_bound() {
    for (snapshot, problem) in [
        (Snapshot::None, None),
        (Snapshot::Malformed, Some(StoreErrorKind::Malformed)),
        (Snapshot::Unavailable, Some(StoreErrorKind::Unavailable)),
    ] {
        for until in [Until::Version(version(1)), Until::Time(time(29))] {
            let store = dated().snapshot(snapshot.clone());
            let restored = restore(&store, until).unwrap();
            assert_eq!(found(&restored), (None, vec![1], problem));
        }
    }
}

#[test]
fn a_history_that_can_not_be_reached_is_an_error_with_a_bound_too() {
    for until in [Until::Version(version(9)), Until::Time(time(60))] {
        let broken_off = || Scripted::with([Item::Event(event_at(1, 10)), Item::Unavailable]);
        for store in [broken_off(), broken_off().snapshot(snapshot_at(1))] {
            let error = restore(&store, until).unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        }
    }
}

#[test]
fn what_was_restored_knows_the_place_of_its_last_event() {
    let place = |number| Position::new(1, number, 0);
    let known = taken_at(2, 0).at_position(place(2));
    for (history, snapshot, until, position) in [
        (vec![1, 2, 7], Snapshot::None, 99, Some(place(7))),
        (vec![1, 2, 7], Snapshot::None, 5, Some(place(2))),
        (vec![1, 2, 7], Snapshot::None, 0, None),
        (vec![], Snapshot::None, 99, None),
        (vec![1, 2, 7], snapshot_at(2), 99, Some(place(7))),
        // The snapshot doesn't know its place; its event was read along, and does.
        (vec![1, 2, 7], snapshot_at(2), 2, Some(place(2))),
        // Its event has expired.
        (vec![7], snapshot_at(2), 2, None),
        (vec![7], Snapshot::Is(known.clone()), 2, Some(place(2))),
        (vec![7], Snapshot::Is(known), 7, Some(place(7))),
    ] {
        let store = Scripted::events(history.clone()).snapshot(snapshot);
        let restored = restore(&store, version(until)).unwrap();
        assert_eq!(restored.position(), position, "{history:?} until {until}");
    }
}

#[test]
fn a_snapshot_taken_after_a_replay_is_the_beginning_of_the_next() {
    let store = Scripted::events([1, 2, 5]);
    let restored = now(store.restore(&actor("order-1"))).unwrap();
    let cost = restored.cost();
    assert_eq!((cost.events, cost.bytes), (3, 3), "a nil is one byte");
    let snapshot = ActorSnapshot::new(&actor("order-1"), restored.version(), &()).unwrap();
    let snapshot = snapshot.at_position(restored.position());
    assert!(snapshot.position().is_some());
    let store = Scripted::events([1, 2, 5, 6]).snapshot(Snapshot::Is(snapshot));
    let restored = now(store.restore(&actor("order-1"))).unwrap();
    assert_eq!(found(&restored), (Some(5), vec![6], None));
    assert_eq!(restored.cost().events, 1, "what is in the snapshot is free");
}

/// A history of rising versions; the times are what is given.
fn history(parts: &[(u64, i64)]) -> Vec<Event> {
    let mut number = 0;
    let mut next = |(gap, seconds): &(u64, i64)| {
        number += gap;
        event_at(number, *seconds)
    };
    parts.iter().map(&mut next).collect()
}

/// All that a state consists of: what is in the snapshot, and what comes after it.
fn adds_up_to(restored: &Restored, history: &[Event]) -> Vec<Event> {
    let covered = restored.snapshot.as_ref().map(ActorSnapshot::version);
    let covered = history
        .iter()
        .filter(|event| Some(event.version()) <= covered);
    covered.chain(&restored.events).cloned().collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(512)
    })]

    #[test]
    fn a_bounded_replay_from_a_snapshot_arrives_where_one_from_the_beginning_does(
        parts in prop::collection::vec((1..4_u64, 0..3_i64), 0..10),
        snapshot in 0..20_u64,
        by_version in prop::bool::ANY,
        bound in 0..25_u64,
    ) {
        // Times that never fall.
        let mut clock = 0;
        let rising: Vec<_> = parts
            .iter()
            .map(|(gap, later)| {
                clock += later;
                (*gap, clock)
            })
            .collect();
        let history = history(&rising);
        let until = match by_version {
            true => Until::Version(version(bound)),
            false => Until::Time(time(i64::try_from(bound).unwrap())),
        };
        let store = Scripted::with(history.iter().cloned().map(Item::Event))
            .snapshot(Snapshot::Is(taken_at(snapshot, clock)));
        let whole = now(store.get_events_until(&actor("order-1"), Version::ZERO, until)).unwrap();
        let restored = restore(&store, until).unwrap();
        prop_assert_eq!(versions(&adds_up_to(&restored, &history)), versions(&whole));
    }

    #[test]
    fn whatever_the_clocks_say_a_bounded_replay_is_a_state_that_the_actor_had(
        parts in prop::collection::vec((1..4_u64, 0..9_i64), 0..10),
        snapshot in 0..20_u64,
        bound in 0..10_i64,
    ) {
        let history = history(&parts);
        let store = Scripted::with(history.iter().cloned().map(Item::Event))
            .snapshot(Snapshot::Is(taken_at(snapshot, bound)));
        let restored = restore(&store, time(bound)).unwrap();
        let state = adds_up_to(&restored, &history);
        prop_assert_eq!(&state[..], &history[..state.len()]);
        prop_assert!(restored.events.iter().all(|event| event.timestamp() <= time(bound)));
        let next = history.get(state.len());
        prop_assert!(next.is_none_or(|event| event.timestamp() > time(bound)));
    }
}

#[test]
fn a_state_of_now_is_the_same_with_and_without_a_bound() {
    let store = dated().snapshot(Snapshot::Is(taken_at(2, 0)));
    let unbounded = now(store.restore(&actor("order-1"))).unwrap();
    for until in [Until::Version(Version::MAX), Until::Time(time(999))] {
        let bounded = restore(&store, until).unwrap();
        assert_eq!(found(&bounded), found(&unbounded));
        assert_eq!(bounded.position(), unbounded.position());
        assert_eq!(bounded.cost(), unbounded.cost());
    }
    let last = now(store.events(&actor("order-1"), version(6)).next());
    assert_eq!(
        unbounded.position(),
        Some(last.unwrap().unwrap().position())
    );
}
