//! The toolchain that is pinned, which is the oldest that we support as well.
//!
//! Why one version is both: `docs/decisions/0009-msrv.md`.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use semver::Version;
use serde::Deserialize;
use tokio::process::Command;

use crate::process;
use crate::workspace::Workspace;

#[derive(Debug, Deserialize)]
struct ToolchainFile {
    toolchain: Toolchain,
}

#[derive(Debug, Deserialize)]
struct Toolchain {
    channel: String,
}

/// Pinned, declared by every crate, and running: all the same version, which is returned.
pub(crate) async fn check(workspace: &Workspace) -> Result<String> {
    let file = fs::read_to_string(workspace.root().join("rust-toolchain.toml"))?;
    let ToolchainFile {
        toolchain: Toolchain { channel },
    } = toml::from_str(&file).context("rust-toolchain.toml cannot be read")?;
    let pinned = Version::parse(&channel).context("the channel is not one version")?;
    for member in workspace.members() {
        let declared = member
            .rust_version
            .as_ref()
            .with_context(|| format!("{} declares no rust-version", member.name))?;
        ensure!(
            declared == &pinned,
            "{} declares rust-version {declared}, pinned is {pinned}",
            member.name
        );
    }
    let mut rustc = Command::new("rustc");
    rustc.arg("--version").current_dir(workspace.root());
    let running = process::output(rustc).await?;
    ensure!(
        running.split_whitespace().any(|word| word == channel),
        "pinned is {channel}, but what runs is {}",
        running.trim()
    );
    Ok(channel)
}
