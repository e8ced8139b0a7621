//! Two operating system processes on one server, with no memory in common.
//!
//! This program is the parent, which checks, and the children, which do: `AETHER_TEST_ROLE` says
//! which. Children say `ready`, do something for each line that they are given, and write down
//! what was acknowledged.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics says where"
)]

mod support;

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use aether_core::{ActorId, EventDraft, EventStore as _, EventStoreExt as _, Version};
use aether_store_jetstream::JetStreamStore;
use libtest_mimic::{Arguments, Failed, Trial};
use support::{Streams, actor, event_with, nats_url, runtime, trap_ids};

const ACTORS: u32 = 20;
const VERSIONS: u32 = 50;

const ROLE: &str = "AETHER_TEST_ROLE";
const BASE: &str = "AETHER_TEST_BASE";

fn main() {
    if let Ok(role) = std::env::var(ROLE) {
        runtime().block_on(child(&role));
        return;
    }
    let trials = vec![
        trial(
            "two_processes_racing_leave_one_winner_for_each_version",
            race,
        ),
        trial(
            "two_processes_appending_drafts_leave_histories_without_gaps",
            drafts,
        ),
        trial(
            "ids_that_trap_the_careless_are_read_by_another_process",
            traps,
        ),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn trial(name: &'static str, test: fn()) -> Trial {
    Trial::test(name, move || {
        std::panic::catch_unwind(test).map_err(|_| Failed::from("see the panic above"))
    })
}

fn actors() -> impl Iterator<Item = ActorId> {
    (0..ACTORS).map(|number| actor(&format!("race-{number}")))
}

// The parent.

/// A child, ended with the test whatever becomes of it.
struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// Starts a child in this role and waits until it is connected.
    fn start(role: &str, streams: &Streams) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .env(ROLE, role)
            .env(BASE, &streams.base)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut process = Self {
            child,
            input,
            output: BufReader::new(output),
        };
        let mut line = String::new();
        process.output.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "{role}");
        process
    }

    fn go(&mut self) {
        self.input.write_all(b"go\n").unwrap();
    }

    /// What it wrote since, up to `done`.
    fn until_done(&mut self) -> Vec<Vec<String>> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            assert_ne!(
                self.output.read_line(&mut line).unwrap(),
                0,
                "a child has ended"
            );
            let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
            if words == ["done"] {
                return lines;
            }
            lines.push(words);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Lets two processes race in rounds, and gives what each wrote.
fn run_two(role: &str, streams: &Streams, rounds: u32) -> [Vec<Vec<String>>; 2] {
    let mut processes = [role, role].map(|role| Process::start(role, streams));
    let mut logs = [Vec::new(), Vec::new()];
    for round in 0..rounds {
        // Neither is always told first.
        if round % 2 == 0 {
            processes.iter_mut().for_each(Process::go);
        } else {
            processes.iter_mut().rev().for_each(Process::go);
        }
        for (log, process) in logs.iter_mut().zip(&mut processes) {
            log.extend(process.until_done());
        }
    }
    logs
}

/// Each actor's history: (version, event id), in order.
fn histories(streams: &Streams) -> Vec<(ActorId, Vec<(u32, String)>)> {
    runtime().block_on(async {
        let store = streams.store().await;
        let mut histories = Vec::new();
        for id in actors() {
            let events = store.get_events(&id, Version::ZERO).await.unwrap();
            let row = |e: &aether_core::Event| {
                assert_eq!(*e.actor_id(), id);
                (
                    u32::try_from(e.version().get()).unwrap(),
                    e.id().to_string(),
                )
            };
            let rows = events.iter().map(row).collect();
            histories.push((id, rows));
        }
        histories
    })
}

