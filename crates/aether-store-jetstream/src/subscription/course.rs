//! Whether something was missed before a message: pure, message by message.
//!
//! What comes on one subscription comes in the order of the stream, but for what a server sends late
//! that is not the leader any more. So the last message that was heard, the *tip*, says where one
//! is, and what comes next says what it follows.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher as _, RandomState};

use aether_core::{FeedStart, Position, Timestamp};

use crate::message::{Incarnation, is_behind_a_message};

/// The most actors whose last message is remembered: the least recently heard are forgotten.
pub(crate) const ACTORS_MAX: usize = 16_384;

/// What the server says of a message that it sends: where it is stored, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) sequence: u64,
    pub(super) time: Timestamp,
    /// The sequence of the message before it on its subject; 0 where there is none.
    pub(super) previous: u64,
}

/// The message up to which everything was heard or was said to be missed. The sequence is 0 before
/// the first; the time is unknown where the stream was empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tip {
    pub(super) sequence: u64,
    pub(super) time: Option<Timestamp>,
}

/// What a message is after those that were heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It comes after what was heard last, and nothing is missing before it.
    Follows,
    /// It is of an actor that is not remembered, and nothing is known to be missing before it. It
    /// may as well be of another stream that has come farther.
    New,
    /// It does not know of its actor's message with this sequence, which was heard: that has gone,
    /// or the stream is another one, or somebody else has sent it.
    Forgets(u64),
    /// Something that was stored after this start was missed.
    Missed(FeedStart),
    /// It is of the time before the tip: it was heard, or was said to be missed.
    Late,
    /// The same, but it was neither: others' came before it. What its actor stored after this
    /// start is missed, with this one.
    Overtaken(FeedStart),
    /// It has a lower sequence than the tip, and is newer: sequences are used again, or clocks
    /// differ.
    Falls,
}

/// How far one has come.
#[derive(Debug)]
pub(super) struct Course {
    incarnation: Incarnation,
    tip: Tip,
    /// The first message that is left in the stream, as far as is known.
    first: u64,
    way: Way,
}

/// By what it is known that something was missed.
#[derive(Debug)]
enum Way {
    /// Everything is listened to: a sequence that is left out was missed.
    Everything {
        /// Where the feed goes on after the tip.
        after: FeedStart,
    },
    /// A part is: each message says which one was before it on its subject.
    ByActor(Memory),
}

impl Course {
    /// From this message on, which was not heard.
    pub(super) fn new(incarnation: Incarnation, tip: Tip, everything: bool) -> Self {
        let way = match everything {
            true => Way::Everything {
                after: behind(incarnation, tip.sequence),
            },
            false => Way::ByActor(Memory::new(tip.sequence)),
        };
        Self {
            incarnation,
            tip,
            first: 0,
            way,
        }
    }

    /// The stream begins with this message now.
    ///
    /// What of an actor was missed and has gone before its next commit came is not said.
    pub(super) fn begins_with(&mut self, first: u64) {
        self.first = first;
        if let Way::ByActor(memory) = &mut self.way {
            memory.floor = memory.floor.max(first.saturating_sub(1));
        }
    }

    pub(super) fn tip(&self) -> Tip {
        self.tip
    }

    /// Whether what is missed shows only at the same actor's next message.
    pub(super) fn is_by_actor(&self) -> bool {
        matches!(self.way, Way::ByActor(_))
    }

    /// What this message is, which came on this subject.
    pub(super) fn judge(&self, place: &Place, subject: &str) -> Verdict {
        if place.sequence <= self.tip.sequence {
            return match self.tip.time {
                Some(time) if place.time <= time => self.judge_late(place, subject),
                _ => Verdict::Falls,
            };
        }
        match &self.way {
            Way::Everything { .. } if place.sequence == self.tip.sequence + 1 => Verdict::Follows,
            Way::Everything { after } => Verdict::Missed(self.behind_what_is_left(*after)),
            Way::ByActor(memory) => match memory.last_of(subject) {
                Some(last) if place.previous > last.sequence() => {
                    Verdict::Missed(self.of_actor(last))
                }
                Some(last)
                    if place.previous < last.sequence()
                        && last.sequence() >= self.first
                        && !is_behind_a_message(last) =>
                {
                    Verdict::Forgets(last.sequence())
                }
                Some(_) => Verdict::Follows,
                None if place.previous > memory.floor => {
                    Verdict::Missed(behind(self.incarnation, memory.floor))
                }
                None => Verdict::New,
            },
        }
    }

