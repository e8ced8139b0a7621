//! A store that tells a bus, which can be kept from it, and a feed that does what it is told.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use aether_bus::{
    EventBus, HealedNotice, HealedNotices, StoredNotices, Subscribe, SubscribeStored,
};
use aether_core::{
    BroadcastError, Event, EventBroadcaster, EventFeed, EventFilter, EventStoreExt as _,
    EventStored, FeedItem, FeedStart, FeedStream, Namespace, Position, RecordedEvent, ReplayError,
    StoreError, StoreErrorKind, SystemClock,
};
use aether_store_memory::MemoryStore;
use futures_util::{FutureExt as _, StreamExt as _, stream};

use crate::support::{SHOP, event};

/// A store, the bus that it tells, and its feed.
pub(crate) struct Shop {
    pub(crate) bus: EventBus,
    pub(crate) feed: Feed,
    broadcaster: Arc<Broadcaster>,
}

/// Tells the bus, unless it is silent.
struct Broadcaster {
    bus: EventBus,
    is_silent: AtomicBool,
}

impl EventBroadcaster for Broadcaster {
    fn broadcast(&self, namespace: &Namespace, event: &Event) -> Result<(), BroadcastError> {
        match self.is_silent.load(Ordering::SeqCst) {
            true => Ok(()),
            false => self.bus.broadcast(namespace, event),
        }
    }
}

/// The feed of a store, which may be put in its place later.
#[derive(Clone)]
pub(crate) struct Feed {
    store: Arc<Mutex<MemoryStore>>,
    steps: Arc<Mutex<VecDeque<Step>>>,
    pub(crate) begun: Arc<AtomicUsize>,
}

/// What a feed does when it is polled, instead of going on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Go,
    Wait,
    Fail(StoreErrorKind),
    Malformed(u64),
    End,
}

impl Feed {
    /// What all feeds of this store do next, together; then they go on.
    pub(crate) fn steps(&self, steps: impl IntoIterator<Item = Step>) {
        *self.steps.lock().unwrap() = steps.into_iter().collect();
    }

    fn store(&self) -> MemoryStore {
        self.store.lock().unwrap().clone()
    }
}

impl EventFeed for Feed {
    fn feed(&self, start: FeedStart, filter: EventFilter) -> FeedStream {
        self.begun.fetch_add(1, Ordering::SeqCst);
        let mut items = self.store().feed(start, filter);
        let (steps, mut is_over) = (Arc::clone(&self.steps), false);
        Box::pin(stream::poll_fn(move |cx| {
            assert!(!is_over, "it is polled after its end");
            let step = steps.lock().unwrap().pop_front();
            match step.unwrap_or(Step::Go) {
                Step::Go => items.as_mut().poll_next(cx),
                Step::Wait => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                Step::Malformed(sequence) => Poll::Ready(Some(Err(malformed(sequence)))),
                Step::Fail(kind) => {
                    is_over = true;
                    Poll::Ready(Some(Err(failure(kind))))
                }
                Step::End => {
                    is_over = true;
                    Poll::Ready(None)
                }
            }
        }))
    }
}

fn malformed(sequence: u64) -> StoreError {
    let position = Position::new(1, sequence, 0);
    let (reason, raw) = ("not an event".to_owned(), Default::default());
    StoreError::from(ReplayError {
        position,
        reason,
        raw,
    })
}

fn failure(kind: StoreErrorKind) -> StoreError {
    let text = "as it was told to".to_owned();
    match kind {
        StoreErrorKind::Unavailable => StoreError::Unavailable {
            source: text.clone().into(),
            action: text,
        },
        StoreErrorKind::HistoryRegressed => StoreError::HistoryRegressed {
            actor_id: event(1).actor_id().clone(),
            known: 1_u32.into(),
            detail: text,
        },
        StoreErrorKind::Closed => StoreError::Closed,
        other => panic!("{other:?}"),
    }
}

