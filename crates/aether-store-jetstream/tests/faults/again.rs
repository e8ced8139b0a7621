//! Saving again what ended without an answer, when others have written since.

use std::sync::atomic::Ordering;

use aether_core::{
    ActorId, Commit, Event, EventDraft, EventStore as _, EventStoreExt as _,
    StoreErrorKind as Kind, Version,
};
use aether_store_jetstream::async_nats::connection::State;

use crate::SECOND;
use crate::support::behind::{Behind, behind_a_proxy};
use crate::support::books::messages;
use crate::support::proxy::Action;
use crate::support::{actor, event, eventually};

/// Saves this, and lets the server go before it can say that it is stored; then others append.
async fn stored_without_an_answer(behind: &Behind, commit: Commit) -> Vec<Event> {
    let id = commit.actor_id().clone();
    let faults = &behind.proxy.faults;
    faults.down_after_commit.store(true, Ordering::SeqCst);
    let error = behind.store.append(commit).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Indeterminate, "{error}");
    let events = error.indeterminate_events().unwrap().to_vec();
    let last = events.last().unwrap().version();
    let latest = async || behind.direct.latest_version(&id).await.unwrap() == last;
    eventually("the commit reaches the server", latest).await;
    for _ in 0..3 {
        let draft = EventDraft::new(&id, "Others", &()).unwrap();
        behind.direct.append_next([draft]).await.unwrap();
    }
    behind.proxy.set_down(false);
    let connected = async || behind.store.client().connection_state() == State::Connected;
    eventually("the client connects again", connected).await;
    events
}

fn batch(id: &ActorId) -> Commit {
    Commit::events([event(id, 2), event(id, 3)]).unwrap()
}

#[tokio::test]
async fn events_saved_again_when_others_have_appended_since_are_stored_once() {
    let behind = behind_a_proxy("again", SECOND).await;
    let fresh = behind.fresh().await;
    for (kind, ours) in [("single", 1), ("batch", 2), ("drafts", 2)] {
        let id = actor(kind);
        behind.store.save_event(event(&id, 1)).await.unwrap();
        let draft = |n: u32| EventDraft::new(&id, "Drafted", &n).unwrap();
        let commit = match kind {
            "single" => Commit::event(event(&id, 2)),
            "batch" => batch(&id),
            _ => Commit::drafts([draft(1), draft(2)]).unwrap(),
        };
        let events = stored_without_an_answer(&behind, commit).await;
        let before = messages(&behind.direct).await;
        // Through the handle that did not hear of it, and as after a process has begun anew.
        for store in [&behind.store, &fresh] {
            let again = store.save_events(events.clone()).await.unwrap();
            assert!(again.was_repeated(), "{kind}");
            assert_eq!(again.version(), events.last().unwrap().version());
            // Also one of them alone.
            let last = store.save_event(events.last().unwrap().clone()).await;
            assert!(last.unwrap().was_repeated(), "{kind}");
        }
        let stored = behind.direct.get_events(&id, Version::ZERO).await.unwrap();
        assert_eq!(stored[1..=ours], events, "{kind}");
        assert_eq!(stored.len(), 1 + ours + 3, "{kind}");
        assert_eq!(messages(&behind.direct).await, before);
    }
}

#[tokio::test]
async fn drafts_appended_again_when_others_have_appended_since_are_numbered_once() {
    let behind = behind_a_proxy("draft-again", SECOND).await;
    let fresh = behind.fresh().await;
    for (number, store) in [&behind.store, &fresh].into_iter().enumerate() {
        let id = actor(&format!("order-{number}"));
        behind.store.save_event(event(&id, 1)).await.unwrap();
        let drafts = [1, 2].map(|n| EventDraft::new(&id, "Drafted", &n).unwrap());
        let commit = Commit::drafts(drafts.clone()).unwrap();
        let events = stored_without_an_answer(&behind, commit.clone()).await;
        let before = messages(&behind.direct).await;
        let again = store.append(commit).await.unwrap();
        assert!(
            again.was_repeated(),
            "they were numbered again: {:?}",
            again.numbered()
        );
        assert_eq!(again.numbered(), events);
        assert_eq!(store.append_next(drafts).await.unwrap(), events);
        assert_eq!(messages(&behind.direct).await, before);
    }
}

#[tokio::test]
async fn events_that_were_not_stored_are_stored_by_saving_them_again() {
    let behind = behind_a_proxy("not-stored", SECOND / 2).await;
    let id = actor("order-1");
    behind.store.save_event(event(&id, 1)).await.unwrap();
    behind.proxy.rule(|published| {
        if published.is_commit() {
            Action::Lose
        } else {
            Action::Pass
        }
    });
    let error = behind.store.append(batch(&id)).await.unwrap_err();
    let events = error.indeterminate_events().unwrap().to_vec();
    assert_eq!(messages(&behind.direct).await, 1);
    behind.proxy.rule(|_| Action::Pass);
    let again = behind.store.save_events(events.clone()).await.unwrap();
    assert!(!again.was_repeated());
    assert_eq!(
        behind.direct.get_events(&id, 2.into()).await.unwrap(),
        events
    );
}

/// What is read one commit after the other goes on for as long as there is progress.
#[tokio::test]
async fn a_batch_that_was_stored_one_by_one_is_recognised_however_short_the_deadline() {
    const MANY: u32 = 400;
    let behind = behind_a_proxy("one-by-one", SECOND).await;
    let id = actor("order-1");
    let events: Vec<Event> = (1..=MANY).map(|version| event(&id, version)).collect();
    for event in &events {
        behind.direct.save_event(event.clone()).await.unwrap();
    }
    // The newest commits are not among them, so that all have to be looked for.
    let offered = &events[..MANY as usize - 10];
    let short = SECOND / 20;
    let config = behind
        .streams
        .config()
        .request_timeout(short)
        .deadline(short);
    let store = behind.streams.store_with(config).await;
    let again = store
        .append(Commit::events(offered.to_vec()).unwrap())
        .await
        .unwrap();
    assert!(again.was_repeated());
    // Others with the same versions: the first that is another's says it.
    let others = (1..MANY - 10).map(|version| event(&id, version));
    let error = store
        .append(Commit::events(others).unwrap())
        .await
        .unwrap_err();
    assert_eq!(
        error.version_conflict().unwrap().current_version,
        Version::from(MANY)
    );
}
