//! The trace that a commit was made in goes with it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use aether_core::{ActorId, EventDraft, EventStoreExt as _, StoreErrorKind, TraceContext};
use aether_store_jetstream::async_nats::{HeaderMap, jetstream};
use aether_store_jetstream::{JetStreamStore, JetStreamStoreBuilder};

use crate::SECOND;
use crate::recording::Spans;
use crate::support::proxy::{Action, Proxy};
use crate::support::{Streams, actor, event};

const TRACE_ID: u128 = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;

fn context(span_id: u64) -> TraceContext {
    TraceContext::new(TRACE_ID, span_id, 1).unwrap()
}

async fn headers(store: &JetStreamStore, id: &ActorId) -> HeaderMap {
    let jetstream = jetstream::new(store.client().clone());
    let stream = jetstream.get_stream(store.events_stream()).await.unwrap();
    let subject = store.events_subject(id);
    let message = stream.get_last_raw_message_by_subject(&subject).await;
    message.unwrap().headers
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).map(|value| value.as_str())
}

async fn store(
    streams: &Streams,
    with: impl FnOnce(JetStreamStoreBuilder) -> JetStreamStoreBuilder,
) -> JetStreamStore {
    let builder = with(JetStreamStore::builder(streams.config()));
    builder.connect(&streams.url).await.unwrap()
}

#[tokio::test]
async fn the_callers_trace_goes_before_the_events_own() {
    let streams = Streams::new("trace");
    let id = actor("order-1");
    let traced = |version: u32| {
        let draft = EventDraft::new(&id, "Happened", &()).unwrap();
        let draft = draft
            .metadata("traceId", "0af7651916cd43dd8448eb211c80319c")
            .unwrap();
        let draft = draft.metadata("spanId", "b7ad6b7169203331").unwrap();
        draft.at(version.into()).unwrap()
    };
    let current = Arc::new(Mutex::new(None));
    let source = Arc::clone(&current);
    let store = store(&streams, |builder| {
        builder.trace_context(move || source.lock().unwrap().clone())
    })
    .await;

    store.save_event(traced(1)).await.unwrap();
    let of_events = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let found = headers(&store, &id).await;
    assert_eq!(text(&found, "traceparent"), Some(of_events));
    assert_eq!(text(&found, "tracestate"), None);

    let with_state = context(7).with_state("vendor=1,other=2").unwrap();
    *current.lock().unwrap() = Some(with_state);
    store.save_event(traced(2)).await.unwrap();
    let found = headers(&store, &id).await;
    let of_caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000007-01";
    assert_eq!(text(&found, "traceparent"), Some(of_caller));
    assert_eq!(text(&found, "tracestate"), Some("vendor=1,other=2"));

    // What reads and writes without traces takes them as they are.
    let fresh = streams.store().await;
    assert_eq!(fresh.get_events(&id, 0.into()).await.unwrap().len(), 2);
    fresh.save_event(event(&id, 3)).await.unwrap();
    assert_eq!(text(&headers(&fresh, &id).await, "traceparent"), None);
}

#[tokio::test]
async fn the_trace_is_asked_for_within_the_span_of_the_save() {
    let streams = Streams::new("within");
    let names = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&names);
    let store = store(&streams, |builder| {
        builder.trace_context(move || {
            let span = tracing::Span::current();
            let name = span.metadata().map(|metadata| metadata.name());
            seen.lock().unwrap().push(name);
            None
        })
    })
    .await;
    let _spans = Spans::record();
    store.save_event(event(&actor("order-1"), 1)).await.unwrap();
    assert_eq!(*names.lock().unwrap(), [Some("append")]);
}

#[tokio::test]
async fn what_is_sent_again_is_in_the_same_trace() {
    let streams = Streams::new("again");
    let proxy = Proxy::before(&streams.url).await;
    let asked = Arc::new(AtomicU64::new(0));
    let times = Arc::clone(&asked);
    let config = streams.config().request_timeout(SECOND / 5);
    let store = JetStreamStore::builder(config)
        .trace_context(move || Some(context(times.fetch_add(1, Ordering::SeqCst) + 1)))
        .connect(&proxy.url)
        .await
        .unwrap();
    let sent = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&sent);
    proxy.rule(move |published| {
        if !published.is_commit() {
            return Action::Pass;
        }
        let mut seen = seen.lock().unwrap();
        seen.push(published.parts());
        match seen.len() < 3 {
            true => Action::Lose,
            false => Action::Pass,
        }
    });
    let id = actor("order-1");
    store.save_event(event(&id, 1)).await.unwrap();
    let sent = sent.lock().unwrap().clone();
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|message| *message == sent[0]));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let found = headers(&store, &id).await;
    assert_eq!(text(&found, "traceparent"), Some(&*context(1).to_string()));
}

#[tokio::test]
async fn the_trace_counts_for_the_size_of_a_commit() {
    let streams = Streams::new("size");
    let members: Vec<String> = (0..32)
        .map(|n| format!("k{n}={}", "x".repeat(250)))
        .collect();
    let large = context(1).with_state(&members.join(",")).unwrap();
    let plain = streams.store().await;
    let traced = store(&streams, |builder| {
        builder.trace_context(move || Some(large.clone()))
    })
    .await;
    let id = actor("order-1");
    let max = plain.client().max_payload();
    let large_event = |id| crate::support::event_with(id, 1, &"x".repeat(max - 4_000));
    let error = traced.save_event(large_event(&id)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::TooLarge, "{error}");
    plain.save_event(large_event(&id)).await.unwrap();
}
