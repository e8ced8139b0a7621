//! A store with faults in front of it.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use aether_core::{
    ActorId, ActorSnapshot, Appended, Commit, EventFeed, EventFilter, EventStore, EventStream,
    FeedStart, FeedStream, Indeterminate, SnapshotSaved, SnapshotStore, StoreError, Version,
};
use futures_util::stream::{self, Stream, StreamExt};

use crate::FaultPlan;
use crate::interleave::yield_now;
use crate::rng::Rng;

/// A store with faults in front of it, by a [plan](FaultPlan): calls that stop midway and let
/// others go first, calls that never arrive, acknowledgements that are lost.
///
/// What it answers is always true: `Unavailable` where nothing was stored, `Indeterminate` with
/// the numbered events where something was. With a plan without errors it keeps the contract if
/// the store does; with errors, [`Resolving`](crate::Resolving) keeps it again.
///
/// Clones, and the streams that it gives, inject by one plan together.
///
/// ```
/// # use aether_core::{ActorId, Appended, Commit, EventStore, EventStream, StoreError, Version};
/// # struct MyStore;
/// # impl EventStore for MyStore {
/// #     async fn append(&self, _: Commit) -> Result<Appended, StoreError> { Err(StoreError::Closed) }
/// #     fn events(&self, _: &ActorId, _: Version) -> EventStream { Box::pin(futures_util::stream::empty()) }
/// #     async fn latest_version(&self, _: &ActorId) -> Result<Version, StoreError> { Ok(Version::ZERO) }
/// # }
/// use aether_testkit::{FaultPlan, Faulty};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let store = Faulty::new(MyStore, FaultPlan::seeded(1).unavailable(2));
/// for _ in 0..10 {
///     drop(store.latest_version(&ActorId::new("order-1")?).await);
/// }
/// assert_eq!(store.injected().unavailable, 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Faulty<S> {
    store: Arc<S>,
    faults: Arc<Faults>,
}

/// How many faults a [`Faulty`] store has injected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Injected {
    /// Calls, with or without a fault.
    pub calls: u64,
    /// How often other tasks went first.
    pub yields: u64,
    /// Calls that failed before they reached the store.
    pub unavailable: u64,
    /// Appends that stored something and said that they don't know.
    pub lost_acknowledgements: u64,
    /// Streams that were ended by an error.
    pub broken_streams: u64,
}

/// What was injected, in the text of the errors.
#[derive(Debug)]
struct InjectedFault;

impl fmt::Display for InjectedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a fault was injected")
    }
}

impl std::error::Error for InjectedFault {}

/// The plan, and how far it has come.
struct Faults {
    plan: FaultPlan,
    state: Mutex<State>,
}

struct State {
    rng: Rng,
    injected: Injected,
    unavailable: OneIn,
    lost_acknowledgements: OneIn,
    broken_streams: OneIn,
}

/// Chooses one of each group of so many.
#[derive(Default)]
struct OneIn {
    /// Which of the group, counted from 0, was drawn.
    drawn: u64,
    passed: u64,
}

impl OneIn {
    fn hits(&mut self, group: u32, rng: &mut Rng) -> bool {
        let group = u64::from(group);
        if group == 0 {
            return false;
        }
        let place = self.passed % group;
        if place == 0 {
            self.drawn = rng.below(group);
        }
        self.passed += 1;
        place == self.drawn
    }
}

impl<S> Faulty<S> {
    /// This store with these faults in front of it.
    #[must_use]
    pub fn new(store: S, plan: FaultPlan) -> Self {
        let state = State {
            rng: Rng::seeded(plan.seed),
            injected: Injected::default(),
            unavailable: OneIn::default(),
            lost_acknowledgements: OneIn::default(),
            broken_streams: OneIn::default(),
        };
        Self {
            store: Arc::new(store),
            faults: Arc::new(Faults {
                plan,
                state: Mutex::new(state),
            }),
        }
    }

    /// The store behind the faults.
    #[must_use]
    pub fn store(&self) -> &S {
        &self.store
    }

    /// How many faults were injected so far.
    #[must_use]
    pub fn injected(&self) -> Injected {
        self.faults.with(|state| state.injected)
    }

