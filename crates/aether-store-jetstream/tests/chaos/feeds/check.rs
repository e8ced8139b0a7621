//! Holds what feeds have given against what is in the stream. Pure: no I/O.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use aether_core::Position;

use super::lines::{Block, End, FeedLine, Start, Wanted, fold};
use crate::checker::{Findings, Kind, Message, ProcessLog};
use crate::log::{Asked, Line, Offered, Outcome};

/// An event in the stream.
struct Place<'a> {
    sequence: u64,
    index: u32,
    actor: &'a str,
    event: &'a Offered,
    /// When it was first tried to save it.
    tried: u64,
}

type Places<'a> = Rc<Vec<Rc<Place<'a>>>>;

/// What is in the stream, in its order.
struct Stream<'a> {
    all: Places<'a>,
    /// What of it passes.
    passing: HashMap<&'a Wanted, Places<'a>>,
    /// The sequence of each version.
    sequences: HashMap<(&'a str, u64), u64>,
}

/// The highest sequence that a process knows of, and from what.
type Known = (u64, &'static str);

/// A feed while its lines are read.
struct Feed<'a> {
    /// For the details.
    place: String,
    passing: Places<'a>,
    from_now: bool,
    /// What was known in its process, when it began, to be stored.
    known: Known,
    /// Everything before this index was given, or is before its beginning.
    next: usize,
    /// Where it turned out to have begun, which nobody knows of one from now.
    began: Option<usize>,
    caught_up: Option<u64>,
    has_given: bool,
    has_ended: bool,
}

pub(crate) fn check(logs: &[ProcessLog], messages: &[Message], findings: &mut Findings) {
    let mut stream = Stream::of(logs, messages);
    for log in logs {
        check_process(log, &mut stream, findings);
    }
}

/// Goes along what one process wrote down.
fn check_process<'a>(log: &'a ProcessLog, stream: &mut Stream<'a>, findings: &mut Findings) {
    let mut feeds: HashMap<u64, Feed<'a>> = HashMap::new();
    let mut asked: HashMap<u64, &str> = HashMap::new();
    let mut known: Known = (0, "nothing");
    let mut at_the_end = 0;
    for line in &log.lines {
        match line {
            Line::Attempt { op, actor, .. } => {
                asked.insert(*op, actor);
            }
            Line::ReadBegan {
                op,
                actor,
                asked: what,
            } => {
                // A state may come from the snapshot, and the place of that be unknown.
                if *what != Asked::State {
                    asked.insert(*op, actor);
                }
            }
            Line::Ended { op, outcome, .. } => {
                let learnt = match outcome {
                    Outcome::Stored { sequence, .. } => Some(*sequence),
                    Outcome::Conflict { current } => stream.sequence(asked[op], *current),
                    _ => None,
                };
                known = known.max((learnt.unwrap_or(0), "a save"));
            }
            Line::ReadEnded { op, seen: Ok(seen) } => {
                let learnt = asked.get(op).and_then(|a| stream.sequence(a, seen.latest));
                known = known.max((learnt.unwrap_or(0), "a read"));
            }
            Line::Feed(line) => match line {
                FeedLine::Began {
                    feed,
                    name,
                    wanted,
                    start,
                    ..
                } => {
                    let place = format!("{} feed {feed}, {name}", log.process);
                    let feeding = Feed::begun(place, stream.passing(wanted), start, known);
                    findings.count(begun_as(start), 1);
                    feeds.insert(*feed, feeding);
                }
                FeedLine::Gave { feed, block } => {
                    findings.count("events given by feeds", block.steps.len());
                    feeds.get_mut(feed).unwrap().gave(block, findings);
                    known = known.max((block.sequences().max().unwrap_or(0), "a feed"));
                }
                FeedLine::CaughtUp { feed, at } => {
                    findings.count("feeds caught up", 1);
                    feeds.get_mut(feed).unwrap().caught_up(*at, findings);
                }
                FeedLine::Ended { feed, end, .. } => {
                    at_the_end += u64::from(*end == End::Finished);
                    feeds.get_mut(feed).unwrap().ended(end, findings);
                }
                FeedLine::Interrupted { .. } => {
                    findings.count("feeds gone on after an interruption", 1);
                }
                FeedLine::Waits { .. } => findings.count("feeds that waited for the server", 1),
                FeedLine::Finished { feeds } if *feeds != at_the_end => {
                    let detail = format!("{}: {at_the_end} of {feeds} feeds", log.process);
                    findings.violation(Kind::FeedNotAtTheEnd, detail);
                }
                FeedLine::Finished { .. } => {}
            },
            Line::ReadEnded { .. } | Line::Snapshot(_) => {}
        }
    }
    let cut = feeds.values().filter(|feed| !feed.has_ended).count();
    findings.count("feeds cut off with their process", cut);
    for feed in feeds.values() {
        feed.began_in_time(findings);
    }
}

