//! The comfort on top of a store of events.

use std::future::Future;

use futures_core::Stream;
use futures_util::StreamExt;

use crate::until::EventsUntil;
use crate::{
    ActorId, Appended, Commit, Event, EventDraft, EventStore, EventStream, RecordedEvent,
    ReplayError, StoreError, Until, Version,
};

/// The comfort on top of [`EventStore`]; every store has it.
///
/// Dropping any of these futures does what dropping the [`append`](EventStore::append) or the
/// stream within does: a save leaves its events stored or not, a read leaves nothing behind.
pub trait EventStoreExt: EventStore {
    /// Saves one event, if its version is above the actor's latest.
    ///
    /// # Errors
    ///
    /// As [`EventStore::append`].
    fn save_event(
        &self,
        event: Event,
    ) -> impl Future<Output = Result<Appended, StoreError>> + Send {
        self.append(Commit::event(event))
    }

    /// Saves several events of one actor, all or none, if their versions rise and are above the
    /// actor's latest.
    ///
    /// # Errors
    ///
    /// [`StoreError::InvalidEvent`] where they don't make a commit; as [`EventStore::append`].
    fn save_events(
        &self,
        events: impl IntoIterator<Item = Event> + Send,
    ) -> impl Future<Output = Result<Appended, StoreError>> + Send {
        let commit = Commit::events(events);
        async move { self.append(commit?).await }
    }

    /// Appends drafts of one actor after whatever is its latest version, all or none; gives the
    /// numbered events.
    ///
    /// For what is true whatever happened before ("a payment arrived"). What depends on the
    /// history is saved with versions, or with an expectation
    /// ([`Commit::expecting`]), so that a conflict shows that it changed.
    ///
    /// # Errors
    ///
    /// [`StoreError::InvalidEvent`] where they don't make a commit; as [`EventStore::append`].
    /// [`StoreError::Indeterminate`] carries the events as they were numbered: save those again,
    /// with [`save_events`](Self::save_events).
    fn append_next(
        &self,
        drafts: impl IntoIterator<Item = EventDraft> + Send,
    ) -> impl Future<Output = Result<Vec<Event>, StoreError>> + Send {
        let commit = Commit::drafts(drafts);
        async move { Ok(self.append(commit?).await?.into_numbered()) }
    }

    /// All events of the actor with versions of at least `from` ([`Version::ZERO`] for all), in
    /// order.
    ///
    /// # Errors
    ///
    /// The first error of the stream, [`StoreError::Malformed`] among them: a history with
    /// something unreadable in it is not passed on as if it were whole.
    fn get_events(
        &self,
        actor_id: &ActorId,
        from: Version,
    ) -> impl Future<Output = Result<Vec<Event>, StoreError>> + Send {
        collect(self.events(actor_id, from))
    }

    /// The actor's events with versions of at least `from`, in order, up to a version or a time:
    /// the beginning of what [`events`](EventStore::events) gives.
    ///
    /// By a time, it is the events *that are read* which are looked at: one below `from` that is
    /// too late ends nothing.
    ///
    /// The store's stream is dropped as soon as the bound is passed: with the event that has the
    /// bounding version, without a look at what follows; otherwise with the first event past the
    /// bound. A bound below `from` asks the store for nothing. What is malformed is an item here,
    /// too, as long as no event has shown that the bound is passed: it may be within. What comes
    /// later is not looked at. So what a store notices only by what comes later (that the last
    /// event was changed, that it counts more than it can read), a bounded read doesn't tell.
    ///
    /// As the stream of the store, it is `'static`, and dropping it leaves nothing behind.
    ///
    /// ```
    /// # use aether_core::{ActorId, EventStore, EventStoreExt, StoreError, Version};
    /// # async fn example(store: &impl EventStore, order: &ActorId) -> Result<(), StoreError> {
    /// use futures_util::StreamExt;
    ///
    /// let mut first_ten = store.events_until(order, Version::ZERO, Version::from(10));
    /// while let Some(recorded) = first_ten.next().await {
    ///     println!("{}", recorded?.event().event_type());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    fn events_until(
        &self,
        actor_id: &ActorId,
        from: Version,
        until: impl Into<Until>,
    ) -> EventStream {
        Box::pin(EventsUntil::of(self, actor_id, from, until.into()))
    }

    /// All events of the actor with versions of at least `from` ([`Version::ZERO`] for all), in
    /// order, up to a version or a time. From [`Version::ZERO`] on they add up to the actor's state
    /// at that version or time; from a snapshot it is
    /// [`RestoreExt::restore_until`](crate::RestoreExt::restore_until).
    ///
    /// # Errors
    ///
    /// The first error of [`events_until`](Self::events_until), [`StoreError::Malformed`] among
    /// them.
    fn get_events_until(
        &self,
        actor_id: &ActorId,
        from: Version,
        until: impl Into<Until>,
    ) -> impl Future<Output = Result<Vec<Event>, StoreError>> + Send {
        collect(EventsUntil::of(self, actor_id, from, until.into()))
    }

    /// The lenient replay: all readable events, and a report of each unreadable one. For repair
    /// and for looking, not for deciding: what is missing may matter.
    ///
    /// # Errors
    ///
    /// The first error of the stream that is not [`StoreError::Malformed`].
    fn get_events_with_errors(
        &self,
        actor_id: &ActorId,
        from: Version,
    ) -> impl Future<Output = Result<LenientReplay, StoreError>> + Send {
        let mut stream = self.events(actor_id, from);
        async move {
            let mut replay = LenientReplay::default();
            while let Some(item) = stream.next().await {
                match item {
                    Ok(recorded) => replay.events.push(recorded.into_event()),
                    Err(StoreError::Malformed(error)) => replay.errors.push(*error),
                    Err(error) => return Err(error),
                }
            }
            Ok(replay)
        }
    }
}

impl<S: EventStore + ?Sized> EventStoreExt for S {}

/// The events of a stream, or its first error.
async fn collect(
    mut stream: impl Stream<Item = Result<RecordedEvent, StoreError>> + Send + Unpin,
) -> Result<Vec<Event>, StoreError> {
    let mut events = Vec::new();
    while let Some(item) = stream.next().await {
        events.push(item?.into_event());
    }
    Ok(events)
}

/// What a lenient replay found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LenientReplay {
    /// The events that can be read, in order.
    pub events: Vec<Event>,
    /// What can't be read, in order.
    pub errors: Vec<ReplayError>,
}
