//! What is counted, after saves of which it is known how they go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use aether_core::{
    ActorSnapshot, EventDraft, EventStore as _, EventStoreExt as _, SnapshotStore as _, Version,
};
use metrics_util::debugging::DebuggingRecorder;

use crate::SECOND;
use crate::recording::{Counts, Name, Value};
use crate::support::behind::behind_a_proxy;
use crate::support::proxy::Action;
use crate::support::{Streams, actor, event};

/// The counters with this name: by the value of their label beside the stream, if they have one.
fn counters(all: &BTreeMap<Name, Value>, name: &str) -> Vec<(String, u64)> {
    let name = format!("aether_jetstream_{name}_total");
    let ours = all.iter().filter(|((found, _), _)| *found == name);
    let counters = ours.map(|((_, labels), value)| {
        let others = labels.iter().filter(|(key, _)| key != "stream");
        let others: Vec<&str> = others.map(|(_, value)| value.as_str()).collect();
        match value {
            Value::Counter(value) => (others.join(" "), *value),
            other => panic!("not a counter: {other:?}"),
        }
    });
    counters.collect()
}

/// All values of the histogram with this name.
fn values(all: &BTreeMap<Name, Value>, name: &str) -> Vec<f64> {
    let name = format!("aether_jetstream_{name}");
    let ours = all.iter().filter(|((found, _), _)| *found == name);
    let values = ours.flat_map(|(_, value)| match value {
        Value::Histogram(values) => values.clone(),
        other => panic!("not a histogram: {other:?}"),
    });
    values.collect()
}

fn is(counters: &[(String, u64)], expected: &[(&str, u64)]) {
    let expected = expected.iter().map(|(label, n)| ((*label).to_owned(), *n));
    assert_eq!(counters, expected.collect::<Vec<_>>());
}

#[tokio::test]
async fn saves_are_counted_by_how_they_end_and_by_what_was_remembered() {
    let recorder = DebuggingRecorder::new();
    let (counts, _guard) = Counts::record(&recorder);
    let streams = Streams::new("counts");
    let (store, other) = (streams.store().await, streams.store().await);
    let id = actor("order-1");
    let first = event(&id, 1);
    store.save_event(first.clone()).await.unwrap(); // first
    store.save_event(event(&id, 2)).await.unwrap(); // hit
    let three = [event(&id, 3), event(&id, 4), event(&id, 5)];
    store.save_events(three).await.unwrap(); // hit
    store.save_event(first).await.unwrap(); // unfit, repeated
    store.save_event(event(&id, 4)).await.unwrap_err(); // unfit, a conflict
    other.save_event(event(&id, 6)).await.unwrap(); // miss
    store.save_event(event(&id, 6)).await.unwrap_err(); // hit, lost, a conflict
    other.save_event(event(&id, 7)).await.unwrap(); // hit
    store.update_version_cache(&id, 7.into());
    store.save_event(event(&id, 8)).await.unwrap(); // outdated

    let all = counts.take();
    is(
        &counters(&all, "saves"),
        &[("conflict", 2), ("repeated", 1), ("stored", 6)],
    );
    is(
        &counters(&all, "cache_lookups"),
        &[
            ("first", 1),
            ("hit", 4),
            ("miss", 1),
            ("outdated", 1),
            ("unfit", 2),
        ],
    );
    is(&counters(&all, "lost_races"), &[("", 1)]);
    is(&counters(&all, "slot_looks"), &[("anothers", 1)]);
    is(&counters(&all, "resends"), &[]);
    let durations = values(&all, "save_duration_seconds");
    assert_eq!(durations.len(), 9);
    assert!(
        durations
            .iter()
            .all(|seconds| (0.000_01..10.0).contains(seconds))
    );
    assert_eq!(
        values(&all, "commit_events"),
        [1.0, 1.0, 3.0, 1.0, 1.0, 1.0]
    );
    let bytes = counters(&all, "published_bytes")[0].1;
    assert!((2_000..10_000).contains(&bytes), "{bytes}");
}

