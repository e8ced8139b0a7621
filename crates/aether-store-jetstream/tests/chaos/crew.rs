//! The worker processes, each behind proxies of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::checker::ProcessLog;
use crate::feeds::reader::Ends;
use crate::log;
use crate::rng::Rng;
use crate::support::cluster::Cluster;
use crate::support::proxy::Proxy;
use crate::worker::{Orders, SETTLED};

/// How long saves go on being tried, other in each worker: some give up while the servers elect
/// a leader, some don't.
const DEADLINES: [Duration; 3] = [
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(10),
];
const TASKS: u64 = 8;
/// How long the workers may take to make sure of what they don't know.
const SETTLING: Duration = Duration::from_secs(180);
/// How long they may take to read their feeds to the end.
const FINISHING: Duration = Duration::from_secs(240);

#[derive(Debug)]
pub(crate) struct Crew {
    pub(crate) workers: Vec<Worker>,
}

/// One worker after the other under a number.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) proxies: Vec<Proxy>,
    number: usize,
    /// What the next process is told.
    orders: Orders,
    files: PathBuf,
    logs: Vec<(String, PathBuf)>,
    child: Option<Child>,
    /// Whether this process has said that its tasks have ended.
    is_settled: Arc<AtomicBool>,
}

impl Crew {
    pub(crate) async fn start(cluster: &Cluster, stream: &str, seed: u64, files: &Path) -> Self {
        let mut workers = Vec::new();
        for (number, deadline) in DEADLINES.into_iter().enumerate() {
            let mut proxies = Vec::new();
            for server in &cluster.servers {
                proxies.push(Proxy::before(server.url()).await);
            }
            let mut servers: Vec<String> = proxies.iter().map(|proxy| proxy.url.clone()).collect();
            servers.rotate_left(number);
            let mut worker = Worker {
                proxies,
                number,
                orders: Orders {
                    process: String::new(),
                    seed: Rng::named(seed, "load").next(),
                    tasks: TASKS,
                    servers,
                    stream: stream.to_owned(),
                    deadline,
                    log: PathBuf::new(),
                    kept: files.join(format!("w{number}")),
                },
                files: files.to_owned(),
                logs: Vec::new(),
                child: None,
                is_settled: Arc::default(),
            };
            std::fs::create_dir(&worker.orders.kept).unwrap();
            worker.start();
            workers.push(worker);
        }
        Self { workers }
    }

    /// Tells all to settle and waits until their tasks have ended. Their feeds go on.
    pub(crate) async fn settle(&mut self) {
        let has_settled = |worker: &mut Worker| {
            let ended = worker.child.as_mut().unwrap().try_wait().unwrap();
            assert_eq!(ended, None, "worker {} ended", worker.number);
            worker.is_settled.load(Ordering::SeqCst)
        };
        self.tell("settle");
        self.wait("settle", SETTLING, has_settled).await;
    }

    /// Tells all where their feeds end, and waits until they have ended.
    pub(crate) async fn finish(&mut self, ends: &Ends) {
        let has_ended = |worker: &mut Worker| {
            let ended = worker.child.as_mut().unwrap().try_wait().unwrap();
            assert!(
                ended.is_none_or(|status| status.success()),
                "worker {}: {ended:?}",
                worker.number
            );
            ended.is_some()
        };
        let ends = serde_json::to_string(ends).unwrap();
        self.tell(&format!("finish {ends}"));
        self.wait("end", FINISHING, has_ended).await;
    }

    fn tell(&mut self, what: &str) {
        for worker in &mut self.workers {
            let input = worker.child.as_mut().and_then(|child| child.stdin.as_mut());
            // One that has failed is found when it is waited for.
            writeln!(input.unwrap(), "{what}").ok();
        }
    }

    /// Waits until this is so of all of them.
    async fn wait(&mut self, what: &str, long: Duration, is_so: impl Fn(&mut Worker) -> bool) {
        let started = Instant::now();
        for worker in &mut self.workers {
            while !is_so(worker) {
                if started.elapsed() >= long {
                    let (process, log) = worker.logs.last().unwrap();
                    let lines = log::read(log);
                    let (open, last) = (log::open(&lines), lines.last());
                    let child = worker.child.as_ref().unwrap();
                    let before = threads(child.id());
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    let after = threads(child.id());
                    panic!(
                        "worker {process} does not {what}; it has {open:#?} and, last of all, \
                         {last:#?}; its threads, a second apart: {before:#?} {after:#?}"
                    );
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// How many acknowledgements really were lost on their way.
    pub(crate) fn lost_acknowledgements(&self) -> usize {
        let proxies = self.workers.iter().flat_map(|worker| &worker.proxies);
        let lost = proxies.map(|proxy| proxy.faults.lost_acks.load(Ordering::SeqCst));
        lost.sum()
    }

    /// What all of them wrote down, also those that were killed.
    pub(crate) fn logs(&self) -> Vec<ProcessLog> {
        let logs = self.workers.iter().flat_map(|worker| &worker.logs);
        logs.map(|(process, path)| ProcessLog {
            process: process.clone(),
            lines: log::read(path),
        })
        .collect()
    }
}

impl Worker {
    /// Starts a process, without waiting.
    pub(crate) fn start(&mut self) {
        let process = format!("w{}x{}", self.number, self.logs.len());
        let log = self.files.join(format!("{process}.log"));
        self.logs.push((process.clone(), log.clone()));
        self.orders.process = process;
        self.orders.log = log;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("--worker")
            .arg(serde_json::to_string(&self.orders).unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        let is_settled = Arc::new(AtomicBool::new(false));
        self.is_settled = is_settled.clone();
        // It ends with the process.
        std::thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                if line == SETTLED {
                    is_settled.store(true, Ordering::SeqCst);
                }
            }
        });
        self.child = Some(child);
    }

    /// SIGKILL; it is gone when this returns.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The threads of a process: names, states, and ticks of the processor so far; where the system
/// says so.
fn threads(process: u32) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task"));
    let tasks = tasks.into_iter().flatten().flatten();
    let told = tasks.filter_map(|task| {
        let stat = std::fs::read_to_string(task.path().join("stat")).ok()?;
        let waits = std::fs::read_to_string(task.path().join("wchan")).unwrap_or_default();
        let (name, rest) = stat.split_once('(')?.1.split_once(") ")?;
        let fields: Vec<&str> = rest.split(' ').collect();
        let (state, user, system) = (fields.first()?, fields.get(11)?, fields.get(12)?);
        Some(format!(
            "{name}: {state} in {waits}, {user} + {system} ticks"
        ))
    });
    told.collect()
}
