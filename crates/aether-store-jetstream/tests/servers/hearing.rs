//! What is heard of a server that comes back without its newest messages.

use aether_core::{EventFilter, EventStoreExt as _, StoreError};
use aether_store_jetstream::JetStreamStore;

use crate::files::Copy;
use crate::patient_config;
use crate::support::hearing::{end_of, events, listening};
use crate::support::server::Server;
use crate::support::{actor, event};

/// How many the server has kept.
const KEPT: u64 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_tail_ends_a_subscription_that_has_heard_it_or_has_begun_behind_it() {
    // How many were heard of those that are lost, how many take their places, and what is said.
    let rows = [
        (3, 0, "its last message is 3, and 6"),
        (0, 0, "its last message is 3, and 6"),
        (3, 2, "its last message is 5, and 6"),
        (3, 6, "another message is in the place"),
        (0, 6, "another message is in the place"),
    ];
    for (heard, written, said) in rows {
        for filter in [EventFilter::all(), EventFilter::all().category("order")] {
            let mut server = Server::start().await;
            let config = patient_config("lost-heard").republish(true);
            let connect = async || JetStreamStore::connect(server.url(), config.clone()).await;
            let store = connect().await.unwrap();
            let id = actor("order-1");
            for version in 1..=3 {
                store.save_event(event(&id, version)).await.unwrap();
            }
            server.stop();
            let copy = Copy::of(&server);
            server.restart().await;
            for version in 4..=6 - heard {
                store.save_event(event(&id, version)).await.unwrap();
            }
            let (mut subscription, _) = listening(&store, filter).await;
            for version in 7 - heard..=6 {
                store.save_event(event(&id, version)).await.unwrap();
            }
            events(&mut subscription, heard as usize).await;
            server.stop();
            copy.restore(&server);
            server.restart().await;
            // By somebody else, before this client has connected again.
            let others = JetStreamStore::connect(server.url(), config).await.unwrap();
            for version in 1..=written {
                let other = event(&actor("order-2"), version);
                others.save_event(other).await.unwrap();
            }
            let StoreError::PositionLost { position, reason } = end_of(&mut subscription).await
            else {
                panic!("another error");
            };
            assert!(reason.contains(said), "{heard} {written}: {reason}");
            assert_eq!(position.sequence(), KEPT + 3);
        }
    }
}
