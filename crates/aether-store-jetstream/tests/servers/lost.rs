//! A server that comes back without its newest messages.

use aether_core::{ActorId, EventStore as _, EventStoreExt as _, StoreErrorKind as Kind, Version};
use aether_store_jetstream::JetStreamStore;

use crate::files::Copy;
use crate::patient_config;
use crate::support::books::messages;
use crate::support::server::Server;
use crate::support::{actor, event, eventually};

/// How many versions the server has kept, and how many there were.
const KEPT: u32 = 3;
pub(crate) const SAVED: u32 = 5;

/// A server that has lost the newest messages of an actor, and a store that has saved them.
pub(crate) async fn with_a_lost_tail(id: &ActorId) -> (Server, JetStreamStore) {
    let mut server = Server::start().await;
    let warm = JetStreamStore::connect(server.url(), patient_config("lost"))
        .await
        .unwrap();
    for version in 1..=KEPT {
        warm.save_event(event(id, version)).await.unwrap();
    }
    server.stop();
    let copy = Copy::of(&server);
    server.restart().await;
    for version in KEPT + 1..=SAVED {
        warm.save_event(event(id, version)).await.unwrap();
    }
    server.stop();
    copy.restore(&server);
    server.restart().await;
    let connected = async || warm.latest_version(&actor("nobody")).await.is_ok();
    eventually("the store is connected again", connected).await;
    (server, warm)
}

#[tokio::test]
async fn a_lost_tail_whose_sequences_others_have_used_again_is_a_history_that_went_backwards() {
    let id = actor("order-1");
    let (server, warm) = with_a_lost_tail(&id).await;
    let others = JetStreamStore::connect(server.url(), patient_config("lost"))
        .await
        .unwrap();
    for number in 0..SAVED {
        let other = actor(&format!("other-{number}"));
        others.save_event(event(&other, 1)).await.unwrap();
    }
    let stored = messages(&others).await;
    for version in [SAVED + 1, SAVED + 2] {
        let error = warm.save_event(event(&id, version)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::HistoryRegressed, "{error}");
        assert!(!error.is_retryable());
    }
    let errors = [
        warm.latest_version(&id)
            .await
            .expect_err("less than was saved"),
        warm.get_events(&id, Version::ZERO)
            .await
            .expect_err("less than was saved"),
    ];
    for error in errors {
        let kinds = [Kind::HistoryRegressed, Kind::Unavailable];
        assert!(kinds.contains(&error.kind()), "{error}");
    }
    assert_eq!(messages(&others).await, stored);
    // Nothing is wrong with the others.
    warm.save_event(event(&actor("other-1"), 2)).await.unwrap();
}

#[tokio::test]
async fn a_lost_tail_whose_sequences_are_not_used_yet_proves_nothing_and_nothing_is_stored() {
    let id = actor("order-1");
    let (_server, warm) = with_a_lost_tail(&id).await;
    // It looks as an old leader does that has not heard of the newest messages.
    let error = warm
        .latest_version(&id)
        .await
        .expect_err("less than was saved");
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
    let error = warm.save_event(event(&id, SAVED + 1)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Indeterminate, "{error}");
    assert_eq!(messages(&warm).await, u64::from(KEPT));
}
