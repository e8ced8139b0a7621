//! The accounts of the guide: each user can do what it is for, and nothing else.

use std::collections::HashSet;

use aether_core::{
    ActorSnapshot, Commit, EventDraft, EventStore as _, EventStoreExt as _, RestoreExt as _,
    SnapshotStore as _, StoreErrorKind, Version,
};
use aether_store_jetstream::async_nats::jetstream;
use aether_store_jetstream::async_nats::jetstream::consumer::pull;
use aether_store_jetstream::{JetStreamConfig, JetStreamStore, Retention};
use futures_util::StreamExt as _;
use tempfile::TempDir;

use crate::support::feed::everything;
use crate::support::server::Server;
use crate::support::{actor, event, event_with};
use crate::{Connected, SECOND, User, from_guide, server_with};

pub(crate) const SETUP: User = User("setup");
pub(crate) const SERVICE: User = User("service");
pub(crate) const READER: User = User("reader");
const OPERATOR: User = User("operator");
const USERS: [User; 4] = [SETUP, SERVICE, READER, OPERATOR];

/// A server with the guide's accounts; its files are gone with the folder.
pub(crate) async fn server() -> (Server, TempDir) {
    let files = TempDir::new().unwrap();
    let configuration = from_guide("accounts.conf");
    let server = server_with(&configuration, &files, || OPERATOR.options()).await;
    (server, files)
}

fn configs() -> [JetStreamConfig; 2] {
    let forever = JetStreamConfig::new("orders");
    [forever.clone(), forever.retention(Retention::ONE_YEAR)]
}

pub(crate) async fn store_of(user: &Connected, config: &JetStreamConfig) -> JetStreamStore {
    let store = JetStreamStore::with_client(user.client.clone(), config.clone()).await;
    store.unwrap()
}

/// Everything that a service does with a store.
async fn whole_work(store: &JetStreamStore) {
    let (one, long) = (actor("order-1"), actor("order-2"));
    let first = event(&one, 1);
    store.save_event(first.clone()).await.unwrap();
    store
        .save_events([event(&one, 2), event(&one, 3)])
        .await
        .unwrap();
    let draft = EventDraft::new(&one, "Drafted", &()).unwrap();
    store.append_next([draft]).await.unwrap();
    let refused = store.save_event(event(&one, 4)).await.unwrap_err();
    assert!(refused.is_version_conflict(), "{refused}");
    let again = Commit::events([first]).unwrap();
    assert!(store.append(again).await.unwrap().was_repeated());
    // More than one answer of the server has room for, more than one page, and long enough for a
    // consumer.
    const LONG: u32 = 600;
    let large = "x".repeat(10_000);
    for version in 1..=LONG {
        store
            .save_event(event_with(&long, version, &large))
            .await
            .unwrap();
    }
    for (id, length) in [(&one, 4), (&long, LONG as usize)] {
        let events = store.get_events(id, Version::ZERO).await.unwrap();
        assert_eq!(events.len(), length);
        assert_eq!(
            store.latest_version(id).await.unwrap(),
            Version::new(length as u64).unwrap()
        );
        let late = store.get_events(id, Version::from(3)).await.unwrap();
        assert_eq!(late.len(), length - 2);
        assert!(
            store
                .get_events_with_errors(id, Version::ZERO)
                .await
                .unwrap()
                .errors
                .is_empty()
        );
        let report = store.verify(id).await.unwrap();
        assert!(report.is_intact(), "{report:?}");
        assert_eq!(report.events, length as u64);
    }
    assert_eq!(
        store.latest_version(&actor("order-3")).await.unwrap(),
        Version::ZERO
    );
    let snapshot = ActorSnapshot::new(&one, 3.into(), &"state").unwrap();
    store.save_snapshot(snapshot.clone()).await.unwrap();
    assert_eq!(store.latest_snapshot(&one).await.unwrap(), Some(snapshot));
    assert_eq!(store.restore(&one).await.unwrap().events.len(), 1);
    assert_eq!(everything(store).await.len(), 4 + LONG as usize);
}

#[tokio::test]
async fn a_service_does_its_whole_work_with_the_least_privileges() {
    for config in configs() {
        let (server, _files) = server().await;
        let mut setup = SETUP.connect(&server).await;
        store_of(&setup, &config).await;
        let mut service = SERVICE.connect(&server).await;
        let store = store_of(&service, &config).await;
        whole_work(&store).await;
        setup.was_denied_nothing().await;
        service.was_denied_nothing().await;
    }
}

#[tokio::test]
async fn whoever_may_not_make_the_streams_does_not_connect_before_they_are_there() {
    let (server, _files) = server().await;
    for user in [SERVICE, READER] {
        let mut user = user.connect(&server).await;
        let config = JetStreamConfig::new("orders")
            .request_timeout(SECOND / 10)
            .deadline(SECOND / 5);
        let error = JetStreamStore::with_client(user.client.clone(), config)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
        user.hears("Permissions Violation for Publish to \"$JS.API.STREAM.")
            .await;
    }
}

