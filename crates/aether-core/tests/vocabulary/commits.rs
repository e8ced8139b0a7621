//! What can be one commit, and which history takes it.

use aether_core::{
    Commit, CommitContent, Event, EventDraft, EventId, ExpectedVersion, InvalidCommit, Version,
};

use crate::{actor, draft_of, event, version};

const MAX: u64 = i64::MAX.unsigned_abs();

fn drafts(count: usize) -> Vec<EventDraft> {
    (1..=count)
        .map(|n| draft_of("order-1", &format!("d-{n}")))
        .collect()
}

fn events(versions: &[u64]) -> Vec<Event> {
    versions.iter().map(|number| event(*number)).collect()
}

#[test]
fn a_commit_has_at_least_one_event() {
    assert_eq!(Commit::events([]), Err(InvalidCommit::Empty));
    assert_eq!(Commit::drafts([]), Err(InvalidCommit::Empty));
    assert_eq!(
        InvalidCommit::Empty.to_string(),
        "a commit needs at least one event"
    );
}

#[test]
fn a_commit_has_at_most_a_thousand_events() {
    let most: Vec<u64> = (1..=1_000).collect();
    assert_eq!(
        Commit::events(events(&most)).unwrap().len(),
        Commit::EVENTS_MAX
    );
    assert_eq!(
        Commit::drafts(drafts(1_000)).unwrap().len(),
        Commit::EVENTS_MAX
    );
    let over: Vec<u64> = (1..=1_001).collect();
    let error = Commit::events(events(&over)).unwrap_err();
    assert_eq!(error, InvalidCommit::TooManyEvents { count: 1_001 });
    assert_eq!(Commit::drafts(drafts(1_001)).unwrap_err(), error);
    assert_eq!(
        error.to_string(),
        "a commit of 1001 events, at most 1000 are allowed"
    );
}

#[test]
fn a_commit_is_of_one_actor() {
    let other = draft_of("order-\"2\"", "x");
    let error = Commit::drafts([drafts(2), vec![other.clone()]].concat()).unwrap_err();
    let expected = InvalidCommit::MixedActors {
        first: actor("order-1"),
        other: actor("order-\"2\""),
        index: 2,
    };
    assert_eq!(error, expected);
    assert_eq!(
        error.to_string(),
        r#"a commit has events of one actor: the first is of "order-1", number 2 of "order-\"2\"""#
    );
    let other = other.at(version(2)).unwrap();
    assert!(matches!(
        Commit::events([event(1), other]),
        Err(InvalidCommit::MixedActors { index: 1, .. })
    ));
}

#[test]
fn versions_in_a_commit_rise_and_may_leave_gaps() {
    for (versions, fault) in [
        (&[1, 2, 3][..], None),
        (&[1, 5, MAX], None),
        (&[1, 1], Some((1, 1, 1))),
        (&[2, 1], Some((2, 1, 1))),
        (&[1, 2, 3, 3, 2], Some((3, 3, 3))),
        (&[MAX, 1], Some((MAX, 1, 1))),
    ] {
        let mut events = events(versions);
        for (index, event) in events.iter_mut().enumerate() {
            let id = EventId::new(index.to_string()).unwrap();
            *event = event.to_draft().id(id).at(event.version()).unwrap();
        }
        let expected = fault.map(
            |(previous, number, index)| InvalidCommit::VersionsOutOfOrder {
                previous: version(previous),
                version: version(number),
                index,
            },
        );
        assert_eq!(Commit::events(events).err(), expected, "{versions:?}");
    }
    let error = Commit::events([event(5), event(4)]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "versions in a commit must rise: 4 at number 1 follows 5"
    );
}

#[test]
fn an_id_is_in_a_commit_once() {
    let twice = event(1).to_draft().at(version(9)).unwrap();
    let error = Commit::events([event(1), event(2), twice]).unwrap_err();
    assert_eq!(
        error,
        InvalidCommit::RepeatedId {
            id: EventId::new("e-1").unwrap()
        }
    );
    assert_eq!(
        error.to_string(),
        r#"the event id "e-1" is in the commit twice"#
    );
    let error = Commit::drafts([drafts(3), drafts(1)].concat()).unwrap_err();
    assert_eq!(
        error,
        InvalidCommit::RepeatedId {
            id: EventId::new("d-1").unwrap()
        }
    );
}

