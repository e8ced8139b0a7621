//! Who saves in the simulation: several processes with several tasks each, all on the same actors.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aether_core::{
    ActorId, Appended, BroadcastError, Commit, Event, EventBroadcaster, EventDraft, EventId,
    EventStored, ExpectedVersion, Namespace, StoreError, StoreErrorKind, StoredNotifier, Version,
    WireForm,
};

use tokio::time::Instant;

use super::server::{CREATED, STREAM, SimServer, Weather};
use crate::actors::Actors;
use crate::ledger::Ledger;
use crate::message::{Incarnation, Stored};
use crate::names::Names;
use crate::newest::{Newest, Reader};

const PROCESSES: usize = 3;
const TASKS: usize = 3;
const ACTORS: usize = 3;
const SAVES: usize = 12;
const DEADLINE: Duration = Duration::from_millis(900);

/// How a save ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Stored,
    Repeated,
    Conflict,
    /// A conflict because the version that was expected was not shown, which proves nothing.
    Behind,
    Indeterminate,
    Dropped,
    Failed(StoreErrorKind),
}

impl Ended {
    fn of(outcome: &Result<Appended, StoreError>, expected: ExpectedVersion) -> Self {
        match outcome {
            Ok(appended) if appended.was_repeated() => Self::Repeated,
            Ok(_) => Self::Stored,
            Err(error) => match error.kind() {
                StoreErrorKind::VersionConflict => {
                    let current = error.version_conflict().unwrap().current_version;
                    match expected {
                        ExpectedVersion::Exactly(version) if version > current => Self::Behind,
                        _ => Self::Conflict,
                    }
                }
                StoreErrorKind::Indeterminate => Self::Indeterminate,
                kind => Self::Failed(kind),
            },
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Repeated => "repeated",
            Self::Conflict => "conflict",
            Self::Behind => "behind",
            Self::Indeterminate => "indeterminate",
            Self::Dropped => "dropped",
            Self::Failed(_) => "failed",
        }
    }
}

/// One save, and what it said.
#[derive(Debug)]
pub(super) struct Tried {
    pub(super) actor: ActorId,
    pub(super) ids: Vec<EventId>,
    pub(super) ended: Ended,
}

type Told = Vec<(String, Version, EventId)>;

#[derive(Debug)]
pub(super) struct Run {
    pub(super) server: Arc<SimServer>,
    pub(super) tried: Vec<Tried>,
    /// By process: whom, which version, which event.
    pub(super) told: Vec<Told>,
}

impl Run {
    /// The ids of all events that were offered for this actor.
    pub(super) fn ids_of(&self, actor: &ActorId) -> HashSet<EventId> {
        let of_actor = self.tried.iter().filter(|tried| tried.actor == *actor);
        of_actor.flat_map(|tried| tried.ids.clone()).collect()
    }

    /// The ids of the events of saves that were dropped.
    pub(super) fn dropped(&self) -> impl Iterator<Item = &EventId> {
        let dropped = self
            .tried
            .iter()
            .filter(|tried| tried.ended == Ended::Dropped);
        dropped.flat_map(|tried| &tried.ids)
    }
}

#[derive(Default)]
struct Recorder(Mutex<Told>);

impl EventBroadcaster for Recorder {
    fn broadcast(&self, _: &Namespace, notice: &Event) -> Result<(), BroadcastError> {
        let stored: EventStored = notice.decode().unwrap();
        let told = (
            stored.actor_id.as_str().to_owned(),
            stored.version,
            stored.event_id,
        );
        self.0.lock().unwrap().push(told);
        Ok(())
    }
}

/// One process: what it remembers, and whom it tells.
pub(super) struct Process {
    server: Arc<SimServer>,
    pub(super) ledger: Ledger,
    notifier: StoredNotifier,
    told: Arc<Recorder>,
    tried: Mutex<Vec<Tried>>,
}

impl Process {
    pub(super) fn new(server: Arc<SimServer>, remembered: usize) -> Self {
        let max_age = server.max_age();
        let told = Arc::new(Recorder::default());
        let names = Names::new(STREAM, None);
        let actors = Actors::new(remembered);
        let form = WireForm::MessagePack;
        Self {
            server,
            ledger: Ledger::new(names, form, Incarnation(CREATED), max_age, DEADLINE, actors),
            notifier: StoredNotifier::new(Namespace::from_static("sim"), told.clone()),
            told,
            tried: Mutex::default(),
        }
    }

    /// Saves; with a limit, drops the future when it is over.
    pub(super) async fn save(&self, commit: Commit, limit: Option<Duration>) -> Option<StoreError> {
        let actor = commit.actor_id().clone();
        let (ids, expected) = (ids_of(&commit), commit.expected());
        let save = crate::save::append(&*self.server, &self.ledger, Some(&self.notifier), commit);
        let limit = limit.unwrap_or(Duration::MAX);
        let outcome = tokio::time::timeout(limit, save).await.ok();
        let ended = outcome.as_ref();
        let ended = ended.map_or(Ended::Dropped, |outcome| Ended::of(outcome, expected));
        if let Some(Err(error)) = &outcome
            && error.kind() == StoreErrorKind::Malformed
        {
            // Nothing is damaged, and what is missing was lost.
            assert!(!self.server.has_lost_nothing(), "{error}");
        }
        let tried = Tried { actor, ids, ended };
        self.tried.lock().unwrap().push(tried);
        outcome.and_then(Result::err)
    }

