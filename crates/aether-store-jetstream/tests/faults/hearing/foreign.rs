//! Messages that are none of the stream's, that are no commits, or that come late.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aether_core::{EventFilter, EventStoreExt as _, StoreError, StoreErrorKind as Kind, Version};
use aether_store_jetstream::JetStreamStore;
use aether_store_jetstream::async_nats::HeaderMap;
use futures_util::StreamExt as _;

use crate::stored::{headers, put};
use crate::support::feed::{all_of, until_caught_up};
use crate::support::hearing::{
    end_of, events, filled, listening, next, next_event, next_foreign, next_gap, sending_store,
};
use crate::support::proxy::Action;
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
    let one = EventFilter::all().actor(actor(id));
    let (mut heard, _) = listening(&store, EventFilter::all()).await;
    let (mut ones, _) = listening(&store, one).await;
    let part = EventFilter::all().category("order");
    let (mut parts, _) = listening(&store, part).await;
    store.save_event(event(&actor(id), 1)).await.unwrap();
    let first = next_event(&mut heard).await;
    for heard in [&mut ones, &mut parts] {
        assert_eq!(next_event(heard).await, first);
    }

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
        for heard in [&mut heard, &mut ones, &mut parts] {
            let reason = next_foreign(heard).await;
            assert!(reason.contains(said), "{said}: {reason}");
        }
    }
    // What can't be read, or does not fit, is asked about: the stream has not come as far. The last
    // of these is of an actor of whom nothing was heard, the one before fits in all but its body.
    let mut fitting = place(&store, id, 2, LATER);
    fitting.insert("Nats-Last-Sequence", "1");
    let rows = [
        (id, place(&store, id, 1_000, LATER), "it is message 1000"),
        (id, fitting, "it is message 2"),
        (
            "order-9",
            place(&store, "order-9", 2, LATER),
            "it is message 2",
        ),
    ];
    for (id, headers, said) in rows {
        send(&store, id, headers, b"far").await;
        let mut listeners = vec![&mut heard, &mut parts];
        if id == "order-1" {
            listeners.push(&mut ones);
        }
        for heard in listeners {
            let reason = next_foreign(heard).await;
            assert!(reason.contains(said), "{said}: {reason}");
        }
    }
    store.save_event(event(&actor(id), 2)).await.unwrap();
    let second = next_event(&mut heard).await;
    assert_eq!(second.event().version(), 2.into());
    for heard in [&mut ones, &mut parts] {
        assert_eq!(next_event(heard).await, second);
    }
}

/// Of a stream with one copy the server's word is believed at once; of several it may be an old
/// leader's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_from_far_ahead_does_not_keep_a_listener_waiting() {
    let behind = super::cut::behind("foreign-far", 10 * SECOND).await;
    let store = behind.fresh_replicated().await;
    let direct = &behind.direct;
    let id = "order-1";
    for filter in [EventFilter::all(), EventFilter::all().category("order")] {
        let (mut heard, from) = listening(&store, filter).await;
        let version = u32::try_from(from.sequence()).unwrap();
        direct.save_event(event(&actor(id), version)).await.unwrap();
        next_event(&mut heard).await;
        let began = std::time::Instant::now();
        for _ in 0..20 {
            send(direct, id, place(direct, id, 1_000_000, LATER), b"far").await;
        }
        direct
            .save_event(event(&actor(id), version + 1))
            .await
            .unwrap();
        for _ in 0..20 {
            let reason = next_foreign(&mut heard).await;
            assert!(reason.contains("it is message 1000000"), "{reason}");
        }
        next_event(&mut heard).await;
        assert!(began.elapsed() < 3 * SECOND, "{:?}", began.elapsed());
    }
}