#[tokio::test]
async fn a_store_that_may_not_hear_its_answers_is_told_so_at_once() {
    let (server, _files) = server().await;
    let address = server
        .url()
        .replace("nats://", "nats://service:service-password@");
    let config = JetStreamConfig::new("orders");
    let connecting = JetStreamStore::connect(&address, config);
    let error = tokio::time::timeout(5 * SECOND, connecting).await;
    let error = error.expect("at once").unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::PermissionDenied, "{error}");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("\"_INBOX."), "{source}");
    assert!(source.contains("inbox prefix"), "{source}");
}

/// What would remove something, change a stream, or make another one.
const CALLS: [&str; 8] = [
    "STREAM.DELETE",
    "STREAM.PURGE",
    "STREAM.MSG.DELETE",
    "STREAM.UPDATE",
    "STREAM.SNAPSHOT",
    "STREAM.RESTORE",
    "STREAM.LEADER.STEPDOWN",
    "STREAM.PEER.REMOVE",
];

#[tokio::test]
async fn nobody_but_the_operator_removes_or_changes_what_is_stored() {
    let config = configs()[1].clone();
    let (server, _files) = server().await;
    let mut setup = SETUP.connect(&server).await;
    store_of(&setup, &config).await;
    let mut service = SERVICE.connect(&server).await;
    let store = store_of(&service, &config).await;
    let saved = event(&actor("order-1"), 1);
    store.save_event(saved.clone()).await.unwrap();

    let mut reader = READER.connect(&server).await;
    let streams = [
        config.events_stream(),
        config.snapshots_stream(),
        config.heads_stream().unwrap(),
    ];
    for user in [&mut setup, &mut service, &mut reader] {
        for call in CALLS {
            for stream in &streams {
                user.is_denied_to_publish(&format!("$JS.API.{call}.{stream}"))
                    .await;
            }
        }
        user.is_denied_to_publish("$JS.API.STREAM.CREATE.other")
            .await;
        for elsewhere in [
            "orders",
            "orders.other.a.b",
            "others.events.a.b",
            "anything",
        ] {
            user.is_denied_to_publish(elsewhere).await;
        }
    }
    for stream in &streams {
        for user in [&mut service, &mut reader] {
            user.is_denied_to_publish(&format!("$JS.API.STREAM.CREATE.{stream}"))
                .await;
        }
    }
    for user in [&mut setup, &mut reader] {
        for kind in ["events", "snapshots"] {
            user.is_denied_to_publish(&format!("orders.{kind}.order.order-1"))
                .await;
        }
    }
    setup
        .is_denied_to_publish("$JS.API.CONSUMER.CREATE.orders.any")
        .await;
    let events = store.get_events(saved.actor_id(), Version::ZERO).await;
    assert_eq!(events.unwrap(), [saved]);

    // The operator can: what was denied was denied by the permissions alone.
    let operator = OPERATOR.connect(&server).await;
    let jetstream = jetstream::new(operator.client.clone());
    jetstream.delete_stream(&streams[0]).await.unwrap();
}

#[tokio::test]
async fn nobody_hears_the_answers_to_another_or_what_is_written() {
    let (server, _files) = server().await;
    for user in [SETUP, SERVICE, READER] {
        let mut connected = user.connect(&server).await;
        let others = USERS.iter().filter(|other| other.0 != user.0);
        for inbox in others.map(|other| format!("_INBOX_{}.>", other.0)) {
            connected.is_denied_to_subscribe(&inbox).await;
        }
        for subject in [
            ">",
            "_INBOX.>",
            "orders.>",
            "orders.events.*.*",
            "orders.stored.>",
            "$JS.>",
        ] {
            connected.is_denied_to_subscribe(subject).await;
        }
    }
}

#[tokio::test]
async fn a_reader_reads_every_commit_through_a_consumer_of_its_own() {
    let config = configs()[0].clone();
    let (server, _files) = server().await;
    store_of(&SETUP.connect(&server).await, &config).await;
    let store = store_of(&SERVICE.connect(&server).await, &config).await;
    for n in 1..=20 {
        let id = actor(&format!("order-{n}"));
        store.save_event(event(&id, 1)).await.unwrap();
    }
    let mut reader = READER.connect(&server).await;
    let jetstream = jetstream::new(reader.client.clone());
    let stream = jetstream.get_stream("orders").await.unwrap();
    let consumer = stream
        .create_consumer(pull::OrderedConfig::default())
        .await
        .unwrap();
    let messages = consumer.messages().await.unwrap().take(20);
    let read = messages.map(|message| message.unwrap().subject.to_string());
    let read = tokio::time::timeout(10 * SECOND, read.collect::<HashSet<_>>()).await;
    assert_eq!(read.unwrap().len(), 20);

    let durable = stream
        .create_consumer(pull::Config {
            durable_name: Some("reports".to_owned()),
            ..pull::Config::default()
        })
        .await
        .unwrap();
    let mut messages = durable.messages().await.unwrap();
    for _ in 0..20 {
        messages
            .next()
            .await
            .unwrap()
            .unwrap()
            .double_ack()
            .await
            .unwrap();
    }
    drop(messages);
    stream.delete_consumer("reports").await.unwrap();
    // And through the feed of a store of its own.
    let store = store_of(&reader, &config).await;
    assert_eq!(everything(&store).await.len(), 20);
    reader.was_denied_nothing().await;
}
