//! Messages that are none of the stream's, that are no commits, or that come late.

use aether_core::{EventStoreExt as _, FeedFilter, StoreError, StoreErrorKind as Kind, Version};
use aether_store_jetstream::JetStreamStore;
use aether_store_jetstream::async_nats::HeaderMap;
use futures_util::StreamExt as _;

use crate::stored::{headers, put};
use crate::support::feed::{all_of, until_caught_up};
use crate::support::hearing::{
    end_of, events, listening, next, next_event, next_foreign, sending_store,
};
use crate::support::{Streams, actor, event};
use crate::{SECOND, stored};

/// Headers as the server adds them.
fn place(store: &JetStreamStore, id: &str, sequence: u64, time: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Stream", store.events_stream());
    headers.insert("Nats-Subject", store.events_subject(&actor(id)));
    headers.insert("Nats-Sequence", sequence.to_string());
    headers.insert("Nats-Time-Stamp", time);
    headers.insert("Nats-Last-Sequence", "0");
    headers
}

/// Sends this as somebody may who may publish where one listens.
async fn send(store: &JetStreamStore, id: &str, headers: HeaderMap, body: &[u8]) {
    let (client, subject) = (store.client(), store.stored_subject(&actor(id)));
    let body = body.to_vec().into();
    let sent = client.publish_with_headers(subject, headers, body).await;
    sent.unwrap();
    client.flush().await.unwrap();
}

const EARLIER: &str = "2001-01-01T00:00:00Z";
const LATER: &str = "2200-01-01T00:00:00Z";

#[tokio::test]
async fn a_message_that_the_stream_has_not_sent_is_said_to_be_foreign_and_nothing_is_lost_by_it() {
    let streams = Streams::new("foreign");
    let store = sending_store(&streams).await;
    let id = "order-1";
    let one = FeedFilter::all().actor(actor(id));
    let (mut heard, _) = listening(&store, FeedFilter::all()).await;
    let (mut ones, _) = listening(&store, one).await;
    store.save_event(event(&actor(id), 1)).await.unwrap();
    let first = next_event(&mut heard).await;
    assert_eq!(next_event(&mut ones).await, first);

    let mut others = place(&store, id, 2, LATER);
    others.insert("Nats-Stream", "others");
    let mut another = place(&store, id, 2, LATER);
    another.insert("Nats-Subject", store.events_subject(&actor("order-2")));
    let rows = [
        (HeaderMap::new(), "Nats-Stream is missing"),
        (others, "\"others\""),
        (another, "order-2"),
        (place(&store, id, 2, "soon"), "not a time"),
        (place(&store, id, 0, LATER), "Nats-Sequence is 0"),
    ];
    for (headers, said) in rows {
        send(&store, id, headers, b"whatever").await;
        for heard in [&mut heard, &mut ones] {
            let reason = next_foreign(heard).await;
            assert!(reason.contains(said), "{said}: {reason}");
        }
    }
    // Who leaves sequences out is asked about: the stream has not come as far.
    send(&store, id, place(&store, id, 1_000, LATER), b"far").await;
    let reason = next_foreign(&mut heard).await;
    assert!(reason.contains("it is message 1000"), "{reason}");

    store.save_event(event(&actor(id), 2)).await.unwrap();
    let second = next_event(&mut heard).await;
    assert_eq!(second.event().version(), 2.into());
}

