//! What can't be read, or should not be there, is reported in its place, and the feed goes on.

use aether_core::{
    Event, EventFeed as _, EventFilter, EventStore as _, EventStoreExt as _, FeedItem, FeedStart,
    StoreError, Version, WireForm,
};
use aether_store_jetstream::JetStreamStore;
use aether_store_jetstream::async_nats::HeaderMap;
use aether_store_jetstream::async_nats::jetstream::{self, stream};
use futures_util::StreamExt as _;

use crate::SECOND;
use crate::support::feed::{all_of, everything, next_event, until_caught_up};
use crate::support::proxy::{Action, Proxy};
use crate::support::{Streams, actor, event, eventually, publish_raw};

async fn deletable(streams: &Streams) -> JetStreamStore {
    let jetstream = jetstream::new(streams.client().await);
    let config = stream::Config {
        deny_purge: true,
        ..streams.removable()
    };
    jetstream.create_stream(config).await.unwrap();
    streams.store().await
}

/// The sequence and the reason of each report.
fn reports(errors: &[StoreError]) -> Vec<(u64, &str)> {
    let mut reports = Vec::new();
    for error in errors {
        let StoreError::Malformed(report) = error else {
            panic!("another error: {error}");
        };
        reports.push((report.position.sequence(), report.reason.as_str()));
    }
    reports
}

#[tokio::test]
async fn messages_that_went_from_the_middle_are_reported_where_they_are_missing() {
    let streams = Streams::new("feed-hole");
    let store = deletable(&streams).await;
    let (order, account) = (actor("order-1"), actor("account-1"));
    for version in 1..=10 {
        store.save_event(event(&order, version)).await.unwrap();
        store.save_event(event(&account, version)).await.unwrap();
    }
    let jetstream = jetstream::new(store.client().clone());
    let stream = jetstream.get_stream(&streams.base).await.unwrap();
    // Versions 3 of the one, 5 and 6 of the other with what is between.
    for sequence in [5, 10, 11, 12] {
        stream.delete_message(sequence).await.unwrap();
    }
    let (seen, errors) = until_caught_up(&mut all_of(&store)).await;
    assert_eq!(seen.len(), 16);
    let expected = [
        (5, "message 5 is not given"),
        (7, "stored after version 3 and is found after version 2"),
        (12, "messages 10 to 12 are not given"),
        (13, "stored after version 6 and is found after version 5"),
        (14, "stored after version 6 and is found after version 4"),
    ];
    let found = reports(&errors);
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for ((sequence, reason), (at, part)) in found.into_iter().zip(expected) {
        assert_eq!(sequence, at, "{reason}");
        assert!(reason.contains(part), "{reason}");
    }
    // With a filter the sequences say nothing; the commits do.
    let mut feed = store.feed(FeedStart::Beginning, EventFilter::all().category("account"));
    let (seen, errors) = until_caught_up(&mut feed).await;
    assert_eq!(seen.len(), 8);
    assert_eq!(reports(&errors).len(), 1, "{errors:?}");
    assert_eq!(reports(&errors)[0].0, 14);
}

/// The consumer is on a replica whose disk is damaged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_leader_still_has_is_given_and_is_no_hole() {
    let streams = Streams::new("feed-replica");
    let direct = deletable(&streams).await;
    let id = actor("order-1");
    for version in 1..=10 {
        direct.save_event(event(&id, version)).await.unwrap();
    }
    let all = everything(&direct).await;
    let jetstream = jetstream::new(direct.client().clone());
    let stream = jetstream.get_stream(&streams.base).await.unwrap();
    let get = format!("STREAM.MSG.GET.{}", streams.base);
    let mut had = Vec::new();
    for sequence in [4, 5] {
        let wanted = serde_json::json!({ "seq": sequence });
        let answer = jetstream.request(get.clone(), &wanted).await;
        let answer: serde_json::Value = answer.unwrap();
        had.push((format!("\"seq\":{sequence},"), answer.to_string()));
        stream.delete_message(sequence).await.unwrap();
    }
    let proxy = Proxy::before(&streams.url).await;
    let store = JetStreamStore::connect(&proxy.url, streams.config());
    let store = store.await.unwrap();
    proxy.rule(move |published| {
        let body = String::from_utf8_lossy(&published.bytes);
        let mut had = had.iter();
        match had.find(|(wanted, _)| published.subject.ends_with(&get) && body.contains(wanted)) {
            Some((_, answer)) => Action::Answer(answer.clone()),
            None => Action::Pass,
        }
    });
    let (seen, errors) = until_caught_up(&mut all_of(&store)).await;
    assert!(errors.is_empty(), "{errors:?}");
    assert!(seen == all);
}

