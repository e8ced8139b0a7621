//! Bringing an actor's state back, from its newest snapshot where that can be used.

use std::future::Future;

use futures_util::StreamExt;

use crate::until::Place;
use crate::{
    ActorId, ActorSnapshot, Event, EventStore, EventStoreExt, EventStream, Position, RecordedEvent,
    ReplayCost, SnapshotStore, StoreError, Until, Version,
};

/// Replays that start from a snapshot, for stores that keep both.
///
/// Dropping any of these futures leaves nothing behind.
pub trait RestoreExt: EventStore + SnapshotStore {
    /// The actor's newest snapshot and the events after it; all events where there is none that
    /// can be used.
    ///
    /// A snapshot counts only if the history reaches its version and, where it knows its place
    /// ([`ActorSnapshot::at_position`]), if the event of that version is in that very place. One
    /// that can't be read, that is ahead of a history which has lost its end, or that is of
    /// another life of the store, is reported in [`Restored::problem`] and the whole history is
    /// read instead: a longer replay. A snapshot without a place can't be told from one that
    /// was taken before the store was made anew.
    ///
    /// [`SnapshotPolicy`](crate::SnapshotPolicy) shows a whole replay, and when it is worth a new
    /// snapshot.
    ///
    /// # Errors
    ///
    /// As [`EventStoreExt::get_events`]. A fault of the snapshots alone is not one.
    fn restore(
        &self,
        actor_id: &ActorId,
    ) -> impl Future<Output = Result<Restored, StoreError>> + Send {
        restore_within(self, actor_id, None)
    }

    /// What the actor's state was at a version or a time: its newest snapshot, if that is not past
    /// the bound, and the events after it up to there; all events up to there otherwise.
    ///
    /// Where the snapshot may be used, it is judged as in [`restore`](Self::restore). That it is
    /// past the bound is not a problem, and not reported: the whole history is read up to the bound,
    /// and where its beginning has expired, that is an error.
    ///
    /// - By a version, a snapshot is past the bound if its version is above it.
    /// - By a time, if the event that it ends with is later. That event is read along. Where it is
    ///   not there (it has expired, or the snapshot is between two versions), the snapshot's own
    ///   timestamp counts, which is from after that event. Where it can't be read, the snapshot is
    ///   not used.
    ///
    /// **By a time, a snapshot may decide.** Nothing is known of the times of the events before the
    /// one that it ends with. If one of them is later than the bound, as where a writer's clock was
    /// ahead, the history alone would end there, and the replay from the snapshot goes on. Either
    /// is a state that the actor had. To have it decided by the history alone, read from the
    /// beginning, with [`get_events_until`](EventStoreExt::get_events_until).
    ///
    /// ```
    /// # use aether_core::{ActorId, EventStore, RestoreExt, SnapshotStore, Timestamp, Until};
    /// # async fn example(
    /// #     store: &(impl EventStore + SnapshotStore), order: &ActorId,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let year_end: Timestamp = "2026-01-01T00:00:00Z".parse()?;
    /// let restored = store.restore_until(order, year_end).await?;
    /// println!("at the end of the year the order was at version {}", restored.version());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`EventStoreExt::get_events_until`]. A fault of the snapshots alone is not one.
    fn restore_until(
        &self,
        actor_id: &ActorId,
        until: impl Into<Until>,
    ) -> impl Future<Output = Result<Restored, StoreError>> + Send {
        restore_within(self, actor_id, Some(until.into()))
    }
}

impl<S: EventStore + SnapshotStore + ?Sized> RestoreExt for S {}

/// What is needed to bring an actor's state back.
#[derive(Debug)]
pub struct Restored {
    /// The snapshot to start from, if there is one that can be used.
    pub snapshot: Option<ActorSnapshot>,
    /// The events after the snapshot, or all of them.
    pub events: Vec<Event>,
    /// Why no snapshot could be used though there may be one.
    pub problem: Option<StoreError>,
    /// Of the last event that was read, the snapshot's own included.
    last_read: Option<Position>,
}

impl Restored {
    /// The version that the state will have: the last event's, else the snapshot's.
    #[must_use]
    pub fn version(&self) -> Version {
        match (self.events.last(), &self.snapshot) {
            (Some(event), _) => event.version(),
            (None, Some(snapshot)) => snapshot.version(),
            (None, None) => Version::ZERO,
        }
    }

    /// The place of the event whose effect is the last that the state will hold, for the next
    /// snapshot ([`ActorSnapshot::at_position`]). None where there is no event, or where it has
    /// expired and the snapshot doesn't know.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        let of_snapshot = || self.snapshot.as_ref().and_then(ActorSnapshot::position);
        self.last_read.or_else(of_snapshot)
    }

    /// What it costs to replay the events after the snapshot, or all of them. The time is for
    /// whoever replays to measure ([`ReplayCost::took`]).
    #[must_use]
    pub fn cost(&self) -> ReplayCost {
        ReplayCost::of(&self.events)
    }
}

