//! Mutation testing: the code is broken on purpose, and a test has to notice.
//!
//! The mutations are data, in `xtask/mutations.toml`. Each is applied alone, to a copy of the
//! workspace, and only the tests that it names are run: what is asked is not whether any test
//! fails, but whether those do that are there to.

mod copy;
mod judge;
mod list;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use comfy_table::{Table, presets};
use tokio::process::Command;
use tokio::time::timeout;

use crate::cargo::cargo;
use crate::cli::MutateArgs;
use crate::process::Process;
use crate::server;
use crate::server::program::Given;
use crate::transcript::Transcript;
use crate::workspace::Workspace;
use copy::Copy;
use judge::{Ran, Verdict};
use list::{Catcher, Mutation};

/// How long one test may take; a mutation may make it wait for ever.
const TEST_TIMEOUT: Duration = Duration::from_secs(120);

/// `cargo xtask mutate`. Says whether every mutation was caught.
pub(crate) async fn run(workspace: &Workspace, args: &MutateArgs) -> Result<bool> {
    let file = match &args.file {
        Some(file) => file.clone(),
        None => workspace.root().join(list::FILE),
    };
    let mutations = list::chosen(list::read(&file)?, &args.names)?;
    let suites = mutations.iter().flat_map(|m| &m.caught_by);
    let needs_server = suites.into_iter().any(|catcher| catcher.suite.is_some());
    let server = if needs_server {
        Some(server::find(&args.wanted, workspace).await?)
    } else {
        None
    };
    let given = match &server {
        Some(server) => Some(server.given(workspace).await?),
        None => None,
    };
    let bench = Workbench {
        copy: Copy::make(workspace)?,
        target: workspace.target().join("mutate").join("target"),
        logs: workspace.target().join("mutate").join("logs"),
        given,
    };
    fs::create_dir_all(&bench.logs)?;
    bench.without_mutation(&mutations).await?;
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([
        "mutation",
        "what it breaks",
        "caught by",
        "time",
    ]);
    let mut all_caught = true;
    for mutation in &mutations {
        let started = Instant::now();
        let verdict = bench.with(mutation).await?;
        let time = format!("{:.1} s", started.elapsed().as_secs_f64());
        println!("{}: {verdict} ({time})", mutation.name);
        all_caught &= verdict.is_caught();
        table.add_row([
            &mutation.name,
            &mutation.breaks,
            &verdict.to_string(),
            &time,
        ]);
    }
    println!("\n{table}");
    if !all_caught {
        println!("what was printed is in {}", bench.logs.display());
    }
    Ok(all_caught)
}

/// Where mutations are tried.
struct Workbench {
    copy: Copy,
    target: PathBuf,
    logs: PathBuf,
    /// Where some tests need NATS.
    given: Option<Given>,
}

impl Workbench {
    /// What the mutations break has to be whole, and their tests have to be there.
    async fn without_mutation(&self, mutations: &[Mutation]) -> Result<()> {
        let log = self.logs.join("unmutated.txt");
        let mut seen: Vec<(&str, &Catcher)> = Vec::new();
        for mutation in mutations {
            for catcher in &mutation.caught_by {
                let test = (mutation.package.as_str(), catcher);
                if seen.contains(&test) {
                    continue;
                }
                seen.push(test);
                println!("unmutated: {catcher}");
                ensure!(
                    self.builds(test.0, catcher, &log).await?,
                    "the tests do not build without a mutation, see {}",
                    log.display()
                );
                match self.test(test.0, catcher, &log).await? {
                    Ran::Passed => {}
                    Ran::Nothing => bail!("there is no test `{catcher}` ({})", mutation.name),
                    Ran::Failed | Ran::Hung => bail!(
                        "`{catcher}` does not pass without a mutation, see {}",
                        log.display()
                    ),
                }
            }
        }
        Ok(())
    }

    async fn with(&self, mutation: &Mutation) -> Result<Verdict> {
        let original = self.copy.read(&mutation.file)?;
        let Some(mutated) = mutation.apply(&original) else {
            return Ok(Verdict::Stale);
        };
        // However this ends, the next one finds the file as it was.
        let _restored = self.copy.replace(&mutation.file, &mutated, original)?;
        for (index, catcher) in mutation.caught_by.iter().enumerate() {
            let log = self
                .logs
                .join(format!("{}-{}.txt", mutation.name, index + 1));
            if !self.builds(&mutation.package, catcher, &log).await? {
                return Ok(Verdict::DoesNotBuild);
            }
            let ran = self.test(&mutation.package, catcher, &log).await?;
            let verdict = judge::judge(ran, catcher, mutation.may_hang);
            if verdict != Verdict::Survived {
                return Ok(verdict);
            }
        }
        Ok(Verdict::Survived)
    }

    async fn builds(&self, package: &str, catcher: &Catcher, log: &Path) -> Result<bool> {
        let mut command = self.cargo_test(package, catcher);
        command.arg("--no-run");
        let status = logged(command, log)?.wait().await?;
        Ok(status.success())
    }

    async fn test(&self, package: &str, catcher: &Catcher, log: &Path) -> Result<Ran> {
        let mut command = self.cargo_test(package, catcher);
        command.args(["--", &catcher.test]);
        let mut process = logged(command, log)?;
        let Ok(status) = timeout(TEST_TIMEOUT, process.wait()).await else {
            return Ok(Ran::Hung);
        };
        let text = String::from_utf8_lossy(&fs::read(log)?).into_owned();
        let mut transcript = Transcript::default();
        text.lines().for_each(|line| transcript.line(line));
        let (results, problems) = transcript.finish();
        Ok(judge::ran(status?.success(), &results, &problems))
    }

    fn cargo_test(&self, package: &str, catcher: &Catcher) -> Command {
        let mut command = cargo(["test", "--package", package]);
        match &catcher.suite {
            Some(suite) => command.args(["--test", suite]),
            None => command.arg("--lib"),
        };
        command
            .current_dir(self.copy.root())
            .env("CARGO_TARGET_DIR", &self.target);
        match (&self.given, &catcher.suite) {
            (Some(given), Some(_)) => given.tell(&mut command),
            _ => Given::tell_nothing(&mut command),
        }
        command
    }
}

/// Starts a command that prints into this file.
fn logged(mut command: Command, log: &Path) -> Result<Process> {
    let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let errors = file.try_clone()?;
    command
        .stdout(Stdio::from(file))
        .stderr(Stdio::from(errors));
    Process::start(command)
}
