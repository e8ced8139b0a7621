//! What a node knows of the other nodes: who is there, and who has answered what it has asked.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::index::Map;

use crate::nats::origin::Origin;

/// After how many of its heartbeats, in which nothing was heard of it, a node is taken for dead.
const SILENT_BEATS: u32 = 4;
/// How many questions it is remembered what they were about.
const QUESTIONS_MAX: usize = 256;
/// How many nodes are remembered that have stopped.
const STOPPED_MAX: usize = 1_024;

/// The other nodes.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    known: Map<Origin, Peer>,
    /// The last question.
    last: u64,
    /// The last one that everybody is to answer.
    for_all: u64,
    /// Those that have stopped. What they have said before may come later, where it comes another
    /// way.
    stopped: VecDeque<Origin>,
    /// What was asked for.
    asked: VecDeque<(u64, Vec<Arc<str>>)>,
}

#[derive(Debug)]
struct Peer {
    heard_at: Instant,
    every: Duration,
    /// The last question that it has answered.
    answered: u64,
}

impl Peers {
    /// How many there are, and how many of them have not answered what all have to.
    pub(crate) fn count(&self) -> (usize, usize) {
        let strangers = self
            .known
            .values()
            .filter(|peer| peer.answered < self.for_all);
        (self.known.len(), strangers.count())
    }

    /// Whether it has stopped, so that what it has said before is not to be believed.
    pub(crate) fn has_stopped(&self, origin: Origin) -> bool {
        self.stopped.contains(&origin)
    }

    /// The number of a question about these subjects.
    pub(crate) fn ask(&mut self, subjects: Vec<Arc<str>>) -> u64 {
        self.last += 1;
        if self.asked.len() == QUESTIONS_MAX {
            self.asked.pop_front();
        }
        self.asked.push_back((self.last, subjects));
        self.last
    }

    /// The same of one that all have to answer.
    pub(crate) fn ask_all(&mut self, subjects: Vec<Arc<str>>) -> u64 {
        self.for_all = self.ask(subjects);
        self.for_all
    }

    /// A node is there, and says so this often where it tells: whether it is to be asked for
    /// everything, because it has not answered yet.
    pub(crate) fn hear(&mut self, origin: Origin, every: Option<Duration>, now: Instant) -> bool {
        let peer = self.known.entry(origin).or_insert(Peer {
            heard_at: now,
            every: every.unwrap_or(crate::NatsBusConfig::HEARTBEAT_DEFAULT),
            answered: 0,
        });
        peer.heard_at = now;
        peer.every = every.unwrap_or(peer.every);
        peer.answered < self.for_all
    }

    /// It has answered this question: what that was about.
    pub(crate) fn answered(&mut self, origin: Origin, question: u64) -> Vec<Arc<str>> {
        if let Some(peer) = self.known.get_mut(&origin) {
            peer.answered = peer.answered.max(question);
        }
        let asked = self.asked.iter().find(|(asked, _)| *asked == question);
        asked.map_or_else(Vec::new, |(_, subjects)| subjects.clone())
    }

    /// It has stopped: whether it had answered everything, so that it has said its last numbers to
    /// whoever listens here.
    pub(crate) fn stopped(&mut self, origin: Origin) -> bool {
        if self.stopped.len() == STOPPED_MAX {
            self.stopped.pop_front();
        }
        self.stopped.push_back(origin);
        let peer = self.known.remove(&origin);
        peer.is_some_and(|peer| peer.answered >= self.for_all)
    }

    /// From now on they have time again to say that they are there: the connection was away.
    pub(crate) fn wait_anew(&mut self, now: Instant) {
        for peer in self.known.values_mut() {
            peer.heard_at = now;
        }
    }

    /// Those of whom nothing was heard for too long: they are not known any more.
    pub(crate) fn silent(&mut self, now: Instant) -> Vec<Origin> {
        let is_silent =
            |peer: &Peer| now.saturating_duration_since(peer.heard_at) > SILENT_BEATS * peer.every;
        let silent = self.known.extract_if(|_, peer| is_silent(peer));
        silent.map(|(origin, _)| origin).collect()
    }
}
