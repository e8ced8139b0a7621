//! What is JetStream's own, on a real server: names, forms, sizes, pages, what is left behind.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics says where"
)]

mod support;

use aether_core::{ActorSnapshot, Event, EventDraft, ExpectedVersion, SnapshotSaved};
use aether_core::{
    Commit, EventStore as _, EventStoreExt as _, Namespace, SnapshotStore as _, Version, WireForm,
};
use aether_store_jetstream::JetStreamStore;
use aether_store_jetstream::async_nats::jetstream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use support::{Streams, actor, event, event_with, trap_ids};

#[tokio::test]
async fn ids_that_trap_the_careless_are_distinct_and_intact() {
    let streams = Streams::new("traps");
    let store = streams.store().await;
    let events: Vec<Event> = trap_ids()
        .iter()
        .map(|id| event_with(id, 1, &id.as_str()))
        .collect();
    for event in &events {
        let appended = store.save_event(event.clone()).await.unwrap();
        assert!(!appended.was_repeated());
    }
    for event in &events {
        let stored = store
            .get_events(event.actor_id(), Version::ZERO)
            .await
            .unwrap();
        assert_eq!(
            stored,
            std::slice::from_ref(event),
            "{:?}",
            event.actor_id()
        );
        // A second first event is refused: the server's index knows the subject.
        let other = event_with(event.actor_id(), 1, &"other");
        let refused = store.save_event(other).await.unwrap_err();
        assert!(
            refused.is_version_conflict(),
            "{:?}: {refused}",
            event.actor_id()
        );
    }
}

#[tokio::test]
async fn namespaces_share_nothing() {
    let mut streams = Streams::new("spaces");
    let (blue, green) = (
        Namespace::from_static("blue"),
        Namespace::from_static("green"),
    );
    streams.namespaces = vec![blue.clone(), green.clone()];
    let plain = streams.store().await;
    let blue = streams.store_with(streams.config().namespace(blue)).await;
    let green = streams.store_with(streams.config().namespace(green)).await;
    let id = actor("order-1");
    for store in [&plain, &blue, &green] {
        let appended = store.save_event(event(&id, 1)).await.unwrap();
        assert_eq!(appended.position().sequence(), 1);
    }
    assert_eq!(blue.events_stream(), format!("{}=blue", streams.base));
    assert_eq!(plain.get_events(&id, Version::ZERO).await.unwrap().len(), 1);
}

#[tokio::test]
async fn both_forms_are_read_whichever_is_written() {
    let streams = Streams::new("forms");
    let packed = streams.store().await;
    let json = streams
        .store_with(streams.config().codec(WireForm::Json))
        .await;
    let id = actor("order-1");
    let events: Vec<Event> = (1..=6)
        .map(|v| event_with(&id, v, &(f64::from(v) / 4.0)))
        .collect();
    for (store, event) in [&packed, &json].into_iter().cycle().zip(&events) {
        store.save_event(event.clone()).await.unwrap();
    }
    for store in [&packed, &json] {
        assert_eq!(store.get_events(&id, Version::ZERO).await.unwrap(), events);
    }
    let last = jetstream::new(streams.client().await)
        .get_stream(json.events_stream())
        .await
        .unwrap()
        .get_last_raw_message_by_subject(&json.events_subject(&id))
        .await
        .unwrap();
    let body: serde_json::Value = serde_json::from_slice(&last.payload).unwrap();
    assert_eq!(body[0]["actorId"], "order-1");
    assert_eq!(body[0]["data"], 1.5);
}

#[tokio::test]
async fn what_went_through_json_is_recognised_when_it_is_saved_again() {
    let streams = Streams::new("json-repeat");
    let store = streams
        .store_with(streams.config().codec(WireForm::Json))
        .await;
    let id = actor("order-1");
    // A 32-bit float comes back from JSON as a 64-bit one.
    let single = event_with(&id, 1, &1.5_f32);
    store.save_event(single.clone()).await.unwrap();
    assert!(
        store
            .save_event(single.clone())
            .await
            .unwrap()
            .was_repeated()
    );
    store.save_event(event(&id, 2)).await.unwrap();
    assert!(store.save_event(single).await.unwrap().was_repeated());
}

