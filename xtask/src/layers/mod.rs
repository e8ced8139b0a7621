//! Who may depend on whom: the floors of `docs/architecture.md`, checked.

mod alone;
mod edges;
mod matrix;
mod strangers;

use std::fmt;
use std::path::Path;

use anyhow::{Context as _, Result};
use cargo_metadata::MetadataCommand;

use crate::cli::LayersArgs;

/// A rule that is broken, for people to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation(String);

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `cargo xtask layers`. Says whether every rule holds.
pub(crate) async fn run(args: &LayersArgs) -> Result<bool> {
    let mut violations = check(Path::new("."))?;
    if !args.edges_only {
        violations.extend(alone::check().await?);
    }
    for violation in &violations {
        eprintln!("layers: {violation}");
    }
    if violations.is_empty() {
        println!("layers: every edge is one that the matrix has");
    }
    Ok(violations.is_empty())
}

/// The rules on dependencies, for the workspace that a folder belongs to.
fn check(folder: &Path) -> Result<Vec<Violation>> {
    let metadata = MetadataCommand::new()
        .current_dir(folder)
        .no_deps()
        .exec()
        .context("cannot read the workspace")?;
    let members = metadata.workspace_packages();
    let mut violations = edges::check(&members);
    violations.extend(strangers::check(folder, &members)?);
    Ok(violations)
}

#[cfg(test)]
mod tests;
