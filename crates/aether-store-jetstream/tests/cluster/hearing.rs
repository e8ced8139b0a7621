//! What is heard while the stream's leader is paused or killed.

use aether_core::{EventDraft, EventFilter, EventStoreExt as _};
use aether_store_jetstream::{JetStreamConfig, JetStreamStore};

use crate::SECOND;
use crate::leader::Stores;
use crate::support::actor;
use crate::support::cluster::Cluster;
use crate::support::hearing::{By, Healed, all_passing};
use crate::support::load::{Load, Plan};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_heard_and_what_is_filled_are_everything_though_leaders_are_killed_and_paused() {
    let mut cluster = Cluster::start().await;
    let config = JetStreamConfig::new("heard-leaders")
        .replicas(3)
        .republish(true)
        .request_timeout(SECOND / 2)
        .deadline(30 * SECOND);
    let stores = Stores::connect(&cluster, &config).await;
    let stream = stores.stores[0].events_stream().to_owned();
    let (all, part) = (EventFilter::all(), EventFilter::all().category("load"));
    let (mut whole, mut parts) = (Vec::new(), Vec::new());
    for store in &stores.stores {
        whole.push(Healed::start(store, all.clone(), By::Checkpoint).await);
        parts.push(Healed::start(store, part.clone(), By::Gaps).await);
    }
    let mut load = Load::start(&stores.stores, &Plan::new(6));
    for round in 0..4 {
        load.goes_on(60).await;
        let leader = cluster.lose_leader(&stream, round).await;
        load.goes_on(60).await;
        cluster.bring_back(leader, round).await;
    }
    let books = load.stop().await;
    let fresh = JetStreamStore::connect(&cluster.url(), config)
        .await
        .unwrap();
    books.check(&fresh).await;
    // What nobody heard last shows at the next one, of a part at each actor's own.
    let ids = (0..12).map(|number| actor(&format!("load-{number}")));
    for id in ids {
        let draft = EventDraft::new(&id, "Last", &()).unwrap();
        fresh.append_next([draft]).await.unwrap();
    }
    let gaps = |healed: &[Healed]| healed.iter().map(Healed::gaps).sum::<usize>();
    println!("{books}; {} and {} gaps", gaps(&whole), gaps(&parts));
    // Each time that a server was killed its own listeners were cut off while others were written to.
    for healed in [&whole, &parts] {
        assert!(gaps(healed) >= 2, "{} gaps", gaps(healed));
    }
    assert!(all_passing(&fresh, all.clone()).await.len() > 400);
    for healed in whole {
        healed.has_all_of(&fresh, all.clone()).await;
    }
    for healed in parts {
        healed.has_each_actors_of(&fresh, part.clone()).await;
    }
}
