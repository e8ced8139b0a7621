//! When a snapshot is worth taking, and what a replay costs.

use std::time::Duration;

use aether_core::{
    Commit, Event, EventDraft, InvalidSnapshotPolicy, Payload, ReplayCost, SnapshotPolicy,
};
use proptest::prelude::*;

use crate::{draft_of, event, version};

const fn cost(events: u64, bytes: u64, millis: u64) -> ReplayCost {
    ReplayCost {
        events,
        bytes,
        elapsed: Duration::from_millis(millis),
    }
}

/// A draft whose data has this many bytes: a byte string and its head.
fn draft_with(bytes: usize) -> EventDraft {
    let head = match bytes {
        1 => vec![0xc0],
        2..=257 => vec![0xc4, u8::try_from(bytes - 2).unwrap()],
        _ => [
            &[0xc5][..],
            &u16::try_from(bytes - 3).unwrap().to_be_bytes(),
        ]
        .concat(),
    };
    let mut data = head;
    data.resize(bytes, 0);
    draft_of("order-1", &format!("of-{bytes}")).data(Payload::from_msgpack(data).unwrap())
}

fn event_with(number: u64, bytes: usize) -> Event {
    draft_with(bytes).at(version(number)).unwrap()
}

#[test]
fn a_snapshot_is_due_from_the_limit_on() {
    let never = SnapshotPolicy::NEVER;
    let after_events = never.or_after_events(10).unwrap();
    let after_bytes = never.or_after_bytes(1_000).unwrap();
    let after_elapsed = never.or_after_elapsed(Duration::from_millis(50)).unwrap();
    for (policy, cost, is_due) in [
        (after_events, cost(9, u64::MAX, u64::MAX), false),
        (after_events, cost(10, 0, 0), true),
        (after_events, cost(u64::MAX, 0, 0), true),
        (after_bytes, cost(u64::MAX, 999, u64::MAX), false),
        (after_bytes, cost(1, 1_000, 0), true),
        (after_elapsed, cost(u64::MAX, u64::MAX, 49), false),
        (after_elapsed, cost(1, 1, 50), true),
    ] {
        assert_eq!(policy.is_due(cost), is_due, "{policy:?} after {cost:?}");
    }
}

#[test]
fn by_default_no_snapshot_is_ever_due() {
    assert_eq!(SnapshotPolicy::default(), SnapshotPolicy::NEVER);
    let everything = cost(u64::MAX, u64::MAX, u64::MAX);
    assert!(!SnapshotPolicy::NEVER.is_due(everything));
}

#[test]
fn where_nothing_was_replayed_no_snapshot_is_due_however_long_it_took() {
    let policy = SnapshotPolicy::NEVER
        .or_after_events(1)
        .and_then(|policy| policy.or_after_bytes(1))
        .and_then(|policy| policy.or_after_elapsed(Duration::from_nanos(1)))
        .unwrap();
    assert!(!policy.is_due(ReplayCost::ZERO.took(Duration::MAX)));
    assert!(policy.is_due(cost(1, 0, 0)));
}

