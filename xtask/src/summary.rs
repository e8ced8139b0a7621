//! What the tests came to, told at the end.

use std::fmt;
use std::ops::AddAssign;

/// The numbers of one or more `test result:` lines.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) ignored: u64,
}

impl Counts {
    /// How many tests did run.
    pub(crate) fn executed(self) -> u64 {
        self.passed + self.failed
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} passed, {} failed, {} ignored",
            self.passed,
            Number(self.failed),
            Number(self.ignored)
        )
    }
}

/// A number that is `none` where it is zero.
struct Number(u64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("none"),
            n => write!(f, "{n}"),
        }
    }
}

/// One of the runs that make up a whole: the crates' tests, xtask's, the NATS suites.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Pass {
    pub(crate) name: String,
    pub(crate) counts: Counts,
    /// What is wrong beyond failed tests: a build that broke, a suite without a test.
    pub(crate) problems: Vec<String>,
}

/// Everything that ran, for the last lines of the output.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Which server it was, or why there was none.
    pub(crate) server: Option<String>,
    pub(crate) passes: Vec<Pass>,
}

impl Summary {
    pub(crate) fn succeeded(&self) -> bool {
        let total = self.total();
        total.failed == 0 && total.ignored == 0 && self.problems().next().is_none()
    }

    /// Tells each pass that ran nothing; with a filter, only that none ran anything.
    pub(crate) fn judge_empty(&mut self, filtered: bool) {
        if filtered && self.total().executed() > 0 {
            return;
        }
        for pass in &mut self.passes {
            if pass.counts.executed() == 0 && pass.problems.is_empty() {
                pass.problems.push("no test was run".to_owned());
            }
        }
    }

    fn total(&self) -> Counts {
        let mut total = Counts::default();
        for pass in &self.passes {
            total += pass.counts;
        }
        total
    }

    fn problems(&self) -> impl Iterator<Item = (&str, &str)> {
        self.passes.iter().flat_map(|pass| {
            let problems = pass.problems.iter();
            problems.map(move |problem| (pass.name.as_str(), problem.as_str()))
        })
    }
}

impl fmt::Display for Summary {
    /// The last line is the one that tools look for; each problem counts as a failure in it,
    /// lest a run that could not build its tests be taken for a clean one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(server) = &self.server {
            writeln!(f, "{server}")?;
        }
        for Pass { name, counts, .. } in &self.passes {
            writeln!(f, "{name}: {counts}")?;
        }
        for (pass, problem) in self.problems() {
            writeln!(f, "PROBLEM in {pass}: {problem}")?;
        }
        let total = self.total();
        let problems = self.problems().count();
        writeln!(f, "all tests: {total}")?;
        writeln!(
            f,
            "tests: {} passed, {} failed, {} skipped",
            total.passed,
            total.failed + problems as u64,
            total.ignored
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(passed: u64, failed: u64, ignored: u64) -> Counts {
        Counts {
            passed,
            failed,
            ignored,
        }
    }

    fn pass(name: &str, counts: Counts, problems: &[&str]) -> Pass {
        Pass {
            name: name.to_owned(),
            counts,
            problems: problems.iter().map(|&p| p.to_owned()).collect(),
        }
    }

    #[test]
    fn the_last_line_of_a_clean_run_is_the_one_tools_look_for() {
        let summary = Summary {
            server: Some("server: nats-server 2.15.1".to_owned()),
            passes: vec![
                pass("crates", counts(400, 0, 0), &[]),
                pass("NATS", counts(12, 0, 0), &[]),
            ],
        };
        assert!(summary.succeeded());
        assert_eq!(
            summary.to_string(),
            "server: nats-server 2.15.1\n\
             crates: 400 passed, none failed, none ignored\n\
             NATS: 12 passed, none failed, none ignored\n\
             all tests: 412 passed, none failed, none ignored\n\
             tests: 412 passed, 0 failed, 0 skipped\n"
        );
    }

    #[test]
    fn a_problem_counts_as_a_failure() {
        let summary = Summary {
            server: None,
            passes: vec![pass("crates", counts(3, 0, 0), &["it did not build"])],
        };
        assert!(!summary.succeeded());
        let text = summary.to_string();
        assert!(
            text.contains("PROBLEM in crates: it did not build\n"),
            "{text}"
        );
        assert!(
            text.ends_with("tests: 3 passed, 1 failed, 0 skipped\n"),
            "{text}"
        );
    }

    #[test]
    fn an_ignored_test_is_not_a_success() {
        let summary = Summary {
            server: None,
            passes: vec![pass("crates", counts(3, 0, 1), &[])],
        };
        assert!(!summary.succeeded());
    }

    fn judged(passes: [Pass; 2], filtered: bool) -> bool {
        let mut summary = Summary {
            server: None,
            passes: passes.into(),
        };
        summary.judge_empty(filtered);
        summary.succeeded()
    }

    #[test]
    fn each_pass_runs_something_unless_there_is_a_filter() {
        let passes = || [pass("crates", counts(3, 0, 0), &[]), Pass::default()];
        assert!(!judged(passes(), false));
        assert!(judged(passes(), true));
    }

    #[test]
    fn a_filter_that_matches_nothing_is_not_a_success() {
        assert!(!judged([Pass::default(), Pass::default()], true));
    }
}
