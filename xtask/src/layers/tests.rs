//! The rules against workspaces that keep them and workspaces that break them.

use std::fs;
use std::path::Path;

use super::check;

/// A workspace of empty crates: their names, and the `[dependencies]` and so on of each.
fn workspace(crates: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let root = "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*\"]\n\
                exclude = [\"others\"]\n";
    fs::write(folder.path().join("Cargo.toml"), root).expect("written");
    for (name, dependencies) in crates {
        add_crate(&folder.path().join("crates").join(name), name, dependencies);
    }
    // A stranger that is not a member, and needs no registry.
    add_crate(&folder.path().join("others/tokio"), "tokio", "");
    folder
}

fn add_crate(folder: &Path, name: &str, rest: &str) {
    fs::create_dir_all(folder.join("src")).expect("created");
    let manifest =
        format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n{rest}\n");
    fs::write(folder.join("Cargo.toml"), manifest).expect("written");
    fs::write(folder.join("src/lib.rs"), "").expect("written");
}

const ON_CORE: &str = "[dependencies]\naether-core = { path = \"../aether-core\" }";

fn violations(crates: &[(&str, &str)]) -> Vec<String> {
    let folder = workspace(crates);
    let found = check(folder.path()).expect("the workspace can be read");
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn the_floors_as_designed_pass() {
    let testkit = format!(
        "{ON_CORE}\n[dev-dependencies]\naether-store-memory = {{ path = \"../aether-store-memory\" }}"
    );
    let facade = format!(
        "{ON_CORE}\naether-store-memory = {{ path = \"../aether-store-memory\" }}\n\
         aether-store-jetstream = {{ path = \"../aether-store-jetstream\", optional = true }}\n\
         [dev-dependencies]\naether-testkit = {{ path = \"../aether-testkit\" }}"
    );
    let found = violations(&[
        ("aether-core", ""),
        ("aether-store-memory", ON_CORE),
        ("aether-store-jetstream", ON_CORE),
        ("aether-testkit", &testkit),
        ("aether", &facade),
    ]);
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn an_edge_beside_the_floors_is_named_with_its_kind_and_rule() {
    let stores =
        format!("{ON_CORE}\naether-store-memory = {{ path = \"../aether-store-memory\" }}");
    let found = violations(&[
        ("aether-core", ""),
        ("aether-store-memory", ON_CORE),
        ("aether-store-jetstream", &stores),
    ]);
    assert_eq!(
        found,
        [
            "aether-store-jetstream -> aether-store-memory (dependency): \
          aether-store-jetstream may depend on aether-core only"
        ]
    );
}

#[test]
fn tests_may_use_more_than_the_crate_but_not_everything() {
    let dev =
        |path: &str| format!("{ON_CORE}\n[dev-dependencies]\n{path} = {{ path = \"../{path}\" }}");
    let found = violations(&[
        ("aether-core", ""),
        ("aether-store-memory", &dev("aether-store-jetstream")),
        ("aether-store-jetstream", &dev("aether-testkit")),
        ("aether-testkit", ON_CORE),
    ]);
    assert_eq!(
        found,
        [
            "aether-store-memory -> aether-store-jetstream (dev-dependency): \
          the tests of aether-store-memory may besides use aether-testkit, aether-store-memory only"
        ]
    );
}

#[test]
fn a_build_dependency_is_held_to_the_same_rule() {
    let build = "[build-dependencies]\naether-store-memory = { path = \"../aether-store-memory\" }";
    let found = violations(&[("aether-core", build), ("aether-store-memory", "")]);
    assert_eq!(
        found,
        ["aether-core -> aether-store-memory (build dependency): \
          aether-core may depend on none of our crates"]
    );
}

#[test]
fn what_belongs_behind_a_feature_may_not_be_there_always() {
    let facade = "[dependencies]\n\
                  aether-store-jetstream = { path = \"../aether-store-jetstream\" }";
    let found = violations(&[("aether-store-jetstream", ""), ("aether", facade)]);
    assert_eq!(
        found,
        ["aether -> aether-store-jetstream (dependency): \
          aether may depend on aether-store-jetstream behind a feature only"]
    );
}

#[test]
fn a_crate_without_a_row_is_refused() {
    let found = violations(&[("aether-core", ""), ("aether-gossip", ON_CORE)]);
    assert_eq!(
        found,
        ["aether-gossip is not in the matrix (xtask/src/layers/matrix.rs): give it a row"]
    );
}

#[test]
fn a_stranger_is_found_however_far_down_and_behind_a_feature_too() {
    let core = "[dependencies]\nhelper = { path = \"../../others/helper\", optional = true }";
    let folder = workspace(&[("aether-core", core)]);
    add_crate(
        &folder.path().join("others/helper"),
        "helper",
        "[dependencies]\ntokio = { path = \"../tokio\" }",
    );
    let found = check(folder.path()).expect("the workspace can be read");
    let [violation] = found.as_slice() else {
        panic!("one violation, not {found:?}");
    };
    let text = violation.to_string();
    assert!(
        text.starts_with("aether-core -> ... -> tokio (dependency)"),
        "{text}"
    );
    assert!(text.contains("aether-core must not know tokio"), "{text}");
}
