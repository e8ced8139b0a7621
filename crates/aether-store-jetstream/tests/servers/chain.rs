//! A lost tail that was written anew, which only the chain of the commits can show.

use aether_core::{EventStoreExt as _, StoreErrorKind as Kind, Version};
use aether_store_jetstream::JetStreamStore;

use crate::lost::{SAVED, with_a_lost_tail};
use crate::patient_config;
use crate::support::{actor, event};

#[tokio::test]
async fn what_follows_a_history_that_was_rewritten_at_the_same_places_shows_as_a_broken_chain() {
    let id = actor("order-1");
    let (server, warm) = with_a_lost_tail(&id).await;
    // Another takes up the history where the server has it, and writes at the same sequences.
    let other = JetStreamStore::connect(server.url(), patient_config("lost"))
        .await
        .unwrap();
    let kept = other.get_events(&id, Version::ZERO).await.unwrap().len();
    for version in u32::try_from(kept).unwrap() + 1..=SAVED {
        other.save_event(event(&id, version)).await.unwrap();
    }
    assert!(other.verify(&id).await.unwrap().is_intact());
    // The server can't tell the difference: the sequence is what the store expects.
    let appended = warm.save_event(event(&id, SAVED + 1)).await.unwrap();
    let fresh = JetStreamStore::connect(server.url(), patient_config("lost"))
        .await
        .unwrap();
    for store in [&fresh, &other, &warm] {
        let report = store.verify(&id).await.unwrap();
        assert!(!report.is_intact());
        let at: Vec<u64> = report
            .faults
            .iter()
            .map(|fault| fault.position.sequence())
            .collect();
        assert_eq!(at, [appended.position().sequence()]);
        let error = store.get_events(&id, Version::ZERO).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Malformed, "{error}");
    }
}
