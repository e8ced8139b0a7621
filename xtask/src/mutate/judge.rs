//! What became of a mutation.

use std::fmt;

use super::list::Catcher;
use crate::summary::Counts;

/// What a run of tests came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ran {
    Passed,
    Failed,
    /// No test was run at all.
    Nothing,
    /// It did not end in time.
    Hung,
}

/// What became of a mutation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// This test failed, or hung where it may.
    CaughtBy(String),
    Survived,
    /// A test hung, which may be the mutation or the machine.
    Hung(String),
    /// Its text is not in its file, or more than once.
    Stale,
    DoesNotBuild,
}

impl Verdict {
    pub(super) fn is_caught(&self) -> bool {
        matches!(self, Self::CaughtBy(_))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CaughtBy(test) => f.write_str(test),
            Self::Survived => f.write_str("SURVIVED"),
            Self::Hung(test) => write!(f, "HUNG: {test}"),
            Self::Stale => f.write_str("STALE"),
            Self::DoesNotBuild => f.write_str("DOES NOT BUILD"),
        }
    }
}

/// From what a run of cargo left; that it builds was seen before.
pub(super) fn ran(succeeded: bool, results: &[Counts], problems: &[String]) -> Ran {
    let executed: u64 = results.iter().map(|counts| counts.executed()).sum();
    match succeeded {
        // A group without a result ended its process: that is noticed, too.
        _ if !problems.is_empty() => Ran::Failed,
        false => Ran::Failed,
        true if executed == 0 => Ran::Nothing,
        true => Ran::Passed,
    }
}

/// A test that was not run has caught nothing.
pub(super) fn judge(ran: Ran, by: &Catcher, may_hang: bool) -> Verdict {
    match ran {
        Ran::Failed => Verdict::CaughtBy(by.to_string()),
        Ran::Hung if may_hang => Verdict::CaughtBy(format!("{by} (hung)")),
        Ran::Hung => Verdict::Hung(by.to_string()),
        Ran::Passed | Ran::Nothing => Verdict::Survived,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catcher() -> Catcher {
        Catcher {
            suite: None,
            test: "notices".to_owned(),
        }
    }

    fn one(passed: u64, failed: u64) -> [Counts; 1] {
        [Counts {
            passed,
            failed,
            ignored: 0,
        }]
    }

    #[test]
    fn only_a_test_that_failed_has_caught_it() {
        let judged = |ran, may_hang| judge(ran, &catcher(), may_hang);
        assert!(judged(Ran::Failed, false).is_caught());
        assert_eq!(judged(Ran::Passed, false), Verdict::Survived);
        assert_eq!(judged(Ran::Nothing, false), Verdict::Survived);
        assert!(!judged(Ran::Hung, false).is_caught());
        assert!(judged(Ran::Hung, true).is_caught());
    }

    #[test]
    fn a_run_is_what_its_results_and_its_end_say() {
        assert_eq!(ran(true, &one(2, 0), &[]), Ran::Passed);
        assert_eq!(ran(false, &one(1, 1), &[]), Ran::Failed);
        assert_eq!(ran(true, &one(0, 0), &[]), Ran::Nothing);
        assert_eq!(ran(true, &[], &[]), Ran::Nothing);
        let cut_short = ["a group of 3 tests came to no result".to_owned()];
        assert_eq!(ran(true, &[], &cut_short), Ran::Failed);
    }
}
