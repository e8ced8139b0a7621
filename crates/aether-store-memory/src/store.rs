//! The store and how it appends.

use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;

use aether_core::{
    ActorId, Appended, Commit, Event, EventStore, EventStream, RecordedEvent, StoreError,
    StoredNotifier, Version,
};
use crossbeam_utils::CachePadded;
use futures_util::future::{self, Either};
use parking_lot::{Mutex, MutexGuard};

use crate::MemoryStoreBuilder;
use crate::history::History;
use crate::log::Logged;
use crate::order::Order;
use crate::shard::Shard;

/// Keeps events and snapshots in memory. A clone is another handle to the same store.
///
/// Safe to use from any number of tasks and threads, on any runtime. Saves of different actors
/// run in parallel; see the [crate's page](crate) for what it costs.
#[derive(Clone)]
pub struct MemoryStore(Arc<Inner>);

pub(crate) struct Inner {
    shards: Box<[CachePadded<Mutex<Shard>>]>,
    hasher: foldhash::fast::RandomState,
    pub(crate) order: Order,
    notifier: Option<StoredNotifier>,
}

impl MemoryStore {
    /// How many locks the actors are spread over.
    pub const SHARDS: usize = 32;

    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::with_notifier(None)
    }

    /// A store that is to do more than keep.
    #[must_use]
    pub fn builder() -> MemoryStoreBuilder {
        MemoryStoreBuilder::new()
    }

    pub(crate) fn with_notifier(notifier: Option<StoredNotifier>) -> Self {
        Self(Arc::new(Inner {
            shards: (0..Self::SHARDS).map(|_| CachePadded::default()).collect(),
            hasher: foldhash::fast::RandomState::default(),
            order: Order::new(),
            notifier,
        }))
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.0
    }
}

impl Inner {
    pub(crate) fn hash(&self, actor_id: &ActorId) -> u64 {
        self.hasher.hash_one(actor_id.as_str())
    }

    /// The shard of the actors with this hash, locked. Nothing waits under this lock.
    ///
    /// The table within a shard uses the lowest and the highest bits of the hash, the choice of
    /// the shard bits between them.
    #[inline]
    pub(crate) fn shard(&self, hash: u64) -> MutexGuard<'_, Shard> {
        self.shards[(hash >> 40) as usize % MemoryStore::SHARDS].lock()
    }

    /// Every shard in turn, locked one at a time.
    pub(crate) fn shards(&self) -> impl Iterator<Item = MutexGuard<'_, Shard>> {
        self.shards.iter().map(|shard| shard.lock())
    }

    #[inline(always)]
    fn append(&self, commit: Commit) -> Result<Appended, StoreError> {
        let expected = commit.expected();
        let event = match commit.into_event() {
            Ok(event) => event,
            Err(commit) => return self.append_by_rule(&commit),
        };
        let hash = self.hash(event.actor_id());
        let rehash = |actor_id: &ActorId| self.hash(actor_id);
        let appended = self
            .shard(hash)
            .append_event(hash, event, expected, rehash, &self.order);
        match appended {
            Ok(appended) => {
                self.order.wake();
                Ok(appended)
            }
            Err(event) => self.append_by_rule(&Commit::event(event).expecting(expected)),
        }
    }

    /// Appends whatever the hot path leaves: several events, drafts, and what is refused there.
    #[cold]
    fn append_by_rule(&self, commit: &Commit) -> Result<Appended, StoreError> {
        let hash = self.hash(commit.actor_id());
        let rehash = |actor_id: &ActorId| self.hash(actor_id);
        let appended = self.shard(hash).append(hash, commit, rehash, &self.order);
        self.order.wake();
        appended
    }

    /// Appends, and tells the broadcaster before anybody else can append to this actor.
    ///
    /// The turn is what keeps the notices of an actor in order. It is waited for without blocking
    /// a thread, and nothing is awaited while it is held: a save that is dropped is dropped before
    /// it has stored anything.
    async fn append_and_tell(
        &self,
        notifier: &StoredNotifier,
        commit: Commit,
    ) -> Result<Appended, StoreError> {
        let hash = self.hash(commit.actor_id());
        let turn = self
            .shard(hash)
            .history_mut(hash, commit.actor_id(), |actor_id| self.hash(actor_id))
            .turn();
        let events: Option<Vec<Event>> = commit.as_events().map(<[Event]>::to_vec);
        let _turn = turn.lock().await;
        let appended = self.append(commit)?;
        if !appended.was_repeated() {
            let events = events.as_deref().unwrap_or(appended.numbered());
            let first = appended.position().sequence() + 1 - events.len() as u64;
            for (event, sequence) in events.iter().zip(first..) {
                notifier.tell(event, self.order.position(sequence));
            }
        }
        Ok(appended)
    }

    pub(crate) fn recorded(&self, logged: Logged<'_>) -> RecordedEvent {
        RecordedEvent::new(logged.event.clone(), self.order.position(logged.sequence))
    }
}

impl EventStore for MemoryStore {
    // Not an `async fn`: the usual future is one closure, small and without a state machine.
    #[inline(always)]
    fn append(&self, commit: Commit) -> impl Future<Output = Result<Appended, StoreError>> + Send {
        let inner = &**self.inner();
        match &inner.notifier {
            None => Either::Left(future::lazy(move |_| inner.append(commit))),
            Some(notifier) => Either::Right(Box::pin(inner.append_and_tell(notifier, commit))),
        }
    }

    fn events(&self, actor_id: &ActorId, from: Version) -> EventStream {
        crate::read::events(self.inner(), actor_id, from)
    }

    async fn latest_version(&self, actor_id: &ActorId) -> Result<Version, StoreError> {
        let hash = self.inner().hash(actor_id);
        let shard = self.inner().shard(hash);
        Ok(shard
            .history(hash, actor_id)
            .map_or(Version::ZERO, History::latest))
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events = self.0.order.end() - 1;
        f.debug_struct("MemoryStore")
            .field("events", &events)
            .finish_non_exhaustive()
    }
}
