//! The checker's teeth: each violation, planted in a sound log, is found; in the sound one is none.

use std::collections::BTreeSet;

use crate::checker::{FinalRead, Findings, Kind, Message, ProcessLog, Truth, check};
use crate::log::{Asked, Line, Offered, Outcome, Seen, Snapshot};
use crate::resolution::Resolution;

pub(crate) const TESTS: &[(&str, fn())] = &[
    ("a_sound_log_has_no_violation", sound),
    ("a_lost_acknowledged_event_is_found", lost),
    ("an_acknowledgement_of_another_place_is_found", elsewhere),
    ("an_event_stored_twice_is_found", twice),
    ("two_winners_of_one_version_are_found", two_winners),
    ("a_version_that_falls_is_found", version_falls),
    ("a_commit_stored_in_part_is_found", in_part),
    ("an_event_with_changed_content_is_found", changed_content),
    ("an_event_at_another_version_is_found", changed_version),
    ("an_event_of_another_actor_is_found", changed_actor),
    ("what_nobody_wrote_is_found", nobody),
    ("what_cannot_be_read_is_found", unreadable),
    (
        "a_conflict_for_what_was_stored_is_found",
        conflict_though_stored,
    ),
    (
        "a_conflict_without_a_reason_is_found",
        conflict_without_reason,
    ),
    (
        "unavailable_for_what_was_stored_is_found",
        unavailable_though_stored,
    ),
    (
        "unavailable_for_what_a_repeat_finds_stored_is_found",
        unavailable_before_a_repeat,
    ),
    (
        "an_acknowledged_repeat_that_is_not_stored_is_found",
        repeat_not_stored,
    ),
    (
        "a_repeat_that_passes_for_a_first_save_is_found",
        repeat_denied,
    ),
    (
        "a_first_save_that_passes_for_a_repeat_is_found",
        repeat_of_nothing,
    ),
    ("a_read_that_went_backwards_is_found", read_back),
    ("a_conflict_that_went_backwards_is_found", conflict_back),
    ("a_read_without_the_process_own_write_is_found", own_write),
    ("a_read_of_a_version_that_never_was_is_found", never_was),
    ("a_read_of_half_a_commit_is_found", half_read),
    ("a_read_of_other_events_is_found", other_events),
    ("a_restored_state_of_other_events_is_found", other_state),
    ("a_restored_state_that_is_too_old_is_found", old_state),
    ("an_error_that_no_save_may_give_is_found", wrong_error),
    ("an_error_that_no_read_may_give_is_found", wrong_read),
    (
        "a_store_that_reads_less_than_the_stream_has_is_found",
        final_read,
    ),
    (
        "what_overlapping_reads_saw_in_another_order_is_sound",
        overlapping,
    ),
    ("how_open_ends_were_resolved_is_counted", resolutions),
];

/// A run that went well, to be spoilt.
pub(crate) struct Scene {
    pub(crate) first: Vec<Line>,
    pub(crate) second: Vec<Line>,
    pub(crate) stream: Vec<Message>,
    /// Instead of what is in the stream.
    reads: Option<Vec<FinalRead>>,
    pub(crate) consumers: Vec<String>,
}

fn offered(id: &str, version: Option<u64>) -> Offered {
    Offered {
        id: id.to_owned(),
        version,
        event_type: "Happened".to_owned(),
        content: id.bytes().map(u64::from).sum(),
    }
}

/// Events `<commit>.0`, `<commit>.1`, … from a version on.
pub(crate) fn events(commit: &str, versions: &[u64]) -> Vec<Offered> {
    let event =
        |(index, version): (usize, &u64)| offered(&format!("{commit}.{index}"), Some(*version));
    versions.iter().enumerate().map(event).collect()
}

pub(crate) fn attempt(op: u64, commit: &str, actor: &str, events: Vec<Offered>) -> Line {
    Line::Attempt {
        op,
        at: 0,
        commit: commit.to_owned(),
        actor: actor.to_owned(),
        events,
        after: None,
    }
}

pub(crate) fn ended(op: u64, outcome: Outcome) -> Line {
    Line::Ended { op, at: 0, outcome }
}

pub(crate) fn stored(repeated: bool, sequence: u64, versions: &[u64]) -> Outcome {
    Outcome::Stored {
        repeated,
        sequence,
        versions: versions.to_vec(),
    }
}

