//! The stream that keeps each actor's newest commit where events expire.

use std::path::Path;

use aether_core::{EventStore as _, EventStoreExt as _, Version};
use aether_store_jetstream::async_nats::jetstream::message::StreamMessage;
use aether_store_jetstream::async_nats::jetstream::stream::{Config, Source, Stream};
use aether_store_jetstream::async_nats::{self, jetstream};
use aether_store_jetstream::{JetStreamConfig, JetStreamStore, Retention, Risk};
use tempfile::TempDir;

use crate::support::server::Server;
use crate::support::{Streams, actor, event, eventually};
use crate::{SECOND, misconfigured};

fn finite(streams: &Streams) -> JetStreamConfig {
    streams.config().retention(Retention::MaxAge(4 * SECOND))
}

async fn stream(streams: &Streams, name: &str) -> Stream {
    let jetstream = jetstream::new(streams.client().await);
    jetstream.get_stream(name).await.unwrap()
}

async fn head(heads: &Stream, subject: &str) -> Option<StreamMessage> {
    heads.get_last_raw_message_by_subject(subject).await.ok()
}

async fn messages(stream: &Stream) -> u64 {
    stream.get_info().await.unwrap().state.messages
}

#[tokio::test]
async fn the_newest_commit_of_each_actor_is_kept_when_all_events_have_expired() {
    let streams = Streams::new("heads");
    let config = finite(&streams);
    let heads_stream = config.heads_stream().unwrap();
    let store = streams.store_with(config).await;
    let (one, other) = (actor("order-1"), actor("order-2"));
    for version in 1..=3 {
        store.save_event(event(&one, version)).await.unwrap();
    }
    store.save_event(event(&other, 1)).await.unwrap();
    let events = stream(&streams, &streams.base).await;
    let heads = stream(&streams, &heads_stream).await;
    let newest = [(&one, 3), (&other, 1)];
    for (id, version) in newest {
        let subject = store.events_subject(id);
        let stored = events
            .get_last_raw_message_by_subject(&subject)
            .await
            .unwrap();
        let copied = async || {
            head(&heads, &subject)
                .await
                .filter(|m| m.payload == stored.payload)
        };
        eventually("the commit is copied", async || copied().await.is_some()).await;
        let copy = copied().await.unwrap();
        assert_eq!(copy.subject, stored.subject);
        let header = |name| {
            copy.headers
                .get(name)
                .map(|value| value.as_str().to_owned())
        };
        assert_eq!(header("Aether-Last-Version"), Some(version.to_string()));
        // Where it was, and no expectation: those are of the stream of events.
        let source = header("Nats-Stream-Source").unwrap();
        let mut parts = source.split(' ');
        assert_eq!(parts.next(), Some(&*streams.base));
        assert_eq!(
            parts.next(),
            Some(&*stored.sequence.to_string()),
            "{source}"
        );
        for gone in [
            "Nats-Expected-Stream",
            "Nats-Expected-Last-Subject-Sequence",
        ] {
            assert_eq!(header(gone), None);
            assert!(stored.headers.get(gone).is_some());
        }
    }
    eventually("the events have expired", async || {
        messages(&events).await == 0
    })
    .await;
    assert_eq!(messages(&heads).await, 2);
    for (id, version) in newest {
        let copy = head(&heads, &store.events_subject(id)).await.unwrap();
        let last = copy.headers.get("Aether-Last-Version").unwrap();
        assert_eq!(last.as_str(), version.to_string());
    }
}

#[tokio::test]
async fn without_a_retention_there_are_no_heads() {
    let streams = Streams::new("heads");
    streams.store().await;
    let jetstream = jetstream::new(streams.client().await);
    let name = finite(&streams).heads_stream().unwrap();
    assert!(jetstream.get_stream(name).await.is_err());
}

type Change = fn(&mut Config, &str);

