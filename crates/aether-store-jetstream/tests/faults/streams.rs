//! Streams that are there and are not what they should be, or are there no more.

use std::time::{Duration, Instant};

use aether_core::{
    ActorSnapshot, EventStore as _, EventStoreExt as _, SnapshotStore as _, Version,
};
use aether_store_jetstream::async_nats::jetstream;
use aether_store_jetstream::async_nats::jetstream::stream::{
    Config, DiscardPolicy, PersistenceMode, RetentionPolicy, Source, StorageType, SubjectTransform,
};
use aether_store_jetstream::{JetStreamConfig, JetStreamStore, Retention, Storage};

use crate::support::{Streams, actor, event};
use crate::{SECOND, misconfigured};

type Change = fn(&mut Config);

/// Differences that a server lets be made, and the field that is to be named.
fn wrong_streams() -> Vec<(&'static str, Change)> {
    vec![
        ("storage", |c| c.storage = StorageType::Memory),
        ("retention", |c| c.retention = RetentionPolicy::Interest),
        ("retention", |c| c.retention = RetentionPolicy::WorkQueue),
        ("max_msgs", |c| c.max_messages = 1_000),
        ("max_msgs_per_subject", |c| c.max_messages_per_subject = 10),
        ("max_bytes", |c| {
            c.max_bytes = 1 << 20;
            c.discard = DiscardPolicy::Old;
        }),
        ("max_age", |c| c.max_age = Duration::from_secs(3_600)),
        ("subjects", |c| c.subjects.push(format!("{}.other", c.name))),
        ("subjects", |c| {
            c.subjects = vec![format!("{}.events.>", c.name)];
        }),
        ("subject_transform", |c| {
            c.subject_transform = Some(SubjectTransform {
                source: format!("{}.events.*.*", c.name),
                destination: format!("{}.events.{{{{wildcard(2)}}}}.{{{{wildcard(1)}}}}", c.name),
            });
        }),
        ("sources", |c| {
            c.sources = Some(vec![Source {
                name: format!("{}-source", c.name),
                ..Source::default()
            }]);
        }),
        ("no_ack", |c| c.no_ack = true),
        ("allow_direct", |c| c.allow_direct = false),
        ("allow_msg_ttl", |c| c.allow_message_ttl = true),
        ("subject_delete_marker_ttl", |c| {
            c.subject_delete_marker_ttl = Some(60 * SECOND);
            c.allow_rollup = true;
            c.deny_purge = false;
        }),
        ("allow_rollup_hdrs", |c| {
            c.allow_rollup = true;
            c.deny_purge = false;
        }),
    ]
}

/// Those that 2.11 does not have.
fn wrong_streams_of_later_servers() -> Vec<(&'static str, Change)> {
    vec![
        ("allow_msg_counter", |c| {
            c.allow_message_counter = true;
            c.discard = DiscardPolicy::Old;
        }),
        ("persist_mode", |c| {
            c.persist_mode = Some(PersistenceMode::Async);
        }),
    ]
}

#[tokio::test]
async fn a_stream_that_differs_where_it_matters_is_refused_by_the_fields_name() {
    let first = Streams::new("wrong");
    let client = first.client().await;
    let jetstream = jetstream::new(client.clone());
    let mut rows = wrong_streams();
    if client.is_server_compatible(2, 12, 0) {
        rows.extend(wrong_streams_of_later_servers());
    }
    // As the store itself makes it.
    first.store().await;
    let right = jetstream
        .get_stream(&first.base)
        .await
        .unwrap()
        .cached_info()
        .config
        .clone();
    for (field, change) in rows {
        let streams = Streams::new("wrong");
        let mut config = Config {
            name: streams.base.clone(),
            subjects: vec![format!("{}.events.*.*", streams.base)],
            metadata: std::collections::HashMap::new(),
            ..right.clone()
        };
        change(&mut config);
        jetstream
            .create_stream(config)
            .await
            .unwrap_or_else(|e| panic!("{field}: {e}"));
        let error = JetStreamStore::connect(&streams.url, streams.config())
            .await
            .unwrap_err();
        let what = misconfigured(&error);
        // Delete markers need a TTL to be allowed, which is what is found first.
        let named = what == format!("{field} of stream {:?}", streams.base)
            || (field == "subject_delete_marker_ttl" && what.starts_with("allow_msg_ttl"));
        assert!(named, "{field}: {error}");
    }
}

#[tokio::test]
async fn a_stream_has_the_retention_and_the_storage_that_are_asked_for_or_is_refused() {
    let memory = |c: JetStreamConfig| c.storage(Storage::Memory);
    let year = |c: JetStreamConfig| c.retention(Retention::ONE_YEAR);
    let day = |c: JetStreamConfig| c.retention(Retention::MaxAge(24 * 3_600 * SECOND));
    let plain = |c: JetStreamConfig| c;
    type Setting = fn(JetStreamConfig) -> JetStreamConfig;
    let rows: [(Setting, Setting, &str); 5] = [
        (plain, year, "max_age"),
        (year, plain, "max_age"),
        (year, day, "max_age"),
        (plain, memory, "storage"),
        (memory, plain, "storage"),
    ];
    for (made, asked, field) in rows {
        let streams = Streams::new("asked");
        streams.store_with(made(streams.config())).await;
        // As it was made it is taken again.
        streams.store_with(made(streams.config())).await;
        let error = JetStreamStore::connect(&streams.url, asked(streams.config()))
            .await
            .unwrap_err();
        let what = format!("{field} of stream {:?}", streams.base);
        assert_eq!(misconfigured(&error), what);
    }
}

