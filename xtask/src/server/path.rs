//! The `nats-server` that is installed on this machine.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use semver::Version;
use tokio::process::Command;

use super::wanted::Wanted;
use super::{Server, binary};
use crate::process;

const PROGRAM: &str = "nats-server";

pub(crate) async fn start(wanted: &Wanted) -> Result<Server> {
    binary::start(&installed(wanted).await?, "nats-server from the PATH", &[]).await
}

/// Where the installed server is, if it will do.
pub(crate) async fn installed(wanted: &Wanted) -> Result<PathBuf> {
    let executable = on_path().context("there is none")?;
    wanted.accepts(&version_of(&executable).await?)?;
    Ok(executable)
}

/// The first on the PATH, as an absolute path: whoever gets it may be in another folder.
fn on_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join(PROGRAM))
        .find(|file| is_executable(file))?;
    std::path::absolute(found).ok()
}

fn is_executable(file: &Path) -> bool {
    let metadata = std::fs::metadata(file);
    metadata.is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// What this executable says of itself.
pub(crate) async fn version_of(executable: &Path) -> Result<Version> {
    let mut command = Command::new(executable);
    command.arg("--version");
    parse_version(&process::output(command).await?)
}

/// Reads `nats-server: v2.15.1`.
fn parse_version(answer: &str) -> Result<Version> {
    answer
        .split_whitespace()
        .find_map(|word| Version::parse(word.trim_start_matches('v')).ok())
        .with_context(|| format!("it does not say its version: {}", answer.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_word_that_looks_like_one() {
        let version = parse_version("nats-server: v2.12.0-RC.1\n").expect("a version");
        assert_eq!(version.to_string(), "2.12.0-RC.1");
        assert!(parse_version("nats-server: unknown").is_err());
    }

    #[test]
    fn two_ten_is_older_than_two_eleven() {
        let older = parse_version("nats-server: v2.9.10").expect("a version");
        assert!(older < super::super::OLDEST_SUPPORTED);
    }
}
