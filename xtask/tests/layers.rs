//! `cargo xtask layers`, end to end: it passes on the floors, and fails on an edge beside them.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::{Finished, finish, xtask};

const CRATES: [(&str, &str); 3] = [
    ("aether-core", ""),
    (
        "aether-store-memory",
        "aether-core = { path = \"../aether-core\" }\n",
    ),
    (
        "aether-store-jetstream",
        "aether-core = { path = \"../aether-core\" }\n",
    ),
];

fn workspace() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let root = "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*\"]\n";
    fs::write(folder.path().join("Cargo.toml"), root).expect("written");
    for (name, dependencies) in CRATES {
        let source = folder.path().join("crates").join(name).join("src");
        fs::create_dir_all(&source).expect("created");
        fs::write(source.join("lib.rs"), "").expect("written");
        let text = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
             [dependencies]\n{dependencies}"
        );
        fs::write(manifest(folder.path(), name), text).expect("written");
    }
    folder
}

fn manifest(workspace: &Path, name: &str) -> PathBuf {
    workspace.join("crates").join(name).join("Cargo.toml")
}

fn add_edge(workspace: &Path, from: &str, to: &str) {
    let manifest = manifest(workspace, from);
    let mut text = fs::read_to_string(&manifest).expect("there");
    text += &format!("{to} = {{ path = \"../{to}\" }}\n");
    fs::write(manifest, text).expect("written");
}

fn layers(workspace: &Path) -> Finished {
    let mut command = xtask(&["layers"]);
    command
        .current_dir(workspace)
        .env("CARGO_TARGET_DIR", workspace.join("target"));
    finish(command)
}

#[test]
fn the_floors_pass_and_each_crate_is_built_alone() {
    let workspace = workspace();
    let finished = layers(workspace.path());
    assert_eq!(finished.code, Some(0), "{finished:?}");
    for (name, _) in CRATES {
        for features in ["", " --no-default-features"] {
            let built = format!("check --package {name}{features}\n");
            assert!(finished.stdout.contains(&built), "{built}: {finished:?}");
        }
    }
}

#[test]
fn an_edge_that_the_matrix_does_not_have_fails_and_is_explained() {
    let workspace = workspace();
    add_edge(
        workspace.path(),
        "aether-store-jetstream",
        "aether-store-memory",
    );
    let finished = layers(workspace.path());
    assert_eq!(finished.code, Some(1), "{finished:?}");
    let explanation = "aether-store-jetstream -> aether-store-memory (dependency): \
                       aether-store-jetstream may depend on aether-core only";
    assert!(finished.stderr.contains(explanation), "{finished:?}");
}

#[test]
fn a_crate_that_forgot_a_feature_fails_when_it_is_built_alone() {
    let workspace = workspace();
    let source = workspace.path().join("crates/aether-core/src/lib.rs");
    fs::write(source, "pub use missing::Thing;\n").expect("written");
    let finished = layers(workspace.path());
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(
        finished.stderr.contains("aether-core does not build alone"),
        "{finished:?}"
    );
}
