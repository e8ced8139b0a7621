//! A store that says what it was told to say, and remembers what it was asked.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use aether_core::{
    ActorId, ActorSnapshot, Appended, Commit, Event, EventStore, EventStream, Position,
    RecordedEvent, ReplayError, SnapshotSaved, SnapshotStore, StoreError, Version,
};
use futures_util::Stream;

/// One thing in a history.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    Event(Event),
    /// Something unreadable, at this sequence.
    Malformed(u64),
    /// The stream breaks off.
    Unavailable,
}

/// What the store has for a snapshot.
#[derive(Clone)]
pub(crate) enum Snapshot {
    Is(ActorSnapshot),
    None,
    Malformed,
    Unavailable,
}

/// What the store was asked.
#[derive(Debug, PartialEq, Clone)]
pub(crate) enum Asked {
    Append(Commit),
    EventsFrom(u64),
    LatestVersion,
    LatestSnapshot,
}

pub(crate) struct Scripted {
    pub(crate) history: Vec<Item>,
    /// `None`: it can't be reached.
    pub(crate) latest: Option<Version>,
    pub(crate) snapshot: Snapshot,
    asked: Mutex<Vec<Asked>>,
    reads: Arc<Reads>,
}

/// What became of the streams that were asked for.
#[derive(Default)]
struct Reads {
    polls: AtomicUsize,
    open: AtomicUsize,
}

/// A stream that tells how it is read.
struct Watched {
    items: std::vec::IntoIter<Result<RecordedEvent, StoreError>>,
    reads: Arc<Reads>,
}

impl Watched {
    fn new(items: Vec<Result<RecordedEvent, StoreError>>, reads: &Arc<Reads>) -> Self {
        reads.open.fetch_add(1, Ordering::Relaxed);
        Self {
            items: items.into_iter(),
            reads: reads.clone(),
        }
    }
}

impl Stream for Watched {
    type Item = Result<RecordedEvent, StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.reads.polls.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(self.items.next())
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.reads.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Scripted {
    /// A store with this history, whose latest version is that of its last event.
    pub(crate) fn with(history: impl IntoIterator<Item = Item>) -> Self {
        let history: Vec<Item> = history.into_iter().collect();
        let version = |item: &Item| match item {
            Item::Event(event) => Some(event.version()),
            _ => None,
        };
        let latest = history.iter().rev().find_map(version).unwrap_or_default();
        Self {
            history,
            latest: Some(latest),
            snapshot: Snapshot::None,
            asked: Mutex::default(),
            reads: Arc::default(),
        }
    }

    pub(crate) fn events(versions: impl IntoIterator<Item = u64>) -> Self {
        Self::with(
            versions
                .into_iter()
                .map(|number| Item::Event(crate::event(number))),
        )
    }

    pub(crate) fn snapshot(mut self, snapshot: Snapshot) -> Self {
        self.snapshot = snapshot;
        self
    }

    /// What it was asked so far, in order.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// How often its streams were asked for an item, or for the end.
    pub(crate) fn polls(&self) -> usize {
        self.reads.polls.load(Ordering::Relaxed)
    }

    /// How many of its streams have not been dropped.
    pub(crate) fn open_streams(&self) -> usize {
        self.reads.open.load(Ordering::Relaxed)
    }

    fn note(&self, asked: Asked) {
        self.asked.lock().unwrap().push(asked);
    }
}

pub(crate) fn malformed(sequence: u64) -> ReplayError {
    ReplayError {
        position: Position::new(1, sequence, 0),
        reason: "scripted".into(),
        raw: b"garbage"[..].into(),
    }
}

fn unavailable() -> StoreError {
    StoreError::Unavailable {
        action: "play".into(),
        source: "the script says so".into(),
    }
}

impl EventStore for Scripted {
    async fn append(&self, commit: Commit) -> Result<Appended, StoreError> {
        self.note(Asked::Append(commit.clone()));
        let latest = self.latest.ok_or_else(unavailable)?;
        let events = commit.number_after(latest)?;
        let version = events.last().map_or(latest, Event::version);
        let appended = Appended::stored(version, Position::new(1, version.get(), 0));
        Ok(match commit.as_events() {
            Some(_) => appended,
            None => appended.with_numbered(events),
        })
    }

    fn events(&self, _: &ActorId, from: Version) -> EventStream {
        self.note(Asked::EventsFrom(from.get()));
        let items: Vec<_> = self
            .history
            .iter()
            .filter(|item| !matches!(item, Item::Event(event) if event.version() < from))
            .cloned()
            .map(|item| match item {
                Item::Event(event) => {
                    let position = Position::new(1, event.version().get(), 0);
                    Ok(RecordedEvent::new(event, position))
                }
                Item::Malformed(sequence) => Err(malformed(sequence).into()),
                Item::Unavailable => Err(unavailable()),
            })
            .collect();
        Box::pin(Watched::new(items, &self.reads))
    }

    async fn latest_version(&self, _: &ActorId) -> Result<Version, StoreError> {
        self.note(Asked::LatestVersion);
        self.latest.ok_or_else(unavailable)
    }
}

impl SnapshotStore for Scripted {
    async fn save_snapshot(&self, snapshot: ActorSnapshot) -> Result<SnapshotSaved, StoreError> {
        Ok(match &self.snapshot {
            Snapshot::Is(newer) if newer.version() > snapshot.version() => {
                SnapshotSaved::Superseded {
                    by: newer.version(),
                }
            }
            _ => SnapshotSaved::Saved,
        })
    }

    async fn latest_snapshot(&self, _: &ActorId) -> Result<Option<ActorSnapshot>, StoreError> {
        self.note(Asked::LatestSnapshot);
        match &self.snapshot {
            Snapshot::Is(snapshot) => Ok(Some(snapshot.clone())),
            Snapshot::None => Ok(None),
            Snapshot::Malformed => Err(malformed(7).into()),
            Snapshot::Unavailable => Err(unavailable()),
        }
    }
}
