//! `cargo xtask bench` and `chaos`: what they tell the program, and how they end.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::{Finished, finish, xtask};

const MANIFEST: &str = "[package]\nname = \"aether-store-jetstream\"\nversion = \"0.1.0\"\n\
    edition = \"2024\"\n\
    [[bench]]\nname = \"jetstream\"\nharness = false\n\
    [[test]]\nname = \"chaos\"\nharness = false\ntest = false\n";

/// Shows what it was told and ends with 7.
const PROGRAM: &str = "//! Told.\nfn main() {\n\
    for name in [\"AETHER_NATS_URL\", \"AETHER_NATS_SERVER\", \"AETHER_NATS_PID\"] {\n\
    println!(\"{name}={}\", std::env::var(name).unwrap_or_default());\n}\n\
    let args: Vec<_> = std::env::args().skip(1).collect();\n\
    println!(\"args={}\", args.join(\" \"));\n\
    std::process::exit(7);\n}\n";

fn workspace(manifest: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, text) in [
        ("Cargo.toml", manifest),
        ("src/lib.rs", "//! Nothing.\n"),
        ("benches/jetstream.rs", PROGRAM),
        ("tests/chaos.rs", PROGRAM),
    ] {
        let file = folder.path().join(path);
        fs::create_dir_all(file.parent().expect("not the root")).expect("created");
        fs::write(file, text).expect("written");
    }
    folder
}

fn run(workspace: &Path, args: &[&str]) -> Finished {
    let mut command: Command = xtask(args);
    command
        .current_dir(workspace)
        .env("CARGO_TARGET_DIR", workspace.join("target"));
    finish(command)
}

/// What the program was told under this name.
fn told<'a>(finished: &'a Finished, name: &str) -> &'a str {
    let mut lines = finished.stdout.lines();
    lines
        .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
        .unwrap_or_else(|| panic!("{name}: {finished:?}"))
}

#[test]
fn a_benchmark_gets_a_process_of_its_own_and_ends_with_its_own_code() {
    let workspace = workspace(MANIFEST);
    let finished = run(workspace.path(), &["bench", "jetstream", "--", "--quick"]);
    assert!(told(&finished, "AETHER_NATS_URL").starts_with("nats://127.0.0.1:"));
    assert!(Path::new(told(&finished, "AETHER_NATS_SERVER")).is_absolute());
    assert!(told(&finished, "AETHER_NATS_PID").parse::<u32>().is_ok());
    // cargo adds its own.
    assert!(told(&finished, "args").contains("--quick"), "{finished:?}");
    assert_eq!(finished.code, Some(7), "{finished:?}");
}

#[test]
fn chaos_gets_its_time_its_seed_and_an_executable() {
    let workspace = workspace(MANIFEST);
    let args = [
        "chaos",
        "--minutes",
        "3",
        "--seed",
        "42",
        "--report",
        "r.md",
    ];
    let finished = run(workspace.path(), &args);
    assert_eq!(told(&finished, "AETHER_NATS_URL"), "");
    assert!(Path::new(told(&finished, "AETHER_NATS_SERVER")).is_absolute());
    let args = told(&finished, "args");
    assert!(
        args.starts_with("--minutes 3 --seed 42 --report /"),
        "{args}"
    );
    assert!(args.ends_with("/r.md"), "{args}");
    assert_eq!(finished.code, Some(7), "{finished:?}");
}

#[test]
fn the_benchmarks_are_listed_and_one_that_is_not_there_is_named() {
    let workspace =
        workspace("[package]\nname = \"other\"\nedition = \"2024\"\nautobenches = false\n");
    let listed = run(workspace.path(), &["bench"]);
    assert_eq!(listed.code, Some(0), "{listed:?}");
    assert_eq!(listed.stdout, "jetstream\nbus\n");
    for (args, said) in [
        (
            &["bench", "jetstream"][..],
            "has no bench target `jetstream`",
        ),
        (&["chaos"], "has no test target `chaos`"),
    ] {
        let finished = run(workspace.path(), args);
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(finished.stderr.contains(said), "{finished:?}");
    }
}
