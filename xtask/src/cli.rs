//! The command line: what `cargo xtask` understands.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::server::Wanted;
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
    /// Start a NATS server to play with, until Ctrl-C
    Nats(Wanted),
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
    /// Passed on to the test binaries: a filter, `--test-threads 1`, ...
    #[arg(last = true, value_name = "ARGS")]
    pub(crate) args: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct WithNatsArgs {
    #[command(flatten)]
    pub(crate) wanted: Wanted,
    /// Panic once the command runs: how the tests see that a panic cleans up, too
    #[arg(long, hide = true)]
    pub(crate) panic: bool,
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
