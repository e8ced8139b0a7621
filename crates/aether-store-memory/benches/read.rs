//! Reading a history of 5 and of 1,000 events, and everything through the feed.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_lossless,
    reason = "a benchmark"
)]

mod support;

use aether_core::{
    EventFeed, EventFilter, EventStore, EventStoreExt, FeedItem, FeedStart, Version,
};
use aether_store_memory::MemoryStore;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::StreamExt;

use support::{actor, event, ready};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Other actors' events around the one that is read.
const OTHERS: usize = 10_000;

fn store_with(events: u32) -> MemoryStore {
    let store = MemoryStore::new();
    for version in 1..=events {
        ready(store.save_event(event(&actor(0), version))).unwrap();
    }
    for n in 1..=OTHERS {
        ready(store.save_event(event(&actor(n), 1))).unwrap();
    }
    store
}

fn histories(c: &mut Criterion) {
    let mut group = c.benchmark_group("read");
    for events in [5, 1_000] {
        let store = store_with(events);
        let id = actor(0);
        group.throughput(Throughput::Elements(events.into()));
        group.bench_function(format!("{events} events"), |b| {
            b.iter(|| ready(store.get_events(&id, Version::ZERO)).unwrap());
        });
    }
    let store = store_with(1_000);
    let id = actor(0);
    group.throughput(Throughput::Elements(1));
    group.bench_function("latest version", |b| {
        b.iter(|| ready(store.latest_version(&id)));
    });
    group.finish();
}

fn feed(c: &mut Criterion) {
    let store = store_with(1_000);
    let mut group = c.benchmark_group("feed");
    group.throughput(Throughput::Elements(1_000 + OTHERS as u64));
    group.bench_function("11,000 events to CaughtUp", |b| {
        b.iter(|| {
            let feed = store.feed(FeedStart::Beginning, EventFilter::all());
            let events =
                feed.take_while(|item| std::future::ready(!matches!(item, Ok(FeedItem::CaughtUp))));
            assert_eq!(ready(events.count()), 1_000 + OTHERS);
        });
    });
    group.finish();
}

criterion_group!(benches, histories, feed);
criterion_main!(benches);
