//! Different actors do not wait for each other, and a store needs no runtime.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use std::future::Future;
use std::pin::pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use aether_core::{
    ActorId, BroadcastError, Event, EventBroadcaster, EventDraft, EventFeed, EventFilter,
    EventStoreExt, FeedItem, FeedStart, Namespace, Version,
};
use aether_store_memory::MemoryStore;
use futures_util::StreamExt;

const DEADLINE: Duration = Duration::from_secs(30);

fn event(actor: &str, version: u32) -> Event {
    EventDraft::new(&ActorId::new(actor).unwrap(), "Happened", &version)
        .unwrap()
        .at(Version::from(version))
        .unwrap()
}

fn poll_once<T>(future: impl Future<Output = T>) -> Poll<T> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// A broadcaster that breaks its contract for one actor: it holds on until it is let go.
struct Stuck {
    reached: Mutex<Sender<()>>,
    let_go: Mutex<Receiver<()>>,
}

impl EventBroadcaster for Stuck {
    fn broadcast(&self, _: &Namespace, notice: &Event) -> Result<(), BroadcastError> {
        if *notice.actor_id() == "stuck" {
            self.reached.lock().unwrap().send(()).unwrap();
            self.let_go.lock().unwrap().recv_timeout(DEADLINE).unwrap();
        }
        Ok(())
    }
}

#[test]
fn saves_of_other_actors_go_on_while_the_broadcaster_is_stuck_with_one() {
    let ((reached, is_reached), (go, let_go)) = (channel(), channel());
    let broadcaster = Stuck {
        reached: Mutex::new(reached),
        let_go: Mutex::new(let_go),
    };
    let store = MemoryStore::builder()
        .broadcaster(Namespace::from_static("test"), Arc::new(broadcaster))
        .build();
    let stuck = thread::spawn({
        let store = store.clone();
        move || poll_once(store.save_event(event("stuck", 1)))
    });
    is_reached.recv_timeout(DEADLINE).unwrap();

    // Far more actors than the store has locks: some share theirs with the one that is stuck.
    for n in 0..10 * MemoryStore::SHARDS {
        let saved = poll_once(store.save_event(event(&format!("other-{n}"), 1)));
        assert!(matches!(saved, Poll::Ready(Ok(_))));
    }
    // The next save of the same actor waits for its turn, without blocking the thread, and the
    // event whose notice is stuck can be read.
    assert!(poll_once(store.save_event(event("stuck", 2))).is_pending());
    let actor = ActorId::new("stuck").unwrap();
    let read = poll_once(store.get_events(&actor, Version::ZERO));
    assert!(matches!(read, Poll::Ready(Ok(events)) if events.len() == 1));

    go.send(()).unwrap();
    assert!(matches!(stuck.join().unwrap(), Poll::Ready(Ok(_))));
    // The save that waited was dropped, so version 2 is free.
    go.send(()).unwrap();
    let again = poll_once(store.save_event(event("stuck", 2)));
    assert!(matches!(again, Poll::Ready(Ok(_))));
}

#[test]
fn a_feed_that_waits_is_woken_by_a_save_on_another_thread_and_needs_no_runtime() {
    let store = MemoryStore::new();
    let mut feed = store.feed(FeedStart::Now, EventFilter::all());
    assert!(matches!(
        poll_once(feed.next()),
        Poll::Ready(Some(Ok(FeedItem::CaughtUp)))
    ));
    for version in 1..=100 {
        let (waker, woken) = waker();
        let mut next = feed.next();
        let mut next = pin!(&mut next);
        assert!(
            next.as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
        thread::scope(|scope| {
            scope.spawn(|| assert!(poll_once(store.save_event(event("a", version))).is_ready()));
        });
        woken.recv_timeout(DEADLINE).unwrap();
        match next.poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(Some(Ok(FeedItem::Event(recorded)))) => {
                assert_eq!(recorded.event().version(), Version::from(version));
            }
            other => panic!("expected version {version}, got {other:?}"),
        }
    }
}