/// Whatever they look like: ends are compared before whole ids.
#[test]
fn ids_that_end_alike_are_not_the_same() {
    let ids = ["12345678", "a-12345678", "b-12345678", "\0a", "a", "b-"];
    let named = |(number, id): (u64, &str)| {
        let id = EventId::new(id).unwrap();
        event(number).to_draft().id(id).at(version(number)).unwrap()
    };
    let events: Vec<Event> = (1..).zip(ids).map(named).collect();
    Commit::events(events.clone()).unwrap();
    for (id, event) in ids.iter().zip(&events) {
        let again = event.to_draft().at(version(9)).unwrap();
        let error = Commit::events([events.clone(), vec![again]].concat()).unwrap_err();
        let id = EventId::new(id).unwrap();
        assert_eq!(error, InvalidCommit::RepeatedId { id });
    }
}

#[test]
fn a_commit_gives_back_what_it_was_made_of() {
    let one = event(4);
    for commit in [
        Commit::event(one.clone()),
        Commit::events([one.clone()]).unwrap(),
        Commit::from(one.clone()),
    ] {
        assert_eq!(*commit.content(), CommitContent::Event(one.clone()));
        assert_eq!(commit.as_events(), Some(&[one.clone()][..]));
        assert_eq!((commit.len(), commit.actor_id()), (1, &actor("order-1")));
        assert_eq!(commit.expected(), ExpectedVersion::Older);
        assert_eq!(commit.into_event(), Ok(one.clone()));
    }

    let several = [one, event(5)];
    let commit = Commit::events(several.clone())
        .unwrap()
        .expecting(ExpectedVersion::NoEvents);
    assert_eq!(commit.as_events(), Some(&several[..]));
    assert_eq!((commit.len(), commit.actor_id()), (2, &actor("order-1")));
    assert_eq!(commit.expected(), ExpectedVersion::NoEvents);
    assert_eq!(
        commit.clone().into_event(),
        Err(commit.clone()),
        "the commit, as it was"
    );
    assert_eq!(
        commit.into_content(),
        CommitContent::Events(several.to_vec())
    );

    let commit = Commit::drafts(drafts(1)).unwrap();
    assert_eq!(commit.as_events(), None);
    assert_eq!((commit.len(), commit.actor_id()), (1, &actor("order-1")));
    assert_eq!(commit.clone().into_event(), Err(commit.clone()));
    assert_eq!(commit.into_content(), CommitContent::Drafts(drafts(1)));
}

