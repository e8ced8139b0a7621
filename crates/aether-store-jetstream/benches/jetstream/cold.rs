//! Rows of saves that know nothing of the actor, and of what is answered from a long history.

use aether_core::{Event, EventDraft, EventStore as _, EventStoreExt as _, Version};
use aether_store_jetstream::JetStreamStore;
use futures_util::StreamExt as _;

use crate::bare::Side;
use crate::meter::{Pass, Passes};
use crate::table::{Row, Target, thousands};
use crate::world::{World, Writer, event};

/// Somewhere near the beginning of a history.
const EARLY: u32 = 5;
/// So many events of one actor are made ready at a time.
const CHUNK: usize = 5_000;

/// Actors with histories of one length.
struct Histories {
    name: String,
    writers: Vec<Writer>,
    cold: Passes,
    cold_next: Passes,
    repeat: Passes,
    conflict: Passes,
}

impl Histories {
    /// Written one after the other, so that an actor's messages are next to each other, or all at
    /// once.
    async fn write(world: &World, length: usize, actors: usize, is_dense: bool) -> Self {
        let mut writers = world.new_writers(actors);
        let at_once = if is_dense { 1 } else { actors };
        for writers in writers.chunks_mut(at_once) {
            for chunk in (0..length).step_by(CHUNK) {
                let each = CHUNK.min(length - chunk);
                world.at_once(Side::Tasks, writers, each).await;
            }
        }
        let place = if is_dense { "dense" } else { "spread" };
        Self {
            name: format!("{} events, {place}", thousands(length as f64)),
            writers,
            cold: Passes::new(""),
            cold_next: Passes::new(""),
            repeat: Passes::new(""),
            conflict: Passes::new(""),
        }
    }

    /// Saves or appends to each of the actors in turns, through stores that have not seen it.
    async fn measure(&mut self, world: &World, count: usize) {
        let actors = self.writers.len();
        let strangers = world.strangers(count.div_ceil(actors)).await;
        let store = |n: usize| strangers[n / actors].clone();
        let save = |n: usize| (store(n), self.writers[n % actors].next());
        let saves: Vec<(JetStreamStore, Event)> = (0..count).map(save).collect();
        let work = async {
            for (store, event) in saves {
                store.save_event(event).await.expect("stored");
            }
        };
        self.cold.push(world.meter.pass(count, work).await);

        let strangers = world.strangers(count.div_ceil(actors)).await;
        let store = |n: usize| strangers[n / actors].clone();
        let append = |n: usize| {
            let writer = &mut self.writers[n % actors];
            writer.version += 1;
            (store(n), writer.draft())
        };
        let appends: Vec<(JetStreamStore, EventDraft)> = (0..count).map(append).collect();
        let work = async {
            for (store, draft) in appends {
                store.append_next([draft]).await.expect("stored");
            }
        };
        self.cold_next.push(world.meter.pass(count, work).await);
    }

    /// Saves what is stored long since, and what was too late long since.
    async fn measure_late(&mut self, world: &World, count: usize) {
        let writer = &self.writers[0];
        let mut stored = world.store.events(&writer.actor, Version::from(EARLY));
        let stored = stored.next().await.expect("an event").expect("readable");
        let stored = stored.into_event();
        let work = async {
            for _ in 0..count {
                let answer = world.store.save_event(stored.clone()).await;
                assert!(answer.expect("stored").was_repeated());
            }
        };
        self.repeat.push(world.meter.pass(count, work).await);
        let late: Vec<Event> = (0..count).map(|_| event(&writer.actor, EARLY)).collect();
        self.conflict.push(refused(world, late).await);
    }
}

async fn refused(world: &World, events: Vec<Event>) -> Pass {
    let count = events.len();
    let work = async {
        for event in events {
            let answer = world.store.save_event(event).await;
            assert!(answer.is_err(), "another event has the version");
        }
    };
    world.meter.pass(count, work).await
}

/// What is not in memory costs a read of the newest commit, however long the history is.
pub async fn cold(world: &World) -> Vec<Row> {
    let count = world.count(20, 60);
    let long = world.count(5_000, 100_000);
    let mut histories = Vec::new();
    for is_dense in [true, false] {
        for (length, actors) in [(10, 200), (1_000, 30), (long, if is_dense { 1 } else { 4 })] {
            histories.push(Histories::write(world, length, actors, is_dense).await);
        }
    }
    let mut writers = world.warm_writers(16).await;
    let mut warm = Passes::new("a warm save");
    for _ in 0..world.passes {
        let several = 3 * count;
        warm.push(
            world
                .one_at_a_time(&world.store, &mut writers, several)
                .await,
        );
        for histories in &mut histories {
            histories.measure(world, count).await;
            histories.measure_late(world, 5).await;
        }
    }
    let mut rows = Vec::new();
    for h in &histories {
        let work = format!("a cold save after {}", h.name);
        rows.push(Row::new(work, &warm, &h.cold, Target::Times(2.5)));
    }
    for h in &histories {
        let work = format!("a cold `append_next` after {}", h.name);
        rows.push(Row::new(work, &warm, &h.cold_next, Target::None));
    }
    for h in &histories {
        let work = format!("event {EARLY} saved again after {}", h.name);
        rows.push(Row::new(work, &warm, &h.repeat, Target::None));
        let work = format!("another event {EARLY} refused after {}", h.name);
        rows.push(Row::new(work, &warm, &h.conflict, Target::None));
    }
    rows
}

/// A conflict with the newest commit: one read, for the error to say what is current.
pub async fn conflict(world: &World) -> Vec<Row> {
    let count = world.count(100, 300);
    let writers = world.warm_writers(16).await;
    let stream = world.store.events_stream();
    let stream = world.bare.context.get_stream_no_info(stream).await;
    let stream = stream.expect("a name");
    let mut limit = Passes::new("reading the last message");
    let mut ours = Passes::new("");
    for _ in 0..world.passes {
        let subjects: Vec<String> = (0..count)
            .map(|n| world.store.events_subject(&writers[n % 16].actor))
            .collect();
        let work = async {
            for subject in &subjects {
                let message = stream.get_last_raw_message_by_subject(subject).await;
                message.expect("a message");
            }
        };
        limit.push(world.meter.pass(count, work).await);
        let late = |n: usize| event(&writers[n % 16].actor, writers[n % 16].version);
        ours.push(refused(world, (0..count).map(late).collect()).await);
    }
    vec![Row::new("a conflict answered", &limit, &ours, Target::None)]
}
