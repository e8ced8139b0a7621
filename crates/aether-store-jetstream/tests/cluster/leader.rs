//! The stream's leader paused or killed while saves go on.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aether_store_jetstream::{JetStreamConfig, JetStreamStore, async_nats};

use crate::heard::Heard;
use crate::support::cluster::Cluster;
use crate::support::load::{Load, Plan};
use crate::support::proxy::Proxy;

/// Longer than an election takes, so that each save finds its answer.
const DEADLINE: Duration = Duration::from_secs(30);

/// A store on each server and on no other, each with a proxy before it that listens.
pub(crate) struct Stores {
    pub(crate) stores: Vec<JetStreamStore>,
    heard: Arc<Mutex<Heard>>,
    _proxies: Vec<Proxy>,
}

impl Stores {
    pub(crate) async fn connect(cluster: &Cluster, config: &JetStreamConfig) -> Self {
        let heard = Arc::new(Mutex::new(Heard::default()));
        let (mut stores, mut proxies) = (Vec::new(), Vec::new());
        for server in &cluster.servers {
            let proxy = Proxy::before(server.url()).await;
            let hearing = heard.clone();
            proxy.listen(move |frame| hearing.lock().unwrap().listen(frame));
            let options = async_nats::ConnectOptions::new().ignore_discovered_servers();
            let client = options.connect(&proxy.url).await.unwrap();
            let store = JetStreamStore::with_client(client, config.clone()).await;
            stores.push(store.unwrap());
            proxies.push(proxy);
        }
        Self {
            stores,
            heard,
            _proxies: proxies,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_paused_and_resumed_while_saves_go_on_leaves_every_save_with_its_true_answer() {
    let cluster = Cluster::start().await;
    let config = JetStreamConfig::new("paused")
        .replicas(3)
        .request_timeout(Duration::from_millis(500))
        .deadline(DEADLINE);
    let stores = Stores::connect(&cluster, &config).await;
    let stream = stores.stores[0].events_stream().to_owned();
    let mut load = Load::start(&stores.stores, &Plan::new(3));
    for _ in 0..2 {
        load.goes_on(100).await;
        let leader = cluster.leader_of(&stream).await;
        cluster.servers[leader].pause();
        cluster.other_leader_of(&stream, leader).await;
        // The others go on, the requests of those who are connected to the old one queue up.
        load.goes_on(100).await;
        cluster.servers[leader].resume();
        load.goes_on(100).await;
    }
    let books = load.stop().await;
    let fresh = JetStreamStore::connect(&cluster.url(), config)
        .await
        .unwrap();
    books.check(&fresh).await;
    println!("{books}; {}", stores.heard.lock().unwrap());
    assert_eq!(
        books.indeterminate + books.unavailable,
        0,
        "a save without an answer"
    );
    assert!(books.conflicts > 0, "nobody raced");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_killed_under_load_and_restarted_has_kept_every_acknowledged_event_once() {
    let mut cluster = Cluster::start().await;
    let config = JetStreamConfig::new("killed")
        .replicas(3)
        .request_timeout(Duration::from_millis(500))
        .deadline(Duration::from_secs(2));
    let stores = Stores::connect(&cluster, &config).await;
    let stream = stores.stores[0].events_stream().to_owned();
    let mut load = Load::start(&stores.stores, &Plan::new(4));
    for _ in 0..2 {
        load.goes_on(100).await;
        let leader = cluster.leader_of(&stream).await;
        cluster.servers[leader].kill();
        cluster.other_leader_of(&stream, leader).await;
        load.goes_on(100).await;
        cluster.servers[leader].restart().await;
        load.goes_on(100).await;
    }
    let books = load.stop().await;
    println!("{books}; {}", stores.heard.lock().unwrap());
    assert!(books.conflicts > 0, "nobody raced");
    let cut_off = books.indeterminate + books.unavailable;
    assert!(cut_off > 0, "no save was cut off");
    let fresh = JetStreamStore::connect(&cluster.url(), config)
        .await
        .unwrap();
    books.check(&fresh).await;
}
