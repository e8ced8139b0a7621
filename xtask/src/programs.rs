//! Programs of the crates that run for long and are not tests: benchmarks and chaos.

use std::fmt;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use cargo_metadata::{Target, TargetKind};
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

/// The crate that has chaos.
const PACKAGE: &str = "aether-store-jetstream";

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Benchmark {
    /// Saving, loading and snapshots of the JetStream store
    Jetstream,
    /// Events across nodes
    Bus,
}

impl Benchmark {
    /// The crate that has it.
    fn package(self) -> &'static str {
        match self {
            Self::Jetstream => PACKAGE,
            Self::Bus => "aether-bus",
        }
    }
}

impl fmt::Display for Benchmark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jetstream => "jetstream",
            Self::Bus => "bus",
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
    let mut command = bench_command(workspace, name)?;
    // Built before the server runs, which shall have nothing but the benchmark to do.
    let mut build = bench_command(workspace, name)?;
    build.arg("--no-run");
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
    target(workspace, PACKAGE, &TargetKind::Test, "chaos")?;
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

/// What builds a benchmark and runs it, with the features that its target says it requires.
fn bench_command(workspace: &Workspace, name: Benchmark) -> Result<Command> {
    let (package, name) = (name.package(), name.to_string());
    let features = target(workspace, package, &TargetKind::Bench, &name)?
        .required_features
        .join(",");
    let mut command = cargo(["bench", "--package", package, "--bench", &name]);
    command.args(["--features", &features]);
    Ok(command)
}

/// Says plainly that there is none, which cargo does at length.
fn target<'w>(
    workspace: &'w Workspace,
    package: &str,
    kind: &TargetKind,
    name: &str,
) -> Result<&'w Target> {
    workspace
        .members()
        .into_iter()
        .filter(|member| *member.name == package)
        .flat_map(|member| &member.targets)
        .find(|target| target.kind.contains(kind) && target.name == name)
        .with_context(|| format!("{package} has no {kind} target `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// cargo does not build it without.
    #[test]
    fn each_benchmark_gets_the_feature_that_it_requires() {
        let workspace = Workspace::find().unwrap();
        for (name, feature) in [(Benchmark::Jetstream, "_bench"), (Benchmark::Bus, "nats")] {
            let command = bench_command(&workspace, name).unwrap();
            let arguments: Vec<_> = command.as_std().get_args().collect();
            assert!(arguments.ends_with(&["--features".as_ref(), feature.as_ref()]));
        }
    }
}
