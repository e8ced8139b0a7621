//! A feed that can't go on from where it was says so, and is not silent about what it has lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aether_core::{
    ActorId, EventFeed as _, EventFilter, EventStoreExt as _, FeedItem, FeedStart, Position,
    StoreError, StoreErrorKind as Kind,
};
use aether_store_jetstream::JetStreamStore;
use aether_store_jetstream::async_nats::jetstream;

use futures_util::StreamExt as _;

use crate::SECOND;
use crate::support::behind::{behind_a_proxy, created};
use crate::support::feed::{
    all_of, end_of, everything, next_event, remove_consumers, until_caught_up,
};
use crate::support::proxy::{Action, Proxy};
use crate::support::{Streams, actor, event, eventually};

/// A store on a stream that can be purged, with one commit of each of these actors, in turns.
async fn purgeable(streams: &Streams, ids: &[ActorId], versions: u32) -> JetStreamStore {
    streams.make_removable().await;
    let store = streams.store().await;
    save(&store, ids, 1..=versions).await;
    store
}

async fn save(store: &JetStreamStore, ids: &[ActorId], versions: std::ops::RangeInclusive<u32>) {
    for version in versions {
        for id in ids {
            store.save_event(event(id, version)).await.unwrap();
        }
    }
}

async fn purge_up_to(store: &JetStreamStore, sequence: u64) {
    let jetstream = jetstream::new(store.client().clone());
    let stream = jetstream.get_stream(store.events_stream()).await.unwrap();
    stream.purge().sequence(sequence).await.unwrap();
}

fn after(store: &JetStreamStore, position: Position) -> aether_core::FeedStream {
    store.feed(FeedStart::After(position), EventFilter::all())
}

fn lost(error: &StoreError) -> (Position, &str) {
    match error {
        StoreError::PositionLost { position, reason } => (*position, reason),
        other => panic!("another error: {other}"),
    }
}

#[tokio::test]
async fn a_checkpoint_of_a_stream_that_was_made_anew_is_refused() {
    let streams = Streams::new("feed-remade");
    let ids = [actor("order-1")];
    let store = purgeable(&streams, &ids, 5).await;
    let all = everything(&store).await;
    let mut live = all_of(&store);
    until_caught_up(&mut live).await;
    let jetstream = jetstream::new(store.client().clone());
    jetstream.delete_stream(&streams.base).await.unwrap();
    let fresh = streams.store().await;
    // As much as before, and the same actors.
    save(&fresh, &ids, 1..=7).await;
    for recorded in &all {
        for store in [&store, &fresh] {
            let error = end_of(&mut after(store, recorded.position())).await;
            let (position, reason) = lost(&error);
            assert_eq!(position, recorded.position());
            assert!(reason.contains("made anew"), "{reason}");
        }
    }
    // One that was live has come to its end, too, and says where it was.
    let error = end_of(&mut live).await;
    assert_eq!(lost(&error).0, all[4].position());
    assert_eq!(everything(&fresh).await.len(), 7);
    let error = end_of(&mut all_of(&store)).await;
    assert!(lost(&error).1.contains("made anew"), "{error}");
}

#[tokio::test]
async fn a_checkpoint_below_the_first_message_that_is_left_is_refused() {
    let streams = Streams::new("feed-below");
    let ids = [actor("order-1"), actor("order-2")];
    let store = purgeable(&streams, &ids, 5).await;
    let all = everything(&store).await;
    purge_up_to(&store, 6).await;
    for recorded in &all[..5] {
        let error = end_of(&mut after(&store, recorded.position())).await;
        let (position, reason) = lost(&error);
        assert_eq!(position, recorded.position());
        assert!(
            reason.contains("the first message that is left is 6"),
            "{reason}"
        );
    }
    let (rest, _) = until_caught_up(&mut after(&store, all[5].position())).await;
    assert!(rest == all[6..]);
}

#[tokio::test]
async fn a_stream_purged_while_a_feed_reads_it_is_the_feeds_end() {
    let ids = [actor("order-1"), actor("account-1")];
    for filter in [EventFilter::all(), EventFilter::all().category("order")] {
        let streams = Streams::new("feed-purged");
        let store = purgeable(&streams, &ids, 5).await;
        let mut feed = store.feed(FeedStart::Beginning, filter.clone());
        let (seen, _) = until_caught_up(&mut feed).await;
        // It is somewhere in the middle when a part that it has not seen goes.
        remove_consumers(&store).await;
        save(&store, &ids, 6..=20).await;
        purge_up_to(&store, 30).await;
        let error = end_of(&mut feed).await;
        let (position, reason) = lost(&error);
        assert_eq!(position, seen.last().unwrap().position(), "{filter:?}");
        assert!(
            reason.contains("to 29 have expired or were removed"),
            "{reason}"
        );
    }
}

