//! An event store in memory, for tests and for one process: the reference for Aether's store
//! contract.
//!
//! [`MemoryStore`] keeps events, snapshots and a feed as [`aether_core`]'s traits say, and tells a
//! broadcaster of what it stored if it is given one. It needs no runtime: its futures are ready
//! when they are first polled, but for feeds, which wait for events, and for saves of one actor
//! while a broadcaster is being told of an earlier one.
//!
//! ```
//! use aether_core::{ActorId, EventDraft, EventStoreExt, Version};
//! use aether_store_memory::MemoryStore;
//!
//! # futures_util::FutureExt::now_or_never(async {
//! let store = MemoryStore::new();
//! let order = ActorId::new("order-123")?;
//!
//! let placed = EventDraft::new(&order, "OrderPlaced", &("book", 3))?.at(Version::FIRST)?;
//! store.save_event(placed.clone()).await?;
//!
//! // A second writer that has not seen it comes too late.
//! let other = EventDraft::new(&order, "OrderPlaced", &("pen", 1))?.at(Version::FIRST)?;
//! let error = store.save_event(other).await.unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     r#"version conflict: actor "order-123" has version 1, cannot save version 1"#,
//! );
//!
//! assert_eq!(store.get_events(&order, Version::ZERO).await?, [placed]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it costs
//!
//! Everything stays in memory until the store's last handle is dropped; nothing expires. Beside
//! the events themselves, which it shares with whoever else holds them, the store needs about
#![doc = concat!("**", include_str!("../footprint/event-bytes"), " bytes an event** and **",
    include_str!("../footprint/actor-bytes"), " bytes an actor**")]
//! (with ids of 16 bytes, ten events an actor; the test `footprint` measures it and fails where
//! these numbers are off by more than a tenth).
//!
//! An append takes one lock of [32](MemoryStore::SHARDS), for as long as it takes to compare two
//! versions and push two pointers; never while anything is awaited or told. The order of the feed
//! costs one atomic increment. `cargo bench -p aether-store-memory` compares it with the bare limit.

mod builder;
mod feed;
mod history;
mod log;
mod order;
mod read;
mod shard;
mod snapshots;
mod store;

/// The vocabulary and the traits, for who depends on this crate alone.
pub use aether_core as core;
pub use builder::MemoryStoreBuilder;
pub use store::MemoryStore;