/// What a commit is made of, in the table.
enum Made {
    At(&'static [u64]),
    Drafts(usize),
}

#[test]
fn a_history_takes_a_commit_or_says_why_not() {
    use ExpectedVersion::{Exactly, NoEvents, Older};
    use Made::{At, Drafts};
    let exactly = |number| Exactly(version(number));
    /// The versions that are stored, or what follows `version conflict: actor "order-1" has version `.
    type Outcome = Result<Vec<u64>, &'static str>;
    let table: Vec<(Made, ExpectedVersion, u64, Outcome)> = vec![
        (At(&[5]), Older, 0, Ok(vec![5])),
        (At(&[5]), Older, 4, Ok(vec![5])),
        (At(&[5]), Older, 5, Err("5, cannot save version 5")),
        (At(&[5]), Older, 9, Err("9, cannot save version 5")),
        (At(&[5]), exactly(4), 4, Ok(vec![5])),
        (At(&[9]), exactly(4), 4, Ok(vec![9])),
        (
            At(&[5]),
            exactly(4),
            3,
            Err("3, cannot save version 5: it expects exactly version 4"),
        ),
        (
            At(&[5]),
            exactly(3),
            4,
            Err("4, cannot save version 5: it expects exactly version 3"),
        ),
        (
            At(&[5]),
            exactly(0),
            4,
            Err("4, cannot save version 5: it expects exactly version 0"),
        ),
        (At(&[5]), exactly(5), 5, Err("5, cannot save version 5")),
        (At(&[5]), exactly(9), 9, Err("9, cannot save version 5")),
        (At(&[5]), NoEvents, 0, Ok(vec![5])),
        (
            At(&[5]),
            NoEvents,
            4,
            Err("4, cannot save version 5: it expects no events"),
        ),
        (At(&[5]), NoEvents, 5, Err("5, cannot save version 5")),
        (At(&[3, 5]), Older, 2, Ok(vec![3, 5])),
        (At(&[3, 5]), Older, 3, Err("3, cannot save version 3")),
        (At(&[3, 5]), Older, 4, Err("4, cannot save version 3")),
        (At(&[3, 5]), exactly(2), 2, Ok(vec![3, 5])),
        (
            At(&[3, 5]),
            exactly(2),
            1,
            Err("1, cannot save version 3: it expects exactly version 2"),
        ),
        (
            At(&[3, 5]),
            NoEvents,
            1,
            Err("1, cannot save version 3: it expects no events"),
        ),
        (At(&[MAX]), Older, MAX - 1, Ok(vec![MAX])),
        (At(&[MAX]), NoEvents, 0, Ok(vec![MAX])),
        (
            At(&[MAX]),
            Older,
            MAX,
            Err("9223372036854775807, cannot save version 9223372036854775807"),
        ),
        (Drafts(1), Older, 0, Ok(vec![1])),
        (Drafts(3), Older, 7, Ok(vec![8, 9, 10])),
        (Drafts(2), exactly(7), 7, Ok(vec![8, 9])),
        (
            Drafts(2),
            exactly(6),
            7,
            Err("7, cannot save version 8: it expects exactly version 6"),
        ),
        (Drafts(2), NoEvents, 0, Ok(vec![1, 2])),
        (
            Drafts(1),
            NoEvents,
            1,
            Err("1, cannot save version 2: it expects no events"),
        ),
        (Drafts(1), Older, MAX - 1, Ok(vec![MAX])),
        (Drafts(2), Older, MAX - 2, Ok(vec![MAX - 1, MAX])),
        // No version is left: the attempt is to follow the latest.
        (
            Drafts(2),
            Older,
            MAX - 1,
            Err("9223372036854775806, cannot save version 9223372036854775806"),
        ),
        (
            Drafts(1),
            Older,
            MAX,
            Err("9223372036854775807, cannot save version 9223372036854775807"),
        ),
        (
            Drafts(1),
            exactly(MAX),
            MAX,
            Err("9223372036854775807, cannot save version 9223372036854775807"),
        ),
    ];
    for (made, expected, latest, outcome) in table {
        let commit = match made {
            At(versions) => Commit::events(events(versions)),
            Drafts(count) => Commit::drafts(drafts(count)),
        };
        let commit = commit.unwrap().expecting(expected);
        let latest = version(latest);
        let numbered = commit.number_after(latest);
        assert_eq!(
            commit.fits(latest),
            numbered.is_ok(),
            "{commit:?} after {latest}"
        );
        match (numbered, outcome) {
            (Ok(events), Ok(versions)) => {
                let numbers: Vec<u64> = events.iter().map(|event| event.version().get()).collect();
                assert_eq!(numbers, versions);
                assert_is_what_was_given(&commit, &events);
            }
            (Err(conflict), Err(text)) => {
                assert_eq!(
                    conflict.to_string(),
                    format!("version conflict: actor \"order-1\" has version {text}")
                );
                assert_eq!(conflict, commit.conflict_with(latest));
                assert_eq!(conflict.actor_id, actor("order-1"));
                assert_eq!(conflict.current_version, latest);
                assert_eq!(conflict.expected, expected);
            }
            (numbered, outcome) => {
                panic!("{commit:?} after {latest}: {numbered:?}, not {outcome:?}")
            }
        }
    }
}

fn assert_is_what_was_given(commit: &Commit, events: &[Event]) {
    match commit.content() {
        CommitContent::Event(event) => assert_eq!(events, std::slice::from_ref(event)),
        CommitContent::Events(given) => assert_eq!(events, given),
        CommitContent::Drafts(drafts) => {
            assert!(
                drafts
                    .iter()
                    .zip(events)
                    .all(|(draft, event)| draft.became(event))
            );
            assert_eq!(drafts.len(), events.len());
        }
    }
}

#[test]
fn a_conflict_shows_the_actors_id_so_that_nothing_in_it_can_mislead() {
    let event = draft_of("a\"\n\u{1b}[2J", "e").at(Version::FIRST).unwrap();
    let conflict = Commit::event(event).conflict_with(version(3));
    assert_eq!(
        conflict.to_string(),
        "version conflict: actor \"a\\\"\\n\\u{1b}[2J\" has version 3, cannot save version 1"
    );
}
