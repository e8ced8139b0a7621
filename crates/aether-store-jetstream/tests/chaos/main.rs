//! A mixed load under random faults on three servers, checked from the writers' own logs.
//!
//! This program is three: with `--minutes N --seed S [--report FILE]` the long run, with
//! `--worker` one of its processes, and else the tests, a short run among them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics says where"
)]

mod checker;
mod conduct;
mod crew;
mod feeds;
mod inject;
mod interruptions;
mod load;
mod log;
mod memory;
mod reads;
mod report;
mod resolution;
mod rng;
mod schedule;
mod stream;
#[path = "../support/mod.rs"]
mod support;
mod teeth;
mod worker;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use support::runtime;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str| {
        let index = arguments.iter().position(|argument| argument == name)?;
        Some(arguments.get(index + 1).expect("each option has a value"))
    };
    if let Some(orders) = value("--worker") {
        let orders = serde_json::from_str(orders).unwrap();
        runtime().block_on(worker::run(orders));
        return ExitCode::SUCCESS;
    }
    if let Some(minutes) = value("--minutes") {
        let seed = value("--seed").expect("--seed S");
        let (minutes, seed) = (minutes.parse().unwrap(), seed.parse().unwrap());
        let report = runtime().block_on(conduct::run(minutes, seed));
        print!("{}", report.text);
        if let Some(file) = value("--report") {
            std::fs::write(file, &report.text).unwrap();
        }
        return match report.violations == 0 && report.too_little.is_empty() {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        };
    }
    let mut trials: Vec<Trial> = teeth::TESTS
        .iter()
        .chain(feeds::teeth::TESTS)
        .map(|(name, test)| trial(name, *test))
        .collect();
    trials.push(trial(
        "a_short_chaos_run_ends_without_a_violation",
        short_run,
    ));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn trial(name: &'static str, test: fn()) -> Trial {
    Trial::test(name, move || {
        std::panic::catch_unwind(test).map_err(|_| Failed::from("see the panic above"))
    })
}

fn short_run() {
    let report = runtime().block_on(conduct::run(0, 1));
    assert_eq!(report.violations, 0, "{}", report.text);
    assert!(report.too_little.is_empty(), "{}", report.text);
}
