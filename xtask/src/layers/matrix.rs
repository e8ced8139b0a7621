//! The matrix: every edge between our crates that there may be, and what each must not know.
//!
//! Crates that are still to come have their rows already; a crate without one is refused.

/// What one crate may know.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// Our crates that it may depend on, to be used or to be built.
    pub(crate) uses: &'static [&'static str],
    /// Those of them that have to be optional, behind a feature.
    pub(crate) behind_features: &'static [&'static str],
    pub(crate) tests_with: TestsWith,
    /// Crates of others that may not be anywhere below it.
    pub(crate) must_not_know: MustNotKnow,
}

/// Our crates that a crate's tests, examples and benchmarks may use besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TestsWith {
    /// None of them.
    Nothing,
    /// The conformance suite, and the store for tests.
    TestCrates,
    /// Whatever an example needs.
    Anything,
}

/// Crates of others that are forbidden, in normal dependencies, however far down.
#[derive(Debug)]
pub(crate) enum MustNotKnow {
    Nothing,
    /// Not even behind a feature.
    Ever(&'static [&'static str]),
    /// Only where a feature asks for it.
    ByDefault(&'static [&'static str]),
}

const CORE: &str = "aether-core";
const MEMORY: &str = "aether-store-memory";
const JETSTREAM: &str = "aether-store-jetstream";
const BUS: &str = "aether-bus";
const RETRY: &str = "aether-retry";
const CLUSTER: &str = "aether-cluster";
const MODEL: &str = "aether-model";
const TESTKIT: &str = "aether-testkit";

/// What tests may use in every crate: [`TestsWith::TestCrates`].
pub(crate) const TEST_CRATES: [&str; 2] = [TESTKIT, MEMORY];

/// Anything that does input or output, or waits.
const RUNTIMES: &[&str] = &["tokio", "async-nats", "mio", "socket2", "async-io", "smol"];

/// A crate of floor 1: it stands on the vocabulary alone.
const fn floor_1(name: &'static str, must_not_know: MustNotKnow) -> Row {
    Row {
        name,
        uses: &[CORE],
        behind_features: &[],
        tests_with: TestsWith::TestCrates,
        must_not_know,
    }
}

static MATRIX: [Row; 11] = [
    Row {
        name: CORE,
        uses: &[],
        behind_features: &[],
        tests_with: TestsWith::TestCrates,
        must_not_know: MustNotKnow::Ever(RUNTIMES),
    },
    floor_1(MEMORY, MustNotKnow::Ever(&["async-nats", "tokio", "mio"])),
    floor_1(JETSTREAM, MustNotKnow::Nothing),
    floor_1(BUS, MustNotKnow::ByDefault(&["async-nats"])),
    floor_1(RETRY, MustNotKnow::ByDefault(&["async-nats"])),
    floor_1(CLUSTER, MustNotKnow::Nothing),
    floor_1(MODEL, MustNotKnow::Ever(RUNTIMES)),
    floor_1(TESTKIT, MustNotKnow::Ever(&["async-nats"])),
    Row {
        name: "aether-actor",
        uses: &[CORE, RETRY, CLUSTER],
        behind_features: &[CLUSTER],
        tests_with: TestsWith::TestCrates,
        must_not_know: MustNotKnow::ByDefault(&["async-nats"]),
    },
    Row {
        name: "aether",
        uses: &[CORE, MEMORY, JETSTREAM, BUS, RETRY, CLUSTER, MODEL, TESTKIT],
        behind_features: &[JETSTREAM, CLUSTER, MODEL, TESTKIT],
        tests_with: TestsWith::Anything,
        must_not_know: MustNotKnow::ByDefault(&["async-nats"]),
    },
    // Outside of the house: it builds and tests the crates, and uses none.
    Row {
        name: "xtask",
        uses: &[],
        behind_features: &[],
        tests_with: TestsWith::Nothing,
        must_not_know: MustNotKnow::Nothing,
    },
];

/// The row of a crate.
pub(crate) fn row(name: &str) -> Option<&'static Row> {
    MATRIX.iter().find(|row| row.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_lead_to_crates_that_have_rows_and_never_in_a_circle() {
        // Rows stand in the order of the floors, so an edge must lead to an earlier one.
        for (place, row) in MATRIX.iter().enumerate() {
            for below in row.uses {
                let there = MATRIX.iter().position(|other| other.name == *below);
                assert!(
                    there.is_some_and(|there| there < place),
                    "{} -> {below}",
                    row.name
                );
            }
        }
    }

    #[test]
    fn only_an_edge_that_exists_can_be_behind_a_feature() {
        for row in &MATRIX {
            for optional in row.behind_features {
                assert!(row.uses.contains(optional), "{} -> {optional}", row.name);
            }
        }
    }
}
