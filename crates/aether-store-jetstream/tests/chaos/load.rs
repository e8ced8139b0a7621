//! What one task of a worker does, one operation after the other, at random by its seed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aether_core::{
    ActorId, ActorSnapshot, Appended, Commit, Event, EventDraft, EventId, EventStore as _,
    EventStoreExt as _, ExpectedVersion, RestoreExt as _, Restored, SnapshotPolicy, SnapshotSaved,
    SnapshotStore as _, StoreError, Version,
};
use aether_store_jetstream::JetStreamStore;
use serde::Serialize;
use tokio::sync::watch;

use crate::log::{Asked, Line, Log, Offered, Outcome, Seen, Snapshot, now};
use crate::memory::{Memory, Named};
use crate::rng::Rng;
use crate::worker::Orders;

const ACTORS: u64 = 200;
/// What the actors are; a feed may ask for one kind.
pub(crate) const CATEGORIES: [&str; 3] = ["chaos", "order", "invoice"];
/// What the events are: many of the first, few of the second type.
pub(crate) const TYPES: [&str; 2] = ["Happened", "Noted"];
const BATCH_MAX: u64 = 20;
/// A snapshot is due after a replay of so many events.
const SNAPSHOT_AFTER_EVENTS: u64 = 30;
/// The longest time between two operations of a task.
const THINKING_MAX_MICROS: u64 = 30_000;
/// How long a worker tries to learn what it does not know, once it is told to settle.
const SETTLING: Duration = Duration::from_secs(60);

pub(crate) struct Task {
    process: String,
    number: u64,
    commits: u64,
    rng: Rng,
    store: JetStreamStore,
    log: Arc<Log>,
    memory: Arc<Memory>,
}

/// So that everything in the stream can be traced to who wrote it.
#[derive(Serialize)]
struct Data<'a> {
    commit: &'a str,
    index: u64,
    padding: String,
}

enum Load {
    Events(Named),
    Drafts(String, Vec<EventDraft>),
}

pub(crate) fn actors() -> impl Iterator<Item = ActorId> {
    (0..ACTORS).map(actor)
}

/// The lower the number, the more is saved to it.
pub(crate) fn actor(number: u64) -> ActorId {
    let category = CATEGORIES[usize::try_from(number).unwrap() % CATEGORIES.len()];
    ActorId::new(format!("{category}-{number}")).unwrap()
}

impl Task {
    pub(crate) fn new(
        orders: &Orders,
        number: u64,
        store: JetStreamStore,
        log: Arc<Log>,
        memory: Arc<Memory>,
    ) -> Self {
        let process = orders.process.clone();
        Self {
            rng: Rng::named(orders.seed, &format!("{process}/{number}")),
            process,
            number,
            commits: 0,
            store,
            log,
            memory,
        }
    }