    /// The newest version that this process is shown; never below what it knew before.
    pub(super) async fn version(&self, actor_id: &ActorId) -> Result<Version, StoreError> {
        let subject = self.ledger.names.events_subject(actor_id);
        let reader = Reader {
            server: &*self.server,
            ledger: &self.ledger,
            actor_id,
            subject: &subject,
        };
        let known = self.ledger.actors.known(actor_id).head;
        let newest = reader
            .newest(reader.floor(), &mut self.ledger.patience())
            .await;
        let version = match newest? {
            Newest::Nothing => Version::ZERO,
            Newest::Commit(head, _) | Newest::Expired(head, _) => head.version,
        };
        let known = known.map_or(Version::ZERO, |head| head.version);
        assert!(version >= known, "shown {version}, {known} was known");
        Ok(version)
    }
}

fn ids_of(commit: &Commit) -> Vec<EventId> {
    use aether_core::CommitContent as Content;
    match commit.content() {
        Content::Event(event) => vec![event.id().clone()],
        Content::Events(events) => events.iter().map(|event| event.id().clone()).collect(),
        Content::Drafts(drafts) => drafts.iter().map(|d| d.event_id().clone()).collect(),
    }
}

/// The events in a message.
pub(super) fn events(stored: &Stored) -> Vec<Event> {
    let form = stored.span().unwrap().form;
    form.decode_commit(&stored.body).unwrap()
}

/// Where time passes as soon as everybody waits.
pub(super) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
}

/// Lets everybody save until they are done, and then everything come to rest.
pub(super) fn run(seed: u64, weather: Weather) -> Run {
    runtime().block_on(async {
        let server = Arc::new(SimServer::new(seed, weather));
        let processes: Vec<_> = [100, 1, 0][..PROCESSES]
            .iter()
            .map(|remembered| Arc::new(Process::new(server.clone(), *remembered)))
            .collect();
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..PROCESSES * TASKS {
            let process = processes[task % PROCESSES].clone();
            let random = fastrand::Rng::with_seed(seed * 1_000 + task as u64 + 1);
            tasks.spawn(work(process, random));
        }
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
        server.calm_down();
        Run {
            server,
            tried: processes
                .iter()
                .flat_map(|process| std::mem::take(&mut *process.tried.lock().unwrap()))
                .collect(),
            told: processes
                .iter()
                .map(|process| std::mem::take(&mut *process.told.0.lock().unwrap()))
                .collect(),
        }
    })
}

/// Saves this and that, and what did not come to an end once more.
async fn work(process: Arc<Process>, mut random: fastrand::Rng) {
    let mut open: Vec<(Instant, Commit)> = Vec::new();
    for _ in 0..SAVES {
        if let Some(age) = process.ledger.max_age {
            let pause = Duration::from_millis(random.u64(0..1_200));
            tokio::time::sleep(pause).await;
            // For as long as what was stored, and what is asked about it, does not expire.
            open.retain(|(offered, _)| offered.elapsed() + DEADLINE < age / 2);
        }
        let actor_id = ActorId::new(format!("order-{}", random.usize(0..ACTORS))).unwrap();
        let (offered, commit) = if !open.is_empty() && random.u8(0..3) == 0 {
            open.swap_remove(random.usize(0..open.len()))
        } else {
            let Ok(latest) = process.version(&actor_id).await else {
                continue;
            };
            (Instant::now(), commit(&actor_id, latest, &mut random))
        };
        let limit = (random.u8(0..6) == 0).then(|| Duration::from_millis(random.u64(0..400)));
        let error = process.save(commit.clone(), limit).await;
        match error {
            Some(StoreError::Indeterminate(indeterminate)) => {
                // Either what the error gives back, or what was offered.
                let again = match random.bool() {
                    true => Commit::events(indeterminate.events).unwrap(),
                    false => commit,
                };
                open.push((offered, again));
            }
            // Whatever came of it, it may be offered again.
            _ if random.u8(0..4) == 0 => open.push((offered, commit)),
            _ => {}
        }
    }
}

fn commit(actor_id: &ActorId, latest: Version, random: &mut fastrand::Rng) -> Commit {
    let count = if random.u8(0..3) == 0 {
        random.u32(2..4)
    } else {
        1
    };
    let drafts = (0..count).map(|n| EventDraft::new(actor_id, "Happened", &n).unwrap());
    let drafts: Vec<EventDraft> = drafts.collect();
    if random.u8(0..3) == 0 {
        return Commit::drafts(drafts).unwrap();
    }
    // Mostly the next version; now and then one that is taken, or a later one.
    let mut version = match random.u8(0..8) {
        0 => latest,
        1 => latest.plus(2).unwrap(),
        _ => latest.next().unwrap(),
    }
    .max(Version::FIRST);
    let first = version;
    let events: Vec<Event> = drafts
        .into_iter()
        .map(|draft| {
            let event = draft.at(version).unwrap();
            version = version.next().unwrap();
            event
        })
        .collect();
    let commit = Commit::events(events).unwrap();
    match random.u8(0..6) {
        0 => commit.expecting(ExpectedVersion::Exactly(latest)),
        1 if first == Version::FIRST => commit.expecting(ExpectedVersion::NoEvents),
        _ => commit,
    }
}
