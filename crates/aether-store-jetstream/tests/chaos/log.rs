//! What a worker writes down: each operation before it begins and after it ended.
//!
//! A worker that is killed leaves a log that is still good: what was begun and has no end may
//! have been stored or not.

use std::collections::HashSet;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use aether_core::{Event, EventDraft, Version, WireForm};
use serde::{Deserialize, Serialize};

use crate::feeds::lines::FeedLine;

/// One line of a log. Where operations of one process overlap, the order of the lines is the
/// order in which they began and ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Line {
    /// A save is about to be sent. The same commit may be offered again, under the same name.
    Attempt {
        op: u64,
        /// When, in microseconds.
        at: u64,
        commit: String,
        actor: String,
        events: Vec<Offered>,
        /// The version that it is to come right after; none where any lower one will do.
        after: Option<u64>,
    },
    /// A save has ended.
    Ended {
        op: u64,
        at: u64,
        outcome: Outcome,
    },
    /// A read begins.
    ReadBegan {
        op: u64,
        actor: String,
        asked: Asked,
    },
    ReadEnded {
        op: u64,
        seen: Result<Seen, String>,
    },
    Snapshot(Snapshot),
    Feed(FeedLine),
}

/// What is read of an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Asked {
    /// Only its latest version.
    Latest,
    /// All events from a version on.
    Events { from: u64 },
    /// Its state, from a snapshot where there is one.
    State,
}

/// What became of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Snapshot {
    Saved,
    Superseded,
    /// A state was restored from it.
    Used,
    /// What should not be.
    Wrong(String),
}

/// An event as it was offered. A draft has no version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Offered {
    pub(crate) id: String,
    pub(crate) version: Option<u64>,
    pub(crate) event_type: String,
    /// A digest of everything else that is in the event.
    pub(crate) content: u64,
}

/// How a save ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Outcome {
    Stored {
        repeated: bool,
        /// Of the message that has the last event.
        sequence: u64,
        versions: Vec<u64>,
    },
    Conflict {
        current: u64,
    },
    Indeterminate,
    /// The future was dropped before it was ready.
    Dropped,
    Unavailable,
    /// What no save of this load may give.
    Wrong(String),
}

/// What a read gave. `count` and `digest` are not for a read of the latest version.
///
/// It is the state of an actor, too: what its events add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) latest: u64,
    pub(crate) count: u64,
    pub(crate) digest: u64,
}

impl Seen {
    /// Of events, in order.
    pub(crate) fn of<'a>(events: impl IntoIterator<Item = (u64, &'a str)>) -> Self {
        Self::default().and(events)
    }

    /// With what comes after them.
    pub(crate) fn and<'a>(self, events: impl IntoIterator<Item = (u64, &'a str)>) -> Self {
        events.into_iter().fold(self, |before, (version, id)| Self {
            latest: version,
            count: before.count + 1,
            digest: digest(&(before.digest, version, id)),
        })
    }
}

/// The same in every process.
pub(crate) fn digest(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

impl Offered {
    pub(crate) fn event(event: &Event) -> Self {
        Self {
            version: Some(event.version().get()),
            ..Self::draft(&event.to_draft())
        }
    }

    pub(crate) fn draft(draft: &EventDraft) -> Self {
        // Everything that a draft has, as if it had been numbered first.
        let event = draft.clone().at(Version::FIRST).unwrap();
        let whole = event.to_wire(WireForm::MessagePack).unwrap();
        Self {
            id: draft.event_id().as_str().to_owned(),
            version: None,
            event_type: draft.event_type().as_str().to_owned(),
            content: digest(&whole),
        }
    }
}

pub(crate) fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_micros()).unwrap()
}

/// The log of one process while it is written.
#[derive(Debug)]
pub(crate) struct Log {
    file: Mutex<File>,
    ops: AtomicU64,
}

impl Log {
    pub(crate) fn create(path: &Path) -> Self {
        Self {
            file: Mutex::new(File::create(path).unwrap()),
            ops: AtomicU64::new(0),
        }
    }

    pub(crate) fn next_op(&self) -> u64 {
        self.ops.fetch_add(1, Ordering::Relaxed)
    }

    /// It is with the system when this returns, so that killing the process can't lose it.
    pub(crate) fn write(&self, line: &Line) {
        let mut text = serde_json::to_vec(line).unwrap();
        text.push(b'\n');
        self.file.lock().unwrap().write_all(&text).unwrap();
    }
}

/// Reads the log of a process that has ended. A last line may be cut short.
pub(crate) fn read(path: &Path) -> Vec<Line> {
    let Ok(file) = File::open(path) else {
        return Vec::new(); // killed before it began
    };
    let mut lines = Vec::new();
    for line in BufReader::new(file).split(b'\n') {
        match serde_json::from_slice(&line.unwrap()) {
            Ok(line) => lines.push(line),
            Err(error) if error.is_eof() => break,
            Err(error) => panic!("{}: {error}", path.display()),
        }
    }
    lines
}

/// What was begun and has not ended.
pub(crate) fn open(lines: &[Line]) -> Vec<&Line> {
    let ended: HashSet<u64> = lines
        .iter()
        .filter_map(|line| match line {
            Line::Ended { op, .. } | Line::ReadEnded { op, .. } => Some(*op),
            _ => None,
        })
        .collect();
    let open = |line: &&Line| match line {
        Line::Attempt { op, .. } | Line::ReadBegan { op, .. } => !ended.contains(op),
        _ => false,
    };
    lines.iter().filter(open).collect()
}
