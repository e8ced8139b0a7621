//! A store that is as simple as the contract lets it be: one lock around one list of commits.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use aether_core::{
    ActorId, ActorSnapshot, Appended, Commit, CommitContent, Event, EventMismatch, EventStore,
    EventStored, EventStream, Position, RecordedEvent, ReplayError, SnapshotSaved, SnapshotStore,
    StoreError, SystemClock, Version,
};
use aether_testkit::Notices;
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::watch;

use super::answer::Answer;

/// Keeps everything in one list behind one lock. Naive, and correct: the suite passes on it.
#[derive(Clone)]
pub(crate) struct ReferenceStore {
    pub(crate) shared: Arc<Shared>,
    pub(crate) notices: Option<Notices>,
}

pub(crate) struct Shared {
    state: Mutex<State>,
    pub(crate) changed: watch::Sender<()>,
}

pub(crate) struct State {
    pub(crate) incarnation: u64,
    /// The sequence of the last commit.
    pub(crate) last: u64,
    pub(crate) log: Vec<Entry>,
    pub(crate) heads: BTreeMap<ActorId, Version>,
    pub(crate) snapshots: BTreeMap<ActorId, Result<ActorSnapshot, ReplayError>>,
    /// The last version of each actor that has expired.
    pub(crate) truncated: BTreeMap<ActorId, Version>,
    /// The sequence of the last commit that has expired.
    pub(crate) expired: u64,
    /// Under which id an actor is kept: its own, but for stores that are broken.
    pub(crate) key: fn(&ActorId) -> ActorId,
}

/// What is stored in the place of one commit.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) sequence: u64,
    pub(crate) actor_id: ActorId,
    pub(crate) content: Result<Vec<Event>, ReplayError>,
}

/// One event of the log, or something unreadable, in its place.
pub(crate) type Item = Result<RecordedEvent, ReplayError>;

impl ReferenceStore {
    pub(crate) fn new(notices: Option<Notices>) -> Self {
        static INCARNATIONS: AtomicU64 = AtomicU64::new(1);
        let state = State {
            incarnation: INCARNATIONS.fetch_add(1, Ordering::Relaxed),
            last: 0,
            log: Vec::new(),
            heads: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            truncated: BTreeMap::new(),
            expired: 0,
            key: ActorId::clone,
        };
        let shared = Shared {
            state: Mutex::new(state),
            changed: watch::Sender::new(()),
        };
        Self {
            shared: Arc::new(shared),
            notices,
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap()
    }

    /// Stores events as they are, and tells whoever listens.
    pub(crate) fn store(&self, state: &mut State, events: Vec<Event>) -> Answer {
        let appended = self.store_silently(state, events);
        self.notify_all(state, &appended);
        appended
    }

    pub(crate) fn store_silently(&self, state: &mut State, events: Vec<Event>) -> Answer {
        let position = state.push(&events);
        self.shared.changed.send_replace(());
        Answer::stored(events, position)
    }

    /// Adds an event to the newest commit, as a store that tears commits does.
    pub(crate) fn extend(&self, state: &mut State, event: &Event) {
        let head = (state.key)(event.actor_id());
        state.heads.insert(head, event.version());
        let newest = state.log.last_mut().unwrap();
        newest.content.as_mut().unwrap().push(event.clone());
        self.shared.changed.send_replace(());
    }

    pub(crate) fn notify_all(&self, state: &State, appended: &Answer) {
        let sequence = appended.position().sequence();
        for (index, event) in appended.events().iter().enumerate() {
            self.notify(event, state.position(sequence, index, event));
        }
    }

    pub(crate) fn notify(&self, event: &Event, position: Position) {
        let Some(notices) = &self.notices else {
            return;
        };
        let notice = EventStored::notice(&SystemClock, event, Some(position)).unwrap();
        // Whether it was passed on is nobody's business.
        let broadcast = || drop(notices.broadcaster.broadcast(&notices.namespace, &notice));
        drop(catch_unwind(AssertUnwindSafe(broadcast)));
    }

    pub(crate) fn append_now(&self, commit: &Commit) -> Result<Answer, StoreError> {
        let mut state = self.state();
        if let Some(repeat) = state.repeat(commit)? {
            return Ok(repeat);
        }
        let events = commit.number_after(state.latest(commit.actor_id()))?;
        Ok(self.store(&mut state, events))
    }

    pub(crate) fn plant(&self, actor_id: &ActorId, then: &[Event]) {
        let mut state = self.state();
        state.last += 1;
        let garbage = state.garbage();
        let sequence = state.last;
        state.log.push(Entry {
            sequence,
            actor_id: actor_id.clone(),
            content: Err(garbage),
        });
        if !then.is_empty() {
            state.push(then);
        }
        self.shared.changed.send_replace(());
    }

    pub(crate) fn plant_snapshot(&self, actor_id: &ActorId) {
        let mut state = self.state();
        let garbage = state.garbage();
        state.snapshots.insert(actor_id.clone(), Err(garbage));
    }

    pub(crate) fn expire(&self, through: Position) {
        let mut state = self.state();
        let state = &mut *state;
        state.expired = through.sequence();
        let (expired, truncated) = (state.expired, &mut state.truncated);
        state.log.retain(|entry| {
            let events = entry.content.iter().flatten();
            if let (true, Some(last)) = (entry.sequence <= expired, events.last()) {
                truncated.insert(entry.actor_id.clone(), last.version());
            }
            entry.sequence > expired
        });
    }
}

impl State {
    pub(crate) fn position(&self, sequence: u64, index: usize, event: &Event) -> Position {
        // Enough to tell two events apart that are in the same place of two stores.
        let fingerprint = event.id().as_str().bytes().fold(1, |sum: u64, byte| {
            sum.wrapping_mul(31).wrapping_add(u64::from(byte))
        });
        let index = u32::try_from(index).unwrap();
        Position::new(self.incarnation, sequence, index).with_fingerprint(fingerprint)
    }

