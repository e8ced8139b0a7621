//! Replays that start from a snapshot: a longer replay at worst, never a wrong state.

use aether_core::{
    ActorSnapshot, Event, EventStore, Position, RestoreExt, Restored, StoreError, StoreErrorKind,
    Version,
};
use futures_util::StreamExt;

use crate::comfort::now;
use crate::scripted::{Asked, Item, Scripted, Snapshot};
use crate::{actor, event, version};

pub(crate) fn snapshot_at(number: u64) -> Snapshot {
    Snapshot::Is(ActorSnapshot::new(&actor("order-1"), version(number), &number).unwrap())
}

fn restore(store: &Scripted) -> Result<Restored, StoreError> {
    now(store.restore(&actor("order-1")))
}

/// The snapshot's version, the versions of the events, the problem's kind.
pub(crate) fn found(restored: &Restored) -> (Option<u64>, Vec<u64>, Option<StoreErrorKind>) {
    (
        restored
            .snapshot
            .as_ref()
            .map(|snapshot| snapshot.version().get()),
        restored
            .events
            .iter()
            .map(|event: &Event| event.version().get())
            .collect(),
        restored.problem.as_ref().map(StoreError::kind),
    )
}

#[test]
fn without_a_snapshot_the_whole_history_is_read() {
    let store = Scripted::events([1, 2, 3]);
    let restored = restore(&store).unwrap();
    assert_eq!(found(&restored), (None, vec![1, 2, 3], None));
    assert_eq!(restored.version(), version(3));
}

#[test]
fn an_actor_without_anything_is_restored_to_nothing() {
    let restored = restore(&Scripted::events([])).unwrap();
    assert_eq!(found(&restored), (None, vec![], None));
    assert_eq!(restored.version(), Version::ZERO);
}

#[test]
fn with_a_snapshot_only_the_events_after_it_are_given() {
    let store = Scripted::events([1, 2, 3, 7]).snapshot(snapshot_at(2));
    let restored = restore(&store).unwrap();
    assert_eq!(found(&restored), (Some(2), vec![3, 7], None));
    assert_eq!(restored.version(), version(7));
    assert_eq!(restored.snapshot.unwrap().decode::<u64>().unwrap(), 2);
    assert_eq!(
        store.asked(),
        [Asked::LatestSnapshot, Asked::EventsFrom(2)],
        "what comes before the snapshot is not read"
    );
}

#[test]
fn a_snapshot_of_the_last_event_needs_no_others() {
    let store = Scripted::events([1, 2, 3]).snapshot(snapshot_at(3));
    let restored = restore(&store).unwrap();
    assert_eq!(found(&restored), (Some(3), vec![], None));
    assert_eq!(restored.version(), version(3));
    assert_eq!(
        store.asked().len(),
        2,
        "the latest version is not asked for"
    );
}

#[test]
fn a_snapshot_that_knows_its_place_counts_only_there() {
    let store = Scripted::events([1, 2, 3]);
    let place = now(store.events(&actor("order-1"), version(2)).next());
    let place = place.unwrap().unwrap().position();
    let elsewhere = Position::new(place.incarnation() + 1, place.sequence(), place.index());
    let restored_from = |place: Position| {
        let snapshot = ActorSnapshot::new(&actor("order-1"), version(2), &2).unwrap();
        let snapshot = Snapshot::Is(snapshot.at_position(place));
        found(&restore(&Scripted::events([1, 2, 3]).snapshot(snapshot)).unwrap())
    };
    assert_eq!(restored_from(place), (Some(2), vec![3], None));
    // The store was made anew, and another event has that version now.
    assert_eq!(
        restored_from(elsewhere),
        (None, vec![1, 2, 3], Some(StoreErrorKind::HistoryRegressed))
    );
}

#[test]
fn a_snapshot_between_two_versions_counts() {
    let store = Scripted::events([1, 5]).snapshot(snapshot_at(3));
    assert_eq!(found(&restore(&store).unwrap()), (Some(3), vec![5], None));
}

