//! What the store does without the server: its own part of a save, and deciding a conflict from
//! what is remembered.

use std::hint::black_box;

use aether_core::{Commit, Event};
use aether_store_jetstream::bench::{Alone, Memory};

use crate::meter::Passes;
use crate::table::{Row, Target};
use crate::world::{World, Writer, event};

/// Decisions in one pass.
const DECISIONS: usize = 100_000;
/// The commits of each actor, one event each: as many as are remembered.
const COMMITS: u32 = 32;

/// The store's own part of a warm save: all but the client's and the server's.
pub async fn own_part(world: &World) -> Vec<Row> {
    let mut rows = Vec::new();
    for (many, work) in [(1, "one event"), (100, "100 small events")] {
        let store = Alone::default();
        let mut writers = world.new_writers(16);
        let mut pass = async |count: usize| {
            let commit = |n: usize| {
                let writer = &mut writers[n % 16];
                match many {
                    1 => Commit::from(writer.next()),
                    _ => Commit::events(writer.next_small(many)).expect("a commit"),
                }
            };
            let commits: Vec<Commit> = (0..count).map(commit).collect();
            let work = async {
                for commit in commits {
                    store.append(commit).await.expect("stored");
                }
            };
            world.meter.pass(count, work).await
        };
        pass(16 * COMMITS as usize).await;
        let mut passes = Passes::new("");
        for _ in 0..world.passes {
            passes.push(pass(2_000 / many.min(10)).await);
        }
        let work = format!("the store's own part of saving {work}");
        rows.push(Row::alone(work, &passes, Target::None));
    }
    rows
}

/// Another event of the newest version: the ids of that version are known, so it is certain.
pub async fn conflict(world: &World) -> Vec<Row> {
    let mut rows = Vec::new();
    for (many, target) in [(100, Target::Nanos(100.0)), (10_000, Target::None)] {
        let writers = world.new_writers(many);
        let memory = Memory::new(2 * many);
        for writer in &writers {
            let events = (1..=COMMITS).map(|version| event(&writer.actor, version));
            memory.observe(&events.collect::<Vec<Event>>());
        }
        let late = |writer: &Writer| Commit::from(event(&writer.actor, COMMITS));
        let commits: Vec<Commit> = writers.iter().map(late).collect();
        let mut passes = Passes::new("");
        for _ in 0..world.passes {
            let work = async {
                for n in 0..DECISIONS {
                    // A prime: visits every actor, and none soon again.
                    let commit = black_box(&commits[n * 7_919 % many]);
                    let conflict = black_box(&memory).conflict(commit);
                    assert!(black_box(conflict).is_some());
                }
            };
            passes.push(world.meter.pass(DECISIONS, work).await);
        }
        let work = format!("a conflict decided in process, {many} actors in turns");
        rows.push(Row::alone(work, &passes, target));
    }
    rows
}
