//! What a listener has heard of each origin, and what it has missed: pure accounting.
//!
//! # Why what was missed shows
//!
//! The server gives a listener the messages of an origin on a subject in the order in which that
//! origin has published them, perhaps not all of them. Their numbers rise by one. So between one number
//! and the next that is heard just those in between are missing, and they were published between the
//! two. An announcement has the number of the last message before it: what is missing up to it is
//! missing, too. So whatever is lost shows with the next message or announcement that is not.
//!
//! The first number that is heard has none before it to be compared with. When it is 1, nothing is
//! missing. Otherwise it depends on whether the origin knew of this listener when the series began:
//!
//! - It said so, by naming the first series that would begin after it had heard of the listener. What
//!   comes before in a later series was missed.
//! - The series is an earlier one: on being asked the origin has announced the last number of those,
//!   and answered after that. So it is not the first number that is heard, unless the announcement
//!   was lost, or forgotten here: nobody knows then what else was.
//! - The origin has not answered yet. That is found out when it has: what came before in a later series
//!   was missed, and in an earlier one it is older than the subscription, as far as anybody promises.
//!
//! A later series says that the one before has ended, with a number that was announced. Where that
//! announcement was not heard, nobody knows what was lost at the end of it.
//!
//! Whoever was away asks again. The origin announces the last numbers once more, so that what was lost
//! meanwhile shows; and it says how many series it has forgotten. Where these are more than before,
//! something may have been missed of one of them, and nobody knows what.

use std::time::{Duration, Instant};

use crate::index::Map;
use aether_core::{EventType, Namespace};

use crate::lost::Lost;
use crate::nats::numbers::Place;
use crate::nats::origin::Origin;
use crate::{Missed, NatsBusConfig};

/// The most subjects of an origin of which a listener remembers what it has heard: twice as many as it
/// keeps the numbers of.
const SUBJECTS_MAX: usize = 2 * NatsBusConfig::SUBJECTS_MAX;
/// How long it is remembered where an origin was that is silent.
const REMEMBERED: Duration = Duration::from_secs(3_600);
/// The most origins that are silent.
const SILENT_MAX: usize = 4_096;

/// What one listener has heard.
#[derive(Debug)]
pub(crate) struct Course {
    origins: Map<Origin, Known>,
    subjects_max: usize,
    /// How many messages were heard.
    clock: u64,
}

/// What was heard of one origin.
#[derive(Debug, Default)]
struct Known {
    subjects: Map<Box<str>, Heard>,
    /// Every series from this one on began after it knew of the listener.
    since: Option<u64>,
    /// How many series it has said to have forgotten.
    forgotten: u64,
    silent_since: Option<Instant>,
}

/// What was heard on one subject.
#[derive(Debug)]
struct Heard {
    last: Place,
    has_ended: bool,
    /// When, by the clock.
    at: u64,
    /// How many came before the first that was heard, where it could not be compared yet.
    unchecked: u64,
    topic: Topic,
}

/// What a subject is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Topic {
    pub(crate) namespace: Namespace,
    pub(crate) event_type: EventType,
}

/// What a message says about its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// It has it.
    Event,
    /// It is the last one so far.
    Last,
    /// It is the last one of its series.
    End,
}

/// What follows from a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Verdict {
    /// What was missed before it.
    pub(crate) lost: Lost,
    /// An event that was heard before, or comes too late: what was missed was told.
    pub(crate) is_late: bool,
}

impl Course {
    pub(crate) fn new() -> Self {
        Self::with_room_for(SUBJECTS_MAX)
    }

    fn with_room_for(subjects_max: usize) -> Self {
        Self {
            origins: Map::default(),
            subjects_max,
            clock: 0,
        }
    }

    /// A message was heard. What its subject is about is asked where nothing was heard on it; where
    /// it is about nothing the message was not heard.
    pub(crate) fn hear<E>(
        &mut self,
        (origin, subject): (Origin, &str),
        (said, place): (Said, Place),
        topic: impl FnOnce() -> Result<Topic, E>,
    ) -> Result<(Verdict, Topic), E> {
        self.clock += 1;
        let at = self.clock;
        if let Some(known) = self.origins.get_mut(&origin)
            && let Some(heard) = known.subjects.get_mut(subject)
        {
            known.silent_since = None;
            heard.at = at;
            return Ok((heard.hear(said, place), heard.topic.clone()));
        }
        let topic = topic()?;
        let known = self.origins.entry(origin).or_default();
        known.silent_since = None;
        let before = place.number - u64::from(said == Said::Event);
        let heard = Heard {
            last: place,
            has_ended: said == Said::End,
            at,
            unchecked: if known.since.is_none() { before } else { 0 },
            topic: topic.clone(),
        };
        let lost = match known.since {
            _ if before == 0 => Lost::default(),
            Some(since) if place.series >= since => Lost::exactly(before),
            Some(_) => Missed::Unknown.into(),
            None => Lost::default(),
        };
        known.subjects.insert(subject.into(), heard);
        if known.subjects.len() > self.subjects_max {
            known.forget();
        }
        let verdict = Verdict {
            lost,
            is_late: false,
        };
        Ok((verdict, topic))
    }

