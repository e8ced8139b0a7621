//! Running cargo from a program that cargo runs.

use tokio::process::Command;

/// Variables that `cargo run` sets for us and that must not reach another cargo: build scripts
/// that watch them (ring's does) would build everything again each time the two take turns.
const OURS_ALONE: [&str; 5] = [
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_BIN_NAME",
    "CARGO_CRATE_NAME",
];

/// The cargo that runs us, or the one on the PATH.
pub(crate) fn cargo<'a>(args: impl IntoIterator<Item = &'a str>) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(args);
    forget_who_runs_us(&mut command);
    command
}

/// Takes out of the environment what is true of xtask only.
pub(crate) fn forget_who_runs_us(command: &mut Command) {
    for name in OURS_ALONE {
        command.env_remove(name);
    }
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") {
            command.env_remove(name);
        }
    }
}
