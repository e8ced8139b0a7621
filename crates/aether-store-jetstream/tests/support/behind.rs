//! A store that reaches its server through a proxy, which loses what it is told to lose.

use std::time::Duration;

use aether_store_jetstream::JetStreamStore;
use aether_store_jetstream::async_nats::jetstream;

use super::Streams;
use super::proxy::{Action, Proxy};

pub(crate) struct Behind {
    pub(crate) streams: Streams,
    pub(crate) proxy: Proxy,
    /// Through the proxy.
    pub(crate) store: JetStreamStore,
    /// Past it.
    pub(crate) direct: JetStreamStore,
}

/// The store's requests have a fifth of a second each.
pub(crate) async fn behind_a_proxy(what: &str, deadline: Duration) -> Behind {
    let streams = Streams::new(what);
    let proxy = Proxy::before(&streams.url).await;
    let config = streams
        .config()
        .request_timeout(Duration::from_millis(200))
        .deadline(deadline);
    let store = JetStreamStore::connect(&proxy.url, config).await.unwrap();
    let direct = streams.store().await;
    Behind {
        streams,
        proxy,
        store,
        direct,
    }
}

impl Behind {
    /// A handle through the proxy that knows nothing, as after a process has begun anew.
    pub(crate) async fn fresh(&self) -> JetStreamStore {
        let config = self
            .streams
            .config()
            .request_timeout(Duration::from_millis(200));
        let config = config.deadline(Duration::from_secs(5));
        JetStreamStore::connect(&self.proxy.url, config)
            .await
            .unwrap()
    }

    /// The same, and takes the stream for one with three replicas: what it is told may come from
    /// any of three servers. What becomes of what it publishes is to be said afterwards.
    pub(crate) async fn fresh_replicated(&self) -> JetStreamStore {
        let mut info = info(&self.direct).await;
        info["config"]["num_replicas"] = 3.into();
        let asked = format!("STREAM.INFO.{}", self.direct.events_stream());
        self.proxy
            .rule(move |published| match published.subject.ends_with(&asked) {
                true => Action::Answer(info.to_string()),
                false => Action::Pass,
            });
        let fresh = self.fresh().await;
        self.proxy.rule(|_| Action::Pass);
        fresh
    }
}

/// When the stream was made, as the server writes it.
pub(crate) async fn created(store: &JetStreamStore) -> String {
    info(store).await["created"].as_str().unwrap().to_owned()
}

/// What the server says of the stream of events.
async fn info(store: &JetStreamStore) -> serde_json::Value {
    let jetstream = jetstream::new(store.client().clone());
    let stream = store.events_stream();
    let info = jetstream.request(format!("STREAM.INFO.{stream}"), &());
    info.await.unwrap()
}
