//! Holds what the workers wrote down against what is in the stream. Pure: no I/O.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::feeds;
use crate::log::{Asked, Line, Offered, Outcome, Snapshot};
use crate::reads;
use crate::resolution::{self, Resolution};

/// What one process wrote down.
#[derive(Debug, Clone)]
pub(crate) struct ProcessLog {
    pub(crate) process: String,
    pub(crate) lines: Vec<Line>,
}

/// A message of the stream, read without the store.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) sequence: u64,
    pub(crate) actor: String,
    /// Each with its version; the error where it can't be read.
    pub(crate) events: Result<Vec<Offered>, String>,
}

/// What must not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    AcknowledgedIsMissing,
    AcknowledgedElsewhere,
    StoredTwice,
    TwoWinners,
    VersionFell,
    StoredInPart,
    ContentChanged,
    NobodyWroteIt,
    Unreadable,
    ConflictThoughStored,
    UnavailableThoughStored,
    RepeatDenied,
    RepeatOfNothing,
    ReadWentBack,
    OwnWriteNotSeen,
    ReadOfWhatNeverWas,
    ReadIsNotTheHistory,
    WrongError,
    StoreReadsOther,
    ConflictWithoutReason,
    RestoredIsNotTheState,
    /// Events were left out by a feed.
    FedTooLittle,
    FedTwice,
    FedOutOfOrder,
    /// What doesn't pass the filter, or comes before the feed's beginning.
    FedTooMuch,
    FedChanged,
    FedThePast,
    FedAfterItsEnd,
    FeedFailed,
    FeedNotAtTheEnd,
    CaughtUpTwice,
    CaughtUpTooSoon,
    CaughtUpNever,
    ConsumerLeft,
}

/// What there is in the end.
#[derive(Debug, Clone)]
pub(crate) struct Truth {
    /// The stream, read without the store.
    pub(crate) messages: Vec<Message>,
    pub(crate) reads: Vec<FinalRead>,
    /// Consumers that the server still has.
    pub(crate) consumers: Vec<String>,
}

/// What the store reads of an actor in the end.
#[derive(Debug, Clone)]
pub(crate) struct FinalRead {
    pub(crate) actor: String,
    pub(crate) events: Result<Vec<Offered>, String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Violation {
    pub(crate) kind: Kind,
    pub(crate) detail: String,
}

#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) violations: Vec<Violation>,
    pub(crate) counts: BTreeMap<&'static str, u64>,
    pub(crate) resolutions: BTreeMap<Resolution, u64>,
}

impl Findings {
    pub(crate) fn violation(&mut self, kind: Kind, detail: String) {
        self.violations.push(Violation { kind, detail });
    }

    pub(crate) fn count(&mut self, what: &'static str, by: usize) {
        *self.counts.entry(what).or_default() += by as u64;
    }

    pub(crate) fn kinds(&self) -> BTreeSet<Kind> {
        self.violations.iter().map(|v| v.kind).collect()
    }
}

/// A commit that was offered, once or more often.
#[derive(Debug)]
pub(crate) struct Offer<'a> {
    actor: &'a str,
    events: &'a [Offered],
    /// In the order of one process; a commit is offered by one process only.
    pub(crate) attempts: Vec<Option<&'a Outcome>>,
    /// What each of them asked for: drafts get versions when their save ends openly.
    wanted: Vec<Wanted>,
    /// The sequence of the message, where it is stored.
    pub(crate) stored: Option<u64>,
}

/// Where an attempt was to be stored.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    /// Right after this version, where it says one.
    after: Option<u64>,
    /// From this version on; none for drafts.
    first: Option<u64>,
}

impl Wanted {
    /// Whether it can't be stored where this is the current version.
    fn conflicts_at(self, current: u64) -> bool {
        match (self.after, self.first) {
            (Some(after), _) => current != after,
            (None, Some(first)) => current >= first,
            (None, None) => false, // drafts follow whatever there is
        }
    }
}

/// An event of a history: version, id, whether its commit ends with it.
pub(crate) type Row<'a> = (u64, &'a str, bool);

pub(crate) fn check(logs: &[ProcessLog], truth: &Truth) -> Findings {
    let stream = &truth.messages[..];
    let mut findings = Findings::default();
    let mut offers = offers(logs, &mut findings);
    let histories = check_stream(stream, &mut offers, &mut findings);
    let stored: HashMap<&str, (u64, u64)> = stream
        .iter()
        .flat_map(|message| {
            let events = message.events.iter().flatten();
            events.map(|e| (e.id.as_str(), (message.sequence, e.version.unwrap_or(0))))
        })
        .collect();
    for (name, offer) in &offers {
        check_offer(name, offer, &stored, &mut findings);
        for resolution in resolution::of(offer) {
            *findings.resolutions.entry(resolution).or_default() += 1;
        }
    }
    for log in logs {
        reads::check(log, &histories, &mut findings);
    }
    feeds::check::check(logs, stream, &mut findings);
    check_final_reads(&truth.reads, stream, &mut findings);
    for consumer in &truth.consumers {
        findings.violation(Kind::ConsumerLeft, consumer.clone());
    }
    findings
}