#[tokio::test]
async fn heads_that_would_lose_a_head_are_refused_by_the_fields_name() {
    let rows: [(&str, Change); 7] = [
        ("max_age", |c, _| c.max_age = 3_600 * SECOND),
        ("max_msgs_per_subject", |c, _| {
            c.max_messages_per_subject = -1;
        }),
        ("max_bytes", |c, _| c.max_bytes = 1 << 20),
        ("max_msg_size", |c, _| c.max_message_size = 1_024),
        ("sources", |c, _| c.sources = None),
        ("sources", |c, events| {
            c.sources = Some(vec![Source {
                name: events.to_owned(),
                filter_subject: Some(format!("{events}.events.order.*")),
                ..Source::default()
            }]);
        }),
        ("subjects", |c, events| {
            c.subjects = vec![format!("{events}.heads.>")];
        }),
    ];
    for (field, change) in rows {
        let streams = Streams::new("wrong-heads");
        let jetstream = jetstream::new(streams.client().await);
        let config = finite(&streams);
        let name = config.heads_stream().unwrap();
        streams.store_with(config.clone()).await;
        let right = stream(&streams, &name).await.cached_info().config.clone();
        jetstream.delete_stream(&name).await.unwrap();
        let mut wrong = right.clone();
        change(&mut wrong, &streams.base);
        jetstream.create_stream(wrong).await.unwrap();
        let error = JetStreamStore::connect(&streams.url, config.clone())
            .await
            .unwrap_err();
        assert_eq!(misconfigured(&error), format!("{field} of stream {name:?}"));
        // The one that was right is taken, also when somebody else has made it.
        jetstream.delete_stream(&name).await.unwrap();
        jetstream.create_stream(right).await.unwrap();
        streams.store_with(config).await;
    }
}

#[tokio::test]
async fn heads_are_not_made_when_events_have_expired_already() {
    let streams = Streams::new("late-heads");
    let config = finite(&streams);
    let name = config.heads_stream().unwrap();
    let store = streams.store_with(config.clone()).await;
    let jetstream = jetstream::new(streams.client().await);
    jetstream.delete_stream(&name).await.unwrap();
    let id = actor("order-1");
    store.save_event(event(&id, 1)).await.unwrap();
    let events = stream(&streams, &streams.base).await;
    eventually("the event has expired", async || {
        messages(&events).await == 0
    })
    .await;
    let error = JetStreamStore::connect(&streams.url, config)
        .await
        .unwrap_err();
    assert_eq!(misconfigured(&error), format!("stream {name:?}"));
    assert!(
        jetstream.get_stream(&name).await.is_err(),
        "nothing is made"
    );
}

#[tokio::test]
async fn commits_that_expired_before_they_were_copied_are_said_to_be_missed() {
    let streams = Streams::new("missed");
    let config = finite(&streams);
    let name = config.heads_stream().unwrap();
    let store = streams.store_with(config.clone()).await;
    let missed = |store: &JetStreamStore| {
        let mut risks = store.risks().iter();
        risks.find_map(|risk| match risk {
            Risk::HeadsMissed { commits } => Some(*commits),
            _ => None,
        })
    };
    assert_eq!(missed(&store), None);
    let id = actor("order-1");
    store.save_event(event(&id, 1)).await.unwrap();
    let heads = stream(&streams, &name).await;
    eventually("the commit is copied", async || messages(&heads).await == 1).await;
    assert_eq!(missed(&streams.store_with(config.clone()).await), None);

    // A copy that is made too late.
    let jetstream = jetstream::new(streams.client().await);
    let right = heads.cached_info().config.clone();
    jetstream.delete_stream(&name).await.unwrap();
    for version in 2..=4 {
        store.save_event(event(&id, version)).await.unwrap();
    }
    let events = stream(&streams, &streams.base).await;
    eventually("the events have expired", async || {
        messages(&events).await == 0
    })
    .await;
    jetstream.create_stream(right).await.unwrap();
    assert_eq!(
        missed(&streams.store_with(config.clone()).await),
        None,
        "not known yet"
    );
    store.save_event(event(&actor("order-2"), 1)).await.unwrap();
    let heads = stream(&streams, &name).await;
    eventually("the commit is copied", async || messages(&heads).await == 1).await;
    assert_eq!(missed(&streams.store_with(config).await), Some(4));
}

