//! Whatever is done with a bus, each subscription gives what its documentation says, and each receipt
//! says who has got what.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics says where"
)]

mod support;

use std::collections::VecDeque;

use aether_bus::{EventBus, NamespacePattern, Subscribe, Subscription, WhenFull};
use aether_core::{EventFilter, EventType};
use futures_util::FutureExt as _;
use proptest::prelude::*;
use support::{Said, namespace, receipt, said, typed};

const NAMESPACES: [&str; 4] = ["shop", "shop.eu", "bank", "bank.eu.de"];
const PATTERNS: [&str; 6] = ["shop", "shop.*", "bank.>", ">", "*.eu", "*.*.*"];
const ACTORS: [&str; 3] = ["order-1", "order-2", "bill-1"];
const TYPES: [&str; 2] = ["Placed", "Paid"];

#[derive(Debug, Clone)]
enum Op {
    Subscribe {
        pattern: usize,
        filter: usize,
        capacity: usize,
        when_full: WhenFull,
    },
    Unsubscribe(usize),
    Publish {
        namespace: usize,
        actor: usize,
        event_type: usize,
    },
    Take(usize, usize),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let when_full = prop_oneof![
        Just(WhenFull::DropOldest),
        Just(WhenFull::DropNewest),
        Just(WhenFull::Disconnect),
    ];
    let capacity = prop_oneof![1..5_usize, Just(100)];
    let subscribe = (0..PATTERNS.len(), 0..FILTERS, capacity, when_full);
    let publish = (0..NAMESPACES.len(), 0..ACTORS.len(), 0..TYPES.len());
    let op = prop_oneof![
        1 => subscribe.prop_map(|(pattern, filter, capacity, when_full)| Op::Subscribe {
            pattern, filter, capacity, when_full,
        }),
        1 => (0..8_usize).prop_map(Op::Unsubscribe),
        12 => publish.prop_map(|(namespace, actor, event_type)| Op::Publish {
            namespace, actor, event_type,
        }),
        2 => (0..8_usize, 1..20_usize).prop_map(|(at, count)| Op::Take(at, count)),
    ];
    prop::collection::vec(op, 1..400)
}

const FILTERS: usize = 6;

fn filter(number: usize) -> EventFilter {
    let all = EventFilter::all();
    let actor = |id: &str| aether_core::ActorId::new(id).unwrap();
    let event_type = |name: &str| EventType::new(name).unwrap();
    match number {
        0 => all,
        1 => all.category("order"),
        2 => all.actor(actor("order-1")).actor(actor("bill-1")),
        3 => all.event_type(event_type("Paid")),
        4 => all.actor(actor("order-2")).event_type(event_type("Placed")),
        _ => all.category("bill").event_type(event_type("Paid")),
    }
}

/// What a subscription is to do, by its documentation.
struct Model {
    pattern: NamespacePattern,
    filter: EventFilter,
    capacity: usize,
    when_full: WhenFull,
    /// What waits, each with how many were dropped right before it.
    queue: VecDeque<(u64, u64)>,
    missed_last: u64,
    taken: VecDeque<(u64, u64)>,
    ends: VecDeque<Said>,
    is_over: bool,
}

impl Model {
    /// How many have it in their queue, and how many miss something for it: of this one.
    fn offer(&mut self, number: u64) -> (usize, usize) {
        if self.is_over {
            return (0, 0);
        }
        let mut counts = (1, 0);
        if self.queue.len() == self.capacity {
            counts = match self.when_full {
                WhenFull::DropOldest => (1, 1),
                _ => (0, 1),
            };
            match self.when_full {
                WhenFull::DropOldest => {
                    let (missed, _) = self.queue.pop_front().unwrap();
                    let next = self.queue.front_mut().map(|(next, _)| next);
                    *next.unwrap_or(&mut self.missed_last) += missed + 1;
                }
                WhenFull::DropNewest => self.missed_last += 1,
                _ => {
                    self.ends = [Said::Unknown, Said::End].into();
                    self.is_over = true;
                }
            }
        }
        if counts.0 == 1 {
            let missed = std::mem::take(&mut self.missed_last);
            self.queue.push_back((missed, number));
        }
        counts
    }

