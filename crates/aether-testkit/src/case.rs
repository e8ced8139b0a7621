//! One case of the suite.

use std::fmt;
use std::sync::Arc;

use aether_core::BoxFuture;

use crate::{Context, Outcome, StoreBuilder, run};

/// One case of the suite: a named test of one clause of the contract.
pub struct Case<B: StoreBuilder> {
    section: &'static str,
    name: &'static str,
    clause: u8,
    run: Run<B>,
}

/// What a case does.
pub(crate) type Run<B> = for<'a> fn(&'a Context<B>) -> BoxFuture<'a, Outcome>;

impl<B: StoreBuilder> Case<B> {
    pub(crate) const fn new(
        section: &'static str,
        name: &'static str,
        clause: u8,
        run: Run<B>,
    ) -> Self {
        Self {
            section,
            name,
            clause,
            run,
        }
    }

    /// The section that it belongs to, such as `events`.
    #[must_use]
    pub const fn section(&self) -> &'static str {
        self.section
    }

    /// Its name within the section: a sentence that begins with the clause, such as
    /// `clause_05_two_writers_racing_for_one_version_leave_one_winner`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The section and the name, as the emitted test is called: `events::clause_05_…`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}::{}", self.section, self.name)
    }

    /// The clause of the contract that it proves; the first where there are several.
    #[must_use]
    pub const fn clause(&self) -> u8 {
        self.clause
    }

    /// Runs the case on a store of this builder, in the tokio runtime of the caller, for at most
    /// [`DEADLINE`](crate::DEADLINE).
    ///
    /// # Errors
    ///
    /// [`Failure`](crate::Failure) where the store does not keep the clause, where it panics or
    /// hangs, where the builder fails.
    pub async fn run(&self, builder: &Arc<B>) -> Outcome {
        let outcome = run::case(self.run, Arc::clone(builder)).await;
        outcome.map_err(|failure| {
            failure.during(format_args!(
                "clause {} ({})",
                self.clause,
                clause_title(self.clause)
            ))
        })
    }
}

impl<B: StoreBuilder> Clone for Case<B> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<B: StoreBuilder> fmt::Debug for Case<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case")
            .field("section", &self.section)
            .field("name", &self.name)
            .field("clause", &self.clause)
            .finish_non_exhaustive()
    }
}

/// The clause that a case's name cites: the number after its first `_`. In a `const` a name that
/// cites none fails to compile.
pub(crate) const fn cited_clause(name: &str) -> u8 {
    let bytes = name.as_bytes();
    let mut at = 0;
    while bytes[at] != b'_' {
        at += 1;
    }
    let (tens, ones) = (bytes[at + 1], bytes[at + 2]);
    assert!(
        tens.is_ascii_digit() && ones.is_ascii_digit() && bytes[at + 3] == b'_',
        "a case's name begins with the clause that it proves: clause_05_…"
    );
    let clause = (tens - b'0') * 10 + (ones - b'0');
    assert!(
        1 <= clause && clause <= 14,
        "the contract has clauses 1 to 14"
    );
    clause
}

/// What the contract calls the clause.
const fn clause_title(clause: u8) -> &'static str {
    match clause {
        1 => "append-only",
        2 => "rising versions",
        3 => "expectations",
        4 => "atomic commits",
        5 => "one winner",
        6 => "repeats",
        7 => "reading one's writes",
        8 => "complete reads",
        9 => "loud corruption",
        10 => "the newest snapshot wins",
        11 => "notices",
        12 => "cancellation",
        13 => "each event once, in one order",
        _ => "retention",
    }
}
