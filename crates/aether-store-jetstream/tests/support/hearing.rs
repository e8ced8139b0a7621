//! Subscriptions to stored events as tests hear them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aether_core::{
    ActorId, EventFeed as _, EventFilter, FeedStart, Position, RecordedEvent, StoreError,
};
use aether_store_jetstream::{Gap, Heard, JetStreamStore, StoredSubscription};
use futures_util::StreamExt as _;
use tokio::task::JoinHandle;

use super::feed::until_caught_up;
use super::{Streams, eventually};

/// How long an item may take to come, also while a client waits before it connects again.
const PATIENCE: Duration = Duration::from_secs(30);

/// A store whose stream republishes.
pub(crate) async fn sending_store(streams: &Streams) -> JetStreamStore {
    streams.store_with(streams.config().republish(true)).await
}

/// What comes next.
pub(crate) async fn next(subscription: &mut StoredSubscription) -> Result<Heard, StoreError> {
    let next = tokio::time::timeout(PATIENCE, subscription.next()).await;
    next.expect("nothing is heard").expect("it has ended")
}

/// A subscription that listens already, and the place from which on it does.
pub(crate) async fn listening(
    store: &JetStreamStore,
    filter: EventFilter,
) -> (StoredSubscription, Position) {
    let mut subscription = store.subscribe_stored(filter);
    match next(&mut subscription).await.unwrap() {
        Heard::Listening { from } => (subscription, from),
        other => panic!("it does not listen: {other:?}"),
    }
}

pub(crate) async fn next_event(subscription: &mut StoredSubscription) -> RecordedEvent {
    match next(subscription).await.unwrap() {
        Heard::Event(recorded) => recorded,
        other => panic!("not an event: {other:?}"),
    }
}

pub(crate) async fn next_gap(subscription: &mut StoredSubscription) -> Gap {
    match next(subscription).await.unwrap() {
        Heard::Gap(gap) => gap,
        other => panic!("not a gap: {other:?}"),
    }
}

/// The reason why a message is foreign.
pub(crate) async fn next_foreign(subscription: &mut StoredSubscription) -> String {
    match next(subscription).await.unwrap() {
        Heard::Foreign { reason, .. } => reason,
        other => panic!("not foreign: {other:?}"),
    }
}

/// So many events, and nothing else.
pub(crate) async fn events(
    subscription: &mut StoredSubscription,
    count: usize,
) -> Vec<RecordedEvent> {
    let mut events = Vec::new();
    while events.len() < count {
        events.push(next_event(subscription).await);
    }
    events
}

/// The error with which it ends, after whatever else.
pub(crate) async fn end_of(subscription: &mut StoredSubscription) -> StoreError {
    let error = loop {
        match next(subscription).await {
            Ok(_) | Err(StoreError::Malformed(_)) => {}
            Err(error) => break error,
        }
    };
    assert!(
        subscription.next().await.is_none(),
        "it went on after {error}"
    );
    error
}

/// All of a gap.
pub(crate) async fn filled(store: &JetStreamStore, gap: Gap) -> Vec<RecordedEvent> {
    let events: Vec<_> = tokio::time::timeout(PATIENCE, store.fill(gap).collect())
        .await
        .expect("the gap has no end");
    events.into_iter().map(Result::unwrap).collect()
}

/// By what a reader knows how far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// The last event that it has handled, of whatever actor.
    Checkpoint,
    /// What each gap says.
    Gaps,
}

/// A subscription that is read by a task of its own, and whose gaps are filled from the feed: the
/// loop of the documentation.
pub(crate) struct Healed {
    seen: Arc<Mutex<Vec<RecordedEvent>>>,
    gaps: Arc<AtomicUsize>,
    reading: JoinHandle<()>,
}

impl Healed {
    /// Reads it, from the very first event on, until it is stopped; fails at the first error.
    /// Returns once it listens.
    pub(crate) async fn start(store: &JetStreamStore, filter: EventFilter, by: By) -> Self {
        Self::with(store, store, filter, by).await
    }

    /// The same with one store that listens, and one that fills.
    pub(crate) async fn with(
        listens: &JetStreamStore,
        fills: &JetStreamStore,
        filter: EventFilter,
        by: By,
    ) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let gaps = Arc::new(AtomicUsize::new(0));
        let (mut stored, from) = listening(listens, filter.clone()).await;
        let (store, events, count) = (fills.clone(), seen.clone(), gaps.clone());
        let reading = tokio::spawn(async move {
            let handle = |recorded: RecordedEvent| {
                let checkpoint = FeedStart::After(recorded.position());
                events.lock().unwrap().push(recorded);
                checkpoint
            };
            let past = Gap {
                start: FeedStart::Beginning,
                before: from,
                filter: filter.clone(),
            };
            let mut checkpoint = FeedStart::Beginning;
            for recorded in filled(&store, past).await {
                checkpoint = handle(recorded);
            }
            while let Some(heard) = stored.next().await {
                match heard.unwrap() {
                    Heard::Event(recorded) => checkpoint = handle(recorded),
                    Heard::Gap(mut gap) => {
                        count.fetch_add(1, Ordering::SeqCst);
                        if by == By::Checkpoint {
                            (gap.start, gap.filter) = (checkpoint, filter.clone());
                        }
                        for recorded in filled(&store, gap).await {
                            checkpoint = handle(recorded);
                        }
                    }
                    other => panic!("{other:?}"),
                }
            }
        });
        Self {
            seen,
            gaps,
            reading,
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    pub(crate) fn gaps(&self) -> usize {
        self.gaps.load(Ordering::SeqCst)
    }

    /// Waits until it has so many.
    pub(crate) async fn has(&self, count: usize) {
        eventually("what is stored is heard", || {
            assert!(!self.reading.is_finished(), "the subscription has ended");
            std::future::ready(self.count() >= count)
        })
        .await;
    }

    /// That it has exactly what the store has of this, which nobody writes to any more: in the
    /// order of the feed.
    pub(crate) async fn has_all_of(self, store: &JetStreamStore, filter: EventFilter) {
        let all = all_passing(store, filter).await;
        self.has(all.len()).await;
        self.reading.abort();
        let seen = self.seen.lock().unwrap();
        assert!(*seen == all, "another order, or another number of events");
    }

    /// The same, in each actor's own order.
    pub(crate) async fn has_each_actors_of(self, store: &JetStreamStore, filter: EventFilter) {
        let all = all_passing(store, filter).await;
        self.has(all.len()).await;
        self.reading.abort();
        let seen = self.seen.lock().unwrap();
        assert_eq!(seen.len(), all.len());
        assert!(by_actor(&seen) == by_actor(&all), "another order");
    }
}

fn by_actor(events: &[RecordedEvent]) -> HashMap<&ActorId, Vec<&RecordedEvent>> {
    let mut histories: HashMap<&ActorId, Vec<&RecordedEvent>> = HashMap::new();
    for recorded in events {
        let history = histories.entry(recorded.event().actor_id());
        history.or_default().push(recorded);
    }
    histories
}

/// All events of a store that pass, by the feed.
pub(crate) async fn all_passing(store: &JetStreamStore, filter: EventFilter) -> Vec<RecordedEvent> {
    let mut feed = store.feed(FeedStart::Beginning, filter);
    let (events, reports) = until_caught_up(&mut feed).await;
    assert!(reports.is_empty(), "{reports:?}");
    events
}
