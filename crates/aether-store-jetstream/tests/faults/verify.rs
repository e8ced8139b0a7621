//! Histories that somebody has tampered with, and what a walk over them says.

use aether_core::{ActorId, EventStoreExt as _, StoreError, StoreErrorKind as Kind, Version};
use aether_store_jetstream::async_nats::jetstream;
use aether_store_jetstream::async_nats::jetstream::message::StreamMessage;
use aether_store_jetstream::async_nats::jetstream::stream::{Config, Stream};
use aether_store_jetstream::{HistoryFaultKind, JetStreamStore, Retention};

use crate::SECOND;
use crate::support::behind::{behind_a_proxy, created};
use crate::support::proxy::Action;
use crate::support::{Streams, actor, event};

const VERSIONS: u32 = 5;

/// A stream of which messages can be deleted, with some versions of an actor.
async fn tampered(streams: &Streams, id: &ActorId) -> (JetStreamStore, Stream) {
    let stream = streams.make_removable().await;
    let store = streams.store().await;
    for version in 1..=VERSIONS {
        store.save_event(event(id, version)).await.unwrap();
    }
    (store, stream)
}

/// What is wrong in which message, by a store that has seen nothing.
async fn faults(streams: &Streams, id: &ActorId) -> Vec<(u64, HistoryFaultKind)> {
    let report = streams.store().await.verify(id).await.unwrap();
    let faults = report.faults.iter();
    faults
        .map(|fault| (fault.position.sequence(), fault.kind.clone()))
        .collect()
}

fn missing(stored_after: u32, found_after: u32) -> HistoryFaultKind {
    // The kind is not exhaustive to those outside, its variants are.
    HistoryFaultKind::Missing {
        stored_after: stored_after.into(),
        found_after: found_after.into(),
    }
}

#[tokio::test]
async fn a_whole_history_is_intact_and_counted() {
    let streams = Streams::new("whole");
    let store = streams.store().await;
    let id = actor("order-1");
    let report = store.verify(&id).await.unwrap();
    assert!(report.is_intact());
    assert_eq!((report.commits, report.latest), (0, Version::ZERO));
    store.save_event(event(&id, 1)).await.unwrap();
    store
        .save_events([event(&id, 2), event(&id, 7)])
        .await
        .unwrap();
    let report = store.verify(&id).await.unwrap();
    assert!(report.is_intact(), "{report:?}");
    assert_eq!((report.commits, report.events), (2, 3));
    assert_eq!((report.latest, report.unlinked), (7.into(), 0));
    assert_eq!(report.expired_through, None);
}

#[tokio::test]
async fn a_commit_that_was_deleted_is_missed_where_it_was() {
    let id = actor("order-1");
    for (deleted, at, kind) in [(1, 2, missing(1, 0)), (3, 4, missing(3, 2))] {
        let streams = Streams::new("deleted");
        let (_store, stream) = tampered(&streams, &id).await;
        stream.delete_message(deleted).await.unwrap();
        assert_eq!(faults(&streams, &id).await, [(at, kind)]);
    }
}

#[tokio::test]
async fn a_beginning_that_was_removed_is_not_taken_for_one_that_expired() {
    let id = actor("order-1");
    let streams = Streams::new("removed");
    let jetstream = jetstream::new(streams.client().await);
    let year = Retention::ONE_YEAR;
    let config = Config {
        max_age: year.max_age().unwrap(),
        ..streams.removable()
    };
    let stream = jetstream.create_stream(config).await.unwrap();
    let config = streams.config().retention(year);
    let store = streams.store_with(config.clone()).await;
    store.save_event(event(&actor("order-0"), 1)).await.unwrap();
    for version in 1..=VERSIONS {
        store.save_event(event(&id, version)).await.unwrap();
    }
    stream.delete_message(2).await.unwrap();
    let fresh = streams.store_with(config).await;
    let report = fresh.verify(&id).await.unwrap();
    assert_eq!(report.expired_through, None);
    let kinds: Vec<_> = report.faults.into_iter().map(|fault| fault.kind).collect();
    assert_eq!(kinds, [missing(1, 0)]);
    let error = fresh.get_events(&id, Version::ZERO).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Malformed, "{error}");
}