#[tokio::test]
async fn what_is_sent_again_or_looked_for_is_counted() {
    let recorder = DebuggingRecorder::new();
    let (counts, _guard) = Counts::record(&recorder);
    let behind = behind_a_proxy("resends", 2 * SECOND).await;
    let id = actor("order-1");

    behind.proxy.faults.lose_acks.store(1, Ordering::SeqCst);
    behind.store.save_event(event(&id, 1)).await.unwrap();
    let all = counts.take();
    is(&counters(&all, "slot_looks"), &[("ours", 1)]);
    is(&counters(&all, "resends"), &[]);

    // Twice the commit does not arrive, then its acknowledgement does not.
    let mut left = 2;
    behind
        .proxy
        .rule(move |published| match published.is_commit() && left > 0 {
            true => {
                left -= 1;
                Action::Lose
            }
            false => Action::Pass,
        });
    behind.proxy.faults.lose_acks.store(1, Ordering::SeqCst);
    behind.store.save_event(event(&id, 2)).await.unwrap();
    let all = counts.take();
    is(&counters(&all, "resends"), &[("silence", 2)]);
    is(&counters(&all, "slot_looks"), &[("empty", 2), ("ours", 1)]);

    let refusal = |code| {
        format!(r#"{{"error":{{"code":503,"err_code":{code},"description":"no"}},"stream":"x"}}"#)
    };
    let mut answers = vec![refusal(10008), refusal(10071), refusal(10071)];
    behind
        .proxy
        .rule(move |published| match published.is_commit() {
            true => answers.pop().map_or(Action::Pass, Action::Answer),
            false => Action::Pass,
        });
    behind.store.save_event(event(&id, 3)).await.unwrap();
    let all = counts.take();
    is(
        &counters(&all, "resends"),
        &[("refused", 1), ("sequence", 2)],
    );
    is(&counters(&all, "doubts"), &[("stands", 1)]);

    // A read is asked for again.
    let mut left = 1;
    behind.proxy.rule(
        move |published| match published.asks_for_last() && left > 0 {
            true => {
                left -= 1;
                Action::Lose
            }
            false => Action::Pass,
        },
    );
    behind.store.latest_version(&id).await.unwrap();
    let all = counts.take();
    is(&counters(&all, "rereads"), &[("silence", 1)]);
    is(&counters(&all, "reads"), &[("latest_version ok", 1)]);

    // Nobody gets it, so nobody knows.
    behind.proxy.rule(|published| match published.is_commit() {
        true => Action::Lose,
        false => Action::Pass,
    });
    behind.store.save_event(event(&id, 4)).await.unwrap_err();
    let save = behind.store.save_event(event(&id, 4));
    assert!(tokio::time::timeout(SECOND / 10, save).await.is_err());
    let all = counts.take();
    is(
        &counters(&all, "saves"),
        &[("dropped", 1), ("indeterminate", 1)],
    );
}

#[tokio::test]
async fn a_server_that_uses_a_sequence_again_is_counted() {
    let recorder = DebuggingRecorder::new();
    let (counts, _guard) = Counts::record(&recorder);
    let behind = behind_a_proxy("reused", 2 * SECOND).await;
    let stream = behind.store.events_stream().to_owned();
    for version in 1..=3 {
        let event = event(&actor("order-1"), version);
        behind.store.save_event(event).await.unwrap();
    }
    is(&counters(&counts.take(), "sequences_reused"), &[]);
    behind
        .proxy
        .rule(move |published| match published.is_commit() {
            true => Action::Answer(format!(r#"{{"stream":"{stream}","seq":2}}"#)),
            false => Action::Pass,
        });
    let other = event(&actor("order-2"), 1);
    behind.store.save_event(other).await.unwrap();
    is(&counters(&counts.take(), "sequences_reused"), &[("", 1)]);
}

#[tokio::test]
async fn what_wakes_somebody_is_counted_from_zero() {
    let recorder = DebuggingRecorder::new();
    let (counts, _guard) = Counts::record(&recorder);
    let streams = Streams::new("zero");
    let _store = streams.store().await;
    let all = counts.take_with_zeros();
    assert!(all.values().all(|value| *value == Value::Counter(0)));
    let outcomes = [
        "history_regressed",
        "indeterminate",
        "malformed",
        "misconfigured",
        "permission_denied",
        "too_large",
        "unavailable",
    ];
    let expected = outcomes.map(|outcome| (outcome.to_owned(), 0));
    assert_eq!(counters(&all, "saves"), expected);
    is(&counters(&all, "sequences_reused"), &[("", 0)]);
    assert_eq!(all.len(), expected.len() + 1, "{all:?}");
}

#[tokio::test]
async fn reads_and_snapshots_are_counted() {
    let recorder = DebuggingRecorder::new();
    let (counts, _guard) = Counts::record(&recorder);
    let streams = Streams::new("reads");
    let store = streams.store().await;
    let id = actor("order-1");
    store
        .save_events([event(&id, 1), event(&id, 2)])
        .await
        .unwrap();
    store.get_events(&id, Version::ZERO).await.unwrap();
    store
        .get_events(&actor("order-2"), Version::ZERO)
        .await
        .unwrap();
    store.latest_version(&id).await.unwrap();
    store.verify(&id).await.unwrap();
    for version in [2, 1] {
        let snapshot = ActorSnapshot::new(&id, version.into(), &()).unwrap();
        store.save_snapshot(snapshot).await.unwrap();
    }
    store.latest_snapshot(&id).await.unwrap();
    store.latest_snapshot(&actor("order-2")).await.unwrap();
    let all = counts.take();
    is(
        &counters(&all, "reads"),
        &[
            ("latest_snapshot ok", 2),
            ("latest_version ok", 1),
            ("replay ok", 2),
            ("verify ok", 1),
        ],
    );
    is(&counters(&all, "read_events"), &[("", 2)]);
    is(
        &counters(&all, "snapshot_saves"),
        &[("saved", 1), ("superseded", 1)],
    );
    assert_eq!(values(&all, "read_duration_seconds").len(), 6);
    assert_eq!(values(&all, "snapshot_save_duration_seconds").len(), 2);
}

#[tokio::test]
async fn no_label_names_an_actor_a_category_or_a_type_of_event() {
    let recorder = DebuggingRecorder::new();
    let (counts, _guard) = Counts::record(&recorder);
    let behind = behind_a_proxy("labels", 2 * SECOND).await;
    let store = &behind.store;
    for number in 0..20 {
        let id = actor(&format!("category{number}-secret{number}"));
        let kind = format!("EventOf{number}");
        let draft = EventDraft::new(&id, kind.as_str(), &number).unwrap();
        let first = draft.at(Version::FIRST).unwrap();
        behind
            .proxy
            .faults
            .lose_acks
            .store(usize::from(number == 7), Ordering::SeqCst);
        store.save_event(first).await.unwrap();
        store.save_event(event(&id, 1)).await.unwrap_err();
        behind.direct.save_event(event(&id, 2)).await.unwrap();
        store.save_event(event(&id, 2)).await.unwrap_err();
        store.get_events(&id, Version::ZERO).await.unwrap();
        store.latest_version(&id).await.unwrap();
        let snapshot = ActorSnapshot::new(&id, 2.into(), &()).unwrap();
        store.save_snapshot(snapshot).await.unwrap();
        store.latest_snapshot(&id).await.unwrap();
    }
    let all = counts.take();
    let keys: BTreeSet<&str> = all
        .keys()
        .flat_map(|(_, labels)| labels.iter().map(|(key, _)| key.as_str()))
        .collect();
    let expected = ["found", "operation", "outcome", "result", "stream"];
    assert_eq!(keys.into_iter().collect::<Vec<_>>(), expected);
    for (name, labels) in all.keys() {
        for (key, value) in labels {
            let is_stream = key == "stream" && value == store.events_stream();
            let is_word = value.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            assert!(is_stream || is_word, "{name}: {key}={value}");
        }
    }
    // Twenty actors, and no more series than one has.
    assert!(all.len() < 40, "{all:?}");
}
