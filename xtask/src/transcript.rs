//! What test binaries print, read with suspicion: whatever starts has to come to a result.
//!
//! A test that ends its process takes the result of all its neighbours along, and one that runs
//! tests of its own may print results that are nobody's. Neither shows in the exit status.

use crate::summary::Counts;

/// The groups of tests in the output of one `cargo test`, line by line.
///
/// A test binary is one group, and the doc tests of a crate are one or more.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    /// How many tests the group has that has not come to a result yet.
    running: Option<u64>,
    results: Vec<Counts>,
    problems: Vec<String>,
}

impl Transcript {
    pub(crate) fn line(&mut self, line: &str) {
        let line = strip_ansi(line);
        if let Some(tests) = parse_start(&line) {
            self.start(tests);
        } else if let Some((counts, tests)) = parse_result(&line) {
            self.result(counts, tests);
        }
    }

    /// The result of each group, and what is wrong with the others.
    pub(crate) fn finish(mut self) -> (Vec<Counts>, Vec<String>) {
        self.without_result();
        (self.results, self.problems)
    }

    fn start(&mut self, tests: u64) {
        self.without_result();
        self.running = Some(tests);
    }

    fn without_result(&mut self) {
        if let Some(tests) = self.running.take() {
            self.problems
                .push(format!("a group of {tests} tests came to no result"));
        }
    }

    fn result(&mut self, counts: Counts, tests: u64) {
        match self.running.take() {
            Some(running) if running == tests => self.results.push(counts),
            Some(running) => self.problems.push(format!(
                "a group of {running} tests came to a result of {tests}"
            )),
            None => self.problems.push(format!(
                "a result of {tests} tests belongs to no group that was running"
            )),
        }
    }
}

/// Reads a line such as `running 3 tests`: how many.
fn parse_start(line: &str) -> Option<u64> {
    let mut words = line.trim_end().strip_prefix("running ")?.split(' ');
    let tests = words.next()?.parse().ok()?;
    // With `--shuffle` the seed follows.
    matches!(words.next()?, "test" | "tests").then_some(tests)
}

/// Reads a line such as `test result: ok. 3 passed; 0 failed; ...`: also how many tests it
/// accounts for, which those that were filtered out are not among.
fn parse_result(line: &str) -> Option<(Counts, u64)> {
    let numbers = line.trim().strip_prefix("test result:")?;
    let number = |label: &str| -> Option<u64> {
        numbers.split([';', '.']).find_map(|part| {
            let (number, word) = part.trim().split_once(' ')?;
            (word == label).then(|| number.parse().ok())?
        })
    };
    let counts = Counts {
        passed: number("passed")?,
        failed: number("failed")?,
        ignored: number("ignored")?,
    };
    let tests = [counts.failed, counts.ignored, number("measured")?]
        .into_iter()
        .try_fold(counts.passed, u64::checked_add)?;
    Some((counts, tests))
}

