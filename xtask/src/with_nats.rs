//! A server for the time of one command, or to play with.

use std::convert::Infallible;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use tokio::process::Command;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cargo::forget_who_runs_us;
use crate::cli::{NatsArgs, WithNatsArgs};
use crate::process::{Process, code_of};
use crate::server::cluster::Cluster;
use crate::server::program::Given;
use crate::server::{self, Server};
use crate::workspace::Workspace;

/// `cargo xtask with-nats -- CMD`: ends with the command's own exit code.
pub(crate) async fn run(workspace: &Workspace, args: WithNatsArgs) -> Result<ExitCode> {
    let (_started, given) = start(&args.nats, workspace).await?;
    let (program, rest) = args.command.split_first().context("no command given")?;
    let mut command = Command::new(program);
    command.args(rest);
    given.tell(&mut command);
    forget_who_runs_us(&mut command);
    // Before the command runs, so that whoever has seen it run may send the signal.
    let asked = args
        .panic_on_signal
        .then(|| signal(SignalKind::user_defined1()));
    let asked = asked.transpose().context("cannot listen for signals")?;
    let mut process = Process::start_interactive(command)?;
    tokio::select! {
        ended = process.wait() => Ok(code_of(ended?)),
        never = panic_when(asked) => match never {},
    }
}

/// What runs for as long as this is held.
enum Started {
    One { _held: Box<Server> },
    Several { _held: Cluster },
}

async fn start(args: &NatsArgs, workspace: &Workspace) -> Result<(Started, Given)> {
    if let Some(size) = args.cluster {
        let cluster = Cluster::start(size, &args.wanted, workspace).await?;
        let given = cluster.given();
        return Ok((Started::Several { _held: cluster }, given));
    }
    let server = server::find(&args.wanted, workspace).await?;
    let given = server.given(workspace).await?;
    Ok((
        Started::One {
            _held: Box::new(server),
        },
        given,
    ))
}

/// `cargo xtask nats`: until the server ends, which it does with us on Ctrl-C.
pub(crate) async fn play(workspace: &Workspace, args: &NatsArgs) -> Result<bool> {
    if let Some(size) = args.cluster {
        let mut cluster = Cluster::start(size, &args.wanted, workspace).await?;
        for url in cluster.urls() {
            println!("{url}");
        }
        eprintln!("Ctrl-C stops them");
        cluster.one_ended().await;
        anyhow::bail!("one of the servers has ended by itself");
    }
    let mut server = server::find(&args.wanted, workspace).await?;
    println!("{}", server.url);
    eprintln!("Ctrl-C stops it");
    server.ended().await;
    anyhow::bail!("the server has ended by itself")
}

async fn panic_when(asked: Option<Signal>) -> Infallible {
    let Some(mut asked) = asked else {
        return std::future::pending().await;
    };
    asked.recv().await;
    panic!("asked to panic");
}
