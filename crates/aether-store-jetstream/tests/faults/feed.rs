//! What goes wrong while a feed is read.

mod broken;
mod consumers;
mod interrupted;
mod resumed;

use aether_core::{Event, EventStoreExt as _};
use aether_store_jetstream::JetStreamStore;
use futures_util::StreamExt as _;

use crate::support::{actor, event_with};

/// Saves so many commits, of several actors and sizes.
async fn fill(store: &JetStreamStore, commits: u32) {
    let saves = (0..20).map(|n| async move {
        let id = actor(&format!("{}-{n}", ["order", "account"][n % 2]));
        let mut version = 0;
        for round in 0..commits / 20 {
            let count = 1 + round % 3;
            let next = |version| event_with(&id, version, &"x".repeat(500));
            let events: Vec<Event> = (version + 1..=version + count).map(next).collect();
            store.save_events(events).await.unwrap();
            version += count;
        }
    });
    futures_util::stream::iter(saves)
        .buffer_unordered(20)
        .collect::<Vec<()>>()
        .await;
}
