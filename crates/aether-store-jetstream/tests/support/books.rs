//! What writers were told, held against what is stored.

use std::collections::{HashMap, HashSet};
use std::fmt;

use aether_core::{ActorId, Commit, CommitContent, Event, EventId, EventStoreExt as _, Version};
use aether_store_jetstream::JetStreamStore;
use aether_store_jetstream::async_nats::jetstream;

/// What became of all saves, and what was read in between.
#[derive(Debug, Default)]
pub(crate) struct Books {
    /// Answered with yes, at the first try or a later one.
    pub(crate) acknowledged: Vec<Save>,
    /// Answered with no.
    pub(crate) refused: Vec<Save>,
    /// Dropped before there was an answer.
    pub(crate) abandoned: Vec<Save>,
    /// Of those that were refused: because another was first.
    pub(crate) conflicts: u64,
    /// Of those that were refused: because the server was not there.
    pub(crate) unavailable: u64,
    /// How many ended without an answer, before they were saved again.
    pub(crate) indeterminate: u64,
    /// How many of those turned out to be stored already.
    pub(crate) repeated: u64,
    /// Each actor's history as it was read at some moment.
    reads: Vec<(ActorId, Vec<EventId>)>,
}

/// The events of one commit, with the versions that they have got.
#[derive(Debug)]
pub(crate) struct Save {
    actor_id: ActorId,
    pub(crate) events: Vec<(Option<Version>, EventId)>,
}

impl Save {
    pub(crate) fn of(commit: &Commit) -> Self {
        let events = match (commit.content(), commit.as_events()) {
            (CommitContent::Drafts(drafts), _) => {
                let row = |draft: &aether_core::EventDraft| (None, draft.event_id().clone());
                drafts.iter().map(row).collect()
            }
            (_, events) => events.unwrap_or_default().iter().map(row).collect(),
        };
        Self {
            actor_id: commit.actor_id().clone(),
            events,
        }
    }

    /// These are the events that the drafts have become.
    pub(crate) fn number(&mut self, numbered: &[Event]) {
        let rows: Vec<_> = numbered.iter().map(row).collect();
        let ids = |rows: &[(Option<Version>, EventId)]| -> Vec<EventId> {
            rows.iter().map(|(_, id)| id.clone()).collect()
        };
        assert_eq!(
            ids(&rows),
            ids(&self.events),
            "other events than were offered"
        );
        self.events = rows;
    }
}

fn row(event: &Event) -> (Option<Version>, EventId) {
    (Some(event.version()), event.id().clone())
}

fn event_from_words(words: &[&str]) -> (Option<Version>, EventId) {
    let version = Version::new(words[0].parse().unwrap()).unwrap();
    let version = (!version.is_zero()).then_some(version);
    (version, EventId::new(words[1]).unwrap())
}

impl Books {
    pub(crate) fn add(&mut self, other: Self) {
        self.acknowledged.extend(other.acknowledged);
        self.refused.extend(other.refused);
        self.abandoned.extend(other.abandoned);
        self.reads.extend(other.reads);
        self.conflicts += other.conflicts;
        self.unavailable += other.unavailable;
        self.indeterminate += other.indeterminate;
        self.repeated += other.repeated;
    }

    /// All of it, for another process.
    pub(crate) fn to_lines(&self) -> Vec<String> {
        let line = |what: &str, save: &Save| {
            let events = save.events.iter().map(|(version, id)| {
                let version = version.unwrap_or_default();
                format!(" {version} {id}")
            });
            format!("{what} {}{}", save.actor_id, events.collect::<String>())
        };
        let lists = [
            ("acknowledged", &self.acknowledged),
            ("refused", &self.refused),
            ("abandoned", &self.abandoned),
        ];
        let saves = lists
            .iter()
            .flat_map(|(what, saves)| saves.iter().map(|s| line(what, s)));
        let reads = self.reads.iter().map(|(id, events)| {
            let events = events.iter().map(|event| format!(" {event}"));
            format!("read {id}{}", events.collect::<String>())
        });
        let counts = format!(
            "counts {} {} {} {}",
            self.conflicts, self.unavailable, self.indeterminate, self.repeated
        );
        saves.chain(reads).chain([counts]).collect()
    }

