//! What arrives late: an acknowledgement, or the publish itself, a second time.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aether_core::{
    ActorId, Commit, Event, EventDraft, EventStore as _, EventStoreExt as _,
    StoreErrorKind as Kind, Version,
};
use futures_util::StreamExt as _;

use crate::SECOND;
use crate::support::behind::{Behind, behind_a_proxy};
use crate::support::books::messages;
use crate::support::proxy::{Action, Published};
use crate::support::{actor, event, event_with, eventually};

/// A single event, a batch and drafts that follow this version.
fn commits(id: &ActorId, latest: u32) -> [Commit; 3] {
    let draft = |n: u32| EventDraft::new(id, "Drafted", &n).unwrap();
    [
        Commit::event(event(id, latest + 1)),
        Commit::events([event(id, latest + 2), event(id, latest + 3)]).unwrap(),
        Commit::drafts([draft(4), draft(5)]).unwrap(),
    ]
}

/// Notes the commits that the client sends. With `lost`, the first so many never arrive.
fn note_commits(behind: &Behind, lost: usize) -> Arc<Mutex<Vec<Published>>> {
    let noted = Arc::new(Mutex::new(Vec::new()));
    let notes = noted.clone();
    behind.proxy.rule(move |published| {
        let mut notes = notes.lock().unwrap();
        if !published.is_commit() {
            return Action::Pass;
        }
        notes.push(published.clone());
        if notes.len() <= lost {
            Action::Lose
        } else {
            Action::Pass
        }
    });
    noted
}

/// Lets the server have this once more; gives what it answers.
async fn deliver(behind: &Behind, late: &Published) -> String {
    let client = behind.direct.client();
    let inbox = client.new_inbox();
    let mut answers = client.subscribe(inbox.clone()).await.unwrap();
    // An answer on the same connection says that the server knows of the inbox.
    client.request("$JS.API.INFO", "".into()).await.unwrap();
    behind.proxy.send(&late.clone().answered_to(&inbox));
    let answer = tokio::time::timeout(10 * SECOND, answers.next()).await;
    String::from_utf8_lossy(&answer.unwrap().unwrap().payload).into_owned()
}

async fn versions(behind: &Behind, id: &ActorId) -> Vec<u64> {
    let events = stored(behind, id).await;
    events.iter().map(|event| event.version().get()).collect()
}

async fn stored(behind: &Behind, id: &ActorId) -> Vec<Event> {
    behind.direct.get_events(id, Version::ZERO).await.unwrap()
}

#[tokio::test]
async fn an_acknowledgement_that_comes_after_the_timeout_changes_nothing() {
    let behind = behind_a_proxy("late-ack", 10 * SECOND).await;
    let id = actor("order-1");
    for (sequence, commit) in (1..).zip(commits(&id, 0)) {
        behind.proxy.faults.hold_acks.store(1, Ordering::SeqCst);
        let appended = behind.store.append(commit).await.unwrap();
        assert!(!appended.was_repeated());
        assert_eq!(appended.position().sequence(), sequence);
        // It comes when the next save is under way or waits.
        assert_eq!(behind.proxy.release_acks(), 1);
    }
    let next = behind.store.save_event(event(&id, 6)).await.unwrap();
    assert_eq!(next.position().sequence(), 4);
    assert_eq!(versions(&behind, &id).await, [1, 2, 3, 4, 5, 6]);
    assert_eq!(messages(&behind.direct).await, 4);
}

#[tokio::test]
async fn an_acknowledgement_that_comes_while_the_save_still_looks_is_no_harm() {
    let behind = behind_a_proxy("later-ack", 10 * SECOND).await;
    let id = actor("order-1");
    behind.direct.save_event(event(&id, 1)).await.unwrap();
    behind.store.latest_version(&id).await.unwrap();
    // The save can't find out what became of its commit, nor hear it.
    let blind = Arc::new(AtomicBool::new(true));
    let still = blind.clone();
    behind.proxy.rule(move |published| {
        let looks = published.subject.contains(".GET.") && !published.asks_for_last();
        if looks && still.load(Ordering::SeqCst) {
            Action::Lose
        } else {
            Action::Pass
        }
    });
    behind.proxy.faults.hold_acks.store(1, Ordering::SeqCst);
    let save = tokio::spawn({
        let (store, event) = (behind.store.clone(), event(&id, 2));
        async move { store.save_event(event).await }
    });
    let held = async || behind.proxy.held_acks() == 1;
    eventually("the acknowledgement is held", held).await;
    tokio::time::sleep(SECOND / 2).await; // more than a request's timeout
    assert!(!save.is_finished());
    behind.proxy.release_acks();
    blind.store(false, Ordering::SeqCst);
    let appended = save.await.unwrap().unwrap();
    assert!(!appended.was_repeated());
    assert_eq!(appended.position().sequence(), 2);
    assert_eq!(versions(&behind, &id).await, [1, 2]);
}