    pub(crate) async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        while !*stopped.borrow() {
            self.operate().await;
            let thinking = Duration::from_micros(self.rng.below(THINKING_MAX_MICROS));
            // Who is told to stop thinks no longer; the sender lives as long as the process.
            tokio::time::timeout(thinking, stopped.wait_for(|stop| *stop))
                .await
                .ok();
        }
        let started = Instant::now();
        while started.elapsed() < SETTLING {
            let Some(commit) = self.memory.next_unresolved() else {
                break;
            };
            self.save(Load::Events(commit), None).await;
        }
    }

    async fn operate(&mut self) {
        let actor = self.actor();
        // One in so many futures is dropped, some at once, some while the server works.
        let drop_after =
            (self.rng.below(25) == 0).then(|| Duration::from_micros(self.rng.below(4_000)));
        match self.rng.below(100) {
            0..=19 => {
                if let Some(latest) = self.read_latest(&actor).await {
                    let commit = self.commit(&actor, latest + 1, 1, ExpectedVersion::Older);
                    self.save(Load::Events(commit), drop_after).await;
                }
            }
            20..=34 => self.save_next(&actor, 1, false, drop_after).await,
            35..=44 => self.save_next(&actor, 1, true, drop_after).await,
            45..=54 => {
                let count = self.rng.between(2, BATCH_MAX);
                let exactly = self.rng.below(2) == 0;
                self.save_next(&actor, count, exactly, drop_after).await;
            }
            55..=69 => self.append_next(&actor, drop_after).await,
            70..=76 => {
                if let Some(commit) = self.memory.some_acknowledged(&mut self.rng) {
                    self.save(Load::Events(commit), drop_after).await;
                }
            }
            77..=82 => {
                if let Some(commit) = self.memory.next_unresolved() {
                    self.save(Load::Events(commit), drop_after).await;
                }
            }
            83..=86 => {
                let latest = self.memory.latest(actor.as_str());
                if latest > 0 {
                    let old = self.rng.between(1, latest);
                    let commit = self.commit(&actor, old, 1, ExpectedVersion::Older);
                    self.save(Load::Events(commit), drop_after).await;
                }
            }
            87..=90 => {
                self.read_latest(&actor).await;
            }
            91..=95 => self.read_events(&actor).await,
            _ => self.restore(&actor).await,
        }
    }

    /// Some are hot, so that processes meet there; most are not.
    fn actor(&mut self) -> ActorId {
        let thousandth = self.rng.below(1_000);
        let number = thousandth * thousandth * ACTORS / 1_000_000;
        actor(number)
    }

    fn name(&mut self) -> String {
        self.commits += 1;
        format!("{}.{}.{}", self.process, self.number, self.commits)
    }

    fn draft(&mut self, actor: &ActorId, commit: &str, index: u64) -> EventDraft {
        let padding = usize::try_from(self.rng.below(200)).unwrap();
        let data = Data {
            commit,
            index,
            padding: "x".repeat(padding),
        };
        let id = EventId::new(format!("{commit}.{index}")).unwrap();
        let event_type = TYPES[usize::from(self.rng.below(4) == 0)];
        EventDraft::new(actor, event_type, &data).unwrap().id(id)
    }

    fn commit(
        &mut self,
        actor: &ActorId,
        first: u64,
        count: u64,
        expected: ExpectedVersion,
    ) -> Named {
        let name = self.name();
        let at = |version| Version::new(version).unwrap();
        let events = (0..count).map(|index| {
            let draft = self.draft(actor, &name, index);
            draft.at(at(first + index)).unwrap()
        });
        Named {
            events: events.collect(),
            name,
            expected,
        }
    }

    /// After what is remembered, which another process may have passed.
    async fn save_next(
        &mut self,
        actor: &ActorId,
        count: u64,
        exactly: bool,
        drop_after: Option<Duration>,
    ) {
        let latest = self.memory.latest(actor.as_str());
        let expected = match (exactly, latest) {
            (false, _) => ExpectedVersion::Older,
            (true, 0) => ExpectedVersion::NoEvents,
            (true, latest) => ExpectedVersion::Exactly(Version::new(latest).unwrap()),
        };
        let commit = self.commit(actor, latest + 1, count, expected);
        self.save(Load::Events(commit), drop_after).await;
    }

    async fn append_next(&mut self, actor: &ActorId, drop_after: Option<Duration>) {
        let name = self.name();
        let count = self.rng.between(1, 3);
        let drafts = (0..count).map(|index| self.draft(actor, &name, index));
        let drafts = drafts.collect();
        self.save(Load::Drafts(name, drafts), drop_after).await;
    }

    async fn save(&mut self, load: Load, drop_after: Option<Duration>) {
        let (name, offered, commit) = match &load {
            Load::Events(named) => (
                &named.name,
                named.events.iter().map(Offered::event).collect(),
                Commit::events(named.events.clone())
                    .unwrap()
                    .expecting(named.expected),
            ),
            Load::Drafts(name, drafts) => (
                name,
                drafts.iter().map(Offered::draft).collect(),
                Commit::drafts(drafts.clone()).unwrap(),
            ),
        };
        let (op, actor) = (self.log.next_op(), commit.actor_id().to_string());
        self.log.write(&Line::Attempt {
            op,
            at: now(),
            commit: name.clone(),
            actor: actor.clone(),
            events: offered,
            after: match &load {
                Load::Events(named) => match named.expected {
                    ExpectedVersion::NoEvents => Some(0),
                    ExpectedVersion::Exactly(version) => Some(version.get()),
                    _ => None,
                },
                Load::Drafts(..) => None,
            },
        });
        let save = self.store.append(commit);
        let result = match drop_after {
            None => Some(save.await),
            Some(wait) => tokio::time::timeout(wait, save).await.ok(),
        };
        let outcome = result
            .as_ref()
            .map_or(Outcome::Dropped, |result| outcome(&load, result));
        let known = match &outcome {
            Outcome::Stored { versions, .. } => versions.last().copied(),
            Outcome::Conflict { current } => Some(*current),
            _ => None,
        };
        let at = now();
        let end = outcome.clone();
        self.log.write(&Line::Ended { op, at, outcome });
        if let Some(version) = known {
            self.memory.learn(&actor, version);
        }
        self.remember(load, &end, result);
    }

    fn remember(&self, load: Load, end: &Outcome, result: Option<Result<Appended, StoreError>>) {
        let numbered = match result {
            Some(Ok(appended)) => appended.into_numbered(),
            Some(Err(error)) => error.indeterminate_events().unwrap_or_default().to_vec(),
            None => Vec::new(),
        };
        let commit = match load {
            Load::Events(commit) => commit,
            // Drafts whose numbers nobody knows can't be offered again.
            Load::Drafts(..) if numbered.is_empty() => return,
            Load::Drafts(name, _) => Named {
                name,
                events: numbered,
                expected: ExpectedVersion::Older,
            },
        };
        match end {
            Outcome::Stored { .. } => self.memory.was_acknowledged(commit),
            Outcome::Indeterminate | Outcome::Dropped | Outcome::Unavailable => {
                self.memory.is_unresolved(commit);
            }
            Outcome::Conflict { .. } | Outcome::Wrong(_) => {}
        }
    }

    async fn read_latest(&self, actor: &ActorId) -> Option<u64> {
        let op = self.read_began(actor, Asked::Latest);
        let version = self.store.latest_version(actor).await;
        let seen = version.map(|version| Seen {
            latest: version.get(),
            ..Seen::default()
        });
        self.read_ended(op, actor, seen)
    }

    async fn read_events(&mut self, actor: &ActorId) {
        let latest = self.memory.latest(actor.as_str());
        let from = match self.rng.below(10) {
            0 | 1 => 0,
            2 | 3 => self.rng.below(latest + 1),
            _ => latest.saturating_sub(self.rng.below(10)),
        };
        let op = self.read_began(actor, Asked::Events { from });
        let from = Version::new(from).unwrap();
        let events = self.store.get_events(actor, from).await;
        let seen = events.map(|events| Seen::of(rows(&events)));
        self.read_ended(op, actor, seen);
    }

    fn read_began(&self, actor: &ActorId, asked: Asked) -> u64 {
        let op = self.log.next_op();
        let actor = actor.to_string();
        self.log.write(&Line::ReadBegan { op, actor, asked });
        op
    }

    fn read_ended(&self, op: u64, actor: &ActorId, seen: Result<Seen, StoreError>) -> Option<u64> {
        let seen = seen.map_err(|error| described(&error));
        self.log.write(&Line::ReadEnded {
            op,
            seen: seen.clone(),
        });
        let latest = seen.ok()?.latest;
        self.memory.learn(actor.as_str(), latest);
        Some(latest)
    }

    /// Brings an actor's state back, and keeps it as a snapshot where that took many events.
    async fn restore(&self, actor: &ActorId) {
        let op = self.read_began(actor, Asked::State);
        let restored = match self.store.restore(actor).await {
            Ok(restored) => restored,
            Err(error) => {
                self.read_ended(op, actor, Err(error));
                return;
            }
        };
        let state = match state_of(&restored) {
            Ok(state) => state,
            Err(error) => return self.snapshot(Snapshot::Wrong(error)),
        };
        self.read_ended(op, actor, Ok(state));
        match &restored.problem {
            Some(StoreError::Unavailable { .. }) => {}
            Some(problem) => self.snapshot(Snapshot::Wrong(described(problem))),
            None if restored.snapshot.is_some() => self.snapshot(Snapshot::Used),
            None => {}
        }
        let policy = SnapshotPolicy::NEVER.or_after_events(SNAPSHOT_AFTER_EVENTS);
        if !policy.unwrap().is_due(restored.cost()) {
            return;
        }
        let snapshot = ActorSnapshot::new(actor, restored.version(), &state).unwrap();
        let snapshot = snapshot.at_position(restored.position());
        match self.store.save_snapshot(snapshot).await {
            Ok(SnapshotSaved::Saved) => self.snapshot(Snapshot::Saved),
            Ok(SnapshotSaved::Superseded { .. }) => self.snapshot(Snapshot::Superseded),
            Err(StoreError::Unavailable { .. }) => {}
            Err(error) => self.snapshot(Snapshot::Wrong(described(&error))),
        }
    }

    fn snapshot(&self, became: Snapshot) {
        self.log.write(&Line::Snapshot(became));
    }
}

