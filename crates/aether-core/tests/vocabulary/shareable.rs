//! Everything may be sent to and shared with other threads, and every future sent.

use std::collections::BTreeSet;
use std::sync::Arc;

use aether_core::*;

use crate::scripted::Scripted;
use crate::{actor, draft_of, event, version};

fn shareable<T: Send + Sync + 'static + ?Sized>() {}

fn sendable<T: Send + 'static>() {}

/// Asserts it of each type, and gives the names.
macro_rules! shareable {
    ($($type:ident),+ $(,)?) => {{
        $(shareable::<$type>();)+
        BTreeSet::from([$(stringify!($type)),+])
    }};
}

#[test]
fn every_public_type_is_send_sync_and_owns_what_it_has() {
    let types = shareable![
        ActorId,
        ActorSnapshot,
        Appended,
        BoxError,
        BroadcastError,
        CommandId,
        Commit,
        CommitContent,
        Event,
        EventDraft,
        EventId,
        EventMismatch,
        EventStored,
        EventType,
        ExpectedVersion,
        EventFilter,
        FeedItem,
        FeedStart,
        FixedClock,
        Indeterminate,
        InvalidCommit,
        InvalidEvent,
        InvalidMetadata,
        InvalidPosition,
        InvalidSnapshotPolicy,
        InvalidText,
        InvalidTimestamp,
        InvalidTraceContext,
        InvalidVersion,
        LenientReplay,
        Metadata,
        Namespace,
        Payload,
        PayloadError,
        Position,
        RecordedEvent,
        ReplayCost,
        ReplayError,
        Restored,
        SnapshotPolicy,
        SnapshotSaved,
        StoreError,
        StoreErrorKind,
        StoredNotifier,
        SystemClock,
        Timestamp,
        TraceContext,
        TraceSource,
        Until,
        Version,
        VersionConflictError,
        WireError,
        WireForm,
    ];
    shareable::<dyn Clock>();
    shareable::<dyn DynEventStore>();
    shareable::<dyn DynSnapshotStore>();
    shareable::<dyn EventBroadcaster>();
    shareable::<dyn EventFeed>();
    sendable::<BoxFuture<'static, ()>>();
    sendable::<EventStream>();
    sendable::<FeedStream>();
    // The traits that have no `dyn` form, what is above, and what is no type.
    let others = [
        "BoxFuture",
        "Clock",
        "DynEventStore",
        "DynSnapshotStore",
        "EventBroadcaster",
        "EventFeed",
        "EventStore",
        "EventStoreExt",
        "EventStream",
        "FeedStream",
        "IntoEventType",
        "RestoreExt",
        "SUBJECT_TOKEN_BYTES_MAX",
        "SnapshotStore",
        "subject_text",
        "subject_token",
    ];
    let named: BTreeSet<&str> = types.into_iter().chain(others).collect();
    assert_eq!(named, exported(), "each export is asserted above");
}

/// The names that the crate exports.
fn exported() -> BTreeSet<&'static str> {
    include_str!("../../src/lib.rs")
        .split(';')
        .filter_map(|item| item.trim().strip_prefix("pub use "))
        .filter_map(|path| path.split_once("::"))
        .flat_map(|(_, names)| names.trim_matches(['{', '}', '\n', ' ']).split(','))
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect()
}

/// The future may be sent to another thread, which is all that a runtime needs.
fn may_be_sent<F: Future + Send>(future: F) {
    drop(future);
}

#[test]
fn every_future_of_a_store_may_be_sent_boxed_or_not() {
    fn all_of(store: &(impl EventStore + SnapshotStore)) {
        let id = actor("order-1");
        may_be_sent(store.append(Commit::event(event(1))));
        may_be_sent(store.latest_version(&id));
        may_be_sent(store.save_event(event(1)));
        may_be_sent(store.save_events([event(1)]));
        may_be_sent(store.append_next([draft_of("order-1", "a")]));
        may_be_sent(store.get_events(&id, Version::ZERO));
        may_be_sent(store.get_events_until(&id, Version::ZERO, version(1)));
        may_be_sent(store.get_events_with_errors(&id, Version::ZERO));
        may_be_sent(store.latest_snapshot(&id));
        may_be_sent(store.restore(&id));
        may_be_sent(store.restore_until(&id, version(1)));
    }
    fn all_of_boxed(store: &Arc<dyn DynEventStore>, snapshots: &Arc<dyn DynSnapshotStore>) {
        let id = actor("order-1");
        may_be_sent(store.append(Commit::event(event(1))));
        may_be_sent(store.latest_version(&id));
        may_be_sent(store.save_event(event(1)));
        may_be_sent(store.get_events(&id, Version::ZERO));
        may_be_sent(snapshots.latest_snapshot(&id));
        let snapshot = ActorSnapshot::new(&id, version(1), &()).unwrap();
        may_be_sent(snapshots.save_snapshot(snapshot));
    }
    all_of(&Scripted::events([]));
    let store = Arc::new(Scripted::events([]));
    all_of_boxed(
        &(store.clone() as Arc<dyn DynEventStore>),
        &(store as Arc<dyn DynSnapshotStore>),
    );
}

#[test]
fn a_stream_of_events_outlives_its_store() {
    use futures_util::{FutureExt, StreamExt};

    let store: Box<dyn DynEventStore> = Box::new(Scripted::events([1, 2, 3]));
    let stream = store.events(&actor("order-1"), version(2));
    let bounded = store.events_until(&actor("order-1"), Version::ZERO, version(2));
    drop(store);
    for stream in [stream, bounded] {
        let read = std::thread::spawn(move || stream.count().now_or_never()).join();
        assert_eq!(read.unwrap(), Some(2));
    }
}