/// Puts the messages into a new stream of the same name, as they are after `change`.
async fn rewrite(streams: &Streams, stream: &Stream, change: impl Fn(&mut StreamMessage)) {
    let mut messages = Vec::new();
    for sequence in 1..=u64::from(VERSIONS) {
        let mut message = stream.get_raw_message(sequence).await.unwrap();
        change(&mut message);
        messages.push(message);
    }
    let jetstream = jetstream::new(streams.client().await);
    jetstream.delete_stream(&streams.base).await.unwrap();
    streams.make_removable().await;
    for message in messages {
        let ack = jetstream
            .publish_with_headers(message.subject, message.headers, message.payload)
            .await
            .unwrap();
        ack.await.unwrap();
    }
}

#[tokio::test]
async fn a_history_that_was_rewritten_in_one_place_shows_it_at_the_next() {
    let streams = Streams::new("rewritten");
    let id = actor("order-1");
    let (warm, stream) = tampered(&streams, &id).await;
    // As it was: a copy of a history is the history.
    rewrite(&streams, &stream, |_| ()).await;
    assert_eq!(faults(&streams, &id).await, []);
    rewrite(&streams, &stream, |message| {
        if message.sequence == 3 {
            let other = event(&actor("order-1"), 3);
            let form = aether_core::WireForm::MessagePack;
            message.payload = form.encode_commit(&[other]).unwrap().into();
        }
    })
    .await;
    let changed = HistoryFaultKind::Changed { version: 3.into() };
    assert_eq!(faults(&streams, &id).await, [(4, changed)]);
    let read = streams.store().await.get_events(&id, Version::ZERO).await;
    match read.unwrap_err() {
        StoreError::Malformed(error) => {
            assert_eq!(error.position.sequence(), 4);
            assert!(error.reason.contains("another version 3"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    // Who was there before knows that this is another stream.
    let error = warm.verify(&id).await.unwrap_err();
    assert_eq!(error.kind(), Kind::HistoryRegressed, "{error}");
}

#[tokio::test]
async fn what_was_written_past_the_store_is_named() {
    let streams = Streams::new("strange");
    let id = actor("order-1");
    let (store, _) = tampered(&streams, &id).await;
    let jetstream = jetstream::new(streams.client().await);
    let subject = store.events_subject(&id);
    let ack = jetstream.publish(subject, "not an event".into()).await;
    let sequence = ack.unwrap().await.unwrap().sequence;
    let found = faults(&streams, &id).await;
    let [(at, HistoryFaultKind::Malformed { reason })] = &found[..] else {
        panic!("{found:?}");
    };
    assert_eq!(*at, sequence);
    assert!(reason.contains("Aether-Format"), "{reason}");
}

/// Of several servers an old leader may count or show too few: it takes nine seconds to be sure.
#[tokio::test]
async fn what_is_counted_and_not_given_is_said_though_calls_are_impatient() {
    let behind = behind_a_proxy("verify-short", 5 * SECOND).await;
    let id = actor("order-1");
    for version in 1..=3 {
        behind.direct.save_event(event(&id, version)).await.unwrap();
    }
    let store = behind.fresh_replicated().await;
    let (created, subject) = (created(&behind.direct).await, store.events_subject(&id));
    let state = format!(r#"{{"first_seq":1,"last_seq":4,"subjects":{{"{subject}":4}}}}"#);
    let counted = format!(r#"{{"created":"{created}","state":{state}}}"#);
    behind.proxy.rule(move |published| {
        let body = String::from_utf8_lossy(&published.bytes);
        match published.subject.contains("STREAM.INFO") && body.contains("subjects_filter") {
            true => Action::Answer(counted.clone()),
            false => Action::Pass,
        }
    });
    let report = store.verify(&id).await.unwrap();
    let kinds = report.faults.iter().map(|fault| fault.kind.clone());
    let (counted, given) = (4, 3);
    let expected = [HistoryFaultKind::Uncounted { counted, given }];
    assert_eq!(kinds.collect::<Vec<_>>(), expected);
}
