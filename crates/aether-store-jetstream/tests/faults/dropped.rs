//! Saves that nobody waits for any more.

use std::time::Duration;

use crate::support::Streams;
use crate::support::load::{Load, Plan};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn saves_dropped_at_random_are_stored_whole_or_not_at_all_and_the_store_stays_usable() {
    let streams = Streams::new("dropped");
    let stores = [streams.store().await, streams.store().await];
    let plan = Plan {
        dropped_within: Duration::from_millis(3),
        ..Plan::new(2)
    };
    let mut load = Load::start(&stores, &plan);
    load.goes_on(500).await;
    let books = load.stop().await;
    let stored = books.check(&streams.store().await).await;
    println!("{books}, of which {stored} are stored");
    assert!(stored > 0, "each save was dropped before it was sent");
    assert!(
        stored < books.abandoned.len(),
        "no save was dropped before it was sent"
    );
}
