//! The hot path: an append with its version check, beside the bare limit of the same run.
//!
//! `cargo bench -p aether-store-memory --bench version_check` ends with a table of ratios, each
//! measured with limit and store in turns, and says whether the target was met.

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

use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use aether_core::{Event, EventStoreExt};
use aether_store_memory::MemoryStore;
use criterion::Criterion;

use support::{Limit, actor, event, ready};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ACTORS: usize = 10_000;
const EVENTS_PER_ACTOR: u32 = 20;
/// Appends in one pass.
const APPENDS: u32 = ACTORS as u32 * EVENTS_PER_ACTOR;
/// At most this many times the bare limit.
const TARGET: f64 = 2.0;
const ROUNDS: usize = 25;

/// What each of `threads` threads appends: all versions of its share of the actors, in turns
/// and in an order that jumps about, so that no actor is still in the cache from its last turn.
fn work(threads: usize) -> Vec<Vec<Arc<Event>>> {
    let stride = 7_919; // a prime: visits every actor once
    let share = |thread| {
        (1..=EVENTS_PER_ACTOR)
            .flat_map(|version| (0..ACTORS).map(move |n| (version, n * stride % ACTORS)))
            .filter(|(_, n)| n % threads == thread)
            .map(|(version, n)| Arc::new(event(&actor(n), version)))
            .collect()
    };
    (0..threads).map(share).collect()
}

/// The time of one pass, from the first thread's start to the last one's end. Each thread owns
/// the events that it appends, ready before the time is taken.
fn pass<E: Send>(shares: Vec<Vec<E>>, append: impl Fn(E) + Sync) -> Duration {
    let barrier = Barrier::new(shares.len());
    let (barrier, append) = (&barrier, &append);
    let run = |share: Vec<E>| {
        barrier.wait();
        let start = Instant::now();
        share.into_iter().for_each(append);
        (start, Instant::now())
    };
    let spans: Vec<(Instant, Instant)> = thread::scope(|scope| {
        let spawn = |share| scope.spawn(move || run(share));
        let threads: Vec<_> = shares.into_iter().map(spawn).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let start = spans.iter().map(|(start, _)| *start).min().unwrap();
    let end = spans.iter().map(|(_, end)| *end).max().unwrap();
    end - start
}

fn limit_pass(work: &[Vec<Arc<Event>>]) -> Duration {
    let limit = Limit::default();
    pass(work.to_vec(), |event| limit.append(event))
}

fn store_pass(work: &[Vec<Arc<Event>>]) -> Duration {
    let store = MemoryStore::new();
    let owned = |share: &Vec<Arc<Event>>| share.iter().map(|event| Event::clone(event)).collect();
    pass(work.iter().map(owned).collect(), |event: Event| {
        assert!(ready(store.save_event(event)).is_ok());
    })
}

fn appends(c: &mut Criterion) {
    let mut group = c.benchmark_group("version_check");
    group
        .sample_size(10)
        .throughput(criterion::Throughput::Elements(1));
    for threads in [1, 2] {
        let work = work(threads);
        let mut bench = |name: &str, pass: fn(&[Vec<Arc<Event>>]) -> Duration| {
            group.bench_function(format!("{name}/{threads} threads"), |b| {
                b.iter_custom(|iterations| {
                    let passes = iterations.div_ceil(u64::from(APPENDS));
                    let total: Duration = (0..passes).map(|_| pass(&work)).sum();
                    total.mul_f64(iterations as f64 / (passes * u64::from(APPENDS)) as f64)
                });
            });
        };
        bench("append, bare limit", limit_pass);
        bench("append, memory store", store_pass);
    }

    let store = MemoryStore::new();
    let id = actor(0);
    for version in 1..=100 {
        ready(store.save_event(event(&id, version))).unwrap();
    }
    let late = event(&id, 50);
    group.bench_function("conflict refused", |b| {
        b.iter(|| black_box(ready(store.save_event(late.clone()))).unwrap_err());
    });
    group.finish();
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Limit and store in turns, so that both see the same machine.
fn table() {
    println!("\nappend to one of {ACTORS} actors, validation and the feed's order included");
    println!("(medians of {ROUNDS} passes of {APPENDS} appends, limit and store in turns)\n");
    println!("| threads | bare limit | memory store | ratio | target | |");
    println!("|---|---|---|---|---|---|");
    for threads in [1, 2] {
        let work = work(threads);
        let (limits, stores): (Vec<_>, Vec<_>) = (0..ROUNDS)
            .map(|_| (limit_pass(&work), store_pass(&work)))
            .unzip();
        let (limit, store) = (median(limits) / APPENDS, median(stores) / APPENDS);
        let ratio = store.as_nanos() as f64 / limit.as_nanos() as f64;
        let verdict = if ratio <= TARGET { "ok" } else { "MISSED" };
        println!("| {threads} | {limit:?} | {store:?} | {ratio:.2} | <= {TARGET} | {verdict} |");
    }
    println!();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    appends(&mut criterion);
    criterion.final_summary();
    // `cargo test --benches` runs this without the flag, to see that it works.
    if std::env::args().any(|arg| arg == "--bench") {
        table();
    }
}
