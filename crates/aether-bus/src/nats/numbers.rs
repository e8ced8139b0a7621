//! What a node has published: its messages are numbered, on each subject by itself, so that whoever
//! listens to some subjects only sees where one is missing, and sees none missing where none is.
//!
//! The numbers of a subject are a *series*, and series are numbered too, over all subjects. Of too many
//! subjects those are forgotten that have been quiet for longest: their series end, which is said, and
//! what is published there later begins another one. Whoever was away then is told, when it asks, how
//! many were forgotten.
//!
//! The last number of a quiet subject is announced: after one tick, two, four, and so on up to
//! [`ANNOUNCED_EVERY_MAX`], so that a lost last message shows, and so does one of which the first
//! announcements were lost, too. After [`QUIET_MAX`] it is announced only to who asks.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use crate::index::Map;

use crate::nats::course::Topic;

/// The longest time between two announcements of a quiet subject, in ticks.
const ANNOUNCED_EVERY_MAX: u32 = 64;
/// After how many quiet ticks it is announced to nobody who doesn't ask.
const QUIET_MAX: u32 = 10 * ANNOUNCED_EVERY_MAX;

/// Which message it is, of those that one origin has published on one subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// A later series of the same subject is a higher one.
    pub(crate) series: u64,
    /// From 1 on.
    pub(crate) number: u64,
}

impl Place {
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (series, number) = text.split_once('.')?;
        Some(Self {
            series: decimal(series)?,
            number: decimal(number)?,
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.series, self.number)
    }
}

/// Digits without a sign, and without zeros in front.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let has_zeros = text.len() > 1 && text.starts_with('0');
    (is_digits && !has_zeros).then(|| text.parse().ok())?
}

impl Series {
    /// It is to be announced: whether that is new.
    fn becomes_due(&mut self) -> bool {
        let was_due = std::mem::replace(&mut self.is_due, true);
        !was_due && !self.is_ending
    }
}

/// All that is numbered.
#[derive(Debug)]
pub(crate) struct Numbers {
    subjects: Map<Arc<str>, Series>,
    next_series: u64,
    /// How many series were forgotten.
    forgotten: u64,
    /// What is due to be announced, or was when it was put here; how many were put, and taken.
    due: VecDeque<Arc<str>>,
    put: u64,
    taken: u64,
    /// How many of them are about to end.
    ending: usize,
    /// The most subjects at a time, beside those.
    subjects_max: usize,
}

#[derive(Debug)]
struct Series {
    last: Place,
    /// How many ticks nothing was published.
    quiet: u32,
    /// It is to be announced now, whatever the ticks say.
    is_due: bool,
    is_ending: bool,
    topic: Topic,
}

/// What is to be announced of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Announced {
    pub(crate) topic: Topic,
    /// Its last message.
    pub(crate) last: Place,
    /// Whether that is the last one of the series.
    pub(crate) is_end: bool,
}

impl Numbers {
    pub(crate) fn new(subjects_max: usize) -> Self {
        Self {
            subjects: Map::default(),
            next_series: 0,
            forgotten: 0,
            due: VecDeque::new(),
            put: 0,
            taken: 0,
            ending: 0,
            subjects_max,
        }
    }

    /// The place of the next message on this subject, which is about this.
    pub(crate) fn next(&mut self, subject: &str, topic: impl FnOnce() -> Topic) -> Place {
        if let Some(series) = self.subjects.get_mut(subject) {
            series.last.number += 1;
            series.quiet = 0;
            // Who goes on has not ended.
            self.ending -= usize::from(std::mem::take(&mut series.is_ending));
            return series.last;
        }
        let last = Place {
            series: self.next_series,
            number: 1,
        };
        self.next_series += 1;
        let series = Series {
            last,
            quiet: 0,
            is_due: false,
            is_ending: false,
            topic: topic(),
        };
        self.subjects.insert(subject.into(), series);
        if self.subjects.len() - self.ending > self.subjects_max {
            self.end_the_quietest();
        }
        // Where nothing can be said for long: without that being said.
        if self.subjects.len() > 2 * self.subjects_max {
            let before = self.subjects.len();
            self.subjects.retain(|_, series| !series.is_ending);
            self.forgotten += (before - self.subjects.len()) as u64;
            self.ending = 0;
        }
        last
    }

    /// The message with this place, the last one, was not sent.
    pub(crate) fn take_back(&mut self, subject: &str, place: Place) {
        if let Some(series) = self.subjects.get_mut(subject)
            && series.last == place
        {
            series.last.number -= 1;
            // A series without messages: nobody has heard of it.
            if series.last.number == 0 {
                self.ending -= usize::from(series.is_ending);
                self.subjects.remove(subject);
            }
        }
    }

