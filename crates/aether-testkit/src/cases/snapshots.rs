//! Clause 10: of snapshots the newest wins, and a replay from one arrives where a full one does.

use aether_core::{
    ActorSnapshot, EventStore, EventStoreExt, Payload, Position, RestoreExt, SnapshotSaved,
    SnapshotStore, StoreErrorKind, Timestamp, Version,
};
use proptest::prelude::prop;

use super::races::at_once;
use super::reading::pause;
use crate::check;
use crate::rng::Rng;
use crate::sample::{actor, commit, event, events, snapshot, snapshot_saying, treacherous_ids};
use crate::{Context, Failure, Outcome, StoreBuilder, property};

pub(crate) async fn clause_10_an_actor_without_a_snapshot_has_none<B>(
    context: &Context<B>,
) -> Outcome
where
    B: StoreBuilder<Store: SnapshotStore>,
{
    let store = context.store().await?;
    let ours = actor("order-1");
    latest_is(&*store, &ours, None).await?;
    // Events are no snapshot, and another actor's is not ours.
    store.append(commit(&events(&ours, [1, 2]))).await?;
    for other in ["order-2", "order-", "order-11"] {
        store.save_snapshot(snapshot(&actor(other), 1)).await?;
    }
    latest_is(&*store, &ours, None).await
}

pub(crate) async fn clause_10_the_newest_snapshot_is_the_latest<B>(context: &Context<B>) -> Outcome
where
    B: StoreBuilder<Store: SnapshotStore>,
{
    let store = context.store().await?;
    let actor_id = actor("order-1");
    for version in [1, 2, 9, 10, 100, 4_000_000_000_u32] {
        let newest = snapshot(&actor_id, version);
        let answer = store.save_snapshot(newest.clone()).await?;
        check::equal(
            "the answer to a newer snapshot",
            &answer,
            &SnapshotSaved::Saved,
        )?;
        latest_is(&*store, &actor_id, Some(&newest)).await?;
    }
    Ok(())
}

pub(crate) async fn clause_10_an_older_snapshot_never_replaces_a_newer<B>(
    context: &Context<B>,
) -> Outcome
where
    B: StoreBuilder<Store: SnapshotStore>,
{
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let newest = snapshot(&actor_id, 10);
    store.save_snapshot(newest.clone()).await?;
    // However late, however often, and from another process too.
    let other = context.reopen().await?;
    for version in [9_u32, 1, 5, 9, 2] {
        for handle in [&store, &other] {
            let answer = handle.save_snapshot(snapshot(&actor_id, version)).await?;
            let superseded = SnapshotSaved::Superseded {
                by: Version::from(10),
            };
            let what = format!("the answer to a snapshot at {version}, where there is one at 10");
            check::equal(what, &answer, &superseded)?;
        }
        latest_is(&*store, &actor_id, Some(&newest)).await?;
    }
    Ok(())
}

pub(crate) async fn clause_10_a_snapshot_of_the_same_version_replaces_it<B>(
    context: &Context<B>,
) -> Outcome
where
    B: StoreBuilder<Store: SnapshotStore>,
{
    let store = context.store().await?;
    let actor_id = actor("order-1");
    store
        .save_snapshot(snapshot_saying(&actor_id, 4, "as first seen"))
        .await?;
    for text in ["as seen again", "and again"] {
        let again = snapshot_saying(&actor_id, 4, text);
        let answer = store.save_snapshot(again.clone()).await?;
        check::equal(
            "the answer to the same version",
            &answer,
            &SnapshotSaved::Saved,
        )?;
        latest_is(&*store, &actor_id, Some(&again)).await?;
    }
    Ok(())
}

