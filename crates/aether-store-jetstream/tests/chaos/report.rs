//! What a run says in the end.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;

use crate::checker::{Findings, ProcessLog};
use crate::inject::Injected;
use crate::log::{Line, Outcome};
use crate::schedule::Fault;

/// How many violations of one kind are shown.
const SHOWN_MAX: usize = 20;
/// The least that a run must have tried for each second of it.
const SAVES_PER_SECOND_MIN: u64 = 20;

#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) minutes: u64,
    pub(crate) seconds: u64,
    pub(crate) faults: Vec<Fault>,
    pub(crate) server: String,
    pub(crate) lost_acknowledgements: usize,
}

#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) text: String,
    pub(crate) violations: usize,
    /// Why the run proves little; empty where it proves what it can.
    pub(crate) too_little: Vec<String>,
}

/// What was going on when the faults of one kind came.
#[derive(Debug, Default)]
struct Hits {
    count: u64,
    /// Saves that had begun and not ended.
    in_flight: usize,
    /// How many of the faults hit at least one of those.
    hitting: u64,
}

pub(crate) fn report(
    run: &Run,
    findings: &Findings,
    injected: &[Injected],
    logs: &[ProcessLog],
) -> Report {
    let count = |what| findings.counts.get(what).copied().unwrap_or(0);
    let hits = hits(injected, logs);
    let mut too_little = Vec::new();
    let mut text = format!(
        "# Chaos: {} s, seed {}\n\nThree servers ({}), three worker processes, {} started in all.\n\n",
        run.seconds,
        run.seed,
        run.server,
        logs.len()
    );
    text.push_str("| what | count |\n|---|---:|\n");
    for (what, count) in &findings.counts {
        writeln!(text, "| {what} | {count} |").unwrap();
    }
    let lost = run.lost_acknowledgements;
    writeln!(text, "| acknowledgements lost on their way | {lost} |").unwrap();
    let rate = count("saves tried") / run.seconds.max(1);
    writeln!(text, "| saves tried per second | {rate} |").unwrap();
    writeln!(
        text,
        "| longest wait for an acknowledgement (ms) | {} |",
        longest(logs)
    )
    .unwrap();

    text.push_str("\n| how it ended | what became of it | count |\n|---|---|---:|\n");
    for (resolution, count) in &findings.resolutions {
        let (end, became) = (resolution.end, resolution.became);
        writeln!(text, "| {end} | {became} | {count} |").unwrap();
    }

    text.push_str("\n| fault | injected | at least | with saves in flight | saves in flight |\n");
    text.push_str("|---|---:|---:|---:|---:|\n");
    for fault in &run.faults {
        let minimum = fault.minimum(run.minutes);
        let none = Hits::default();
        let hits = hits.get(fault).unwrap_or(&none);
        writeln!(
            text,
            "| {fault:?} | {} | {minimum} | {} | {} |",
            hits.count, hits.hitting, hits.in_flight
        )
        .unwrap();
        if hits.hitting < minimum {
            too_little.push(format!(
                "{fault:?} hit saves in flight less than {minimum} times"
            ));
        }
    }
    if rate < SAVES_PER_SECOND_MIN {
        too_little.push(format!("{rate} saves tried per second"));
    }
    for what in [
        "saves acknowledged",
        "repeats acknowledged as such",
        "conflicts",
        "futures dropped",
        "whole histories read",
        "histories read from a version on",
        "snapshots saved",
        "states from a snapshot",
        "events given by feeds",
        "feeds resumed",
        "feeds begun from now",
        "feeds dropped",
        "feeds cut off with their process",
        "feeds gone on after an interruption",
        "feeds at the end of the stream",
    ] {
        if count(what) == 0 {
            too_little.push(format!("no {what}"));
        }
    }
    if lost == 0 {
        too_little.push("no acknowledgement was lost".to_owned());
    }
    let open = |end: &str| findings.resolutions.keys().any(|r| r.end == end);
    if run.minutes > 0 && !open("indeterminate") {
        too_little.push("no save ended as indeterminate".to_owned());
    }

    writeln!(text, "\nViolations: {}\n", findings.violations.len()).unwrap();
    for kind in findings.kinds() {
        let all: Vec<_> = findings
            .violations
            .iter()
            .filter(|v| v.kind == kind)
            .collect();
        writeln!(text, "- {kind:?}: {}", all.len()).unwrap();
        for violation in all.iter().take(SHOWN_MAX) {
            writeln!(text, "  - {}", violation.detail).unwrap();
        }
    }
    for reason in &too_little {
        writeln!(text, "It proves little: {reason}.").unwrap();
    }
    Report {
        text,
        violations: findings.violations.len(),
        too_little,
    }
}

fn hits(injected: &[Injected], logs: &[ProcessLog]) -> BTreeMap<Fault, Hits> {
    // When each save began, and when it ended; one that was cut off ended with its process.
    let mut begins = Vec::new();
    let mut ends = Vec::new();
    for log in logs {
        let mut open = BTreeSet::new();
        let mut last = 0;
        for line in &log.lines {
            match line {
                Line::Attempt { op, at, .. } => {
                    begins.push(*at);
                    open.insert(*op);
                    last = *at;
                }
                Line::Ended { op, at, .. } => {
                    ends.push(*at);
                    open.remove(op);
                    last = *at;
                }
                _ => {}
            }
        }
        // Just after the last that was heard of it; the kill itself is a moment later.
        ends.extend(open.iter().map(|_| last + 100_000));
    }
    begins.sort_unstable();
    ends.sort_unstable();
    let mut hits: BTreeMap<Fault, Hits> = BTreeMap::new();
    for fault in injected {
        let begun = begins.partition_point(|at| *at <= fault.at);
        let in_flight = begun - ends.partition_point(|at| *at <= fault.at).min(begun);
        let hits = hits.entry(fault.fault).or_default();
        hits.count += 1;
        hits.in_flight += in_flight;
        hits.hitting += u64::from(in_flight > 0);
    }
    hits
}

fn longest(logs: &[ProcessLog]) -> u64 {
    let mut longest = 0;
    for log in logs {
        let mut began = HashMap::new();
        for line in &log.lines {
            match line {
                Line::Attempt { op, at, .. } => {
                    began.insert(*op, *at);
                }
                Line::Ended {
                    op,
                    at,
                    outcome: Outcome::Stored { .. },
                } => longest = longest.max(at.saturating_sub(began[op])),
                _ => {}
            }
        }
    }
    longest / 1_000
}
