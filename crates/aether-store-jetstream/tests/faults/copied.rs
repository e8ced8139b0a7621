//! A stream whose messages were copied into another, where they have other sequences: what commits
//! say of the places of those before them leads anywhere.

use aether_core::{
    Commit, Event, EventDraft, EventStore as _, EventStoreExt as _, StoreErrorKind as Kind, Version,
};
use aether_store_jetstream::JetStreamStore;
use aether_store_jetstream::async_nats::{HeaderMap, jetstream};

use crate::support::{Streams, actor, event};

/// The store of a stream made anew, with these messages of the one before in this order, with or
/// without what they say of each other, and so many of another actor before them.
async fn copied(
    streams: &Streams,
    sequences: impl Iterator<Item = u64>,
    before: u32,
    is_linked: bool,
) -> JetStreamStore {
    let store = streams.store().await;
    let name = store.events_stream().to_owned();
    let jetstream = jetstream::new(streams.client().await);
    let stream = jetstream.get_stream(&name).await.unwrap();
    let mut messages = Vec::new();
    for sequence in sequences {
        messages.push(stream.get_raw_message(sequence).await.unwrap());
    }
    jetstream.delete_stream(&name).await.unwrap();
    let store = streams.store().await;
    for version in 1..=before {
        store
            .save_event(event(&actor("elsewhere"), version))
            .await
            .unwrap();
    }
    for message in messages {
        let mut headers = HeaderMap::new();
        for (name, values) in message.headers.iter() {
            let name_text = name.to_string();
            // A condition of the first time.
            let is_condition = name_text.starts_with("Nats-");
            let is_link = name_text.starts_with("Aether-Pre");
            if !is_condition && (is_linked || !is_link) {
                headers.insert(name.clone(), values[0].clone());
            }
        }
        let subject = message.subject.to_string();
        let published = jetstream.publish_with_headers(subject, headers, message.payload);
        published.await.unwrap().await.unwrap();
    }
    streams.store().await
}

#[tokio::test]
async fn a_copied_stream_is_read_saved_to_and_repeats_in_it_are_recognised() {
    // Before the actor's ten commits, at 21 to 30, were twenty of another actor. In the copy they
    // are lower, where they were, or higher; at the old places is nothing, or what is another's.
    for (case, before) in [
        ("lower", 0),
        ("overlapping", 5),
        ("same", 20),
        ("higher", 50),
    ] {
        let streams = Streams::new(case);
        let store = streams.store().await;
        let id = actor("order-1");
        for version in 1..=20 {
            store
                .save_event(event(&actor("other-1"), version))
                .await
                .unwrap();
        }
        let drafts: Vec<EventDraft> = (0..10)
            .map(|n| EventDraft::new(&id, "Drafted", &n).unwrap())
            .collect();
        let mut stored = Vec::new();
        for draft in &drafts {
            stored.extend(store.append_next([draft.clone()]).await.unwrap());
        }
        drop(store);
        let copy = copied(&streams, 21..=30, before, true).await;
        let count = async || crate::support::books::messages(&copy).await;
        let messages = count().await;

        assert_eq!(
            copy.get_events(&id, Version::ZERO).await.unwrap(),
            stored,
            "{case}"
        );
        assert!(copy.verify(&id).await.unwrap().is_intact(), "{case}");
        // Every one of them, each through a store that has seen nothing yet.
        for (draft, event) in drafts.iter().zip(&stored) {
            let cold = streams.store().await;
            let again = cold
                .append(Commit::drafts([draft.clone()]).unwrap())
                .await
                .unwrap();
            assert!(again.was_repeated(), "{case}, version {}", event.version());
            assert_eq!(again.numbered(), std::slice::from_ref(event), "{case}");
            assert!(
                cold.append(Commit::event(event.clone()))
                    .await
                    .unwrap()
                    .was_repeated()
            );
        }
        assert_eq!(count().await, messages, "{case}");
        // And through one that goes on from there: by event first, by draft afterwards.
        copy.save_event(event(&id, 11)).await.unwrap();
        for store in [&copy, &streams.store().await] {
            for draft in &drafts {
                let again = store
                    .append(Commit::drafts([draft.clone()]).unwrap())
                    .await
                    .unwrap();
                assert!(again.was_repeated(), "{case}");
            }
        }
        let next = EventDraft::new(&id, "Drafted", &12).unwrap();
        let numbered = streams.store().await.append_next([next]).await.unwrap();
        assert_eq!(numbered[0].version(), 12.into(), "{case}");
        let conflict = copy.save_event(event(&id, 12)).await.unwrap_err();
        assert_eq!(conflict.kind(), Kind::VersionConflict, "{case}: {conflict}");
        let report = copy.verify(&id).await.unwrap();
        assert!(report.is_intact(), "{case}: {report:?}");
        assert_eq!((report.events, count().await), (12, messages + 2), "{case}");
    }
}

#[tokio::test]
async fn commits_without_links_are_read_though_linked_ones_come_after_them() {
    let streams = Streams::new("unlinked");
    let store = streams.store().await;
    let id = actor("order-1");
    let mut events: Vec<Event> = (1..=10).map(|version| event(&id, version)).collect();
    for event in &events {
        store.save_event(event.clone()).await.unwrap();
    }
    drop(store);
    let copy = copied(&streams, 1..=10, 5, false).await;
    for version in 11..=13 {
        let event = event(&id, version);
        copy.save_event(event.clone()).await.unwrap();
        events.push(event);
    }
    for store in [&copy, &streams.store().await] {
        for from in 1..=13 {
            let read = store.get_events(&id, from.into()).await.unwrap();
            let skipped = usize::try_from(from - 1).unwrap();
            assert_eq!(read, events[skipped..], "from {from}");
        }
    }
}
