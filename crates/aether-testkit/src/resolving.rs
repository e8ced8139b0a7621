//! A store that does not take "I don't know" for an answer.

use std::fmt;
use std::sync::Arc;

use aether_core::{
    ActorId, ActorSnapshot, Appended, Commit, CommitContent, EventFeed, EventFilter, EventStore,
    EventStream, FeedItem, FeedStart, FeedStream, Position, SnapshotSaved, SnapshotStore,
    StoreError, Version,
};
use futures_util::stream::{self, StreamExt};

/// A store that asks again, as often as it takes, while the one within is unavailable or does not
/// know whether it stored what it was given.
///
/// It is clause 6 put to work: saving the same events again tells the truth, so that a lost
/// acknowledgement does no harm. The suite runs on `Resolving<Faulty<S>>` to show it. It asks
/// without a pause and without an end: it is for tests; in a service, ask with a back-off and a
/// limit.
///
/// Where an attempt ended [indeterminate](StoreError::Indeterminate) and the next one finds the
/// events stored, it answers that it stored them: [`was_repeated`](Appended::was_repeated) is
/// false then, though an earlier call may have been the one.
///
/// A feed that breaks is resumed after the last event that it gave. One from
/// [`FeedStart::Now`] has no such place before its first event; the error is passed on then.
pub struct Resolving<S>(Arc<S>);

impl<S> Resolving<S> {
    /// This store, asked until it knows.
    #[must_use]
    pub fn new(store: S) -> Self {
        Self(Arc::new(store))
    }

    /// The store within.
    #[must_use]
    pub fn store(&self) -> &S {
        &self.0
    }
}

impl<S> Clone for Resolving<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: fmt::Debug> fmt::Debug for Resolving<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Resolving").field(&self.0).finish()
    }
}

impl<S: EventStore + 'static> EventStore for Resolving<S> {
    /// Dropping the future leaves the commit stored or not, as the store within does.
    async fn append(&self, commit: Commit) -> Result<Appended, StoreError> {
        let expected = commit.expected();
        let is_of_drafts = matches!(commit.content(), CommitContent::Drafts(_));
        // What to save next, and whether an attempt at exactly that has an unknown outcome.
        let (mut attempt, mut unknown) = (commit.clone(), false);
        loop {
            match self.0.append(attempt.clone()).await {
                Err(StoreError::Indeterminate(indeterminate)) => {
                    // The numbered events: drafts might be numbered anew.
                    attempt = Commit::events(indeterminate.events)?.expecting(expected);
                    unknown = true;
                }
                Err(error) if error.is_retryable() => {}
                // Another was first, so the numbered drafts are not stored and never will be.
                Err(error) if unknown && is_of_drafts && error.is_version_conflict() => {
                    (attempt, unknown) = (commit.clone(), false);
                }
                Ok(found) if unknown => {
                    let stored = Appended::stored(found.version(), found.position());
                    let numbered = attempt.as_events().filter(|_| is_of_drafts);
                    return Ok(stored.with_numbered(numbered.unwrap_or_default().to_vec()));
                }
                answer => return answer,
            }
        }
    }

    fn events(&self, actor_id: &ActorId, from: Version) -> EventStream {
        let read = Read {
            stream: self.0.events(actor_id, from),
            store: Arc::clone(&self.0),
            actor_id: actor_id.clone(),
            from,
            reported: None,
        };
        Box::pin(stream::unfold(read, |mut read| async {
            let item = read.next().await?;
            Some((item, read))
        }))
    }

    async fn latest_version(&self, actor_id: &ActorId) -> Result<Version, StoreError> {
        loop {
            match self.0.latest_version(actor_id).await {
                Err(error) if error.is_retryable() => {}
                answer => return answer,
            }
        }
    }
}

/// A read of a history, begun again where it broke off.
struct Read<S> {
    store: Arc<S>,
    actor_id: ActorId,
    /// The version after the last that was read.
    from: Version,
    stream: EventStream,
    /// The last report of something malformed: not to be given twice.
    reported: Option<Position>,
}

impl<S: EventStore> Read<S> {
    async fn next(&mut self) -> Option<<EventStream as futures_util::Stream>::Item> {
        loop {
            match self.stream.next().await? {
                Ok(recorded) => {
                    let version = recorded.event().version();
                    if version < self.from {
                        continue;
                    }
                    // After the last version there is, nothing is left to be read again.
                    self.from = version.next().unwrap_or(version);
                    return Some(Ok(recorded));
                }
                Err(StoreError::Malformed(error)) => {
                    if Some(error.position) > self.reported {
                        self.reported = Some(error.position);
                        return Some(Err(StoreError::Malformed(error)));
                    }
                }
                Err(error) if error.is_retryable() => {
                    self.stream = self.store.events(&self.actor_id, self.from);
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl<S: SnapshotStore> SnapshotStore for Resolving<S> {
    async fn save_snapshot(&self, snapshot: ActorSnapshot) -> Result<SnapshotSaved, StoreError> {
        loop {
            match self.0.save_snapshot(snapshot.clone()).await {
                Err(error) if error.is_retryable() => {}
                answer => return answer,
            }
        }
    }

    async fn latest_snapshot(
        &self,
        actor_id: &ActorId,
    ) -> Result<Option<ActorSnapshot>, StoreError> {
        loop {
            match self.0.latest_snapshot(actor_id).await {
                Err(error) if error.is_retryable() => {}
                answer => return answer,
            }
        }
    }
}

impl<S: EventFeed + 'static> EventFeed for Resolving<S> {
    fn feed(&self, start: FeedStart, filter: EventFilter) -> FeedStream {
        let follow = Follow {
            stream: self.0.feed(start, filter.clone()),
            store: Arc::clone(&self.0),
            start,
            filter,
            caught_up: false,
            reported: None,
        };
        Box::pin(stream::unfold(follow, |mut follow| async {
            let item = follow.next().await?;
            Some((item, follow))
        }))
    }
}

/// A feed, resumed where it broke off.
struct Follow<S> {
    store: Arc<S>,
    /// After the last event that was given.
    start: FeedStart,
    filter: EventFilter,
    stream: FeedStream,
    caught_up: bool,
    reported: Option<Position>,
}

impl<S: EventFeed> Follow<S> {
    async fn next(&mut self) -> Option<Result<FeedItem, StoreError>> {
        loop {
            match self.stream.next().await? {
                Ok(FeedItem::Event(recorded)) => {
                    self.start = FeedStart::After(recorded.position());
                    return Some(Ok(FeedItem::Event(recorded)));
                }
                Ok(FeedItem::CaughtUp) if self.caught_up => {}
                Ok(FeedItem::CaughtUp) => {
                    self.caught_up = true;
                    return Some(Ok(FeedItem::CaughtUp));
                }
                Err(StoreError::Malformed(error)) => {
                    if Some(error.position) > self.reported {
                        self.reported = Some(error.position);
                        return Some(Err(StoreError::Malformed(error)));
                    }
                }
                Err(error) if error.is_retryable() && self.start != FeedStart::Now => {
                    self.stream = self.store.feed(self.start, self.filter.clone());
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
