//! What others say is stored, right and wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aether_core::{
    BroadcastError, Event, EventBroadcaster, EventStore as _, EventStoreExt as _, EventStored,
    Namespace, Version, WireForm,
};
use aether_store_jetstream::JetStreamStore;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::SECOND;
use crate::support::behind::{Behind, behind_a_proxy};
use crate::support::proxy::Action;
use crate::support::{actor, event};

/// Counts the commits that are sent, and the looks at an actor's last message.
fn count(behind: &Behind) -> (Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let (commits, looks) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counted = (commits.clone(), looks.clone());
    behind.proxy.rule(move |published| {
        let count = |of: &AtomicUsize, is: bool| of.fetch_add(usize::from(is), Ordering::SeqCst);
        count(&commits, published.is_commit());
        count(&looks, published.asks_for_last());
        Action::Pass
    });
    counted
}

#[tokio::test]
async fn who_is_told_of_a_newer_version_looks_before_a_save_that_would_be_refused() {
    let behind = behind_a_proxy("told", 10 * SECOND).await;
    let (store, id) = (&behind.store, actor("order-1"));
    store.save_event(event(&id, 1)).await.unwrap();
    for (version, told) in [(2, false), (3, true)] {
        behind.direct.save_event(event(&id, version)).await.unwrap();
        if told {
            store.update_version_cache(&id, version.into());
        }
        let (commits, _) = count(&behind);
        let error = store.save_event(event(&id, version)).await.unwrap_err();
        let conflict = error.version_conflict().unwrap();
        assert_eq!(conflict.current_version, Version::from(version));
        let sent = commits.load(Ordering::SeqCst);
        assert_eq!(sent, usize::from(!told), "told: {told}");
    }
}

/// Stands for a bus between two nodes: what one is told of comes to the other in bytes.
struct Wire(UnboundedSender<Vec<u8>>);

impl EventBroadcaster for Wire {
    fn broadcast(&self, _: &Namespace, event: &Event) -> Result<(), BroadcastError> {
        let bytes = event.to_wire(WireForm::MessagePack);
        let bytes = bytes.map_err(BroadcastError::new)?;
        self.0.send(bytes).map_err(BroadcastError::new)
    }
}

fn notice_in(bytes: &[u8]) -> EventStored {
    let notice = Event::from_wire(WireForm::MessagePack, bytes).unwrap();
    notice.decode().unwrap()
}

#[tokio::test]
async fn a_notice_from_another_node_saves_what_a_refused_commit_costs() {
    let behind = behind_a_proxy("notice", 10 * SECOND).await;
    let (wire, mut notices) = unbounded_channel();
    let other = JetStreamStore::builder(behind.streams.config())
        .broadcaster(Namespace::from_static("shop"), Arc::new(Wire(wire)));
    let other = other.connect(&behind.streams.url).await.unwrap();
    let (store, id) = (&behind.store, actor("order-1"));
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = requests.clone();
    behind.proxy.rule(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        Action::Pass
    });
    let mut version = 1;
    store.save_event(event(&id, version)).await.unwrap();
    // Refused, a look at what is there instead, and one at what is newest; and then what follows it.
    for (is_told, of_a_conflict, of_the_next) in [(false, 3, 4), (true, 1, 2)] {
        for (ahead, expected) in [(0, of_a_conflict), (1, of_the_next)] {
            version += 1;
            other.save_event(event(&id, version)).await.unwrap();
            let notice = notice_in(&notices.recv().await.unwrap());
            assert_eq!(notice.version, Version::from(version));
            if is_told {
                store.update_version_cache(&notice.actor_id, notice.version);
            }
            requests.store(0, Ordering::SeqCst);
            version += ahead;
            let saved = store.save_event(event(&id, version)).await;
            assert_eq!(saved.is_ok(), ahead == 1);
            let sent = requests.load(Ordering::SeqCst);
            assert_eq!(sent, expected, "told: {is_told}, ahead: {ahead}");
        }
    }
}

#[tokio::test]
async fn a_hint_that_is_wrong_costs_one_look_and_no_more() {
    let behind = behind_a_proxy("wrong", 10 * SECOND).await;
    let (store, id) = (&behind.store, actor("order-1"));
    store.save_event(event(&id, 1)).await.unwrap();
    for hint in [1, 9] {
        store.update_version_cache(&id, hint.into());
    }
    let (commits, looks) = count(&behind);
    for version in 2..=4 {
        store.save_event(event(&id, version)).await.unwrap();
    }
    assert_eq!(commits.load(Ordering::SeqCst), 3);
    assert_eq!(looks.load(Ordering::SeqCst), 1);
    // Of an actor that was never seen, and has nothing.
    let other = actor("order-2");
    store.update_version_cache(&other, 5.into());
    store.save_event(event(&other, 1)).await.unwrap();
    assert_eq!(looks.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_known_actor_and_a_first_version_are_saved_without_a_look() {
    let behind = behind_a_proxy("warm", 10 * SECOND).await;
    let (store, id) = (&behind.store, actor("order-1"));
    let (commits, looks) = count(&behind);
    for version in 1..=3 {
        store.save_event(event(&id, version)).await.unwrap();
    }
    let draft = aether_core::EventDraft::new(&id, "Drafted", &()).unwrap();
    store.append_next([draft]).await.unwrap();
    assert_eq!(commits.load(Ordering::SeqCst), 4);
    assert_eq!(looks.load(Ordering::SeqCst), 0);
    // Who has read it knows as much as who has written it.
    behind.direct.save_event(event(&id, 5)).await.unwrap();
    assert_eq!(store.latest_version(&id).await.unwrap(), Version::from(5));
    store.save_event(event(&id, 6)).await.unwrap();
    assert_eq!(looks.load(Ordering::SeqCst), 1);
}
