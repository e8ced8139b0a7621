//! What is too large or not valid to be stored, and what is stored and should not be.

use std::sync::atomic::Ordering;

use aether_core::{
    ActorId, ActorSnapshot, Event, EventStore as _, EventStoreExt as _, SnapshotSaved,
    SnapshotStore as _, StoreError, StoreErrorKind as Kind, Version, WireForm,
};
use aether_store_jetstream::JetStreamStore;
use aether_store_jetstream::async_nats::{HeaderMap, jetstream};
use futures_util::StreamExt as _;

use crate::SECOND;
use crate::support::books::messages;
use crate::support::{Streams, actor, event, event_with, eventually, publish_raw};

/// The size of the data for which a commit is exactly as large as the server takes.
async fn largest_data(store: &JetStreamStore, id: &ActorId) -> usize {
    let max = store.client().max_payload();
    let data = "x".repeat(max);
    let error = store
        .save_event(event_with(id, 1, &data))
        .await
        .unwrap_err();
    let StoreError::TooLarge {
        bytes, max: said, ..
    } = error
    else {
        panic!("not too large: {error}");
    };
    assert_eq!(said, max);
    assert!(bytes > max);
    max - (bytes - max)
}

#[tokio::test]
async fn a_commit_is_refused_from_the_first_byte_too_many_and_the_connection_lives() {
    let streams = Streams::new("large");
    let store = streams.store().await;
    let id = actor("größe-1 🦀");
    let fits = largest_data(&store, &id).await;
    let before = store.client().statistics().connects.load(Ordering::Relaxed);

    let error = store
        .save_event(event_with(&id, 1, &"x".repeat(fits + 1)))
        .await
        .unwrap_err();
    let max = store.client().max_payload();
    assert!(
        matches!(error, StoreError::TooLarge { bytes, max: m, .. } if bytes == max + 1 && m == max),
        "{error}"
    );
    let largest = event_with(&id, 1, &"x".repeat(fits));
    store.save_event(largest.clone()).await.unwrap();
    assert_eq!(
        store.get_events(&id, Version::ZERO).await.unwrap(),
        [largest]
    );
    assert_eq!(
        store.client().statistics().connects.load(Ordering::Relaxed),
        before
    );

    let snapshot = ActorSnapshot::new(&id, 1.into(), &"x".repeat(max)).unwrap();
    let error = store.save_snapshot(snapshot).await.unwrap_err();
    assert_eq!(error.kind(), Kind::TooLarge, "{error}");
}

#[tokio::test]
async fn invalid_events_are_typed_errors_before_anything_is_sent() {
    let empty = ActorId::new("").unwrap_err();
    assert_eq!(StoreError::from(empty).kind(), Kind::InvalidEvent);
    let streams = Streams::new("invalid");
    let store = streams.store().await;
    let (one, other) = (actor("order-1"), actor("order-2"));
    let batches = [
        vec![],
        vec![event(&one, 1), event(&other, 2)],
        vec![event(&one, 2), event(&one, 1)],
    ];
    for batch in batches {
        let error = store.save_events(batch).await.unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidEvent, "{error}");
    }
    assert_eq!(store.latest_version(&one).await.unwrap(), Version::ZERO);
}

/// Headers as the wire format has them.
pub(crate) fn headers(first: u32, last: u32) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("Content-Type", "application/msgpack");
    headers.insert("Aether-Format", "1");
    headers.insert("Aether-First-Version", first.to_string());
    headers.insert("Aether-Last-Version", last.to_string());
    headers
}

fn without(mut headers: HeaderMap, name: &'static str) -> HeaderMap {
    let kept: Vec<_> = headers
        .iter()
        .map(|(n, v)| (n.to_string(), v[0].to_string()))
        .collect();
    headers = HeaderMap::new();
    for (kept_name, value) in kept {
        if kept_name != name {
            headers.insert(kept_name, value);
        }
    }
    headers
}

fn with(mut headers: HeaderMap, name: &'static str, value: &str) -> HeaderMap {
    headers.insert(name, value);
    headers
}

