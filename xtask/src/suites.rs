//! The suites that need NATS: found, never listed.
//!
//! A suite is a `[[test]]` target with `test = false`: a plain `cargo test` leaves it out, so
//! that it needs no server, and a new one cannot be forgotten here.

use std::collections::BTreeMap;
use std::fmt;

use cargo_metadata::{Package, TargetKind};

use crate::workspace::XTASK;

/// Which packages one run of cargo covers.
///
/// The crates are selected together even where only one is run, and xtask always alone: the
/// features of shared dependencies are unified over the selection, so each other selection
/// would build them once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Selection {
    Crates,
    Xtask,
}

impl Selection {
    fn of(package: &str) -> Self {
        if package == XTASK {
            Self::Xtask
        } else {
            Self::Crates
        }
    }

    pub(crate) fn args(self) -> &'static [&'static str] {
        match self {
            Self::Crates => &["--workspace", "--exclude", XTASK, "--all-features"],
            Self::Xtask => &["--package", XTASK, "--all-features"],
        }
    }
}

/// What one `cargo test --test NAME` runs: the test targets of that name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Suite {
    pub(crate) selection: Selection,
    pub(crate) name: String,
    /// Nearly always one.
    pub(crate) packages: Vec<String>,
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.name, self.packages.join(" and "))
    }
}

/// The suites of these packages that need NATS.
pub(crate) fn find(packages: &[&Package]) -> Vec<Suite> {
    let mut by_name: BTreeMap<(Selection, &str), Vec<String>> = BTreeMap::new();
    for package in packages {
        let suites = package
            .targets
            .iter()
            .filter(|target| target.kind.contains(&TargetKind::Test) && !target.test);
        for suite in suites {
            by_name
                .entry((Selection::of(&package.name), &suite.name))
                .or_default()
                .push(package.name.to_string());
        }
    }
    by_name
        .into_iter()
        .map(|((selection, name), packages)| Suite {
            selection,
            name: name.to_owned(),
            packages,
        })
        .collect()
}