#[tokio::test]
async fn a_history_of_many_pages_is_complete_from_any_version() {
    const COUNT: u32 = 1_200;
    let streams = Streams::new("pages");
    let store = streams.store().await;
    let (id, other) = (actor("order-1"), actor("order-2"));
    let events: Vec<Event> = (1..=COUNT)
        .map(|v| event_with(&id, v, &vec![v; 500]))
        .collect();
    for (number, event) in events.iter().enumerate() {
        let appended = store.save_event(event.clone()).await.unwrap();
        assert_eq!(appended.version(), event.version());
        if number % 3 == 0 {
            store
                .append_next([EventDraft::new(&other, "Other", &()).unwrap()])
                .await
                .unwrap();
        }
    }
    assert_eq!(store.get_events(&id, Version::ZERO).await.unwrap(), events);
    for from in [1, 2, 256, 257, 700, COUNT - 1, COUNT, COUNT + 1] {
        let read = store.get_events(&id, from.into()).await.unwrap();
        let expected = &events[(from as usize - 1).min(events.len())..];
        assert_eq!(read, expected, "from {from}");
    }
    let positions: Vec<_> = store
        .events(&id, Version::ZERO)
        .map_ok(|recorded| recorded.position())
        .try_collect()
        .await
        .unwrap();
    assert!(positions.is_sorted());
    assert_eq!(positions.len(), COUNT as usize);
}

#[tokio::test]
async fn a_position_says_where_and_of_which_stream() {
    let streams = Streams::new("positions");
    let store = streams.store().await;
    let id = actor("order-1");
    let first = store.save_event(event(&id, 1)).await.unwrap().position();
    let batch = [event(&id, 2), event(&id, 3), event(&id, 7)];
    let last = store.save_events(batch.clone()).await.unwrap().position();
    assert_eq!((first.sequence(), first.index()), (1, 0));
    assert_eq!((last.sequence(), last.index()), (2, 2));
    assert_eq!(first.incarnation(), last.incarnation());
    assert_ne!(first.incarnation(), 0);
    assert_ne!(first.fingerprint(), last.fingerprint());
    let read: Vec<_> = store.events(&id, 3.into()).try_collect().await.unwrap();
    assert_eq!(
        read.iter()
            .map(|r| r.position().index())
            .collect::<Vec<_>>(),
        [1, 2]
    );
    assert_eq!(read[1].position(), last);
    // A repeat, of all and of a part, has the place where it was stored.
    let repeated = store.save_events(batch.clone()).await.unwrap();
    assert_eq!((repeated.was_repeated(), repeated.position()), (true, last));
    let middle = store.save_event(batch[1].clone()).await.unwrap();
    assert_eq!(middle.position(), read[0].position());
    store.save_event(event(&id, 8)).await.unwrap();
    assert_eq!(
        store.save_event(batch[1].clone()).await.unwrap().position(),
        middle.position()
    );
}

#[tokio::test]
async fn one_append_is_one_message_with_the_headers_of_the_wire_format() {
    let streams = Streams::new("message");
    let store = streams.store().await;
    let id = actor("order-1");
    store
        .save_events((1..=100).map(|v| event(&id, v)))
        .await
        .unwrap();
    store
        .save_events([event(&id, 101), event(&id, 110)])
        .await
        .unwrap();
    let mut stream = jetstream::new(streams.client().await)
        .get_stream(store.events_stream())
        .await
        .unwrap();
    let info = stream.info().await.unwrap();
    assert_eq!((info.state.messages, info.state.consumer_count), (2, 0));
    assert!(info.config.deny_delete && info.config.deny_purge && info.config.allow_direct);
    let message = stream.get_raw_message(2).await.unwrap();
    let headers: Vec<_> = [
        "Nats-Expected-Stream",
        "Nats-Expected-Last-Subject-Sequence",
        "Content-Type",
        "Aether-Format",
        "Aether-First-Version",
        "Aether-Last-Version",
        "Aether-Previous-Version",
        "Aether-Predecessors",
    ]
    .map(|name| message.headers.get(name).unwrap().as_str().to_owned())
    .into();
    let expected = [
        store.events_stream(),
        "1",
        "application/msgpack",
        "1",
        "101",
        "110",
        "100",
        "1",
    ];
    assert_eq!(headers, expected);
    assert_eq!(
        message
            .headers
            .get("Aether-Save-Id")
            .unwrap()
            .as_str()
            .len(),
        26
    );
    let digest = message.headers.get("Aether-Previous-Digest").unwrap();
    assert_eq!(digest.as_str().len(), 43);
    assert_eq!(message.headers.len(), expected.len() + 2);
}

