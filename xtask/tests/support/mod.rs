//! Running the built xtask as a person or a script would.
#![allow(dead_code, reason = "each test target uses a part of it")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tempfile::TempDir;

/// How long anything here may take: far more than it needs.
const PATIENCE: Duration = Duration::from_secs(60);

const POLL: Duration = Duration::from_millis(10);

/// The variable that names the server.
pub(crate) const ADDRESS: &str = "AETHER_NATS_URL";

/// The variable that names the executable.
pub(crate) const PROGRAM: &str = "AETHER_NATS_SERVER";

/// The built xtask, with no server in its environment.
pub(crate) fn xtask(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command
        .args(args)
        .env_remove(ADDRESS)
        .env_remove(PROGRAM)
        .stdin(Stdio::null());
    command
}

/// Hides a nats-server that is installed on this machine.
pub(crate) fn without_installed_server(command: &mut Command) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders =
        std::env::split_paths(&path).filter(|folder| !folder.join("nats-server").exists());
    command.env(
        "PATH",
        std::env::join_paths(folders).expect("they came from a PATH"),
    );
}

/// What a finished command left.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

pub(crate) fn finish(mut command: Command) -> Finished {
    let started = Instant::now();
    let output = command.output().expect("it runs");
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        took: started.elapsed(),
    }
}

/// Polls until it is so; panics if that takes too long.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "still not so: {what}");
        std::thread::sleep(POLL);
    }
}

/// `xtask with-nats` around a command that would run for minutes.
#[derive(Debug)]
pub(crate) struct Session {
    xtask: Child,
    /// A temporary folder of its own, to see that nothing stays in it.
    folder: TempDir,
    pub(crate) address: String,
    /// The line that says which server it is.
    pub(crate) server: String,
    pub(crate) command: Pid,
}

impl Session {
    /// Returns once the command runs, or what was said if it never did.
    pub(crate) fn start(args: &[&str]) -> Result<Self, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let mut xtask = xtask(&["with-nats"])
            .args(args)
            .args(["--", "sh", "-c", "echo $AETHER_NATS_URL $$; exec sleep 600"])
            .env("TMPDIR", folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("xtask runs");
        let mut said = String::new();
        let mut stdout = BufReader::new(xtask.stdout.take().expect("piped"));
        stdout.read_line(&mut said).expect("readable");
        let mut stderr = BufReader::new(xtask.stderr.take().expect("piped"));
        let Some((url, pid)) = said.trim().split_once(' ') else {
            let mut complaint = String::new();
            stderr.read_to_string(&mut complaint).expect("readable");
            xtask.wait().expect("ended");
            return Err(complaint);
        };
        Ok(Self {
            xtask,
            folder,
            address: url.trim_start_matches("nats://").to_owned(),
            server: line_about_the_server(stderr),
            command: pid_from(pid),
        })
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.xtask.id()).expect("a process id");
        kill_process(Pid::from_raw(pid).expect("not zero"), signal).expect("it runs");
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        eventually("xtask has ended", || {
            status = self.xtask.try_wait().expect("waitable");
            status.is_some()
        });
        status.expect("it has ended")
    }

    /// The id of the server's process, for a server that is one.
    pub(crate) fn server_process(&self) -> Pid {
        pid_from(between(&self.server, "(pid ", ")"))
    }

    /// The name of the server's container, for a server that is in one.
    pub(crate) fn container(&self) -> &str {
        between(&self.server, "a container (", ")")
    }

    pub(crate) fn assert_server_runs(&self) {
        TcpStream::connect(&self.address).expect("the server listens");
    }

    /// The server refuses connections, and no file of it is left.
    pub(crate) fn assert_server_goes(&self) {
        eventually("the server's port is closed", || {
            TcpStream::connect(&self.address).is_err()
        });
        self.assert_folder_empties();
    }

    pub(crate) fn assert_folder_empties(&self) {
        eventually("the temporary folder is empty", || {
            is_empty(self.folder.path())
        });
    }

    pub(crate) fn assert_command_goes(&self) {
        eventually("the command has ended", || is_gone(self.command));
    }
}

impl Drop for Session {
    /// A test that failed leaves nothing behind, either.
    fn drop(&mut self) {
        let _gone = self.xtask.kill();
        let _gone = kill_process(self.command, Signal::KILL);
        let _reaped = self.xtask.wait();
    }
}

pub(crate) fn is_gone(pid: Pid) -> bool {
    test_kill_process(pid).is_err()
}

fn line_about_the_server(stderr: impl std::io::BufRead) -> String {
    stderr
        .lines()
        .map(|line| line.expect("readable"))
        .find(|line| line.starts_with("server:"))
        .expect("xtask says which server it is")
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text.split_once(before).map(|(_, rest)| rest);
    let found = rest.and_then(|rest| rest.split_once(after));
    found
        .unwrap_or_else(|| panic!("no {before}...{after} in: {text}"))
        .0
}

fn pid_from(text: &str) -> Pid {
    let raw = text.parse().expect("a number");
    Pid::from_raw(raw).expect("not zero")
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}