#[tokio::test]
async fn a_mirror_and_a_sealed_stream_are_refused() {
    let (origin, mirror, sealed) = (Streams::new("o"), Streams::new("m"), Streams::new("s"));
    let jetstream = jetstream::new(origin.client().await);
    origin.store().await;
    let config = Config {
        name: mirror.base.clone(),
        mirror: Some(Source {
            name: origin.base.clone(),
            ..Source::default()
        }),
        allow_direct: true,
        ..Config::default()
    };
    jetstream.create_stream(config).await.unwrap();
    let error = JetStreamStore::connect(&mirror.url, mirror.config())
        .await
        .unwrap_err();
    assert!(
        misconfigured(&error).starts_with("mirror of stream"),
        "{error}"
    );

    sealed.store().await;
    let mut stream = jetstream.get_stream(&sealed.base).await.unwrap();
    let config = Config {
        sealed: true,
        ..stream.info().await.unwrap().config.clone()
    };
    jetstream.update_stream(config).await.unwrap();
    let error = JetStreamStore::connect(&sealed.url, sealed.config())
        .await
        .unwrap_err();
    assert!(
        misconfigured(&error).starts_with("sealed of stream"),
        "{error}"
    );
}

#[tokio::test]
async fn a_snapshot_stream_that_would_lose_the_newest_is_refused() {
    let streams = Streams::new("wrong-snap");
    let jetstream = jetstream::new(streams.client().await);
    let config = Config {
        name: format!("{}=~snapshots", streams.base),
        subjects: vec![format!("{}.snapshots.*.*", streams.base)],
        allow_direct: true,
        ..Config::default()
    };
    jetstream.create_stream(config).await.unwrap();
    let error = JetStreamStore::connect(&streams.url, streams.config())
        .await
        .unwrap_err();
    assert!(
        misconfigured(&error).starts_with("max_msgs_per_subject of stream"),
        "{error}"
    );
}

#[tokio::test]
async fn a_snapshot_stream_that_expires_is_refused() {
    let streams = Streams::new("wrong-snap");
    let jetstream = jetstream::new(streams.client().await);
    let config = Config {
        name: format!("{}=~snapshots", streams.base),
        subjects: vec![format!("{}.snapshots.*.*", streams.base)],
        max_messages_per_subject: 1,
        max_age: 3_600 * SECOND,
        allow_direct: true,
        ..Config::default()
    };
    jetstream.create_stream(config).await.unwrap();
    let config = JetStreamConfig::new(&streams.base).retention(Retention::ONE_YEAR);
    let error = JetStreamStore::connect(&streams.url, config)
        .await
        .unwrap_err();
    let what = format!("max_age of stream \"{}=~snapshots\"", streams.base);
    assert_eq!(misconfigured(&error), what);
}

#[tokio::test]
async fn a_stream_sealed_under_us_refuses_saves_and_is_named() {
    let streams = Streams::new("sealed");
    let store = streams.store().await;
    let id = actor("order-1");
    store.save_event(event(&id, 1)).await.unwrap();
    let jetstream = jetstream::new(streams.client().await);
    let mut stream = jetstream.get_stream(&streams.base).await.unwrap();
    let config = Config {
        sealed: true,
        ..stream.info().await.unwrap().config.clone()
    };
    jetstream.update_stream(config).await.unwrap();
    let error = store.save_event(event(&id, 2)).await.unwrap_err();
    assert!(misconfigured(&error).contains(&streams.base), "{error}");
    assert_eq!(store.get_events(&id, Version::ZERO).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_stream_deleted_under_us_is_named_by_every_call() {
    let streams = Streams::new("deleted");
    let store = streams.store().await;
    let id = actor("order-1");
    store.save_event(event(&id, 1)).await.unwrap();
    let jetstream = jetstream::new(streams.client().await);
    jetstream
        .delete_stream(store.events_stream())
        .await
        .unwrap();
    jetstream
        .delete_stream(store.snapshots_stream())
        .await
        .unwrap();

    let started = Instant::now();
    let snapshot = ActorSnapshot::new(&id, 1.into(), &()).unwrap();
    let errors = [
        store.save_event(event(&id, 2)).await.unwrap_err(),
        store.get_events(&id, Version::ZERO).await.unwrap_err(),
        store.latest_version(&id).await.unwrap_err(),
        store.save_snapshot(snapshot).await.unwrap_err(),
        store.latest_snapshot(&id).await.unwrap_err(),
    ];
    for error in &errors {
        assert!(misconfigured(error).starts_with("stream"), "{error}");
    }
    assert!(started.elapsed() < 5 * SECOND);
}
