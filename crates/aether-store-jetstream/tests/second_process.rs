//! A second operating system process that writes to the same actors all the while.
//!
//! This program is the parent and, where `AETHER_TEST_SERVER` says where to write, the child: it
//! writes until its input ends, and says what became of each save.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics says where"
)]

mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use aether_store_jetstream::{JetStreamConfig, JetStreamStore};
use libtest_mimic::{Arguments, Failed, Trial};
use support::books::Books;
use support::load::{Load, Plan};
use support::runtime;
use support::server::Server;

const SERVER: &str = "AETHER_TEST_SERVER";

fn main() {
    if let Ok(server) = std::env::var(SERVER) {
        runtime().block_on(child(&server));
        return;
    }
    let trials = vec![
        trial(
            "a_second_process_on_the_same_actors_all_the_while_leaves_one_winner_for_each_version",
            || runtime().block_on(two_processes(false)),
        ),
        trial(
            "two_processes_on_the_same_actors_survive_their_server_being_killed",
            || runtime().block_on(two_processes(true)),
        ),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn trial(name: &'static str, test: fn()) -> Trial {
    Trial::test(name, move || {
        std::panic::catch_unwind(test).map_err(|_| Failed::from("see the panic above"))
    })
}

fn config() -> JetStreamConfig {
    JetStreamConfig::new("shared")
        .request_timeout(Duration::from_millis(500))
        .deadline(Duration::from_secs(1))
}

// The parent.

/// A child, ended with the test whatever becomes of it.
struct Process {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// Starts a child and waits until it has saved something.
    fn start(server: &Server) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .env(SERVER, server.url())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "writing\n");
        Self { child, output }
    }

    /// Tells it to end; gives its books.
    fn stop(mut self) -> Books {
        drop(self.child.stdin.take());
        let lines = (&mut self.output).lines().map(Result::unwrap);
        let books = Books::from_lines(lines);
        assert!(self.child.wait().unwrap().success(), "the child has failed");
        books
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

async fn two_processes(killed: bool) {
    let mut server = Server::start().await;
    let store = JetStreamStore::connect(server.url(), config())
        .await
        .unwrap();
    let process = Process::start(&server);
    let mut load = Load::start(&[store], &Plan::new(5));
    load.goes_on(300).await;
    if killed {
        server.kill();
        // Longer than a save's deadline, so that saves end without an answer.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        server.restart().await;
        load.goes_on(300).await;
    }
    let theirs = process.stop();
    let mut books = load.stop().await;
    eprintln!("here: {books}\nthere: {theirs}");
    for books in [&books, &theirs] {
        assert!(
            !books.acknowledged.is_empty(),
            "one process has won nothing"
        );
        assert!(books.conflicts > 0, "one process has lost nothing");
        let cut_off = books.indeterminate + books.unavailable > 0;
        assert!(cut_off || !killed, "no save was cut off");
    }
    books.add(theirs);
    let store = JetStreamStore::connect(server.url(), config())
        .await
        .unwrap();
    books.check(&store).await;
}

// The child.

async fn child(server: &str) {
    let store = JetStreamStore::connect(server, config()).await.unwrap();
    let mut load = Load::start(&[store], &Plan::new(6));
    load.goes_on(1).await;
    say("writing");
    let input =
        tokio::task::spawn_blocking(|| std::io::stdin().lock().read_line(&mut String::new()));
    input.await.unwrap().unwrap();
    for line in load.stop().await.to_lines() {
        say(&line);
    }
}

fn say(line: &str) {
    println!("{line}");
    std::io::stdout().flush().unwrap();
}
