//! How much room events take: on the server's disk, in its memory, and in a client's.
//!
//! Starts a server of its own from the executable in `AETHER_NATS_SERVER`, saves one small event
//! for each of `AETHER_SIZING_ACTORS` actors (1,000,000 if nothing is said) and prints a table; and
//! another one of actors of which as much is remembered as can be.
//! Memory is what `/proc` says, so only Linux has those rows.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "it can only report a failure by failing"
)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aether_core::{ActorId, Event, EventDraft, EventStoreExt as _, Version};
use aether_store_jetstream::async_nats::{self, jetstream};
use aether_store_jetstream::{JetStreamConfig, JetStreamStore};
use futures_util::StreamExt as _;
use tempfile::TempDir;

/// Enough to keep the server busy.
const IN_FLIGHT: usize = 256;
/// Of how many commits of an actor a store remembers the place.
const REMEMBERED: u64 = 32;

#[derive(serde::Serialize)]
struct Placed {
    article: &'static str,
    quantity: u32,
    price_cents: u32,
}

/// Which part this process is to measure; none where it is to have all measured.
const PART: &str = "AETHER_SIZING_PART";

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let actors = std::env::var("AETHER_SIZING_ACTORS");
    let actors: usize = actors.map_or(1_000_000, |text| text.parse().expect("a whole number"));
    match std::env::var(PART).as_deref() {
        Ok("one each") => one_event_each(actors).await,
        Ok("single events") => remembered(4_000, 1).await,
        Ok("batches") => remembered(1_000, 64).await,
        _ => {
            println!("| {actors} actors, one event each | |\n|---|---|");
            measure("one each");
            println!(
                "\n| actors with {REMEMBERED} commits and more | a commit as the server counts it | the client's memory for each actor |\n|---|---|---|"
            );
            measure("single events");
            measure("batches");
        }
    }
}

/// In a process of its own, so that no part uses memory that another has given back.
fn measure(part: &str) {
    let mut process = Command::new(std::env::current_exe().unwrap());
    let measured = process.env(PART, part).status().unwrap();
    assert!(measured.success(), "{part}: {measured}");
}

async fn one_event_each(actors: usize) {
    let mut server = Server::start().await;
    let config = JetStreamConfig::new("orders").cache_actors(actors);
    let store = JetStreamStore::connect(&server.url, config).await.unwrap();
    let client = jetstream::new(store.client().clone());
    let stream = client.get_stream(store.events_stream()).await.unwrap();

    let (server_idle, client_idle) = (server.memory(), memory(std::process::id()));
    let started = Instant::now();
    futures_util::stream::iter(0..actors)
        .for_each_concurrent(IN_FLIGHT, |n| {
            let store = &store;
            async move { drop(store.save_event(event(n, 1)).await.unwrap()) }
        })
        .await;
    let took = started.elapsed();

    let state = stream.get_info().await.unwrap().state;
    assert_eq!(state.messages, actors as u64);
    let subject = store.events_subject(&actor(0));
    let message = stream
        .get_last_raw_message_by_subject(&subject)
        .await
        .unwrap();
    let (server_full, client_full) = (server.memory(), memory(std::process::id()));
    server.stop();
    let disk = bytes_below(&server.store);
    let restarted = Instant::now();
    server.launch();
    server.ready().await;
    let ready = restarted.elapsed();
    let server_restarted = server.memory();

    let per_actor = |bytes: u64| format!("{:.0} bytes", bytes as f64 / actors as f64);
    let grown = |from: Option<u64>, to: Option<u64>| match (from, to) {
        (Some(from), Some(to)) => format!(
            "{} before, {} after: {} for each actor",
            megabytes(from),
            megabytes(to),
            per_actor(to.saturating_sub(from))
        ),
        _ => "not known here".to_owned(),
    };
    println!("| subject of an actor | {} bytes |", subject.len());
    println!("| body of a commit | {} bytes |", message.payload.len());
    println!(
        "| a commit as the server counts it | {} |",
        per_actor(state.bytes)
    );
    println!(
        "| the server's files, for each event | {} |",
        per_actor(disk)
    );
    println!(
        "| the server's memory | {} |",
        grown(server_idle, server_full)
    );
    println!(
        "| … after a restart, which took {:.1} s | {} |",
        ready.as_secs_f64(),
        server_restarted.map_or("not known here".to_owned(), megabytes)
    );
    println!(
        "| the client's memory, all actors remembered | {} |",
        grown(client_idle, client_full)
    );
    println!(
        "| saved, {IN_FLIGHT} in flight | {:.0} s, {:.0} a second |",
        took.as_secs_f64(),
        actors as f64 / took.as_secs_f64()
    );
}