#[test]
fn a_filter_that_passes_nothing_does_not_keep_the_thread_for_the_whole_backlog() {
    let store = MemoryStore::new();
    for version in 1..=10_000 {
        assert!(poll_once(store.save_event(event("other", version))).is_ready());
    }
    let wanted = ActorId::new("wanted").unwrap();
    let mut feed = store.feed(FeedStart::Beginning, EventFilter::all().actor(wanted));
    let mut next = feed.next();
    let polls = (1..).find(|_| match poll_once(&mut next) {
        Poll::Ready(item) => {
            assert!(matches!(item, Some(Ok(FeedItem::CaughtUp))));
            true
        }
        Poll::Pending => false,
    });
    // Pages of 1,024 events.
    assert_eq!(polls, Some(11));
}

/// A waker that can be waited for.
fn waker() -> (Waker, Receiver<()>) {
    struct Wake(Mutex<Sender<()>>);

    impl std::task::Wake for Wake {
        fn wake(self: Arc<Self>) {
            // Nobody may be waiting any more.
            let _sent = self.0.lock().unwrap().send(());
        }
    }

    let (sender, receiver) = channel();
    (Arc::new(Wake(Mutex::new(sender))).into(), receiver)
}

#[test]
fn feeds_read_while_many_threads_append_give_each_event_once_and_in_order() {
    const THREADS: u32 = 4;
    const EVENTS: u32 = 5_000;
    let store = MemoryStore::new();
    let feeds: Vec<Vec<u64>> = thread::scope(|scope| {
        for thread in 0..THREADS {
            let store = &store;
            scope.spawn(move || {
                for n in 0..EVENTS {
                    // Each thread has 50 actors, spread over the shards.
                    let actor = format!("{thread}-{}", n % 50);
                    let saved = poll_once(store.save_event(event(&actor, n / 50 + 1)));
                    assert!(matches!(saved, Poll::Ready(Ok(_))));
                }
            });
        }
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let mut feed = store.feed(FeedStart::Beginning, EventFilter::all());
                scope.spawn(move || {
                    let mut sequences = Vec::new();
                    while sequences.len() < (THREADS * EVENTS) as usize {
                        match poll_once(feed.next()) {
                            Poll::Ready(Some(Ok(FeedItem::Event(recorded)))) => {
                                sequences.push(recorded.position().sequence());
                            }
                            Poll::Ready(Some(Ok(FeedItem::CaughtUp))) => {}
                            Poll::Pending => thread::yield_now(),
                            Poll::Ready(other) => panic!("the feed gave {other:?}"),
                        }
                    }
                    sequences
                })
            })
            .collect();
        readers
            .into_iter()
            .map(|reader| reader.join().unwrap())
            .collect()
    });
    let all: Vec<u64> = (1..=u64::from(THREADS * EVENTS)).collect();
    assert_eq!(feeds[0], all);
    assert_eq!(feeds[1], all);
}

#[test]
fn a_long_history_is_read_from_anywhere_across_pages() {
    let store = MemoryStore::new();
    let actor = ActorId::new("long").unwrap();
    // Even versions only, so that every second bound falls into a gap.
    for n in 1..=500 {
        assert!(poll_once(store.save_event(event("long", n * 2))).is_ready());
    }
    for from in [
        0, 1, 2, 126, 127, 128, 129, 130, 131, 255, 256, 257, 999, 1_000, 1_001,
    ] {
        let Poll::Ready(Ok(events)) = poll_once(store.get_events(&actor, Version::from(from)))
        else {
            panic!("a read of the memory store waits or fails");
        };
        let versions: Vec<u64> = events.iter().map(|e| e.version().get()).collect();
        let expected: Vec<u64> = (1..=500)
            .map(|n| n * 2)
            .filter(|v| *v >= u64::from(from))
            .collect();
        assert_eq!(versions, expected, "from {from}");
    }
}
