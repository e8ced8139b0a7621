//! The memory store keeps the contract: events, notices, snapshots and the feed, case by case.

use aether_core::BoxError;
use aether_store_memory::MemoryStore;
use aether_testkit::{Boxed, StoreBuilder, StoreOptions, wrapped};

#[derive(Default)]
struct Memory;

impl StoreBuilder for Memory {
    type Store = MemoryStore;
    type Guard = MemoryStore;

    async fn build(&self, options: StoreOptions) -> Result<(MemoryStore, MemoryStore), BoxError> {
        let mut builder = MemoryStore::builder();
        if let Some(notices) = options.notices {
            builder = builder.broadcaster(notices.namespace, notices.broadcaster);
        }
        let store = builder.build();
        Ok((store.clone(), store))
    }

    async fn reopen(&self, store: &MemoryStore) -> Result<MemoryStore, BoxError> {
        Ok(store.clone())
    }
}

aether_testkit::conformance! {
    mod memory { builder: Memory, sections: [events, notices, snapshots, feed] }
    mod memory_boxed { builder: wrapped(Memory, Boxed::new), sections: [events, snapshots] }
}
