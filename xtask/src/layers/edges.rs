//! The edges between our own crates.

use cargo_metadata::{Dependency, DependencyKind, Package};

use super::Violation;
use super::matrix::{self, Row, TEST_CRATES, TestsWith};

/// Every edge between members that the matrix does not have.
pub(super) fn check(members: &[&Package]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for member in members {
        let name = member.name.as_str();
        let Some(row) = matrix::row(name) else {
            violations.push(Violation(format!(
                "{name} is not in the matrix (xtask/src/layers/matrix.rs): give it a row"
            )));
            continue;
        };
        let ours =
            |dependency: &&Dependency| members.iter().any(|other| *other.name == dependency.name);
        let edges = member.dependencies.iter().filter(ours);
        violations.extend(edges.filter_map(|edge| judge(row, edge)));
    }
    violations
}

fn judge(row: &Row, edge: &Dependency) -> Option<Violation> {
    let (kind, rule) = match edge.kind {
        DependencyKind::Development => ("dev-dependency", broken_in_tests(row, &edge.name)?),
        DependencyKind::Build => ("build dependency", broken_in_use(row, edge)?),
        _ => ("dependency", broken_in_use(row, edge)?),
    };
    let (from, to) = (row.name, &edge.name);
    Some(Violation(format!("{from} -> {to} ({kind}): {rule}")))
}

fn broken_in_use(row: &Row, edge: &Dependency) -> Option<String> {
    let to = edge.name.as_str();
    if !row.uses.contains(&to) {
        return Some(match row.uses {
            [] => format!("{} may depend on none of our crates", row.name),
            uses => format!("{} may depend on {} only", row.name, uses.join(", ")),
        });
    }
    (row.behind_features.contains(&to) && !edge.optional)
        .then(|| format!("{} may depend on {to} behind a feature only", row.name))
}

fn broken_in_tests(row: &Row, to: &str) -> Option<String> {
    if row.uses.contains(&to) {
        return None;
    }
    match row.tests_with {
        TestsWith::Anything => None,
        TestsWith::TestCrates if TEST_CRATES.contains(&to) => None,
        TestsWith::TestCrates => Some(format!(
            "the tests of {} may besides use {} only",
            row.name,
            TEST_CRATES.join(", ")
        )),
        TestsWith::Nothing => Some(format!("{} may use none of our crates", row.name)),
    }
}
