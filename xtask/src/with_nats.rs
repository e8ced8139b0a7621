//! A server for the time of one command, or to play with.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitCode, ExitStatus};

use anyhow::{Context as _, Result};
use tokio::process::Command;

use crate::cargo::forget_who_runs_us;
use crate::cli::WithNatsArgs;
use crate::process::Process;
use crate::server::{self, ADDRESS_VARIABLE, Wanted};
use crate::workspace::Workspace;

/// `cargo xtask with-nats -- CMD`: ends with the command's own exit code.
pub(crate) async fn run(workspace: &Workspace, args: WithNatsArgs) -> Result<ExitCode> {
    let server = server::find(&args.wanted, workspace).await?;
    let (program, rest) = args.command.split_first().context("no command given")?;
    let mut command = Command::new(program);
    command.args(rest).env(ADDRESS_VARIABLE, &server.url);
    forget_who_runs_us(&mut command);
    let mut process = Process::start_interactive(command)?;
    if args.panic {
        panic_as_asked();
    }
    Ok(code_of(process.wait().await?))
}

/// `cargo xtask nats`: until the server ends, which it does with us on Ctrl-C.
pub(crate) async fn play(workspace: &Workspace, wanted: &Wanted) -> Result<bool> {
    let mut server = server::find(wanted, workspace).await?;
    println!("{}", server.url);
    eprintln!("Ctrl-C stops it");
    server.ended().await;
    anyhow::bail!("the server has ended by itself")
}

fn panic_as_asked() {
    panic!("asked to panic");
}

/// The command's code; of one that a signal ended, the code that a shell would report.
fn code_of(status: ExitStatus) -> ExitCode {
    let code = match (status.code(), status.signal()) {
        (Some(code), _) => code,
        (None, Some(signal)) => 128 + signal,
        (None, None) => 1,
    };
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_the_commands_own_or_says_which_signal_ended_it() {
        let code = |raw| format!("{:?}", code_of(ExitStatus::from_raw(raw)));
        assert_eq!(code(7 << 8), format!("{:?}", ExitCode::from(7)));
        assert_eq!(code(9), format!("{:?}", ExitCode::from(137)));
    }
}
