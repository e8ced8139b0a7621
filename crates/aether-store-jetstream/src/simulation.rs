//! Saving against a server that delays, repeats, loses and drops, answers from the past, and may
//! lose its newest messages: many seeds, in virtual time.
//!
//! What is checked is what the store promises, from what each save said and what the log has in
//! the end. The real server is in `tests/`; here the interleavings are that it shows once in a
//! year.

mod between;
mod load;
mod server;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use aether_core::{ActorId, Commit, EventDraft, EventId, StoreErrorKind, Version};

use crate::message::Stored;
use load::{Ended, Process, Tried, run, runtime};
use server::{SimServer, Weather};

/// How many runs with each weather.
const SEEDS: u64 = 80;

#[test]
fn whatever_the_server_does_each_save_ends_as_it_says() {
    let mut seen: HashMap<&'static str, usize> = HashMap::new();
    for seed in 0..SEEDS {
        let run = run(seed, Weather::STORM);
        let log = run.server.log();
        let stored = ids(&log);
        check_log(seed, &log);
        check_saves(seed, &run.tried, &stored, &HashSet::new());
        check_notices(seed, &run);
        for tried in &run.tried {
            *seen.entry(tried.ended.name()).or_default() += 1;
        }
        for (fault, times) in run.server.faults() {
            *seen.entry(fault).or_default() += times;
        }
    }
    let behind = seen.get("behind").copied().unwrap_or(0);
    assert!(
        behind * 100 < seen["conflict"],
        "{behind} conflicts by outdated answers: {seen:?}"
    );
    // What did not happen was not tested.
    for what in [
        "stored",
        "repeated",
        "conflict",
        "indeterminate",
        "dropped",
        "lost",
        "delayed",
        "duplicated",
        "ack lost",
        "refused by an old leader",
        "read from an old leader",
        "applied though refused",
    ] {
        let times = seen.get(what).copied().unwrap_or(0);
        assert!(times > 50, "{what}: {times} in all of {seen:?}");
    }
}

#[test]
fn a_calm_server_leaves_nothing_unknown() {
    for seed in 0..20 {
        let run = run(seed, Weather::CALM);
        let log = run.server.log();
        check_log(seed, &log);
        check_saves(seed, &run.tried, &ids(&log), &HashSet::new());
        check_notices(seed, &run);
        let unknown = run.tried.iter().find(|tried| {
            !matches!(
                tried.ended,
                Ended::Stored | Ended::Repeated | Ended::Conflict | Ended::Dropped
            )
        });
        assert!(unknown.is_none(), "seed {seed}: {unknown:?}");
    }
}

#[test]
fn what_expires_meanwhile_changes_nothing_that_a_save_says() {
    check_expiring(Weather::EXPIRING, &["repeated", "conflict"]);
}

#[test]
fn what_expires_before_a_save_gives_up_is_neither_denied_nor_stored_again() {
    check_expiring(Weather::EXPIRING_SOON, &["conflict"]);
}

fn check_expiring(weather: Weather, ended: &[&str]) {
    let mut seen: HashMap<&'static str, usize> = HashMap::new();
    for seed in 0..SEEDS {
        let run = run(seed, weather);
        let log = run.server.log();
        check_log(seed, &log);
        check_saves(seed, &run.tried, &ids(&log), &HashSet::new());
        check_notices(seed, &run);
        for tried in &run.tried {
            *seen.entry(tried.ended.name()).or_default() += 1;
        }
        for (fault, times) in run.server.faults() {
            *seen.entry(fault).or_default() += times;
        }
    }
    for what in ended.iter().chain(&["stored", "indeterminate", "expired"]) {
        let times = seen.get(*what).copied().unwrap_or(0);
        assert!(times > 20, "{what}: {times} in all of {seen:?}");
    }
}

#[test]
fn a_server_that_loses_its_newest_messages_is_found_out() {
    let mut regressed = 0;
    let mut broken = 0;
    for seed in 0..SEEDS {
        let run = run(seed, Weather::LOSING);
        let log = run.server.log();
        let stored = ids(&log);
        let lost = run.server.lost();
        // Where the very sequence that a process knows was used again for the same actor, the
        // server can't tell. The chain does.
        let broken_at = breaks(&log);
        check_once(seed, &log, &broken_at);
        check_saves(seed, &run.tried, &stored, &lost);
        for tried in &run.tried {
            if tried.ended == Ended::Failed(StoreErrorKind::HistoryRegressed) {
                regressed += 1;
                let of_actor = |id: &EventId| run.ids_of(&tried.actor).contains(id);
                assert!(
                    lost.iter().any(of_actor),
                    "seed {seed}: nothing was lost: {tried:?}"
                );
            }
        }
        broken += usize::from(!broken_at.is_empty());
        for sequence in broken_at {
            // A break in the chain is where something was lost, and nowhere else.
            assert!(
                !lost.is_empty(),
                "seed {seed}: the chain breaks at {sequence}"
            );
        }
    }
    assert!(regressed > 20, "{regressed}");
    assert!(broken > 5, "{broken}");
}

