//! What every store of events can do beyond its three methods.

use std::sync::Arc;

use aether_core::{
    Commit, DynEventStore, DynSnapshotStore, Event, EventStore, EventStoreExt, ExpectedVersion,
    LenientReplay, SnapshotSaved, SnapshotStore, StoreError, StoreErrorKind, Version,
};
use futures_util::{FutureExt, StreamExt};

use crate::scripted::{Asked, Item, Scripted, Snapshot, malformed};
use crate::{actor, draft_of, event, version};

/// The output of a future that never waits, as none of the scripted store does.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("nothing here waits")
}

pub(crate) fn versions(events: &[Event]) -> Vec<u64> {
    events.iter().map(|event| event.version().get()).collect()
}

/// A history with something unreadable at the beginning, in between and at the end.
pub(crate) fn torn() -> Vec<Item> {
    vec![
        Item::Malformed(1),
        Item::Event(event(1)),
        Item::Event(event(2)),
        Item::Malformed(4),
        Item::Malformed(5),
        Item::Event(event(5)),
        Item::Malformed(7),
    ]
}

#[test]
fn save_event_appends_one_event_with_no_demand_of_its_own() {
    let store = Scripted::events([1, 2]);
    let appended = now(store.save_event(event(3))).unwrap();
    assert_eq!(appended.version(), version(3));
    assert_eq!(store.asked(), [Asked::Append(Commit::event(event(3)))]);
    let conflict = now(store.save_event(event(2))).unwrap_err();
    assert_eq!(
        conflict.version_conflict().unwrap().current_version,
        version(2)
    );
}

#[test]
fn save_events_appends_them_as_one_commit() {
    let store = Scripted::events([]);
    let events = [event(1), event(4)];
    let appended = now(store.save_events(events.clone())).unwrap();
    assert_eq!(appended.version(), version(4));
    assert!(appended.numbered().is_empty(), "the caller has them");
    let commit = Commit::events(events).unwrap();
    assert_eq!(commit.expected(), ExpectedVersion::Older);
    assert_eq!(store.asked(), [Asked::Append(commit)]);
}

#[test]
fn events_that_make_no_commit_are_refused_before_the_store_is_asked() {
    let store = Scripted::events([]);
    let other = draft_of("order-2", "x").at(version(2)).unwrap();
    for events in [vec![], vec![event(2), event(1)], vec![event(1), other]] {
        let error = now(store.save_events(events)).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::InvalidEvent);
    }
    let drafts = [draft_of("order-1", "a"), draft_of("order-1", "a")];
    for drafts in [&[][..], &drafts] {
        let error = now(store.append_next(drafts.to_vec())).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::InvalidEvent);
    }
    assert_eq!(store.asked(), []);
}

#[test]
fn append_next_gives_the_drafts_as_they_were_numbered() {
    let store = Scripted::events([1, 7]);
    let drafts = vec![draft_of("order-1", "a"), draft_of("order-1", "b")];
    let events = now(store.append_next(drafts.clone())).unwrap();
    assert_eq!(versions(&events), [8, 9]);
    assert!(
        drafts
            .iter()
            .zip(&events)
            .all(|(draft, event)| draft.became(event))
    );
    assert_eq!(
        store.asked(),
        [Asked::Append(Commit::drafts(drafts).unwrap())]
    );
}

#[test]
fn append_next_past_the_last_version_is_a_conflict() {
    let store = Scripted::events([Version::MAX.get()]);
    let error = now(store.append_next([draft_of("order-1", "a")])).unwrap_err();
    assert!(error.is_version_conflict());
}

#[test]
fn what_keeps_the_store_from_answering_is_passed_on() {
    let mut store = Scripted::events([]);
    store.latest = None;
    let errors = [
        now(store.save_event(event(1))).unwrap_err(),
        now(store.save_events([event(1)])).unwrap_err(),
        now(store.append_next([draft_of("order-1", "a")])).unwrap_err(),
    ];
    assert!(
        errors
            .iter()
            .all(|error| error.kind() == StoreErrorKind::Unavailable)
    );
}

#[test]
fn get_events_gives_a_whole_history_or_its_end() {
    let store = Scripted::events([1, 2, 5]);
    for (from, found) in [
        (0, &[1, 2, 5][..]),
        (1, &[1, 2, 5]),
        (2, &[2, 5]),
        (3, &[5]),
        (6, &[]),
    ] {
        let events = now(store.get_events(&actor("order-1"), version(from))).unwrap();
        assert_eq!(versions(&events), found, "from {from}");
    }
}