pub(crate) async fn clause_10_a_snapshot_comes_back_equal_in_every_part<B>(
    context: &Context<B>,
) -> Outcome
where
    B: StoreBuilder<Store: SnapshotStore>,
{
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let large: String = "0123456789 日本".repeat(6_000);
    let states = [
        Payload::NIL,
        Payload::from_json(r#"{"z":[1,2.5,{"a":null}],"":"é\u0000"}"#)?,
        Payload::from_msgpack(vec![0xc4, 3, 0, 0xff, 0x80])?,
        Payload::encode(&large)?,
    ];
    let mut version = 0_u32;
    for state in states {
        for nanos in [i64::MIN, 1_772_366_400_123_456_789, i64::MAX] {
            version += 1;
            let clock = aether_core::FixedClock::new(Timestamp::from_unix_nanos(nanos));
            let plain =
                ActorSnapshot::with_clock(&clock, &actor_id, Version::from(version), &state)?;
            let position = Position::new(u64::MAX, 1, 2).with_fingerprint(u64::MAX);
            for saved in [plain.clone(), plain.at_position(position)] {
                store.save_snapshot(saved.clone()).await?;
                latest_is(&*store, &actor_id, Some(&saved)).await?;
            }
        }
    }
    let last = snapshot(&actor_id, Version::MAX);
    store.save_snapshot(last.clone()).await?;
    latest_is(&*store, &actor_id, Some(&last)).await
}

pub(crate) async fn clause_10_each_actor_has_a_snapshot_of_its_own<B>(
    context: &Context<B>,
) -> Outcome
where
    B: StoreBuilder<Store: SnapshotStore>,
{
    let store = context.store().await?;
    let mut saved = Vec::new();
    for actor_id in treacherous_ids() {
        let mine = snapshot_saying(&actor_id, 7, actor_id.as_str());
        let answer = store.save_snapshot(mine.clone()).await?;
        let what = format!("the answer to the first snapshot of {actor_id:?}");
        check::equal(what, &answer, &SnapshotSaved::Saved)?;
        saved.push(mine);
    }
    for mine in &saved {
        latest_is(&*store, mine.actor_id(), Some(mine)).await?;
    }
    Ok(())
}

pub(crate) async fn clause_10_many_savers_at_once_leave_the_newest<B>(
    context: &Context<B>,
) -> Outcome
where
    B: StoreBuilder<Store: SnapshotStore>,
{
    let store = context.store().await?;
    let handles = [store.clone(), context.reopen().await?];
    let mut rng = Rng::seeded(10);
    for round in 0..context.effort().rounds.min(10) {
        let actor_id = actor(&format!("order-{round}"));
        let mut offered = Vec::new();
        for version in 1..=u32::try_from(context.effort().writers)? {
            let place = usize::try_from(rng.below(offered.len() as u64 + 1))?;
            offered.insert(place, (version as usize % 2, snapshot(&actor_id, version)));
        }
        let answers = at_once(&offered, |(handle, snapshot)| {
            let store = handles[handle].clone();
            async move { store.save_snapshot(snapshot).await }
        });
        let answers = answers.await?;
        let newest = offered.iter().map(|(_, s)| s).max_by_key(|s| s.version());
        for ((_, snapshot), answer) in offered.iter().zip(answers) {
            let answer = answer?;
            if let SnapshotSaved::Superseded { by } = answer {
                let what = format!("superseded at {}, by {by}", snapshot.version());
                check::that(by > snapshot.version(), || what)?;
            } else if Some(snapshot) == newest {
                check::equal("the answer to the newest", &answer, &SnapshotSaved::Saved)?;
            }
        }
        latest_is(&*store, &actor_id, newest).await?;
    }
    Ok(())
}

pub(crate) async fn clause_10_a_snapshot_is_seen_through_another_handle<B>(
    context: &Context<B>,
) -> Outcome
where
    B: StoreBuilder<Store: SnapshotStore>,
{
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let other = context.reopen().await?;
    for version in [3_u32, 4] {
        let newest = snapshot(&actor_id, version);
        store.save_snapshot(newest.clone()).await?;
        let shown = async {
            while other.latest_snapshot(&actor_id).await?.as_ref() != Some(&newest) {
                pause().await;
            }
            Ok::<_, Failure>(())
        };
        context
            .in_time("a snapshot, in another handle,", shown)
            .await??;
    }
    Ok(())
}

pub(crate) async fn clause_10_snapshots_leave_the_history_as_it_is<B>(
    context: &Context<B>,
) -> Outcome
where
    B: StoreBuilder<Store: SnapshotStore>,
{
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, [1, 2, 3, 4]);
    store.append(commit(&stored[..3])).await?;
    for version in [1_u32, 3, 2] {
        store.save_snapshot(snapshot(&actor_id, version)).await?;
        check::history(&store, &actor_id, &stored[..3]).await?;
    }
    store.append(commit(&stored[3..])).await?;
    check::history(&store, &actor_id, &stored).await?;
    latest_is(&*store, &actor_id, Some(&snapshot(&actor_id, 3))).await
}

