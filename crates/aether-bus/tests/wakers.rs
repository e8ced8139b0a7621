//! What runs when somebody is woken, and when nobody ever sleeps.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics says where"
)]

mod support;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use aether_bus::{EventBus, Subscribe, Subscription};
use futures_util::FutureExt as _;
use support::{SHOP, Said, event, receipt, said};

const SECOND: Duration = Duration::from_secs(1);

/// Uses the bus when it is woken, as an executor may that polls at once, in the middle of what woke
/// it.
struct Meddler {
    bus: EventBus,
    dropped: Mutex<Option<Subscription>>,
    was_woken: AtomicBool,
}

impl Meddler {
    fn new(bus: &EventBus) -> Arc<Self> {
        let dropped = bus.subscribe(Subscribe::to(&SHOP)).unwrap();
        Arc::new(Self {
            bus: bus.clone(),
            dropped: Mutex::new(Some(dropped)),
            was_woken: AtomicBool::new(false),
        })
    }
}

impl Wake for Meddler {
    fn wake(self: Arc<Self>) {
        drop(self.dropped.lock().unwrap().take());
        let again = self.bus.subscribe(Subscribe::to(&SHOP));
        self.bus.publish_now(&SHOP, event(9)).ok();
        drop(again);
        self.was_woken.store(true, Ordering::SeqCst);
    }
}

#[test]
fn whatever_a_waker_does_does_not_stop_the_bus() {
    let waits = Duration::from_secs(1_000);
    for own in [false, true] {
        let bus = EventBus::new();
        let asked = Subscribe::to(&SHOP);
        let asked = if own {
            asked.publishers_wait(waits)
        } else {
            asked
        };
        let mut woken = bus.subscribe(asked).unwrap();
        let meddler = Meddler::new(&bus);
        let waker = Waker::from(meddler.clone());
        {
            let mut next = pin!(woken.next());
            let pending = next.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(pending.is_pending());
            assert_eq!(bus.publish_now(&SHOP, event(1)).unwrap(), receipt(2, 0));
        }
        assert!(meddler.was_woken.load(Ordering::SeqCst));
        for expected in [Said::Event(1), Said::Event(9)] {
            let delivery = woken.next().now_or_never().unwrap();
            assert_eq!(said(delivery.as_ref()), expected);
        }
    }
}

/// The same of a publisher that waits for room.
#[tokio::test]
async fn whatever_a_waiting_publishers_waker_does_does_not_stop_the_bus() {
    type Frees = fn(&EventBus, Subscription) -> Option<Subscription>;
    let frees: [Frees; 3] = [
        |bus, subscription| {
            bus.stop();
            Some(subscription)
        },
        |_, subscription| {
            drop(subscription);
            None
        },
        |_, mut subscription| {
            assert!(subscription.next().now_or_never().is_some());
            Some(subscription)
        },
    ];
    for free in frees {
        let bus = EventBus::new();
        let asked = Subscribe::to(&SHOP)
            .capacity(1)
            .publishers_wait(1_000 * SECOND);
        let subscription = bus.subscribe(asked).unwrap();
        bus.publish_now(&SHOP, event(1)).unwrap();
        let meddler = Meddler::new(&bus);
        let waker = Waker::from(meddler.clone());
        let mut publishing = pin!(bus.publish(&SHOP, event(2)).map(Result::unwrap));
        let pending = publishing.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(pending.is_pending());
        let kept = free(&bus, subscription);
        assert!(meddler.was_woken.load(Ordering::SeqCst));
        publishing.await;
        drop(kept);
    }
}

#[test]
fn a_waker_that_panics_keeps_nobody_else_asleep() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("as wakers may");
        }
    }
    struct Counts(AtomicU64);
    impl Wake for Counts {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let bus = EventBus::new();
    let counts = Arc::new(Counts(AtomicU64::new(0)));
    let wakers = [
        counts.clone().into(),
        Arc::new(Panics).into(),
        counts.clone().into(),
    ];
    let mut subscriptions = Vec::new();
    for waker in wakers {
        let mut subscription = bus.subscribe(Subscribe::to(&SHOP)).unwrap();
        let pending = pin!(subscription.next()).poll(&mut Context::from_waker(&waker));
        assert!(pending.is_pending());
        subscriptions.push(subscription);
    }
    let published = catch_unwind(AssertUnwindSafe(|| bus.publish_now(&SHOP, event(1))));
    assert!(published.is_err());
    assert_eq!(counts.0.load(Ordering::SeqCst), 2);
    for subscription in &mut subscriptions {
        assert!(subscription.next().now_or_never().is_some());
    }
}

/// Much waits for it: it is not taken all at once.
#[tokio::test]
async fn who_always_finds_something_lets_others_have_a_turn() {
    const MANY: u32 = 100_000;
    let bus = EventBus::new();
    let asked = Subscribe::to(&SHOP).capacity(MANY as usize);
    let mut busy = bus.subscribe(asked).unwrap();
    for _ in 0..MANY {
        bus.publish_now(&SHOP, event(1)).unwrap();
    }
    let mut reading = pin!(async {
        for _ in 0..MANY {
            assert_eq!(said(busy.next().await.as_ref()), Said::Event(1));
        }
    });
    assert!(futures_util::poll!(&mut reading).is_pending());
    // It is woken again at once.
    reading.await;
}
