//! The store of events: its contract and its few required methods.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use futures_core::Stream;

use crate::{ActorId, Appended, Commit, RecordedEvent, StoreError, Version};

/// Events as they come, in order. See [`EventStore::events`] for what an error in it means.
pub type EventStream = Pin<Box<dyn Stream<Item = Result<RecordedEvent, StoreError>> + Send>>;

/// Keeps the events of actors, each actor's in one history of rising versions.
///
/// The comfort is in [`EventStoreExt`](crate::EventStoreExt) (`save_event`, `get_events`, …);
/// these three methods are what an implementor writes. A form that can be boxed is
/// [`DynEventStore`](crate::DynEventStore).
///
/// # The optimistic loop
///
/// Nobody locks an actor. Whoever wants to change one
///
/// 1. reads its events and its version,
/// 2. decides, and builds the next event at the version that follows,
/// 3. saves it,
/// 4. and on a version conflict, begins again: somebody else was first, so the decision may be
///    another now.
///
/// ```
/// use aether_core::{ActorId, EventDraft, EventStore, EventStoreExt, StoreError, Version};
///
/// async fn ship(store: &impl EventStore, order: &ActorId) -> Result<Version, StoreError> {
///     loop {
///         let events = store.get_events(order, Version::ZERO).await?;
///         if events.iter().any(|e| *e.event_type() == "OrderShipped") {
///             return Ok(events.last().map_or(Version::ZERO, |e| e.version()));
///         }
///         let next = events.last().map_or(Some(Version::FIRST), |e| e.version().next());
///         let Some(next) = next else { return Err(StoreError::Closed) };
///         let shipped = EventDraft::new(order, "OrderShipped", &())?.at(next)?;
///         match store.save_event(shipped).await {
///             Err(error) if error.is_version_conflict() => continue,
///             outcome => return outcome.map(|appended| appended.version()),
///         }
///     }
/// }
/// ```
///
/// # Immutability
///
/// An event is never changed, because others have acted on it. What turns out to be wrong is
/// corrected by a later event that says so: after `OrderPlaced { quantity: 30 }` comes
/// `OrderCorrected { quantity: 3 }`, and a replay arrives at 3. The history keeps both: what was
/// believed, and when it was put right.
///
/// # Contract
///
/// Every implementation keeps these clauses; `aether-testkit` has named tests for each.
/// Clause 10 is in [`SnapshotStore`](crate::SnapshotStore), clause 13 in
/// [`EventFeed`](crate::EventFeed).
///
/// 1. **Append-only.** No call changes or removes an event.
/// 2. **Rising versions.** A version is saved only if it is strictly greater than the actor's
///    latest. Each actor has a sequence of its own. The first is greater than 0. Gaps are allowed.
/// 3. **Expectations.** [`ExpectedVersion`](crate::ExpectedVersion) narrows clause 2: exactly this
///    version, no events yet, or (the default) anything older. A conflict says which version was
///    attempted and which is current.
/// 4. **Atomic commits.** One append of several events of one actor stores all of them or none,
///    and no reader sees a part. Mixed actors, an empty list, versions out of order are refused
///    before anything is sent.
/// 5. **One winner.** Of *different* events offered for one version, in any number of processes,
///    at most one is ever stored; exactly one if no higher version got in first and no call
///    failed for another reason.
/// 6. **Repeats.** Saving the same events again (same ids, same versions, already stored) succeeds
///    and changes nothing, also when others have been appended since, whichever commits they were
///    stored in and whatever the repeat expects; such a late repeat may cost a read of the history. The same id and version with other content is
///    [`StoreError::EventMismatch`]. Drafts that were numbered already are recognised where they
///    are the actor's newest commit, and come back as they were numbered.
/// 7. **Reading one's writes.** After a save returns, every read through the same store handle that
///    starts later sees it; other processes see it as soon as the underlying server shows it
///    (around a leader change that can take seconds).
/// 8. **Complete reads.** Reading from a version is inclusive, ordered and complete; an unknown
///    actor has no events and version 0.
/// 9. **Loud corruption.** A malformed stored event fails the plain read with its position. The
///    lenient replay ([`get_events_with_errors`](crate::EventStoreExt::get_events_with_errors))
///    returns the good events and a report of each bad one.
/// 11. **Notices.** Where a broadcaster and a namespace are set, an
///     [`EventStored`](crate::EventStored) notice goes out at most once for each stored event,
///     exactly once when the save that stored it returned `Ok`, in order for one actor and process;
///     never for a refused save, for a repeat (clause 6), or for an event found stored later. The
///     broadcaster's call doesn't block, and its failing or panicking never fails the save.
/// 12. **Cancellation.** Dropping the future of a save leaves the commit stored or not stored,
///     never half; the store stays usable and correct.
/// 14. **Retention.** With a finite retention, clauses 1, 2 and 8 hold for what has not expired,
///     and the latest version is never below the actor's snapshot. A read that asks for what has
///     expired begins with [`StoreError::HistoryTruncated`]. Only one from just the last version
///     that has expired does not, where the actor's snapshot covers that: so a state is brought
///     back. Where a retention is finite, the store's docs say so by name.
pub trait EventStore: Send + Sync {
    /// Stores a commit, if the actor's latest version is what the commit expects.
    ///
    /// Dropping the future leaves the commit stored or not stored (clause 12): who needs to know
    /// appends the same commit again (clause 6).
    ///
    /// # Errors
    ///
    /// [`StoreError::VersionConflict`], [`EventMismatch`](StoreError::EventMismatch),
    /// [`TooLarge`](StoreError::TooLarge) with nothing stored;
    /// [`Indeterminate`](StoreError::Indeterminate) with the events, when it is not known;
    /// whatever keeps the store from answering.
    fn append(&self, commit: Commit) -> impl Future<Output = Result<Appended, StoreError>> + Send;

    /// The actor's events with versions of at least `from`, in order.
    ///
    /// The stream ends where the history ended when it was first polled, or later. It is `'static`:
    /// it outlives the borrow of the store and may be sent to another task. Dropping it leaves
    /// nothing behind.
    ///
    /// An item that is [`StoreError::Malformed`] stands for something stored that can't be read: in
    /// its place, or at the end where that is not known. Later events follow. After any other error
    /// the stream ends.
    fn events(&self, actor_id: &ActorId, from: Version) -> EventStream;

    /// The actor's latest version; [`Version::ZERO`] where it has no events.
    ///
    /// # Errors
    ///
    /// Whatever keeps the store from answering; [`StoreError::Malformed`] where the newest event
    /// can't be read.
    fn latest_version(
        &self,
        actor_id: &ActorId,
    ) -> impl Future<Output = Result<Version, StoreError>> + Send;
}

/// Forwards a trait of the store family through a pointer.
macro_rules! forward_event_store {
    ($($pointer:ty),+) => {$(
        impl<S: EventStore + ?Sized> EventStore for $pointer {
            fn append(
                &self,
                commit: Commit,
            ) -> impl Future<Output = Result<Appended, StoreError>> + Send {
                (**self).append(commit)
            }

            fn events(&self, actor_id: &ActorId, from: Version) -> EventStream {
                (**self).events(actor_id, from)
            }

            fn latest_version(
                &self,
                actor_id: &ActorId,
            ) -> impl Future<Output = Result<Version, StoreError>> + Send {
                (**self).latest_version(actor_id)
            }
        }
    )+};
}

forward_event_store!(&S, Box<S>, Arc<S>);