/// The newest snapshot, if it can be used, and the events up to the bound, if there is one.
async fn restore_within<S: EventStore + SnapshotStore + ?Sized>(
    store: &S,
    actor_id: &ActorId,
    until: Option<Until>,
) -> Result<Restored, StoreError> {
    let (snapshot, mut problem) = match store.latest_snapshot(actor_id).await {
        Ok(snapshot) => (snapshot, None),
        Err(error) => (None, Some(error)),
    };
    let is_past = |version| matches!(until, Some(Until::Version(bound)) if version > bound);
    if let Some(snapshot) = snapshot.filter(|snapshot| !is_past(snapshot.version())) {
        match Replay::after(store, &snapshot, until).await? {
            After::Events(replay) => return Ok(replay.restored(Some(snapshot), None)),
            After::Past => {}
            After::OtherHistory => {
                problem = Some(StoreError::HistoryRegressed {
                    actor_id: actor_id.clone(),
                    known: snapshot.version(),
                    detail: "the snapshot is not of this history".to_owned(),
                });
            }
        }
    }
    let replay = Replay::whole(store, actor_id, until).await?;
    Ok(replay.restored(None, problem))
}

/// What comes after a snapshot.
enum After {
    /// These events.
    Events(Replay),
    /// The snapshot is past the bound, or it can't be told.
    Past,
    /// The snapshot is not of this history.
    OtherHistory,
}

/// Events as they are read, and the place of the last one.
#[derive(Default)]
struct Replay {
    /// The snapshot's version: its own event is read along, and is not one of the events.
    since: Version,
    events: Vec<Event>,
    last_read: Option<Position>,
}

impl Replay {
    /// All events up to the bound.
    async fn whole<S: EventStore + ?Sized>(
        store: &S,
        actor_id: &ActorId,
        until: Option<Until>,
    ) -> Result<Self, StoreError> {
        let events = match until {
            Some(until) => store.events_until(actor_id, Version::ZERO, until),
            None => store.events(actor_id, Version::ZERO),
        };
        Self::default().read_on(events, None).await
    }

    /// The events after a snapshot that is not past the bound by its version, up to the bound.
    ///
    /// The snapshot's own event is read along: if it or a later one is there, the history reaches
    /// that far. Only where neither is (all may have expired) the latest version is asked for.
    async fn after<S: EventStore + ?Sized>(
        store: &S,
        snapshot: &ActorSnapshot,
        until: Option<Until>,
    ) -> Result<After, StoreError> {
        let (actor_id, version) = (snapshot.actor_id(), snapshot.version());
        let time = match until {
            Some(Until::Time(time)) => Some(time),
            Some(Until::Version(_)) | None => None,
        };
        // Without the bound: the snapshot's own event has to be seen also where it is past it.
        let mut events = store.events(actor_id, version);
        let first = match events.next().await.transpose() {
            // It may be past the bound, and the snapshot with it.
            Err(StoreError::Malformed(_)) if time.is_some() => return Ok(After::Past),
            first => first?,
        };
        let own = first.as_ref().filter(|r| r.event().version() == version);
        if own.is_some_and(|own| is_elsewhere(own, snapshot))
            || first.is_none() && store.latest_version(actor_id).await? < version
        {
            return Ok(After::OtherHistory);
        }
        let happened = own.map_or(snapshot.timestamp(), |own| own.event().timestamp());
        if time.is_some_and(|time| happened > time) {
            return Ok(After::Past);
        }
        let mut replay = Self {
            since: version,
            ..Self::default()
        };
        if first.is_some_and(|first| replay.take(first, until)) {
            replay = replay.read_on(events, until).await?;
        }
        Ok(After::Events(replay))
    }

    async fn read_on(
        mut self,
        mut events: EventStream,
        until: Option<Until>,
    ) -> Result<Self, StoreError> {
        while let Some(item) = events.next().await {
            if !self.take(item?, until) {
                break;
            }
        }
        Ok(self)
    }

    /// Takes an event in, if it is within the bound; whether the next one may be, too.
    fn take(&mut self, recorded: RecordedEvent, until: Option<Until>) -> bool {
        let place = until.map_or(Place::Within, |until| until.place_of(recorded.event()));
        if place != Place::Past {
            self.last_read = Some(recorded.position());
            let event = recorded.into_event();
            if event.version() > self.since {
                self.events.push(event);
            }
        }
        place == Place::Within
    }

    fn restored(self, snapshot: Option<ActorSnapshot>, problem: Option<StoreError>) -> Restored {
        Restored {
            snapshot,
            events: self.events,
            problem,
            last_read: self.last_read,
        }
    }
}

/// Whether the event that the snapshot ends with is in another place than the snapshot says.
fn is_elsewhere(own: &RecordedEvent, snapshot: &ActorSnapshot) -> bool {
    let said = snapshot.position();
    said.is_some_and(|position| position != own.position())
}