    /// What another process has written.
    pub(crate) fn from_lines(lines: impl Iterator<Item = String>) -> Self {
        let mut books = Self::default();
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            let save = || Save {
                actor_id: ActorId::new(words[1]).unwrap(),
                events: words[2..].chunks(2).map(event_from_words).collect(),
            };
            let number = |index: usize| words[index].parse::<u64>().unwrap();
            match words[0] {
                "acknowledged" => books.acknowledged.push(save()),
                "refused" => books.refused.push(save()),
                "abandoned" => books.abandoned.push(save()),
                "read" => {
                    let ids = words[2..].iter().map(|id| EventId::new(*id).unwrap());
                    books
                        .reads
                        .push((ActorId::new(words[1]).unwrap(), ids.collect()));
                }
                "counts" => {
                    books.conflicts = number(1);
                    books.unavailable = number(2);
                    books.indeterminate = number(3);
                    books.repeated = number(4);
                }
                other => panic!("{other:?} is not in books"),
            }
        }
        books
    }

    /// Notes what was read.
    pub(crate) fn read(&mut self, actor_id: &ActorId, events: &[Event]) {
        let ids = events.iter().map(|event| event.id().clone()).collect();
        self.reads.push((actor_id.clone(), ids));
    }

    /// Checks that what is stored is what was acknowledged, each event once, in histories
    /// without gaps, and that whatever was read was the beginning of that. A commit that was
    /// abandoned is there as a whole or not at all; gives how many of those are.
    pub(crate) async fn check(&self, store: &JetStreamStore) -> usize {
        assert!(!self.acknowledged.is_empty(), "nothing was saved");
        let mut places: HashMap<EventId, (ActorId, Version)> = HashMap::new();
        let histories = self.histories(store).await;
        for (id, history) in &histories {
            for (version, event_id) in (1_u64..).zip(history) {
                let place = (id.clone(), Version::new(version).unwrap());
                let before = places.insert(event_id.clone(), place);
                assert_eq!(before, None, "{id}: event {event_id} is stored twice");
            }
        }
        for save in &self.acknowledged {
            for (version, event_id) in &save.events {
                let place = (save.actor_id.clone(), version.unwrap());
                assert_eq!(
                    places.remove(event_id),
                    Some(place),
                    "{event_id} was acknowledged"
                );
            }
        }
        for (_, event_id) in self.refused.iter().flat_map(|save| &save.events) {
            assert_eq!(
                places.get(event_id),
                None,
                "{event_id} was refused, and is stored"
            );
        }
        let mut late = 0;
        for save in &self.abandoned {
            let stored = save.events.iter().filter_map(|(_, id)| places.remove(id));
            let stored: Vec<u64> = stored.map(|(_, version)| version.get()).collect();
            if let Some(first) = stored.first() {
                let whole: Vec<u64> = (*first..).take(save.events.len()).collect();
                assert_eq!(stored, whole, "a part of a commit is stored");
                late += 1;
            }
        }
        assert!(places.is_empty(), "nobody tried to save {places:?}");
        for (id, read) in &self.reads {
            let stored = &histories[id];
            assert!(
                stored.starts_with(read),
                "{id} was read otherwise than it is stored"
            );
        }
        // Also where reads would hide it.
        let commits = (self.acknowledged.len() + late) as u64;
        let messages = messages(store).await;
        assert_eq!(messages, commits, "commits are stored twice, or not at all");
        late
    }

    /// The histories as they are stored, verified to have versions without gaps.
    async fn histories(&self, store: &JetStreamStore) -> HashMap<ActorId, Vec<EventId>> {
        let saves = self.acknowledged.iter().chain(&self.abandoned);
        let ids: HashSet<&ActorId> = saves.map(|save| &save.actor_id).collect();
        let mut histories = HashMap::new();
        for id in ids {
            let events = store.get_events(id, Version::ZERO).await.unwrap();
            let versions: Vec<u64> = events.iter().map(|event| event.version().get()).collect();
            assert_eq!(
                versions,
                (1..=events.len() as u64).collect::<Vec<_>>(),
                "{id}"
            );
            let ids = events.iter().map(|event| event.id().clone()).collect();
            histories.insert(id.clone(), ids);
        }
        histories
    }
}

/// How many messages are in the stream of events.
pub(crate) async fn messages(store: &JetStreamStore) -> u64 {
    let jetstream = jetstream::new(store.client().clone());
    let stream = jetstream.get_stream(store.events_stream()).await.unwrap();
    stream.cached_info().state.messages
}

impl fmt::Display for Books {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} acknowledged, {} refused ({} conflicts, {} unavailable), {} without an answer \
             ({} of them stored already), {} abandoned, {} histories read",
            self.acknowledged.len(),
            self.refused.len(),
            self.conflicts,
            self.unavailable,
            self.indeterminate,
            self.repeated,
            self.abandoned.len(),
            self.reads.len()
        )
    }
}
