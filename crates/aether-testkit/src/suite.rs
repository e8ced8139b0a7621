//! The cases as values, for who runs them otherwise than by emitted tests.

use std::fmt;
use std::sync::Arc;

use aether_core::{EventFeed, SnapshotStore};

use crate::list::cases_of;
use crate::{
    Case, ExpireHistory, Failure, Outcome, PlantMalformedEvent, PlantUndecodableSnapshot,
    StoreBuilder, run,
};

/// The cases of the sections that a store claims, and the builder that gives them their stores.
///
/// [`conformance!`](crate::conformance) makes a test of each; a `Suite` has the same cases as
/// values, from the same list, for a harness of your own.
pub struct Suite<B: StoreBuilder> {
    builder: Arc<B>,
    cases: Vec<Case<B>>,
}

impl<B: StoreBuilder> Suite<B> {
    /// No cases yet.
    #[must_use]
    pub fn new(builder: B) -> Self {
        Self {
            builder: Arc::new(builder),
            cases: Vec::new(),
        }
    }

    /// With the section `events`: clauses 1 to 8 and 12, which every store keeps.
    #[must_use]
    pub fn events(self) -> Self {
        self.with(cases_of!(events))
    }

    /// With the section `notices`: clause 11, for a store that heeds
    /// [`StoreOptions::notices`](crate::StoreOptions::notices).
    #[must_use]
    pub fn notices(self) -> Self {
        self.with(cases_of!(notices))
    }

    /// With the section `snapshots`: clause 10.
    #[must_use]
    pub fn snapshots(self) -> Self
    where
        B::Store: SnapshotStore,
    {
        self.with(cases_of!(snapshots))
    }

    /// With the section `feed`: clause 13.
    #[must_use]
    pub fn feed(self) -> Self
    where
        B::Store: EventFeed,
    {
        self.with(cases_of!(feed))
    }

    /// With the section `corruption`: clause 9.
    #[must_use]
    pub fn corruption(self) -> Self
    where
        B: PlantMalformedEvent,
    {
        self.with(cases_of!(corruption))
    }

    /// With the section `snapshot_corruption`: what clause 10 says of snapshots that can't be read.
    #[must_use]
    pub fn snapshot_corruption(self) -> Self
    where
        B: PlantUndecodableSnapshot,
        B::Store: SnapshotStore,
    {
        self.with(cases_of!(snapshot_corruption))
    }

    /// With the section `feed_corruption`: clauses 9 and 13, together.
    #[must_use]
    pub fn feed_corruption(self) -> Self
    where
        B: PlantMalformedEvent,
        B::Store: EventFeed,
    {
        self.with(cases_of!(feed_corruption))
    }

    /// With the section `retention`: clause 14.
    #[must_use]
    pub fn retention(self) -> Self
    where
        B: ExpireHistory,
    {
        self.with(cases_of!(retention))
    }

    /// With the section `snapshot_retention`: what clause 14 says of snapshots.
    #[must_use]
    pub fn snapshot_retention(self) -> Self
    where
        B: ExpireHistory,
        B::Store: SnapshotStore,
    {
        self.with(cases_of!(snapshot_retention))
    }

    /// With the section `feed_retention`: clauses 13 and 14, together.
    #[must_use]
    pub fn feed_retention(self) -> Self
    where
        B: ExpireHistory,
        B::Store: EventFeed,
    {
        self.with(cases_of!(feed_retention))
    }

    fn with(mut self, cases: Vec<Case<B>>) -> Self {
        self.cases.extend(cases);
        self
    }

    /// The cases, in the order of the list.
    #[must_use]
    pub fn cases(&self) -> &[Case<B>] {
        &self.cases
    }

    /// Runs all cases, one after the other, in the tokio runtime of the caller.
    pub async fn run(&self) -> Report {
        let mut results = Vec::new();
        for case in &self.cases {
            results.push((case.path(), case.run(&self.builder).await));
        }
        Report { results }
    }

    /// Runs the case of this name (without its section) on a runtime of its own. What the emitted
    /// tests do.
    ///
    /// # Panics
    ///
    /// Where the case fails: that is a test's way to say so.
    #[track_caller]
    pub fn check(&self, name: &str) {
        let case = self.cases.iter().find(|case| case.name() == name);
        let outcome = match case {
            Some(case) => run::on_own_runtime(case, &self.builder),
            None => Err(Failure::new("the suite has no such case")),
        };
        if let Err(failure) = outcome {
            panic!("{name}\n  {failure}");
        }
    }
}

impl<B: StoreBuilder> fmt::Debug for Suite<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Suite")
            .field("cases", &self.cases)
            .finish_non_exhaustive()
    }
}

/// What became of each case of a [`Suite`].
#[derive(Debug, Clone)]
#[must_use]
pub struct Report {
    results: Vec<(String, Outcome)>,
}

impl Report {
    /// How many cases were run.
    #[must_use]
    pub fn len(&self) -> usize {
        self.results.len()
    }

    /// Whether no case was run.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.results.is_empty()
    }

    /// Each case that failed by its [path](Case::path), and what it said.
    pub fn failures(&self) -> impl Iterator<Item = (&str, &Failure)> {
        self.results.iter().filter_map(|(path, outcome)| {
            let failure = outcome.as_ref().err()?;
            Some((path.as_str(), failure))
        })
    }
}

/// How many cases passed, and each that failed.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = self.failures().count();
        writeln!(f, "{} cases passed, {failed} failed", self.len() - failed)?;
        for (path, failure) in self.failures() {
            writeln!(f, "{path}\n  {failure}")?;
        }
        Ok(())
    }
}