    /// An eighth of the subjects, those that have been quiet for longest, are about to be forgotten.
    fn end_the_quietest(&mut self) {
        let going_on = self.subjects.values().filter(|series| !series.is_ending);
        let mut quiet: Vec<u32> = going_on.map(|series| series.quiet).collect();
        let count = quiet.len() / 8 + 1;
        quiet.sort_unstable_by(|one, other| other.cmp(one));
        let least = quiet.get(count - 1).copied().unwrap_or(0);
        // Of those that are as quiet as the last one just so many.
        let mut left = quiet[..count.min(quiet.len())]
            .iter()
            .filter(|quiet| **quiet == least)
            .count();
        for (subject, series) in &mut self.subjects {
            let is_last = series.quiet == least && left > 0;
            if !series.is_ending && (series.quiet > least || is_last) {
                left -= usize::from(series.quiet == least);
                series.is_ending = true;
                self.ending += 1;
                self.due.push_back(subject.clone());
                self.put += 1;
            }
        }
    }

    /// Every series that begins from now on has this number, or a higher one.
    pub(crate) fn next_series(&self) -> u64 {
        self.next_series
    }

    /// How many series were forgotten.
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Some time has passed.
    pub(crate) fn tick(&mut self) {
        for (subject, series) in &mut self.subjects {
            series.quiet = series.quiet.saturating_add(1);
            let quiet = series.quiet;
            let is_time = match quiet {
                ..ANNOUNCED_EVERY_MAX => quiet.is_power_of_two(),
                ANNOUNCED_EVERY_MAX..=QUIET_MAX => quiet.is_multiple_of(ANNOUNCED_EVERY_MAX),
                _ => false,
            };
            if is_time && series.becomes_due() {
                self.due.push_back(subject.clone());
                self.put += 1;
            }
        }
    }

    /// All that is numbered.
    pub(crate) fn subjects(&self) -> Vec<Arc<str>> {
        self.subjects.keys().cloned().collect()
    }

