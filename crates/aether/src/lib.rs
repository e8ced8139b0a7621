//! Distributed actors with event sourcing on NATS JetStream: one dependency for who wants one.
//!
//! This crate has nothing of its own but what joins two others. At its root is the vocabulary of [`aether_core`]: actors,
//! versions, events, and the traits of the stores with their contracts. Behind features are
//!
//! - `bus` (on by default): [`bus`], to publish and subscribe by namespace;
//! - `nats`: with it, the bus across nodes, over NATS;
//! - `memory` (on by default): [`MemoryStore`], for tests and for one process;
//! - `jetstream`: [`jetstream`], the store for production;
//! - `metrics`: with `jetstream`, what it does as counters and histograms.
//!
//! ```
//! # #[cfg(feature = "memory")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use aether::{ActorId, EventDraft, EventStoreExt, MemoryStore, Version};
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let store = MemoryStore::new();
//! let order = ActorId::new("order-123")?;
//!
//! let placed = EventDraft::new(&order, "OrderPlaced", &("book", 3))?.at(Version::FIRST)?;
//! store.save_event(placed.clone()).await?;
//!
//! assert_eq!(store.get_events(&order, Version::ZERO).await?, [placed]);
//! # Ok(())
//! # })
//! # }
//! # #[cfg(not(feature = "memory"))]
//! # fn main() {}
//! ```
//!
//! `cargo run --example quickstart` shows the whole: an order that is placed and shipped, a second
//! writer refused, a reload and a retry, a snapshot and a replay from it. `cargo run --example
//! read_model` keeps one by the feed: from the beginning, on from a checkpoint, and live. `cross_node`,
//! with the features `nats` and `jetstream`, is two processes that hear what the other one stores.

pub use aether_core::*;

#[cfg(feature = "memory")]
pub use aether_store_memory::{MemoryStore, MemoryStoreBuilder};

#[cfg(all(feature = "bus", feature = "jetstream"))]
mod republished;

/// Publish and subscribe by namespace.
#[cfg(feature = "bus")]
pub mod bus {
    #[cfg(feature = "jetstream")]
    pub use crate::republished::republished;
    pub use aether_bus::*;
}

/// The store for production, on NATS JetStream.
#[cfg(feature = "jetstream")]
pub mod jetstream {
    pub use aether_store_jetstream::*;
}

/// The code of the README compiles.
#[cfg(all(doctest, feature = "memory"))]
#[doc = include_str!("../../../README.md")]
mod readme {}
