//! What is missed, and what is not.

use proptest::prelude::*;

use super::*;
use crate::nats::numbers::Numbers;

const SUBJECT: &str = "bus.Placed.shop";

fn topic() -> Topic {
    Topic {
        namespace: Namespace::from_static("shop"),
        event_type: EventType::from_static("Placed"),
    }
}

fn origin(number: u8) -> Origin {
    Origin::read(&format!("01ARZ3NDEKTSV4RRFFQ69G5F{number:02}")).unwrap()
}

/// A listener.
struct Ear {
    course: Course,
}

impl Ear {
    fn new() -> Self {
        Self {
            course: Course::with_room_for(8),
        }
    }

    fn hear_on(&mut self, subject: &str, said: Said, series: u64, number: u64) -> Verdict {
        let from = (origin(0), subject);
        let place = Place { series, number };
        let about = || Ok::<_, ()>(topic());
        let heard = self.course.hear(from, (said, place), about);
        heard.unwrap().0
    }

    fn hear(&mut self, said: Said, series: u64, number: u64) -> Verdict {
        self.hear_on(SUBJECT, said, series, number)
    }
}

fn missed(count: u64) -> Verdict {
    Verdict {
        lost: Lost::exactly(count),
        is_late: false,
    }
}

fn unknown() -> Verdict {
    Verdict {
        lost: Missed::Unknown.into(),
        is_late: false,
    }
}

const NOTHING: Verdict = Verdict {
    lost: Lost::exactly(0),
    is_late: false,
};

const LATE: Verdict = Verdict {
    lost: Lost::exactly(0),
    is_late: true,
};

#[test]
fn numbers_that_follow_each_other_miss_nothing() {
    let mut ear = Ear::new();
    for number in 1..10 {
        assert_eq!(ear.hear(Said::Event, 0, number), NOTHING);
        assert_eq!(ear.hear(Said::Last, 0, number), NOTHING);
    }
}

#[test]
fn what_is_left_out_is_missed_once() {
    let mut ear = Ear::new();
    ear.hear(Said::Event, 0, 1);
    assert_eq!(ear.hear(Said::Event, 0, 4), missed(2));
    assert_eq!(ear.hear(Said::Last, 0, 7), missed(3));
    assert_eq!(ear.hear(Said::Last, 0, 7), NOTHING);
    assert_eq!(ear.hear(Said::Event, 0, 8), NOTHING);
    // What was said to be missed does not come any more.
    assert_eq!(ear.hear(Said::Event, 0, 3), LATE);
    assert_eq!(ear.hear(Said::Event, 0, 8), LATE);
}

#[test]
fn the_first_number_is_compared_with_what_the_origin_has_said() {
    // Before the origin has answered.
    assert_eq!(Ear::new().hear(Said::Event, 3, 7), NOTHING);
    assert_eq!(Ear::new().hear(Said::Last, 3, 7), NOTHING);
    // After it.
    let mut ear = Ear::new();
    assert_eq!(ear.course.knows_us(origin(0), 3, 2), (vec![], false));
    assert_eq!(ear.hear_on("bus.a.a", Said::Event, 3, 7), missed(6));
    assert_eq!(ear.hear_on("bus.b.b", Said::Last, 4, 7), missed(7));
    assert_eq!(ear.hear_on("bus.c.c", Said::Event, 5, 1), NOTHING);
    assert_eq!(ear.hear_on("bus.d.d", Said::Event, 2, 7), unknown());
    assert_eq!(ear.hear_on("bus.e.e", Said::Last, 2, 7), unknown());
    // The first answer counts: the origin has known since then.
    assert_eq!(ear.course.knows_us(origin(0), 9, 2), (vec![], false));
    assert_eq!(ear.hear_on("bus.f.f", Said::Event, 8, 2), missed(1));
}

#[test]
fn what_came_before_the_origin_has_answered_is_compared_when_it_has() {
    let mut ear = Ear::new();
    assert_eq!(ear.hear_on("bus.a.a", Said::Event, 2, 7), NOTHING);
    assert_eq!(ear.hear_on("bus.b.b", Said::Event, 3, 4), NOTHING);
    assert_eq!(ear.hear_on("bus.b.b", Said::Event, 3, 5), NOTHING);
    assert_eq!(ear.hear_on("bus.c.c", Said::Last, 4, 2), NOTHING);
    let (mut missed, is_unknown) = ear.course.knows_us(origin(0), 3, 0);
    missed.sort_by_key(|(_, missed)| *missed);
    assert_eq!(missed, [(topic(), 2), (topic(), 3)]);
    assert!(!is_unknown);
    assert_eq!(ear.course.knows_us(origin(0), 3, 0), (vec![], false));
}

#[test]
fn what_the_origin_has_forgotten_while_one_was_away_nobody_knows() {
    let mut ear = Ear::new();
    assert_eq!(ear.course.knows_us(origin(0), 3, 2), (vec![], false));
    assert_eq!(ear.course.knows_us(origin(0), 9, 2), (vec![], false));
    assert_eq!(ear.course.knows_us(origin(0), 9, 3), (vec![], true));
    assert_eq!(ear.course.knows_us(origin(0), 9, 3), (vec![], false));
}

