//! Child processes that do not outlive the wish for them.

use std::ffi::OsStr;
use std::io::IsTerminal as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, ChildStdout, Command};

/// How long a child has to end by itself once it was asked to.
const TERMINATION_GRACE: Duration = Duration::from_secs(5);

/// How often we look whether it did.
const TERMINATION_POLL: Duration = Duration::from_millis(10);

/// A child process, terminated when dropped, together with everything that it had started.
///
/// It gets a process group of its own so that all of its descendants can be reached: `cargo`
/// ends on SIGTERM without ending the test that it runs.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pid: Option<Pid>,
    reach: Reach,
}

/// Whom the termination reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Group,
    ChildOnly,
}

impl Process {
    /// Starts a command that reads no input.
    pub(crate) fn start(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::null()).process_group(0);
        Self::spawn(command, Reach::Group)
    }

    /// Starts a command that a person may talk to.
    ///
    /// At a terminal it stays in our own process group: a group in the background may not read
    /// from the terminal, and Ctrl-C reaches the command from there directly.
    pub(crate) fn start_interactive(mut command: Command) -> Result<Self> {
        if std::io::stdin().is_terminal() {
            return Self::spawn(command, Reach::ChildOnly);
        }
        command.process_group(0);
        Self::spawn(command, Reach::Group)
    }

    fn spawn(mut command: Command, reach: Reach) -> Result<Self> {
        let child = command
            .spawn()
            .with_context(|| format!("cannot run `{}`", describe(&command)))?;
        let pid = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        Ok(Self { child, pid, reach })
    }

    /// Its standard output, where the command pipes it.
    pub(crate) fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    pub(crate) async fn wait(&mut self) -> Result<ExitStatus> {
        self.child
            .wait()
            .await
            .context("cannot wait for a child process")
    }

    fn signal(&self, signal: Signal) {
        let Some(pid) = self.pid else { return };
        // The only failure there is: it has gone already.
        let _gone = match self.reach {
            Reach::Group => kill_process_group(pid, signal),
            Reach::ChildOnly => kill_process(pid, signal),
        };
    }

    fn is_gone(&mut self) -> bool {
        // The child has to be reaped first: until then its group exists.
        if matches!(self.child.try_wait(), Ok(None)) {
            return false;
        }
        match (self.reach, self.pid) {
            (Reach::Group, Some(group)) => test_kill_process_group(group).is_err(),
            _ => true,
        }
    }
}

impl Drop for Process {
    /// Blocks until all are gone: the caller is about to take their server away.
    fn drop(&mut self) {
        if self.is_gone() {
            return;
        }
        self.signal(Signal::TERM);
        let deadline = Instant::now() + TERMINATION_GRACE;
        while !self.is_gone() {
            if Instant::now() > deadline {
                self.signal(Signal::KILL);
                return;
            }
            std::thread::sleep(TERMINATION_POLL);
        }
    }
}

/// Runs a command to its end, its output shown as it comes.
pub(crate) async fn run(command: Command) -> Result<ExitStatus> {
    Process::start(command)?.wait().await
}

/// Runs a command to its end and returns what it printed, or what it complained about.
pub(crate) async fn output(mut command: Command) -> Result<String> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let name = describe(&command);
    let mut process = Process::start(command)?;
    let (stdout, stderr) = (process.child.stdout.take(), process.child.stderr.take());
    // Both at once: a pipe that nobody reads stops who writes into it.
    let (printed, complaint) = tokio::try_join!(read_all(stdout), read_all(stderr))?;
    let status = process.wait().await?;
    anyhow::ensure!(
        status.success(),
        "`{name}` failed ({status}): {}",
        complaint.trim()
    );
    Ok(printed)
}

async fn read_all(pipe: Option<impl AsyncRead + Unpin>) -> Result<String> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        pipe.read_to_end(&mut bytes).await?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The command as one would type it.
pub(crate) fn describe(command: &Command) -> String {
    let command = command.as_std();
    let program = Path::new(command.get_program());
    let words: Vec<_> = std::iter::once(program.file_name().unwrap_or(program.as_os_str()))
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect();
    words.join(" ")
}

/// The command's code; of one that a signal ended, the code that a shell would report.
pub(crate) fn code_of(status: ExitStatus) -> ExitCode {
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
