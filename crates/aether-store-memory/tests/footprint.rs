//! The bytes that the crate's page names are the bytes that are used.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use std::alloc::System;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use aether_core::{ActorId, Event, EventDraft, EventStoreExt, Version};
use aether_store_memory::MemoryStore;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const EVENT_BYTES: &str = include_str!("../footprint/event-bytes");
const ACTOR_BYTES: &str = include_str!("../footprint/actor-bytes");

fn events(actors: u32, versions: std::ops::RangeInclusive<u32>) -> Vec<Event> {
    let ids: Vec<ActorId> = (0..actors)
        .map(|n| ActorId::new(format!("order-{n:010}")).unwrap())
        .collect();
    versions
        .flat_map(|version| ids.iter().map(move |id| (id, version)))
        .map(|(id, version)| {
            EventDraft::new(id, "Happened", &())
                .unwrap()
                .at(Version::from(version))
                .unwrap()
        })
        .collect()
}

/// The bytes that the store itself takes for these events, which are there already.
fn growth(store: &MemoryStore, events: Vec<Event>) -> f64 {
    // Moved out of the list one by one, so that only what the store allocates counts.
    let mut events = events.into_iter();
    let region = Region::new(ALLOCATOR);
    for event in events.by_ref() {
        let saved = pin!(store.save_event(event)).poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(saved, Poll::Ready(Ok(_))));
    }
    let change = region.change();
    (change.bytes_allocated as f64 + change.bytes_reallocated as f64)
        - change.bytes_deallocated as f64
}

fn assert_about(what: &str, documented: &str, measured: f64) {
    let documented: f64 = documented.trim().parse().unwrap();
    println!("{what}: {measured:.1} bytes measured, {documented} documented");
    assert!(
        (measured / documented - 1.0).abs() < 0.1,
        "{what}: {measured:.1} bytes measured, {documented} documented"
    );
}

/// One test, because the allocator counts for the whole process.
#[test]
fn an_event_and_an_actor_take_the_bytes_that_the_page_names() {
    const ACTORS: u32 = 50_000;
    let store = MemoryStore::new();
    let first = growth(&store, events(ACTORS, 1..=1));
    let next = growth(&store, events(ACTORS, 2..=10));
    let an_event = next / f64::from(ACTORS * 9);
    assert_about("an event", EVENT_BYTES, an_event);
    assert_about(
        "an actor",
        ACTOR_BYTES,
        first / f64::from(ACTORS) - an_event,
    );
}
