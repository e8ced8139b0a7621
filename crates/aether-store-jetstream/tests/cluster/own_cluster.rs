//! The clusters of these tests are what the tests take them for.

use aether_store_jetstream::async_nats;
use aether_store_jetstream::async_nats::jetstream::{self, stream};

use crate::support::cluster::Cluster;

#[tokio::test]
async fn another_leads_a_stream_when_its_leader_is_paused_or_killed() {
    let mut cluster = Cluster::start().await;
    let client = async_nats::connect(cluster.servers[0].url()).await.unwrap();
    let config = stream::Config {
        name: "led".to_owned(),
        num_replicas: 3,
        ..stream::Config::default()
    };
    jetstream::new(client).create_stream(config).await.unwrap();
    let first = cluster.leader_of("led").await;
    cluster.servers[first].pause();
    assert!(!cluster.is_running(first));
    let second = cluster.other_leader_of("led", first).await;
    assert_ne!(first, second);
    cluster.servers[first].resume();
    cluster.servers[second].kill();
    assert!(!cluster.is_running(second));
    assert_ne!(cluster.other_leader_of("led", second).await, second);
    cluster.servers[second].restart().await;
    assert!(cluster.is_running(second));
}
