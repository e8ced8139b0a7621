//! Every gate, one after the other, none of them changing a file.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use clap::ValueEnum;
use comfy_table::{Table, presets};
use tokio::process::Command;

use crate::cargo::cargo;
use crate::cli::{LayersArgs, TestArgs, VerifyArgs};
use crate::server::Wanted;
use crate::workspace::Workspace;
use crate::{audit, layers, process, tests, toolchain};

/// A thing that has to hold before a change is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GateName {
    Format,
    Lock,
    Toolchain,
    Clippy,
    Docs,
    Layers,
    Audit,
    Tests,
}

/// What became of a gate.
#[derive(Debug)]
enum Outcome {
    /// It holds; what else there is to say.
    Ok(String),
    Failed(String),
    NotRun,
}

impl fmt::Display for GateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("?", |value| value.get_name()))
    }
}

/// `cargo xtask verify`. Says whether every gate that was run holds.
pub(crate) async fn run(workspace: &Workspace, args: &VerifyArgs) -> Result<bool> {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(["gate", "", "time", ""]);
    let mut all_hold = true;
    for gate in GateName::value_variants() {
        let started = Instant::now();
        let outcome = if args.without.contains(gate) {
            Outcome::NotRun
        } else {
            println!("== {gate}");
            match gate.check(workspace).await {
                Ok(note) => Outcome::Ok(note),
                Err(error) => {
                    eprintln!("{gate}: {error:#}");
                    Outcome::Failed(format!("{error:#}"))
                }
            }
        };
        all_hold &= !matches!(outcome, Outcome::Failed(_));
        table.add_row(line(*gate, &outcome, started.elapsed()));
    }
    println!("\n{table}");
    Ok(all_hold)
}

fn line(gate: GateName, outcome: &Outcome, time: Duration) -> [String; 4] {
    let (word, note) = match outcome {
        Outcome::Ok(note) => ("ok", note.as_str()),
        Outcome::Failed(why) => ("FAILED", why.as_str()),
        Outcome::NotRun => ("not run", ""),
    };
    let time = format!("{:.1} s", time.as_secs_f64());
    // The rest of a long complaint stands above the table.
    let note = note.lines().next().unwrap_or_default();
    [gate.to_string(), word.to_owned(), time, note.to_owned()]
}

impl GateName {
    /// What there is to say of it if it holds.
    async fn check(self, workspace: &Workspace) -> Result<String> {
        match self {
            Self::Format => succeed(cargo(["fmt", "--all", "--check"])).await,
            Self::Lock => lock().await,
            Self::Toolchain => toolchain::check(workspace).await,
            Self::Clippy => {
                succeed(clippy(&["--all-targets"])).await?;
                // The suites that need NATS are no tests to cargo where it isn't told their names.
                succeed(clippy(&["--test", "*"])).await
            }
            Self::Docs => succeed(docs()).await,
            Self::Layers => holds(layers::run(&LayersArgs { edges_only: false }).await?),
            Self::Audit => audit::check(workspace).await,
            Self::Tests => holds(tests::test(workspace, &every_test()).await?),
        }
    }
}

/// The lock file is complete: no build would change it.
async fn lock() -> Result<String> {
    let metadata = cargo(["metadata", "--locked", "--format-version", "1"]);
    process::output(metadata).await.map(|_| String::new())
}

fn clippy(targets: &[&str]) -> Command {
    let mut command = cargo(["clippy", "--workspace", "--all-features"]);
    command.args(targets).args(["--", "-D", "warnings"]);
    command
}

fn docs() -> Command {
    let mut command = cargo(["doc", "--workspace", "--no-deps", "--all-features"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    command
}

fn every_test() -> TestArgs {
    TestArgs {
        wanted: Wanted {
            nats: None,
            server_version: None,
        },
        last: false,
        args: Vec::new(),
    }
}

async fn succeed(command: Command) -> Result<String> {
    let described = process::describe(&command);
    let status = process::run(command).await?;
    ensure!(status.success(), "`{described}`: {status}");
    Ok(String::new())
}

fn holds(holds: bool) -> Result<String> {
    if holds {
        Ok(String::new())
    } else {
        Err(anyhow!("see above"))
    }
}
