//! A mixed load: many actors, writers who race, singles, batches, drafts and reads.
//!
//! What became of each save is written into [`Books`], which are then held against the stream.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aether_core::{
    ActorId, Appended, Commit, EventDraft, EventStore as _, EventStoreExt as _, ExpectedVersion,
    StoreError, Version,
};
use aether_store_jetstream::JetStreamStore;
use tokio::task::JoinSet;

use super::books::{Books, Save};
use super::{actor, event_with, eventually};

/// How long the events of a save that ended without an answer are saved again.
const RESOLVING: Duration = Duration::from_secs(90);
/// Between two calls of one writer, so that histories stay short enough to be read all the time.
const PACE: Duration = Duration::from_millis(1);

/// Writers at work.
pub(crate) struct Load {
    shared: Arc<Shared>,
    writers: JoinSet<Books>,
}

#[derive(Default)]
struct Shared {
    ends: AtomicBool,
    acknowledged: AtomicU64,
}

/// How a load is made.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) actors: Vec<ActorId>,
    pub(crate) writers_per_store: u64,
    pub(crate) seed: u64,
    /// Saves are dropped at a random moment before this; none where it is zero.
    pub(crate) dropped_within: Duration,
}

impl Plan {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            actors: (0..12)
                .map(|number| actor(&format!("load-{number}")))
                .collect(),
            writers_per_store: 3,
            seed,
            dropped_within: Duration::ZERO,
        }
    }
}

impl Load {
    /// Some writers on each of the stores, which are different handles.
    pub(crate) fn start(stores: &[JetStreamStore], plan: &Plan) -> Self {
        let shared = Arc::new(Shared::default());
        let mut writers = JoinSet::new();
        for (handle, store) in (1..).zip(stores) {
            let saved = Arc::new(Mutex::new(HashMap::new()));
            for number in 1..=plan.writers_per_store {
                writers.spawn(
                    Writer {
                        name: format!("{}.{handle}.{number}", plan.seed),
                        store: store.clone(),
                        plan: plan.clone(),
                        random: Random(plan.seed * 1_000 + handle * 100 + number),
                        known: HashMap::new(),
                        saved: saved.clone(),
                        books: Books::default(),
                        shared: shared.clone(),
                    }
                    .run(),
                );
            }
        }
        Self { shared, writers }
    }

    /// How many commits have been acknowledged.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.shared.acknowledged.load(Ordering::SeqCst)
    }

    /// Waits until this many more have been; fails if a writer has ended, as those do that saw
    /// what must not be.
    pub(crate) async fn goes_on(&mut self, more: u64) {
        let goal = self.acknowledged() + more;
        eventually("the load goes on", || {
            if let Some(ended) = self.writers.try_join_next() {
                panic!("a writer has ended: {:?}", ended.err());
            }
            std::future::ready(self.acknowledged() >= goal)
        })
        .await;
    }

    /// Lets each writer end what it has begun.
    pub(crate) async fn stop(mut self) -> Books {
        self.shared.ends.store(true, Ordering::SeqCst);
        let mut books = Books::default();
        while let Some(written) = self.writers.join_next().await {
            books.add(written.unwrap());
        }
        books
    }
}

struct Writer {
    name: String,
    store: JetStreamStore,
    plan: Plan,
    random: Random,
    /// What this writer takes for the actors' latest versions.
    known: HashMap<ActorId, Version>,
    /// What was saved through this handle: no later read through it may show less.
    saved: Arc<Mutex<HashMap<ActorId, Version>>>,
    books: Books,
    shared: Arc<Shared>,
}

impl Writer {
    async fn run(mut self) -> Books {
        let mut number = 0;
        while !self.shared.ends.load(Ordering::SeqCst) {
            number += 1;
            let id = self.random.one_of(&self.plan.actors.clone()).clone();
            match self.random.below(10) {
                0 => self.look(&id).await,
                1 => self.read(&id).await,
                _ => self.save(&id, number).await,
            }
            tokio::time::sleep(PACE).await;
        }
        // When this is answered, the server has seen whatever came before on this connection,
        // also what was dropped here.
        self.plan.dropped_within = Duration::ZERO;
        self.save(&actor(&format!("end-{}", self.name)), 0).await;
        self.books
    }

