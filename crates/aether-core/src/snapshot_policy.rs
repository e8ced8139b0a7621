//! When a snapshot is worth taking.

use std::time::Duration;

use crate::ReplayCost;

/// When a snapshot is worth taking: after so many events, so many bytes of their data, or a replay
/// that took so long; whichever comes first. It decides, and does nothing: who replays asks it, and
/// saves the snapshot.
///
/// What is compared is what came after the newest snapshot ([`Restored::cost`]), so "100 events"
/// means every 100 events, whoever saved them.
///
/// The default is [`NEVER`](Self::NEVER). A snapshot is one more write, and a second form of the
/// state that has to be read by later releases; short histories are better off without. Who wants
/// them says when.
///
/// # When an actor is loaded
///
/// ```
/// # use aether_core::{ActorId, ActorSnapshot, Event, EventStore, RestoreExt};
/// # use aether_core::{SnapshotPolicy, SnapshotStore};
/// # use std::error::Error;
/// use std::time::{Duration, Instant};
/// # #[derive(Default, serde::Serialize, serde::Deserialize)]
/// # struct Order;
/// # impl Order {
/// #     fn apply(&mut self, _: &Event) {}
/// # }
///
/// async fn load(
///     store: &(impl EventStore + SnapshotStore),
///     id: &ActorId,
///     policy: SnapshotPolicy,
/// ) -> Result<Order, Box<dyn Error>> {
///     let begun = Instant::now();
///     let restored = store.restore(id).await?;
///     let mut order = match &restored.snapshot {
///         Some(snapshot) => snapshot.decode()?,
///         None => Order::default(),
///     };
///     for event in &restored.events {
///         order.apply(event);
///     }
///     if policy.is_due(restored.cost().took(begun.elapsed())) {
///         let snapshot = ActorSnapshot::new(id, restored.version(), &order)?;
///         // The order is loaded with or without it: a fault is for the log.
///         store.save_snapshot(snapshot.at_position(restored.position())).await.ok();
///     }
///     Ok(order)
/// }
///
/// let policy = SnapshotPolicy::NEVER
///     .or_after_events(100)?
///     .or_after_bytes(256 * 1_024)?
///     .or_after_elapsed(Duration::from_millis(50))?;
/// # let _ = policy;
/// # Ok::<(), aether_core::InvalidSnapshotPolicy>(())
/// ```
///
/// # While it is in use
///
/// Who keeps the state, and saves what is decided on it, has no replay to measure. It adds up what
/// the next one would cost:
///
/// ```
/// # use aether_core::{ActorSnapshot, Commit, Event, EventStore, ReplayCost};
/// # use aether_core::{SnapshotPolicy, SnapshotStore};
/// # use std::error::Error;
/// # #[derive(Default, serde::Serialize, serde::Deserialize)]
/// # struct Order;
/// # impl Order {
/// #     fn apply(&mut self, _: &Event) {}
/// # }
/// /// An order in memory.
/// struct Loaded {
///     order: Order,
///     /// Since the newest snapshot: `restored.cost()` at first.
///     cost: ReplayCost,
/// }
///
/// async fn save(
///     store: &(impl EventStore + SnapshotStore),
///     loaded: &mut Loaded,
///     event: Event,
///     policy: SnapshotPolicy,
/// ) -> Result<(), Box<dyn Error>> {
///     let commit = Commit::event(event.clone());
///     let cost = ReplayCost::from(&commit);
///     let appended = store.append(commit).await?;
///     loaded.order.apply(&event);
///     loaded.cost += cost;
///     if policy.is_due(loaded.cost) {
///         let snapshot = ActorSnapshot::new(event.actor_id(), appended.version(), &loaded.order)?;
///         let snapshot = snapshot.at_position(appended.position());
///         if store.save_snapshot(snapshot).await.is_ok() {
///             loaded.cost = ReplayCost::ZERO;
///         }
///     }
///     Ok(())
/// }
/// ```
///
/// [`Restored::cost`]: crate::Restored::cost
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SnapshotPolicy {
    events: Option<u64>,
    bytes: Option<u64>,
    elapsed: Option<Duration>,
}

/// A limit of 0 in a [`SnapshotPolicy`]. A snapshot would be due after every single event; who
/// wants that says 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSnapshotPolicy {
    /// A snapshot after 0 events.
    #[error("a snapshot can't be due after 0 events; the least is 1")]
    ZeroEvents,
    /// A snapshot after 0 bytes.
    #[error("a snapshot can't be due after 0 bytes; the least is 1")]
    ZeroBytes,
    /// A snapshot after no time.
    #[error("a snapshot can't be due after a replay of 0 s; the least is 1 ns")]
    ZeroElapsed,
}

impl SnapshotPolicy {
    /// No snapshot is ever due: the default, and what other policies are made from.
    pub const NEVER: Self = Self {
        events: None,
        bytes: None,
        elapsed: None,
    };

    /// Also after this many events, at least 1. Of two numbers the smaller counts.
    ///
    /// # Errors
    ///
    /// [`InvalidSnapshotPolicy::ZeroEvents`].
    pub fn or_after_events(mut self, events: u64) -> Result<Self, InvalidSnapshotPolicy> {
        if events == 0 {
            return Err(InvalidSnapshotPolicy::ZeroEvents);
        }
        self.events = Some(smaller(self.events, events));
        Ok(self)
    }

    /// Also after events with this many bytes of data, at least 1. Of two numbers the smaller
    /// counts.
    ///
    /// # Errors
    ///
    /// [`InvalidSnapshotPolicy::ZeroBytes`].
    pub fn or_after_bytes(mut self, bytes: u64) -> Result<Self, InvalidSnapshotPolicy> {
        if bytes == 0 {
            return Err(InvalidSnapshotPolicy::ZeroBytes);
        }
        self.bytes = Some(smaller(self.bytes, bytes));
        Ok(self)
    }

    /// Also after a replay that took this long, at least 1 ns. Of two times the shorter counts.
    ///
    /// It is for whoever measures ([`ReplayCost::took`]): a cost that has no time never reaches it.
    ///
    /// # Errors
    ///
    /// [`InvalidSnapshotPolicy::ZeroElapsed`].
    pub fn or_after_elapsed(mut self, elapsed: Duration) -> Result<Self, InvalidSnapshotPolicy> {
        if elapsed.is_zero() {
            return Err(InvalidSnapshotPolicy::ZeroElapsed);
        }
        self.elapsed = Some(smaller(self.elapsed, elapsed));
        Ok(self)
    }

    /// Whether a snapshot is due after a replay that cost this: any of the limits is reached.
    ///
    /// Never where no event was replayed, however long it took: the newest snapshot, or nothing, is
    /// already all there is.
    #[must_use]
    pub fn is_due(&self, cost: ReplayCost) -> bool {
        cost.events > 0
            && (self.events.is_some_and(|limit| cost.events >= limit)
                || self.bytes.is_some_and(|limit| cost.bytes >= limit)
                || self.elapsed.is_some_and(|limit| cost.elapsed >= limit))
    }
}

/// The smaller of a limit and of the one that was set before, if there was one.
fn smaller<T: Ord + Copy>(before: Option<T>, limit: T) -> T {
    before.map_or(limit, |before| before.min(limit))
}