/// Puts a message on the actor's subject, past the store.
pub(crate) async fn put(
    store: &JetStreamStore,
    id: &ActorId,
    headers: HeaderMap,
    body: Vec<u8>,
) -> u64 {
    let subject = store.events_subject(id);
    let jetstream = jetstream::new(store.client().clone());
    let ack = jetstream
        .publish_with_headers(subject, headers, body.into())
        .await
        .unwrap();
    ack.await.unwrap().sequence
}

pub(crate) fn body(events: &[Event]) -> Vec<u8> {
    WireForm::MessagePack.encode_commit(events).unwrap()
}

#[tokio::test]
async fn what_is_not_a_commit_of_this_actor_is_reported_by_its_position() {
    let (id, foreign) = (actor("order-1"), actor("order-9"));
    let good = body(&[event(&id, 2)]);
    // Each is put where version 2 should be, with what the reason must say.
    let rows: Vec<(&str, HeaderMap, Vec<u8>)> = vec![
        ("Aether-Format", HeaderMap::new(), b"garbage".to_vec()),
        ("MessagePack", headers(2, 2), b"garbage".to_vec()),
        (
            "MessagePack",
            headers(2, 2),
            good[..good.len() / 2].to_vec(),
        ),
        ("after the end", headers(2, 2), [&good[..], b"x"].concat()),
        (
            "format version \"2\"",
            with(headers(2, 2), "Aether-Format", "2"),
            good.clone(),
        ),
        (
            "format version 7",
            headers(2, 2),
            [&[0x93, 7][..], &good[2..]].concat(),
        ),
        (
            "content type",
            with(headers(2, 2), "Content-Type", "text/plain"),
            good.clone(),
        ),
        (
            "JSON",
            with(headers(2, 2), "Content-Type", "application/json"),
            good.clone(),
        ),
        (
            "Content-Type",
            without(headers(2, 2), "Content-Type"),
            good.clone(),
        ),
        (
            "Aether-Last-Version",
            without(headers(2, 2), "Aether-Last-Version"),
            good.clone(),
        ),
        (
            "not a version",
            with(headers(2, 2), "Aether-First-Version", "-2"),
            good.clone(),
        ),
        ("versions 2 to 3", headers(2, 3), good.clone()),
        ("order-9", headers(2, 2), body(&[event(&foreign, 2)])),
    ];
    for (said, bad_headers, bad_body) in rows {
        let streams = Streams::new("malformed");
        let store = streams.store().await;
        let first = event(&id, 1);
        let third = event(&id, 3);
        store.save_event(first.clone()).await.unwrap();
        let sequence = put(&store, &id, bad_headers, bad_body.clone()).await;

        let newest = store.latest_version(&id).await.unwrap_err();
        let save = store.save_event(third.clone()).await.unwrap_err();
        put(
            &store,
            &id,
            headers(3, 3),
            body(std::slice::from_ref(&third)),
        )
        .await;
        let read = store.get_events(&id, Version::ZERO).await.unwrap_err();
        for (call, error) in [("latest", newest), ("save", save), ("read", read)] {
            let StoreError::Malformed(error) = error else {
                panic!("{said}, {call}: {error}");
            };
            assert_eq!(error.position.sequence(), sequence, "{said}, {call}");
            assert!(
                error.reason.contains(said),
                "{said}, {call}: {}",
                error.reason
            );
            assert_eq!(error.raw, bad_body);
        }
        let lenient = store
            .get_events_with_errors(&id, Version::ZERO)
            .await
            .unwrap();
        assert_eq!(lenient.events, [first, third], "{said}");
        assert_eq!(lenient.errors.len(), 1, "{said}");
    }
}

