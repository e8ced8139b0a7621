//! The command line: what `cargo xtask` understands.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use semver::Version;

use crate::programs::Benchmark;
use crate::server::Wanted;
use crate::server::cluster::Size;
use crate::verify::GateName;

/// Builds, checks and tests Aether.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run every test: unit, integration and doc tests, then the suites that need NATS
    Test(TestArgs),
    /// Run the suites that need NATS, and only those
    Integration(IntegrationArgs),
    /// Run a command with a NATS server for as long as it takes, its address in `AETHER_NATS_URL`
    WithNats(WithNatsArgs),
    /// Start a NATS server, or a cluster of them, to play with, until Ctrl-C
    Nats(NatsArgs),
    /// Measure against a NATS server of its own; without a name, list what can be measured
    Bench(BenchArgs),
    /// Break and pause servers at random under load, and check that nothing is lost
    Chaos(ChaosArgs),
    /// Break the code on purpose, one way after the other, and see that a test notices each
    Mutate(MutateArgs),
    /// Check who may depend on whom, and that every crate builds alone
    Layers(LayersArgs),
    /// Run every gate without changing a file
    Verify(VerifyArgs),
    /// Format the code and apply clippy's suggestions
    Fix,
    /// Look after a server until standard input ends, then remove it
    #[command(hide = true)]
    Keep(Charge),
}

impl Command {
    /// Ctrl-C is how `nats` is meant to end; anything else was cut short by it.
    pub(crate) fn code_of_a_signal(&self) -> Option<ExitCode> {
        matches!(self, Self::Nats(_)).then_some(ExitCode::SUCCESS)
    }
}

#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    #[command(flatten)]
    pub(crate) wanted: Wanted,
    /// Print the summary of the last run of all tests again instead
    #[arg(long)]
    pub(crate) last: bool,
    /// Passed on to the test binaries: a filter, `--test-threads 1`, ...
    #[arg(last = true, value_name = "ARGS")]
    pub(crate) args: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct IntegrationArgs {
    #[command(flatten)]
    pub(crate) wanted: Wanted,
    /// Run the crates' suites on the newest pinned server of each supported line in turn
    #[arg(long, conflicts_with = "server_version")]
    pub(crate) matrix: bool,
    /// Passed on to the test binaries: a filter, `--test-threads 1`, ...
    #[arg(last = true, value_name = "ARGS")]
    pub(crate) args: Vec<String>,
}

/// One server or several.
#[derive(Debug, Args)]
pub(crate) struct NatsArgs {
    #[command(flatten)]
    pub(crate) wanted: Wanted,
    /// Start that many servers as a cluster, each a process of this machine
    #[arg(long, value_enum, value_name = "SERVERS")]
    pub(crate) cluster: Option<Size>,
}

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// What to measure
    #[arg(value_enum)]
    pub(crate) name: Option<Benchmark>,
    /// Use exactly this version of the server
    #[arg(long, value_name = "VERSION")]
    pub(crate) server_version: Option<Version>,
    /// Passed on to the benchmark
    #[arg(last = true, value_name = "ARGS", requires = "name")]
    pub(crate) args: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct ChaosArgs {
    /// How long to go on
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) minutes: u64,
    /// What decides which server is broken when; printed, and from the clock unless given
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Write a report into this file
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Use exactly this version of the servers
    #[arg(long, value_name = "VERSION")]
    pub(crate) server_version: Option<Version>,
}

#[derive(Debug, Args)]
pub(crate) struct MutateArgs {
    #[command(flatten)]
    pub(crate) wanted: Wanted,
    /// Try these mutations only
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Take the mutations from another list: how the tests see what becomes of bad ones
    #[arg(long, hide = true, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct WithNatsArgs {
    #[command(flatten)]
    pub(crate) nats: NatsArgs,
    /// Panic on SIGUSR1: how the tests see that a panic cleans up, too
    #[arg(long, hide = true)]
    pub(crate) panic_on_signal: bool,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    pub(crate) command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct LayersArgs {
    /// Check the edges only, without building each crate alone
    #[arg(long)]
    pub(crate) edges_only: bool,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Leave a gate out (repeatable); the table says that it was not run
    #[arg(long, value_enum, value_name = "GATE")]
    pub(crate) without: Vec<GateName>,
}

/// What a keeper has to remove in the end.
#[derive(Debug, Args)]
pub(crate) struct Charge {
    /// A folder to delete
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// The name of a container to remove
    #[arg(long)]
    pub(crate) container: Option<String>,
    /// A server to run meanwhile, and its arguments
    #[arg(last = true)]
    pub(crate) server: Vec<OsString>,
}