#[tokio::test]
async fn a_hole_at_the_end_does_not_keep_a_feed_from_having_caught_up() {
    for filter in [EventFilter::all(), EventFilter::all().category("order")] {
        let streams = Streams::new("feed-end");
        let store = deletable(&streams).await;
        let id = actor("order-1");
        for version in 1..=4 {
            store.save_event(event(&id, version)).await.unwrap();
        }
        let jetstream = jetstream::new(store.client().clone());
        let stream = jetstream.get_stream(&streams.base).await.unwrap();
        stream.delete_message(4).await.unwrap();
        let mut feed = store.feed(FeedStart::Beginning, filter.clone());
        let (seen, errors) = until_caught_up(&mut feed).await;
        assert_eq!(seen.len(), 3);
        let everything = filter == EventFilter::all();
        assert_eq!(errors.len(), usize::from(everything), "{errors:?}");
        store.save_event(event(&actor("order-2"), 1)).await.unwrap();
        next_event(&mut feed).await;
    }
}

async fn put(store: &JetStreamStore, subject: String, headers: HeaderMap, body: Vec<u8>) {
    let jetstream = jetstream::new(store.client().clone());
    let sent = jetstream.publish_with_headers(subject, headers, body.into());
    sent.await.unwrap().await.unwrap();
}

fn headers(format: &str, first: u32, last: u32) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("Content-Type", WireForm::MessagePack.media_type());
    headers.insert("Aether-Format", format);
    headers.insert("Aether-First-Version", first.to_string());
    headers.insert("Aether-Last-Version", last.to_string());
    headers
}

fn body(events: &[Event]) -> Vec<u8> {
    WireForm::MessagePack.encode_commit(events).unwrap()
}

