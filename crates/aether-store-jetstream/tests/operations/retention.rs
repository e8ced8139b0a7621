//! How a store that kept everything comes to let events expire, and how it doesn't again.

use std::time::Duration;

use aether_core::{EventStore as _, EventStoreExt as _, StoreErrorKind, Version};
use aether_store_jetstream::async_nats::jetstream;
use aether_store_jetstream::async_nats::jetstream::stream::{Config, Stream};
use aether_store_jetstream::{JetStreamConfig, JetStreamStore, Retention, Risk};

use crate::support::{Streams, actor, event, eventually};
use crate::{SECOND, from_guide};

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
    let heads = Config {
        num_replicas: 1,
        ..serde_json::from_str(&heads).unwrap()
    };
    let name = heads.name.clone();
    let year = forever.retention(Retention::ONE_YEAR);
    assert_eq!(Some(&name), year.heads_stream().as_ref());
    let heads = jetstream.create_stream(heads).await.unwrap();
    eventually("every commit is copied", async || {
        heads.get_info().await.unwrap().state.messages == 3
    })
    .await;
    let mut stream = jetstream.get_stream(&streams.base).await.unwrap();
    set_max_age(
        &jetstream,
        &mut stream,
        Retention::ONE_YEAR.max_age().unwrap(),
    )
    .await;

    let store = streams.store_with(year).await;
    let missed = |risk: &Risk| matches!(risk, Risk::HeadsMissed { .. });
    assert!(!store.risks().iter().any(missed), "{:?}", store.risks());
}

#[tokio::test]
async fn a_retention_is_ended_by_a_very_long_one_because_forever_forgets_versions() {
    let streams = Streams::new("ended");
    let base = JetStreamConfig::new(&streams.base);
    let short = base.clone().retention(Retention::MaxAge(SECOND));
    let id = actor("order-1");
    let store = streams.store_with(short).await;
    for version in 1..=2 {
        store.save_event(event(&id, version)).await.unwrap();
    }
    drop(store);
    let jetstream = jetstream::new(streams.client().await);
    let mut stream = jetstream.get_stream(&streams.base).await.unwrap();
    eventually("all events have expired", async || {
        stream.get_info().await.unwrap().state.messages == 0
    })
    .await;

    // As the guide says: the heads go on being asked.
    let most = Retention::MAX_AGE_MOST;
    let longest = base.clone().retention(Retention::MaxAge(most));
    let refused = JetStreamStore::with_client(streams.client().await, longest.clone()).await;
    assert_eq!(refused.unwrap_err().kind(), StoreErrorKind::Misconfigured);
    set_max_age(&jetstream, &mut stream, most).await;
    let store = streams.store_with(longest).await;
    assert_eq!(store.latest_version(&id).await.unwrap(), Version::from(2));

    // As it says not to: that is said when the store connects.
    set_max_age(&jetstream, &mut stream, Duration::ZERO).await;
    let store = streams.store_with(base).await;
    let gone = Risk::BeginningGone { first_sequence: 3 };
    assert!(store.risks().contains(&gone), "{:?}", store.risks());
    assert_eq!(store.latest_version(&id).await.unwrap(), Version::ZERO);
}

async fn set_max_age(jetstream: &jetstream::Context, stream: &mut Stream, max_age: Duration) {
    let config = Config {
        max_age,
        ..stream.info().await.unwrap().config.clone()
    };
    jetstream.update_stream(config).await.unwrap();
}
