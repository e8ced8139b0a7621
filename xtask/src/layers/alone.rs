//! Building each crate alone: a workspace build hides a feature that a crate forgot to ask for.

use anyhow::Result;

use super::Violation;
use crate::cargo::cargo;
use crate::process;
use crate::workspace::{Workspace, XTASK};

/// With the default features, and with none.
const FEATURES: [&[&str]; 2] = [&[], &["--no-default-features"]];

/// The crates that do not build by themselves.
pub(super) async fn check() -> Result<Vec<Violation>> {
    let mut violations = Vec::new();
    for member in Workspace::find()?.members() {
        if *member.name == XTASK {
            continue; // nobody takes it alone, and running it is to have built it
        }
        for features in FEATURES {
            let mut command = cargo(["check", "--package", &member.name]);
            command.args(features);
            let described = process::describe(&command);
            println!("layers: {described}");
            if !process::run(command).await?.success() {
                violations.push(Violation(format!(
                    "{} does not build alone: `{described}` failed",
                    member.name
                )));
            }
        }
    }
    Ok(violations)
}