    /// A call: others go first, it may fail, it reaches the store, others go first again.
    async fn call<T>(
        &self,
        action: &'static str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.faults.pass().await;
        let unavailable = self.faults.with(|state| {
            state.injected.calls += 1;
            let hit = state
                .unavailable
                .hits(self.faults.plan.unavailable, &mut state.rng);
            state.injected.unavailable += u64::from(hit);
            hit
        });
        if unavailable {
            return Err(unavailable_error(action));
        }
        let answer = call.await;
        self.faults.pass().await;
        answer
    }

    /// Puts faults between the items of a stream.
    fn stream<T: Send + 'static>(
        &self,
        action: &'static str,
        stream: impl Stream<Item = Result<T, StoreError>> + Send + Unpin + 'static,
    ) -> impl Stream<Item = Result<T, StoreError>> + Send + 'static {
        let faults = Arc::clone(&self.faults);
        stream::unfold(Some((stream, faults)), move |going| async move {
            let (mut stream, faults) = going?;
            faults.pass().await;
            let item = stream.next().await?;
            let broken = faults.with(|state| {
                let hit = state
                    .broken_streams
                    .hits(faults.plan.broken_streams, &mut state.rng);
                state.injected.broken_streams += u64::from(hit);
                hit
            });
            if broken {
                return Some((Err(unavailable_error(action)), None));
            }
            Some((item, Some((stream, faults))))
        })
    }
}

impl Faults {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        // Numbers are whole after a panic too.
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets other tasks go first, as often as the plan has it.
    async fn pass(&self) {
        let times = self.with(|state| {
            let times = state.rng.below(u64::from(self.plan.yields) + 1);
            state.injected.yields += times;
            times
        });
        for _ in 0..times {
            yield_now().await;
        }
    }
}

fn unavailable_error(action: &'static str) -> StoreError {
    StoreError::Unavailable {
        action: action.to_owned(),
        source: Box::new(InjectedFault),
    }
}

impl<S: EventStore> EventStore for Faulty<S> {
    /// Dropping the future leaves the commit stored or not, as the store within does.
    async fn append(&self, commit: Commit) -> Result<Appended, StoreError> {
        let versioned = commit.as_events().map(<[_]>::to_vec);
        let appended = self.call("append", self.store.append(commit)).await?;
        let lost = !appended.was_repeated()
            && self.faults.with(|state| {
                let group = self.faults.plan.lost_acknowledgements;
                let hit = state.lost_acknowledgements.hits(group, &mut state.rng);
                state.injected.lost_acknowledgements += u64::from(hit);
                hit
            });
        if lost {
            return Err(StoreError::from(Indeterminate {
                events: versioned.unwrap_or_else(|| appended.into_numbered()),
                source: Box::new(InjectedFault),
            }));
        }
        Ok(appended)
    }

    fn events(&self, actor_id: &ActorId, from: Version) -> EventStream {
        Box::pin(self.stream("read events", self.store.events(actor_id, from)))
    }

    async fn latest_version(&self, actor_id: &ActorId) -> Result<Version, StoreError> {
        self.call(
            "read the latest version",
            self.store.latest_version(actor_id),
        )
        .await
    }
}

impl<S: SnapshotStore> SnapshotStore for Faulty<S> {
    async fn save_snapshot(&self, snapshot: ActorSnapshot) -> Result<SnapshotSaved, StoreError> {
        self.call("save a snapshot", self.store.save_snapshot(snapshot))
            .await
    }

    async fn latest_snapshot(
        &self,
        actor_id: &ActorId,
    ) -> Result<Option<ActorSnapshot>, StoreError> {
        self.call("read a snapshot", self.store.latest_snapshot(actor_id))
            .await
    }
}

impl<S: EventFeed> EventFeed for Faulty<S> {
    fn feed(&self, start: FeedStart, filter: EventFilter) -> FeedStream {
        Box::pin(self.stream("follow the feed", self.store.feed(start, filter)))
    }
}

impl<S> Clone for Faulty<S> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            faults: Arc::clone(&self.faults),
        }
    }
}

impl<S> fmt::Debug for Faulty<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faulty")
            .field("plan", &self.faults.plan)
            .field("injected", &self.injected())
            .finish_non_exhaustive()
    }
}