    /// These are to be announced at once.
    pub(crate) fn ask<'s>(&mut self, subjects: impl IntoIterator<Item = &'s Arc<str>>) {
        for subject in subjects {
            if let Some(series) = self.subjects.get_mut(&**subject)
                && series.becomes_due()
            {
                self.due.push_back(subject.clone());
                self.put += 1;
            }
        }
    }

    /// Nothing more is published: all series end.
    pub(crate) fn end_all(&mut self) {
        for (subject, series) in &mut self.subjects {
            series.is_ending = true;
            self.due.push_back(subject.clone());
            self.put += 1;
        }
        self.ending = self.subjects.len();
    }

    /// Whether anything is to be announced.
    pub(crate) fn has_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// What is to be announced next, if it still is.
    pub(crate) fn take_due(&mut self) -> Option<Arc<str>> {
        let subject = self.due.pop_front()?;
        self.taken += 1;
        Some(subject)
    }

    /// A mark behind all that is to be announced now.
    pub(crate) fn mark(&self) -> u64 {
        self.put
    }

    /// Whether all before this mark was announced.
    pub(crate) fn has_passed(&self, mark: u64) -> bool {
        self.taken >= mark
    }

    /// What is to be announced of a subject, if anything still is.
    pub(crate) fn due_of(&self, subject: &str) -> Option<Announced> {
        let series = self.subjects.get(subject)?;
        let is_due = series.is_due || series.is_ending;
        is_due.then(|| Announced {
            topic: series.topic.clone(),
            last: series.last,
            is_end: series.is_ending,
        })
    }

    /// It was announced.
    pub(crate) fn announced(&mut self, subject: &str) {
        if let Some(series) = self.subjects.get_mut(subject) {
            series.is_due = false;
            if series.is_ending {
                self.ending -= 1;
                self.forgotten += 1;
                self.subjects.remove(subject);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use aether_core::{EventType, Namespace};

    use super::*;

    /// The place of the next message.
    fn next(numbers: &mut Numbers, subject: &str) -> Place {
        let topic = || Topic {
            namespace: Namespace::from_static("shop"),
            event_type: EventType::from_static("Placed"),
        };
        numbers.next(subject, topic)
    }

    fn numbers() -> Numbers {
        Numbers::new(16)
    }

    /// Announces whatever is due.
    fn announce(numbers: &mut Numbers) -> Vec<(Place, bool)> {
        let mut said = Vec::new();
        while let Some(subject) = numbers.take_due() {
            if let Some(due) = numbers.due_of(&subject) {
                numbers.announced(&subject);
                said.push((due.last, due.is_end));
            }
        }
        assert!(numbers.has_passed(numbers.mark()));
        said
    }

    fn place(series: u64, number: u64) -> Place {
        Place { series, number }
    }

    #[test]
    fn each_subject_is_numbered_by_itself() {
        let mut numbers = numbers();
        assert_eq!(next(&mut numbers, "a"), place(0, 1));
        assert_eq!(next(&mut numbers, "b"), place(1, 1));
        assert_eq!(next(&mut numbers, "a"), place(0, 2));
        assert_eq!(numbers.next_series(), 2);
    }

    #[test]
    fn what_was_not_sent_has_no_number() {
        let mut numbers = numbers();
        next(&mut numbers, "a");
        let second = next(&mut numbers, "a");
        numbers.take_back("a", second);
        assert_eq!(next(&mut numbers, "a"), second);
        let only = next(&mut numbers, "b");
        numbers.take_back("b", only);
        let all = numbers.subjects();
        numbers.ask(&all);
        assert_eq!(announce(&mut numbers), [(place(0, 2), false)]);
    }

    #[test]
    fn a_quiet_subject_is_announced_ever_more_rarely_and_goes_on() {
        let mut numbers = numbers();
        next(&mut numbers, "a");
        let mut announced = Vec::new();
        for tick in 1..=2 * QUIET_MAX {
            numbers.tick();
            let said = announce(&mut numbers);
            assert!(said.iter().all(|said| *said == (place(0, 1), false)));
            announced.extend(said.into_iter().map(|_| tick));
        }
        assert_eq!(announced[..9], [1, 2, 4, 8, 16, 32, 64, 128, 192]);
        assert_eq!(announced.last(), Some(&QUIET_MAX));
        // Unless somebody asks.
        let all = numbers.subjects();
        numbers.ask(&all);
        assert_eq!(announce(&mut numbers), [(place(0, 1), false)]);
        assert_eq!(next(&mut numbers, "a"), place(0, 2));
        numbers.tick();
        assert_eq!(announce(&mut numbers), [(place(0, 2), false)]);
    }

    #[test]
    fn a_series_that_is_used_before_its_end_is_said_goes_on() {
        let mut numbers = numbers();
        for subject in 0..17 {
            next(&mut numbers, &format!("{subject}"));
        }
        assert_eq!(numbers.ending, 3);
        for series in 0..17 {
            let again = next(&mut numbers, &format!("{series}"));
            assert_eq!(again, place(series, 2));
        }
        assert_eq!((numbers.ending, numbers.forgotten()), (0, 0));
    }

    #[test]
    fn of_too_many_subjects_the_quietest_end() {
        let mut numbers = numbers();
        for subject in 0..15 {
            next(&mut numbers, &format!("old {subject}"));
            numbers.tick();
        }
        announce(&mut numbers);
        next(&mut numbers, "new");
        assert_eq!(announce(&mut numbers), []);
        next(&mut numbers, "one too many");
        let mut ended = announce(&mut numbers);
        ended.sort_unstable();
        assert_eq!(ended, [0, 1, 2].map(|series| (place(series, 1), true)));
        assert_eq!(next(&mut numbers, "new"), place(15, 2));
        assert_eq!(next(&mut numbers, "old 0"), place(17, 1));
    }

    #[test]
    fn however_many_are_used_at_once_they_stay_bounded() {
        let mut numbers = numbers();
        for subject in 0..1_000 {
            next(&mut numbers, &format!("{subject}"));
            assert!(numbers.subjects.len() - numbers.ending <= 16);
            assert!(numbers.subjects.len() <= 32);
        }
        let forgotten = numbers.forgotten();
        assert!(forgotten >= 1_000 - 48, "{forgotten}");
        announce(&mut numbers);
        assert!(numbers.subjects.len() <= 16 && numbers.ending == 0);
        assert!(numbers.forgotten() > forgotten);
    }

    #[test]
    fn a_place_is_read_as_it_is_written() {
        let written = place(3, 17);
        assert_eq!(Place::read(&written.to_string()), Some(written));
        for other in ["", "3", "3.", ".3", "03.1", "3.+1", "3.1.2", "3. 1", "-1.2"] {
            assert_eq!(Place::read(other), None, "{other:?}");
        }
    }
}