#[tokio::test]
async fn what_is_stored_and_is_no_commit_is_reported_as_the_feed_does() {
    let streams = Streams::new("heard-bad");
    let store = sending_store(&streams).await;
    let id = actor("order-1");
    let filters = [
        FeedFilter::all(),
        FeedFilter::all().category("order"),
        FeedFilter::all().actor(id.clone()),
    ];
    let mut subscriptions = Vec::new();
    for filter in filters {
        subscriptions.push(listening(&store, filter).await.0);
    }
    store.save_event(event(&id, 1)).await.unwrap();
    put(&store, &id, HeaderMap::new(), b"garbage".to_vec()).await;
    put(&store, &id, headers(2, 2), b"garbage".to_vec()).await;
    let foreign = stored::body(&[event(&actor("order-9"), 2)]);
    put(&store, &id, headers(2, 2), foreign).await;
    // The writer's own headers stand before the server's.
    let mut forged = headers(2, 2);
    forged.insert("Nats-Sequence", "1000");
    put(&store, &id, forged, stored::body(&[event(&id, 2)])).await;
    let (seen, reports) = until_caught_up(&mut all_of(&store)).await;
    assert_eq!((seen.len(), reports.len()), (2, 3));
    for heard in &mut subscriptions {
        assert_eq!(next_event(heard).await, seen[0]);
        for report in &reports {
            let error = next(heard).await.unwrap_err();
            let (StoreError::Malformed(heard), StoreError::Malformed(read)) = (error, report)
            else {
                panic!("not malformed");
            };
            assert_eq!(
                (heard.position, &heard.reason, &heard.raw),
                (read.position, &read.reason, &read.raw)
            );
        }
        assert_eq!(next_event(heard).await, seen[1]);
    }
}

#[tokio::test]
async fn a_message_that_comes_late_or_twice_is_not_given_again() {
    let streams = Streams::new("heard-late");
    let store = sending_store(&streams).await;
    let id = actor("order-1");
    let mut raw = store
        .client()
        .subscribe(store.stored_subject(&id))
        .await
        .unwrap();
    let filters = [FeedFilter::all(), FeedFilter::all().category("order")];
    for (round, filter) in (0_u32..).zip(filters) {
        let (mut heard, _) = listening(&store, filter).await;
        for version in round * 3 + 1..=round * 3 + 3 {
            store.save_event(event(&id, version)).await.unwrap();
        }
        events(&mut heard, 3).await;
        let sent: Vec<_> = raw.by_ref().take(3).collect().await;
        for message in &sent {
            let headers = message.headers.clone().unwrap();
            send(&store, "order-1", headers, &message.payload).await;
            raw.next().await.unwrap();
        }
        // One that is newer than the last is asked about, and passed over as well.
        let mut newer = sent[0].headers.clone().unwrap();
        newer.insert("Nats-Time-Stamp", LATER);
        send(&store, "order-1", newer, &sent[0].payload).await;
        raw.next().await.unwrap();
        assert!(
            tokio::time::timeout(SECOND / 2, heard.next())
                .await
                .is_err()
        );
        store
            .save_event(event(&actor("order-2"), round + 1))
            .await
            .unwrap();
        next_event(&mut heard).await;
    }
}

/// It shows that nothing proves who has sent a message: that is for permissions to prevent.
#[tokio::test]
async fn a_whole_message_that_is_forged_is_not_told_apart_and_what_is_stored_is_not_changed_by_it()
{
    let streams = Streams::new("forged");
    let store = sending_store(&streams).await;
    let id = actor("order-1");
    let (mut heard, _) = listening(&store, FeedFilter::all()).await;
    let forged = event(&id, 1);
    let mut all = headers(1, 1);
    for (name, values) in place(&store, "order-1", 1, EARLIER).iter() {
        all.insert(name.clone(), values[0].clone());
    }
    send(
        &store,
        "order-1",
        all,
        &stored::body(std::slice::from_ref(&forged)),
    )
    .await;
    assert_eq!(next_event(&mut heard).await.event(), &forged);
    assert_eq!(store.get_events(&id, Version::ZERO).await.unwrap(), []);
    // What is stored in the place that it claims shows it, to who heard it and to nobody else.
    let stored = event(&id, 1);
    store.save_event(stored.clone()).await.unwrap();
    let error = end_of(&mut heard).await;
    assert_eq!(error.kind(), Kind::PositionLost, "{error}");
    assert_eq!(
        store.get_events(&id, Version::ZERO).await.unwrap(),
        [stored]
    );
}
