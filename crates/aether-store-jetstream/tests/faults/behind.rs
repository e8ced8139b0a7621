//! A store that reaches its server through a proxy, which loses what it is told to lose.

use std::time::Duration;

use aether_store_jetstream::JetStreamStore;
use aether_store_jetstream::async_nats::jetstream;

use crate::SECOND;
use crate::support::Streams;
use crate::support::proxy::Proxy;

pub(crate) struct Behind {
    _streams: Streams,
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
        .request_timeout(SECOND / 5)
        .deadline(deadline);
    let store = JetStreamStore::connect(&proxy.url, config).await.unwrap();
    let direct = streams.store().await;
    Behind {
        _streams: streams,
        proxy,
        store,
        direct,
    }
}

/// How many commits there are.
pub(crate) async fn messages(store: &JetStreamStore) -> u64 {
    let jetstream = jetstream::new(store.client().clone());
    let stream = jetstream.get_stream(store.events_stream()).await.unwrap();
    stream.cached_info().state.messages
}