/// All commits that were offered, by name.
fn offers<'a>(logs: &'a [ProcessLog], findings: &mut Findings) -> BTreeMap<&'a str, Offer<'a>> {
    let mut offers: BTreeMap<&str, Offer<'_>> = BTreeMap::new();
    for log in logs {
        let (mut open, mut asks) = (HashMap::new(), HashMap::new());
        for line in &log.lines {
            match line {
                Line::Attempt {
                    op,
                    commit,
                    actor,
                    events,
                    after,
                    ..
                } => {
                    let offer = offers.entry(commit).or_insert_with(|| Offer {
                        actor,
                        events,
                        attempts: Vec::new(),
                        wanted: Vec::new(),
                        stored: None,
                    });
                    findings.count("saves tried", 1);
                    findings.count("events offered", events.len());
                    findings.count("batches tried", usize::from(events.len() > 1));
                    findings.count("repeats tried", usize::from(!offer.attempts.is_empty()));
                    open.insert(*op, (commit.as_str(), offer.attempts.len()));
                    offer.attempts.push(None);
                    offer.wanted.push(Wanted {
                        after: *after,
                        first: events.first().and_then(|event| event.version),
                    });
                }
                Line::Ended { op, outcome, .. } => {
                    let (commit, attempt) = open[op];
                    offers.get_mut(commit).unwrap().attempts[attempt] = Some(outcome);
                    findings.count(counted_as(outcome), 1);
                    if let Outcome::Wrong(error) = outcome {
                        findings.violation(Kind::WrongError, format!("{commit}: {error}"));
                    }
                    open.remove(op);
                }
                Line::ReadBegan { op, asked, .. } => {
                    findings.count("reads tried", 1);
                    asks.insert(*op, *asked);
                }
                Line::ReadEnded { op, seen } => {
                    findings.count("reads answered", usize::from(seen.is_ok()));
                    let what = match asks.remove(op) {
                        Some(Asked::Events { from: 0 }) => "whole histories read",
                        Some(Asked::Events { .. }) => "histories read from a version on",
                        Some(Asked::State) => "states restored",
                        Some(Asked::Latest) | None => "latest versions read",
                    };
                    findings.count(what, usize::from(seen.is_ok()));
                }
                Line::Snapshot(Snapshot::Saved) => findings.count("snapshots saved", 1),
                Line::Snapshot(Snapshot::Superseded) => findings.count("snapshots superseded", 1),
                Line::Snapshot(Snapshot::Used) => findings.count("states from a snapshot", 1),
                Line::Snapshot(Snapshot::Wrong(error)) => {
                    findings.violation(Kind::WrongError, format!("snapshot: {error}"));
                }
                Line::Feed(_) => {}
            }
        }
        findings.count("saves cut off with their process", open.len());
    }
    offers
}

fn counted_as(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Stored {
            repeated: false, ..
        } => "saves acknowledged",
        Outcome::Stored { repeated: true, .. } => "repeats acknowledged as such",
        Outcome::Conflict { .. } => "conflicts",
        Outcome::Indeterminate => "indeterminate",
        Outcome::Dropped => "futures dropped",
        Outcome::Unavailable => "unavailable",
        Outcome::Wrong(_) => "wrong errors",
    }
}

/// Checks the stream by itself and against what was offered. Gives each actor's history.
fn check_stream<'a>(
    stream: &'a [Message],
    offers: &mut BTreeMap<&str, Offer<'_>>,
    findings: &mut Findings,
) -> HashMap<&'a str, Vec<Row<'a>>> {
    let owner: HashMap<&str, &str> = offers
        .iter()
        .flat_map(|(name, offer)| offer.events.iter().map(|e| (e.id.as_str(), *name)))
        .collect();
    let mut histories: HashMap<&str, Vec<Row<'_>>> = HashMap::new();
    let mut seen: HashMap<&str, u64> = HashMap::new();
    findings.count("messages in the stream", stream.len());
    for message in stream {
        let place = format!("message {} of {}", message.sequence, message.actor);
        let events = match &message.events {
            Ok(events) => events,
            Err(error) => {
                findings.violation(Kind::Unreadable, format!("{place}: {error}"));
                continue;
            }
        };
        findings.count("events in the stream", events.len());
        let history = histories.entry(&message.actor).or_default();
        for (index, event) in events.iter().enumerate() {
            let version = event.version.unwrap_or(0);
            if let Some(first) = seen.insert(&event.id, message.sequence) {
                let detail = format!("{place}: {} is in message {first} too", event.id);
                findings.violation(Kind::StoredTwice, detail);
            }
            let latest = history.last().map_or(0, |row| row.0);
            if version <= latest {
                let taken = history.iter().any(|row| row.0 == version);
                let kind = match taken {
                    true => Kind::TwoWinners,
                    false => Kind::VersionFell,
                };
                let detail = format!("{place}: version {version} after {latest}");
                findings.violation(kind, detail);
            }
            history.push((version, &event.id, index + 1 == events.len()));
        }
        let names: BTreeSet<_> = events.iter().map(|e| owner.get(e.id.as_str())).collect();
        for event in events.iter().filter(|e| !owner.contains_key(e.id.as_str())) {
            findings.violation(Kind::NobodyWroteIt, format!("{place}: {}", event.id));
        }
        for name in names.into_iter().flatten() {
            let offer = offers.get_mut(name).unwrap();
            offer.stored.get_or_insert(message.sequence);
            compare(&place, message, offer, events, findings);
        }
    }
    histories
}