/// With a consumer that lives on, which the server has moved past what is gone.
#[tokio::test]
async fn a_purge_under_a_consumer_is_noticed_with_a_filter_and_without() {
    let ids = [actor("order-1"), actor("account-1")];
    for filter in [EventFilter::all(), EventFilter::all().category("order")] {
        let streams = Streams::new("feed-moved");
        let store = purgeable(&streams, &ids, 600).await;
        // Large enough that not all has been asked for when the first is read.
        let mut feed = store.feed(FeedStart::Beginning, filter.clone());
        let first = next_event(&mut feed).await;
        assert_eq!(first.event().version(), 1.into());
        save(&store, &ids, 601..=2_000).await;
        purge_up_to(&store, 3_900).await;
        // Others go on, so that there is something to come.
        let noticed = async {
            let mut version = 2_000;
            loop {
                version += 1;
                save(&store, &ids, version..=version).await;
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        let error = tokio::select! {
            error = end_of(&mut feed) => error,
            () = noticed => unreachable!(),
        };
        assert_eq!(error.kind(), Kind::PositionLost, "{filter:?}: {error}");
    }
}

#[tokio::test]
async fn a_checkpoint_whose_message_was_removed_is_refused() {
    let streams = Streams::new("feed-gone");
    let ids = [actor("order-1")];
    let store = purgeable(&streams, &ids, 5).await;
    let all = everything(&store).await;
    let jetstream = jetstream::new(store.client().clone());
    let stream = jetstream.get_stream(&streams.base).await.unwrap();
    stream.delete_message(3).await.unwrap();
    let error = end_of(&mut after(&store, all[2].position())).await;
    assert!(lost(&error).1.contains("damaged or was removed"), "{error}");
    // Positions that never were.
    let at = all[3].position();
    let others = [
        Position::new(at.incarnation(), at.sequence(), 0).with_fingerprint(at.fingerprint() ^ 1),
        Position::new(at.incarnation(), at.sequence(), 1).with_fingerprint(at.fingerprint()),
        Position::new(at.incarnation(), 0, 0),
        Position::new(at.incarnation() + 1, at.sequence(), 0),
        Position::new(at.incarnation(), 6, 0).with_fingerprint(1),
    ];
    for position in others {
        let error = end_of(&mut after(&store, position)).await;
        assert_eq!(lost(&error).0, position);
    }
}

#[tokio::test]
async fn a_feed_on_a_stream_that_is_gone_names_it() {
    let streams = Streams::new("feed-deleted");
    let store = streams.store().await;
    let mut feed = all_of(&store);
    until_caught_up(&mut feed).await;
    let jetstream = jetstream::new(store.client().clone());
    jetstream.delete_stream(&streams.base).await.unwrap();
    let error = end_of(&mut feed).await;
    assert_eq!(error.kind(), Kind::Misconfigured, "{error}");
    assert!(error.to_string().contains(&streams.base), "{error}");
    let gone = async || end_of(&mut all_of(&store)).await.kind() == Kind::Misconfigured;
    eventually("the stream is gone", gone).await;
}

/// Many actors with one commit each: none of them says later what was before.
/// Before its next consumer a feed goes back to the last event that passed, to see whether others
/// are in the place of what came then. What it had been by already may have gone meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_did_not_pass_and_goes_while_a_feed_goes_on_is_not_missing() {
    let streams = Streams::new("feed-by");
    let direct = purgeable(&streams, &[], 0).await;
    let proxy = Proxy::before(&streams.url).await;
    let config = streams.config().request_timeout(SECOND / 5);
    let store = JetStreamStore::connect(&proxy.url, config).await.unwrap();
    let filter = EventFilter::all().category("order");
    let mut feed = store.feed(FeedStart::Now, filter);
    until_caught_up(&mut feed).await;
    save(&direct, &[actor("account-1")], 1..=100).await;
    // A heartbeat says that none of them passes.
    let nothing = tokio::time::timeout(2 * SECOND, feed.next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    purge_up_to(&direct, 51).await;
    let asked = Arc::new(AtomicBool::new(false));
    let hears = asked.clone();
    proxy.rule(move |published| {
        let creates = published.subject.contains("CONSUMER.CREATE");
        hears.fetch_or(creates, Ordering::SeqCst);
        Action::Pass
    });
    let reading = tokio::spawn(async move { next_event(&mut feed).await });
    remove_consumers(&direct).await;
    let is_asked = async || asked.load(Ordering::SeqCst);
    eventually("another consumer is asked for", is_asked).await;
    purge_up_to(&direct, 61).await;
    tokio::time::sleep(SECOND + SECOND / 5).await;
    let id = actor("order-1");
    direct.save_event(event(&id, 1)).await.unwrap();
    assert_eq!(reading.await.unwrap().event().actor_id(), &id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_right_after_a_feed_began_is_noticed_with_a_filter() {
    let streams = Streams::new("feed-early");
    let store = purgeable(&streams, &[], 0).await;
    let saves = (0..4_000).map(|n| {
        let id = actor(&format!("{}-{n}", ["order", "account"][n % 2]));
        let store = store.clone();
        async move { store.save_event(event(&id, 1)).await }
    });
    let saves: Vec<_> = futures_util::stream::iter(saves)
        .buffered(64)
        .collect()
        .await;
    assert!(saves.iter().all(Result::is_ok));
    let filter = EventFilter::all().category("order");
    let mut feed = store.feed(FeedStart::Beginning, filter);
    next_event(&mut feed).await;
    purge_up_to(&store, 3_800).await;
    let error = end_of(&mut feed).await;
    assert_eq!(error.kind(), Kind::PositionLost, "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_while_a_feed_from_the_beginning_begins_is_not_missing() {
    for filter in [EventFilter::all(), EventFilter::all().category("order")] {
        let behind = behind_a_proxy("feed-edge", 10 * SECOND).await;
        drop(behind.direct);
        let client = behind.streams.client().await;
        jetstream::new(client)
            .delete_stream(&behind.streams.base)
            .await
            .unwrap();
        let ids = [actor("order-1"), actor("account-1")];
        let direct = purgeable(&behind.streams, &ids, 5).await;
        let config = behind.streams.config().request_timeout(SECOND / 5);
        let store = JetStreamStore::connect(&behind.proxy.url, config)
            .await
            .unwrap();
        purge_up_to(&direct, 5).await;
        // As it was just before.
        let created = created(&direct).await;
        let asked = format!("STREAM.INFO.{}", store.events_stream());
        let mut first = true;
        behind.proxy.rule(move |published| {
            if !published.subject.ends_with(&asked) || !std::mem::take(&mut first) {
                return Action::Pass;
            }
            let state = r#""state":{"messages":10,"bytes":1,"first_seq":1,"last_seq":10}"#;
            Action::Answer(format!(r#"{{"created":"{created}",{state}}}"#))
        });
        let mut feed = store.feed(FeedStart::Beginning, filter.clone());
        let (seen, errors) = until_caught_up(&mut feed).await;
        assert!(errors.is_empty(), "{errors:?}");
        let passing = if filter == EventFilter::all() { 6 } else { 3 };
        assert_eq!(seen.len(), passing, "{filter:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_that_can_not_begin_within_a_commit_gives_nothing_behind_its_error() {
    let behind = behind_a_proxy("feed-within", SECOND).await;
    let id = actor("order-1");
    let commit = (1..=3).map(|version| event(&id, version));
    behind.direct.save_events(commit).await.unwrap();
    let all = everything(&behind.direct).await;
    behind.proxy.rule(
        |published| match published.subject.contains(".CONSUMER.CREATE.") {
            true => Action::Lose,
            false => Action::Pass,
        },
    );
    let mut feed = after(&behind.store, all[0].position());
    let first = feed.next().await.unwrap().unwrap_err();
    assert_eq!(first.kind(), Kind::Unavailable, "{first}");
    assert!(feed.next().await.is_none());
    behind.proxy.rule(|_| Action::Pass);
    let (rest, _) = until_caught_up(&mut after(&behind.store, all[0].position())).await;
    assert!(rest == all[1..]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_does_not_begin_before_what_another_one_of_its_process_has_given() {
    let behind = behind_a_proxy("feed-known", 10 * SECOND).await;
    let ids = [actor("order-1")];
    save(&behind.direct, &ids, 1..=3).await;
    let store = behind.fresh_replicated().await;
    behind.proxy.rule(|_| Action::Pass);
    let (seen, _) = until_caught_up(&mut all_of(&store)).await;
    assert_eq!(seen.len(), 3);
    // As a leader answers that has not heard of the last two.
    let created = created(&behind.direct).await;
    let asked = format!("STREAM.INFO.{}", store.events_stream());
    let mut answers = 2;
    behind.proxy.rule(move |published| {
        if answers == 0 || !published.subject.ends_with(&asked) {
            return Action::Pass;
        }
        answers -= 1;
        let state = r#""state":{"messages":1,"bytes":1,"first_seq":1,"last_seq":1}"#;
        Action::Answer(format!(r#"{{"created":"{created}",{state}}}"#))
    });
    let mut feed = store.feed(FeedStart::Now, EventFilter::all());
    assert_eq!(feed.next().await.unwrap().unwrap(), FeedItem::CaughtUp);
    save(&behind.direct, &ids, 4..=4).await;
    let first = next_event(&mut feed).await;
    assert_eq!(first.event().version(), 4.into());
}
