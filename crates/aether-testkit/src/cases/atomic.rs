//! Clause 4: a commit is stored whole or not at all.

use std::sync::atomic::{AtomicBool, Ordering};

use aether_core::{Commit, EventStore, EventStoreExt, ExpectedVersion, StoreErrorKind, Version};
use futures_util::future::{join, try_join_all};

use crate::check;
use crate::interleave::yield_now;
use crate::sample::{actor, commit, event, events};
use crate::{Context, Failure, Outcome, StoreBuilder};

pub(crate) async fn clause_04_a_commit_is_stored_whole<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let mut stored = Vec::new();
    for versions in [vec![1, 2, 3], vec![4], vec![6, 8, 9, 20]] {
        let offered = events(&actor_id, versions);
        let answer = store.append(commit(&offered)).await?;
        check::appended("a commit", &answer, &offered, false)?;
        stored.extend(offered);
        check::history(&store, &actor_id, &stored).await?;
    }
    Ok(())
}

pub(crate) async fn clause_04_a_refused_commit_stores_nothing<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, [1, 5]);
    store.append(commit(&stored)).await?;
    // In each of these the last events alone would fit, in some only the very last.
    for versions in [
        vec![5, 6],
        vec![4, 5, 6],
        vec![2, 3, 4, 6],
        vec![5, 6, 7, 8, 9],
    ] {
        let first = versions[0];
        let refused = store.append(commit(&events(&actor_id, versions))).await;
        let what = "a commit that begins too low";
        check::conflict(what, &refused, &actor_id, first, 5, ExpectedVersion::Older)?;
        check::history(&store, &actor_id, &stored).await?;
    }
    // And in this all would fit, but for what it expects.
    let expected = ExpectedVersion::Exactly(Version::from(4));
    let refused = store
        .append(commit(&events(&actor_id, [6, 7, 8])).expecting(expected))
        .await;
    check::conflict(
        "a commit that expects version 4",
        &refused,
        &actor_id,
        6,
        5,
        expected,
    )?;
    check::history(&store, &actor_id, &stored).await
}

pub(crate) async fn clause_04_a_thousand_events_are_one_commit_and_more_are_refused<
    B: StoreBuilder,
>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let most = u32::try_from(Commit::EVENTS_MAX)?;
    let refused = store.save_events(events(&actor_id, 1..=most + 1)).await;
    check::refused("1,001 events", &refused, StoreErrorKind::InvalidEvent)?;
    check::history(&store, &actor_id, &[]).await?;

    let stored = events(&actor_id, 1..=most);
    let answer = store.save_events(stored.clone()).await?;
    check::appended("1,000 events", &answer, &stored, false)?;
    check::history(&store, &actor_id, &stored).await
}

pub(crate) async fn clause_04_what_is_no_commit_is_refused_and_leaves_the_store_as_it_was<
    B: StoreBuilder,
>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let (ours, other) = (actor("order-1"), actor("order-2"));
    let stored = events(&ours, [1]);
    store.append(commit(&stored)).await?;
    let twice = event(&ours, 3);
    let invalid = [
        ("no events", vec![]),
        ("two actors", vec![event(&ours, 2), event(&other, 3)]),
        ("falling versions", events(&ours, [3, 2])),
        ("one version twice", events(&ours, [2, 2])),
        (
            "one id twice",
            vec![twice.clone(), twice.to_draft().at(Version::from(4))?],
        ),
    ];
    for (what, offered) in invalid {
        let refused = store.save_events(offered).await;
        check::refused(what, &refused, StoreErrorKind::InvalidEvent)?;
        check::history(&store, &ours, &stored).await?;
        check::history(&store, &other, &[]).await?;
    }
    // What comes next is taken as if nothing had been.
    let next = events(&ours, [2, 3]);
    store.save_events(next.clone()).await?;
    check::history(&store, &ours, &[stored, next].concat()).await
}

pub(crate) async fn clause_04_no_read_during_a_save_sees_a_part<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    for round in 0..context.effort().rounds {
        let first = u32::try_from(round)? * COMMIT_EVENTS + 1;
        let offered = commit(&events(&actor_id, first..first + COMMIT_EVENTS));
        // In one task, so that a save that stops midway lets the reads go on.
        let saved = AtomicBool::new(false);
        let save = async {
            let answer = store.append(offered).await;
            saved.store(true, Ordering::Release);
            answer
        };
        let reads = async {
            for _ in 0..READS_MAX {
                if saved.load(Ordering::Acquire) {
                    break;
                }
                whole_commits(&*store, &actor_id).await?;
                yield_now().await;
            }
            Ok::<_, Failure>(())
        };
        let (answer, reads) = join(save, reads).await;
        reads?;
        answer?;
    }
    whole_commits(&*store, &actor_id).await
}

pub(crate) async fn clause_04_no_reader_beside_many_saves_sees_a_part<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let saved = std::sync::Arc::new(AtomicBool::new(false));
    let readers = (0..3).map(|_| {
        let (store, saved, actor_id) = (store.clone(), saved.clone(), actor_id.clone());
        tokio::spawn(async move {
            for _ in 0..READS_MAX {
                if saved.load(Ordering::Acquire) {
                    break;
                }
                whole_commits(&*store, &actor_id).await?;
                yield_now().await;
            }
            Ok::<_, Failure>(())
        })
    });
    let readers: Vec<_> = readers.collect();
    let mut answers = Ok(());
    for round in 0..context.effort().rounds {
        let first = u32::try_from(round)? * COMMIT_EVENTS + 1;
        let offered = commit(&events(&actor_id, first..first + COMMIT_EVENTS));
        answers = store.append(offered).await.map(drop);
        if answers.is_err() {
            break;
        }
    }
    saved.store(true, Ordering::Release);
    for reader in try_join_all(readers).await? {
        reader?;
    }
    Ok(answers?)
}

/// How often a reader looks, at most, while it waits for a save: one that never ends is left to
/// the deadline.
const READS_MAX: usize = 10_000;

/// How many events each commit of the reading cases has.
const COMMIT_EVENTS: u32 = 5;

/// That an actor with commits of [`COMMIT_EVENTS`] events shows only whole ones.
async fn whole_commits<S: EventStore>(store: &S, actor_id: &aether_core::ActorId) -> Outcome {
    let seen = store.get_events(actor_id, Version::ZERO).await?;
    let whole = u64::from(COMMIT_EVENTS);
    check::that(seen.len().is_multiple_of(COMMIT_EVENTS as usize), || {
        format!(
            "commits of {COMMIT_EVENTS} events: a read saw a part, versions {}",
            check::versions(&seen)
        )
    })?;
    let latest = store.latest_version(actor_id).await?;
    check::that(latest.get().is_multiple_of(whole), || {
        format!("commits of {COMMIT_EVENTS} events: the latest version was {latest}, within one")
    })
}
