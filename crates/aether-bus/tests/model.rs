//! Whatever is done with a bus, each subscription's deliveries and gaps add up to what was published
//! for it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics says where"
)]

mod support;

use aether_bus::{EventBus, NamespacePattern, Subscribe, Subscription, WhenFull};
use aether_core::{EventFilter, EventType};
use futures_util::FutureExt as _;
use proptest::prelude::*;
use support::{Said, namespace, said, typed};

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
    let subscribe = (0..PATTERNS.len(), 0..FILTERS, 1..5_usize, when_full);
    let publish = (0..NAMESPACES.len(), 0..ACTORS.len(), 0..TYPES.len());
    let op = prop_oneof![
        1 => subscribe.prop_map(|(pattern, filter, capacity, when_full)| Op::Subscribe {
            pattern, filter, capacity, when_full,
        }),
        1 => (0..8_usize).prop_map(Op::Unsubscribe),
        8 => publish.prop_map(|(namespace, actor, event_type)| Op::Publish {
            namespace, actor, event_type,
        }),
        3 => (0..8_usize, 1..6_usize).prop_map(|(at, count)| Op::Take(at, count)),
    ];
    prop::collection::vec(op, 1..120)
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

/// A subscription, and what was published for it, by number.
struct Watched {
    subscription: Subscription,
    pattern: NamespacePattern,
    filter: EventFilter,
    due: std::collections::VecDeque<u64>,
    is_over: bool,
}

impl Watched {
    /// Takes one delivery; false where there is none now.
    fn take(&mut self) -> bool {
        let Some(delivery) = self.subscription.next().now_or_never() else {
            return false;
        };
        match said(delivery.as_ref()) {
            Said::Event(number) => assert_eq!(self.due.pop_front(), Some(number)),
            Said::Missed(missed) => {
                assert!(missed > 0);
                let missed = usize::try_from(missed).unwrap();
                assert!(missed <= self.due.len(), "{missed} of {:?}", self.due);
                self.due.drain(..missed);
            }
            Said::Unknown => self.is_over = true,
            Said::End => {
                assert!(self.is_over || self.due.is_empty(), "{:?}", self.due);
                return false;
            }
        }
        true
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
                    pattern,
                    filter,
                    due: [].into(),
                    is_over: false,
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
                let receipt = bus.publish_now(&namespace, event.clone()).unwrap();
                let for_whom = |one: &&mut Watched| {
                    one.pattern.matches(&namespace) && one.filter.passes(&event)
                };
                let found = watched.iter_mut().filter(for_whom);
                let count = found.map(|one| one.due.push_back(number.into())).count();
                assert!(receipt.queued <= count && receipt.behind <= count);
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
            let about = watched.iter().filter(|one| one.pattern.matches(&namespace));
            assert_eq!(bus.subscribers(&namespace), about.count());
        }
    }
    bus.stop();
    for mut one in watched {
        while one.take() {}
        assert!(one.subscription.end().is_some());
    }
}

proptest! {
    #[test]
    fn what_is_given_and_what_is_missed_is_what_was_published(ops in ops()) {
        run(ops);
    }
}