pub(crate) async fn clause_10_a_replay_starts_from_the_snapshot<B>(context: &Context<B>) -> Outcome
where
    B: StoreBuilder<Store: SnapshotStore>,
{
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, [1, 2, 5, 6, 7]);
    store.append(commit(&stored[..3])).await?;
    store.append(commit(&stored[3..])).await?;
    // Inside a commit, at the end of one, and at the very end.
    for (version, after) in [(2_u32, 2), (5, 3), (7, 5)] {
        let newest = snapshot(&actor_id, version);
        store.save_snapshot(newest.clone()).await?;
        let restored = store.restore(&actor_id).await?;
        let what = format!("a replay from a snapshot at {version}");
        check::equal(&what, &restored.snapshot, &Some(newest))?;
        check::same_events(&what, &restored.events, &stored[after..])?;
        check::that(restored.problem.is_none(), || {
            format!("{what}: {restored:?}")
        })?;
        check::equal(&what, &restored.version(), &Version::from(7))?;
    }
    Ok(())
}

pub(crate) async fn clause_10_a_replay_without_a_snapshot_reads_everything<B>(
    context: &Context<B>,
) -> Outcome
where
    B: StoreBuilder<Store: SnapshotStore>,
{
    let store = context.store().await?;
    let (actor_id, nobody) = (actor("order-1"), actor("nobody"));
    let stored = events(&actor_id, [1, 2, 5]);
    store.append(commit(&stored)).await?;
    for (whose, expected) in [(&actor_id, &stored[..]), (&nobody, &[])] {
        let restored = store.restore(whose).await?;
        check::equal("the snapshot", &restored.snapshot, &None)?;
        check::same_events("a replay without a snapshot", &restored.events, expected)?;
        check::that(restored.problem.is_none(), || {
            format!("a problem: {restored:?}")
        })?;
    }
    Ok(())
}

pub(crate) async fn clause_10_a_snapshot_ahead_of_the_history_is_reported<B>(
    context: &Context<B>,
) -> Outcome
where
    B: StoreBuilder<Store: SnapshotStore>,
{
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, [1, 2, 3]);
    store.append(commit(&stored)).await?;
    // As if the end of the history had been lost.
    store.save_snapshot(snapshot(&actor_id, 9)).await?;
    let restored = store.restore(&actor_id).await?;
    check::equal("a snapshot ahead of the history", &restored.snapshot, &None)?;
    check::same_events("the replay in its place", &restored.events, &stored)?;
    let problem = restored.problem.as_ref().map(aether_core::StoreError::kind);
    let regressed = Some(StoreErrorKind::HistoryRegressed);
    check::equal("the problem that is reported", &problem, &regressed)
}

pub(crate) async fn clause_10_any_snapshots_do_what_the_model_does<B>(
    context: &Context<B>,
) -> Outcome
where
    B: StoreBuilder<Store: SnapshotStore>,
{
    let store = context.store().await?;
    let sequence = std::sync::atomic::AtomicU32::new(0);
    // Whose, at which version, and whether an event is appended as well.
    let saves = prop::collection::vec((0..3_usize, 1..12_u32, prop::bool::ANY), 1..25);
    property::holds(context.effort().sequences, saves, |saves| {
        let sequence = sequence.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let store = store.clone();
        async move {
            let actors = ["a", "a.a", "b-1"].map(|name| actor(&format!("{name}-{sequence}")));
            let mut latest: [Option<ActorSnapshot>; 3] = [None, None, None];
            let mut stored = [0_u32; 3];
            for (step, (index, version, append)) in saves.into_iter().enumerate() {
                let (whose, latest) = (&actors[index], &mut latest[index]);
                let offered = snapshot_saying(whose, version, &format!("step {step}"));
                let answer = store.save_snapshot(offered.clone()).await?;
                let newer = latest.as_ref().map(ActorSnapshot::version);
                let newer = newer.filter(|by| *by > Version::from(version));
                let expected = match newer {
                    Some(by) => SnapshotSaved::Superseded { by },
                    None => SnapshotSaved::Saved,
                };
                check::equal("the answer to a snapshot", &answer, &expected)?;
                if newer.is_none() {
                    *latest = Some(offered);
                }
                if append {
                    stored[index] += 1;
                    store.save_event(event(whose, stored[index])).await?;
                }
                latest_is(&*store, whose, latest.as_ref()).await?;
            }
            Ok(())
        }
    })
    .await
}

/// That an actor's latest snapshot is this one.
pub(crate) async fn latest_is<S: SnapshotStore>(
    store: &S,
    actor_id: &aether_core::ActorId,
    expected: Option<&ActorSnapshot>,
) -> Outcome {
    let seen = store.latest_snapshot(actor_id).await?;
    let what = format!("the latest snapshot of {actor_id:?}");
    check::equal(what, &seen.as_ref(), &expected)
}
