//! Deliveries within a process, beside `tokio::sync::broadcast` in the same run.
//!
//! `cargo bench -p aether-bus` prints a table of ratios, each measured with both in turns, and says
//! whether the target was met. Both carry a new `Arc` for each event, to tasks that take what comes
//! as soon as they can; the publisher pauses after each [`ROUND`] until everybody has it, so that
//! neither drops anything.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_precision_loss,
    reason = "a benchmark"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aether_bus::{Delivery, EventBus, NamespacePattern, Subscribe};
use aether_core::{ActorId, Event, EventDraft, EventFilter, EventType, Namespace, Version};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, broadcast};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

static SHOP: Namespace = Namespace::from_static("shop");
/// How many events are under way at most.
const ROUND: usize = 512;
const CAPACITY: usize = 1_024;
/// How many times each side is measured.
const PASSES: usize = 15;
/// About how many deliveries there are in one pass.
const DELIVERIES: usize = 1_000_000;

fn runtime() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).enable_time().build().unwrap()
}

fn event_of(event_type: &str) -> Event {
    let actor_id = ActorId::new("order-1").unwrap();
    let draft = EventDraft::new(&actor_id, event_type, &("book", 3)).unwrap();
    draft.at(Version::FIRST).unwrap()
}

/// Where readers and the publisher wait for each other after each round.
#[derive(Default)]
struct Rounds {
    left: AtomicUsize,
    done: Notify,
}

impl Rounds {
    fn begin(&self, readers: usize) {
        self.left.store(readers, Ordering::SeqCst);
    }

    fn reader_is_done(&self) {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.done.notify_one();
        }
    }
}

/// What is measured: so many readers, of whom some let pass what comes.
#[derive(Clone, Copy)]
struct Work {
    readers: usize,
    passing: usize,
    events: usize,
}

impl Work {
    fn new(readers: usize, passing: usize) -> Self {
        let rounds = (DELIVERIES / readers / ROUND).max(1);
        let events = rounds * ROUND;
        Self {
            readers,
            passing,
            events,
        }
    }

    /// The type that a reader asks for.
    fn wanted(self, reader: usize) -> EventType {
        match reader < self.passing {
            true => EventType::from_static("Wanted"),
            false => EventType::from_static("Other"),
        }
    }

    fn is_filtered(self) -> bool {
        self.passing < self.readers
    }
}

async fn publish_all(work: Work, rounds: &Rounds, readers: usize, mut publish: impl FnMut()) {
    for _ in 0..work.events / ROUND {
        rounds.begin(readers);
        for _ in 0..ROUND {
            publish();
        }
        rounds.done.notified().await;
    }
}

/// Each receiver filters for itself, where anything is filtered.
fn broadcast_pass(work: Work) -> Duration {
    runtime().block_on(async {
        let rounds = Arc::new(Rounds::default());
        let (sender, _) = broadcast::channel::<Arc<Event>>(CAPACITY);
        for reader in 0..work.readers {
            let (mut receiver, rounds) = (sender.subscribe(), rounds.clone());
            let wanted = work.wanted(reader);
            tokio::spawn(async move {
                loop {
                    for _ in 0..ROUND {
                        let Ok(event) = receiver.recv().await else {
                            return;
                        };
                        if !work.is_filtered() || *event.event_type() == wanted {
                            black_box(event);
                        }
                    }
                    rounds.reader_is_done();
                }
            });
        }
        let event = event_of("Wanted");
        let publishing = tokio::spawn(async move {
            let start = Instant::now();
            publish_all(work, &rounds, work.readers, || {
                assert!(sender.send(Arc::new(event.clone())).is_ok());
            })
            .await;
            start.elapsed()
        });
        publishing.await.unwrap()
    })
}

