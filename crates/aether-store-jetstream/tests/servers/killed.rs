//! A server that is killed and comes back.

use std::sync::atomic::Ordering;
use std::time::Duration;

use aether_store_jetstream::{JetStreamConfig, JetStreamStore};

use crate::support::eventually;
use crate::support::load::{Load, Plan};
use crate::support::proxy::Proxy;
use crate::support::server::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_in_the_middle_of_a_load_has_kept_every_acknowledged_event_once() {
    let mut server = Server::start().await;
    let config = JetStreamConfig::new("killed")
        .request_timeout(Duration::from_millis(500))
        .deadline(Duration::from_millis(800));
    let mut stores = Vec::new();
    let proxy = Proxy::before(server.url()).await;
    for url in [server.url(), server.url(), &proxy.url] {
        let store = JetStreamStore::connect(url, config.clone());
        stores.push(store.await.unwrap());
    }
    let mut load = Load::start(&stores, &Plan::new(1));
    for _ in 0..3 {
        load.goes_on(300).await;
        // Something is stored, and its writer does not know it yet.
        proxy.faults.hold_acks.store(1, Ordering::SeqCst);
        let held = async || proxy.held_acks() > 0;
        eventually("an acknowledgement is held", held).await;
        server.kill();
        proxy.forget_acks();
        // Longer than a save's deadline, so that saves end without an answer.
        tokio::time::sleep(Duration::from_secs(1)).await;
        server.restart().await;
    }
    load.goes_on(300).await;
    let books = load.stop().await;
    println!("{books}");
    assert!(books.conflicts > 0, "nobody raced");
    assert!(books.indeterminate > 0, "no save was cut off");
    assert!(books.repeated > 0, "nothing was stored without an answer");
    let fresh = JetStreamStore::connect(server.url(), config).await.unwrap();
    books.check(&fresh).await;
}
