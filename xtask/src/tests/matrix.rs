//! The NATS suites on a server of each line that is supported, one after the other.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use comfy_table::{Table, presets};
use semver::Version;

use super::{nats_pass, suites_of, tell};
use crate::cargo::cargo;
use crate::cli::IntegrationArgs;
use crate::process;
use crate::server::{self, ADDRESS_VARIABLE, Kind, Wanted, pins, platform::Platform};
use crate::suites::{Selection, Suite};
use crate::summary::{Pass, Summary};
use crate::workspace::Workspace;

/// `cargo xtask integration --matrix`. Says whether all passed on every server.
pub(crate) async fn run(workspace: &Workspace, args: &IntegrationArgs) -> Result<bool> {
    let kind = args.wanted.nats;
    ensure!(
        kind != Some(Kind::Url) && (kind.is_some() || !server::address_is_given()),
        "the matrix starts a server of each version itself: unset {ADDRESS_VARIABLE}, or force \
         `--nats container` or `--nats binary`"
    );
    // xtask's own suites say nothing about the server that they are run beside.
    let mut suites = suites_of(workspace)?;
    suites.retain(|suite| suite.selection == Selection::Crates);
    build(&suites).await?;
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(["server", "suites", "passed", "failed", "time"]);
    let mut all = Summary::default();
    for version in pins::newest_of_each_line(Platform::ours()?) {
        println!("\n== nats-server {version}");
        let started = Instant::now();
        let pass = on(&version, workspace, &suites, args).await;
        table.add_row(row(&version, &pass, started.elapsed()));
        all.passes.push(pass);
    }
    println!("\n{table}");
    Ok(tell(&all))
}

/// All of them before the first server runs: its time is not that of the compiler.
async fn build(suites: &[Suite]) -> Result<()> {
    let mut command = cargo(["test", "--no-run"]);
    command.args(Selection::Crates.args());
    for suite in suites {
        command.args(["--test", &suite.name]);
    }
    let status = process::run(command).await?;
    ensure!(status.success(), "the suites do not build: {status}");
    Ok(())
}

/// What all suites came to on this version.
async fn on(
    version: &Version,
    workspace: &Workspace,
    suites: &[Suite],
    args: &IntegrationArgs,
) -> Pass {
    let wanted = Wanted {
        nats: args.wanted.nats,
        server_version: Some(version.clone()),
    };
    let mut summary = Summary::default();
    let run = nats_pass(workspace, suites, &wanted, &args.args, &mut summary).await;
    summary.judge_empty(!args.args.is_empty());
    whole(version, run, summary)
}

fn whole(version: &Version, run: Result<()>, summary: Summary) -> Pass {
    let mut pass = summary.passes.into_iter().next().unwrap_or_else(|| Pass {
        name: "NATS suites".to_owned(),
        ..Pass::default()
    });
    if let Err(error) = run {
        pass.problems.push(format!("{error:#}"));
    }
    pass.name = format!("{} on {version}", pass.name);
    pass
}

/// A problem counts as a failure, as it does in the summary.
fn row(version: &Version, pass: &Pass, time: Duration) -> [String; 5] {
    let suites = pass.name.split(' ').next().unwrap_or_default();
    let suites = suites
        .parse::<usize>()
        .map_or("-".to_owned(), |n| n.to_string());
    [
        version.to_string(),
        suites,
        pass.counts.passed.to_string(),
        (pass.counts.failed + pass.problems.len() as u64).to_string(),
        format!("{:.1} s", time.as_secs_f64()),
    ]
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn a_server_that_cannot_be_had_is_a_failure_of_its_row() {
        let version = Version::new(2, 11, 11);
        let pass = whole(
            &version,
            Err(anyhow::anyhow!("no server")),
            Summary::default(),
        );
        assert_eq!(pass.problems, ["no server"]);
        let row = row(&version, &pass, Duration::from_millis(1500));
        assert_eq!(row, ["2.11.11", "-", "0", "1", "1.5 s"]);
    }
}
