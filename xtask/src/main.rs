//! Builds, checks and tests Aether, and brings along the NATS server that the tests need.
//!
//! Everything that a command starts (a server, a container, a child process, a temporary
//! folder) is held by a guard that undoes it when dropped. A signal drops the running
//! command, so that Ctrl-C, an error and a panic all clean up in the same way; what not
//! even a panic would run is left to the [keeper](server::keeper).

mod audit;
mod cargo;
mod cli;
mod fix;
mod interrupt;
mod layers;
mod mutate;
mod process;
mod programs;
mod progress;
mod server;
mod suites;
mod summary;
mod tests;
mod toolchain;
mod transcript;
mod verify;
mod with_nats;
mod workspace;

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;

use cli::{Cli, Command};
use interrupt::Interrupts;
use workspace::Workspace;

fn main() -> ExitCode {
    let command = Cli::parse().command;
    // The keeper must outlive signals and needs no runtime to wait for its standard input.
    if let Command::Keep(charge) = command {
        return server::keeper::keep(&charge);
    }
    match run_until_interrupted(command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run_until_interrupted(command: Command) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut interrupts = Interrupts::listen()?;
        let code_of_a_signal = command.code_of_a_signal();
        tokio::select! {
            result = run(command) => result,
            // The future of `run` is dropped here, and with it all that it had started.
            signal = interrupts.next() => {
                // The terminal may be what has gone: then nobody is left to be told.
                let _unheard = writeln!(std::io::stderr(), "stopped by {signal}");
                Ok(code_of_a_signal.unwrap_or_else(|| signal.exit_code()))
            }
        }
    })
}

async fn run(command: Command) -> Result<ExitCode> {
    let succeeded = match command {
        Command::Test(args) => tests::test(&Workspace::find()?, &args).await?,
        Command::Integration(args) => tests::integration(&Workspace::find()?, &args).await?,
        Command::WithNats(args) => return with_nats::run(&Workspace::find()?, args).await,
        Command::Nats(args) => with_nats::play(&Workspace::find()?, &args).await?,
        Command::Bench(args) => return programs::bench(&Workspace::find()?, &args).await,
        Command::Chaos(args) => return programs::chaos(&Workspace::find()?, &args).await,
        Command::Mutate(args) => mutate::run(&Workspace::find()?, &args).await?,
        Command::Layers(args) => layers::run(&args).await?,
        Command::Verify(args) => verify::run(&Workspace::find()?, &args).await?,
        Command::Fix => fix::run().await?,
        Command::Keep(_) => true, // handled before there was a runtime
    };
    Ok(if succeeded {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