#[test]
fn a_later_series_tells_what_is_known_of_the_end_of_the_one_before() {
    let mut ear = Ear::new();
    ear.hear(Said::Event, 0, 1);
    assert_eq!(ear.hear(Said::End, 0, 3), missed(2));
    assert_eq!(ear.hear(Said::Event, 5, 3), missed(2));
    let mut both = unknown();
    both.lost.add(Lost::exactly(1));
    assert_eq!(ear.hear(Said::Event, 6, 2), both);
    // What belongs to the series before comes too late.
    assert_eq!(ear.hear(Said::Event, 5, 4), LATE);
}

#[test]
fn who_stops_has_said_the_ends_of_all_series() {
    let mut ear = Ear::new();
    ear.hear_on("bus.a.a", Said::Event, 0, 1);
    ear.hear_on("bus.a.a", Said::End, 0, 1);
    ear.hear_on("bus.b.b", Said::Event, 1, 1);
    assert!(ear.course.stops(origin(0)));
    assert!(!ear.course.stops(origin(0)));
    ear.hear_on("bus.a.a", Said::End, 0, 1);
    assert!(!ear.course.stops(origin(0)));
    assert!(ear.course.origins.is_empty());
}

#[test]
fn who_falls_silent_and_comes_back_goes_on_where_it_was() {
    let mut ear = Ear::new();
    let now = Instant::now();
    assert!(!ear.course.falls_silent(origin(0), now));
    ear.hear(Said::Event, 0, 1);
    assert!(ear.course.falls_silent(origin(0), now));
    assert_eq!(ear.hear(Said::Event, 0, 5), missed(3));
    // Where that is long ago nobody knows.
    ear.course.knows_us(origin(0), 0, 0);
    assert!(ear.course.falls_silent(origin(0), now));
    ear.course.falls_silent(origin(1), now + REMEMBERED);
    assert_eq!(ear.hear(Said::Event, 0, 9), unknown());
}

#[test]
fn what_was_forgotten_is_not_taken_for_new() {
    let mut ear = Ear::new();
    ear.course.knows_us(origin(0), 0, 0);
    for series in 0..100 {
        let subject = format!("bus.a.{series}");
        assert_eq!(ear.hear_on(&subject, Said::Event, series, 1), NOTHING);
        assert!(ear.course.origins[&origin(0)].subjects.len() <= 8);
    }
    // The newest are still there.
    assert_eq!(ear.hear_on("bus.a.99", Said::Event, 99, 3), missed(1));
    assert_eq!(ear.hear_on("bus.a.0", Said::Event, 0, 3), unknown());
    assert_eq!(ear.hear_on("bus.a.100", Said::Event, 100, 3), missed(2));
}

/// What happens to an origin and its listener.
#[derive(Debug, Clone)]
enum Happens {
    /// It publishes on one of the subjects.
    Publishes(u8),
    Ticks,
    /// From now on everything is lost, or nothing.
    Loses(bool),
    /// The listener asks.
    Asks,
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        6 => (0..4_u8).prop_map(Happens::Publishes),
        3 => Just(Happens::Ticks),
        2 => any::<bool>().prop_map(Happens::Loses),
        1 => Just(Happens::Asks),
    ]
}

proptest! {
    /// An origin that lives on, and a listener of whom it knows from the beginning: what was heard
    /// and what was missed are together what was published, of each subject, once the next
    /// announcement was heard. Nothing is unknown, unless a series has ended.
    #[test]
    fn what_is_heard_and_missed_is_what_was_published(
        all in proptest::collection::vec(happens(), 0..400),
        room in 2..6_usize,
    ) {
        let mut ear = Ear::new();
        ear.course.knows_us(origin(0), 0, 0);
        let mut numbers = Numbers::new(room);
        let mut published = [0_u64; 4];
        let mut accounted = [0_u64; 4];
        let (mut loses, mut has_ended) = (false, false);
        let subjects = ["a", "b", "c", "d"];
        let mut take = |subject: &str, said, place: Place, loses: bool, has_ended: bool| {
            if loses {
                return Ok(());
            }
            let mut verdict = ear.hear_on(subject, said, place.series, place.number);
            let index = subjects.iter().position(|other| *other == subject).unwrap();
            prop_assert!(!verdict.is_late);
            while let Some(missed) = verdict.lost.tell() {
                match missed {
                    Missed::Exactly(missed) => accounted[index] += missed,
                    Missed::Unknown => prop_assert!(has_ended),
                }
            }
            accounted[index] += u64::from(said == Said::Event);
            Ok(())
        };
        let whole = [Happens::Loses(false), Happens::Asks];
        for happened in all.into_iter().chain(whole) {
            match happened {
                Happens::Publishes(index) => {
                    let subject = subjects[usize::from(index)];
                    let place = numbers.next(subject, topic);
                    published[usize::from(index)] += 1;
                    take(subject, Said::Event, place, loses, has_ended)?;
                    continue;
                }
                Happens::Ticks => numbers.tick(),
                Happens::Loses(now) => loses = now,
                Happens::Asks => {
                    let all = numbers.subjects();
                    numbers.ask(&all);
                }
            }
            while let Some(subject) = numbers.take_due() {
                let Some(due) = numbers.due_of(&subject) else {
                    continue;
                };
                let said = if due.is_end { Said::End } else { Said::Last };
                has_ended |= due.is_end && loses;
                numbers.announced(&subject);
                take(&subject, said, due.last, loses, has_ended)?;
            }
        }
        if !has_ended {
            prop_assert_eq!(accounted, published);
        }
        for (accounted, published) in accounted.iter().zip(published) {
            prop_assert!(*accounted <= published);
        }
    }
}
