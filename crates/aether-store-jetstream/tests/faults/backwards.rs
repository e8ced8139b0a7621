//! A stream that is purged, deleted or made anew under a store that remembers it.

use aether_core::{ActorId, EventStore as _, EventStoreExt as _, StoreErrorKind as Kind, Version};
use aether_store_jetstream::JetStreamStore;
use aether_store_jetstream::async_nats::jetstream;

use futures_util::StreamExt as _;

use crate::support::books::messages;
use crate::support::{Streams, actor, event, eventually};
use crate::{SECOND, misconfigured};

const VERSIONS: u32 = 3;

/// A stream that can be purged, and a store that has saved some versions of this actor.
async fn warm(streams: &Streams, id: &ActorId) -> (JetStreamStore, jetstream::Context) {
    let jetstream = jetstream::new(streams.client().await);
    streams.make_removable().await;
    let config = streams.config().request_timeout(SECOND / 5);
    let store = streams.store_with(config.deadline(SECOND)).await;
    for version in 1..=VERSIONS {
        store.save_event(event(id, version)).await.unwrap();
    }
    (store, jetstream)
}

/// Neither a save nor a read takes what is there now for the history.
async fn assert_regressed(store: &JetStreamStore, id: &ActorId) {
    let error = store.save_event(event(id, VERSIONS + 1)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::HistoryRegressed, "{error}");
    let draft = aether_core::EventDraft::new(id, "Drafted", &()).unwrap();
    let error = store.append_next([draft]).await.unwrap_err();
    assert_eq!(error.kind(), Kind::HistoryRegressed, "{error}");
    let errors = [
        store.latest_version(id).await.err(),
        store.get_events(id, Version::ZERO).await.err(),
    ];
    for error in errors {
        let error = error.expect("an answer older than what was saved");
        let kinds = [Kind::HistoryRegressed, Kind::Unavailable];
        assert!(kinds.contains(&error.kind()), "{error}");
    }
}

#[tokio::test]
async fn a_stream_purged_under_a_warm_store_is_a_history_that_went_backwards() {
    let streams = Streams::new("purged");
    let id = actor("order-1");
    let (store, jetstream) = warm(&streams, &id).await;
    let stream = jetstream.get_stream(&streams.base).await.unwrap();
    stream.purge().await.unwrap();
    assert_regressed(&store, &id).await;
    assert_eq!(messages(&store).await, 0);
}

#[tokio::test]
async fn one_actor_purged_under_a_warm_store_is_a_history_that_went_backwards() {
    let streams = Streams::new("purged-one");
    let (id, other) = (actor("order-1"), actor("order-2"));
    let (store, jetstream) = warm(&streams, &id).await;
    store.save_event(event(&other, 1)).await.unwrap();
    let stream = jetstream.get_stream(&streams.base).await.unwrap();
    let subject = store.events_subject(&id);
    stream.purge().filter(subject).await.unwrap();
    assert_regressed(&store, &id).await;
    // The others go on.
    store.save_event(event(&other, 2)).await.unwrap();
    assert_eq!(messages(&store).await, 2);
}

#[tokio::test]
async fn a_last_commit_deleted_under_a_warm_store_is_a_history_that_went_backwards() {
    let streams = Streams::new("deleted-one");
    let id = actor("order-1");
    let (store, jetstream) = warm(&streams, &id).await;
    let stream = jetstream.get_stream(&streams.base).await.unwrap();
    stream.delete_message(u64::from(VERSIONS)).await.unwrap();
    assert_regressed(&store, &id).await;
    assert_eq!(messages(&store).await, u64::from(VERSIONS) - 1);
}

#[tokio::test]
async fn a_stream_made_anew_under_a_warm_store_is_a_history_that_went_backwards() {
    let streams = Streams::new("remade");
    let id = actor("order-1");
    let (store, jetstream) = warm(&streams, &id).await;
    jetstream.delete_stream(&streams.base).await.unwrap();
    let others = streams.store().await;
    assert_regressed(&store, &id).await;
    assert_eq!(messages(&store).await, 0);
    // Also when it has as many messages as the old one had.
    for number in 0..=VERSIONS {
        let other = actor(&format!("other-{number}"));
        others.save_event(event(&other, 1)).await.unwrap();
    }
    assert_regressed(&store, &id).await;
    assert_eq!(messages(&store).await, u64::from(VERSIONS) + 1);
}

#[tokio::test]
async fn a_stream_made_anew_is_noticed_by_who_reads_what_it_does_not_remember() {
    let streams = Streams::new("remade-unknown");
    let id = actor("order-1");
    let (store, jetstream) = warm(&streams, &id).await;
    jetstream.delete_stream(&streams.base).await.unwrap();
    let others = streams.store().await;
    let unknown = actor("order-2");
    for version in 1..=2 {
        others.save_event(event(&unknown, version)).await.unwrap();
    }
    // A read asks what the stream is once a second; until then it is believed to be the same.
    let noticed = async || match store.get_events(&unknown, Version::ZERO).await {
        Ok(events) => {
            assert_eq!(events.len(), 2);
            false
        }
        Err(error) => {
            assert_eq!(error.kind(), Kind::HistoryRegressed, "{error}");
            true
        }
    };
    eventually("the stream is another", noticed).await;
}

#[tokio::test]
async fn a_stream_deleted_under_a_warm_store_is_named_and_nothing_is_written() {
    let streams = Streams::new("gone");
    let id = actor("order-1");
    let (store, jetstream) = warm(&streams, &id).await;
    jetstream.delete_stream(&streams.base).await.unwrap();
    // An actor that the store knows, and one that it has never seen.
    let (warm, cold) = (event(&id, VERSIONS + 1), event(&actor("order-2"), 1));
    for event in [warm, cold] {
        let error = store.save_event(event).await.unwrap_err();
        assert!(misconfigured(&error).contains(&streams.base), "{error}");
    }
    let gone = jetstream.get_stream(&streams.base).await;
    assert!(gone.is_err(), "it was made again");
}

#[tokio::test]
async fn a_stream_purged_while_a_history_is_read_does_not_end_it_short() {
    for commits in [20, 3_000] {
        let streams = Streams::new("purged-reading");
        let id = actor("order-1");
        let (_, jetstream) = warm(&streams, &id).await;
        let writer = streams.store().await;
        for version in VERSIONS + 1..=commits {
            writer.save_event(event(&id, version)).await.unwrap();
        }
        // One that remembers nothing, so that only the stream can tell.
        let config = streams.config().request_timeout(SECOND / 5);
        let reader = streams
            .store_with(config.deadline(SECOND).cache_actors(0))
            .await;
        let mut events = reader.events(&id, Version::ZERO);
        events.next().await.unwrap().unwrap();
        let stream = jetstream.get_stream(&streams.base).await.unwrap();
        stream.purge().await.unwrap();
        let rest: Vec<_> = events.collect().await;
        let good = rest.iter().filter(|item| item.is_ok()).count() + 1;
        // What had been given before is given; what had not is missing, and that is said.
        let all = usize::try_from(commits).unwrap();
        assert!(
            good == all || rest.last().unwrap().is_err(),
            "{good} of {all}"
        );
        assert!(commits < 3_000 || good < all, "the purge came too late");
    }
}