/// What these many actors take in a client once all is remembered that can be.
async fn remembered(actors: usize, events: u64) {
    let server = Server::start().await;
    let config = JetStreamConfig::new("orders").cache_actors(actors);
    let store = JetStreamStore::connect(&server.url, config).await.unwrap();
    let client = jetstream::new(store.client().clone());
    let stream = client.get_stream(store.events_stream()).await.unwrap();
    let before = memory(std::process::id());
    let mut bytes = [0; 2];
    for commit in 0..=REMEMBERED {
        futures_util::stream::iter(0..actors)
            .for_each_concurrent(IN_FLIGHT, |n| {
                let versions = commit * events + 1..=(commit + 1) * events;
                let commit: Vec<_> = versions.map(|version| event(n, version)).collect();
                let store = &store;
                async move { drop(store.save_events(commit).await.unwrap()) }
            })
            .await;
        bytes = [bytes[1], stream.get_info().await.unwrap().state.bytes];
    }
    let after = memory(std::process::id());
    let each = |bytes: u64| bytes as f64 / actors as f64;
    let grown = before
        .zip(after)
        .map_or("not known here".to_owned(), |(before, after)| {
            format!("{:.1} kB", each(after.saturating_sub(before)) / 1e3)
        });
    let commit = each(bytes[1] - bytes[0]);
    println!("| {actors}, of {events} events | {commit:.0} bytes | {grown} |");
}

/// A small event.
fn event(n: usize, version: u64) -> Event {
    let placed = Placed {
        article: "9780262033848",
        quantity: 3,
        price_cents: 8_450,
    };
    let draft = EventDraft::new(&actor(n), "OrderPlaced", &placed).unwrap();
    draft.at(Version::new(version).unwrap()).unwrap()
}

fn actor(n: usize) -> ActorId {
    ActorId::new(&format!("order-{n:012}")).unwrap()
}

fn megabytes(bytes: u64) -> String {
    format!("{:.0} MB", bytes as f64 / 1e6)
}

/// The resident memory of a process, in bytes.
fn memory(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1_024)
}

fn bytes_below(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap();
    let sizes = entries.map(|entry| {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => bytes_below(&entry.path()),
            false => entry.metadata().unwrap().len(),
        }
    });
    sizes.sum()
}

/// Ends with the measurement.
struct Server {
    executable: String,
    process: Option<Child>,
    store: PathBuf,
    port: u16,
    url: String,
    _files: TempDir,
}

impl Server {
    async fn start() -> Self {
        let executable = std::env::var("AETHER_NATS_SERVER")
            .expect("AETHER_NATS_SERVER is to name a nats-server executable");
        let files = TempDir::new().unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        let mut server = Self {
            executable,
            process: None,
            store: files.path().join("store"),
            port,
            url: format!("nats://127.0.0.1:{port}"),
            _files: files,
        };
        drop(free);
        server.launch();
        server.ready().await;
        server
    }

    fn launch(&mut self) {
        let process = Command::new(&self.executable)
            .args([
                "-js",
                "-a",
                "127.0.0.1",
                "-p",
                &self.port.to_string(),
                "-sd",
            ])
            .arg(&self.store)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.process = Some(process.unwrap());
    }

    async fn ready(&self) {
        let started = Instant::now();
        while !self.answers().await {
            assert!(
                started.elapsed() < Duration::from_secs(120),
                "it does not start"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn answers(&self) -> bool {
        let Ok(client) = async_nats::connect(&self.url).await else {
            return false;
        };
        jetstream::new(client).query_account().await.is_ok()
    }

    fn memory(&self) -> Option<u64> {
        memory(self.process.as_ref()?.id())
    }

    /// In order, so that all is in its files.
    fn stop(&mut self) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        let stopped = Command::new("kill").arg(process.id().to_string()).status();
        assert!(stopped.unwrap().success());
        process.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            process.kill().ok();
            process.wait().ok();
        }
    }
}
