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
//! - The origin has not answered yet. What came before is older than the subscription, as far as
//!   anybody promises; but a listener who has been there for long should have been answered.
//!
//! A later series says that the one before has ended, with a number that was announced. Where that
//! announcement was not heard, nobody knows what was lost at the end of it.

use std::time::{Duration, Instant};

use crate::index::Map;
use aether_core::{EventType, Namespace};

use crate::Missed;
use crate::lost::Lost;
use crate::nats::numbers::Place;
use crate::nats::origin::Origin;

/// The most subjects, of all origins, of which a listener remembers what it has heard.
pub(crate) const SUBJECTS_MAX: usize = 65_536;
/// How long origins may take to hear of a listener.
const YOUNG: Duration = Duration::from_secs(5);
/// How long it is remembered where an origin was that is silent.
const REMEMBERED: Duration = Duration::from_secs(3_600);

/// What one listener has heard.
#[derive(Debug)]
pub(crate) struct Course {
    origins: Map<Origin, Origins>,
    /// Of all origins.
    subjects: usize,
    subjects_max: usize,
    /// How many messages were heard.
    clock: u64,
}

/// What was heard of one origin.
#[derive(Debug, Default)]
struct Origins {
    subjects: Map<Box<str>, Heard>,
    /// Every series from this one on began after it knew of the listener.
    since: Option<u64>,
    silent_since: Option<Instant>,
}

/// What was heard on one subject.
#[derive(Debug)]
struct Heard {
    last: Place,
    has_ended: bool,
    /// When, by the clock.
    at: u64,
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
            subjects: 0,
            subjects_max,
            clock: 0,
        }
    }

    /// A message was heard, by a listener who has been there since `began`. What its subject is about
    /// is asked where nothing was heard on it; where it is about nothing the message was not heard.
    pub(crate) fn hear<E>(
        &mut self,
        (origin, subject): (Origin, &str),
        (said, place): (Said, Place),
        began: Instant,
        topic: impl FnOnce() -> Result<Topic, E>,
    ) -> Result<(Verdict, Topic), E> {
        self.clock += 1;
        let at = self.clock;
        let known = self.origins.entry(origin).or_default();
        known.silent_since = None;
        if let Some(heard) = known.subjects.get_mut(subject) {
            heard.at = at;
            return Ok((heard.hear(said, place), heard.topic.clone()));
        }
        let topic = topic()?;
        let heard = Heard {
            last: place,
            has_ended: said == Said::End,
            at,
            topic: topic.clone(),
        };
        known.subjects.insert(subject.into(), heard);
        let before = place.number - u64::from(said == Said::Event);
        let lost = match known.since {
            _ if before == 0 => Lost::default(),
            Some(since) if place.series >= since => Lost::exactly(before),
            Some(_) => Missed::Unknown.into(),
            None if began.elapsed() < YOUNG => Lost::default(),
            None => Missed::Unknown.into(),
        };
        self.subjects += 1;
        if self.subjects > self.subjects_max {
            self.forget();
        }
        let verdict = Verdict {
            lost,
            is_late: false,
        };
        Ok((verdict, topic))
    }

    /// Every series of the origin from this one on began after it knew of this listener. To be said
    /// when everything was heard that came before the origin's answer did.
    pub(crate) fn knows_us(&mut self, origin: Origin, since: u64) {
        let known = self.origins.entry(origin).or_default();
        known.silent_since = None;
        known.since.get_or_insert(since);
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

    /// This origin has stopped, and has said so behind the ends of all its series: the topics of
    /// those of which the end was not heard.
    pub(crate) fn stops(&mut self, origin: Origin) -> Vec<Topic> {
        let Some(known) = self.origins.remove(&origin) else {
            return Vec::new();
        };
        self.subjects -= known.subjects.len();
        let open = known
            .subjects
            .into_values()
            .filter(|heard| !heard.has_ended);
        open.map(|heard| heard.topic).collect()
    }

    fn forget_the_silent(&mut self, now: Instant) {
        let subjects = &mut self.subjects;
        self.origins.retain(|_, known| {
            let is_over = |since| now.saturating_duration_since(since) >= REMEMBERED;
            let is_forgotten = known.silent_since.is_some_and(is_over);
            if is_forgotten {
                *subjects -= known.subjects.len();
            }
            !is_forgotten
        });
    }

    /// Forgets a quarter: the subjects on which nothing was heard for longest. What comes next on one
    /// of them has nothing to be compared with, so it must not be taken for a series that began
    /// after the origin knew of the listener.
    fn forget(&mut self) {
        let all = self
            .origins
            .values()
            .flat_map(|known| known.subjects.values());
        let mut times: Vec<u64> = all.map(|heard| heard.at).collect();
        let place = times.len() / 4;
        let (_, newest, _) = times.select_nth_unstable(place);
        let newest = *newest;
        for known in self.origins.values_mut() {
            let Origins {
                subjects, since, ..
            } = known;
            subjects.retain(|_, heard| {
                let stays = heard.at > newest;
                if !stays {
                    let next = heard.last.series + 1;
                    *since = since.map(|since| since.max(next));
                }
                stays
            });
        }
        let all = self.origins.values();
        self.subjects = all.map(|known| known.subjects.len()).sum();
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
