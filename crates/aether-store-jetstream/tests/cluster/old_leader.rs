//! What an old leader answers that was paused and does not know yet that another leads.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aether_core::{
    ActorId, Commit, Event, EventStore as _, EventStoreExt as _, ExpectedVersion, StoreError,
    Version,
};
use aether_store_jetstream::{JetStreamConfig, JetStreamStore, async_nats};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use crate::heard::Heard;
use crate::support::books::messages;
use crate::support::cluster::Cluster;
use crate::support::proxy::{Action, Proxy};
use crate::support::{actor, event, eventually};

const ACTORS: u32 = 12;
const CONNECTIONS: usize = 24;
/// How often the old leader gets each publish, so that it is still busy with them when it hears
/// of the new one.
const COPIES: u32 = 100;
/// How long it gets what is sent, after it goes on.
const DIVERTED: Duration = Duration::from_millis(200);

/// A connection to this server that sends what it is given, whether the server reads it or not.
async fn sender_to(server: &str) -> UnboundedSender<Vec<u8>> {
    const CONNECT: &[u8] = b"CONNECT {\"verbose\":false,\"headers\":true}\r\nPING\r\n";
    let socket = TcpStream::connect(server.trim_start_matches("nats://"));
    let (reader, mut writer) = socket.await.unwrap().into_split();
    let mut lines = BufReader::new(reader).lines();
    writer.write_all(CONNECT).await.unwrap();
    while lines.next_line().await.unwrap().unwrap() != "PONG" {}
    let (frames, mut given) = unbounded_channel::<Vec<u8>>();
    tokio::spawn(async move {
        loop {
            let frame = tokio::select! {
                line = lines.next_line() => match line {
                    Ok(Some(line)) if line == "PING" => b"PONG\r\n".to_vec(),
                    Ok(Some(_)) => continue,
                    _ => return,
                },
                frame = given.recv() => match frame {
                    Some(frame) => frame,
                    None => return,
                },
            };
            if writer.write_all(&frame).await.is_err() {
                return;
            }
        }
    });
    frames
}

fn config(stream: &str) -> JetStreamConfig {
    JetStreamConfig::new(stream)
        .replicas(3)
        .request_timeout(Duration::from_secs(1))
        .deadline(Duration::from_secs(30))
}

/// An old leader that is paused, and a store whose requests can be brought to it.
struct Paused {
    /// Which of the servers it is.
    old: usize,
    proxy: Proxy,
    store: JetStreamStore,
    heard: Arc<Mutex<Heard>>,
    /// Several connections: one of them is likely read before the old leader hears of the new.
    to_old_leader: Vec<UnboundedSender<Vec<u8>>>,
    ids: Vec<ActorId>,
    /// Versions 1 and 2 of each actor; the old leader does not know the second.
    stored: Vec<Event>,
    diverts: Arc<AtomicBool>,
    diverted: Arc<AtomicUsize>,
}

impl Paused {
    async fn new(cluster: &Cluster, direct: &JetStreamStore, round: u32) -> Self {
        let stream = direct.events_stream();
        // One that leads all, too: others answer nothing before they have found their new leader.
        let old = cluster.meta_leader().await;
        cluster.let_lead(stream, old).await;
        let mut to_old_leader = Vec::new();
        for _ in 0..CONNECTIONS {
            to_old_leader.push(sender_to(cluster.servers[old].url()).await);
        }
        // A client of another server.
        let proxy = Proxy::before(cluster.servers[(old + 1) % 3].url()).await;
        let heard = Arc::new(Mutex::new(Heard::default()));
        let hearing = heard.clone();
        proxy.listen(move |frame| hearing.lock().unwrap().listen(frame));
        let options = async_nats::ConnectOptions::new().ignore_discovered_servers();
        let client = options.connect(&proxy.url).await.unwrap();
        let store = JetStreamStore::with_client(client, config(stream))
            .await
            .unwrap();
        let mut paused = Self {
            old,
            proxy,
            store,
            heard,
            to_old_leader,
            ids: (0..ACTORS)
                .map(|n| actor(&format!("order-{round}-{n}")))
                .collect(),
            stored: Vec::new(),
            diverts: Arc::new(AtomicBool::new(false)),
            diverted: Arc::new(AtomicUsize::new(0)),
        };
        paused.save_all(1).await;
        cluster.servers[old].pause();
        cluster.other_leader_of(stream, old).await;
        cluster.meta_leader().await;
        paused.save_all(2).await;
        paused
    }

    async fn save_all(&mut self, version: u32) {
        for id in &self.ids {
            let event = event(id, version);
            let appended = self.store.save_event(event.clone()).await.unwrap();
            let (subject, sequence) = (
                self.store.events_subject(id),
                appended.position().sequence(),
            );
            self.heard.lock().unwrap().last.insert(subject, sequence);
            self.stored.push(event);
        }
    }

