//! The comfort on top of a store of events.

use std::future::Future;

use futures_util::StreamExt;

use crate::{
    ActorId, Appended, Commit, Event, EventDraft, EventStore, ReplayError, StoreError, Version,
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
        let mut stream = self.events(actor_id, from);
        async move {
            let mut events = Vec::new();
            while let Some(item) = stream.next().await {
                events.push(item?.into_event());
            }
            Ok(events)
        }
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

/// What a lenient replay found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LenientReplay {
    /// The events that can be read, in order.
    pub events: Vec<Event>,
    /// What can't be read, in order.
    pub errors: Vec<ReplayError>,
}
