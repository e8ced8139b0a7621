//! A server whose disk takes no more.

use aether_core::{Event, EventStoreExt as _, StoreErrorKind as Kind, Version};
use aether_store_jetstream::JetStreamStore;

use crate::hasty_config;
use crate::support::books::messages;
use crate::support::server::Server;
use crate::support::{actor, event, event_with};

/// No file can grow past this. The server writes a stream's messages into one file for long.
const FILE_KIB_MAX: u64 = 512;

#[tokio::test]
async fn a_disk_that_takes_no_more_loses_nothing_and_takes_saves_again_when_it_has_room() {
    let mut server = Server::start().await;
    server.set_file_kib_max(Some(FILE_KIB_MAX));
    server.restart().await;
    let config = hasty_config("full");
    let store = JetStreamStore::connect(server.url(), config.clone())
        .await
        .unwrap();
    let (id, other) = (actor("order-1"), actor("order-2"));
    let data = "x".repeat(20_000);
    let mut acknowledged: Vec<Event> = Vec::new();
    let (unknown, error) = loop {
        let version = u32::try_from(acknowledged.len()).unwrap() + 1;
        let event = event_with(&id, version, &data);
        match store.save_event(event.clone()).await {
            Ok(_) => acknowledged.push(event),
            Err(error) => break (event, error),
        }
        assert!(acknowledged.len() < 1_000, "the disk is never full");
    };
    // Some servers say what is wrong (10077), newer ones say nothing. Neither is a promise.
    assert_eq!(error.kind(), Kind::Indeterminate, "{error}");
    assert_eq!(error.indeterminate_events(), Some(&[unknown.clone()][..]));
    // What is small may still fit.
    let small = event(&other, 1);
    let fitted = match store.save_event(small.clone()).await {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.kind(), Kind::Indeterminate, "{error}");
            false
        }
    };

    server.set_file_kib_max(None);
    server.restart().await;
    let store = JetStreamStore::connect(server.url(), config).await.unwrap();
    let stored = store.get_events(&id, Version::ZERO).await.unwrap();
    assert!(
        stored.starts_with(&acknowledged),
        "something acknowledged is gone"
    );
    assert!(stored.len() <= acknowledged.len() + 1);
    if fitted {
        let stored = store.get_events(&other, Version::ZERO).await.unwrap();
        assert_eq!(stored, std::slice::from_ref(&small));
    }
    // There is room again, and what was not known gets its answer.
    store.save_event(unknown.clone()).await.unwrap();
    store.save_event(small).await.unwrap();
    acknowledged.push(unknown);
    let stored = store.get_events(&id, Version::ZERO).await.unwrap();
    assert_eq!(stored, acknowledged);
    assert_eq!(messages(&store).await, acknowledged.len() as u64 + 1);
}