#[test]
fn a_limit_of_zero_is_refused() {
    use InvalidSnapshotPolicy::{ZeroBytes, ZeroElapsed, ZeroEvents};
    let never = SnapshotPolicy::NEVER;
    for (refused, error, text) in [
        (
            never.or_after_events(0),
            ZeroEvents,
            "a snapshot can't be due after 0 events; the least is 1",
        ),
        (
            never.or_after_bytes(0),
            ZeroBytes,
            "a snapshot can't be due after 0 bytes; the least is 1",
        ),
        (
            never.or_after_elapsed(Duration::ZERO),
            ZeroElapsed,
            "a snapshot can't be due after a replay of 0 s; the least is 1 ns",
        ),
    ] {
        assert_eq!(refused, Err(error));
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn a_cost_is_how_many_events_and_how_many_bytes_of_data() {
    assert_eq!(ReplayCost::of([]), ReplayCost::ZERO);
    let events = [event_with(1, 2), event_with(2, 30), event_with(7, 400)];
    assert_eq!(ReplayCost::of(&events), cost(3, 432, 0));
    assert_eq!(
        ReplayCost::of(&events).took(Duration::from_millis(8)),
        cost(3, 432, 8)
    );
}

#[test]
fn a_commit_costs_what_its_events_will() {
    let events = [event_with(1, 5), event_with(2, 70)];
    let commit = Commit::events(events).unwrap();
    assert_eq!(ReplayCost::from(&commit), cost(2, 75, 0));
    let commit = Commit::event(event_with(1, 9));
    assert_eq!(ReplayCost::from(&commit), cost(1, 9, 0));
    let commit = Commit::drafts([draft_with(11), draft_with(100)]).unwrap();
    assert_eq!(ReplayCost::from(&commit), cost(2, 111, 0));
}

#[test]
fn costs_add_up_and_stop_at_the_largest_number() {
    let mut since = cost(1, 10, 5);
    since += cost(2, 20, 7);
    assert_eq!(since, cost(3, 30, 12));
    let most = ReplayCost {
        events: u64::MAX,
        bytes: u64::MAX,
        elapsed: Duration::MAX,
    };
    assert_eq!(most + since, most);
}

#[test]
fn who_adds_up_what_it_saves_takes_a_snapshot_every_so_many_events() {
    let policy = SnapshotPolicy::NEVER.or_after_events(3).unwrap();
    let mut since = ReplayCost::ZERO;
    let mut taken = Vec::new();
    for number in 1..=10 {
        since += ReplayCost::from(&Commit::event(event(number)));
        if policy.is_due(since) {
            taken.push(number);
            since = ReplayCost::ZERO;
        }
    }
    assert_eq!(taken, [3, 6, 9]);
}

/// One of the three limits.
#[derive(Debug, Clone, Copy)]
enum Limit {
    Events(u64),
    Bytes(u64),
    Elapsed(u64),
}

impl Limit {
    fn add_to(self, policy: SnapshotPolicy) -> SnapshotPolicy {
        let added = match self {
            Self::Events(events) => policy.or_after_events(events),
            Self::Bytes(bytes) => policy.or_after_bytes(bytes),
            Self::Elapsed(millis) => policy.or_after_elapsed(Duration::from_millis(millis)),
        };
        added.unwrap()
    }

    fn is_reached(self, cost: ReplayCost) -> bool {
        match self {
            Self::Events(events) => cost.events >= events,
            Self::Bytes(bytes) => cost.bytes >= bytes,
            Self::Elapsed(millis) => cost.elapsed >= Duration::from_millis(millis),
        }
    }
}

fn any_limit() -> impl Strategy<Value = Limit> {
    prop_oneof![
        (1..9_u64).prop_map(Limit::Events),
        (1..9_u64).prop_map(Limit::Bytes),
        (1..9_u64).prop_map(Limit::Elapsed),
    ]
}

fn any_cost() -> impl Strategy<Value = ReplayCost> {
    (0..10_u64, 0..10_u64, 0..10_u64)
        .prop_map(|(events, bytes, millis)| cost(events, bytes, millis))
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(512)
    })]

    #[test]
    fn a_snapshot_is_due_where_any_of_the_limits_is_reached_in_whatever_order_they_were_set(
        limits in prop::collection::vec(any_limit(), 0..6),
        cost in any_cost(),
    ) {
        let made = |limits: &mut dyn Iterator<Item = &Limit>| {
            limits.fold(SnapshotPolicy::NEVER, |policy, limit| limit.add_to(policy))
        };
        let policy = made(&mut limits.iter());
        prop_assert_eq!(policy, made(&mut limits.iter().rev()));
        let any = limits.iter().any(|limit| limit.is_reached(cost));
        prop_assert_eq!(policy.is_due(cost), any && cost.events > 0);
    }

    #[test]
    fn what_is_due_stays_due_when_more_is_replayed(
        limits in prop::collection::vec(any_limit(), 0..6),
        first in any_cost(),
        more in any_cost(),
    ) {
        let policy = limits.iter().fold(SnapshotPolicy::NEVER, |policy, limit| limit.add_to(policy));
        prop_assert!(!policy.is_due(first) || policy.is_due(first + more));
    }

    #[test]
    fn a_history_costs_what_its_parts_do(
        sizes in prop::collection::vec(1..30_usize, 0..12),
        split in 0..12_usize,
    ) {
        let events: Vec<Event> = (1..)
            .zip(&sizes)
            .map(|(number, size)| event_with(number, *size))
            .collect();
        let (before, after) = events.split_at(split.min(events.len()));
        prop_assert_eq!(ReplayCost::of(before) + ReplayCost::of(after), ReplayCost::of(&events));
        let bytes: usize = sizes.iter().sum();
        prop_assert_eq!(ReplayCost::of(&events).bytes, bytes as u64);
    }
}