#[tokio::test]
async fn heads_survive_a_killed_server_and_go_on() {
    let mut server = Server::start().await;
    let config = JetStreamConfig::new("orders").retention(Retention::MaxAge(5 * SECOND));
    let name = config.heads_stream().unwrap();
    let store = JetStreamStore::connect(server.url(), config.clone())
        .await
        .unwrap();
    let client = async_nats::connect(server.url()).await.unwrap();
    let jetstream = jetstream::new(client);
    let (one, other) = (actor("order-1"), actor("order-2"));
    let newest = async |id| {
        let heads = jetstream.get_stream(&name).await.ok()?;
        head(&heads, &store.events_subject(id)).await
    };
    store.save_event(event(&one, 1)).await.unwrap();
    eventually("a copy", async || newest(&one).await.is_some()).await;
    for _ in 0..2 {
        server.kill();
        server.restart().await;
        eventually("the server answers", async || newest(&one).await.is_some()).await;
    }
    let events = jetstream.get_stream("orders").await.unwrap();
    eventually("the event has expired", async || {
        messages(&events).await == 0
    })
    .await;
    assert!(newest(&one).await.is_some());
    // After the restart the server goes on copying where it was.
    store.save_event(event(&other, 1)).await.unwrap();
    eventually("a copy", async || newest(&other).await.is_some()).await;
    let copies = [newest(&one).await.unwrap(), newest(&other).await.unwrap()];
    assert_eq!(copies.map(|copy| copy.sequence), [1, 2]);
}

#[tokio::test]
async fn heads_of_events_that_are_gone_are_refused() {
    let streams = Streams::new("old-heads");
    let config = finite(&streams);
    let name = config.heads_stream().unwrap();
    let store = streams.store_with(config.clone()).await;
    let id = actor("order-1");
    store.save_event(event(&id, 1)).await.unwrap();
    let heads = stream(&streams, &name).await;
    eventually("the commit is copied", async || messages(&heads).await == 1).await;
    let jetstream = jetstream::new(streams.client().await);
    jetstream.delete_stream(&streams.base).await.unwrap();
    for _ in 0..2 {
        let error = JetStreamStore::connect(&streams.url, config.clone())
            .await
            .unwrap_err();
        assert_eq!(misconfigured(&error), format!("stream {name:?}"));
    }
    jetstream.delete_stream(&name).await.unwrap();
    let store = streams.store_with(config).await;
    assert_eq!(store.latest_version(&id).await.unwrap(), Version::ZERO);
}

#[tokio::test]
async fn heads_that_have_copied_more_than_the_events_have_are_refused() {
    let mut server = Server::start().await;
    let config = JetStreamConfig::new("orders").retention(Retention::ONE_YEAR);
    let connect = async |url: &str| JetStreamStore::connect(url, config.clone()).await;
    let events = server.store_dir().join("jetstream/$G/streams/orders");
    let older = TempDir::new().unwrap();
    let id = actor("order-1");

    let store = connect(server.url()).await.unwrap();
    store.save_event(event(&id, 1)).await.unwrap();
    server.stop();
    copy(&events, older.path());
    server.restart().await;
    store.save_event(event(&id, 2)).await.unwrap();
    let name = config.heads_stream().unwrap();
    let client = async_nats::connect(server.url()).await.unwrap();
    let heads = jetstream::new(client).get_stream(&name).await.unwrap();
    eventually("both are copied", async || {
        heads.get_info().await.unwrap().state.last_sequence == 2
    })
    .await;
    connect(server.url()).await.unwrap();

    // An older copy of the events, without the heads that belong to it.
    server.stop();
    std::fs::remove_dir_all(&events).unwrap();
    copy(older.path(), &events);
    server.restart().await;
    let error = connect(server.url()).await.unwrap_err();
    assert_eq!(misconfigured(&error), "stream \"orders\"", "{error}");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
