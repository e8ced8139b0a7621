//! What a worker writes down of its feeds: in blocks, so that the log stays small.

use aether_core::{EventFilter, RecordedEvent};
use serde::{Deserialize, Serialize};

use crate::log::{Offered, digest};

/// A line about a feed. Each time that a feed is begun it has another number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum FeedLine {
    /// It is about to be polled for the first time.
    Began {
        feed: u64,
        at: u64,
        name: String,
        wanted: Wanted,
        start: Start,
    },
    Gave {
        feed: u64,
        block: Block,
    },
    CaughtUp {
        feed: u64,
        at: u64,
    },
    Ended {
        feed: u64,
        at: u64,
        end: End,
    },
    /// Some feed of the process goes on with another consumer, as the store says it.
    Interrupted {
        at: u64,
        says: String,
    },
    /// Some feed waits for the server, as the store says it.
    Waits {
        at: u64,
        says: String,
    },
    /// The process has ended its feeds because nothing is saved any more: so many.
    Finished {
        feeds: u64,
    },
}

/// Which events a feed is asked for; an empty list lets all pass.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub(crate) struct Wanted {
    pub(crate) categories: Vec<String>,
    pub(crate) actors: Vec<String>,
    pub(crate) types: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Start {
    Beginning,
    /// A position, as text.
    After(String),
    Now,
}

/// Events that a feed has given one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Block {
    /// The sequence of each event's message, as the difference to the one before; the first as it
    /// is.
    pub(crate) steps: Vec<i64>,
    /// Of everything else in the events, and their indexes in their messages.
    pub(crate) digest: u64,
    /// The position of the last one.
    pub(crate) last: String,
    /// Its sequence.
    #[serde(skip)]
    sequence: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum End {
    /// It was dropped, to be resumed.
    Dropped,
    /// It was alive to the last.
    Finished,
    /// With an error.
    Failed(String),
    /// After an error or not, by itself.
    Closed,
}

impl Wanted {
    pub(crate) fn filter(&self) -> EventFilter {
        let filter = EventFilter::all();
        let filter = self.categories.iter().fold(filter, |f, c| f.category(c));
        let filter = self.actors.iter().fold(filter, |f, actor| {
            f.actor(actor.as_str().try_into().unwrap())
        });
        self.types.iter().fold(filter, |f, event_type| {
            f.event_type(event_type.as_str().try_into().unwrap())
        })
    }

    /// Whether an event passes, told without what is tested.
    pub(crate) fn passes(&self, actor: &str, event_type: &str) -> bool {
        let has = |list: &[String], what: &str| list.is_empty() || list.iter().any(|l| l == what);
        let category = actor.split('-').next().unwrap_or_default();
        has(&self.categories, category) && has(&self.actors, actor) && has(&self.types, event_type)
    }
}

impl Block {
    pub(crate) fn add(&mut self, recorded: &RecordedEvent) {
        let position = recorded.position();
        let offered = Offered::event(recorded.event());
        let actor = recorded.event().actor_id().as_str();
        self.add_event(position.sequence(), position.index(), actor, &offered);
        self.last = position.to_string();
    }

    pub(crate) fn add_event(&mut self, sequence: u64, index: u32, actor: &str, event: &Offered) {
        let sequence = i64::try_from(sequence).unwrap();
        self.steps.push(sequence - self.sequence);
        self.sequence = sequence;
        self.digest = fold(self.digest, index, actor, event);
    }

    /// The sequence of each event's message.
    pub(crate) fn sequences(&self) -> impl Iterator<Item = u64> {
        self.steps.iter().scan(0_i64, |sequence, step| {
            *sequence += step;
            Some(u64::try_from(*sequence).unwrap_or(0))
        })
    }
}

/// The digest of a block with one more event.
pub(crate) fn fold(before: u64, index: u32, actor: &str, event: &Offered) -> u64 {
    digest(&(
        before,
        index,
        actor,
        &event.id,
        event.version,
        event.content,
    ))
}