    /// The origin has answered: every series from this one on began after it knew of this listener,
    /// and so many it has forgotten. To be said when everything was heard that came before the answer
    /// did. What shows now to have been missed; and whether something may have been of which nobody
    /// knows.
    pub(crate) fn knows_us(
        &mut self,
        origin: Origin,
        since: u64,
        forgotten: u64,
    ) -> (Vec<(Topic, u64)>, bool) {
        let known = self.origins.entry(origin).or_default();
        known.silent_since = None;
        let told = std::mem::replace(&mut known.forgotten, forgotten);
        if known.since.is_some() {
            return (Vec::new(), forgotten != told);
        }
        known.since = Some(since);
        let mut missed = Vec::new();
        for heard in known.subjects.values_mut() {
            let unchecked = std::mem::take(&mut heard.unchecked);
            if unchecked > 0 && heard.last.series >= since {
                missed.push((heard.topic.clone(), unchecked));
            }
        }
        (missed, false)
    }

    /// Nothing comes from this origin any more, and it has not said that it stops: whether it is one
    /// that may have published something to this listener.
    pub(crate) fn falls_silent(&mut self, origin: Origin, now: Instant) -> bool {
        self.forget_the_silent(now);
        match self.origins.get_mut(&origin) {
            Some(known) => {
                known.silent_since.get_or_insert(now);
                true
            }
            None => false,
        }
    }

    /// This origin has stopped, and has said so behind the ends of all its series: whether one of
    /// these was not heard.
    pub(crate) fn stops(&mut self, origin: Origin) -> bool {
        let known = self.origins.remove(&origin);
        let subjects = known.into_iter().flat_map(|known| known.subjects);
        subjects.into_iter().any(|(_, heard)| !heard.has_ended)
    }

    /// Where the silent were is forgotten after a while; that they were there is not, unless they are
    /// very many.
    fn forget_the_silent(&mut self, now: Instant) {
        let mut silent = 0;
        self.origins.retain(|_, known| {
            let Some(since) = known.silent_since else {
                return true;
            };
            silent += 1;
            if now.saturating_duration_since(since) >= REMEMBERED {
                known.forget_all();
            }
            silent <= SILENT_MAX
        });
    }
}

impl Known {
    /// Forgets a quarter: the subjects on which nothing was heard for longest. What comes next on one
    /// of them has nothing to be compared with, so it must not be taken for a series that began
    /// after the origin knew of the listener.
    fn forget(&mut self) {
        // Those that have ended are needed by nobody, unless they are gone on with.
        let before = self.subjects.len();
        self.subjects.retain(|_, heard| !heard.has_ended);
        if self.subjects.len() < before - before / 4 {
            return;
        }
        let mut times: Vec<u64> = self.subjects.values().map(|heard| heard.at).collect();
        let place = times.len() / 4;
        let (_, newest, _) = times.select_nth_unstable(place);
        self.forget_up_to(*newest);
    }

    fn forget_all(&mut self) {
        self.forget_up_to(u64::MAX);
        self.subjects.shrink_to_fit();
    }

    fn forget_up_to(&mut self, newest: u64) {
        let Self {
            subjects, since, ..
        } = self;
        subjects.retain(|_, heard| {
            let stays = heard.at > newest;
            if !stays {
                let next = heard.last.series.saturating_add(1);
                *since = since.map(|since| since.max(next));
            }
            stays
        });
    }
}

impl Heard {
    fn hear(&mut self, said: Said, place: Place) -> Verdict {
        let mut lost = Lost::default();
        if place.series > self.last.series {
            if !self.has_ended {
                lost = Missed::Unknown.into();
            }
            self.has_ended = false;
            self.unchecked = 0;
            self.last = Place {
                series: place.series,
                number: 0,
            };
        }
        if place.series < self.last.series {
            return Verdict {
                lost,
                is_late: true,
            };
        }
        let is_event = said == Said::Event;
        if place.number <= self.last.number {
            self.has_ended |= said == Said::End && place == self.last;
            return Verdict {
                lost,
                is_late: is_event,
            };
        }
        let missing = place.number - self.last.number - u64::from(is_event);
        if missing > 0 {
            lost.add(Lost::exactly(missing));
        }
        self.last = place;
        self.has_ended = said == Said::End;
        Verdict {
            lost,
            is_late: false,
        }
    }
}

#[cfg(test)]
mod tests;