fn bus_pass(work: Work) -> Duration {
    runtime().block_on(async {
        let rounds = Arc::new(Rounds::default());
        let bus = EventBus::new();
        for reader in 0..work.readers {
            let mut asked = Subscribe::to(&SHOP).capacity(CAPACITY);
            if work.is_filtered() {
                asked = asked.only(EventFilter::all().event_type(work.wanted(reader)));
            }
            let (mut subscription, rounds) = (bus.subscribe(asked).unwrap(), rounds.clone());
            tokio::spawn(async move {
                loop {
                    for _ in 0..ROUND {
                        match subscription.next().await {
                            Some(Delivery::Event(event)) => drop(black_box(event)),
                            Some(gap) => panic!("{gap:?}"),
                            None => return,
                        }
                    }
                    rounds.reader_is_done();
                }
            });
        }
        let event = event_of("Wanted");
        let publishing = tokio::spawn(async move {
            let start = Instant::now();
            publish_all(work, &rounds, work.passing, || {
                bus.publish_now(&SHOP, event.clone()).unwrap();
            })
            .await;
            start.elapsed()
        });
        publishing.await.unwrap()
    })
}

/// One event that one subscription gets, beside so many patterns that it does not match.
fn matching_pass(patterns: usize) -> Duration {
    const PUBLISHED: u32 = 20_000;
    let bus = EventBus::new();
    let others: Vec<_> = (0..patterns)
        .map(|number| {
            let pattern: NamespacePattern = match number % 4 {
                0 => format!("tenant-{number}.orders"),
                1 => format!("tenant-{number}.*"),
                2 => format!("*.team-{number}"),
                _ => format!("tenant-{number}.>"),
            }
            .parse()
            .unwrap();
            bus.subscribe(Subscribe::to(pattern)).unwrap()
        })
        .collect();
    let namespace = Namespace::new("tenant-1.orders").unwrap();
    let asked = Subscribe::to(&namespace).capacity(1);
    let subscription = bus.subscribe(asked).unwrap();
    let event = event_of("Wanted");
    let start = Instant::now();
    for _ in 0..PUBLISHED {
        black_box(bus.publish_now(&namespace, event.clone()).unwrap());
    }
    let time = start.elapsed() / PUBLISHED;
    drop((subscription, others));
    time
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Both in turns, so that they see the same machine.
fn in_turns(
    passes: usize,
    limit: impl Fn() -> Duration,
    ours: impl Fn() -> Duration,
) -> (Duration, Duration) {
    let times = (0..passes).map(|_| (limit(), ours()));
    let (limits, ours): (Vec<_>, Vec<_>) = times.unzip();
    (median(limits), median(ours))
}

fn verdict(is_met: bool) -> &'static str {
    match is_met {
        true => "ok",
        false => "MISSED",
    }
}

fn table(passes: usize) {
    println!("\nmedians of {passes} passes, in turns; two worker threads\n");
    println!("| work | beside it | bus | ratio | target | |");
    println!("|---|---|---|---|---|---|");
    let rows = [
        (1, 1, 0.9),
        (10, 10, 0.9),
        (1_000, 1_000, 0.9),
        (1_000, 10, 10.0),
    ];
    for (readers, passing, target) in rows {
        let work = Work::new(readers, passing);
        let (limit, ours) = in_turns(passes, || broadcast_pass(work), || bus_pass(work));
        let per_second = |time: Duration| (work.events * readers) as f64 / time.as_secs_f64() / 1e6;
        let ratio = per_second(ours) / per_second(limit);
        let what = match work.is_filtered() {
            true => format!("{readers} subscribers, {passing} of them pass"),
            false if readers == 1 => "1 subscriber, draining".to_owned(),
            false => format!("{readers} subscribers, all draining"),
        };
        println!(
            "| {what} | `broadcast`: {:.1} M/s | {:.1} M/s | {ratio:.2} | >= {target} | {} |",
            per_second(limit),
            per_second(ours),
            verdict(ratio >= target)
        );
    }
    let (few, many) = in_turns(passes, || matching_pass(100), || matching_pass(10_000));
    let ratio = many.as_secs_f64() / few.as_secs_f64();
    println!(
        "| one publish, 10,000 patterns | 100 patterns: {few:?} | {many:?} | {ratio:.2} | <= 1.5 | {} |",
        verdict(ratio <= 1.5)
    );
    println!();
}

fn main() {
    // `cargo test --benches` runs this without the flag, to see that it works.
    match std::env::args().any(|arg| arg == "--bench") {
        true => table(PASSES),
        false => table(1),
    }
}