#[test]
fn get_events_fails_at_the_first_thing_that_it_can_not_read() {
    let id = actor("order-1");
    let error = now(Scripted::with(torn()).get_events(&id, Version::ZERO)).unwrap_err();
    let StoreError::Malformed(found) = error else {
        panic!("{error:?}")
    };
    assert_eq!(*found, malformed(1));
    let broken_off = Scripted::with([Item::Event(event(1)), Item::Unavailable, Item::Malformed(3)]);
    let error = now(broken_off.get_events(&id, Version::ZERO)).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
}

#[test]
fn the_lenient_replay_gives_what_is_readable_and_a_report_of_the_rest() {
    let store = Scripted::with(torn());
    let replay = now(store.get_events_with_errors(&actor("order-1"), Version::ZERO)).unwrap();
    assert_eq!(versions(&replay.events), [1, 2, 5]);
    assert_eq!(replay.errors, [1, 4, 5, 7].map(malformed));
    let end = now(store.get_events_with_errors(&actor("order-1"), version(2))).unwrap();
    assert_eq!(versions(&end.events), [2, 5]);
}

#[test]
fn the_lenient_replay_is_not_lenient_about_a_history_that_breaks_off() {
    let store = Scripted::with([Item::Malformed(1), Item::Event(event(1)), Item::Unavailable]);
    let error = now(store.get_events_with_errors(&actor("order-1"), Version::ZERO)).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
}

#[test]
fn an_unknown_actor_has_no_events_and_nothing_to_report() {
    let store = Scripted::events([]);
    let id = actor("nobody");
    assert_eq!(now(store.get_events(&id, Version::ZERO)).unwrap(), []);
    let replay = now(store.get_events_with_errors(&id, Version::ZERO)).unwrap();
    assert_eq!(replay, LenientReplay::default());
}

/// What a store does, through whatever pointer it comes.
fn works(store: &impl EventStore) {
    let id = actor("order-1");
    assert_eq!(now(store.latest_version(&id)).unwrap(), version(2));
    assert_eq!(
        now(store.save_event(event(3))).unwrap().version(),
        version(3)
    );
    assert_eq!(
        now(store.append_next([draft_of("order-1", "a")]))
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        versions(&now(store.get_events(&id, Version::FIRST)).unwrap()),
        [1, 2]
    );
    assert_eq!(now(store.events(&id, Version::ZERO).count()), 2);
    assert_eq!(
        now(store.events_until(&id, Version::ZERO, version(1)).count()),
        1
    );
}

#[test]
fn a_store_is_a_store_through_every_pointer_and_when_it_is_boxed() {
    let store = || Scripted::events([1, 2]);
    works(&store());
    works(&&store());
    works(&Box::new(store()));
    works(&Arc::new(store()));
    works(&(Box::new(store()) as Box<dyn DynEventStore>));
    works(&(Arc::new(store()) as Arc<dyn DynEventStore>));
    let borrowed = store();
    works(&(&borrowed as &dyn DynEventStore));
}

#[test]
fn a_store_of_snapshots_is_one_through_every_pointer_and_when_it_is_boxed() {
    fn works(store: &impl SnapshotStore) {
        let id = actor("order-1");
        let taken = |number| aether_core::ActorSnapshot::new(&id, version(number), &()).unwrap();
        assert_eq!(
            now(store.latest_snapshot(&id)).unwrap().unwrap().version(),
            version(4)
        );
        assert_eq!(
            now(store.save_snapshot(taken(4))).unwrap(),
            SnapshotSaved::Saved
        );
        let older = now(store.save_snapshot(taken(3))).unwrap();
        assert_eq!(older, SnapshotSaved::Superseded { by: version(4) });
    }
    let newest = aether_core::ActorSnapshot::new(&actor("order-1"), version(4), &()).unwrap();
    let store = || Scripted::events([]).snapshot(Snapshot::Is(newest.clone()));
    works(&store());
    works(&&store());
    works(&Arc::new(store()));
    works(&(Box::new(store()) as Box<dyn DynSnapshotStore>));
    works(&(Arc::new(store()) as Arc<dyn DynSnapshotStore>));
}
