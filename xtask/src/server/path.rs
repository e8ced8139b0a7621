//! The `nats-server` that is installed on this machine.

use std::path::Path;

use anyhow::{Context as _, Result};
use semver::Version;
use tokio::process::Command;

use super::wanted::Wanted;
use super::{Server, binary};
use crate::process;

const PROGRAM: &str = "nats-server";

pub(crate) async fn start(wanted: &Wanted) -> Result<Server> {
    let mut command = Command::new(PROGRAM);
    command.arg("--version");
    let answer = process::output(command).await?;
    let version = parse_version(&answer)?;
    wanted.accepts(&version)?;
    binary::start(Path::new(PROGRAM), "nats-server from the PATH").await
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
