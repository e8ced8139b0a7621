//! The examples do what they say, in memory.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use std::env;
use std::process::Command;

/// Runs what `cargo test` has built of an example beside this test.
fn run(example: &str) -> String {
    let tests = env::current_exe().unwrap();
    let built = tests.parent().unwrap().parent().unwrap();
    let program = built.join("examples").join(example);
    let program = program.with_extension(env::consts::EXE_EXTENSION);
    let output = Command::new(&program).output().unwrap_or_else(|error| {
        let program = program.display();
        panic!("{program}: {error} (`cargo test --test` alone does not build it)")
    });
    let said = String::from_utf8(output.stdout).unwrap();
    let failed = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}\n{failed}");
    said
}

#[test]
fn the_quickstart_replays_refuses_and_restores() {
    let said = run("quickstart");
    let conflict = r#"version conflict: actor "order-123" has version 2, cannot save version 2"#;
    assert!(said.contains(conflict), "{said}");
    assert!(
        said.contains("snapshot at version 3, 1 event(s) after it"),
        "{said}"
    );
}

#[test]
fn the_read_model_goes_on_where_it_was_and_is_what_the_histories_add_up_to() {
    let said = run("read_model");
    for expected in [
        r#"so far: {"book": 60, "lamp": 60, "pen": 60}"#,
        r#"now: {"book": 102, "lamp": 98, "pen": 100}"#,
        r#"now: {"book": 601, "lamp": 98, "pen": 100}"#,
        "100 orders compared",
        r#"at version 1: Order { item: "book", quantity: 1 }, now Order { item: "book", quantity: 500 }"#,
    ] {
        assert!(said.contains(expected), "{expected}\n{said}");
    }
}
