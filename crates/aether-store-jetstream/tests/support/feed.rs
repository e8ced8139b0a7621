//! Feeds as tests read them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aether_core::{
    ActorId, EventFeed as _, EventFilter, EventStoreExt as _, FeedItem, FeedStart, FeedStream,
    RecordedEvent, StoreError, Version,
};
use aether_store_jetstream::JetStreamStore;
use aether_store_jetstream::async_nats::jetstream;
use futures_util::StreamExt as _;
use tokio::task::JoinHandle;

use super::eventually;

/// The whole feed of a store.
pub(crate) fn all_of(store: &JetStreamStore) -> FeedStream {
    store.feed(FeedStart::Beginning, EventFilter::all())
}

/// The longest that anything may take that is due: a consumer that stands still is waited for for a
/// minute.
pub(crate) const DUE_WITHIN: Duration = Duration::from_secs(90);

/// What a feed gives next, which is due.
async fn next(feed: &mut FeedStream) -> Option<Result<FeedItem, StoreError>> {
    let next = tokio::time::timeout(DUE_WITHIN, feed.next());
    next.await.expect("the feed gives nothing")
}

/// What a feed gives until it has caught up: events, and reports of what can't be read.
pub(crate) async fn until_caught_up(
    feed: &mut FeedStream,
) -> (Vec<RecordedEvent>, Vec<StoreError>) {
    let (mut events, mut reports) = (Vec::new(), Vec::new());
    loop {
        match next(feed).await.expect("a feed has no end") {
            Ok(FeedItem::Event(recorded)) => events.push(recorded),
            Ok(FeedItem::CaughtUp) => return (events, reports),
            Err(malformed @ StoreError::Malformed(_)) => reports.push(malformed),
            Err(error) => panic!("the feed ended: {error}"),
        }
    }
}

/// All events of a store, by a feed of its own.
pub(crate) async fn everything(store: &JetStreamStore) -> Vec<RecordedEvent> {
    let (events, reports) = until_caught_up(&mut all_of(store)).await;
    assert!(reports.is_empty(), "{reports:?}");
    events
}

/// The next event, where the feed is live.
pub(crate) async fn next_event(feed: &mut FeedStream) -> RecordedEvent {
    match next(feed).await.expect("a feed has no end") {
        Ok(FeedItem::Event(recorded)) => recorded,
        other => panic!("not an event: {other:?}"),
    }
}

/// The error with which a feed ends, after events or not.
pub(crate) async fn end_of(feed: &mut FeedStream) -> StoreError {
    let error = loop {
        match next(feed).await.expect("an error before the end") {
            Ok(_) | Err(StoreError::Malformed(_)) => {}
            Err(error) => break error,
        }
    };
    assert!(next(feed).await.is_none(), "it went on after {error}");
    error
}

/// A feed that is read by a task of its own.
pub(crate) struct Watched {
    seen: Arc<Mutex<Vec<RecordedEvent>>>,
    reading: JoinHandle<()>,
}

impl Watched {
    /// Reads it until it is stopped; fails at the first error.
    pub(crate) fn start(mut feed: FeedStream) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let events = seen.clone();
        let reading = tokio::spawn(async move {
            let mut caught_up = 0;
            while let Some(item) = feed.next().await {
                match item.unwrap() {
                    FeedItem::Event(recorded) => events.lock().unwrap().push(recorded),
                    FeedItem::CaughtUp => caught_up += 1,
                }
                assert!(caught_up <= 1, "it caught up twice");
            }
        });
        Self { seen, reading }
    }

    pub(crate) fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// Waits until it has given so many.
    pub(crate) async fn has(&self, count: usize) {
        eventually("the feed goes on", || {
            assert!(!self.reading.is_finished(), "the feed has ended");
            std::future::ready(self.count() >= count)
        })
        .await;
    }

    /// That it gives exactly what the store has, which nobody writes to any more.
    pub(crate) async fn gives_all_of(self, store: &JetStreamStore) -> Vec<RecordedEvent> {
        let all = everything(store).await;
        self.has(all.len()).await;
        self.reading.abort();
        let seen = self.seen.lock().unwrap().clone();
        assert!(seen == all, "another order, or another number of events");
        each_once(store, &all).await;
        all
    }
}

/// That these are the histories of their actors, each event once, and in one order.
pub(crate) async fn each_once(store: &JetStreamStore, events: &[RecordedEvent]) {
    let mut histories: HashMap<&ActorId, Vec<&RecordedEvent>> = HashMap::new();
    for pair in events.windows(2) {
        assert!(pair[0].position() < pair[1].position());
    }
    for recorded in events {
        let history = histories.entry(recorded.event().actor_id());
        history.or_default().push(recorded);
    }
    for (id, history) in histories {
        let read = store.get_events(id, Version::ZERO).await.unwrap();
        let given = history.iter().map(|recorded| recorded.event());
        assert!(given.eq(&read), "{id}: the feed and a read differ");
    }
}

/// How many consumers the server lists for the stream of events.
pub(crate) async fn consumers(store: &JetStreamStore) -> usize {
    let jetstream = jetstream::new(store.client().clone());
    let stream = jetstream.get_stream(store.events_stream()).await.unwrap();
    // A busy server may take longer than the client waits.
    loop {
        let names: Vec<_> = stream.consumer_names().collect().await;
        if names.iter().all(Result::is_ok) {
            return names.len();
        }
    }
}

/// Waits until no consumer is left.
pub(crate) async fn no_consumer_is_left(store: &JetStreamStore) {
    let none = async || consumers(store).await == 0;
    eventually("no consumer is left", none).await;
}

/// Removes all consumers, as somebody might who finds them.
pub(crate) async fn remove_consumers(store: &JetStreamStore) {
    let jetstream = jetstream::new(store.client().clone());
    let stream = jetstream.get_stream(store.events_stream()).await.unwrap();
    let names: Vec<_> = stream.consumer_names().collect().await;
    assert!(!names.is_empty(), "there is none");
    for name in names {
        stream.delete_consumer(&name.unwrap()).await.unwrap();
    }
}