impl Shop {
    pub(crate) fn new() -> Self {
        let bus = EventBus::new();
        let broadcaster = Arc::new(Broadcaster {
            bus: bus.clone(),
            is_silent: AtomicBool::new(false),
        });
        let feed = Feed {
            store: Arc::new(Mutex::new(store(&broadcaster))),
            steps: Arc::default(),
            begun: Arc::default(),
        };
        Self {
            bus,
            feed,
            broadcaster,
        }
    }

    /// Another store in the place of this one.
    pub(crate) fn make_anew(&self) {
        *self.feed.store.lock().unwrap() = store(&self.broadcaster);
    }

    pub(crate) fn healed(&self, asked: Subscribe, start: FeedStart) -> HealedNotices {
        subscribe(&self.bus, asked).healed_by(self.feed.clone(), start)
    }

    pub(crate) fn store(&self, event: Event) {
        let store = self.feed.store();
        let saved = store.save_event(event).now_or_never();
        saved.expect("nothing to wait for").unwrap();
    }

    /// Stores this version of one order.
    pub(crate) fn save(&self, version: u64) {
        self.store(event(version.try_into().unwrap()));
    }

    /// Stores an event without telling the bus; gives its notice.
    pub(crate) fn store_unheard(&self, event: Event) -> Event {
        self.broadcaster.is_silent.store(true, Ordering::SeqCst);
        self.store(event);
        self.broadcaster.is_silent.store(false, Ordering::SeqCst);
        notice(self.stored().last().unwrap())
    }

    /// Stores these versions of one order without telling the bus; gives the notices.
    pub(crate) fn unheard(&self, versions: RangeInclusive<u32>) -> Vec<Event> {
        versions
            .map(|version| self.store_unheard(event(version)))
            .collect()
    }

    /// All that is stored.
    pub(crate) fn stored(&self) -> Vec<RecordedEvent> {
        let store = self.feed.store();
        let mut feed = store.feed(FeedStart::Beginning, EventFilter::all());
        let mut stored = Vec::new();
        while let Some(Some(Ok(FeedItem::Event(recorded)))) = feed.next().now_or_never() {
            stored.push(recorded);
        }
        stored
    }

    pub(crate) fn positions(&self) -> Vec<Position> {
        let stored = self.stored();
        stored.iter().map(RecordedEvent::position).collect()
    }
}

fn store(broadcaster: &Arc<Broadcaster>) -> MemoryStore {
    MemoryStore::builder()
        .broadcaster(SHOP.clone(), Arc::clone(broadcaster) as Arc<_>)
        .build()
}

pub(crate) fn subscribe(bus: &EventBus, asked: Subscribe) -> StoredNotices {
    let subscribed = bus.subscribe_event_stored(asked).now_or_never();
    subscribed.expect("nothing to wait for").unwrap()
}

pub(crate) fn notice(recorded: &RecordedEvent) -> Event {
    let position = Some(recorded.position());
    EventStored::notice(&SystemClock, recorded.event(), position).unwrap()
}

/// What the next poll says; versions of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    Live(u64),
    Filled(u64),
    Failed(StoreErrorKind),
    Nothing,
    End,
}

/// What comes when it is polled once, and the future dropped.
pub(crate) fn now(healed: &mut HealedNotices) -> Poll<Option<Result<HealedNotice, StoreError>>> {
    let next = healed.next().now_or_never();
    next.map_or(Poll::Pending, Poll::Ready)
}

fn said(healed: &mut HealedNotices) -> Said {
    match now(healed) {
        Poll::Pending => Said::Nothing,
        Poll::Ready(None) => Said::End,
        Poll::Ready(Some(Err(error))) => Said::Failed(error.kind()),
        Poll::Ready(Some(Ok(item))) => {
            let version = item.notice().version.get();
            match item {
                HealedNotice::Live { .. } => Said::Live(version),
                HealedNotice::Filled { .. } => Said::Filled(version),
            }
        }
    }
}

/// These are the next.
pub(crate) fn expect(healed: &mut HealedNotices, expected: &[Said]) {
    let found: Vec<Said> = expected.iter().map(|_| said(healed)).collect();
    assert_eq!(found, expected);
}