    async fn save(&mut self, id: &ActorId, number: u64) {
        let known = self.known.get(id).copied().unwrap_or(Version::ZERO);
        let commit = self.commit(id, known, number);
        let mut save = Save::of(&commit);
        let drafted = commit.as_events().is_none();
        let result = match self.dropped_after() {
            None => self.store.append(commit).await,
            Some(limit) => match tokio::time::timeout(limit, self.store.append(commit)).await {
                Ok(result) => result,
                Err(_) => return self.books.abandoned.push(save),
            },
        };
        match result {
            Ok(appended) => {
                assert!(!appended.was_repeated(), "{id}: saved for the first time");
                if drafted {
                    save.number(appended.numbered());
                }
                self.acknowledge(id, save, &appended);
            }
            Err(StoreError::Indeterminate(unknown)) => {
                self.books.indeterminate += 1;
                save.number(&unknown.events);
                self.resolve(id, save, &unknown.events).await;
            }
            Err(error) => self.refuse(id, known, save, &error),
        }
    }

    /// What to save, of the kinds that there are.
    fn commit(&mut self, id: &ActorId, known: Version, number: u64) -> Commit {
        let data = format!("{} {number}", self.name);
        let first = known.get() + 1;
        let count = 1 + self.random.below(4);
        match self.random.below(4) {
            0 => Commit::drafts(
                (0..count).map(|n| EventDraft::new(id, "Drafted", &(&data, n)).unwrap()),
            )
            .unwrap(),
            1 => Commit::events(
                (0..count).map(|n| event_with(id, u32::try_from(first + n).unwrap(), &(&data, n))),
            )
            .unwrap(),
            kind => {
                let event = event_with(id, u32::try_from(first).unwrap(), &data);
                match kind {
                    2 => Commit::event(event),
                    _ => Commit::event(event).expecting(ExpectedVersion::Exactly(known)),
                }
            }
        }
    }

    /// Saves again what ended without an answer, until there is one.
    async fn resolve(&mut self, id: &ActorId, save: Save, events: &[aether_core::Event]) {
        let started = Instant::now();
        loop {
            match self.store.save_events(events.to_vec()).await {
                Ok(appended) => {
                    self.books.repeated += u64::from(appended.was_repeated());
                    return self.acknowledge(id, save, &appended);
                }
                Err(error) if error.is_retryable() => {
                    assert!(started.elapsed() < RESOLVING, "{id}: not resolved: {error}");
                }
                Err(error) => {
                    let before = Version::new(events[0].version().get() - 1).unwrap();
                    return self.refuse(id, before, save, &error);
                }
            }
        }
    }

    fn acknowledge(&mut self, id: &ActorId, save: Save, appended: &Appended) {
        let version = appended.version();
        assert_eq!(
            Some(version),
            save.events.last().and_then(|event| event.0),
            "{id}"
        );
        self.known.insert(id.clone(), version);
        let mut saved = self.saved.lock().unwrap();
        let floor = saved.entry(id.clone()).or_default();
        *floor = version.max(*floor);
        self.books.acknowledged.push(save);
        self.shared.acknowledged.fetch_add(1, Ordering::SeqCst);
    }

    /// A save that was answered, and not with yes: nothing of it was stored.
    fn refuse(&mut self, id: &ActorId, known: Version, save: Save, error: &StoreError) {
        self.books.refused.push(save);
        if let Some(conflict) = error.version_conflict() {
            self.books.conflicts += 1;
            let current = conflict.current_version;
            assert!(current > known, "{id}: {error}, though {known} is known");
            self.known.insert(id.clone(), current);
        } else {
            assert!(error.is_retryable(), "{id}: {error}");
            self.books.unavailable += 1;
        }
    }

    fn floor(&self, id: &ActorId) -> Version {
        self.saved
            .lock()
            .unwrap()
            .get(id)
            .copied()
            .unwrap_or_default()
    }

    async fn look(&mut self, id: &ActorId) {
        let floor = self.floor(id);
        match self.store.latest_version(id).await {
            Ok(latest) => {
                assert!(
                    latest >= floor,
                    "{id}: {floor} was saved, {latest} is the latest"
                );
                self.known.insert(id.clone(), latest);
            }
            Err(error) => assert!(error.is_retryable(), "{id}: {error}"),
        }
    }

    async fn read(&mut self, id: &ActorId) {
        let floor = self.floor(id);
        match self.store.get_events(id, Version::ZERO).await {
            Ok(events) => {
                let latest = events.last().map_or(Version::ZERO, |event| event.version());
                assert!(
                    latest >= floor,
                    "{id}: {floor} was saved, {latest} was read"
                );
                self.books.read(id, &events);
            }
            Err(error) => assert!(error.is_retryable(), "{id}: {error}"),
        }
    }

    fn dropped_after(&mut self) -> Option<Duration> {
        let most = u64::try_from(self.plan.dropped_within.as_micros()).unwrap();
        (most > 0).then(|| Duration::from_micros(self.random.below(most)))
    }
}

/// `SplitMix64`: the same numbers in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let index = self.below(all.len() as u64);
        &all[usize::try_from(index).unwrap()]
    }
}
