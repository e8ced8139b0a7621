//! `docs/guarantees.md` names tests that there are, and claims what the suite and the stores do.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Names in backticks that belong together.
type Names = BTreeSet<String>;

fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask
        .parent()
        .expect("xtask is in the repository")
        .to_owned()
}

fn read(path: &str) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn page() -> String {
    read("docs/guarantees.md")
}

/// The text of every Rust file below this folder.
fn sources(folder: &Path) -> Vec<String> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            texts.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            texts.push(fs::read_to_string(&path).expect("text"));
        }
    }
    texts
}

/// What a line has in backticks.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The cells of a table's row.
fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

/// The sections of the suite, each with the names of its cases, from the one list that there is.
fn cases() -> BTreeMap<String, Names> {
    let mut cases: BTreeMap<String, Names> = BTreeMap::new();
    let mut section = String::new();
    for line in read("crates/aether-testkit/src/list.rs").lines() {
        let line = line.trim();
        if let Some((name, _)) = line
            .strip_prefix('(')
            .and_then(|rest| rest.split_once(" [$("))
        {
            name.clone_into(&mut section);
        } else if let Some((_, case)) = line.split_once("::clause") {
            let case = format!("clause{}", case.trim_end_matches(','));
            cases.entry(section.clone()).or_default().insert(case);
        }
    }
    assert!(cases.len() > 1, "the list of cases has another form now");
    cases
}

/// The clause in a case's name: the number after its first `_`.
fn clause(case: &str) -> &str {
    case.split('_').nth(1).expect("a case names its clause")
}

/// What follows each `sections: [`, up to the bracket's end.
fn claimed(conformance: &str) -> Names {
    conformance
        .split("sections: [")
        .skip(1)
        .filter_map(|rest| rest.split(']').next())
        .flat_map(|list| list.split(','))
        .map(|section| section.trim().to_owned())
        .filter(|section| !section.is_empty())
        .collect()
}

#[test]
fn every_test_that_is_named_exists() {
    let sources: Vec<_> = ["crates", "xtask"]
        .iter()
        .flat_map(|folder| sources(&root().join(folder)))
        .collect();
    let cases: Names = cases().into_values().flatten().collect();
    let page = page();
    let named: Names = page
        .lines()
        .filter(|line| line.starts_with("- `"))
        .filter_map(|line| quoted(line).next())
        .map(str::to_owned)
        .collect();
    assert!(named.len() > 50, "the page names {} tests", named.len());
    let is_there = |name: &String| {
        if name.starts_with("clause") {
            return cases.contains(name);
        }
        // A function, or the name of a trial where the harness is not libtest.
        let (function, trial) = (format!("fn {name}("), format!("\"{name}\""));
        sources
            .iter()
            .any(|text| text.contains(&function) || text.contains(&trial))
    };
    let missing: Vec<_> = named.iter().filter(|name| !is_there(name)).collect();
    assert!(missing.is_empty(), "there are no such tests: {missing:#?}");
}

#[test]
fn the_table_of_clauses_has_the_sections_that_prove_them() {
    let mut proven: BTreeMap<usize, Names> = BTreeMap::new();
    for (section, cases) in cases() {
        for case in cases {
            let number = clause(&case).parse().expect("a number");
            proven.entry(number).or_default().insert(section.clone());
        }
    }
    let page = page();
    let listed: BTreeMap<usize, Names> = page
        .lines()
        .filter(|line| line.starts_with("| "))
        .filter_map(|line| {
            let cells = cells(line);
            let number = cells.first()?.parse().ok()?;
            let sections = quoted(cells.last()?).map(str::to_owned).collect();
            Some((number, sections))
        })
        .collect();
    assert_eq!(listed, proven);
}

#[test]
fn the_table_of_stores_has_the_sections_that_they_claim() {
    let page = page();
    let rows: Vec<_> = page
        .lines()
        .filter(|line| line.starts_with("| `aether-store-"))
        .collect();
    assert_eq!(rows.len(), 2, "{rows:?}");
    for row in rows {
        let mut names = quoted(row).map(str::to_owned);
        let store = names.next().expect("a name");
        let conformance = read(&format!("crates/{store}/tests/conformance.rs"));
        assert_eq!(names.collect::<Names>(), claimed(&conformance), "{store}");
    }
}
