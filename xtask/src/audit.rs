//! The audit of what we depend on: cargo-deny, with the rules of `deny.toml`.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use tokio::process::Command;

use crate::cargo::cargo;
use crate::workspace::Workspace;
use crate::{process, progress};

/// The cargo-deny that is installed where there is none.
const VERSION: &str = "0.20.2";

/// What can be judged from the lock file and the sources alone.
const OFFLINE_CHECKS: [&str; 3] = ["bans", "licenses", "sources"];

/// Runs every check and returns what is to be said about them.
pub(crate) async fn check(workspace: &Workspace) -> Result<String> {
    let deny = CargoDeny::provide(workspace).await?;
    let checks = deny
        .run(&["check", "--hide-inclusion-graph"], &OFFLINE_CHECKS)
        .await?;
    ensure!(checks, "cargo-deny found what deny.toml forbids");
    // Fetched apart from the check, to tell an unreachable database from a vulnerable crate.
    if !deny.run(&["fetch", "db"], &[]).await? {
        return Ok("advisories: not run (database unreachable)".to_owned());
    }
    let advisories = deny
        .run(&["check", "--disable-fetch"], &["advisories"])
        .await?;
    ensure!(advisories, "an advisory concerns a crate that we use");
    Ok("advisories included".to_owned())
}

/// The program: the one of this machine, else one under `target/tools/`.
struct CargoDeny(PathBuf);

impl CargoDeny {
    async fn provide(workspace: &Workspace) -> Result<Self> {
        let tools = workspace.target().join("tools");
        let own = tools.join("bin").join("cargo-deny");
        for program in [PathBuf::from("cargo-deny"), own.clone()] {
            let mut probe = Command::new(&program);
            probe.arg("--version");
            if process::output(probe).await.is_ok() {
                return Ok(Self(program));
            }
        }
        let mut install = cargo(["install", "--locked", "cargo-deny", "--version", VERSION]);
        install.arg("--root").arg(&tools);
        // Outside of the workspace's own folder, so that neither spoils the other's cache.
        install.arg("--target-dir").arg(tools.join("build"));
        let what = format!("installing cargo-deny {VERSION} into target/tools (about 3 minutes)");
        progress::watch(&what, process::output(install)).await?;
        Ok(Self(own))
    }

    async fn run(&self, command: &[&str], which: &[&str]) -> Result<bool> {
        let mut deny = Command::new(&self.0);
        deny.args(command).args(which);
        Ok(process::run(deny).await?.success())
    }
}