#[test]
fn a_version_that_was_given_to_another_after_a_loss_is_a_history_that_went_backwards() {
    let event = |actor: &ActorId, version: u32| {
        let draft = EventDraft::new(actor, "Happened", &version).unwrap();
        Commit::event(draft.at(version.into()).unwrap())
    };
    let [ours, other] = ["order-1", "order-2"].map(|id| ActorId::new(id).unwrap());
    runtime().block_on(async {
        let server = Arc::new(SimServer::new(0, Weather::CALM));
        let [knows, anew] = [(); 2].map(|()| Process::new(server.clone(), 100));
        for version in 1..=2 {
            assert!(knows.save(event(&ours, version), None).await.is_none());
        }
        // Version 2 is lost; its place goes to another actor, its version to another event.
        server.lose(1);
        assert!(anew.save(event(&other, 1), None).await.is_none());
        assert!(anew.save(event(&ours, 2), None).await.is_none());
        let read = knows.version(&ours).await.unwrap_err();
        let saved = knows.save(event(&ours, 3), None).await.unwrap();
        for error in [read, saved] {
            assert_eq!(error.kind(), StoreErrorKind::HistoryRegressed, "{error}");
        }
        assert_eq!(server.log().len(), 3);
    });
}

fn ids(log: &[Stored]) -> HashSet<EventId> {
    log.iter()
        .flat_map(load::events)
        .map(|event| event.id().clone())
        .collect()
}

/// Nothing twice, each actor's versions rise, and each commit is linked to the one before.
fn check_log(seed: u64, log: &[Stored]) {
    check_once(seed, log, &[]);
    assert_eq!(
        breaks(log),
        Vec::<u64>::new(),
        "seed {seed}: the chain breaks"
    );
    let mut last: HashMap<&str, Version> = HashMap::new();
    for stored in log {
        let last = last.entry(stored.subject.as_str()).or_insert(Version::ZERO);
        for event in load::events(stored) {
            assert!(
                event.version() > *last,
                "seed {seed}: version {} falls",
                event.version()
            );
            *last = event.version();
        }
    }
}

fn check_once(seed: u64, log: &[Stored], unless_broken_at: &[u64]) {
    let mut seen = HashSet::new();
    for stored in log {
        let excused = unless_broken_at.contains(&stored.sequence);
        for event in load::events(stored) {
            let new = seen.insert(event.id().clone());
            assert!(new || excused, "seed {seed}: stored twice: {event:?}");
        }
    }
}

/// Where a commit does not follow the one before it on its subject.
fn breaks(log: &[Stored]) -> Vec<u64> {
    let mut before: HashMap<&str, &Stored> = HashMap::new();
    let mut breaks = Vec::new();
    for stored in log {
        let link = stored.link().unwrap().unwrap();
        let before = before.insert(stored.subject.as_str(), stored);
        let holds = match (before, &link) {
            (None, crate::chain::Link::First) => true,
            (Some(before), crate::chain::Link::After(link)) => {
                before.digest() == link.digest
                    && before.span().unwrap().last == link.version
                    && link.sequences[0] == before.sequence
            }
            _ => false,
        };
        if !holds {
            breaks.push(stored.sequence);
        }
    }
    breaks
}

/// What each save said is so. What was lost had been stored.
fn check_saves(seed: u64, all: &[Tried], stored: &HashSet<EventId>, lost: &HashSet<EventId>) {
    let lossy = !lost.is_empty();
    for tried in all {
        let count =
            |set: &HashSet<EventId>| tried.ids.iter().filter(|id| set.contains(*id)).count();
        let there = count(stored);
        let whole = there == tried.ids.len();
        assert!(
            whole || there == 0,
            "seed {seed}: a part of it is stored: {tried:?}"
        );
        match tried.ended {
            Ended::Stored | Ended::Repeated => {
                let was = whole || count(lost) == tried.ids.len();
                assert!(was, "seed {seed}: not stored: {tried:?}");
            }
            // What is lost may have been offered before, and stored again since.
            Ended::Conflict => assert!(there == 0 || lossy, "seed {seed}: stored: {tried:?}"),
            // A copy on its way may be stored yet, where the very sequence that it expects is used
            // again for the same actor: the chain tells.
            Ended::Failed(StoreErrorKind::HistoryRegressed) if lossy => {}
            // Malformed: where something was lost.
            Ended::Failed(StoreErrorKind::Unavailable | StoreErrorKind::Malformed) => {
                check_not_stored(seed, all, tried, there);
            }
            Ended::Indeterminate | Ended::Dropped | Ended::Behind => {}
            Ended::Failed(kind) => panic!("seed {seed}: {kind:?}: {tried:?}"),
        }
    }
}

/// What stored nothing, by its own account: unless another attempt did.
fn check_not_stored(seed: u64, all: &[Tried], tried: &Tried, there: usize) {
    let by_another = |other: &Tried| {
        other.ids.iter().any(|id| tried.ids.contains(id))
            && !matches!(other.ended, Ended::Failed(_) | Ended::Conflict)
    };
    let by_another = all.iter().any(by_another);
    assert!(there == 0 || by_another, "seed {seed}: stored: {tried:?}");
}

/// Each event was told of once by the process whose save stored it, in order, and no other.
fn check_notices(seed: u64, run: &load::Run) {
    let expected: Vec<&EventId> = run
        .tried
        .iter()
        .filter(|tried| tried.ended == Ended::Stored)
        .flat_map(|tried| &tried.ids)
        .collect();
    let mut told = HashSet::new();
    for process in &run.told {
        let mut last: HashMap<String, Version> = HashMap::new();
        for (actor, version, id) in process {
            assert!(told.insert(id.clone()), "seed {seed}: told twice of {id:?}");
            let last = last.entry(actor.clone()).or_insert(Version::ZERO);
            assert!(
                version > last,
                "seed {seed}: told of {version} after {last}"
            );
            *last = *version;
        }
    }
    for id in &expected {
        assert!(told.remove(*id), "seed {seed}: not told of {id:?}");
    }
    // Those of which a save was dropped right after it was stored.
    let dropped: HashSet<&EventId> = run.dropped().collect();
    assert!(
        told.iter().all(|id| dropped.contains(id)),
        "seed {seed}: told of {told:?}"
    );
}
