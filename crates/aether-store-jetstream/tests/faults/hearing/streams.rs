//! Streams that republish, or don't.

use aether_core::{EventFilter, EventStoreExt as _};
use aether_store_jetstream::JetStreamStore;
use aether_store_jetstream::async_nats::jetstream::stream::{Config, Republish};
use aether_store_jetstream::async_nats::jetstream::{self, Context};

use crate::misconfigured;
use crate::support::feed::everything;
use crate::support::hearing::{end_of, events, listening, next_event, sending_store};
use crate::support::{Streams, actor, event};

pub(super) fn jetstream_of(store: &JetStreamStore) -> Context {
    jetstream::new(store.client().clone())
}

/// Makes a stream republish that did not.
pub(super) async fn republish(jetstream: &Context, stream: &str) {
    change(jetstream, stream, |config| {
        config.republish = Some(Republish {
            source: format!("{stream}.events.*.*"),
            destination: format!("{stream}.stored.{{{{wildcard(1)}}}}.{{{{wildcard(2)}}}}"),
            headers_only: false,
        });
    })
    .await;
}

pub(super) async fn change(jetstream: &Context, stream: &str, change: impl FnOnce(&mut Config)) {
    let mut stream = jetstream.get_stream(stream).await.unwrap();
    let mut config = stream.info().await.unwrap().config.clone();
    change(&mut config);
    jetstream.update_stream(config).await.unwrap();
}

#[tokio::test]
async fn a_stream_that_does_not_republish_is_refused_by_name_where_that_is_asked_for() {
    let streams = Streams::new("silent");
    let store = streams.store().await;
    let asked = || JetStreamStore::connect(&streams.url, streams.config().republish(true));
    let what = format!("republish of stream {:?}", streams.base);
    let error = asked().await.unwrap_err();
    assert_eq!(misconfigured(&error), what, "{error}");
    // Who listens is told so, whatever his own configuration says.
    let mut heard = store.subscribe_stored(EventFilter::all());
    assert_eq!(misconfigured(&end_of(&mut heard).await), what);

    let jetstream = jetstream_of(&store);
    let wrong: [fn(&mut Republish); 3] = [
        |r| r.headers_only = true,
        |r| {
            r.source = r.source.replace("*.*", "order.*");
            let both = "{{wildcard(1)}}.{{wildcard(2)}}";
            r.destination = r.destination.replace(both, "order.{{wildcard(1)}}");
        },
        |r| r.destination = r.destination.replace("stored", "heard"),
    ];
    for wrong in wrong {
        republish(&jetstream, &streams.base).await;
        change(&jetstream, &streams.base, |config| {
            wrong(config.republish.as_mut().unwrap());
        })
        .await;
        let error = asked().await.unwrap_err();
        assert_eq!(misconfigured(&error), what, "{error}");
        let mut heard = store.subscribe_stored(EventFilter::all());
        assert_eq!(misconfigured(&end_of(&mut heard).await), what);
        // Nothing else depends on it.
        streams.store().await;
    }
    republish(&jetstream, &streams.base).await;
    asked().await.unwrap();
    // Also where nobody has asked for it.
    let (mut heard, _) = listening(&store, EventFilter::all()).await;
    store.save_event(event(&actor("order-1"), 1)).await.unwrap();
    next_event(&mut heard).await;
}

/// The server keeps what a message expects to be stored, and a stream that stores what is heard
/// compares it with itself.
#[tokio::test]
async fn a_stream_that_captures_what_is_heard_gets_none_of_our_commits_and_nobody_else_notices() {
    let streams = Streams::new("captured");
    let store = sending_store(&streams).await;
    let jetstream = jetstream_of(&store);
    let name = format!("{}-capture", streams.base);
    let capture = Config {
        name: name.clone(),
        subjects: vec![format!("{}.stored.>", streams.base)],
        ..Config::default()
    };
    let mut capture = jetstream.create_stream(capture).await.unwrap();
    let (mut heard, _) = listening(&store, EventFilter::all()).await;
    let id = actor("order-1");
    for version in 1..=5 {
        store.save_event(event(&id, version)).await.unwrap();
    }
    assert_eq!(events(&mut heard, 5).await, everything(&store).await);
    // What another program would send there is stored: so the others were, too, if at all.
    let subject = store.stored_subject(&id);
    let other = jetstream.publish(subject, "theirs".into()).await.unwrap();
    assert_eq!(other.await.unwrap().sequence, 1);
    assert_eq!(capture.info().await.unwrap().state.messages, 1);
    jetstream.delete_stream(name).await.unwrap();
}
