//! A cluster of a test's own.

use std::time::{Duration, Instant};

use aether_store_jetstream::async_nats::jetstream::{self, stream};
use aether_store_jetstream::async_nats::{self, Client};

use super::server::{Port, Server, Settings};

const SERVERS: usize = 3;
/// How long an election may take, or a start.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two questions.
const PAUSE: Duration = Duration::from_millis(20);
/// How long one question to the cluster may take.
const QUESTION: Duration = Duration::from_secs(1);

/// Three servers that replicate.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) servers: Vec<Server>,
}

impl Cluster {
    /// Waits until streams with three replicas can be made.
    pub(crate) async fn start() -> Self {
        let routes: Vec<Port> = (0..SERVERS).map(|_| Port::free()).collect();
        let route = |port: &Port| format!("nats://127.0.0.1:{}", port.number);
        let all: Vec<String> = routes.iter().map(route).collect();
        let servers = routes.into_iter().enumerate().map(|(index, port)| {
            let monitor = Port::free();
            let options = [
                ("--server_name", name(index)),
                ("--cluster_name", "aether".to_owned()),
                ("--cluster", route(&port)),
                ("--routes", all.join(",")),
                ("--http_port", monitor.number.to_string()),
            ];
            Server::new(Settings {
                port: Port::free(),
                route: Some(port),
                monitor: Some(monitor),
                options: options
                    .into_iter()
                    .flat_map(|(k, v)| [k.to_owned(), v])
                    .collect(),
                file_kib_max: None,
            })
        });
        let mut cluster = Self {
            servers: servers.collect(),
        };
        for server in &mut cluster.servers {
            server.launch();
        }
        for server in &cluster.servers {
            if let Err(log) = server.ready().await {
                panic!("a server of the cluster is not ready:\n{log}");
            }
        }
        cluster.takes_streams().await;
        cluster
    }

    /// The addresses of all, with commas between them.
    pub(crate) fn url(&self) -> String {
        let urls: Vec<&str> = self.servers.iter().map(Server::url).collect();
        urls.join(",")
    }

    /// Which of the servers leads this stream; waits until one does.
    ///
    /// Where a server was paused and goes on, it may be what that one believes.
    pub(crate) async fn leader_of(&self, stream: &str) -> usize {
        self.wait_for_leader(stream, |_| true).await
    }

    /// Which of the servers leads this stream; waits until it is another than `not`.
    pub(crate) async fn other_leader_of(&self, stream: &str, not: usize) -> usize {
        self.wait_for_leader(stream, |leader| leader != not).await
    }

    /// Which of the servers that run leads the cluster as a whole; waits until one does.
    pub(crate) async fn meta_leader(&self) -> usize {
        let started = Instant::now();
        loop {
            for server in self.servers.iter().filter(|server| server.is_running()) {
                let state = server.monitor("/jsz").await.unwrap_or_default();
                let leader = state["meta_cluster"]["leader"].as_str().unwrap_or_default();
                match (0..SERVERS).find(|index| name(*index) == leader) {
                    Some(index) if self.is_running(index) => return index,
                    _ => {}
                }
            }
            assert!(started.elapsed() < PATIENCE, "nobody leads the cluster");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Makes this server the stream's leader.
    pub(crate) async fn let_lead(&self, stream: &str, wanted: usize) {
        let started = Instant::now();
        while self.leader_of(stream).await != wanted {
            let client = self.client_of(wanted).await.unwrap();
            let step_down = format!("$JS.API.STREAM.LEADER.STEPDOWN.{stream}");
            let preferred = format!(r#"{{"placement":{{"preferred":"{}"}}}}"#, name(wanted));
            let answer = client.request(step_down, preferred.into());
            tokio::time::timeout(QUESTION, answer).await.ok();
            assert!(
                started.elapsed() < PATIENCE,
                "server {wanted} does not lead"
            );
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Kills the stream's leader in each other round, else pauses it, until another leads; which it
    /// was.
    pub(crate) async fn lose_leader(&mut self, stream: &str, round: u32) -> usize {
        let leader = self.leader_of(stream).await;
        match round % 2 {
            0 => self.servers[leader].kill(),
            _ => self.servers[leader].pause(),
        }
        self.other_leader_of(stream, leader).await;
        leader
    }

    /// Brings back who was lost in this round.
    pub(crate) async fn bring_back(&mut self, server: usize, round: u32) {
        match round % 2 {
            0 => self.servers[server].restart().await,
            _ => self.servers[server].resume(),
        }
    }

    /// Whether this server is there and not paused.
    pub(crate) fn is_running(&self, index: usize) -> bool {
        self.servers[index].is_running()
    }

    async fn wait_for_leader(&self, stream: &str, wanted: impl Fn(usize) -> bool) -> usize {
        let started = Instant::now();
        loop {
            // Each server that runs is asked: what one says may come from an old leader.
            for index in (0..SERVERS).filter(|index| self.is_running(*index)) {
                match self.leader_as_said_by(index, stream).await {
                    Some(leader) if wanted(leader) => return leader,
                    _ => {}
                }
            }
            assert!(started.elapsed() < PATIENCE, "{stream:?} has no leader");
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn leader_as_said_by(&self, index: usize, stream: &str) -> Option<usize> {
        let client = self.client_of(index).await?;
        let question = format!("$JS.API.STREAM.INFO.{stream}");
        let answer = client.request(question, "".into());
        let answer = tokio::time::timeout(QUESTION, answer).await.ok()?.ok()?;
        let info: stream::Info = serde_json::from_slice(&answer.payload).ok()?;
        let leader = info.cluster?.leader?;
        (0..SERVERS).find(|index| name(*index) == leader)
    }

    /// A connection to this server and to no other.
    async fn client_of(&self, index: usize) -> Option<Client> {
        let options = async_nats::ConnectOptions::new()
            .connection_timeout(QUESTION)
            .ignore_discovered_servers();
        options.connect(self.servers[index].url()).await.ok()
    }

    /// Waits until there is a leader for everything and all servers are known to it.
    async fn takes_streams(&self) {
        let started = Instant::now();
        loop {
            if let Some(client) = self.client_of(0).await {
                let mut jetstream = jetstream::new(client);
                jetstream.set_timeout(5 * QUESTION);
                let config = stream::Config {
                    name: "probe".to_owned(),
                    num_replicas: SERVERS,
                    ..stream::Config::default()
                };
                let error = match jetstream.create_stream(config).await {
                    Ok(_) if jetstream.delete_stream("probe").await.is_ok() => return,
                    Ok(_) => None,
                    Err(error) => Some(error),
                };
                assert!(
                    started.elapsed() < PATIENCE,
                    "the cluster takes no streams: {error:?}"
                );
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn name(index: usize) -> String {
    format!("n{index}")
}
