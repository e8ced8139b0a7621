//! What a crate must not know of the world: crates of others, however far down.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use cargo_metadata::Package;

use super::Violation;
use super::matrix::{self, MustNotKnow};

/// Every crate below a member that its row forbids.
pub(super) fn check(folder: &Path, members: &[&Package]) -> Result<Vec<Violation>> {
    let mut violations = Vec::new();
    for member in members {
        let name = member.name.as_str();
        let Some(row) = matrix::row(name) else {
            continue; // named among the edges
        };
        let (strangers, features, when) = match &row.must_not_know {
            MustNotKnow::Nothing => continue,
            MustNotKnow::Ever(strangers) => (strangers, &["--all-features"][..], ""),
            MustNotKnow::ByDefault(strangers) => (strangers, &[][..], " by default"),
        };
        let known = below(folder, name, features)?;
        for stranger in strangers
            .iter()
            .filter(|stranger| known.contains(**stranger))
        {
            violations.push(Violation(format!(
                "{name} -> ... -> {stranger} (dependency): {name} must not know {stranger}{when}; \
                 `cargo tree -p {name} -e normal -i {stranger}` shows the way"
            )));
        }
    }
    Ok(violations)
}

/// The names of all crates that a crate links with.
///
/// By `cargo tree`, not by the graph in `cargo metadata`: that one unifies the features of the
/// whole workspace, so a crate would be blamed for what another one turns on.
fn below(folder: &Path, name: &str, features: &[&str]) -> Result<BTreeSet<String>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(folder)
        .args(["tree", "--package", name, "--edges", "normal"])
        .args(["--prefix", "none", "--format", "{p}", "--target", "all"])
        .args(features)
        .output()
        .context("cannot run `cargo tree`")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`cargo tree` failed: {complaint}");
    let tree = String::from_utf8_lossy(&output.stdout);
    Ok(tree
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|below| *below != name)
        .map(str::to_owned)
        .collect())
}