#[tokio::test]
async fn what_is_not_a_commit_is_reported_as_a_read_reports_it_and_the_rest_is_given() {
    let streams = Streams::new("feed-foreign");
    let store = streams.store().await;
    let (id, other) = (actor("order-1"), actor("order-2"));
    let subject = store.events_subject(&id);
    let good: Vec<Event> = (1..=4).map(|version| event(&id, version)).collect();
    store.save_event(good[0].clone()).await.unwrap();
    let third = body(&[event(&id, 3)]);
    let foreign = body(&[event(&other, 3)]);
    let rows = [
        (
            HeaderMap::new(),
            b"garbage".to_vec(),
            "Aether-Format is missing",
        ),
        (headers("2", 3, 3), third.clone(), "format version \"2\""),
        (headers("1", 3, 3), b"garbage".to_vec(), ""),
        (
            headers("1", 3, 4),
            third.clone(),
            "headers say versions 3 to 4",
        ),
        (headers("1", 3, 3), foreign, "on subject"),
        (
            headers("1", 1, 1),
            body(&[event(&id, 1)]),
            "version 1 after version 1",
        ),
    ];
    for (headers, body, _) in rows.clone() {
        put(&store, subject.clone(), headers, body).await;
    }
    put(&store, subject, headers("1", 2, 2), body(&good[1..2])).await;
    let fresh = streams.store().await;
    for event in &good[2..] {
        fresh.save_event(event.clone()).await.unwrap();
    }
    let items: Vec<_> = all_of(&store).take(11).collect().await;
    let mut events = Vec::new();
    let mut errors = Vec::new();
    for item in items {
        match item {
            Ok(FeedItem::Event(recorded)) => events.push(recorded.into_event()),
            Ok(FeedItem::CaughtUp) => {}
            Err(error) => errors.push(error),
        }
    }
    assert_eq!(events, good);
    let found = reports(&errors);
    assert_eq!(found.len(), rows.len(), "{found:?}");
    for (n, ((sequence, reason), (_, _, part))) in found.iter().zip(&rows).enumerate() {
        assert_eq!(*sequence, n as u64 + 2, "{reason}");
        assert!(reason.contains(part), "{reason}");
    }
    // A read of the actor reports the same places.
    let read: Vec<_> = fresh.events(&id, Version::ZERO).collect().await;
    let errors: Vec<_> = read.into_iter().filter_map(Result::err).collect();
    let places = |found: &[(u64, &str)]| found.iter().map(|row| row.0).collect::<Vec<_>>();
    assert_eq!(places(&reports(&errors)), places(&found));
    // After the place of a report the message is looked at once more.
    let StoreError::Malformed(report) = &errors[1] else {
        panic!("{:?}", errors[1]);
    };
    let mut feed = store.feed(FeedStart::After(report.position), EventFilter::all());
    let (_, again) = until_caught_up(&mut feed).await;
    assert_eq!(reports(&again)[0].0, report.position.sequence());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_that_are_none_do_not_keep_a_feed_from_going_on() {
    for filter in [EventFilter::all(), EventFilter::all().category("order")] {
        let streams = Streams::new("feed-headers");
        let store = streams
            .store_with(streams.config().request_timeout(SECOND / 5))
            .await;
        let good = streams.store().await;
        let (id, other) = (actor("order-1"), actor("account-1"));
        let subject = store.events_subject(&actor("order-2"));
        for version in 1..=4 {
            good.save_event(event(&id, version)).await.unwrap();
            good.save_event(event(&other, version)).await.unwrap();
            // A client that is given this ends the connection.
            if version == 2 {
                publish_raw(&streams, &subject, "\r\nbad header\r\n").await;
                let sequence = eventually_stored(&good, 5).await;
                assert_eq!(sequence, 5);
            }
        }
        let connects = connects_of(&store);
        let mut feed = store.feed(FeedStart::Beginning, filter.clone());
        let (seen, errors) = until_caught_up(&mut feed).await;
        let passing = if filter == EventFilter::all() { 8 } else { 4 };
        assert_eq!(seen.len(), passing, "{filter:?}");
        assert_eq!(reports(&errors).len(), 1, "{errors:?}");
        assert_eq!(reports(&errors)[0].0, 5);
        let connects = connects_of(&store) - connects;
        assert!(connects <= 4, "{connects} connections were made anew");
        good.save_event(event(&id, 5)).await.unwrap();
        assert_eq!(next_event(&mut feed).await.event().version(), 5.into());
    }
}

async fn eventually_stored(store: &JetStreamStore, sequence: u64) -> u64 {
    let jetstream = jetstream::new(store.client().clone());
    let stream = jetstream.get_stream(store.events_stream()).await.unwrap();
    let last = async || stream.get_info().await.unwrap().state.last_sequence;
    eventually("it is stored", async || last().await >= sequence).await;
    last().await
}

fn connects_of(store: &JetStreamStore) -> u64 {
    let statistics = store.client().statistics();
    statistics
        .connects
        .load(std::sync::atomic::Ordering::SeqCst)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_was_stored_with_a_status_is_a_message_and_no_answer_of_the_server() {
    let statuses = [
        " 503\r\n",
        " 100 Idle Heartbeat\r\nNats-Last-Consumer: 1\r\nNats-Last-Stream: 99\r\n",
        " 408\r\nNats-Pending-Messages: 999\r\n",
    ];
    for status in statuses {
        let streams = Streams::new("feed-status");
        let store = streams.store().await;
        let id = actor("order-1");
        store.save_event(event(&id, 1)).await.unwrap();
        publish_raw(&streams, &store.events_subject(&id), status).await;
        eventually_stored(&store, 2).await;
        store.save_event(event(&actor("order-2"), 1)).await.unwrap();
        let mut feed = all_of(&store);
        let (seen, errors) = until_caught_up(&mut feed).await;
        assert_eq!(seen.len(), 2, "{status:?}");
        assert_eq!(reports(&errors).len(), 1, "{errors:?}");
        assert_eq!(reports(&errors)[0].0, 2);
    }
}
