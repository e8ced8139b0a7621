//! Each broken store fails exactly the cases that it should, and each case is failed by some.
//!
//! The tables are the documentation of the suite's teeth: which mistake is caught by what. They
//! are exact because everything here is deterministic: one thread, a paused clock (a wait in vain
//! ends at once), yields in place of races, and the same generated calls in every run.

mod cancellation;
mod commits;
mod corruption;
mod feed;
mod ids;
mod notices;
mod reads;
mod repeats;
mod retention;
mod snapshots;
mod versions;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use aether_core::{EventFeed, SnapshotStore};
use aether_testkit::{
    ExpireHistory, PlantMalformedEvent, PlantUndecodableSnapshot, Report, StoreBuilder, Suite,
};

use crate::broken::{BrokenBuilder, Defect};

/// A broken store, and what it fails.
type Row = (Defect, &'static [&'static str]);

/// Makes a test of each broken store, and the table of what they fail.
macro_rules! teeth {
    ($($name:ident: $defect:ident fails {
        $($section:ident: [$($case:ident,)+])+
    })+) => {
        pub(super) const TABLE: &[super::Row] = &[$(
            (crate::broken::Defect::$defect, &[$(
                $(concat!(stringify!($section), "::", stringify!($case)),)+
            )+]),
        )+];

        $(
            #[test]
            fn $name() {
                let row = TABLE.iter().find(|row| row.0 == crate::broken::Defect::$defect);
                super::bite(row.unwrap());
            }
        )+
    };
}

use teeth;

const TABLES: [&[Row]; 11] = [
    versions::TABLE,
    commits::TABLE,
    repeats::TABLE,
    reads::TABLE,
    ids::TABLE,
    cancellation::TABLE,
    snapshots::TABLE,
    notices::TABLE,
    feed::TABLE,
    corruption::TABLE,
    retention::TABLE,
];

/// All sections, for a builder and a store that can do everything.
fn everything<B>(builder: B) -> Suite<B>
where
    B: StoreBuilder<Store: SnapshotStore + EventFeed>,
    B: PlantMalformedEvent + PlantUndecodableSnapshot + ExpireHistory,
{
    Suite::new(builder)
        .events()
        .notices()
        .snapshots()
        .feed()
        .corruption()
        .snapshot_corruption()
        .feed_corruption()
        .retention()
        .snapshot_retention()
        .feed_retention()
}

/// Runs the whole suite on a store with this defect, the same way each time.
fn report(defect: Defect) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build();
    runtime
        .unwrap()
        .block_on(everything(BrokenBuilder(defect)).run())
}

/// That this broken store fails what its row says, and nothing else.
fn bite((defect, expected): &Row) {
    let report = report(*defect);
    let failed: BTreeMap<&str, _> = report.failures().collect();
    let expected: BTreeSet<&str> = expected.iter().copied().collect();
    let mut differences = String::new();
    for missing in expected.iter().filter(|path| !failed.contains_key(*path)) {
        writeln!(
            differences,
            "- {missing}\n    passes, though it should fail"
        )
        .unwrap();
    }
    for (path, failure) in failed.iter().filter(|(path, _)| !expected.contains(*path)) {
        writeln!(
            differences,
            "+ {path}\n    fails, though it should pass: {failure}"
        )
        .unwrap();
    }
    assert!(
        differences.is_empty(),
        "the suite on {defect:?}:\n{differences}"
    );
}

#[test]
fn every_case_is_failed_by_a_broken_store() {
    let suite = everything(BrokenBuilder(Defect::ChecksThenActs));
    let cases: BTreeSet<String> = suite
        .cases()
        .iter()
        .map(aether_testkit::Case::path)
        .collect();
    assert_eq!(cases.len(), suite.cases().len(), "two cases have one name");
    let rows = TABLES.iter().copied().flatten();
    let failed: BTreeSet<String> = rows
        .flat_map(|row| row.1)
        .map(|path| (*path).to_owned())
        .collect();
    let toothless: Vec<_> = cases.difference(&failed).collect();
    assert!(toothless.is_empty(), "no broken store fails {toothless:#?}");
    let unknown: Vec<_> = failed.difference(&cases).collect();
    assert!(
        unknown.is_empty(),
        "the tables name what is no case: {unknown:#?}"
    );
}

#[test]
fn every_case_cites_its_clause() {
    for case in everything(BrokenBuilder(Defect::ChecksThenActs)).cases() {
        let cited = case
            .name()
            .split('_')
            .nth(1)
            .and_then(|number| number.parse().ok());
        assert_eq!(cited, Some(case.clause()), "{}", case.path());
    }
}
