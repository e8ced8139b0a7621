//! How a store that kept everything comes to let events expire.

use aether_core::EventStoreExt as _;
use aether_store_jetstream::async_nats::jetstream;
use aether_store_jetstream::async_nats::jetstream::stream::Config;
use aether_store_jetstream::{JetStreamConfig, Retention, Risk};

use crate::from_guide;
use crate::support::{Streams, actor, event, eventually};

#[tokio::test]
async fn a_store_that_kept_everything_is_given_a_retention_as_the_guide_says() {
    let streams = Streams::new("lowered");
    let forever = JetStreamConfig::new(&streams.base);
    let store = streams.store_with(forever.clone()).await;
    for n in 1..=3 {
        let id = actor(&format!("order-{n}"));
        store.save_event(event(&id, 1)).await.unwrap();
    }
    let jetstream = jetstream::new(streams.client().await);
    // First the heads, and all of them; only then may events expire.
    let heads = from_guide("heads.json").replace("orders", &streams.base);
    let heads: Config = serde_json::from_str(&heads).unwrap();
    let name = heads.name.clone();
    let year = forever.retention(Retention::ONE_YEAR);
    assert_eq!(Some(&name), year.heads_stream().as_ref());
    let heads = jetstream.create_stream(heads).await.unwrap();
    eventually("every commit is copied", async || {
        heads.get_info().await.unwrap().state.messages == 3
    })
    .await;
    let mut stream = jetstream.get_stream(&streams.base).await.unwrap();
    let config = Config {
        max_age: Retention::ONE_YEAR.max_age().unwrap(),
        ..stream.info().await.unwrap().config.clone()
    };
    jetstream.update_stream(config).await.unwrap();

    let store = streams.store_with(year).await;
    let missed = |risk: &Risk| matches!(risk, Risk::HeadsMissed { .. });
    assert!(!store.risks().iter().any(missed), "{:?}", store.risks());
}