pub(crate) fn message(sequence: u64, actor: &str, events: Vec<Offered>) -> Message {
    Message {
        sequence,
        actor: actor.to_owned(),
        events: Ok(events),
    }
}

fn read(op: u64, actor: &str, latest: u64) -> [Line; 2] {
    let seen = Seen {
        latest,
        ..Seen::default()
    };
    let actor = actor.to_owned();
    let asked = Asked::Latest;
    [
        Line::ReadBegan { op, actor, asked },
        Line::ReadEnded { op, seen: Ok(seen) },
    ]
}

fn read_events(op: u64, actor: &str, from: u64, seen: &[(u64, &str)]) -> [Line; 2] {
    answered(op, actor, Asked::Events { from }, seen)
}

fn answered(op: u64, actor: &str, asked: Asked, seen: &[(u64, &str)]) -> [Line; 2] {
    let actor = actor.to_owned();
    let seen = Ok(Seen::of(seen.iter().copied()));
    [
        Line::ReadBegan { op, actor, asked },
        Line::ReadEnded { op, seen },
    ]
}

impl Scene {
    /// Actor `x` has a batch of the first process (1, 2), one event of the second (3) and a
    /// numbered draft of the first (4); `y` has what was stored although the save ended openly.
    pub(crate) fn sound() -> Self {
        let mut first = vec![
            attempt(0, "a", "x", events("a", &[1, 2])),
            ended(0, stored(false, 1, &[1, 2])),
            attempt(1, "c", "x", vec![offered("c.0", None)]),
            ended(1, stored(false, 3, &[4])),
            attempt(2, "a", "x", events("a", &[1, 2])),
            ended(2, stored(true, 1, &[1, 2])),
        ];
        first.extend(read_events(
            3,
            "x",
            2,
            &[(2, "a.1"), (3, "b.0"), (4, "c.0")],
        ));
        let mut second = vec![
            attempt(0, "b", "x", events("b", &[3])),
            ended(0, stored(false, 2, &[3])),
            attempt(1, "lost", "x", events("lost", &[3])),
            ended(1, Outcome::Conflict { current: 3 }),
            attempt(2, "open", "y", events("open", &[1])),
            ended(2, Outcome::Indeterminate),
        ];
        second.extend(read(3, "x", 4));
        Self {
            first,
            second,
            stream: vec![
                message(1, "x", events("a", &[1, 2])),
                message(2, "x", events("b", &[3])),
                message(3, "x", events("c", &[4])),
                message(4, "y", events("open", &[1])),
            ],
            reads: None,
            consumers: Vec::new(),
        }
    }

    fn check(self) -> Findings {
        let reads = self.reads.unwrap_or_else(|| {
            let of = |actor: &str| FinalRead {
                actor: actor.to_owned(),
                events: Ok(self
                    .stream
                    .iter()
                    .filter(|message| message.actor == actor)
                    .flat_map(|message| message.events.iter().flatten().cloned())
                    .collect()),
            };
            vec![of("x"), of("y")]
        });
        let log = |process: &str, lines| ProcessLog {
            process: process.to_owned(),
            lines,
        };
        let logs = [log("first", self.first), log("second", self.second)];
        let truth = Truth {
            messages: self.stream,
            reads,
            consumers: self.consumers,
        };
        check(&logs, &truth)
    }
}

/// Spoils a sound run in one way, and holds what is found against what must be.
pub(crate) fn found(kinds: &[Kind], spoil: impl FnOnce(&mut Scene)) {
    let mut scene = Scene::sound();
    spoil(&mut scene);
    let findings = scene.check();
    let wanted: BTreeSet<Kind> = kinds.iter().copied().collect();
    assert_eq!(findings.kinds(), wanted, "{:#?}", findings.violations);
}

fn sound() {
    found(&[], |_| ());
}

fn lost() {
    found(&[Kind::AcknowledgedIsMissing], |scene| {
        let draft = attempt(9, "d", "x", vec![offered("d.0", None)]);
        scene
            .second
            .extend([draft, ended(9, stored(false, 9, &[5]))]);
    });
}

fn elsewhere() {
    found(&[Kind::AcknowledgedElsewhere], |scene| {
        scene.first[1] = ended(0, stored(false, 7, &[1, 2]));
    });
}

fn twice() {
    found(&[Kind::StoredTwice, Kind::ContentChanged], |scene| {
        let again = message(5, "y", events("open", &[2]));
        scene.stream.push(again);
    });
}

