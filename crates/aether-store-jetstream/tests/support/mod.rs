//! What the tests that need a server share.

#![allow(dead_code, reason = "each test target uses a part of it")]

pub(crate) mod behind;
pub(crate) mod books;
pub(crate) mod cluster;
pub(crate) mod fake_server;
pub(crate) mod feed;
pub(crate) mod frame;
pub(crate) mod hearing;
pub(crate) mod load;
pub(crate) mod proxy;
pub(crate) mod server;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aether_core::{ActorId, Event, EventDraft, Namespace};
use aether_store_jetstream::async_nats;
use aether_store_jetstream::async_nats::jetstream::{self, stream};
use aether_store_jetstream::{JetStreamConfig, JetStreamStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Where the server is. Without one these tests fail: passing by not running is a lie.
pub(crate) fn nats_url() -> String {
    std::env::var("AETHER_NATS_URL").unwrap_or_else(|_| {
        panic!("AETHER_NATS_URL is not set: run `cargo xtask integration`, which starts a server")
    })
}

/// A base name that no other test uses, in this run or any other.
pub(crate) fn unique_name(what: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let nanos = now.unwrap().as_nanos() % 1_000_000_000_000;
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("t-{what}-{nanos}-{}-{count}", std::process::id())
}

/// Streams of a test's own, removed at its end.
pub(crate) struct Streams {
    pub(crate) url: String,
    pub(crate) base: String,
    pub(crate) namespaces: Vec<Namespace>,
}

impl Streams {
    pub(crate) fn new(what: &str) -> Self {
        Self {
            url: nats_url(),
            base: unique_name(what),
            namespaces: Vec::new(),
        }
    }

    pub(crate) fn config(&self) -> JetStreamConfig {
        Self::config_of(&self.base)
    }

    /// With as many replicas as `AETHER_NATS_REPLICAS` says, for a run on a cluster; else one.
    pub(crate) fn config_of(base: &str) -> JetStreamConfig {
        JetStreamConfig::new(base).replicas(Self::replicas())
    }

    pub(crate) fn replicas() -> usize {
        let replicas = std::env::var("AETHER_NATS_REPLICAS");
        replicas.map_or(1, |replicas| replicas.parse().unwrap())
    }

    pub(crate) async fn store(&self) -> JetStreamStore {
        self.store_with(self.config()).await
    }

    pub(crate) async fn store_with(&self, config: JetStreamConfig) -> JetStreamStore {
        JetStreamStore::connect(&self.url, config).await.unwrap()
    }

    pub(crate) async fn client(&self) -> async_nats::Client {
        async_nats::connect(&self.url).await.unwrap()
    }

    /// A stream of events from which messages can be removed, which a store of these takes as it is.
    pub(crate) fn removable(&self) -> stream::Config {
        stream::Config {
            name: self.base.clone(),
            subjects: vec![format!("{}.events.*.*", self.base)],
            num_replicas: Self::replicas(),
            allow_direct: true,
            discard: stream::DiscardPolicy::New,
            ..stream::Config::default()
        }
    }

    /// Makes [that stream](Self::removable).
    pub(crate) async fn make_removable(&self) -> stream::Stream {
        let jetstream = jetstream::new(self.client().await);
        jetstream.create_stream(self.removable()).await.unwrap()
    }

    fn names(&self) -> Vec<String> {
        let of = |namespace: &Namespace| self.config().namespace(namespace.clone()).events_stream();
        let events = std::iter::once(self.base.clone()).chain(self.namespaces.iter().map(of));
        events
            .flat_map(|name| [format!("{name}=~heads"), format!("{name}=~snapshots"), name])
            .collect()
    }
}

impl Drop for Streams {
    /// On a thread of its own, because a test's runtime can't be blocked on.
    fn drop(&mut self) {
        let (url, names) = (self.url.clone(), self.names());
        let removal = std::thread::spawn(move || {
            runtime().block_on(async {
                let Ok(client) = async_nats::connect(&url).await else {
                    return;
                };
                let jetstream = jetstream::new(client);
                for name in names {
                    // It may be gone already, or never have been there.
                    jetstream.delete_stream(name).await.ok();
                }
            });
        });
        removal.join().ok();
    }
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

pub(crate) fn actor(id: &str) -> ActorId {
    ActorId::new(id).unwrap()
}

/// An event with a new id, whose data is its version.
pub(crate) fn event(actor_id: &ActorId, version: u32) -> Event {
    event_with(actor_id, version, &version)
}

pub(crate) fn event_with(actor_id: &ActorId, version: u32, data: &impl serde::Serialize) -> Event {
    let draft = EventDraft::new(actor_id, "Happened", data).unwrap();
    draft.at(version.into()).unwrap()
}

/// Waits for something to become true, looking often, for at most half a minute.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut check: impl FnMut() -> F) {
    let started = std::time::Instant::now();
    while !check().await {
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "not in time: {what}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Ids that trap the careless.
pub(crate) fn trap_ids() -> Vec<ActorId> {
    let long = "x".repeat(ActorId::BYTES_MAX);
    let long_other = format!("{}y", "x".repeat(ActorId::BYTES_MAX - 1));
    let ids = [
        "a.b",
        "a_b",
        "a b",
        "a*b",
        "a>b",
        "A.B",
        "a=2Eb",
        "-a",
        "a-",
        "🦀",
        &long,
        &long_other,
        "a\nb",
        "\u{7f}",
        "\0",
        "*",
        ">",
        "$JS",
        "é",
        "e\u{301}",
    ];
    ids.map(actor).into()
}

/// Publishes a message with what stands in its headers after `NATS/1.0`, as no client would.
pub(crate) async fn publish_raw(streams: &Streams, subject: &str, headers: &str) {
    let headers = format!("NATS/1.0{headers}\r\n");
    let server = streams.url.trim_start_matches("nats://");
    let mut socket = tokio::net::TcpStream::connect(server).await.unwrap();
    let (size, total) = (headers.len(), headers.len() + "body".len());
    let text = format!(
        "CONNECT {{\"verbose\":false,\"headers\":true}}\r\n\
         HPUB {subject} {size} {total}\r\n{headers}body\r\nPING\r\n"
    );
    socket.write_all(text.as_bytes()).await.unwrap();
    let mut said = String::new();
    while !said.contains("PONG") {
        let mut bytes = [0; 4096];
        let count = socket.read(&mut bytes).await.unwrap();
        assert!(count > 0, "{said}");
        said.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
}