    /// From now on the old leader gets the commits, so many times each; and all that is asked for,
    /// if so.
    fn divert(&self, copies: u32, reads_too: bool) {
        let (diverted, diverts) = (self.diverted.clone(), self.diverts.clone());
        let (to_old_leader, heard) = (self.to_old_leader.clone(), self.heard.clone());
        diverts.store(true, Ordering::SeqCst);
        self.proxy.rule(move |published| {
            let divert = reads_too || published.is_commit();
            if !divert || !diverts.load(Ordering::SeqCst) {
                return Action::Pass;
            }
            let number = diverted.fetch_add(1, Ordering::SeqCst);
            let to_old_leader = &to_old_leader[number % CONNECTIONS];
            if published.asks_for_last() {
                let inbox = published.reply.clone();
                heard.lock().unwrap().asked_for_last.insert(inbox);
            }
            let copies = if published.is_commit() { copies } else { 1 };
            for _ in 0..copies {
                to_old_leader.send(published.to_frame()).unwrap();
            }
            Action::Lose
        });
    }

    /// Waits until so many requests wait for the old leader to go on.
    async fn waiting(&self, count: usize) {
        let waiting = async || self.diverted.load(Ordering::SeqCst) >= count;
        eventually("the requests wait for the old leader", waiting).await;
    }

    /// Reads an actor of which two versions have been saved.
    fn read(&self, id: &ActorId) -> JoinHandle<()> {
        let (store, id) = (self.store.clone(), id.clone());
        tokio::spawn(async move {
            let latest = store.latest_version(&id).await.unwrap();
            assert!(latest >= 2.into(), "2 was saved, {latest} is the latest");
            let read = store.get_events(&id, Version::ZERO).await.unwrap();
            assert!(read.len() >= 2, "2 was saved, {} were read", read.len());
        })
    }

    /// The next version of each actor, each in a task of its own.
    fn save_next(&self) -> Vec<JoinHandle<Result<Event, StoreError>>> {
        let save = |id| {
            let (store, event) = (self.store.clone(), event(id, 3));
            let commit = Commit::event(event.clone());
            let commit = commit.expecting(ExpectedVersion::Exactly(2.into()));
            tokio::spawn(async move { store.append(commit).await.map(|_| event) })
        };
        self.ids.iter().map(save).collect()
    }

    /// The old leader goes on; after a while it gets nothing more.
    async fn resume(&self, cluster: &Cluster) {
        cluster.servers[self.old].resume();
        tokio::time::sleep(DIVERTED).await;
        self.diverts.store(false, Ordering::SeqCst);
    }

    /// Each save ends in `Ok`, and is stored once.
    async fn check(mut self, saves: Vec<JoinHandle<Result<Event, StoreError>>>) {
        for save in saves {
            self.stored.push(save.await.unwrap().unwrap());
        }
        for id in &self.ids {
            let of_actor = |event: &&Event| event.actor_id() == id;
            let wanted: Vec<&Event> = self.stored.iter().filter(of_actor).collect();
            let latest = self.store.latest_version(id).await.unwrap();
            assert_eq!(latest, Version::from(3));
            let read = self.store.get_events(id, Version::ZERO).await.unwrap();
            assert_eq!(read.iter().collect::<Vec<_>>(), wanted);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_by_an_old_leader_for_what_the_new_one_stores_ends_in_ok() {
    const ROUNDS: u32 = 2;
    let cluster = Cluster::start().await;
    let direct = JetStreamStore::connect(&cluster.url(), config("refused"))
        .await
        .unwrap();
    let mut refused_and_stored = 0;
    for round in 0..ROUNDS {
        let paused = Paused::new(&cluster, &direct, round).await;
        paused.divert(COPIES, false);
        let saves = paused.save_next();
        paused.waiting(saves.len()).await;
        paused.resume(&cluster).await;
        let heard = paused.heard.clone();
        paused.check(saves).await;
        let heard = heard.lock().unwrap();
        println!("{heard}");
        refused_and_stored += heard.refused_and_stored;
    }
    assert!(
        refused_and_stored > 0,
        "nothing was refused and stored nevertheless"
    );
    assert_eq!(messages(&direct).await, u64::from(3 * ACTORS * ROUNDS));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_old_leader_takes_for_the_newest_never_becomes_an_answer() {
    /// It may hear of the new one before it answers.
    const ROUNDS_MAX: u32 = 8;
    let cluster = Cluster::start().await;
    let direct = JetStreamStore::connect(&cluster.url(), config("outdated"))
        .await
        .unwrap();
    let mut outdated = 0;
    for round in 0..ROUNDS_MAX {
        let paused = Paused::new(&cluster, &direct, round).await;
        paused.divert(1, true);
        let reads: Vec<_> = paused.ids.iter().map(|id| paused.read(id)).collect();
        paused.waiting(reads.len()).await;
        let saves = paused.save_next();
        paused.waiting(reads.len() + saves.len()).await;
        paused.resume(&cluster).await;
        for read in reads {
            read.await.unwrap();
        }
        let heard = paused.heard.clone();
        paused.check(saves).await;
        let commits = u64::from(3 * ACTORS * (round + 1));
        assert_eq!(messages(&direct).await, commits);
        let heard = heard.lock().unwrap();
        println!("{heard}");
        outdated += heard.outdated;
        if outdated > 0 {
            break;
        }
    }
    assert!(outdated > 0, "nothing outdated was read");
}