#[tokio::test]
async fn versions_that_do_not_rise_are_reported_where_they_fall() {
    let streams = Streams::new("falling");
    let store = streams.store().await;
    let id = actor("order-1");
    let events = [event(&id, 1), event(&id, 5)];
    for event in &events {
        store.save_event(event.clone()).await.unwrap();
    }
    // The server lets anybody write who does not say what he expects.
    let sequence = put(&store, &id, headers(2, 2), body(&[event(&id, 2)])).await;
    let StoreError::Malformed(error) = store.get_events(&id, Version::ZERO).await.unwrap_err()
    else {
        panic!("not malformed");
    };
    assert_eq!(error.position.sequence(), sequence);
    assert_eq!(error.reason, "version 2 after version 5");
    let lenient = store
        .get_events_with_errors(&id, Version::ZERO)
        .await
        .unwrap();
    assert_eq!(lenient.events, events);
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_read_is_reported_and_replaced() {
    let streams = Streams::new("bad-snap");
    let store = streams.store().await;
    let id = actor("order-1");
    let subject = store.snapshot_subject(&id);
    let jetstream = jetstream::new(store.client().clone());
    let ack = jetstream
        .publish(subject, "garbage".into())
        .await
        .unwrap()
        .await
        .unwrap();
    let StoreError::Malformed(error) = store.latest_snapshot(&id).await.unwrap_err() else {
        panic!("not malformed");
    };
    assert_eq!(error.position.sequence(), ack.sequence);
    let snapshot = ActorSnapshot::new(&id, 1.into(), &"state").unwrap();
    store.save_snapshot(snapshot.clone()).await.unwrap();
    assert_eq!(store.latest_snapshot(&id).await.unwrap(), Some(snapshot));
}

#[tokio::test]
async fn a_snapshot_of_a_later_release_is_not_replaced_by_an_older_one() {
    let streams = Streams::new("later-snap");
    let store = streams.store().await;
    let id = actor("order-1");
    let subject = store.snapshot_subject(&id);
    let jetstream = jetstream::new(store.client().clone());
    let plant = async |format: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("Content-Type", "application/msgpack");
        headers.insert("Aether-Format", format);
        headers.insert("Aether-Version", "100");
        let body = "what this release can't read";
        let ack = jetstream.publish_with_headers(subject.clone(), headers, body.into());
        ack.await.unwrap().await.unwrap().sequence
    };
    // A format that is not known, and a body that can't be read.
    for format in ["2", "1"] {
        let sequence = plant(format).await;
        let older = ActorSnapshot::new(&id, 2.into(), &"state").unwrap();
        let saved = store.save_snapshot(older).await.unwrap();
        let by = Version::from(100);
        assert_eq!(saved, SnapshotSaved::Superseded { by });
        let StoreError::Malformed(error) = store.latest_snapshot(&id).await.unwrap_err() else {
            panic!("not malformed");
        };
        assert_eq!(error.position.sequence(), sequence);
        // One that is as new can be read, and is worth more.
        let newer = ActorSnapshot::new(&id, by, &"state").unwrap();
        let saved = store.save_snapshot(newer.clone()).await.unwrap();
        assert_eq!(saved, SnapshotSaved::Saved);
        assert_eq!(store.latest_snapshot(&id).await.unwrap(), Some(newer));
    }
}

/// A stream from which messages can be deleted, with this many commits of one actor.
async fn deletable(streams: &Streams, id: &ActorId, commits: u32) -> JetStreamStore {
    let jetstream = jetstream::new(streams.client().await);
    let config = jetstream::stream::Config {
        deny_purge: true,
        ..streams.removable()
    };
    jetstream.create_stream(config).await.unwrap();
    let config = streams.config().request_timeout(SECOND / 5);
    let store = streams.store_with(config.deadline(SECOND)).await;
    for version in 1..=commits {
        store.save_event(event(id, version)).await.unwrap();
    }
    store
}

#[tokio::test]
async fn a_history_whose_last_commit_went_while_it_was_read_does_not_end_short() {
    let streams = Streams::new("deleted-tail");
    let id = actor("order-1");
    let store = deletable(&streams, &id, 3_000).await;
    let jetstream = jetstream::new(store.client().clone());
    let stream = jetstream.get_stream(&streams.base).await.unwrap();
    let mut events = store.events(&id, Version::ZERO);
    events.next().await.unwrap().unwrap();
    for sequence in [2_400, 2_999, 3_000] {
        stream.delete_message(sequence).await.unwrap();
    }
    put(
        &store,
        &id,
        headers(3_001, 3_001),
        body(&[event(&id, 3_001)]),
    )
    .await;
    let mut last = None;
    while let Some(item) = events.next().await {
        last = Some(item);
    }
    let error = last.unwrap().unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
}

