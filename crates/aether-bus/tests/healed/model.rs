//! Whatever is lost, and wherever a reader stops: healed notices are those of all that is stored.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Poll;

use aether_bus::{HealedNotices, Subscribe, WhenFull};
use aether_core::{EventFilter, EventStored, FeedStart, Position, StoreErrorKind};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::shop::{Shop, Step, notice, now};
use crate::support::{SHOP, typed};

/// What is done with a bus, a store and a reader.
#[derive(Debug, Clone)]
enum Op {
    Save {
        actor: usize,
    },
    SaveUnheard {
        actor: usize,
    },
    /// One that was stored is told of once more.
    TellAgain(Index),
    TellOfNothing,
    /// Polls so often; each time the future is dropped.
    Poll(usize),
}

#[derive(Debug, Clone)]
struct Asked {
    start: Option<usize>,
    from_now: bool,
    only_orders: bool,
    capacity: usize,
    when_full: WhenFull,
    checked_every: usize,
}

const ACTORS: [&str; 3] = ["order-1", "order-2", "bill-1"];

fn asked() -> impl Strategy<Value = Asked> {
    let when_full = prop_oneof![Just(WhenFull::DropOldest), Just(WhenFull::DropNewest)];
    let place = (prop::option::of(0..4_usize), any::<bool>(), any::<bool>());
    let numbers = (1..6_usize, when_full, 1..8_usize);
    (place, numbers).prop_map(|((start, from_now, only_orders), numbers)| {
        let (capacity, when_full, checked_every) = numbers;
        Asked {
            start,
            from_now,
            only_orders,
            capacity,
            when_full,
            checked_every,
        }
    })
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        6 => (0..ACTORS.len()).prop_map(|actor| Op::Save { actor }),
        1 => (0..ACTORS.len()).prop_map(|actor| Op::SaveUnheard { actor }),
        1 => any::<Index>().prop_map(Op::TellAgain),
        1 => Just(Op::TellOfNothing),
        4 => (1..8_usize).prop_map(Op::Poll),
    ];
    prop::collection::vec(op, 1..150)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Go),
        2 => Just(Step::Wait),
        1 => Just(Step::Fail(StoreErrorKind::Unavailable)),
        1 => Just(Step::End),
    ];
    prop::collection::vec(step, 0..200)
}

/// What was given so far.
#[derive(Default)]
struct Seen(Vec<EventStored>);

impl Seen {
    /// Polls once; gives whether it is over.
    fn poll(&mut self, healed: &mut HealedNotices) -> bool {
        match now(healed) {
            Poll::Ready(Some(Ok(item))) => self.0.push(item.notice().clone()),
            Poll::Ready(Some(Err(error))) => assert_eq!(error.kind(), StoreErrorKind::Unavailable),
            Poll::Ready(None) => return true,
            Poll::Pending => {}
        }
        false
    }

    fn positions(&self) -> Vec<Position> {
        self.0.iter().filter_map(|notice| notice.position).collect()
    }

    fn assert_each_actor_is_in_order(&self) {
        let mut last = BTreeMap::new();
        for EventStored {
            actor_id, version, ..
        } in &self.0
        {
            let before = last.insert(actor_id, *version);
            assert!(before < Some(*version), "{version} of {actor_id:?}");
        }
    }
}

fn run(asked: &Asked, ops: Vec<Op>, steps: Vec<Step>) {
    let shop = Shop::new();
    let mut versions = [0_u32; ACTORS.len()];
    let mut next = |actor: usize| {
        versions[actor] += 1;
        typed(ACTORS[actor], "Changed", versions[actor])
    };
    for number in 0..4 {
        shop.store(next(number % ACTORS.len()));
    }
    let before = shop.positions();
    let start = match asked.start {
        _ if asked.from_now => FeedStart::Now,
        None => FeedStart::Beginning,
        Some(at) => FeedStart::After(before[at]),
    };
    let filter = match asked.only_orders {
        true => EventFilter::all().category("order"),
        false => EventFilter::all(),
    };
    let subscribe = Subscribe::to(&SHOP).capacity(asked.capacity);
    let subscribe = subscribe.when_full(asked.when_full).only(filter.clone());
    let healed = shop.healed(subscribe, start);
    let mut healed = healed.checked_every(asked.checked_every);
    let mut seen = Seen::default();
    if start == FeedStart::Now {
        // What is stored before the first poll is not asked for, and an error would begin anew.
        seen.poll(&mut healed);
        let steps = steps.iter().map(|step| match step {
            Step::Go => Step::Go,
            _ => Step::Wait,
        });
        shop.feed.steps(steps);
    } else {
        shop.feed.steps(steps);
    }
    let mut all_are_heard = true;
    for op in ops {
        match op {
            Op::Save { actor } => shop.store(next(actor)),
            Op::SaveUnheard { actor } => {
                all_are_heard = false;
                shop.store_unheard(next(actor));
            }
            Op::TellAgain(which) => {
                let stored = shop.stored();
                let notice = notice(which.get(&stored));
                shop.bus.publish_now(&SHOP, notice).unwrap();
            }
            Op::TellOfNothing => {
                let strange = typed("order-1", EventStored::EVENT_TYPE.as_str(), 1);
                shop.bus.publish_now(&SHOP, strange).unwrap();
            }
            Op::Poll(times) => {
                for _ in 0..times {
                    assert!(!seen.poll(&mut healed));
                }
            }
        }
    }
    shop.bus.stop();
    if start == FeedStart::Now {
        shop.feed.steps([]);
    }
    let enough = 10_000;
    assert!((0..enough).any(|_| seen.poll(&mut healed)), "no end comes");
    let mut positions = seen.positions();
    positions.sort();
    let due = shop.stored().into_iter().filter(|recorded| {
        let is_behind = match start {
            FeedStart::Beginning => true,
            FeedStart::After(position) => recorded.position() > position,
            FeedStart::Now => !before.contains(&recorded.position()),
        };
        is_behind && filter.passes(recorded.event())
    });
    let due: Vec<_> = due.map(|recorded| recorded.position()).collect();
    assert_eq!(positions, due);
    if all_are_heard {
        seen.assert_each_actor_is_in_order();
    }
}

proptest! {
    #[test]
    fn whatever_is_lost_each_event_is_told_once_and_in_order(
        asked in asked(),
        ops in ops(),
        steps in steps(),
    ) {
        run(&asked, ops, steps);
    }
}

/// On threads of their own: notices come in another order than the feed's, and some of them after a
/// fill has given their events.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_many_writers_store_is_told_once_and_each_actors_in_order() {
    const EVENTS: u32 = 2_000;
    for capacity in [1, 16, 100_000] {
        let shop = Arc::new(Shop::new());
        let healed = shop.healed(Subscribe::to(&SHOP).capacity(capacity), FeedStart::Now);
        let mut healed = healed.checked_every(300);
        let mut seen = Seen::default();
        assert!(!seen.poll(&mut healed));
        let reading = tokio::spawn(async move {
            while let Some(item) = healed.next().await {
                seen.0.push(item.unwrap().notice().clone());
            }
            seen
        });
        let writing = ACTORS.map(|actor| {
            let shop = Arc::clone(&shop);
            std::thread::spawn(move || {
                (1..=EVENTS).for_each(|version| shop.store(typed(actor, "Changed", version)));
            })
        });
        for writing in writing {
            writing.join().unwrap();
        }
        shop.bus.stop();
        let seen = reading.await.unwrap();
        seen.assert_each_actor_is_in_order();
        let mut positions = seen.positions();
        positions.sort();
        assert_eq!(positions, shop.positions());
    }
}