    /// What it gives next; nothing where it waits.
    fn take(&mut self) -> Option<Said> {
        if self.taken.is_empty() {
            let count = self.queue.len().min(Subscription::TAKEN_AT_ONCE);
            self.taken.extend(self.queue.drain(..count));
        }
        if let Some((missed, number)) = self.taken.pop_front() {
            if missed > 0 {
                self.taken.push_front((0, number));
                return Some(Said::Missed(missed));
            }
            return Some(Said::Event(number));
        }
        match std::mem::take(&mut self.missed_last) {
            0 if self.ends.len() == 1 => self.ends.front().copied(),
            0 => self.ends.pop_front(),
            missed => Some(Said::Missed(missed)),
        }
    }

    fn stop(&mut self) {
        if !self.is_over {
            self.ends = [Said::End].into();
            self.is_over = true;
        }
    }
}

struct Watched {
    subscription: Subscription,
    model: Model,
}

impl Watched {
    /// Takes what comes next, and says what it is.
    fn take(&mut self) -> Option<Said> {
        let delivery = self.subscription.next().now_or_never();
        let found = delivery.map(|delivery| said(delivery.as_ref()));
        assert_eq!(found, self.model.take());
        found
    }
}

fn run(ops: Vec<Op>) {
    let bus = EventBus::new();
    let mut watched: Vec<Watched> = Vec::new();
    let mut number = 0;
    for op in ops {
        match op {
            Op::Subscribe {
                pattern,
                filter: which,
                capacity,
                when_full,
            } => {
                let pattern: NamespacePattern = PATTERNS[pattern].parse().unwrap();
                let filter = filter(which);
                let asked = Subscribe::to(pattern.clone()).only(filter.clone());
                let asked = asked.capacity(capacity).when_full(when_full);
                watched.push(Watched {
                    subscription: bus.subscribe(asked).unwrap(),
                    model: Model {
                        pattern,
                        filter,
                        capacity,
                        when_full,
                        queue: VecDeque::new(),
                        missed_last: 0,
                        taken: VecDeque::new(),
                        ends: VecDeque::new(),
                        is_over: false,
                    },
                });
            }
            Op::Unsubscribe(at) if at < watched.len() => drop(watched.swap_remove(at)),
            Op::Unsubscribe(_) => {}
            Op::Publish {
                namespace: at,
                actor,
                event_type,
            } => {
                number += 1;
                let namespace = namespace(NAMESPACES[at]);
                let event = typed(ACTORS[actor], TYPES[event_type], number);
                let published = bus.publish_now(&namespace, event.clone()).unwrap();
                let models = watched.iter_mut().map(|one| &mut one.model);
                let for_whom = |model: &&mut Model| {
                    model.pattern.matches(&namespace) && model.filter.passes(&event)
                };
                let counts = models
                    .filter(for_whom)
                    .map(|model| model.offer(number.into()));
                let (queued, behind) = counts.fold((0, 0), |(queued, behind), counts| {
                    (queued + counts.0, behind + counts.1)
                });
                assert_eq!(published, receipt(queued, behind));
            }
            Op::Take(at, count) => {
                if let Some(one) = watched.get_mut(at) {
                    for _ in 0..count {
                        one.take();
                    }
                }
            }
        }
        for name in NAMESPACES {
            let namespace = namespace(name);
            let matches = |one: &&Watched| one.model.pattern.matches(&namespace);
            let count = watched.iter().filter(matches).count();
            assert_eq!(bus.subscribers(&namespace), count);
        }
    }
    bus.stop();
    for mut one in watched {
        one.model.stop();
        while one.take() != Some(Said::End) {}
        assert!(one.subscription.end().is_some());
    }
}

proptest! {
    #[test]
    fn what_is_given_and_what_is_missed_is_what_was_published(ops in ops()) {
        run(ops);
    }
}
