//! A process that saves and reads: one connection, one store, several tasks and feeds.

use std::io::BufRead as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aether_store_jetstream::async_nats::ConnectOptions;
use aether_store_jetstream::{JetStreamConfig, JetStreamStore};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::feeds::lines::FeedLine;
use crate::feeds::reader::{Ends, Reader, plans};
use crate::interruptions;
use crate::load::Task;
use crate::log::{Line, Log};
use crate::memory::Memory;
use crate::rng::Rng;

/// How long a worker may need to connect while servers are down.
const PATIENCE: Duration = Duration::from_secs(90);
/// What it says when its tasks have ended.
pub(crate) const SETTLED: &str = "settled";
/// How long the consumers of its feeds have to be removed before it ends.
const REMOVAL: Duration = Duration::from_secs(2);

/// What a worker is told when it is started.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Orders {
    /// Its name, another for each process.
    pub(crate) process: String,
    pub(crate) seed: u64,
    pub(crate) tasks: u64,
    pub(crate) servers: Vec<String>,
    pub(crate) stream: String,
    pub(crate) deadline: Duration,
    pub(crate) log: PathBuf,
    /// A folder for what is kept from one process to the next.
    pub(crate) kept: PathBuf,
}

/// Works until it is told `settle`, makes sure of what it does not know, and says so. Its feeds go
/// on until it is told `finish` and where they end. It ends at once where its input does, so that
/// it does not outlive who started it.
pub(crate) async fn run(orders: Orders) {
    let (stop, stopped) = watch::channel(false);
    let (finish, finished) = watch::channel::<Option<Ends>>(None);
    std::thread::spawn(move || {
        let mut line = String::new();
        while std::io::stdin().lock().read_line(&mut line).unwrap_or(0) > 0 {
            match line.strip_prefix("finish ") {
                Some(ends) => finish.send_replace(Some(serde_json::from_str(ends).unwrap())),
                None => {
                    stop.send_replace(true);
                    None
                }
            };
            line.clear();
        }
        std::process::abort();
    });
    let log = Arc::new(Log::create(&orders.log));
    interruptions::watch(log.clone());
    let store = connect(&orders).await;
    let memory = Arc::new(Memory::default());
    let mut feeds = JoinSet::new();
    for plan in plans() {
        let rng = Rng::named(orders.seed, &format!("{}/{}", orders.process, plan.name));
        let reader = Reader::new(plan, rng, &orders.kept, store.clone(), log.clone());
        feeds.spawn(reader.run(finished.clone()));
    }
    let mut tasks = JoinSet::new();
    for number in 0..orders.tasks {
        let task = Task::new(&orders, number, store.clone(), log.clone(), memory.clone());
        tasks.spawn(task.run(stopped.clone()));
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    println!("{SETTLED}");
    let count = feeds.len() as u64;
    while let Some(ended) = feeds.join_next().await {
        ended.unwrap();
    }
    log.write(&Line::Feed(FeedLine::Finished { feeds: count }));
    tokio::time::sleep(REMOVAL).await;
}

async fn connect(orders: &Orders) -> JetStreamStore {
    let started = Instant::now();
    loop {
        // Only the proxies: what the servers say of each other would lead past them.
        let options = ConnectOptions::new()
            .ignore_discovered_servers()
            .connection_timeout(Duration::from_secs(1))
            .reconnect_delay_callback(|_| Duration::from_millis(50));
        let config = JetStreamConfig::new(&orders.stream)
            .replicas(3)
            .request_timeout(Duration::from_secs(1).min(orders.deadline / 2))
            .deadline(orders.deadline);
        let error = match options.connect(orders.servers.clone()).await {
            Ok(client) => match JetStreamStore::with_client(client, config).await {
                Ok(store) => return store,
                Err(error) => error.to_string(),
            },
            Err(error) => error.to_string(),
        };
        assert!(started.elapsed() < PATIENCE, "can't connect: {error}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
