//! The habits of this repository that no compiler knows.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A source file that is longer is at least two nouns.
const SOURCE_LINES_MAX: usize = 600;

/// What would tie the repository to one machine or to the place where it was written. In two
/// parts each, or this file would be the first to be found.
const FORBIDDEN: [(&str, &str); 5] = [
    ("shared/", "design"),
    ("/work", "/main"),
    ("/ro", "ot/"),
    ("/ho", "me/"),
    ("/Us", "ers/"),
];

/// A test that does not run counts as one that passes.
const IGNORED: (&str, &str) = ("#[ig", "nore");

fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask
        .parent()
        .expect("xtask is in the repository")
        .to_owned()
}

/// Every file that is tracked or about to be, below the root.
fn files() -> Vec<PathBuf> {
    let output = Command::new("git")
        .current_dir(root())
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .output()
        .expect("git is there");
    assert!(output.status.success(), "{output:?}");
    let paths = String::from_utf8(output.stdout).expect("names in UTF-8");
    paths
        .split_terminator('\0')
        .map(PathBuf::from)
        .filter(|path| root().join(path).is_file()) // some may be deleted but not yet committed
        .collect()
}

/// Rust files of which the path satisfies the condition, with their text.
fn rust_files(wanted: impl Fn(&Path) -> bool) -> Vec<(PathBuf, String)> {
    files()
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter(|path| wanted(path))
        .map(|path| {
            let text = fs::read_to_string(root().join(&path)).expect("readable");
            (path, text)
        })
        .collect()
}

fn is_source(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "src")
}

fn assert_none(what: &str, offenders: &[String]) {
    assert!(
        offenders.is_empty(),
        "{what}:\n  {}",
        offenders.join("\n  ")
    );
}

#[test]
fn every_module_opens_by_saying_what_it_is_for() {
    let offenders: Vec<_> = rust_files(is_source)
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//! ") && !text.starts_with("#![doc = include_str!"))
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert_none("these do not start with `//! `", &offenders);
}

#[test]
fn no_source_file_holds_two_nouns() {
    let offenders: Vec<_> = rust_files(is_source)
        .into_iter()
        .filter(|(_, text)| text.lines().count() > SOURCE_LINES_MAX)
        .map(|(path, text)| format!("{} ({} lines)", path.display(), text.lines().count()))
        .collect();
    assert_none("these have grown too long", &offenders);
}

#[test]
fn a_crates_root_only_documents_and_re_exports() {
    let is_root = |path: &Path| path.starts_with("crates") && path.ends_with("src/lib.rs");
    let starts_an_item = |line: &&str| {
        let line = line
            .trim_start_matches("pub(crate) ")
            .trim_start_matches("pub ");
        [
            "fn ",
            "async fn ",
            "struct ",
            "enum ",
            "trait ",
            "impl",
            "const ",
            "static ",
            "type ",
        ]
        .iter()
        .any(|start| line.starts_with(start))
    };
    let offenders: Vec<_> = rust_files(is_root)
        .iter()
        .flat_map(|(path, text)| {
            let items = text.lines().filter(starts_an_item);
            items
                .map(|line| format!("{}: {line}", path.display()))
                .collect::<Vec<_>>()
        })
        .collect();
    assert_none("these belong into files of their own", &offenders);
}

#[test]
fn no_test_is_ignored() {
    let marker = [IGNORED.0, IGNORED.1].concat();
    let offenders: Vec<_> = rust_files(|_| true)
        .into_iter()
        .filter(|(_, text)| text.contains(&marker))
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert_none("these ignore tests", &offenders);
}

#[test]
fn nothing_ties_the_repository_to_one_machine() {
    let words: Vec<_> = FORBIDDEN
        .iter()
        .map(|(start, end)| [*start, *end].concat())
        .collect();
    let mut offenders = Vec::new();
    for path in files() {
        let Ok(text) = fs::read_to_string(root().join(&path)) else {
            continue; // not text
        };
        for word in words.iter().filter(|word| text.contains(*word)) {
            offenders.push(format!("{}: {word}", path.display()));
        }
    }
    assert_none("these name a place that others do not have", &offenders);
}