fn two_winners() {
    // Nor is it what the reader of version 4 saw.
    found(&[Kind::TwoWinners, Kind::ReadIsNotTheHistory], |scene| {
        scene.second.push(attempt(9, "z", "x", events("z", &[4])));
        scene.stream.push(message(5, "x", events("z", &[4])));
    });
}

fn version_falls() {
    found(&[Kind::VersionFell], |scene| {
        for (number, commit, version) in [(5, "z", 9), (6, "u", 8)] {
            let events = events(commit, &[version]);
            scene
                .second
                .push(attempt(number, commit, "y", events.clone()));
            scene.stream.push(message(number, "y", events));
        }
    });
}

fn in_part() {
    found(&[Kind::StoredInPart], |scene| {
        let whole = attempt(9, "z", "y", events("z", &[2, 3]));
        scene.second.push(whole);
        scene.stream.push(message(5, "y", events("z", &[2])));
    });
}

fn changed_content() {
    found(&[Kind::ContentChanged], |scene| {
        scene.stream[0].events.as_mut().unwrap()[1].content += 1;
    });
}

fn changed_version() {
    found(&[Kind::ContentChanged], |scene| {
        scene.stream[3] = message(4, "y", events("open", &[2]));
    });
}

fn changed_actor() {
    found(&[Kind::ContentChanged], |scene| {
        scene.second.push(attempt(9, "z", "x", events("z", &[5])));
        scene.stream.push(message(5, "y", events("z", &[5])));
    });
}

fn nobody() {
    found(&[Kind::NobodyWroteIt], |scene| {
        scene.stream.push(message(5, "y", events("z", &[2])));
    });
}

fn unreadable() {
    found(&[Kind::Unreadable], |scene| {
        scene.stream.push(Message {
            sequence: 5,
            actor: "y".to_owned(),
            events: Err("rubbish".to_owned()),
        });
    });
}

fn conflict_though_stored() {
    found(&[Kind::ConflictThoughStored], |scene| {
        scene
            .second
            .push(attempt(9, "open", "y", events("open", &[1])));
        scene
            .second
            .push(ended(9, Outcome::Conflict { current: 1 }));
    });
}

fn conflict_without_reason() {
    let without = |after: Option<u64>, offered: Vec<Offered>| {
        found(&[Kind::ConflictWithoutReason], |scene| {
            let mut attempt = attempt(9, "refused", "x", offered);
            if let Line::Attempt { after: wanted, .. } = &mut attempt {
                *wanted = after;
            }
            let refused = ended(9, Outcome::Conflict { current: 4 });
            scene.second.extend([attempt, refused]);
        });
    };
    without(None, events("refused", &[5]));
    without(Some(4), events("refused", &[5]));
    without(None, vec![offered("refused.0", None)]);
}

fn unavailable_though_stored() {
    found(&[Kind::UnavailableThoughStored], |scene| {
        scene.second[5] = ended(2, Outcome::Unavailable);
    });
}

fn unavailable_before_a_repeat() {
    found(&[Kind::UnavailableThoughStored], |scene| {
        scene.second[5] = ended(2, Outcome::Unavailable);
        let again = attempt(9, "open", "y", events("open", &[1]));
        scene
            .second
            .extend([again, ended(9, stored(true, 4, &[1]))]);
    });
}

fn repeat_not_stored() {
    found(&[Kind::AcknowledgedIsMissing], |scene| {
        let offer = || attempt(9, "z", "y", events("z", &[2]));
        scene.second.extend([offer(), ended(9, Outcome::Dropped)]);
        scene
            .second
            .extend([offer(), ended(9, stored(true, 5, &[2]))]);
    });
}

fn repeat_denied() {
    found(&[Kind::RepeatDenied], |scene| {
        scene.first[5] = ended(2, stored(false, 1, &[1, 2]));
    });
}

fn repeat_of_nothing() {
    found(&[Kind::RepeatOfNothing], |scene| {
        scene.first[1] = ended(0, stored(true, 1, &[1, 2]));
    });
}

fn read_back() {
    found(&[Kind::ReadWentBack], |scene| {
        scene.second.extend(read(9, "x", 3));
    });
}

fn conflict_back() {
    found(&[Kind::ReadWentBack], |scene| {
        let save = attempt(9, "z", "x", events("z", &[2]));
        let conflict = ended(9, Outcome::Conflict { current: 3 });
        scene.second.extend([save, conflict]);
    });
}

