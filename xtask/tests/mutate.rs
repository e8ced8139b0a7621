//! `cargo xtask mutate`, end to end: what is noticed, what is not, and what is no mutation.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::{Finished, finish, xtask};

const CODE: &str = "//! A sum.\n\
    pub fn sum(a: u32, b: u32) -> u32 { a + b }\n\
    pub fn difference(a: u32, b: u32) -> u32 { a - b }\n\
    #[test]\nfn sums() { assert_eq!(sum(3, 2), 5); }\n";

fn workspace() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let root = "[package]\nname = \"sums\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    fs::write(folder.path().join("Cargo.toml"), root).expect("written");
    fs::write(folder.path().join(".gitignore"), "/target\n").expect("written");
    fs::create_dir(folder.path().join("src")).expect("created");
    fs::write(folder.path().join("src/lib.rs"), CODE).expect("written");
    let git = Command::new("git")
        .current_dir(folder.path())
        .args(["init", "--quiet"])
        .status();
    assert!(git.expect("git is there").success());
    folder
}

/// Tries these mutations: what to find, what to put there, and the test that shall notice.
fn mutate(workspace: &Path, mutations: &[(&str, &str, &str)]) -> Finished {
    let mut list = String::new();
    for (index, (find, replace, test)) in mutations.iter().enumerate() {
        list += &format!(
            "[[mutation]]\nname = \"m{index}\"\nbreaks = \"it\"\npackage = \"sums\"\n\
             file = \"src/lib.rs\"\nfind = \"{find}\"\nreplace = \"{replace}\"\n\
             caught_by = [{{ test = \"{test}\" }}]\n"
        );
    }
    let file = workspace.join("target").join("list.toml");
    fs::create_dir_all(workspace.join("target")).expect("created");
    fs::write(&file, list).expect("written");
    let mut command = xtask(&["mutate", "--file"]);
    command
        .arg(file)
        .current_dir(workspace)
        .env("CARGO_TARGET_DIR", workspace.join("target"));
    finish(command)
}

fn assert_said(finished: &Finished, code: i32, line: &str) {
    assert_eq!(finished.code, Some(code), "{finished:?}");
    assert!(finished.stdout.contains(line), "{line}: {finished:?}");
}

#[test]
fn a_mutation_that_a_test_notices_is_caught_and_the_code_stays_as_it_was() {
    let workspace = workspace();
    let finished = mutate(workspace.path(), &[("a + b", "a * b", "sums")]);
    assert_said(&finished, 0, "m0: sums (");
    for root in ["", "target/mutate/src"] {
        let file = workspace.path().join(root).join("src/lib.rs");
        assert_eq!(fs::read_to_string(file).expect("there"), CODE);
    }
}

#[test]
fn every_mutation_is_told_what_became_of_it() {
    let workspace = workspace();
    let mutations = [
        ("a + b", "a * b", "sums"),
        ("a - b", "a / b", "sums"),
        ("a % b", "a / b", "sums"),
        ("a - b", "a - c", "sums"),
    ];
    let finished = mutate(workspace.path(), &mutations);
    for line in [
        "m0: sums (",
        "m1: SURVIVED (",
        "m2: STALE (",
        "m3: DOES NOT BUILD (",
    ] {
        assert_said(&finished, 1, line);
    }
    // Each of the three fails the run alone, too.
    for (index, mutation) in mutations.iter().enumerate().skip(1) {
        let alone = mutate(workspace.path(), &[*mutation]);
        assert_eq!(alone.code, Some(1), "{index}: {alone:?}");
    }
}

#[test]
fn a_test_that_is_not_there_or_fails_anyway_proves_nothing() {
    let workspace = workspace();
    let missing = mutate(workspace.path(), &[("a + b", "a * b", "multiplies")]);
    assert_eq!(missing.code, Some(1), "{missing:?}");
    let said = "there is no test `multiplies`";
    assert!(missing.stderr.contains(said), "{missing:?}");

    let file = workspace.path().join("src/lib.rs");
    fs::write(file, CODE.replace("2), 5", "2), 6")).expect("written");
    let failing = mutate(workspace.path(), &[("a + b", "a * b", "sums")]);
    assert_eq!(failing.code, Some(1), "{failing:?}");
    let said = "`sums` does not pass without a mutation";
    assert!(failing.stderr.contains(said), "{failing:?}");
}
