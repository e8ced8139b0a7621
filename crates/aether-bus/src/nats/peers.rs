//! What a node knows of the other nodes: who is there, and who knows what is listened to here.
//!
//! Each is asked for the last numbers of what is listened to, until it has answered for all of that.
//! One question to a node is open at a time, and is repeated after a while.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::HashSet;

use crate::index::{Map, Route};
use crate::nats::config::NatsBusConfig;
use crate::nats::origin::Origin;

/// After how many of its heartbeats, in which nothing was heard of it, a node is taken for dead.
const SILENT_BEATS: u32 = 4;
/// A node is not taken for dead sooner.
const SILENT_MIN: Duration = Duration::from_millis(500);
/// After how long a question is repeated.
const ASKED_AGAIN: Duration = Duration::from_secs(1);
/// The most bytes of subjects in one question: less than any server takes.
const QUESTION_BYTES_MAX: usize = 16 * 1024;
/// How many nodes are remembered that have stopped.
const STOPPED_MAX: usize = 1_024;

/// What is listened to, and on which way.
pub(crate) type Listened = (Arc<str>, Route);

/// The other nodes.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    known: Map<Origin, Peer>,
    /// Those that have stopped. What they have said before may come later, where it comes another
    /// way.
    stopped: VecDeque<Origin>,
    /// The last one.
    question: u64,
}

#[derive(Debug)]
struct Peer {
    heard_at: Instant,
    every: Duration,
    /// What it has answered for.
    knows: HashSet<Route, foldhash::fast::RandomState>,
    open: Option<Open>,
}

/// A question that is not answered.
#[derive(Debug)]
struct Open {
    question: u64,
    at: Instant,
    about: Vec<Listened>,
}

/// A question that is to be sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) to: Origin,
    pub(crate) number: u64,
    /// A subject a line.
    pub(crate) subjects: String,
}

impl Open {
    fn to_send(&self, to: Origin) -> Question {
        let subjects: Vec<&str> = self.about.iter().map(|(subject, _)| &**subject).collect();
        Question {
            to,
            number: self.question,
            subjects: subjects.join("\n"),
        }
    }
}

impl Peers {
    /// How many there are, and how many of them don't know of all that is listened to.
    pub(crate) fn count(&self, listened: &[Listened]) -> (usize, usize) {
        let is_stranger = |peer: &&Peer| !listened.iter().all(|(_, way)| peer.knows.contains(way));
        let strangers = self.known.values().filter(is_stranger).count();
        (self.known.len(), strangers)
    }

    /// Whether it has stopped, so that what it has said before is not to be believed.
    pub(crate) fn has_stopped(&self, origin: Origin) -> bool {
        self.stopped.contains(&origin)
    }

    /// Something was heard of a node, perhaps how often it says that it is there: whether it is new.
    pub(crate) fn hear(&mut self, origin: Origin, every: Option<Duration>, now: Instant) -> bool {
        if self.has_stopped(origin) {
            return false;
        }
        let mut is_new = false;
        let peer = self.known.entry(origin).or_insert_with(|| {
            is_new = true;
            Peer {
                heard_at: now,
                every: NatsBusConfig::HEARTBEAT_DEFAULT,
                knows: HashSet::default(),
                open: None,
            }
        });
        peer.heard_at = now;
        peer.every = every.unwrap_or(peer.every);
        is_new
    }

    /// What is to be asked now, where this is listened to.
    pub(crate) fn questions(&mut self, listened: &[Listened], now: Instant) -> Vec<Question> {
        let mut questions = Vec::new();
        for (origin, peer) in &mut self.known {
            // An open one is repeated as it is, so that a late answer is one to it as well.
            if let Some(open) = &mut peer.open {
                if now.saturating_duration_since(open.at) >= ASKED_AGAIN {
                    open.at = now;
                    questions.push(open.to_send(*origin));
                }
                continue;
            }
            // What is not listened to any more.
            if peer.knows.len() > 2 * listened.len() + 64 {
                peer.knows
                    .retain(|way| listened.iter().any(|(_, other)| other == way));
            }
            let mut bytes = 0;
            let missing = listened.iter();
            let missing = missing.filter(|(_, way)| !peer.knows.contains(way));
            let about: Vec<Listened> = missing
                .take_while(|(subject, _)| {
                    bytes += subject.len() + 1;
                    bytes <= QUESTION_BYTES_MAX
                })
                .cloned()
                .collect();
            if about.is_empty() {
                continue;
            }
            self.question += 1;
            let open = peer.open.insert(Open {
                question: self.question,
                at: now,
                about,
            });
            questions.push(open.to_send(*origin));
        }
        questions
    }

    /// It has answered this question: what that was about, if it was open.
    pub(crate) fn answered(&mut self, origin: Origin, question: u64) -> Vec<Listened> {
        let Some(peer) = self.known.get_mut(&origin) else {
            return Vec::new();
        };
        let Some(open) = peer.open.take_if(|open| open.question == question) else {
            return Vec::new();
        };
        peer.knows.extend(open.about.iter().map(|(_, way)| *way));
        open.about
    }

