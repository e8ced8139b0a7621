//! A store that reaches its server through a proxy, which loses what it is told to lose.

use std::time::Duration;

use aether_store_jetstream::JetStreamStore;
use aether_store_jetstream::async_nats::jetstream;

use super::Streams;
use super::proxy::Proxy;

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
}

/// When the stream was made, as the server writes it.
pub(crate) async fn created(store: &JetStreamStore) -> String {
    let jetstream = jetstream::new(store.client().clone());
    let stream = store.events_stream();
    let info: serde_json::Value = jetstream
        .request(format!("STREAM.INFO.{stream}"), &())
        .await
        .unwrap();
    info["created"].as_str().unwrap().to_owned()
}
