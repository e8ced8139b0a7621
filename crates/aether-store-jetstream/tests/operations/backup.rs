//! Streams backed up and restored as the guide says, through the calls that `nats stream backup` and
//! `restore` make.

use aether_core::{ActorSnapshot, EventStoreExt as _, SnapshotStore as _, StoreErrorKind, Version};
use aether_store_jetstream::async_nats::{Client, Message, jetstream};
use aether_store_jetstream::{JetStreamConfig, JetStreamStore, Retention, Risk};
use bytes::Bytes;
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{actor, event};
use crate::{SECOND, User, from_guide, server_with};

/// A stream as it was.
struct Backup {
    stream: String,
    config: Value,
    state: Value,
    chunks: Vec<Bytes>,
}

impl Backup {
    async fn of(stream: &str, client: &Client) -> Self {
        let inbox = client.new_inbox();
        let mut messages = client.subscribe(inbox.clone()).await.unwrap();
        let request = json!({ "deliver_subject": inbox, "no_consumers": true });
        let about = api(client, &format!("STREAM.SNAPSHOT.{stream}"), &request).await;
        let mut chunks = Vec::new();
        loop {
            let next = tokio::time::timeout(10 * SECOND, messages.next());
            let Message { payload, reply, .. } = next.await.unwrap().unwrap();
            if payload.is_empty() {
                break;
            }
            chunks.push(payload);
            if let Some(reply) = reply {
                client.publish(reply, "".into()).await.unwrap();
            }
        }
        let [config, state] = ["config", "state"].map(|part| about[part].clone());
        assert!(config.is_object() && !chunks.is_empty(), "{about}");
        Self {
            stream: stream.to_owned(),
            config,
            state,
            chunks,
        }
    }

    /// What the server answers.
    async fn restore(&self, client: &Client) -> Value {
        let request = json!({ "config": self.config, "state": self.state });
        let call = format!("STREAM.RESTORE.{}", self.stream);
        let answer = api(client, &call, &request).await;
        if answer["error"].is_object() {
            return answer;
        }
        let to = answer["deliver_subject"].as_str().unwrap();
        for chunk in &self.chunks {
            client.request(to.to_owned(), chunk.clone()).await.unwrap();
        }
        let end = client.request(to.to_owned(), "".into()).await.unwrap();
        serde_json::from_slice(&end.payload).unwrap()
    }
}

async fn api(client: &Client, call: &str, body: &Value) -> Value {
    let body = serde_json::to_vec(body).unwrap().into();
    let answer = client.request(format!("$JS.API.{call}"), body);
    serde_json::from_slice(&answer.await.unwrap().payload).unwrap()
}

#[tokio::test]
async fn a_backup_brings_everything_back_that_was_there_when_it_was_made() {
    let files = TempDir::new().unwrap();
    let operator = User("operator");
    let accounts = from_guide("accounts.conf");
    let server = server_with(&accounts, &files, || operator.options()).await;
    let config = JetStreamConfig::new("orders")
        .retention(Retention::ONE_YEAR)
        .deadline(3 * SECOND);
    let store = async |user: User| {
        let builder = JetStreamStore::builder(config.clone());
        let store = builder.connect_with(server.url(), user.options()).await;
        store.unwrap()
    };
    store(User("setup")).await;
    let before = store(User("service")).await;
    let ids: Vec<_> = (1..=50).map(|n| actor(&format!("order-{n}"))).collect();
    for id in &ids {
        before
            .save_events([event(id, 1), event(id, 2)])
            .await
            .unwrap();
        before.save_event(event(id, 3)).await.unwrap();
    }
    let snapshot = ActorSnapshot::new(&ids[0], 2.into(), &"state").unwrap();
    before.save_snapshot(snapshot.clone()).await.unwrap();

    // In the guide's order, and without services at work, because there are heads.
    let operator = operator.connect(&server).await.client;
    let streams = ["orders", "orders=~snapshots", "orders=~heads"];
    let mut backups = Vec::new();
    for stream in streams {
        backups.push(Backup::of(stream, &operator).await);
    }
    // This is lost.
    before.save_event(event(&ids[0], 4)).await.unwrap();

    let in_use = backups[0].restore(&operator).await;
    let said = in_use["error"]["description"].as_str().unwrap_or_default();
    assert!(said.starts_with("stream name already in use"), "{in_use}");
    for stream in streams.iter().rev() {
        let name: String = (*stream).to_owned();
        jetstream::new(operator.clone())
            .delete_stream(name)
            .await
            .unwrap();
    }
    for backup in &backups {
        let restored = backup.restore(&operator).await;
        let messages = &backup.state["messages"];
        assert_eq!(&restored["state"]["messages"], messages, "{restored}");
    }

    // A service that was not stopped stores nothing on top of what it had saved: a stream that is
    // made anew, or a commit that is nowhere to be found.
    let error = before.save_event(event(&ids[0], 5)).await.unwrap_err();
    let kinds = [
        StoreErrorKind::HistoryRegressed,
        StoreErrorKind::Indeterminate,
    ];
    assert!(kinds.contains(&error.kind()), "{error}");
    let orders = jetstream::new(operator.clone());
    let orders = orders.get_stream("orders").await.unwrap();
    let state = &orders.cached_info().state;
    assert_eq!(backups[0].state["last_seq"], state.last_sequence);

    let after = store(User("service")).await;
    let missed = |risk: &Risk| matches!(risk, Risk::HeadsMissed { .. });
    assert!(!after.risks().iter().any(missed), "{:?}", after.risks());
    for id in &ids {
        let events = after.get_events(id, Version::ZERO).await.unwrap();
        assert_eq!(events.len(), 3);
        let report = after.verify(id).await.unwrap();
        assert!(report.is_intact(), "{report:?}");
        after.save_event(event(id, 4)).await.unwrap();
    }
    let found = after.latest_snapshot(&ids[0]).await.unwrap();
    assert_eq!(found, Some(snapshot));
}