/// The same where it is read by its places, by who remembers nothing.
#[tokio::test]
async fn a_short_history_whose_end_went_while_it_was_read_does_not_end_short() {
    for everything in [false, true] {
        let streams = Streams::new("deleted-end");
        let id = actor("order-1");
        let store = deletable(&streams, &id, 19).await;
        // As large as that, few are asked for ahead.
        let large = event_with(&id, 20, &"x".repeat(900_000));
        store.save_event(large).await.unwrap();
        let config = streams
            .config()
            .request_timeout(SECOND / 5)
            .deadline(SECOND);
        let reader = streams.store_with(config.cache_actors(0)).await;
        let mut events = reader.events(&id, Version::ZERO);
        events.next().await.unwrap().unwrap();
        let jetstream = jetstream::new(store.client().clone());
        let stream = jetstream.get_stream(&streams.base).await.unwrap();
        for sequence in if everything { 1..=20 } else { 19..=20 } {
            stream.delete_message(sequence).await.unwrap();
        }
        let mut last = None;
        while let Some(item) = events.next().await {
            last = Some(item);
        }
        let error = last.unwrap().unwrap_err();
        // A server of 2.11 counts those that are left, and does not find the last of them.
        let kinds = [Kind::Unavailable, Kind::Malformed];
        assert!(kinds.contains(&error.kind()), "{everything}: {error}");
    }
}

#[tokio::test]
async fn a_commit_that_went_from_the_middle_is_reported_where_it_was() {
    let streams = Streams::new("deleted-mid");
    let id = actor("order-1");
    let store = deletable(&streams, &id, 600).await;
    let jetstream = jetstream::new(store.client().clone());
    let stream = jetstream.get_stream(&streams.base).await.unwrap();
    stream.delete_message(400).await.unwrap();
    let items: Vec<_> = store.events(&id, Version::ZERO).collect().await;
    assert_eq!(items.len(), 600);
    let (bad, good): (Vec<_>, Vec<_>) = items.iter().enumerate().partition(|(_, i)| i.is_err());
    let versions = good.iter().map(|(_, item)| item.as_ref().unwrap());
    let versions = versions.map(|recorded| recorded.event().version().get());
    assert!(versions.eq((1..=600).filter(|version| *version != 400)));
    let [(399, Err(StoreError::Malformed(error)))] = &bad[..] else {
        panic!("not one report in the place of the missing one: {bad:?}");
    };
    assert_eq!(error.position.sequence(), 401);
    let after = "stored after version 400 and is found after version 399";
    assert!(error.reason.contains(after), "{}", error.reason);
    // It matters to nobody who asks for later events.
    let later = store.get_events(&id, 401.into()).await.unwrap();
    assert_eq!(later.len(), 200);
}

#[tokio::test]
async fn headers_that_are_none_are_reported_and_the_rest_is_read() {
    let streams = Streams::new("headers");
    let config = streams.config().request_timeout(SECOND / 5);
    let store = streams.store_with(config).await;
    let id = actor("order-1");
    let events = [1, 2, 3, 4].map(|version| event(&id, version));
    let (before, after) = events.split_at(2);
    for event in before {
        store.save_event(event.clone()).await.unwrap();
    }
    publish_raw(&streams, &store.events_subject(&id), "\r\nbad header\r\n").await;
    let stored = async || messages(&store).await == 3;
    eventually("the bad message is stored", stored).await;
    for event in after {
        let version = u32::try_from(event.version().get()).unwrap();
        let body = body(std::slice::from_ref(event));
        put(&store, &id, headers(version, version), body).await;
    }
    let read = store.get_events_with_errors(&id, Version::ZERO).await;
    let read = read.unwrap();
    assert_eq!(read.events, events);
    assert_eq!(read.errors.len(), 1, "{:?}", read.errors);
    assert_eq!(read.errors[0].position.sequence(), 3);
    assert_eq!(read.errors[0].raw, b"body"[..]);
}
