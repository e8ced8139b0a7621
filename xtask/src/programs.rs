//! Programs of the crates that run for long and are not tests: benchmarks and chaos.

use std::fmt;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use cargo_metadata::TargetKind;
use clap::ValueEnum;
use tokio::process::Command;

use crate::cargo::cargo;
use crate::cli::{BenchArgs, ChaosArgs};
use crate::process::{self, code_of};
use crate::server::program::{self, Given};
use crate::server::{self, PROGRAM_VARIABLE, Wanted};
use crate::workspace::Workspace;

/// Where a benchmark finds the id of the server's process, for the processor time that it takes.
const PID_VARIABLE: &str = "AETHER_NATS_PID";

/// The crate that has them.
const PACKAGE: &str = "aether-store-jetstream";

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Benchmark {
    /// Saving, loading and snapshots of the JetStream store
    Jetstream,
}

impl fmt::Display for Benchmark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jetstream => "jetstream",
        })
    }
}

/// `cargo xtask bench`: ends with the benchmark's own exit code.
pub(crate) async fn bench(workspace: &Workspace, args: &BenchArgs) -> Result<ExitCode> {
    let Some(name) = args.name else {
        for name in Benchmark::value_variants() {
            println!("{name}");
        }
        return Ok(ExitCode::SUCCESS);
    };
    let name = name.to_string();
    has_target(workspace, &TargetKind::Bench, &name)?;
    let mut command = cargo(["bench", "--package", PACKAGE, "--bench", &name]);
    // Built before the server runs, which shall have nothing but the benchmark to do.
    let mut build = cargo(["bench", "--package", PACKAGE, "--bench", &name, "--no-run"]);
    Given::tell_nothing(&mut build);
    let built = process::run(build).await?;
    if !built.success() {
        return Ok(code_of(built));
    }
    // Never a container: its network would be measured, too.
    let wanted = Wanted::process(args.server_version.clone());
    let server = server::find(&wanted, workspace).await?;
    server.given(workspace).await?.tell(&mut command);
    let pid = server.pid.context("the server's process is not known")?;
    command.env(PID_VARIABLE, pid.to_string());
    pass_on(&mut command, &args.args);
    Ok(code_of(process::run(command).await?))
}

/// `cargo xtask chaos`: ends with the program's own exit code.
pub(crate) async fn chaos(workspace: &Workspace, args: &ChaosArgs) -> Result<ExitCode> {
    has_target(workspace, &TargetKind::Test, "chaos")?;
    let wanted = Wanted::process(args.server_version.clone());
    let program = program::ours(&wanted, workspace).await?;
    let seed = match args.seed {
        Some(seed) => seed,
        None => SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
    };
    let minutes = args.minutes;
    println!("chaos for {minutes} min with --seed {seed}");
    let mut command = cargo(["test", "--release", "--package", PACKAGE, "--test", "chaos"]);
    // It starts a cluster of its own.
    Given::tell_nothing(&mut command);
    command.env(PROGRAM_VARIABLE, program).args([
        "--",
        "--minutes",
        &minutes.to_string(),
        "--seed",
        &seed.to_string(),
    ]);
    if let Some(report) = &args.report {
        // cargo runs it in the folder of its package.
        command.arg("--report").arg(std::path::absolute(report)?);
    }
    Ok(code_of(process::run(command).await?))
}

fn pass_on(command: &mut Command, args: &[std::ffi::OsString]) {
    if !args.is_empty() {
        command.arg("--").args(args);
    }
}

/// Says plainly that there is none, which cargo does at length.
fn has_target(workspace: &Workspace, kind: &TargetKind, name: &str) -> Result<()> {
    let there = workspace
        .members()
        .into_iter()
        .filter(|package| *package.name == PACKAGE)
        .flat_map(|package| &package.targets)
        .any(|target| target.kind.contains(kind) && target.name == name);
    ensure!(there, "{PACKAGE} has no {kind} target `{name}`");
    Ok(())
}
