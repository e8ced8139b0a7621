//! A server as a process of this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde::Deserialize;

use super::keeper::{Keeper, log_in};
use super::platform::Platform;
use super::wanted::Wanted;
use super::{Program, Server, fetch, info};
use crate::workspace::Workspace;

/// How long a server may take to listen. It needs a few dozen milliseconds.
const START_TIMEOUT: Duration = Duration::from_secs(15);

/// How often we look whether it does.
const START_POLL: Duration = Duration::from_millis(10);

/// How many of the log's last lines a failure shows.
const LOG_LINES: usize = 10;

pub(crate) async fn start_fetched(wanted: &Wanted, workspace: &Workspace) -> Result<Server> {
    let version = wanted.version();
    let executable = fetch::fetch(workspace.target(), &version, Platform::ours()?).await?;
    let shown = executable
        .strip_prefix(workspace.root())
        .unwrap_or(&executable);
    start(&executable, &shown.display().to_string(), &[]).await
}

/// Runs a server on a free port, with a folder of its own, until the result is dropped.
pub(crate) async fn start(executable: &Path, shown_as: &str, more: &[String]) -> Result<Server> {
    let folder = tempfile::Builder::new().prefix("aether-nats-").tempdir()?;
    let mut args = arguments(folder.path());
    args.extend_from_slice(more);
    let mut keeper = Keeper::of_process(folder, executable, &args)?;
    let url = listening(&mut keeper).await?;
    let info = info::ask(&url).await?;
    let pid = fs::read_to_string(pid_file(keeper.folder()))?;
    Ok(Server {
        url,
        version: info.version,
        program: Program::Here(std::path::absolute(executable)?),
        pid: pid.trim().parse().ok(),
        origin: format!("a process (pid {}) of {shown_as}", pid.trim()),
        _container: None,
        keeper: Some(keeper),
    })
}

fn arguments(folder: &Path) -> Vec<String> {
    let path = |path: &Path| path.display().to_string();
    vec![
        "--jetstream".to_owned(),
        "--store_dir".to_owned(),
        path(&folder.join("store")),
        "--addr".to_owned(),
        "127.0.0.1".to_owned(),
        "--port".to_owned(),
        "-1".to_owned(), // any that is free
        "--ports_file_dir".to_owned(),
        path(folder),
        "--pid".to_owned(),
        path(&pid_file(folder)),
    ]
}

fn pid_file(folder: &Path) -> PathBuf {
    folder.join("nats-server.pid")
}

/// Waits until the server has written down where it listens.
async fn listening(keeper: &mut Keeper) -> Result<String> {
    let deadline = Instant::now() + START_TIMEOUT;
    loop {
        if let Some(url) = written_address(keeper.folder())? {
            return Ok(url);
        }
        if keeper.has_ended() {
            bail!("it ended at once:\n{}", end_of_log(keeper.folder()));
        }
        if Instant::now() > deadline {
            let seconds = START_TIMEOUT.as_secs();
            let log = end_of_log(keeper.folder());
            bail!("it does not listen after {seconds} s:\n{log}");
        }
        tokio::time::sleep(START_POLL).await;
    }
}

/// What the server writes into its `*.ports` file.
#[derive(Debug, Deserialize)]
struct Ports {
    nats: Vec<String>,
}

fn written_address(folder: &Path) -> Result<Option<String>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "ports")
        {
            // It may not be complete yet.
            let ports = serde_json::from_str::<Ports>(&fs::read_to_string(&path)?).ok();
            return Ok(ports.and_then(|ports| ports.nats.into_iter().next()));
        }
    }
    Ok(None)
}

fn end_of_log(folder: &Path) -> String {
    let log = fs::read_to_string(log_in(folder)).unwrap_or_default();
    if log.is_empty() {
        return "it could not be run, or said nothing".to_owned();
    }
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
}
