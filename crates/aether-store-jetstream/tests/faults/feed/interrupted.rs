//! A feed goes on where it was.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use aether_core::{
    EventFeed as _, EventFilter, EventStoreExt as _, FeedItem, FeedStart, StoreErrorKind as Kind,
};
use aether_store_jetstream::async_nats::jetstream;
use aether_store_jetstream::{JetStreamStore, async_nats};
use futures_util::{FutureExt as _, StreamExt as _};

use super::fill;
use crate::SECOND;
use crate::support::behind::{Behind, behind_a_proxy, created};
use crate::support::feed::{
    Watched, all_of, consumers, end_of, everything, next_event, no_consumer_is_left,
    remove_consumers, until_caught_up,
};
use crate::support::frame::contains;
use crate::support::proxy::{Action, Proxy, Published};
use crate::support::{Streams, actor, event};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_goes_on_where_it_was_when_the_connection_is_cut() {
    let behind = behind_a_proxy("feed-cut", 10 * SECOND).await;
    fill(&behind.direct, 3_000).await;
    let all = everything(&behind.direct).await;
    for filter in [EventFilter::all(), EventFilter::all().category("order")] {
        let mut feed = behind.store.feed(FeedStart::Beginning, filter.clone());
        let mut seen = Vec::new();
        loop {
            match feed.next().await.unwrap().unwrap() {
                FeedItem::Event(recorded) => seen.push(recorded),
                FeedItem::CaughtUp => break,
            }
            if seen.len() % 700 == 0 {
                behind.proxy.cut();
            }
        }
        let passing = all
            .iter()
            .filter(|recorded| filter.passes(recorded.event()));
        assert!(seen.iter().eq(passing));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_feed_goes_on_where_it_was_when_the_connection_is_cut() {
    let behind = behind_a_proxy("feed-live-cut", 10 * SECOND).await;
    let watched = Watched::start(all_of(&behind.store));
    for round in 1..=4 {
        let id = actor(&format!("order-{round}"));
        for version in 1..=50 {
            behind.direct.save_event(event(&id, version)).await.unwrap();
            if version == 25 {
                behind.proxy.cut();
            }
        }
        watched.has(round * 50).await;
    }
    watched.gives_all_of(&behind.direct).await;
    no_consumer_is_left(&behind.direct).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_was_lost_on_its_way_is_asked_for_again() {
    let behind = behind_a_proxy("feed-lossy", 10 * SECOND).await;
    fill(&behind.direct, 2_000).await;
    // Every 300th that a consumer gives.
    let given = Arc::new(AtomicUsize::new(0));
    let counted = given.clone();
    behind.proxy.sift(move |frame| {
        !contains(frame, b"$JS.ACK.") || counted.fetch_add(1, Ordering::SeqCst) % 300 != 299
    });
    let all = everything(&behind.direct).await;
    let (seen, reports) = until_caught_up(&mut all_of(&behind.store)).await;
    assert!(reports.is_empty());
    assert!(seen == all);
    assert!(given.load(Ordering::SeqCst) > 2_000, "none was lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_too_slow_for_its_own_buffer_reads_a_feed_whole() {
    let streams = Streams::new("feed-narrow");
    let options = async_nats::ConnectOptions::new().subscription_capacity(16);
    let client = options.connect(&streams.url).await.unwrap();
    let config = streams.config().request_timeout(SECOND / 5);
    let store = JetStreamStore::with_client(client, config).await.unwrap();
    let direct = streams.store().await;
    fill(&direct, 1_000).await;
    let all = everything(&direct).await;
    let (seen, _) = until_caught_up(&mut all_of(&store)).await;
    assert!(seen == all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_whose_consumer_was_removed_goes_on_with_another() {
    let streams = Streams::new("feed-removed");
    let store = streams.store().await;
    let id = actor("order-1");
    let mut feed = all_of(&store);
    until_caught_up(&mut feed).await;
    for version in 1..=5 {
        remove_consumers(&store).await;
        store.save_event(event(&id, version)).await.unwrap();
        assert_eq!(
            next_event(&mut feed).await.event().version(),
            version.into()
        );
    }
}

/// As one does on a server that does not hear of what is stored: here somebody has paused it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_lives_and_stands_still_is_replaced_after_a_minute() {
    let streams = Streams::new("feed-still");
    let store = streams.store().await;
    let mut feed = all_of(&store);
    until_caught_up(&mut feed).await;
    let jetstream = jetstream::new(store.client().clone());
    let stream = jetstream.get_stream(store.events_stream()).await.unwrap();
    let name = stream.consumer_names().next().await.unwrap().unwrap();
    let call = format!("CONSUMER.PAUSE.{}.{name}", store.events_stream());
    let until = serde_json::json!({ "pause_until": "2100-01-01T00:00:00Z" });
    let paused: serde_json::Value = jetstream.request(call, &until).await.unwrap();
    assert_eq!(paused["paused"], true, "{paused}");
    let id = actor("order-1");
    store.save_event(event(&id, 1)).await.unwrap();
    let given = tokio::time::timeout(100 * SECOND, next_event(&mut feed)).await;
    assert_eq!(given.unwrap().event().actor_id(), &id);
    drop(feed);
    no_consumer_is_left(&store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_whose_creation_was_not_heard_of_does_not_stay() {
    let behind = behind_a_proxy("feed-unheard", 10 * SECOND).await;
    fill(&behind.direct, 20).await;
    let lost = Arc::new(AtomicUsize::new(0));
    let counted = lost.clone();
    let names = Arc::new(Mutex::new(HashSet::new()));
    let named = names.clone();
    behind.proxy.rule(move |published| {
        if published.subject.contains("CONSUMER.CREATE") {
            named.lock().unwrap().insert(published.subject.clone());
        }
        Action::Pass
    });
    behind.proxy.sift(move |frame| {
        let answer = contains(frame, b"consumer_create_response");
        !answer || counted.fetch_add(1, Ordering::SeqCst) >= 2
    });
    let mut feed = all_of(&behind.store);
    let (seen, _) = until_caught_up(&mut feed).await;
    assert!(seen == everything(&behind.direct).await);
    assert_eq!(lost.load(Ordering::SeqCst), 3);
    // To begin anew would make a busy server count anew.
    assert_eq!(names.lock().unwrap().len(), 1, "it asked for another one");
    let one = async || consumers(&behind.direct).await == 1;
    crate::support::eventually("only the one that is used is left", one).await;
    drop(feed);
    no_consumer_is_left(&behind.direct).await;
}

/// In a cluster it may have been placed on a server that was killed right then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_is_never_heard_of_is_given_up_for_another_one() {
    let behind = behind_a_proxy("feed-deaf", 10 * SECOND).await;
    fill(&behind.direct, 20).await;
    let mut first = None;
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    behind.proxy.rule(move |published| {
        if !published.subject.contains("CONSUMER.CREATE") {
            return Action::Pass;
        }
        let subject = published.subject.clone();
        if *first.get_or_insert(subject) != published.subject {
            return Action::Pass;
        }
        counted.fetch_add(1, Ordering::SeqCst);
        Action::Lose
    });
    let mut feed = all_of(&behind.store);
    let (seen, _) = until_caught_up(&mut feed).await;
    assert!(seen == everything(&behind.direct).await);
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    drop(feed);
    no_consumer_is_left(&behind.direct).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_leader_does_not_tell_a_feed_that_it_has_caught_up() {
    let behind = behind_a_proxy("feed-old", 10 * SECOND).await;
    let id = actor("order-1");
    let store = behind.fresh_replicated().await;
    // Through this handle: it knows of them.
    for version in 1..=3 {
        store.save_event(event(&id, version)).await.unwrap();
    }
    let created = created(&behind.direct).await;
    let asked = format!("STREAM.INFO.{}", store.events_stream());
    let outdated = Arc::new(AtomicUsize::new(0));
    let counted = outdated.clone();
    behind.proxy.rule(move |published| {
        if !published.subject.ends_with(&asked) || counted.fetch_add(1, Ordering::SeqCst) >= 2 {
            return Action::Pass;
        }
        let state = r#""state":{"messages":1,"bytes":1,"first_seq":1,"last_seq":1}"#;
        Action::Answer(format!(r#"{{"created":"{created}",{state}}}"#))
    });
    let (seen, _) = until_caught_up(&mut all_of(&store)).await;
    assert_eq!(seen.len(), 3);
    assert_eq!(outdated.load(Ordering::SeqCst), 3);
}

/// Longer than a call has patience, and less long than one may take itself for the leader.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_leader_is_not_the_end_of_a_feed_that_has_begun() {
    let behind = behind_a_proxy("feed-deposed", 10 * SECOND).await;
    let id = actor("order-1");
    let store = behind.fresh_replicated().await;
    for version in 1..=3 {
        store.save_event(event(&id, version)).await.unwrap();
    }
    let mut feed = all_of(&store);
    until_caught_up(&mut feed).await;
    let created = created(&behind.direct).await;
    let asked = format!("STREAM.INFO.{}", store.events_stream());
    let mut since = None;
    let outdated = Arc::new(AtomicUsize::new(0));
    let counted = outdated.clone();
    behind.proxy.rule(move |published| {
        if !published.subject.ends_with(&asked) {
            return Action::Pass;
        }
        let since: &mut Instant = since.get_or_insert_with(Instant::now);
        if since.elapsed() > 7 * SECOND {
            return Action::Pass;
        }
        counted.fetch_add(1, Ordering::SeqCst);
        let state = r#""state":{"messages":1,"bytes":1,"first_seq":1,"last_seq":1}"#;
        Action::Answer(format!(r#"{{"created":"{created}",{state}}}"#))
    });
    remove_consumers(&behind.direct).await;
    behind.direct.save_event(event(&id, 4)).await.unwrap();
    assert_eq!(next_event(&mut feed).await.event().version(), 4.into());
    let outdated = outdated.load(Ordering::SeqCst);
    assert!((5..200).contains(&outdated), "asked {outdated} times");
}

/// An old leader has nothing of one category, the new one something of the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_of_two_servers_do_not_make_a_feed_pass_over_an_event() {
    let behind = behind_a_proxy("feed-between", 10 * SECOND).await;
    let store = behind.fresh_replicated().await;
    let filter = EventFilter::all().category("account").category("order");
    let mut feed = store.feed(FeedStart::Now, filter);
    until_caught_up(&mut feed).await;
    let outdated = Arc::new(AtomicUsize::new(0));
    let counted = outdated.clone();
    behind.proxy.rule(move |published| {
        let body = String::from_utf8_lossy(&published.bytes);
        // Consumers give nothing: what is asked of them is refused at once.
        if published.subject.contains("CONSUMER.MSG.NEXT") {
            let refused = r#"{"batch":1,"expires":1000000,"idle_heartbeat":1000000000}"#;
            return Action::Replace(refused.to_owned());
        }
        if published.subject.contains("STREAM.MSG.GET") && body.contains("events.account.*") {
            counted.fetch_add(1, Ordering::SeqCst);
            let none = r#"{"code":404,"err_code":10037,"description":"no message found"}"#;
            return Action::Answer(format!(r#"{{"error":{none}}}"#));
        }
        Action::Pass
    });
    // It has been asked already.
    remove_consumers(&behind.direct).await;
    let reading = tokio::spawn(async move {
        let mut seen = Vec::new();
        for _ in 0..2 {
            seen.push(next_event(&mut feed).await.event().actor_id().to_string());
        }
        seen
    });
    for id in ["other-1", "account-1", "order-1"] {
        let event = event(&actor(id), 1);
        behind.direct.save_event(event).await.unwrap();
    }
    let seen = tokio::time::timeout(20 * SECOND, reading).await;
    assert_eq!(seen.unwrap().unwrap(), ["account-1", "order-1"]);
    assert!(outdated.load(Ordering::SeqCst) > 0, "nobody was asked");
}

#[tokio::test]
async fn a_feed_without_a_server_is_unavailable_before_it_has_begun() {
    let behind = behind_a_proxy("feed-none", SECOND).await;
    let mut feed = all_of(&behind.store);
    behind.proxy.set_down(true);
    let error = end_of(&mut feed).await;
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_that_has_begun_waits_for_its_server_longer_than_a_call_does() {
    let behind = behind_a_proxy("feed-waits", SECOND / 2).await;
    let id = actor("order-1");
    let mut feed = all_of(&behind.store);
    until_caught_up(&mut feed).await;
    behind.proxy.set_down(true);
    let back = async {
        tokio::time::sleep(2 * SECOND).await;
        behind.direct.save_event(event(&id, 1)).await.unwrap();
        behind.proxy.set_down(false);
    };
    let (seen, ()) = tokio::join!(next_event(&mut feed), back);
    assert_eq!(seen.event().version(), 1.into());
}

#[tokio::test]
async fn a_feed_on_a_closed_connection_is_closed() {
    let streams = Streams::new("feed-closed");
    let store = streams.store().await;
    let mut feed = all_of(&store);
    until_caught_up(&mut feed).await;
    store.client().drain().await.unwrap();
    let error = end_of(&mut feed).await;
    assert_eq!(error.kind(), Kind::Closed, "{error}");
}

#[tokio::test]
async fn a_feed_that_is_not_permitted_says_so() {
    let behind = behind_a_proxy("feed-denied", 10 * SECOND).await;
    behind
        .proxy
        .rule(|published| match published.subject.contains("CONSUMER.") {
            true => Action::Deny,
            false => Action::Pass,
        });
    let error = end_of(&mut all_of(&behind.store)).await;
    assert_eq!(error.kind(), Kind::PermissionDenied, "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consumers_that_give_nothing_are_not_made_in_a_hurry() {
    let behind = behind_a_proxy("feed-barren", 10 * SECOND).await;
    without_hurry(behind, |published| {
        match published.subject.contains("CONSUMER.MSG.NEXT") {
            // Refused at once.
            true => Action::Replace(
                r#"{"batch":1,"expires":1000000,"idle_heartbeat":1000000000}"#.to_owned(),
            ),
            false => Action::Pass,
        }
    })
    .await;
}

/// Some servers let a consumer begin where a replica that lags behind has its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consumers_that_begin_too_early_are_not_made_in_a_hurry_and_nothing_comes_twice() {
    let behind = behind_a_proxy("feed-early", 10 * SECOND).await;
    without_hurry(behind, |published| {
        let body = String::from_utf8_lossy(&published.bytes);
        let begins = "\"opt_start_seq\":";
        match published.subject.contains("CONSUMER.CREATE") {
            // From 1 on, where it was from 21 on.
            true => Action::Replace(body.trim_end().replace(&format!("{begins}2"), begins)),
            false => Action::Pass,
        }
    })
    .await;
}

/// Reads a feed from now on where consumers are of no use, and what is stored then.
async fn without_hurry(
    behind: Behind,
    mut spoil: impl FnMut(&Published) -> Action + Send + 'static,
) {
    fill(&behind.direct, 20).await;
    let made = Arc::new(AtomicUsize::new(0));
    let counted = made.clone();
    behind.proxy.rule(move |published| {
        let is_made = published.subject.contains("CONSUMER.CREATE");
        counted.fetch_add(usize::from(is_made), Ordering::SeqCst);
        spoil(published)
    });
    let mut feed = behind.store.feed(FeedStart::Now, EventFilter::all());
    until_caught_up(&mut feed).await;
    let waiting = tokio::time::timeout(2 * SECOND, feed.next()).await;
    assert!(waiting.is_err(), "{waiting:?}");
    let made = made.load(Ordering::SeqCst);
    assert!((3..30).contains(&made), "{made} were made");
    let id = actor("order-100");
    behind.direct.save_event(event(&id, 1)).await.unwrap();
    assert_eq!(next_event(&mut feed).await.event().actor_id(), &id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_bad_link_a_feed_asks_for_many_again() {
    let behind = behind_a_proxy("feed-grows", 10 * SECOND).await;
    fill(&behind.direct, 4_000).await;
    let all = everything(&behind.direct).await;
    let asked = batches_asked_for(&behind.proxy);
    // Every tenth message is lost until it asks for few.
    let last_asked = asked.clone();
    let mut given = 0;
    behind.proxy.sift(move |frame| {
        let few = last_asked.lock().unwrap().iter().any(|batch| *batch < 100);
        let is_given = contains(frame, b"$JS.ACK.");
        given += usize::from(is_given);
        few || !is_given || given % 10 != 0
    });
    let (seen, _) = until_caught_up(&mut all_of(&behind.store)).await;
    assert!(seen == all);
    let asked = asked.lock().unwrap().clone();
    assert!(asked.iter().any(|batch| *batch < 100), "{asked:?}");
    assert!(*asked.last().unwrap() > 500, "{asked:?}");
}

/// How many messages are asked for at once, each time.
fn batches_asked_for(proxy: &Proxy) -> Arc<Mutex<Vec<u32>>> {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let listed = asked.clone();
    proxy.rule(move |published| {
        if published.subject.contains("CONSUMER.MSG.NEXT") {
            let text = String::from_utf8_lossy(&published.bytes);
            let batch = text.split("\"batch\":").nth(1).unwrap();
            let batch = batch.split(',').next().unwrap().parse().unwrap();
            listed.lock().unwrap().push(batch);
        }
        Action::Pass
    });
    asked
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_that_is_waited_for_asks_for_more_at_once_and_a_slow_reader_does_not() {
    let behind = behind_a_proxy("feed-wide", 10 * SECOND).await;
    fill(&behind.direct, 22_000).await;
    let asked = batches_asked_for(&behind.proxy);
    let (seen, _) = until_caught_up(&mut all_of(&behind.store)).await;
    assert_eq!(seen.len(), 44_000 - 20);
    let fast = std::mem::take(&mut *asked.lock().unwrap());
    assert_eq!(fast.iter().max(), Some(&8_000), "{fast:?}");

    let asked = batches_asked_for(&behind.proxy);
    let mut slow = all_of(&behind.store);
    for event in 0..10_000 {
        if event % 400 == 1 {
            tokio::time::sleep(SECOND / 20).await;
        }
        next_event(&mut slow).await;
    }
    // What the first feed had asked for last may have come by this way just now.
    let slow = asked.lock().unwrap().clone();
    let late = slow.iter().take_while(|batch| **batch != 1_000).count();
    assert!(late <= 1, "{slow:?}");
    assert!(slow[late..].iter().all(|batch| *batch == 1_000), "{slow:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_that_is_polled_once_and_then_late_begins_all_the_same() {
    let behind = behind_a_proxy("feed-late", SECOND / 2).await;
    fill(&behind.direct, 100).await;
    for polls in 1..4 {
        let mut feed = all_of(&behind.store);
        let mut seen = Vec::new();
        for _ in 0..polls {
            match feed.next().now_or_never() {
                None => {}
                Some(Some(Ok(FeedItem::Event(recorded)))) => seen.push(recorded),
                other => panic!("neither nothing nor an event: {other:?}"),
            }
            tokio::time::sleep(SECOND).await;
        }
        seen.extend(until_caught_up(&mut feed).await.0);
        assert!(seen == everything(&behind.direct).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_begins_though_the_stream_stays_behind_what_this_process_knows() {
    let behind = behind_a_proxy("feed-behind", 10 * SECOND).await;
    let store = behind.fresh_replicated().await;
    let id = actor("order-1");
    let mut positions = Vec::new();
    for version in 1..=3 {
        let saved = store.save_event(event(&id, version)).await.unwrap();
        positions.push(saved.position());
    }
    let created = created(&behind.direct).await;
    let asked = format!("STREAM.INFO.{}", store.events_stream());
    behind.proxy.rule(move |published| {
        if !published.subject.ends_with(&asked) {
            return Action::Pass;
        }
        let state = r#""state":{"messages":1,"bytes":1,"first_seq":1,"last_seq":1}"#;
        Action::Answer(format!(r#"{{"created":"{created}",{state}}}"#))
    });
    let mut feed = all_of(&store);
    let first = next_event(&mut feed).await;
    assert_eq!(first.position(), positions[0]);
    let mut feed = store.feed(FeedStart::After(positions[2]), EventFilter::all());
    let error = end_of(&mut feed).await;
    assert_eq!(error.kind(), Kind::PositionLost, "{error}");
}