/// What the snapshot and the events after it add up to.
fn state_of(restored: &Restored) -> Result<Seen, String> {
    let before = match &restored.snapshot {
        Some(snapshot) => {
            let state: Seen = snapshot.decode().map_err(|error| error.to_string())?;
            if state.latest != snapshot.version().get() {
                let version = snapshot.version();
                return Err(format!("{state:?} in a snapshot at version {version}"));
            }
            state
        }
        None => Seen::default(),
    };
    Ok(before.and(rows(&restored.events)))
}

fn rows(events: &[Event]) -> impl Iterator<Item = (u64, &str)> {
    events.iter().map(|e| (e.version().get(), e.id().as_str()))
}

fn outcome(load: &Load, result: &Result<Appended, StoreError>) -> Outcome {
    match result {
        Ok(appended) => {
            let events = match load {
                Load::Events(commit) => &commit.events,
                Load::Drafts(..) => appended.numbered(),
            };
            Outcome::Stored {
                repeated: appended.was_repeated(),
                sequence: appended.position().sequence(),
                versions: events.iter().map(|e| e.version().get()).collect(),
            }
        }
        Err(StoreError::VersionConflict(conflict)) => Outcome::Conflict {
            current: conflict.current_version.get(),
        },
        Err(StoreError::Indeterminate(_)) => Outcome::Indeterminate,
        Err(StoreError::Unavailable { .. }) => Outcome::Unavailable,
        Err(error) => Outcome::Wrong(described(error)),
    }
}

/// `Unavailable` for what may happen while servers are down; else all there is to know.
pub(crate) fn described(error: &StoreError) -> String {
    match error {
        StoreError::Unavailable { .. } => "Unavailable".to_owned(),
        error => format!("{:?}: {error}", error.kind()),
    }
}