/// Checks that exactly the acknowledged events are stored, each acknowledged once, in histories
/// without gaps.
fn check_acknowledged(streams: &Streams, logs: &[Vec<Vec<String>>; 2]) {
    // (actor, version) to the event and how often it was acknowledged.
    let mut acknowledged: HashMap<(String, u32), Vec<String>> = HashMap::new();
    for log in logs {
        let mut won = 0;
        for line in log.iter().filter(|line| line[0] == "won") {
            let key = (line[1].clone(), line[2].parse().unwrap());
            acknowledged.entry(key).or_default().push(line[3].clone());
            won += 1;
        }
        assert!(won > 0, "one process won nothing: this was no race");
    }
    let mut stored = 0;
    for (id, history) in histories(streams) {
        let versions: Vec<u32> = history.iter().map(|(version, _)| *version).collect();
        assert_eq!(versions, (1..=VERSIONS).collect::<Vec<_>>(), "{id}");
        for (version, event) in history {
            let winners = acknowledged.get(&(id.to_string(), version));
            assert_eq!(winners, Some(&vec![event]), "{id} version {version}");
            stored += 1;
        }
    }
    assert_eq!(
        acknowledged.len(),
        stored,
        "something acknowledged is not there"
    );
}

fn race() {
    let streams = Streams::new("race");
    // In each round both save the same version of every actor.
    let logs = run_two("racer", &streams, VERSIONS);
    check_acknowledged(&streams, &logs);
    let lost = logs
        .iter()
        .flatten()
        .filter(|line| line[0] == "lost")
        .count();
    assert_eq!(
        lost,
        (ACTORS * VERSIONS) as usize,
        "each version has one loser, too"
    );
}

fn drafts() {
    let streams = Streams::new("drafts2");
    let logs = run_two("drafter", &streams, 1);
    check_acknowledged(&streams, &logs);
}

fn traps() {
    let streams = Streams::new("traps2");
    for role in ["saver", "reader"] {
        let mut process = Process::start(role, &streams);
        process.go();
        assert_eq!(process.until_done().len(), trap_ids().len(), "{role}");
    }
}

// The children.

async fn child(role: &str) {
    let config = Streams::config_of(&std::env::var(BASE).unwrap());
    let store = JetStreamStore::connect(&nats_url(), config).await.unwrap();
    say("ready");
    for round in 1.. {
        let mut line = String::new();
        if std::io::stdin().lock().read_line(&mut line).unwrap() == 0 {
            return;
        }
        let tasks: Vec<_> = match role {
            "racer" => actors()
                .map(|id| tokio::spawn(race_for(store.clone(), id, round)))
                .collect(),
            "drafter" => actors()
                .map(|id| tokio::spawn(draft_for(store.clone(), id)))
                .collect(),
            "saver" => trap_ids()
                .into_iter()
                .map(|id| tokio::spawn(save_trap(store.clone(), id)))
                .collect(),
            "reader" => trap_ids()
                .into_iter()
                .map(|id| tokio::spawn(read_trap(store.clone(), id)))
                .collect(),
            other => panic!("no such role: {other}"),
        };
        for task in tasks {
            task.await.unwrap();
        }
        say("done");
    }
}

fn say(line: &str) {
    println!("{line}");
    std::io::stdout().flush().unwrap();
}

/// Saves this version of an actor, or loses it to the other process.
async fn race_for(store: JetStreamStore, id: ActorId, version: u32) {
    let event = event_with(&id, version, &std::process::id());
    match store.save_event(event.clone()).await {
        Ok(appended) => {
            assert!(!appended.was_repeated());
            say(&format!("won {id} {version} {}", event.id()));
        }
        Err(error) => {
            let conflict = error
                .version_conflict()
                .unwrap_or_else(|| panic!("{error}"));
            assert_eq!(conflict.current_version, version.into());
            assert_eq!(store.latest_version(&id).await.unwrap(), version.into());
            say(&format!("lost {id} {version}"));
        }
    }
}

/// Appends half of an actor's events as drafts.
async fn draft_for(store: JetStreamStore, id: ActorId) {
    for number in 0..VERSIONS / 2 {
        let draft = EventDraft::new(&id, "Drafted", &(std::process::id(), number)).unwrap();
        for event in store.append_next([draft]).await.unwrap() {
            say(&format!("won {id} {} {}", event.version(), event.id()));
        }
    }
}

async fn save_trap(store: JetStreamStore, id: ActorId) {
    store
        .save_event(event_with(&id, 1, &id.as_str()))
        .await
        .unwrap();
    say("saved");
}

async fn read_trap(store: JetStreamStore, id: ActorId) {
    let events = store.get_events(&id, Version::ZERO).await.unwrap();
    assert_eq!(events.len(), 1, "{id:?}");
    assert_eq!(*events[0].actor_id(), id);
    assert_eq!(events[0].decode::<String>().unwrap(), id.as_str());
    say("read");
}