    fn garbage(&self) -> ReplayError {
        ReplayError {
            position: Position::new(self.incarnation, self.last, 0),
            reason: "not an event".to_owned(),
            raw: Bytes::from_static(b"garbage"),
        }
    }

    /// Everything stored, in order.
    pub(crate) fn items(&self) -> impl Iterator<Item = (&ActorId, Item)> {
        self.items_after(0)
    }

    /// Everything stored after this sequence, in order.
    pub(crate) fn items_after(&self, sequence: u64) -> impl Iterator<Item = (&ActorId, Item)> {
        let from = self.log.partition_point(|entry| entry.sequence <= sequence);
        self.log[from..].iter().flat_map(|entry| {
            let items: Vec<Item> = match &entry.content {
                Ok(events) => events
                    .iter()
                    .enumerate()
                    .map(|(index, event)| {
                        let position = self.position(entry.sequence, index, event);
                        Ok(RecordedEvent::new(event.clone(), position))
                    })
                    .collect(),
                Err(error) => vec![Err(error.clone())],
            };
            items.into_iter().map(|item| (&entry.actor_id, item))
        })
    }

    pub(crate) fn history(&self, actor_id: &ActorId) -> Vec<Item> {
        let actor_id = (self.key)(actor_id);
        let items = self.items().filter(|(whose, _)| **whose == actor_id);
        items.map(|(_, item)| item).collect()
    }

    pub(crate) fn good_history(&self, actor_id: &ActorId) -> Vec<RecordedEvent> {
        self.history(actor_id).into_iter().flatten().collect()
    }

    pub(crate) fn latest(&self, actor_id: &ActorId) -> Version {
        let head = self.heads.get(&(self.key)(actor_id));
        head.copied().unwrap_or(Version::ZERO)
    }

    pub(crate) fn push(&mut self, events: &[Event]) -> Position {
        self.last += 1;
        let last = events.last().unwrap();
        let actor_id = (self.key)(last.actor_id());
        let head = self.heads.entry(actor_id.clone()).or_default();
        *head = last.version().max(*head);
        self.log.push(Entry {
            sequence: self.last,
            actor_id,
            content: Ok(events.to_vec()),
        });
        self.position(self.last, events.len() - 1, last)
    }