/// Takes out the colours that a test harness may have put in.
fn strip_ansi(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c == '\u{1b}' {
            // A control sequence ends with its first letter.
            rest.by_ref().find(char::is_ascii_alphabetic);
        } else {
            plain.push(c);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two tests that pass, as libtest prints them.
    const TWO: &str = "\nrunning 2 tests\ntest a ... ok\ntest b ... ok\n\n\
        test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; \
        finished in 0.00s\n\n";

    /// A binary that a test ended with `std::process::exit(0)`, or that crashed.
    const CUT_SHORT: &str = "\nrunning 3 tests\ntest a_fine ... ok\ntest b_fine ... ok\n";

    const FAILED: &str = "\nrunning 2 tests\ntest a_fine ... ok\ntest fails ... FAILED\n\n\
        failures:\n    fails\n\n\
        test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; \
        finished in 0.06s\n\n";

    /// What libtest-mimic prints; it pads the names.
    const MIMIC: &str = "\nrunning 3 tests\ntest one ... ok\ntest two ... ignored\n\
        test be  ... ok\n\n\
        test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 7 filtered out; \
        finished in 0.00s\n\n";

    const DOC_TESTS: &str = "\nrunning 1 test\ntest src/lib.rs - (line 1) ... ok\n\n\
        test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; \
        finished in 0.06s\n\n\n\
        running 2 tests\ntest src/lib.rs - f (line 7) - compile fail ... ok\n\
        test src/lib.rs - f (line 13) ... ok\n\n\
        test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; \
        finished in 0.06s\n\n\
        all doctests ran in 0.26s; merged doctests compilation took 0.14s\n";

    fn read(outputs: &[&str]) -> (Vec<Counts>, Vec<String>) {
        let mut transcript = Transcript::default();
        for line in outputs.concat().split_inclusive('\n') {
            transcript.line(line);
        }
        transcript.finish()
    }

    fn counts(passed: u64, failed: u64, ignored: u64) -> Counts {
        Counts {
            passed,
            failed,
            ignored,
        }
    }

    #[test]
    fn each_group_comes_to_its_result() {
        let (results, problems) = read(&[TWO, FAILED, MIMIC, DOC_TESTS]);
        let expected = [
            counts(2, 0, 0),
            counts(1, 1, 0),
            counts(2, 0, 1),
            counts(1, 0, 0),
            counts(2, 0, 0),
        ];
        assert_eq!(results, expected);
        assert_eq!(problems, Vec::<String>::new());
    }

    #[test]
    fn a_binary_that_ends_early_is_told() {
        let told = ["a group of 3 tests came to no result"];
        for outputs in [&[TWO, CUT_SHORT][..], &[CUT_SHORT, TWO]] {
            assert_eq!(read(outputs).1, told);
        }
    }

    #[test]
    fn a_crash_beside_a_failure_is_told() {
        let (results, problems) = read(&[CUT_SHORT, FAILED]);
        assert_eq!(results, [counts(1, 1, 0)]);
        assert_eq!(problems, ["a group of 3 tests came to no result"]);
    }

    #[test]
    fn tests_within_tests_are_told() {
        let after = "test z ... ok\n\ntest result: ok. 3 passed; 0 failed; 0 ignored; \
                     0 measured; 0 filtered out; finished in 0.03s\n";
        let (_, problems) = read(&[CUT_SHORT, TWO, after]);
        let told = [
            "a group of 3 tests came to no result",
            "a result of 3 tests belongs to no group that was running",
        ];
        assert_eq!(problems, told);
    }

    #[test]
    fn a_forged_result_is_told_and_not_counted() {
        let forged = "test result: ok. 99 passed; 0 failed; 0 ignored; 0 measured;\n";
        let (results, problems) = read(&[TWO, forged, CUT_SHORT, forged]);
        assert_eq!(results, [counts(2, 0, 0)]);
        let told = [
            "a result of 99 tests belongs to no group that was running",
            "a group of 3 tests came to a result of 99",
        ];
        assert_eq!(problems, told);
    }

    #[test]
    fn a_result_accounts_for_what_ran_and_not_for_what_was_filtered_out() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 2 measured; \
                    40 filtered out; finished in 0.31s";
        assert_eq!(parse_result(line), Some((counts(12, 3, 1), 18)));
    }

    #[test]
    fn colours_do_not_hide_a_result_line() {
        let coloured = "running 7 tests\n\
                        test result: \u{1b}[32mok\u{1b}[0m. 7 passed; 0 failed; 0 ignored; \
                        0 measured; 0 filtered out; finished in 0.00s\n";
        assert_eq!(read(&[coloured]), (vec![counts(7, 0, 0)], vec![]));
    }

    #[test]
    fn a_start_may_name_its_seed() {
        assert_eq!(parse_start("running 1 test\n"), Some(1));
        let shuffled = "running 3 tests (shuffle seed: 42)\n";
        assert_eq!(parse_start(shuffled), Some(3));
    }

    #[test]
    fn other_lines_are_neither() {
        for line in [
            "",
            "running late",
            "running 3 servers",
            "test result of mine: 3 passed",
            "test result: ok",
        ] {
            assert_eq!(parse_start(line), None, "{line}");
            assert_eq!(parse_result(line), None, "{line}");
        }
    }
}