    fn judge_late(&self, place: &Place, subject: &str) -> Verdict {
        let Way::ByActor(memory) = &self.way else {
            return Verdict::Late;
        };
        let last = memory.last_of(subject);
        let known = last.map_or(memory.floor, |last| last.sequence());
        if place.sequence <= known || memory.order.contains_key(&place.sequence) {
            return Verdict::Late;
        }
        let floor = behind(self.incarnation, memory.floor);
        Verdict::Overtaken(last.map_or(floor, |last| self.of_actor(last)))
    }

    /// Where the feed goes on behind an actor's event that was heard.
    fn of_actor(&self, last: Position) -> FeedStart {
        if last.sequence() >= self.first {
            return FeedStart::After(last);
        }
        behind(self.incarnation, self.first - 1)
    }

    /// The same place, told so that it can be gone on from though its event has gone.
    fn behind_what_is_left(&self, start: FeedStart) -> FeedStart {
        match start {
            FeedStart::After(last) if last.sequence() < self.first => {
                behind(self.incarnation, last.sequence())
            }
            start => start,
        }
    }

    /// This message was heard; its last event has this position.
    pub(super) fn heard(&mut self, place: &Place, subject: &str, last: Position) {
        self.tip = Tip {
            sequence: place.sequence,
            time: Some(place.time),
        };
        match &mut self.way {
            Way::Everything { after } => *after = FeedStart::After(last),
            Way::ByActor(memory) => memory.remember(subject, last),
        }
    }

    /// Up to this message, which was overtaken, all that its actor has stored is said to be missed.
    pub(super) fn overtaken(&mut self, place: &Place, subject: &str) {
        if let Way::ByActor(memory) = &mut self.way {
            let told = Position::new(self.incarnation.0, place.sequence, u32::MAX);
            memory.remember(subject, told);
        }
    }

    /// What was stored up to this message is said to be missed: where what was says that begins.
    pub(super) fn skip_to(&mut self, tip: Tip) -> FeedStart {
        let incarnation = self.incarnation;
        let before = self.tip.sequence;
        self.tip = tip;
        let start = match &mut self.way {
            Way::Everything { after } => {
                std::mem::replace(after, behind(incarnation, tip.sequence))
            }
            Way::ByActor(memory) => {
                let last = memory.newest();
                *memory = Memory::new(tip.sequence);
                last.map_or_else(|| behind(incarnation, before), FeedStart::After)
            }
        };
        self.behind_what_is_left(start)
    }
}

/// Right behind all events of the message with this sequence, whatever is in it; of 0, in front of
/// all that was ever stored.
///
/// Not [`FeedStart::Beginning`]: what has gone since from there on would be left out in silence.
pub(super) fn behind(incarnation: Incarnation, sequence: u64) -> FeedStart {
    FeedStart::After(Position::new(incarnation.0, sequence, u32::MAX))
}

/// The last message of each actor that was heard, of as many as are remembered.
#[derive(Debug)]
struct Memory {
    /// By the hash of the subject: a clash (1 in 2^64 for each pair) could hide a gap, or show one
    /// that is none.
    last: HashMap<u64, Position>,
    /// The same in the order in which they were heard.
    order: BTreeMap<u64, u64>,
    hasher: RandomState,
    /// Who is not remembered was heard with no sequence above this, or it has gone.
    floor: u64,
}

impl Memory {
    fn new(floor: u64) -> Self {
        Self {
            last: HashMap::new(),
            order: BTreeMap::new(),
            hasher: RandomState::new(),
            floor,
        }
    }