    /// Whether the commit is stored already (clause 6).
    pub(crate) fn repeat(&self, commit: &Commit) -> Result<Option<Answer>, StoreError> {
        match commit.content() {
            CommitContent::Event(offered) => self.repeated_events(std::slice::from_ref(offered)),
            CommitContent::Events(offered) => self.repeated_events(offered),
            CommitContent::Drafts(drafts) => {
                let actor_id = (self.key)(commit.actor_id());
                let newest = self.log.iter().rfind(|entry| entry.actor_id == actor_id);
                let Some(Entry {
                    sequence,
                    content: Ok(events),
                    ..
                }) = newest
                else {
                    return Ok(None);
                };
                let same = events.len() == drafts.len()
                    && drafts
                        .iter()
                        .zip(events)
                        .all(|(draft, event)| draft.became(event));
                let last = events.last().unwrap();
                let position = self.position(*sequence, events.len() - 1, last);
                Ok(same.then(|| Answer::repeated(events.clone(), position)))
            }
        }
    }

    fn repeated_events(&self, offered: &[Event]) -> Result<Option<Answer>, StoreError> {
        let history = self.good_history(offered[0].actor_id());
        let stored = |event: &Event| {
            let mut all = history.iter();
            all.find(|r| r.event().version() == event.version() && r.event().id() == event.id())
        };
        let mut position = None;
        for event in offered {
            let Some(recorded) = stored(event) else {
                return Ok(None);
            };
            position = Some(recorded.position());
        }
        if let Some(event) = offered.iter().find(|e| stored(e).unwrap().event() != *e) {
            return Err(mismatch(event));
        }
        Ok(position.map(|position| Answer::repeated(offered.to_vec(), position)))
    }

    pub(crate) fn read(
        &self,
        actor_id: &ActorId,
        from: Version,
    ) -> Vec<Result<RecordedEvent, StoreError>> {
        if let Some(after) = self.truncated.get(actor_id)
            && from <= *after
            && !(from == *after && self.snapshot_covers(actor_id, *after))
        {
            return vec![Err(StoreError::HistoryTruncated {
                actor_id: actor_id.clone(),
                after: *after,
            })];
        }
        let items = self.history(actor_id).into_iter();
        items
            .filter(|item| item.as_ref().map_or(true, |r| r.event().version() >= from))
            .map(|item| item.map_err(StoreError::from))
            .collect()
    }

    pub(crate) fn snapshot_covers(&self, actor_id: &ActorId, version: Version) -> bool {
        let snapshot = self.snapshots.get(actor_id);
        snapshot.is_some_and(|s| s.as_ref().is_ok_and(|s| s.version() >= version))
    }
}

pub(crate) fn mismatch(event: &Event) -> StoreError {
    StoreError::from(EventMismatch {
        actor_id: event.actor_id().clone(),
        version: event.version(),
        event_id: event.id().clone(),
    })
}

impl EventStore for ReferenceStore {
    async fn append(&self, commit: Commit) -> Result<Appended, StoreError> {
        Ok(self.append_now(&commit)?.to(&commit))
    }

    fn events(&self, actor_id: &ActorId, from: Version) -> EventStream {
        Box::pin(stream::iter(self.state().read(actor_id, from)))
    }

    async fn latest_version(&self, actor_id: &ActorId) -> Result<Version, StoreError> {
        Ok(self.state().latest(actor_id))
    }
}

impl SnapshotStore for ReferenceStore {
    async fn save_snapshot(&self, snapshot: ActorSnapshot) -> Result<SnapshotSaved, StoreError> {
        let mut state = self.state();
        let key = (state.key)(snapshot.actor_id());
        if let Some(Ok(there)) = state.snapshots.get(&key)
            && there.version() > snapshot.version()
        {
            return Ok(SnapshotSaved::Superseded {
                by: there.version(),
            });
        }
        state
            .snapshots
            .insert(snapshot.actor_id().clone(), Ok(snapshot));
        Ok(SnapshotSaved::Saved)
    }

    async fn latest_snapshot(&self, id: &ActorId) -> Result<Option<ActorSnapshot>, StoreError> {
        let state = self.state();
        Ok(state.snapshots.get(&(state.key)(id)).cloned().transpose()?)
    }
}
