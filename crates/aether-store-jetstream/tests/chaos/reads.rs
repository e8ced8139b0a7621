//! Holds what a process read against the histories, and against what it knew before.

use std::collections::HashMap;

use crate::checker::{Findings, Kind, ProcessLog, Row};
use crate::log::{Asked, Line, Outcome, Seen};

/// What a process knows of an actor: this version at least, and whether it wrote that itself.
type Known = (u64, bool);

/// Reads of one process never go back, and show what is in the stream.
pub(crate) fn check(
    log: &ProcessLog,
    histories: &HashMap<&str, Vec<Row<'_>>>,
    findings: &mut Findings,
) {
    let mut known: HashMap<&str, Known> = HashMap::new();
    let mut open: HashMap<u64, (&str, Asked, Known)> = HashMap::new();
    for line in &log.lines {
        match line {
            Line::Attempt { op, actor, .. } => {
                let floor = known.get(actor.as_str()).copied().unwrap_or_default();
                open.insert(*op, (actor, Asked::Latest, floor));
            }
            Line::ReadBegan { op, actor, asked } => {
                let floor = known.get(actor.as_str()).copied().unwrap_or_default();
                open.insert(*op, (actor, *asked, floor));
            }
            Line::Ended { op, outcome, .. } => {
                let (actor, _, floor) = open.remove(op).unwrap();
                let (version, own) = match outcome {
                    Outcome::Stored { versions, .. } => (versions.last().copied(), true),
                    Outcome::Conflict { current } => (Some(*current), false),
                    _ => (None, false),
                };
                let Some(version) = version else { continue };
                if !own {
                    let place = format!("{} op {op}, conflict, {actor}", log.process);
                    check_version(&place, version, floor, histories.get(actor), findings);
                }
                let entry = known.entry(actor).or_default();
                *entry = (*entry).max((version, own));
            }
            Line::ReadEnded { op, seen } => {
                let (actor, asked, floor) = open.remove(op).unwrap();
                let place = format!("{} op {op}, read, {actor}", log.process);
                let seen = match seen {
                    Ok(seen) => seen,
                    Err(error) if error == "Unavailable" => continue,
                    Err(error) => {
                        findings.violation(Kind::WrongError, format!("{place}: {error}"));
                        continue;
                    }
                };
                let history = histories.get(actor);
                check_version(&place, seen.latest, floor, history, findings);
                let whole = match asked {
                    Asked::Latest => None,
                    Asked::Events { from } => Some((from, Kind::ReadIsNotTheHistory)),
                    Asked::State => Some((0, Kind::RestoredIsNotTheState)),
                };
                if let Some((from, kind)) = whole {
                    let rows = history.map_or(&[][..], Vec::as_slice);
                    let rows = &rows[rows.partition_point(|row| row.0 < from)..];
                    let rows = rows.iter().take_while(|row| row.0 <= seen.latest);
                    if Seen::of(rows.map(|row| (row.0, row.1))) != *seen {
                        let detail = format!("{place}: from {from}, {seen:?}");
                        findings.violation(kind, detail);
                    }
                }
                let entry = known.entry(actor).or_default();
                *entry = (*entry).max((seen.latest, false));
            }
            Line::Snapshot(_) | Line::Feed(_) => {}
        }
    }
}

/// A version that somebody was told: not below what was known, and one that a commit ends with.
fn check_version(
    place: &str,
    version: u64,
    floor: Known,
    history: Option<&Vec<Row<'_>>>,
    findings: &mut Findings,
) {
    if version < floor.0 {
        let kind = match floor.1 {
            true => Kind::OwnWriteNotSeen,
            false => Kind::ReadWentBack,
        };
        findings.violation(kind, format!("{place}: {version} after {}", floor.0));
    }
    let ends = |rows: &Vec<Row<'_>>| {
        let row = rows.get(rows.partition_point(|row| row.0 < version));
        row.is_some_and(|row| row.0 == version && row.2)
    };
    if version != 0 && !history.is_some_and(ends) {
        let detail = format!("{place}: version {version}");
        findings.violation(Kind::ReadOfWhatNeverWas, detail);
    }
}