/// What is said of a message of the past costs a question once a second, however many there are.
#[tokio::test]
async fn messages_that_take_the_place_of_others_are_asked_about_once_a_second() {
    let behind = super::cut::behind("foreign-falls", 10 * SECOND).await;
    let (store, direct) = (behind.fresh().await, &behind.direct);
    let (mut heard, _) = listening(&store, EventFilter::all()).await;
    let id = "order-1";
    for version in 1..=2 {
        direct.save_event(event(&actor(id), version)).await.unwrap();
        next_event(&mut heard).await;
    }
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    behind.proxy.rule(move |published| {
        let is_question = published.subject.contains(".STREAM.INFO.");
        count.fetch_add(usize::from(is_question), Ordering::SeqCst);
        Action::Pass
    });
    for _ in 0..100 {
        send(direct, id, place(direct, id, 1, LATER), b"falls").await;
    }
    let quiet = tokio::time::timeout(2 * SECOND, heard.next()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    let asked = asked.load(Ordering::SeqCst);
    assert!((1..=4).contains(&asked), "{asked}");
    direct.save_event(event(&actor(id), 3)).await.unwrap();
    next_event(&mut heard).await;
}

/// As of a stream that has lost its end, and was written on by others until it had come farther.
#[tokio::test]
async fn an_actor_whose_last_message_is_anothers_now_ends_a_subscription() {
    for one in [false, true] {
        let streams = Streams::new("heard-forgets");
        let store = sending_store(&streams).await;
        let id = actor("order-1");
        let filter = match one {
            true => EventFilter::all().actor(id.clone()),
            false => EventFilter::all().category("order"),
        };
        let (mut heard, _) = listening(&store, filter).await;
        store.save_event(event(&id, 1)).await.unwrap();
        store
            .save_event(event(&actor("account-1"), 1))
            .await
            .unwrap();
        // What was heard at the place where that is now.
        let mut all = headers(2, 2);
        let mut place = place(&store, "order-1", 2, EARLIER);
        place.insert("Nats-Last-Sequence", "1");
        for (name, values) in place.iter() {
            all.insert(name.clone(), values[0].clone());
        }
        send(&store, "order-1", all, &stored::body(&[event(&id, 2)])).await;
        events(&mut heard, 2).await;
        if !one {
            store.save_event(event(&actor("order-2"), 1)).await.unwrap();
            next_event(&mut heard).await;
        }
        store.save_event(event(&id, 2)).await.unwrap();
        let error = end_of(&mut heard).await;
        assert_eq!(error.kind(), Kind::PositionLost, "{error}");
        assert!(error.to_string().contains("was written on"), "{error}");
    }
}

#[tokio::test]
async fn what_is_stored_and_is_no_commit_is_reported_as_the_feed_does() {
    let streams = Streams::new("heard-bad");
    let store = sending_store(&streams).await;
    let id = actor("order-1");
    let filters = [
        EventFilter::all(),
        EventFilter::all().category("order"),
        EventFilter::all().actor(id.clone()),
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
async fn what_is_no_commit_is_reported_where_it_could_pass_and_hides_no_gap_of_one_actor() {
    let behind = super::cut::behind("heard-bad-one", 10 * SECOND).await;
    let direct = &behind.direct;
    super::cut::lose(&behind, &[b"Nats-Sequence: 3\r\n"]);
    let (one, other) = (actor("order-1"), actor("account-1"));
    let ones = EventFilter::all().actor(one.clone());
    let two = ones.clone().actor(actor("order-2"));
    let (mut ones, _) = listening(&behind.store, ones).await;
    let (mut twos, _) = listening(&behind.store, two).await;
    direct.save_event(event(&one, 1)).await.unwrap(); // 1
    put(direct, &other, HeaderMap::new(), b"garbage".to_vec()).await; // 2
    direct.save_event(event(&one, 2)).await.unwrap(); // 3
    put(direct, &one, HeaderMap::new(), b"garbage".to_vec()).await; // 4
    for heard in [&mut ones, &mut twos] {
        assert_eq!(next_event(heard).await.event().version(), 1.into());
        let missed = filled(&behind.store, next_gap(heard).await).await;
        assert_eq!(missed.len(), 1);
        assert_eq!(missed[0].event().version(), 2.into());
        let StoreError::Malformed(report) = next(heard).await.unwrap_err() else {
            panic!("not malformed");
        };
        assert_eq!(report.position.sequence(), 4);
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
    let filters = [EventFilter::all(), EventFilter::all().category("order")];
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

/// The server sends answers wherever it is told to: real commits, after others than they came after.
#[tokio::test]
async fn answers_that_somebody_lets_the_server_send_to_a_listener_are_foreign() {
    let streams = Streams::new("heard-answers");
    let store = sending_store(&streams).await;
    let id = actor("order-1");
    for version in 1..=3 {
        store.save_event(event(&id, version)).await.unwrap();
    }
    let mut subscriptions = Vec::new();
    for filter in [EventFilter::all(), EventFilter::all().category("order")] {
        subscriptions.push(listening(&store, filter).await.0);
    }
    let subject = store.events_subject(&id);
    let several = format!(r#"{{"batch":2,"seq":1,"next_by_subj":"{subject}"}}"#);
    let one = format!(r#"{{"last_by_subj":"{subject}"}}"#);
    // Two and the end of them; one.
    for (asked, answers) in [(several, 3), (one, 1)] {
        let call = format!("$JS.API.DIRECT.GET.{}", store.events_stream());
        let client = store.client();
        client
            .publish_with_reply(call, store.stored_subject(&id), asked.into())
            .await
            .unwrap();
        for heard in &mut subscriptions {
            for _ in 0..answers {
                let reason = next_foreign(heard).await;
                assert!(reason.contains("Nats-"), "{reason}");
            }
        }
    }
    store.save_event(event(&id, 4)).await.unwrap();
    for heard in &mut subscriptions {
        assert_eq!(next_event(heard).await.event().version(), 4.into());
    }
}

/// It shows that nothing proves who has sent a message: that is for permissions to prevent.
#[tokio::test]
async fn a_whole_message_that_is_forged_is_not_told_apart_and_what_is_stored_is_not_changed_by_it()
{
    let streams = Streams::new("forged");
    let store = sending_store(&streams).await;
    let id = actor("order-1");
    let (mut heard, _) = listening(&store, EventFilter::all()).await;
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