    fn last_of(&self, subject: &str) -> Option<Position> {
        self.last.get(&self.hasher.hash_one(subject)).copied()
    }

    fn newest(&self) -> Option<Position> {
        let (_, key) = self.order.last_key_value()?;
        self.last.get(key).copied()
    }

    fn remember(&mut self, subject: &str, position: Position) {
        let key = self.hasher.hash_one(subject);
        if let Some(before) = self.last.insert(key, position) {
            self.order.remove(&before.sequence());
        }
        self.order.insert(position.sequence(), key);
        if self.last.len() > ACTORS_MAX
            && let Some((sequence, forgotten)) = self.order.pop_first()
        {
            self.last.remove(&forgotten);
            self.floor = self.floor.max(sequence);
        }
    }
}

#[cfg(test)]
mod tests {
    use Verdict::{Falls, Follows, Forgets, Late, Missed, New, Overtaken};

    use super::*;

    /// What comes, as (sequence, subject, the one before on it).
    type Message<'m> = (u64, &'m str, u64);
    /// Where one begins, what comes, and what that is.
    type Row<'m> = (u64, &'m [Message<'m>], &'m [Verdict]);

    const STREAM: Incarnation = Incarnation(7);

    /// The message with this sequence, stored so many nanoseconds after 1970, after this one on its
    /// subject.
    fn place(sequence: u64, time: i64, previous: u64) -> Place {
        Place {
            sequence,
            time: Timestamp::from_unix_nanos(time),
            previous,
        }
    }

    fn tip(sequence: u64, time: i64) -> Tip {
        Tip {
            sequence,
            time: Some(Timestamp::from_unix_nanos(time)),
        }
    }

    /// The position of the last event of a message, for these tests.
    fn last(sequence: u64) -> Position {
        Position::new(STREAM.0, sequence, 1).with_fingerprint(99)
    }

    fn after(sequence: u64) -> Verdict {
        Missed(FeedStart::After(last(sequence)))
    }

    fn since(sequence: u64) -> Verdict {
        Missed(behind(STREAM, sequence))
    }

    /// Hears messages, at rising times.
    fn verdicts(course: &mut Course, messages: &[Message<'_>]) -> Vec<Verdict> {
        let hear = |(sequence, subject, previous): &Message<'_>| {
            let time = i64::try_from(*sequence).unwrap();
            let place = place(*sequence, time, *previous);
            let verdict = course.judge(&place, subject);
            if matches!(verdict, Follows | New | Missed(_)) {
                course.heard(&place, subject, last(*sequence));
            }
            verdict
        };
        messages.iter().map(hear).collect()
    }

    #[test]
    fn who_hears_everything_misses_each_sequence_that_is_left_out() {
        let rows: [Row<'_>; 5] = [
            (0, &[(1, "a", 0), (2, "b", 0), (3, "a", 1)], &[Follows; 3]),
            (5, &[(6, "a", 0), (7, "a", 6)], &[Follows; 2]),
            // The first ones after the beginning.
            (5, &[(8, "a", 0), (9, "a", 8)], &[since(5), Follows]),
            (0, &[(2, "a", 0)], &[since(0)]),
            // One, and several, though nobody's own order shows it.
            (
                0,
                &[(1, "a", 0), (3, "a", 1), (9, "b", 0), (10, "a", 3)],
                &[Follows, after(1), after(3), Follows],
            ),
        ];
        for (from, messages, expected) in rows {
            let mut course = Course::new(STREAM, tip(from, 0), true);
            assert_eq!(verdicts(&mut course, messages), expected, "{messages:?}");
        }
        // What has gone since would be left out there.
        assert_ne!(since(0), Missed(FeedStart::Beginning));
    }

    #[test]
    fn who_hears_a_part_misses_what_was_before_on_the_same_subject() {
        let rows: [Row<'_>; 7] = [
            // What is left out is others'.
            (
                5,
                &[(9, "a", 0), (20, "b", 0), (30, "a", 9)],
                &[New, New, Follows],
            ),
            // What was before the beginning was not to be heard.
            (5, &[(9, "a", 5), (20, "b", 2)], &[New; 2]),
            // After the beginning it was.
            (5, &[(9, "a", 6)], &[since(5)]),
            (0, &[(9, "a", 6)], &[since(0)]),
            // It shows at the same actor's next message, though others' come before.
            (
                0,
                &[(1, "a", 0), (3, "b", 0), (4, "b", 3), (5, "a", 2)],
                &[New, New, Follows, after(1)],
            ),
            // Once.
            (
                0,
                &[(1, "a", 0), (5, "a", 3), (6, "a", 5)],
                &[New, after(1), Follows],
            ),
            // What was before has expired since, if nothing is wrong.
            (0, &[(1, "a", 0), (5, "a", 0)], &[New, Forgets(1)]),
        ];
        for (from, messages, expected) in rows {
            let mut course = Course::new(STREAM, tip(from, 0), false);
            assert_eq!(verdicts(&mut course, messages), expected, "{messages:?}");
        }
    }

    #[test]
    fn an_older_message_is_late_and_a_newer_one_with_a_lower_sequence_falls() {
        for everything in [true, false] {
            let mut course = Course::new(STREAM, tip(10, 100), everything);
            let judge = |course: &Course, sequence, time| {
                course.judge(&place(sequence, time, sequence - 1), "a")
            };
            assert_eq!(judge(&course, 10, 100), Late);
            assert_eq!(judge(&course, 3, 30), Late);
            assert_eq!(judge(&course, 10, 101), Falls);
            assert_eq!(judge(&course, 1, 500), Falls);
            // The next may be of a server whose clock is behind.
            let next = [New, Follows][usize::from(everything)];
            assert_eq!(judge(&course, 11, 50), next);
            course.heard(&place(11, 110, 10), "a", last(11));
            assert_eq!(judge(&course, 11, 110), Late);
            assert_eq!(judge(&course, 11, 111), Falls);
        }
        let empty = Tip {
            sequence: 3,
            time: None,
        };
        let course = Course::new(STREAM, empty, true);
        assert_eq!(course.judge(&place(2, 5, 0), "a"), Falls);
    }

    #[test]
    fn what_is_said_to_be_missed_is_not_missed_again() {
        let mut course = Course::new(STREAM, tip(5, 5), true);
        assert_eq!(verdicts(&mut course, &[(6, "a", 0)]), [Follows]);
        let start = course.skip_to(tip(20, 20));
        assert_eq!(Missed(start), after(6));
        assert_eq!(course.tip(), tip(20, 20));
        let heard = verdicts(&mut course, &[(7, "a", 6), (20, "b", 0), (21, "a", 7)]);
        assert_eq!(heard, [Late, Late, Follows]);
        let again = course.skip_to(tip(30, 30));
        assert_eq!(Missed(again), after(21));
        let silent = course.skip_to(tip(40, 40));
        assert_eq!(Missed(silent), since(30));

        let mut course = Course::new(STREAM, tip(5, 5), false);
        assert_eq!(verdicts(&mut course, &[(6, "a", 0), (9, "b", 0)]), [New; 2]);
        let start = course.skip_to(tip(20, 20));
        assert_eq!(Missed(start), after(9));
        let heard = verdicts(&mut course, &[(15, "a", 6), (21, "a", 15), (30, "b", 25)]);
        assert_eq!(heard, [Late, New, since(20)]);
        let mut silent = Course::new(STREAM, tip(5, 5), false);
        let start = silent.skip_to(tip(20, 20));
        assert_eq!(Missed(start), since(5));
    }

    #[test]
    fn among_more_actors_than_are_remembered_no_gap_is_told_that_is_none() {
        let mut course = Course::new(STREAM, tip(0, 0), false);
        let actors = u64::try_from(ACTORS_MAX).unwrap() * 2;
        for round in 0..2 {
            for actor in 0..actors {
                let sequence = round * actors + actor + 1;
                let previous = (round * actors + actor + 1).saturating_sub(actors);
                let message = (sequence, &*actor.to_string(), previous);
                assert_eq!(verdicts(&mut course, &[message]), [New], "{sequence}");
            }
        }
        let Way::ByActor(memory) = &course.way else {
            panic!("it is by actor");
        };
        assert_eq!(memory.last.len(), ACTORS_MAX);
        assert_eq!(memory.order.len(), ACTORS_MAX);
        // What was stored since the oldest that is remembered is missed, whoever's it is.
        let floor = memory.floor;
        assert_eq!(floor, 2 * actors - memory.last.len() as u64);
        let next = 2 * actors + 1;
        let known = verdicts(&mut course, &[(next, "new", floor)]);
        assert_eq!(known, [New]);
        let missed = course.judge(&place(next + 5, 0, next + 1), "another");
        assert_eq!(missed, since(floor + 1));
    }

    #[test]
    fn what_has_gone_is_not_asked_for_and_does_not_count_as_forgotten() {
        let mut course = Course::new(STREAM, tip(5, 5), true);
        assert_eq!(verdicts(&mut course, &[(6, "a", 0)]), [Follows]);
        course.begins_with(6);
        assert_eq!(course.judge(&place(9, 9, 0), "a"), after(6));
        // Its own event has gone: right behind it all may be there, or not.
        course.begins_with(7);
        assert_eq!(course.judge(&place(9, 9, 0), "a"), since(6));
        assert_eq!(Missed(course.skip_to(tip(9, 9))), since(6));

        let mut course = Course::new(STREAM, tip(5, 5), false);
        let heard = verdicts(&mut course, &[(6, "a", 0), (7, "b", 0)]);
        assert_eq!(heard, [New; 2]);
        course.begins_with(7);
        assert_eq!(course.judge(&place(20, 20, 0), "a"), Follows);
        assert_eq!(course.judge(&place(20, 20, 0), "b"), Forgets(7));
        assert_eq!(course.judge(&place(20, 20, 9), "b"), after(7));
        course.begins_with(10);
        assert_eq!(course.judge(&place(20, 20, 0), "b"), Follows);
        // Others' have gone with it, so that the feed can't go on behind it.
        assert_eq!(course.judge(&place(20, 20, 12), "b"), since(9));
        assert_eq!(course.judge(&place(20, 20, 12), "nobody"), since(9));
        assert_eq!(course.judge(&place(20, 20, 9), "nobody"), New);
    }

    #[test]
    fn what_others_have_overtaken_is_missed_once() {
        let mut course = Course::new(STREAM, tip(5, 5), false);
        let heard = verdicts(&mut course, &[(6, "a", 0), (11, "b", 0)]);
        assert_eq!(heard, [New; 2]);
        // One that was heard, one that was before, and one in another's place.
        for (sequence, subject) in [(6, "a"), (5, "c"), (11, "a"), (6, "c")] {
            assert_eq!(course.judge(&place(sequence, 6, 0), subject), Late);
        }
        let late = place(10, 10, 6);
        let Missed(start) = after(6) else {
            panic!("it is missed");
        };
        assert_eq!(course.judge(&late, "a"), Overtaken(start));
        let new = behind(STREAM, 5);
        assert_eq!(course.judge(&place(9, 9, 0), "c"), Overtaken(new));
        course.overtaken(&late, "a");
        assert_eq!(course.judge(&late, "a"), Late);
        assert_eq!(course.judge(&place(8, 8, 6), "a"), Late);
        assert_eq!(course.tip(), tip(11, 11));
        assert_eq!(course.judge(&place(12, 12, 10), "a"), Follows);
        assert_eq!(course.judge(&place(14, 14, 12), "a"), since(10));
        // It may be forged: what its actor says then decides nothing.
        assert_eq!(course.judge(&place(12, 12, 6), "a"), Follows);
    }
}
