//! The wrappers pass the suite where what they wrap does, faults and all.

use aether_core::{
    ActorId, Commit, EventDraft, EventStore, EventStoreExt, StoreErrorKind, Version,
};
use aether_testkit::{FaultPlan, Faulty, Injected, Resolving, wrapped};

use crate::support::ReferenceBuilder;
use crate::support::reference::ReferenceStore;

/// No errors, but others go first wherever a call can stop.
const SLOW: FaultPlan = FaultPlan::seeded(11).yields(3);

/// Everything at once.
const BAD: FaultPlan = FaultPlan::seeded(12)
    .yields(2)
    .unavailable(4)
    .lost_acknowledgements(3)
    .broken_streams(50);

aether_testkit::conformance! {
    mod faulty_without_errors {
        builder: wrapped(ReferenceBuilder, |store| Faulty::new(store, SLOW)),
        sections: [
            events, notices, snapshots, feed, corruption, snapshot_corruption, feed_corruption,
            retention, snapshot_retention, feed_retention,
        ],
    }

    // Lost acknowledgements are harmless, because saving again tells (clause 6).
    mod resolving_faulty {
        builder: wrapped(ReferenceBuilder, |store| Resolving::new(Faulty::new(store, BAD))),
        sections: [
            events, notices, snapshots, corruption, snapshot_corruption, retention,
            snapshot_retention,
        ],
    }

    // A feed from now on can't be resumed before its first event, so its streams stay whole.
    mod resolving_faulty_feed {
        builder: wrapped(ReferenceBuilder, |store| {
            Resolving::new(Faulty::new(store, BAD.broken_streams(0)))
        }),
        sections: [feed, feed_corruption, feed_retention],
    }
}

fn drafts(count: usize) -> (ActorId, Vec<EventDraft>) {
    let actor_id = ActorId::new("order-1").unwrap();
    let draft = || EventDraft::new(&actor_id, "Sampled", &()).unwrap();
    let drafts = (0..count).map(|_| draft()).collect();
    (actor_id, drafts)
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

#[test]
fn a_lost_acknowledgement_says_what_was_stored_and_saving_that_again_tells() {
    run(async {
        let plan = FaultPlan::seeded(1).lost_acknowledgements(1);
        let store = Faulty::new(ReferenceStore::new(None), plan);
        let (actor_id, drafts) = drafts(2);
        let error = store.append_next(drafts).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Indeterminate);
        let numbered = error.indeterminate_events().unwrap().to_vec();
        let stored = store.get_events(&actor_id, Version::ZERO).await.unwrap();
        assert_eq!(stored, numbered);
        assert!(store.save_events(numbered).await.unwrap().was_repeated());
        assert_eq!(store.injected().lost_acknowledgements, 1);
    });
}

#[test]
fn a_call_that_fails_before_it_arrives_stores_nothing() {
    run(async {
        let plan = FaultPlan::seeded(1).unavailable(1);
        let store = Faulty::new(ReferenceStore::new(None), plan);
        let (actor_id, drafts) = drafts(1);
        let error = store.append_next(drafts).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        let behind = store.store();
        assert_eq!(
            behind.latest_version(&actor_id).await.unwrap(),
            Version::ZERO
        );
    });
}

#[test]
fn the_same_plan_injects_the_same_faults() {
    fn injected(plan: FaultPlan) -> (Injected, Vec<bool>) {
        run(async {
            let store = Faulty::new(ReferenceStore::new(None), plan);
            let mut answers = Vec::new();
            for draft in drafts(50).1 {
                answers.push(store.append(Commit::drafts([draft]).unwrap()).await.is_ok());
            }
            (store.injected(), answers)
        })
    }
    let plan = FaultPlan::seeded(5)
        .yields(3)
        .unavailable(4)
        .lost_acknowledgements(3);
    let (counts, answers) = injected(plan);
    assert_eq!(injected(plan), (counts, answers));
    assert!(counts.yields > 0 && counts.unavailable >= 12 && counts.lost_acknowledgements >= 12);
    assert_ne!(injected(FaultPlan::seeded(6).yields(3)).0, counts);
}

#[test]
fn what_was_unknown_is_resolved_and_stored_once() {
    run(async {
        let faulty = Faulty::new(ReferenceStore::new(None), BAD);
        let store = Resolving::new(faulty);
        let (actor_id, drafts) = drafts(60);
        let mut saved = Vec::new();
        for draft in drafts {
            saved.extend(store.append_next([draft]).await.unwrap());
        }
        assert_eq!(
            store.get_events(&actor_id, Version::ZERO).await.unwrap(),
            saved
        );
        assert_eq!(saved.len(), 60);
        assert!(store.store().injected().lost_acknowledgements >= 20);
    });
}