#[tokio::test]
async fn a_stream_that_is_there_is_used_and_a_dropped_read_leaves_nothing() {
    let streams = Streams::new("again");
    let id = actor("order-1");
    let first = streams.store().await;
    first
        .save_events((1..=300).map(|v| event(&id, v)))
        .await
        .unwrap();
    first.save_event(event(&id, 301)).await.unwrap();
    let second = JetStreamStore::with_client(streams.client().await, streams.config())
        .await
        .unwrap();
    for taken in [0, 1, 5, 299] {
        let mut stream = second.events(&id, Version::ZERO);
        for _ in 0..taken {
            stream.next().await.unwrap().unwrap();
        }
    }
    assert_eq!(
        second.latest_version(&id).await.unwrap(),
        Version::from(301)
    );
    let mut stream = jetstream::new(streams.client().await)
        .get_stream(first.events_stream())
        .await
        .unwrap();
    assert_eq!(stream.info().await.unwrap().state.consumer_count, 0);
    assert_eq!(stream.consumer_names().count().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tasks_appending_drafts_to_one_actor_number_them_without_a_gap() {
    let streams = Streams::new("drafts");
    let store = streams.store().await;
    let id = actor("counter");
    let tasks: Vec<_> = (0..16)
        .map(|task| {
            let (store, id) = (store.clone(), id.clone());
            tokio::spawn(async move {
                for n in 0..10 {
                    let draft = EventDraft::new(&id, "Counted", &(task, n)).unwrap();
                    store.append_next([draft]).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let events = store.get_events(&id, Version::ZERO).await.unwrap();
    let versions: Vec<u64> = events.iter().map(|event| event.version().get()).collect();
    assert_eq!(versions, (1..=160).collect::<Vec<_>>());
    let ids: std::collections::HashSet<_> = events.iter().map(|e| e.id().clone()).collect();
    assert_eq!(ids.len(), 160);
}

#[tokio::test]
async fn drafts_offered_again_are_recognised_while_they_are_the_newest() {
    let streams = Streams::new("redraft");
    let store = streams.store().await;
    let id = actor("order-1");
    store.save_event(event(&id, 1)).await.unwrap();
    let drafts = [1, 2].map(|n| EventDraft::new(&id, "Drafted", &n).unwrap());
    let commit = Commit::drafts(drafts)
        .unwrap()
        .expecting(ExpectedVersion::Exactly(1.into()));
    let first = store.append(commit.clone()).await.unwrap();
    let again = store.append(commit).await.unwrap();
    assert!(again.was_repeated());
    assert_eq!(again.numbered(), first.numbered());
    assert_eq!(again.numbered().len(), 2);
    assert_eq!(again.position(), first.position());
    assert_eq!(store.latest_version(&id).await.unwrap(), Version::from(3));
}

#[tokio::test]
async fn a_snapshot_as_large_as_the_server_takes_is_kept() {
    let streams = Streams::new("snapshot");
    let store = streams.store().await;
    let id = actor("order.1");
    let large = "s".repeat(1_000_000);
    let snapshot = ActorSnapshot::new(&id, 3.into(), &large).unwrap();
    assert_eq!(
        store.save_snapshot(snapshot.clone()).await.unwrap(),
        SnapshotSaved::Saved
    );
    assert_eq!(store.latest_snapshot(&id).await.unwrap(), Some(snapshot));
    let older = ActorSnapshot::new(&id, 2.into(), &()).unwrap();
    let by = Version::from(3);
    assert_eq!(
        store.save_snapshot(older).await.unwrap(),
        SnapshotSaved::Superseded { by }
    );
    let stream = jetstream::new(streams.client().await)
        .get_stream(store.snapshots_stream())
        .await
        .unwrap();
    assert_eq!(stream.cached_info().state.messages, 1);
}
