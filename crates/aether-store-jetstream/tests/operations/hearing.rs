//! Who hears what is stored, who may not, and how a stream that is there is made to send it.

use aether_core::{EventFilter, EventStoreExt as _, FeedStart, StoreErrorKind};
use aether_store_jetstream::async_nats::jetstream;
use aether_store_jetstream::async_nats::jetstream::stream::Republish;
use aether_store_jetstream::{Gap, JetStreamConfig, JetStreamStore, Retention};

use crate::from_guide;
use crate::permissions::{READER, SERVICE, SETUP, server, store_of};
use crate::support::hearing::{end_of, filled, listening, next_event};
use crate::support::{Streams, actor, event};

fn configs() -> [JetStreamConfig; 2] {
    let forever = JetStreamConfig::new("orders").republish(true);
    [forever.clone(), forever.retention(Retention::ONE_YEAR)]
}

#[tokio::test]
async fn services_and_readers_hear_what_is_stored_and_nobody_else_can_be_heard_there() {
    for config in configs() {
        let (server, _files) = server().await;
        let mut setup = SETUP.connect(&server).await;
        store_of(&setup, &config).await;
        let mut service = SERVICE.connect(&server).await;
        let mut reader = READER.connect(&server).await;
        let writes = store_of(&service, &config).await;
        let reads = store_of(&reader, &config).await;
        let id = actor("order-1");
        let past = event(&id, 1);
        writes.save_event(past.clone()).await.unwrap();
        for filter in [
            EventFilter::all(),
            EventFilter::all().category("order"),
            EventFilter::all().actor(id.clone()),
        ] {
            let version = writes.get_events(&id, 1.into()).await.unwrap().len() + 1;
            let (mut one, _) = listening(&writes, filter.clone()).await;
            let (mut other, from) = listening(&reads, filter.clone()).await;
            let saved = event(&id, u32::try_from(version).unwrap());
            writes.save_event(saved.clone()).await.unwrap();
            assert_eq!(next_event(&mut one).await.event(), &saved);
            assert_eq!(next_event(&mut other).await.event(), &saved);
            let start = FeedStart::Beginning;
            let before = filled(
                &reads,
                Gap {
                    start,
                    before: from,
                    filter,
                },
            );
            assert_eq!(before.await[0].event(), &past);
        }
        for user in [&mut setup, &mut service, &mut reader] {
            user.was_denied_nothing().await;
            user.is_denied_to_publish("orders.stored.order.order-1")
                .await;
        }
        setup.is_denied_to_subscribe("orders.stored.*.*").await;
    }
}

#[tokio::test]
async fn who_may_not_listen_is_told_so() {
    let (server, _files) = server().await;
    let config = JetStreamConfig::new("orders").republish(true);
    let setup = JetStreamStore::builder(config);
    let setup = setup.connect_with(server.url(), SETUP.options());
    let setup = setup.await.unwrap();
    for filter in [
        EventFilter::all(),
        EventFilter::all().category("order"),
        EventFilter::all().actor(actor("order-1")),
    ] {
        let error = end_of(&mut setup.subscribe_stored(filter)).await;
        assert_eq!(error.kind(), StoreErrorKind::PermissionDenied, "{error}");
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(
            source.contains("Subscription to \"orders.stored."),
            "{source}"
        );
    }
}

#[tokio::test]
async fn a_stream_that_is_there_is_made_to_send_as_the_guide_says() {
    let streams = Streams::new("edited");
    let store = streams.store().await;
    let id = actor("order-1");
    store.save_event(event(&id, 1)).await.unwrap();
    let command = from_guide("republish").replace("orders", &streams.base);
    let option = |name: &str| {
        let (_, rest) = command
            .split_once(&format!("--republish-{name} '"))
            .unwrap();
        rest.split_once('\'').unwrap().0.to_owned()
    };
    let jetstream = jetstream::new(streams.client().await);
    let mut stream = jetstream.get_stream(&streams.base).await.unwrap();
    let mut config = stream.info().await.unwrap().config.clone();
    config.republish = Some(Republish {
        source: option("source"),
        destination: option("destination"),
        headers_only: false,
    });
    jetstream.update_stream(config).await.unwrap();
    // By who had connected before, and by who asks for it.
    let asking = streams.store_with(streams.config().republish(true)).await;
    for (version, listener) in [(2, &store), (3, &asking)] {
        let (mut heard, _) = listening(listener, EventFilter::all()).await;
        let saved = event(&id, version);
        store.save_event(saved.clone()).await.unwrap();
        assert_eq!(next_event(&mut heard).await.event(), &saved);
    }
}
