//! Rows of a store that is told of another's commit, as by a notice on a bus, before it saves.
//!
//! There is no row of one that reads the actor before it saves: it has seen that commit, told or
//! not, and takes the same two round trips.

use std::sync::atomic::Ordering;

use aether_core::{Event, EventStoreExt as _, Version};
use aether_store_jetstream::{JetStreamConfig, JetStreamStore, async_nats};

use crate::meter::{Pass, Passes};
use crate::table::{Row, Target};
use crate::world::{World, Writer, event};

/// It saves something.
const LESS: Target = Target::Below(1.0);

/// A store that takes what it remembers for the newest, while another has stored one more.
struct Behind<'w> {
    world: &'w World,
    store: JetStreamStore,
    writers: Vec<Writer>,
}

/// What is saved while another's commit is the newest.
#[derive(Clone, Copy, PartialEq)]
enum Late {
    /// An event of the same version: a conflict that has to be told.
    Refused,
    /// An event of the next version, by a caller who knows it from elsewhere.
    Stored,
}

impl Behind<'_> {
    /// Saves once for each actor, with a hint of what was stored there or without one; gives the
    /// round trips of one save besides.
    async fn pass(&mut self, late: Late, is_told: bool) -> (Pass, f64) {
        let mut saves: Vec<Event> = Vec::new();
        for writer in &mut self.writers {
            let stored = writer.next();
            self.world.store.save_event(stored).await.expect("stored");
            if is_told {
                let version = Version::from(writer.version);
                self.store.update_version_cache(&writer.actor, version);
            }
            saves.push(match late {
                Late::Refused => event(&writer.actor, writer.version),
                Late::Stored => writer.next(),
            });
        }
        let sent = || {
            let statistics = self.store.client().statistics();
            statistics.out_messages.load(Ordering::Relaxed)
        };
        let (before, count) = (sent(), saves.len());
        let work = async {
            for save in saves {
                let is_stored = self.store.save_event(save).await.is_ok();
                assert_eq!(is_stored, late == Late::Stored);
            }
        };
        let pass = self.world.meter.pass(count, work).await;
        (pass, (sent() - before) as f64 / count as f64)
    }
}

/// What a hint saves where another has stored the actor's newest commit.
pub async fn hint(world: &World) -> Vec<Row> {
    // On a connection of its own, as another process has.
    let client = async_nats::connect(&world.url).await.expect("a server");
    let config = JetStreamConfig::new(world.store.events_stream());
    let store = JetStreamStore::with_client(client, config).await;
    let count = world.count(16, 64);
    let mut behind = Behind {
        world,
        store: store.expect("a store"),
        writers: world.warm_writers(count).await,
    };
    for writer in &mut behind.writers {
        let saved = behind.store.save_event(writer.next()).await;
        saved.expect("stored");
    }
    let mut rows = Vec::new();
    for (late, what) in [
        (Late::Refused, "a save that comes too late"),
        (Late::Stored, "a save of the version after another's"),
    ] {
        let [mut untold, mut told] = [Passes::new("without a hint"), Passes::new("")];
        let [mut untold_sent, mut told_sent] = [0.0; 2];
        for _ in 0..world.passes {
            let (pass, sent) = behind.pass(late, false).await;
            untold.push(pass);
            untold_sent = sent;
            let (pass, sent) = behind.pass(late, true).await;
            told.push(pass);
            told_sent = sent;
        }
        let work =
            format!("{what}, hinted at (round trips: {told_sent:.0}, else {untold_sent:.0})");
        rows.push(Row::new(work, &untold, &told, LESS));
    }
    rows
}