    /// It has stopped: what it knew to be listened to here, and has said its last numbers of.
    pub(crate) fn stopped(&mut self, origin: Origin) -> impl Fn(Route) -> bool + use<> {
        if self.stopped.len() == STOPPED_MAX {
            self.stopped.pop_front();
        }
        self.stopped.push_back(origin);
        let knows = self.known.remove(&origin).map(|peer| peer.knows);
        move |way| knows.as_ref().is_some_and(|knows| knows.contains(&way))
    }

    /// From now on they have time again to say that they are there.
    pub(crate) fn wait_anew(&mut self, now: Instant) {
        for peer in self.known.values_mut() {
            peer.heard_at = now;
        }
    }

    /// The connection was away: all have to answer again for everything.
    pub(crate) fn ask_anew(&mut self, now: Instant) {
        self.wait_anew(now);
        for peer in self.known.values_mut() {
            peer.knows.clear();
            peer.open = None;
        }
    }

    /// Those of whom nothing was heard for too long: they are not known any more.
    pub(crate) fn silent(&mut self, now: Instant) -> Vec<Origin> {
        let is_silent = |peer: &Peer| {
            let patience = (SILENT_BEATS * peer.every).max(SILENT_MIN);
            now.saturating_duration_since(peer.heard_at) > patience
        };
        let silent = self.known.extract_if(|_, peer| is_silent(peer));
        silent.map(|(origin, _)| origin).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(number: u8) -> Origin {
        Origin::read(&format!("01ARZ3NDEKTSV4RRFFQ69G5F{number:02}")).unwrap()
    }

    fn listened(routes: std::ops::Range<u64>) -> Vec<Listened> {
        let listened = routes.map(|route| (format!("bus.*.{route}").into(), Route(route)));
        listened.collect()
    }

    #[test]
    fn everybody_is_asked_until_he_has_answered_for_everything() {
        let (mut peers, now) = (Peers::default(), Instant::now());
        assert!(peers.hear(origin(0), None, now) && peers.hear(origin(1), None, now));
        assert!(!peers.hear(origin(0), None, now));
        let few = listened(1..3);
        let asked = peers.questions(&few, now);
        assert_eq!(asked.len(), 2);
        assert_eq!(asked[0].subjects, "bus.*.1\nbus.*.2");
        // One at a time.
        assert_eq!(peers.questions(&few, now), []);
        assert_eq!(peers.count(&few), (2, 2));
        for question in &asked {
            assert_eq!(peers.answered(question.to, question.number), few);
            assert_eq!(peers.answered(question.to, question.number), []);
        }
        assert_eq!(
            (peers.questions(&few, now), peers.count(&few)),
            (vec![], (2, 0))
        );
        // About what is new; the same again where there is no answer.
        let more = listened(1..4);
        let asked = peers.questions(&more, now);
        assert!(asked.iter().all(|question| question.subjects == "bus.*.3"));
        assert_eq!(peers.questions(&listened(1..9), now + ASKED_AGAIN), asked);
        // All of it, where the connection was away.
        peers.ask_anew(now);
        assert_eq!(peers.count(&more), (2, 2));
        for question in asked {
            assert_eq!(peers.answered(question.to, question.number), []);
        }
        let asked = peers.questions(&few, now);
        assert_eq!(asked[0].subjects, "bus.*.1\nbus.*.2");
    }

    #[test]
    fn a_question_is_no_larger_than_servers_take() {
        let (mut peers, now) = (Peers::default(), Instant::now());
        peers.hear(origin(0), None, now);
        let many = listened(0..10_000);
        let mut rounds = 0;
        while let [question] = &peers.questions(&many, now)[..] {
            assert!(question.subjects.len() <= QUESTION_BYTES_MAX);
            peers.answered(question.to, question.number);
            rounds += 1;
        }
        assert!(rounds > 5);
        assert_eq!(peers.count(&many), (1, 0));
    }

    #[test]
    fn who_says_nothing_is_gone_and_who_stops_is_not_believed_any_more() {
        let (mut peers, now) = (Peers::default(), Instant::now());
        let every = Duration::from_secs(1);
        for number in 0..3 {
            peers.hear(origin(number), Some(every), now);
        }
        let knows = listened(1..2);
        let asked = peers.questions(&knows, now);
        let question = asked
            .iter()
            .find(|question| question.to == origin(0))
            .unwrap();
        peers.answered(question.to, question.number);
        let has_answered_for = peers.stopped(origin(0));
        assert!(has_answered_for(Route(1)) && !has_answered_for(Route(2)));
        assert!(!peers.stopped(origin(1))(Route(1)));
        assert!(peers.has_stopped(origin(0)) && !peers.has_stopped(origin(2)));
        assert_eq!(peers.silent(now + SILENT_BEATS * every), []);
        peers.wait_anew(now + every);
        assert_eq!(peers.silent(now + SILENT_BEATS * every + every), []);
        let late = now + SILENT_BEATS * every + 2 * every;
        assert_eq!(peers.silent(late), [origin(2)]);
        assert_eq!(peers.silent(late), []);
    }
}