fn begun_as(start: &Start) -> &'static str {
    match start {
        Start::Beginning => "feeds begun at the beginning",
        Start::After(_) => "feeds resumed",
        Start::Now => "feeds begun from now",
    }
}

impl<'a> Stream<'a> {
    fn of(logs: &'a [ProcessLog], messages: &'a [Message]) -> Self {
        let mut tried: HashMap<&str, u64> = HashMap::new();
        for line in logs.iter().flat_map(|log| &log.lines) {
            if let Line::Attempt { at, events, .. } = line {
                for event in events {
                    let first = tried.entry(&event.id).or_insert(*at);
                    *first = (*first).min(*at);
                }
            }
        }
        let mut all = Vec::new();
        for message in messages {
            for (event, index) in message.events.iter().flatten().zip(0..) {
                all.push(Rc::new(Place {
                    sequence: message.sequence,
                    index,
                    actor: &message.actor,
                    event,
                    tried: tried.get(event.id.as_str()).copied().unwrap_or(0),
                }));
            }
        }
        let sequence = |place: &Rc<Place<'a>>| {
            let version = place.event.version.unwrap_or(0);
            ((place.actor, version), place.sequence)
        };
        Self {
            sequences: all.iter().map(sequence).collect(),
            all: Rc::new(all),
            passing: HashMap::new(),
        }
    }

    fn sequence(&self, actor: &'a str, version: u64) -> Option<u64> {
        self.sequences.get(&(actor, version)).copied()
    }

    fn passing(&mut self, wanted: &'a Wanted) -> Places<'a> {
        let passing = self.passing.entry(wanted).or_insert_with(|| {
            let passes =
                |place: &&Rc<Place<'_>>| wanted.passes(place.actor, &place.event.event_type);
            Rc::new(self.all.iter().filter(passes).cloned().collect())
        });
        passing.clone()
    }
}

impl<'a> Feed<'a> {
    fn begun(place: String, passing: Places<'a>, start: &Start, known: Known) -> Self {
        let began = match start {
            Start::Beginning => Some(0),
            Start::After(position) => Some(behind(&passing, position)),
            Start::Now => None,
        };
        Self {
            place,
            passing,
            from_now: *start == Start::Now,
            known,
            next: began.unwrap_or(0),
            began,
            caught_up: None,
            has_given: false,
            has_ended: false,
        }
    }

    fn gave(&mut self, block: &Block, findings: &mut Findings) {
        if self.has_ended {
            self.wrong(Kind::FedAfterItsEnd, &block.last, findings);
        }
        let given: Vec<u64> = block.sequences().collect();
        let lowest = given.iter().min().copied().unwrap_or(0);
        let (known, from) = self.known;
        if self.from_now && lowest <= known {
            let detail = format!("{lowest}, and {known} was known from {from}");
            self.wrong(Kind::FedThePast, &detail, findings);
        }
        if self.began.is_none() {
            let first = self.passing.partition_point(|p| p.sequence < given[0]);
            (self.began, self.next) = (Some(first), first);
        }
        self.has_given = true;
        let left = &self.passing[self.next..];
        let expected = &left[..given.len().min(left.len())];
        let same = expected
            .iter()
            .map(|p| p.sequence)
            .eq(given.iter().copied());
        let digest = |places: &[Rc<Place<'_>>]| {
            places.iter().fold(0, |before, place| {
                fold(before, place.index, place.actor, place.event)
            })
        };
        if same && digest(expected) == block.digest {
            self.next += given.len();
            return;
        }
        let end = behind(&self.passing, &block.last).max(self.next);
        match same {
            true => {
                let (first, last) = (given.first(), &block.last);
                let detail = format!("in what it gave from {first:?} to {last}");
                self.wrong(Kind::FedChanged, &detail, findings);
            }
            false => self.compare(&given, end, findings),
        }
        self.next = end;
    }

