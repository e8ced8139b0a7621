//! Running the tests: each in exactly one pass, and none left out in silence.

mod matrix;

use std::io::Write as _;
use std::process::{ExitStatus, Stdio};

use anyhow::{Context as _, Result};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::cargo::cargo;
use crate::cli::{IntegrationArgs, TestArgs};
use crate::process::{Process, describe};
use crate::server::program::Given;
use crate::server::{self, Wanted};
use crate::suites::{self, Selection, Suite};
use crate::summary::{Counts, Pass, Summary};
use crate::transcript::Transcript;
use crate::workspace::Workspace;

/// `cargo xtask test`: every test of the workspace. Says whether all passed.
pub(crate) async fn test(workspace: &Workspace, args: &TestArgs) -> Result<bool> {
    let file = workspace.test_summary();
    if args.last {
        let text = std::fs::read_to_string(&file).context("no tests have been run yet")?;
        print!("{text}");
        return Ok(true);
    }
    if !args.args.is_empty() {
        // A part of the tests: what all of them came to is still the last whole run's.
        return Ok(tell(
            &everything(workspace, &args.wanted, &args.args).await?,
        ));
    }
    // What an earlier run came to must not be taken for this one's.
    if file.exists() {
        std::fs::remove_file(&file)?;
    }
    let summary = everything(workspace, &args.wanted, &[]).await?;
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&file, summary.to_string())?;
    Ok(tell(&summary))
}

/// `cargo xtask integration`: the suites that need NATS. Says whether all passed.
pub(crate) async fn integration(workspace: &Workspace, args: &IntegrationArgs) -> Result<bool> {
    if args.matrix {
        return matrix::run(workspace, args).await;
    }
    let mut summary = Summary::default();
    let suites = suites_of(workspace)?;
    nats_pass(workspace, &suites, &args.wanted, &args.args, &mut summary).await?;
    summary.judge_empty(!args.args.is_empty());
    Ok(tell(&summary))
}

async fn everything(workspace: &Workspace, wanted: &Wanted, args: &[String]) -> Result<Summary> {
    let mut summary = Summary::default();
    for (name, selection) in [
        ("crates, without a server", Selection::Crates),
        ("xtask, without a server", Selection::Xtask),
    ] {
        let pass = plain_pass(name, selection, args).await?;
        summary.passes.push(pass);
    }
    let run = match suites_of(workspace) {
        Ok(suites) => nats_pass(workspace, &suites, wanted, args, &mut summary).await,
        Err(error) => Err(error),
    };
    if let Err(error) = run {
        // The other passes are still worth telling about.
        summary.passes.push(Pass {
            name: "NATS suites".to_owned(),
            problems: vec![format!("{error:#}")],
            ..Pass::default()
        });
    }
    summary.judge_empty(!args.is_empty());
    Ok(summary)
}

/// Unit, integration and doc tests: what a plain `cargo test` runs.
async fn plain_pass(name: &str, selection: Selection, args: &[String]) -> Result<Pass> {
    let run = run_tests(selection, &[], args, None).await?;
    let mut pass = Pass {
        name: name.to_owned(),
        ..Pass::default()
    };
    pass.take(&run);
    Ok(pass)
}

fn suites_of(workspace: &Workspace) -> Result<Vec<Suite>> {
    let suites = suites::find(&workspace.members());
    anyhow::ensure!(
        !suites.is_empty(),
        "no suite needs NATS: not one test target has `test = false`"
    );
    Ok(suites)
}

/// These suites, all on one server.
async fn nats_pass(
    workspace: &Workspace,
    suites: &[Suite],
    wanted: &Wanted,
    args: &[String],
    summary: &mut Summary,
) -> Result<()> {
    let server = server::find(wanted, workspace).await?;
    summary.server = Some(server.to_string());
    let given = server.given(workspace).await?;
    let mut pass = Pass {
        name: format!("{} NATS suites", suites.len()),
        ..Pass::default()
    };
    for suite in suites {
        let run = run_tests(
            suite.selection,
            &["--test", &suite.name],
            args,
            Some(&given),
        )
        .await?;
        // With a filter it is no surprise that a suite has nothing to run.
        if args.is_empty() {
            pass.problems.extend(empty_suite(suite, &run.results));
        }
        pass.take(&run);
    }
    summary.passes.push(pass);
    Ok(())
}

/// A suite that runs nothing is one that skips in silence.
fn empty_suite(suite: &Suite, results: &[Counts]) -> Option<String> {
    let with_tests = results.iter().filter(|counts| counts.executed() > 0);
    (with_tests.count() < suite.packages.len()).then(|| format!("{suite} executed no test"))
}

/// What one `cargo test` came to.
#[derive(Debug)]
struct TestRun {
    command: String,
    status: ExitStatus,
    /// One for each test binary, and one for each crate's doc tests.
    results: Vec<Counts>,
    /// What is wrong with what was printed.
    problems: Vec<String>,
}

impl Pass {
    fn take(&mut self, run: &TestRun) {
        let mut counts = Counts::default();
        for result in &run.results {
            counts += *result;
        }
        let problems = run.problems.iter();
        self.problems
            .extend(problems.map(|problem| format!("`{}`: {problem}", run.command)));
        if !run.status.success() && counts.failed == 0 {
            let TestRun {
                command, status, ..
            } = run;
            self.problems.push(format!("`{command}`: {status}"));
        }
        self.counts += counts;
    }
}

async fn run_tests(
    selection: Selection,
    targets: &[&str],
    args: &[String],
    server: Option<&Given>,
) -> Result<TestRun> {
    let mut command = cargo(["test", "--no-fail-fast"]);
    command.args(selection.args()).args(targets);
    if !args.is_empty() {
        command.arg("--").args(args);
    }
    match server {
        Some(given) => given.tell(&mut command),
        None => Given::tell_nothing(&mut command),
    }
    command.stdout(Stdio::piped());
    let described = describe(&command);
    let mut process = Process::start(command)?;
    let (results, problems) = follow(&mut process).await?;
    Ok(TestRun {
        command: described,
        status: process.wait().await?,
        results,
        problems,
    })
}

/// Passes the output on as it comes and picks out the results.
async fn follow(process: &mut Process) -> Result<(Vec<Counts>, Vec<String>)> {
    let mut transcript = Transcript::default();
    let Some(stdout) = process.stdout() else {
        return Ok(transcript.finish());
    };
    let mut lines = BufReader::new(stdout);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).await? > 0 {
        std::io::stdout().write_all(&line)?;
        transcript.line(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(transcript.finish())
}

/// Prints the summary as the last lines of the output and says whether all is well.
fn tell(summary: &Summary) -> bool {
    print!("\n{summary}");
    summary.succeeded()
}

#[cfg(test)]
mod unit {
    use super::*;

    fn suite() -> Suite {
        Suite {
            selection: Selection::Crates,
            name: "conformance".to_owned(),
            packages: vec!["aether-store-jetstream".to_owned()],
        }
    }

    fn executed(passed: u64) -> Counts {
        Counts {
            passed,
            ..Counts::default()
        }
    }

    #[test]
    fn a_suite_with_tests_is_no_problem() {
        assert_eq!(empty_suite(&suite(), &[executed(3)]), None);
    }

    #[test]
    fn a_suite_that_runs_nothing_is_named() {
        let problem = empty_suite(&suite(), &[executed(0)]);
        let expected = "conformance of aether-store-jetstream executed no test";
        assert_eq!(problem.as_deref(), Some(expected));
        assert!(empty_suite(&suite(), &[]).is_some());
    }
}