#[tokio::test]
async fn a_publish_delivered_twice_is_stored_once() {
    let behind = behind_a_proxy("twice", 10 * SECOND).await;
    let id = actor("order-1");
    let noted = note_commits(&behind, 0);
    for (sequence, commit) in (1..).zip(commits(&id, 0)) {
        behind.store.append(commit).await.unwrap();
        let late = noted.lock().unwrap().last().unwrap().clone();
        let answer = deliver(&behind, &late).await;
        assert!(answer.contains("wrong last sequence"), "{answer}");
        assert_eq!(messages(&behind.direct).await, sequence);
    }
    // All of them again, after others have written.
    behind.direct.save_event(event(&id, 6)).await.unwrap();
    let noted = noted.lock().unwrap().clone();
    assert_eq!(noted.len(), 3);
    for late in noted {
        let answer = deliver(&behind, &late).await;
        assert!(answer.contains("wrong last sequence"), "{answer}");
    }
    behind.store.save_event(event(&id, 7)).await.unwrap();
    assert_eq!(versions(&behind, &id).await, [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(messages(&behind.direct).await, 5);
}

#[tokio::test]
async fn a_publish_that_was_lost_and_comes_after_its_resend_is_not_stored_again() {
    let behind = behind_a_proxy("resent", 10 * SECOND).await;
    let id = actor("order-1");
    for (sequence, commit) in (1..).zip(commits(&id, 0)) {
        let noted = note_commits(&behind, 1);
        behind.store.append(commit).await.unwrap();
        let noted = noted.lock().unwrap().clone();
        assert_eq!(noted.len(), 2, "it was sent again");
        assert_eq!(noted[0].parts(), noted[1].parts(), "identically");
        let answer = deliver(&behind, &noted[0]).await;
        assert!(answer.contains("wrong last sequence"), "{answer}");
        assert_eq!(messages(&behind.direct).await, sequence);
    }
    assert_eq!(versions(&behind, &id).await, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_publish_that_comes_after_its_save_gave_up_is_stored_once_or_never() {
    let behind = behind_a_proxy("given-up", SECOND / 2).await;
    // In both cases the save ends without an answer; then its publish arrives, and it is saved
    // again. Before it arrives another writes, or nobody does.
    for overtaken in [false, true] {
        for (number, kind) in ["single", "batch", "drafts"].into_iter().enumerate() {
            let id = actor(&format!("{kind}-{overtaken}"));
            behind.store.save_event(event(&id, 1)).await.unwrap();
            let before = messages(&behind.direct).await;
            let noted = note_commits(&behind, usize::MAX);
            let commit = commits(&id, 1).into_iter().nth(number).unwrap();
            let error = behind.store.append(commit).await.unwrap_err();
            assert_eq!(error.kind(), Kind::Indeterminate, "{error}");
            let events = error.indeterminate_events().unwrap().to_vec();
            let late = noted.lock().unwrap()[0].clone();
            note_commits(&behind, 0);

            if overtaken {
                let theirs = event(&id, 2);
                behind.direct.save_event(theirs.clone()).await.unwrap();
                let answer = deliver(&behind, &late).await;
                assert!(answer.contains("wrong last sequence"), "{answer}");
                let again = behind.store.save_events(events.clone()).await;
                // What comes after version 2 fits still.
                if events[0].version() > 2.into() {
                    assert!(!again.unwrap().was_repeated());
                    assert_eq!(stored(&behind, &id).await[2..], events);
                } else {
                    assert!(again.unwrap_err().is_version_conflict());
                    assert_eq!(stored(&behind, &id).await[1..], [theirs]);
                }
            } else {
                let answer = deliver(&behind, &late).await;
                assert!(answer.contains("\"seq\""), "{answer}");
                let again = behind.store.save_events(events.clone()).await.unwrap();
                assert!(again.was_repeated());
                assert_eq!(stored(&behind, &id).await[1..], events);
                assert_eq!(messages(&behind.direct).await, before + 1);
            }
            let answer = deliver(&behind, &late).await;
            assert!(answer.contains("wrong last sequence"), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_connection_cut_in_the_middle_of_a_publish_leaves_nothing_half() {
    let behind = behind_a_proxy("cut-frame", 20 * SECOND).await;
    let id = actor("order-1");
    let large = "x".repeat(100_000);
    let draft = |n: u32| EventDraft::new(&id, "Drafted", &(n, &large)).unwrap();
    let commits = [
        Commit::event(event_with(&id, 1, &large)),
        Commit::events([2, 3].map(|version| event_with(&id, version, &large))).unwrap(),
        Commit::drafts([draft(4), draft(5)]).unwrap(),
    ];
    for (sequence, commit) in (1..).zip(commits) {
        let cut = Arc::new(AtomicUsize::new(0));
        let cuts = cut.clone();
        behind.proxy.rule(move |published| {
            if published.is_commit() && cuts.fetch_add(1, Ordering::SeqCst) == 0 {
                Action::Cut
            } else {
                Action::Pass
            }
        });
        let appended = behind.store.append(commit).await.unwrap();
        assert!(!appended.was_repeated());
        assert_eq!(appended.position().sequence(), sequence);
        assert!(cut.load(Ordering::SeqCst) > 1, "it was cut, and sent again");
        assert_eq!(messages(&behind.direct).await, sequence);
    }
    assert_eq!(versions(&behind, &id).await, [1, 2, 3, 4, 5]);
}
