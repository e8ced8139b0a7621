//! A process that writes: one connection, one store, several tasks.

use std::io::BufRead as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aether_store_jetstream::async_nats::ConnectOptions;
use aether_store_jetstream::{JetStreamConfig, JetStreamStore};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::load::Task;
use crate::log::Log;
use crate::memory::Memory;

/// How long a worker may need to connect while servers are down.
const PATIENCE: Duration = Duration::from_secs(90);

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
}

/// Works until it is told `settle`, makes sure of what it does not know, and ends. It ends at
/// once where its input does, so that it does not outlive who started it.
pub(crate) async fn run(orders: Orders) {
    let (stop, stopped) = watch::channel(false);
    std::thread::spawn(move || {
        let mut line = String::new();
        while std::io::stdin().lock().read_line(&mut line).unwrap_or(0) > 0 {
            stop.send_replace(true);
        }
        std::process::abort();
    });
    let log = Arc::new(Log::create(&orders.log));
    let store = connect(&orders).await;
    let memory = Arc::new(Memory::default());
    let mut tasks = JoinSet::new();
    for number in 0..orders.tasks {
        let task = Task::new(&orders, number, store.clone(), log.clone(), memory.clone());
        tasks.spawn(task.run(stopped.clone()));
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
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