/// A message has the whole of a commit, as it was offered.
fn compare(
    place: &str,
    message: &Message,
    offer: &Offer<'_>,
    events: &[Offered],
    findings: &mut Findings,
) {
    let same_ids = offer.events.len() == events.len()
        && offer.events.iter().zip(events).all(|(a, b)| a.id == b.id);
    if !same_ids {
        let ids: Vec<_> = events.iter().map(|e| &e.id).collect();
        let detail = format!("{place}: {ids:?} of {} events", offer.events.len());
        findings.violation(Kind::StoredInPart, detail);
        return;
    }
    for (offered, stored) in offer.events.iter().zip(events) {
        let version = offered.version.is_none_or(|v| stored.version == Some(v));
        if !version || offered.content != stored.content || offer.actor != message.actor {
            findings.violation(Kind::ContentChanged, format!("{place}: {}", stored.id));
        }
    }
}

/// What each attempt was told must be true.
fn check_offer(
    name: &str,
    offer: &Offer<'_>,
    stored: &HashMap<&str, (u64, u64)>,
    findings: &mut Findings,
) {
    let mut acknowledged = false;
    // Whether an attempt so far may have been stored, by what it was told.
    let mut open = false;
    // What is stored, though each attempt was told that it isn't.
    let denied = |o: &Option<&Outcome>| matches!(o, Some(Outcome::Unavailable));
    if offer.stored.is_some() && offer.attempts.iter().all(denied) {
        let detail = format!("{name} of {}", offer.actor);
        findings.violation(Kind::UnavailableThoughStored, detail);
    }
    for (number, outcome) in offer.attempts.iter().enumerate() {
        let Some(outcome) = outcome else {
            open = true;
            continue;
        };
        match outcome {
            Outcome::Stored {
                repeated,
                sequence,
                versions,
            } => {
                let places = offer.events.iter().map(|e| stored.get(e.id.as_str()));
                let places: Vec<_> = places.flatten().collect();
                let detail = format!("{name} of {}, sequence {sequence}", offer.actor);
                if places.len() < offer.events.len() {
                    findings.violation(Kind::AcknowledgedIsMissing, detail.clone());
                } else if places.last().is_some_and(|place| place.0 != *sequence)
                    || !places
                        .iter()
                        .map(|place| place.1)
                        .eq(versions.iter().copied())
                {
                    let detail = format!("{detail}, versions {versions:?}: is at {places:?}");
                    findings.violation(Kind::AcknowledgedElsewhere, detail);
                }
                if *repeated && !open {
                    let kind = match number {
                        0 => Kind::RepeatOfNothing,
                        _ => Kind::UnavailableThoughStored,
                    };
                    findings.violation(kind, detail.clone());
                }
                if !*repeated && acknowledged {
                    findings.violation(Kind::RepeatDenied, detail);
                }
                acknowledged = true;
                open = true;
            }
            Outcome::Indeterminate | Outcome::Dropped => open = true,
            Outcome::Conflict { current } if offer.stored.is_some() => {
                let detail = format!("{name} of {}, current {current}", offer.actor);
                findings.violation(Kind::ConflictThoughStored, detail);
            }
            Outcome::Conflict { current } if !offer.wanted[number].conflicts_at(*current) => {
                let detail = format!("{name} of {}, current {current}", offer.actor);
                findings.violation(Kind::ConflictWithoutReason, detail);
            }
            Outcome::Conflict { .. } | Outcome::Unavailable | Outcome::Wrong(_) => {}
        }
    }
}

/// In the end the store reads exactly what is in the stream.
fn check_final_reads(reads: &[FinalRead], stream: &[Message], findings: &mut Findings) {
    let mut contents: HashMap<&str, Vec<&Offered>> = HashMap::new();
    for message in stream {
        let content = contents.entry(&message.actor).or_default();
        content.extend(message.events.iter().flatten());
    }
    findings.count("actors read in the end", reads.len());
    for read in reads {
        let content = contents.remove(read.actor.as_str()).unwrap_or_default();
        let detail = match &read.events {
            Ok(events) if content.iter().copied().eq(events) => continue,
            Ok(events) => format!("{} events of {}", events.len(), content.len()),
            Err(error) => error.clone(),
        };
        findings.violation(Kind::StoreReadsOther, format!("{}: {detail}", read.actor));
    }
    // An actor that nobody reads, because nobody should have written it.
    for actor in contents.into_keys() {
        findings.violation(Kind::NobodyWroteIt, format!("actor {actor}"));
    }
}
