//! Connecting to what is not there, not allowed, or not what it should be.

use std::time::Instant;

use aether_core::StoreErrorKind as Kind;
use aether_store_jetstream::async_nats::jetstream;
use aether_store_jetstream::async_nats::jetstream::stream::Config;
use aether_store_jetstream::{JetStreamConfig, JetStreamStore, Retention, Risk, Storage};

use crate::support::Streams;
use crate::support::fake_server::{self, Answers};
use crate::{SECOND, misconfigured};

#[tokio::test]
async fn a_refused_connection_is_said_within_seconds() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("nats://user:secret@{}", free.local_addr().unwrap());
    drop(free);
    let started = Instant::now();
    let error = JetStreamStore::connect(&url, JetStreamConfig::new("orders"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
    assert!(error.is_retryable());
    assert!(started.elapsed() < 5 * SECOND);
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[tokio::test]
async fn a_server_without_jetstream_is_said_to_be_one() {
    let url = fake_server::serve("2.14.6", Answers::NoResponders).await;
    let error = JetStreamStore::connect(&url, JetStreamConfig::new("orders"))
        .await
        .unwrap_err();
    assert_eq!(misconfigured(&error), "JetStream on the server");
}

#[tokio::test]
async fn a_server_that_is_too_old_is_refused_with_its_version() {
    for version in ["2.10.29", "2.9.0", "unknown"] {
        let url = fake_server::serve(version, Answers::NoResponders).await;
        let config = JetStreamConfig::new("orders");
        let error = JetStreamStore::connect(&url, config).await.unwrap_err();
        assert_eq!(misconfigured(&error), "the NATS server's version");
        assert!(error.to_string().contains(version), "{error}");
    }
}

#[tokio::test]
async fn what_the_account_may_not_do_is_said_at_once() {
    let url = fake_server::serve("2.14.6", Answers::NotPermitted).await;
    let started = Instant::now();
    let error = JetStreamStore::connect(&url, JetStreamConfig::new("orders"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::PermissionDenied, "{error}");
    assert!(
        started.elapsed() < SECOND,
        "it should not wait for a timeout"
    );
}

#[tokio::test]
async fn an_address_that_is_none_and_a_wrong_field_are_refused_before_anything() {
    let connect = async |url, config| JetStreamStore::connect(url, config).await.unwrap_err();
    let good = "nats://127.0.0.1:1";
    let error = connect("nats://[", JetStreamConfig::new("orders")).await;
    assert_eq!(misconfigured(&error), "the server's address");
    assert_eq!(
        misconfigured(&connect(good, JetStreamConfig::new("a.b")).await),
        "stream"
    );
    let config = JetStreamConfig::new("orders").replicas(0);
    assert_eq!(misconfigured(&connect(good, config).await), "replicas");
}

#[tokio::test]
async fn credentials_in_the_address_are_given_to_the_server() {
    let (url, mut heard) = fake_server::serve_and_listen("2.14.6", Answers::NoResponders).await;
    let url = url.replace("nats://", "nats://ada:s%40cret@");
    let config = JetStreamConfig::new("orders");
    JetStreamStore::connect(&url, config).await.unwrap_err();
    let said = heard.recv().await.unwrap();
    assert!(said.contains(r#""user":"ada","pass":"s@cret""#), "{said}");
}

#[tokio::test]
async fn what_is_risky_about_the_streams_is_said_by_the_store() {
    let streams = Streams::new("risks");
    // One replica is what one gets without asking, on whichever server.
    let config = JetStreamConfig::new(&streams.base);
    let store = streams.store_with(config).await;
    assert_eq!(store.risks(), [Risk::OneReplica]);

    let streams = Streams::new("risks");
    let config = JetStreamConfig::new(&streams.base)
        .storage(Storage::Memory)
        .retention(Retention::ONE_YEAR);
    let store = streams.store_with(config).await;
    let max_age = Retention::ONE_YEAR.max_age().unwrap();
    let expected = [
        Risk::OneReplica,
        Risk::MemoryStorage,
        Risk::FiniteRetention { max_age },
    ];
    assert_eq!(store.risks(), expected);
}

#[tokio::test]
async fn a_stream_that_was_made_to_be_erased_from_is_used_and_said_to_be_one() {
    let streams = Streams::new("erasable");
    let jetstream = jetstream::new(streams.client().await);
    streams.store().await;
    let mut stream = jetstream.get_stream(&streams.base).await.unwrap();
    let config = Config {
        deny_purge: false,
        ..stream.info().await.unwrap().config.clone()
    };
    jetstream.delete_stream(&streams.base).await.unwrap();
    jetstream.create_stream(config).await.unwrap();
    let store = streams.store().await;
    assert!(
        store.risks().contains(&Risk::Deletable),
        "{:?}",
        store.risks()
    );
}
