//! One span for each call, with the attributes of OpenTelemetry's conventions.

use std::sync::atomic::Ordering;

use aether_core::{
    ActorSnapshot, Commit, EventStore as _, EventStoreExt as _, SnapshotStore as _, Version,
};
use aether_store_jetstream::JetStreamStore;
use futures_util::StreamExt as _;
use tracing::{Instrument as _, Level};

use crate::SECOND;
use crate::recording::{Ended, Spans};
use crate::support::behind::behind_a_proxy;
use crate::support::proxy::Action;
use crate::support::{Streams, actor, event};

const SAVED: [&str; 4] = [
    "aether.outcome",
    "aether.attempts",
    "aether.version",
    "error.type",
];

/// What is the same in all spans of a store.
fn assert_common(span: &Ended, store: &JetStreamStore, name: &str, kind: &str) {
    assert_eq!((span.name, span.level), (name, Level::INFO));
    let (operation_type, stream) = match name {
        "append" => ("send", store.events_stream()),
        "save_snapshot" => ("send", store.snapshots_stream()),
        "latest_snapshot" => ("receive", store.snapshots_stream()),
        _ => ("receive", store.events_stream()),
    };
    let subjects = match name {
        "save_snapshot" | "latest_snapshot" => "snapshots",
        _ => "events",
    };
    let template = format!(
        "{}.{subjects}.{{category}}.{{actor}}",
        store.events_stream()
    );
    let expected = [
        ("otel.name", format!("{name} {template}")),
        ("otel.kind", kind.to_owned()),
        ("messaging.system", "nats".to_owned()),
        ("messaging.operation.type", operation_type.to_owned()),
        ("messaging.operation.name", name.to_owned()),
        ("messaging.destination.name", stream.to_owned()),
        ("messaging.destination.template", template),
        ("aether.actor_id", "order-1".to_owned()),
    ];
    for (field, value) in expected {
        assert_eq!(span.field(field), Some(value.as_str()), "{field}: {span:?}");
    }
}

#[tokio::test]
async fn each_save_has_a_span_that_says_how_it_ended() {
    let streams = Streams::new("spans");
    let store = streams.store().await;
    let id = actor("order-1");
    let spans = Spans::record();

    let first = event(&id, 1);
    store.save_event(first.clone()).await.unwrap();
    let stored = spans.take_one();
    assert_common(&stored, &store, "append", "producer");
    assert_eq!(
        stored.only(&SAVED),
        [Some("stored"), Some("1"), Some("1"), None]
    );
    let bytes: usize = stored
        .field("messaging.message.body.size")
        .unwrap()
        .parse()
        .unwrap();
    assert!(bytes > 20);
    // The address that was given, as it is one.
    let address = stored.only(&["server.address", "server.port"]);
    let (host, port) = (address[0].unwrap(), address[1].unwrap());
    assert_eq!(format!("nats://{host}:{port}"), streams.url);
    let unset = ["messaging.batch.message_count", "otel.status_code"];
    assert_eq!(stored.only(&unset), [None, None]);

    store
        .save_events([event(&id, 2), event(&id, 4)])
        .await
        .unwrap();
    let batch = spans.take_one();
    assert_eq!(
        batch.only(&SAVED),
        [Some("stored"), Some("1"), Some("4"), None]
    );
    assert_eq!(batch.field("messaging.batch.message_count"), Some("2"));

    store.save_event(first).await.unwrap();
    let repeated = spans.take_one();
    assert_eq!(
        repeated.only(&SAVED),
        [Some("repeated"), None, Some("1"), None]
    );

    store.save_event(event(&id, 3)).await.unwrap_err();
    let conflict = spans.take_one();
    assert_common(&conflict, &store, "append", "producer");
    let expected = [Some("conflict"), None, None, Some("version_conflict")];
    assert_eq!(conflict.only(&SAVED), expected);
    assert_eq!(conflict.field("otel.status_code"), Some("ERROR"));
}