#[test]
fn a_snapshot_ahead_of_the_history_is_reported_and_not_used() {
    for (history, ahead) in [
        (vec![1, 2, 3], 4),
        (vec![1], Version::MAX.get()),
        (vec![], 1),
    ] {
        let store = Scripted::events(history.clone()).snapshot(snapshot_at(ahead));
        let restored = restore(&store).unwrap();
        assert_eq!(
            found(&restored),
            (None, history, Some(StoreErrorKind::HistoryRegressed))
        );
        let problem = restored.problem.unwrap();
        assert_eq!(
            problem.to_string(),
            format!(
                "the history of actor \"order-1\" went backwards from version {ahead}: \
                 the snapshot is not of this history"
            )
        );
    }
}

#[test]
fn a_snapshot_that_can_not_be_read_is_reported_and_the_whole_history_read() {
    let store = Scripted::events([1, 2]).snapshot(Snapshot::Malformed);
    let restored = restore(&store).unwrap();
    assert_eq!(
        found(&restored),
        (None, vec![1, 2], Some(StoreErrorKind::Malformed))
    );
}

#[test]
fn a_store_of_snapshots_that_does_not_answer_costs_a_longer_replay_only() {
    let store = Scripted::events([1, 2]).snapshot(Snapshot::Unavailable);
    let restored = restore(&store).unwrap();
    assert_eq!(
        found(&restored),
        (None, vec![1, 2], Some(StoreErrorKind::Unavailable))
    );
}

#[test]
fn a_snapshot_stands_in_for_a_history_that_has_expired() {
    // All of it, and the store still knows how far it went.
    let mut store = Scripted::events([]).snapshot(snapshot_at(9));
    store.latest = Some(version(9));
    let restored = restore(&store).unwrap();
    assert_eq!(found(&restored), (Some(9), vec![], None));
    assert_eq!(restored.version(), version(9));
    assert_eq!(
        store.asked(),
        [
            Asked::LatestSnapshot,
            Asked::EventsFrom(9),
            Asked::LatestVersion
        ]
    );
    // All up to the snapshot, its own event included.
    let store = Scripted::events([10, 11]).snapshot(snapshot_at(9));
    assert_eq!(
        found(&restore(&store).unwrap()),
        (Some(9), vec![10, 11], None)
    );
}

#[test]
fn a_snapshot_of_no_events_is_as_good_as_none() {
    let store = Scripted::events([1, 2]).snapshot(snapshot_at(0));
    assert_eq!(
        found(&restore(&store).unwrap()),
        (Some(0), vec![1, 2], None)
    );
    let store = Scripted::events([]).snapshot(snapshot_at(0));
    assert_eq!(found(&restore(&store).unwrap()), (Some(0), vec![], None));
}

#[test]
fn an_event_that_can_not_be_read_is_an_error_with_and_without_a_snapshot() {
    let torn = || {
        Scripted::with([
            Item::Event(event(1)),
            Item::Event(event(2)),
            Item::Malformed(3),
            Item::Event(event(4)),
        ])
    };
    for store in [
        torn(),
        torn().snapshot(snapshot_at(1)),
        torn().snapshot(Snapshot::Malformed),
    ] {
        assert_eq!(
            restore(&store).unwrap_err().kind(),
            StoreErrorKind::Malformed
        );
    }
}

#[test]
fn a_history_that_can_not_be_reached_is_an_error_with_and_without_a_snapshot() {
    let broken_off = || Scripted::with([Item::Event(event(1)), Item::Unavailable]);
    for store in [broken_off(), broken_off().snapshot(snapshot_at(1))] {
        assert_eq!(
            restore(&store).unwrap_err().kind(),
            StoreErrorKind::Unavailable
        );
    }
    let mut silent = Scripted::events([]).snapshot(snapshot_at(1));
    silent.latest = None;
    assert_eq!(
        restore(&silent).unwrap_err().kind(),
        StoreErrorKind::Unavailable
    );
}