    /// What is the matter with these sequences, where those up to this index were due.
    fn compare(&self, given: &[u64], end: usize, findings: &mut Findings) {
        let mut counts: BTreeMap<u64, i64> = BTreeMap::new();
        for place in &self.passing[self.next..end] {
            *counts.entry(place.sequence).or_default() -= 1;
        }
        for sequence in given {
            *counts.entry(*sequence).or_default() += 1;
        }
        let first = self.next.checked_sub(1).map(|i| self.passing[i].sequence);
        let range = format!(
            "after {first:?}, {} events up to {:?}",
            given.len(),
            given.last()
        );
        let mut is_explained = false;
        for (sequence, count) in counts {
            let is_there = self.passing[..end].iter().any(|p| p.sequence == sequence);
            let kind = match (count.cmp(&0), is_there) {
                (Ordering::Equal, _) => continue,
                (Ordering::Less, _) => Kind::FedTooLittle,
                (Ordering::Greater, true) => Kind::FedTwice,
                (Ordering::Greater, false) => Kind::FedTooMuch,
            };
            is_explained = true;
            let detail = format!("{count:+} of message {sequence}: {range}");
            self.wrong(kind, &detail, findings);
        }
        if !is_explained {
            self.wrong(Kind::FedOutOfOrder, &range, findings);
        }
    }

    fn caught_up(&mut self, at: u64, findings: &mut Findings) {
        if self.has_ended {
            self.wrong(Kind::FedAfterItsEnd, "caught up", findings);
        }
        if self.caught_up.replace(at).is_some() {
            self.wrong(Kind::CaughtUpTwice, "", findings);
            return;
        }
        let (known, from) = self.known;
        let due = self.passing.partition_point(|p| p.sequence <= known);
        if !self.from_now && self.next < due {
            let left = due - self.next;
            let detail = format!("{left} events are left up to {known}, known from {from}");
            self.wrong(Kind::CaughtUpTooSoon, &detail, findings);
        }
    }

    fn ended(&mut self, end: &End, findings: &mut Findings) {
        match end {
            _ if self.has_ended => self.wrong(Kind::FedAfterItsEnd, &format!("{end:?}"), findings),
            End::Dropped => findings.count("feeds dropped", 1),
            End::Finished => {
                let next = self.began.map_or(self.passing.len(), |_| self.next);
                let left = self.passing.len() - next;
                if left > 0 {
                    let detail = format!("{left} events are left");
                    self.wrong(Kind::FeedNotAtTheEnd, &detail, findings);
                }
                if self.caught_up.is_none() {
                    self.wrong(Kind::CaughtUpNever, "", findings);
                }
                self.began.get_or_insert(next);
                findings.count("feeds at the end of the stream", 1);
            }
            // Nothing can have begun where nothing has come.
            End::Failed(error)
                if error == "Unavailable" && !self.has_given && self.caught_up.is_none() =>
            {
                findings.count("feeds that could not begin", 1);
            }
            End::Failed(error) => self.wrong(Kind::FeedFailed, error, findings),
            End::Closed => self.wrong(Kind::FeedFailed, "it closed", findings),
        }
        self.has_ended = true;
    }

    /// Of a feed from now: it may have begun at any time until it said that it has caught up. What
    /// was saved after that belongs to it.
    fn began_in_time(&self, findings: &mut Findings) {
        let (true, Some(began), Some(at)) = (self.from_now, self.began, self.caught_up) else {
            return;
        };
        for place in self.passing[..began].iter().filter(|p| p.tried > at) {
            let detail = format!("message {} was saved after it had begun", place.sequence);
            self.wrong(Kind::FedTooLittle, &detail, findings);
        }
    }

    fn wrong(&self, kind: Kind, detail: &str, findings: &mut Findings) {
        findings.violation(kind, format!("{}: {detail}", self.place));
    }
}

/// The index of the first place behind this position.
fn behind(places: &[Rc<Place<'_>>], position: &str) -> usize {
    let position: Position = position.parse().unwrap();
    let at = (position.sequence(), position.index());
    places.partition_point(|place| (place.sequence, place.index) <= at)
}