fn own_write() {
    found(&[Kind::OwnWriteNotSeen], |scene| {
        scene.first.splice(4..4, read(9, "x", 3));
    });
}

fn never_was() {
    found(&[Kind::ReadOfWhatNeverWas], |scene| {
        scene.second.extend(read(9, "x", 5));
    });
}

fn half_read() {
    // Both before the process knew more.
    found(&[Kind::ReadOfWhatNeverWas], |scene| {
        scene.second.splice(0..0, read(9, "x", 1));
    });
    found(&[Kind::ReadOfWhatNeverWas], |scene| {
        scene
            .second
            .splice(0..0, read_events(9, "x", 0, &[(1, "a.0")]));
    });
}

fn other_events() {
    found(&[Kind::ReadIsNotTheHistory], |scene| {
        let gap = [(1, "a.0"), (2, "a.1"), (4, "c.0")];
        scene.second.extend(read_events(9, "x", 0, &gap));
    });
    found(&[Kind::ReadIsNotTheHistory], |scene| {
        scene.second.extend(read_events(9, "x", 4, &[(4, "z.0")]));
    });
}

fn state(seen: &[(u64, &str)]) -> [Line; 2] {
    answered(9, "x", Asked::State, seen)
}

fn other_state() {
    let whole = [(1, "a.0"), (2, "a.1"), (3, "b.0"), (4, "c.0")];
    found(&[], |scene| scene.second.extend(state(&whole)));
    // As if a snapshot had been of another state, or the events after it were others.
    for spoilt in [&whole[1..], &[whole[0], whole[2], whole[3]]] {
        found(&[Kind::RestoredIsNotTheState], |scene| {
            scene.second.extend(state(spoilt));
        });
    }
}

fn old_state() {
    found(&[Kind::ReadWentBack], |scene| {
        scene
            .second
            .extend(state(&[(1, "a.0"), (2, "a.1"), (3, "b.0")]));
    });
}

fn wrong_error() {
    found(&[Kind::WrongError], |scene| {
        let mismatch = Outcome::Wrong("EventMismatch".to_owned());
        scene.second[5] = ended(2, mismatch);
    });
}

fn wrong_read() {
    found(&[Kind::WrongError], |scene| {
        let mut lines = read(9, "x", 4);
        let seen = Err("HistoryRegressed".to_owned());
        lines[1] = Line::ReadEnded { op: 9, seen };
        scene.second.extend(lines);
    });
    found(&[Kind::WrongError], |scene| {
        let wrong = Snapshot::Wrong("Malformed".to_owned());
        scene.second.push(Line::Snapshot(wrong));
    });
}

fn final_read() {
    found(&[Kind::StoreReadsOther], |scene| {
        let read = |actor: &str, events| FinalRead {
            actor: actor.to_owned(),
            events: Ok(events),
        };
        let all = [events("a", &[1, 2]), events("b", &[3])].concat();
        scene.reads = Some(vec![read("x", all), read("y", events("open", &[1]))]);
    });
}

fn overlapping() {
    // The slower read began before the faster one ended: it may have seen less.
    found(&[], |scene| {
        let [began, ended] = read(9, "x", 3);
        scene.second.splice(2..2, [began]);
        scene.second.push(ended);
    });
}

fn resolutions() {
    let mut scene = Scene::sound();
    let offer = |commit: &str| attempt(9, commit, "y", events(commit, &[2]));
    scene
        .second
        .extend([offer("told"), ended(9, Outcome::Indeterminate)]);
    scene
        .second
        .extend([offer("told"), ended(9, stored(true, 5, &[2]))]);
    scene
        .second
        .extend([offer("beaten"), ended(9, Outcome::Dropped)]);
    scene
        .second
        .extend([offer("beaten"), ended(9, Outcome::Conflict { current: 2 })]);
    scene.second.push(offer("cut"));
    scene.stream.push(message(5, "y", events("told", &[2])));
    let findings = scene.check();
    assert_eq!(
        findings.kinds(),
        BTreeSet::new(),
        "{:?}",
        findings.violations
    );
    let wanted = [
        (
            "cut off with its process",
            "not told: it is not in the stream",
        ),
        ("dropped", "repeated: another was first"),
        ("indeterminate", "not told: it is in the stream"),
        ("indeterminate", "repeated: it had been stored"),
    ];
    let wanted = wanted.map(|(end, became)| (Resolution { end, became }, 1));
    assert!(findings.resolutions.into_iter().eq(wanted));
}
