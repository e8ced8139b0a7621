//! A process that outlives us by a moment and removes what we had started.
//!
//! Guards that act when dropped do not help against `kill -9`. So the server is started by a
//! second process of ours, which waits on a pipe that only we hold: whatever ends us also
//! closes the pipe, and then the keeper ends the server and deletes its folder. That is
//! the ordinary way as well: there is only one, and every run tests it.
//!
//! The keeper is in a process group of its own, where Ctrl-C does not reach it: the tests
//! shall be gone before their server is.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use super::container;
use crate::cli::Charge;

/// How often a keeper looks whether its server still runs.
const SERVER_POLL: Duration = Duration::from_millis(100);

/// How long a keeper may take to remove everything. Docker can be slow.
const REMOVAL_TIMEOUT: Duration = Duration::from_secs(20);

/// How often we look whether it is done.
const REMOVAL_POLL: Duration = Duration::from_millis(5);

/// Our end of the pipe: dropped, the server and its folder are gone.
#[derive(Debug)]
pub(crate) struct Keeper {
    process: Child,
    // Dropped after the keeper is done: it deletes what that may have left.
    folder: TempDir,
}

impl Keeper {
    /// Has a server run, with its log in the folder.
    pub(crate) fn of_process(folder: TempDir, server: &Path, args: &[String]) -> Result<Self> {
        let mut command = Self::command(&folder)?;
        command.arg("--").arg(server).args(args);
        Self::spawn(command, folder)
    }

    /// Has a container removed that is about to be created under this name.
    pub(crate) fn of_container(folder: TempDir, name: &str) -> Result<Self> {
        let mut command = Self::command(&folder)?;
        command.args(["--container", name]);
        Self::spawn(command, folder)
    }

    fn command(folder: &TempDir) -> Result<Command> {
        let mut command = Command::new(own_executable()?);
        command.arg("keep").arg("--dir").arg(folder.path());
        Ok(command)
    }

    fn spawn(mut command: Command, folder: TempDir) -> Result<Self> {
        let process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("cannot start the process that looks after the server")?;
        Ok(Self { process, folder })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Whether the server has ended by itself, and its keeper with it.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.process.try_wait(), Ok(None))
    }

    pub(crate) async fn ended(&mut self) {
        while !self.has_ended() {
            tokio::time::sleep(SERVER_POLL).await;
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let deadline = Instant::now() + REMOVAL_TIMEOUT;
        while !self.has_ended() && Instant::now() < deadline {
            std::thread::sleep(REMOVAL_POLL);
        }
    }
}

/// The program to run as the keeper: what we are, even if cargo has built another since.
fn own_executable() -> Result<PathBuf> {
    if cfg!(target_os = "linux") {
        Ok(PathBuf::from("/proc/self/exe"))
    } else {
        std::env::current_exe().context("cannot tell where our own program is")
    }
}

/// The keeper's own `main`.
pub(crate) fn keep(charge: &Charge) -> ExitCode {
    let Ok(server) = start_server(charge) else {
        // Whoever started us sees that we are gone, and finds an empty log.
        return ExitCode::FAILURE;
    };
    if outlived_by(server) {
        return ExitCode::FAILURE;
    }
    if let Some(name) = &charge.container {
        container::remove(name);
    }
    // The folder may have been deleted already, which is as well.
    let _absent = std::fs::remove_dir_all(&charge.dir);
    ExitCode::SUCCESS
}

fn start_server(charge: &Charge) -> Result<Option<Child>> {
    let Some((program, args)) = charge.server.split_first() else {
        return Ok(None);
    };
    let log = File::create(log_in(&charge.dir))?;
    let child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()?;
    Ok(Some(child))
}

/// Waits until standard input ends, then ends the server. True if the server was faster.
fn outlived_by(mut server: Option<Child>) -> bool {
    let (input, end_of_input) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        let _hung_up = std::io::stdin().read_to_end(&mut Vec::new());
        drop(input);
    });
    while end_of_input.recv_timeout(SERVER_POLL) == Err(RecvTimeoutError::Timeout) {
        let has_ended = |child: &mut Child| !matches!(child.try_wait(), Ok(None));
        if server.as_mut().is_some_and(has_ended) {
            return true;
        }
    }
    if let Some(server) = &mut server {
        // There is nothing in it that anybody would want to keep.
        let _gone = server.kill();
        let _reaped = server.wait();
    }
    false
}

/// Where the server's log is.
pub(crate) fn log_in(folder: &Path) -> PathBuf {
    folder.join("server.log")
}
