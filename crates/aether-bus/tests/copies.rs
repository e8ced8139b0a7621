//! All subscribers share one event: publishing copies no data, however many there are.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics says where"
)]

mod support;

use std::alloc::System;

use aether_bus::{Delivery, EventBus, Subscribe};
use aether_core::{ActorId, EventDraft, Version};
use futures_util::FutureExt as _;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use support::SHOP;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SUBSCRIBERS: usize = 1_000;
const EVENT_BYTES: usize = 1 << 20;
/// What a subscription's queue takes when the first event comes, and then keeps.
const QUEUE_BYTES: usize = 1_024;

#[test]
fn no_data_is_copied_for_a_subscriber() {
    let bus = EventBus::new();
    let subscribe = || bus.subscribe(Subscribe::to(&SHOP)).unwrap();
    let mut subscriptions: Vec<_> = (0..SUBSCRIBERS).map(|_| subscribe()).collect();
    let actor_id = ActorId::new("order-1").unwrap();
    let draft = EventDraft::new(&actor_id, "Large", &"x".repeat(EVENT_BYTES)).unwrap();
    let event = draft.at(Version::FIRST).unwrap();
    let region = Region::new(ALLOCATOR);
    let receipt = bus.publish_now(&SHOP, event.clone()).unwrap();
    assert_eq!(receipt.queued, SUBSCRIBERS);
    let mut first = None;
    for subscription in &mut subscriptions {
        let Some(Some(Delivery::Event(given))) = subscription.next().now_or_never() else {
            panic!("no event");
        };
        let data = |event: &aether_core::Event| event.data().as_msgpack().as_ptr();
        assert_eq!(data(given.event()), data(&event));
        let first = first.get_or_insert_with(|| given.clone());
        assert!(std::ptr::eq(first.event(), given.event()));
    }
    let allocated = region.change().bytes_allocated;
    assert!(
        allocated < SUBSCRIBERS * QUEUE_BYTES,
        "{allocated} bytes for {SUBSCRIBERS} subscribers of an event of {EVENT_BYTES}"
    );
    // Each has two buffers in the end, that it fills and that it gives from.
    let publish_and_read = |subscriptions: &mut Vec<aether_bus::Subscription>| {
        bus.publish_now(&SHOP, event.clone()).unwrap();
        for subscription in subscriptions {
            assert!(subscription.next().now_or_never().is_some());
        }
    };
    publish_and_read(&mut subscriptions);
    let region = Region::new(ALLOCATOR);
    publish_and_read(&mut subscriptions);
    let allocations = region.change().allocations;
    assert!(allocations <= 1, "{allocations} allocations for an event");
}
