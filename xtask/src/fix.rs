//! What can be put right without thinking.

use anyhow::Result;

use crate::cargo::cargo;
use crate::process;

/// `cargo xtask fix`: clippy's suggestions first, since they may need formatting.
pub(crate) async fn run() -> Result<bool> {
    let clippy = process::run(cargo([
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--fix",
        "--allow-dirty",
        "--allow-staged",
    ]))
    .await?;
    let format = process::run(cargo(["fmt", "--all"])).await?;
    Ok(clippy.success() && format.success())
}