#[tokio::test]
async fn each_read_and_each_snapshot_has_a_span() {
    let streams = Streams::new("reads");
    let store = streams.store().await;
    let id = actor("order-1");
    for version in [1, 2, 5] {
        store.save_event(event(&id, version)).await.unwrap();
    }
    let spans = Spans::record();
    let read = ["aether.outcome", "aether.version", "error.type"];

    store.latest_version(&id).await.unwrap();
    let latest = spans.take_one();
    assert_common(&latest, &store, "latest_version", "client");
    assert_eq!(latest.only(&read), [Some("ok"), Some("5"), None]);

    store.verify(&id).await.unwrap();
    let verify = spans.take_one();
    assert_common(&verify, &store, "verify", "client");
    assert_eq!(verify.only(&read), [Some("ok"), Some("5"), None]);

    let mut events = store.events(&id, Version::ZERO);
    for _ in 1..=3 {
        events.next().await.unwrap().unwrap();
        assert!(
            spans.take().is_empty(),
            "the span is that of the whole stream"
        );
    }
    assert!(events.next().await.is_none());
    drop(events);
    let replay = spans.take_one();
    assert_common(&replay, &store, "replay", "client");
    assert_eq!(replay.only(&read), [Some("ok"), Some("5"), None]);
    assert_eq!(replay.field("messaging.batch.message_count"), Some("3"));

    let mut events = store.events(&id, Version::ZERO);
    events.next().await.unwrap().unwrap();
    drop(events);
    let dropped = spans.take_one();
    assert_eq!(dropped.only(&read), [Some("dropped"), Some("1"), None]);
    drop(store.events(&id, Version::ZERO));
    assert!(
        spans.take().is_empty(),
        "a stream that is not polled reads nothing"
    );

    for (version, outcome) in [(5, "saved"), (4, "superseded")] {
        let snapshot = ActorSnapshot::new(&id, version.into(), &"state").unwrap();
        store.save_snapshot(snapshot).await.unwrap();
        let saved = spans.take_one();
        assert_common(&saved, &store, "save_snapshot", "producer");
        assert_eq!(saved.field("aether.outcome"), Some(outcome));
    }
    store.latest_snapshot(&id).await.unwrap().unwrap();
    let latest = spans.take_one();
    assert_common(&latest, &store, "latest_snapshot", "client");
    assert_eq!(latest.only(&read), [Some("ok"), Some("5"), None]);
}

#[tokio::test]
async fn a_save_that_is_sent_twice_says_so_and_one_that_nobody_knows_of_as_well() {
    let behind = behind_a_proxy("doubt", SECOND).await;
    let id = actor("order-1");
    behind.store.save_event(event(&id, 1)).await.unwrap();
    let spans = Spans::record();

    let mut left = 1;
    behind
        .proxy
        .rule(move |published| match published.is_commit() && left > 0 {
            true => {
                left -= 1;
                Action::Lose
            }
            false => Action::Pass,
        });
    behind.store.save_event(event(&id, 2)).await.unwrap();
    let resent = spans.take_one();
    assert_eq!(
        resent.only(&SAVED),
        [Some("stored"), Some("2"), Some("2"), None]
    );

    let gone = &behind.proxy.faults.down_after_commit;
    gone.store(true, Ordering::SeqCst);
    behind.store.save_event(event(&id, 3)).await.unwrap_err();
    let lost = spans.take_one();
    let expected = [
        Some("indeterminate"),
        Some("1"),
        None,
        Some("indeterminate"),
    ];
    assert_eq!(lost.only(&SAVED), expected);

    behind.store.save_event(event(&id, 3)).await.unwrap_err();
    let away = spans.take_one();
    let expected = [Some("unavailable"), None, None, Some("unavailable")];
    assert_eq!(away.only(&SAVED), expected);
}

#[tokio::test]
async fn a_save_that_is_dropped_has_a_span_that_ends() {
    let behind = behind_a_proxy("dropped", 10 * SECOND).await;
    let id = actor("order-1");
    let spans = Spans::record();
    behind.proxy.rule(|published| match published.is_commit() {
        true => Action::Lose,
        false => Action::Pass,
    });
    let save = behind.store.save_event(event(&id, 1));
    assert!(tokio::time::timeout(SECOND / 10, save).await.is_err());
    let dropped = spans.take_one();
    assert_eq!(
        dropped.only(&SAVED),
        [Some("dropped"), Some("1"), None, None]
    );
}

#[tokio::test]
async fn saves_at_the_same_time_do_not_enter_each_others_spans() {
    let streams = Streams::new("both");
    let store = streams.store().await;
    let ids = ["order-1", "order-2", "order-3"].map(actor);
    let spans = Spans::record();
    let saves = ids.iter().map(|id| {
        let commit = Commit::events([event(id, 1)]).unwrap();
        store
            .append(commit)
            .instrument(tracing::info_span!("request"))
    });
    futures_util::future::join_all(saves).await;
    let ended = spans.take();
    assert_eq!(ended.len(), 3);
    for span in &ended {
        assert_eq!(span.parent, Some("request"));
        assert_eq!(
            span.only(&SAVED),
            [Some("stored"), Some("1"), Some("1"), None]
        );
    }
    assert!(tracing::Span::current().is_none());
}
