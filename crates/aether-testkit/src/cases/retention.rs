//! Clause 14: what holds where the beginning of a store has expired.

use aether_core::{
    EventFeed, EventFilter, EventStore, EventStoreExt, ExpectedVersion, FeedStart, Position,
    RestoreExt, SnapshotStore, StoreError, StoreErrorKind, Version,
};

use crate::check;
use crate::feed_reader::{Reader, each_once, is_lost};
use crate::sample::{actor, commit, draft, event, events, snapshot};
use crate::{Context, ExpireHistory, Failure, Outcome, StoreBuilder};

pub(crate) async fn clause_14_what_has_not_expired_is_read_completely<B: ExpireHistory>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let (ours, other) = (actor("order-1"), actor("order-2"));
    let stored = events(&ours, [1, 2, 3, 5, 6]);
    let expired = store.append(commit(&stored[..2])).await?.position();
    store.append(commit(&stored[2..4])).await?;
    store.append(commit(&stored[4..])).await?;
    let untouched = events(&other, [1, 2]);
    store.append(commit(&untouched)).await?;
    expire(context, expired).await?;
    for (from, skipped) in [(3_u32, 2), (4, 3), (5, 3), (6, 4), (7, 5)] {
        let seen = store.get_events(&ours, Version::from(from)).await?;
        let what = format!("what has not expired, from version {from}");
        check::same_events(what, &seen, &stored[skipped..])?;
    }
    let latest = store.latest_version(&ours).await?;
    check::equal("the latest version", &latest, &Version::from(6))?;
    check::history(&store, &other, &untouched).await
}

pub(crate) async fn clause_14_an_expired_beginning_is_not_passed_over<B: ExpireHistory>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, [1, 2, 4, 5]);
    let expired = store.append(commit(&stored[..3])).await?.position();
    store.append(commit(&stored[3..])).await?;
    expire(context, expired).await?;
    for handle in [store.clone(), context.reopen().await?] {
        for from in [Version::ZERO, Version::from(1), Version::from(4)] {
            let seen = handle.get_events(&actor_id, from).await;
            let after = match &seen {
                Err(StoreError::HistoryTruncated { after, .. }) => *after,
                other => {
                    return Err(Failure::new(format!(
                        "a read from version {from}, where all up to 4 has expired: expected \
                         HistoryTruncated, saw {}",
                        check::shown(other)
                    )));
                }
            };
            check::equal(
                "the last version that is missing",
                &after,
                &Version::from(4),
            )?;
        }
    }
    Ok(())
}

pub(crate) async fn clause_14_versions_rise_from_where_they_were<B: ExpireHistory>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let expired = store
        .append(commit(&events(&actor_id, [1, 2, 3])))
        .await?
        .position();
    let mut survivors = events(&actor_id, [4, 5]);
    store.append(commit(&survivors)).await?;
    expire(context, expired).await?;
    for handle in [store.clone(), context.reopen().await?] {
        for version in [1_u32, 3, 4, 5] {
            let refused = handle.save_event(event(&actor_id, version)).await;
            let what = format!("version {version} of an actor at 5, part of which has expired");
            let older = ExpectedVersion::Older;
            check::conflict(what, &refused, &actor_id, version, 5, older)?;
        }
        let nothing = ExpectedVersion::NoEvents;
        let refused = handle
            .append(commit(&events(&actor_id, [9])).expecting(nothing))
            .await;
        let what = "a commit that expects no events";
        check::conflict(what, &refused, &actor_id, 9, 5, nothing)?;
    }
    survivors.extend(store.append_next([draft(&actor_id)]).await?);
    let seen = store.get_events(&actor_id, Version::from(4)).await?;
    check::same_events("the history from version 4 on", &seen, &survivors)?;
    let latest = store.latest_version(&actor_id).await?;
    check::equal("the draft's version", &latest, &Version::from(6))
}

pub(crate) async fn clause_14_a_snapshot_stands_in_for_what_has_expired<B>(
    context: &Context<B>,
) -> Outcome
where
    B: ExpireHistory + StoreBuilder<Store: SnapshotStore>,
{
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, [1, 2, 3, 4]);
    let expired = store.append(commit(&stored[..2])).await?.position();
    store.append(commit(&stored[2..])).await?;
    // At the last version that expires, and later.
    for version in [2_u32, 3] {
        let newest = snapshot(&actor_id, version);
        store.save_snapshot(newest.clone()).await?;
        expire(context, expired).await?;
        let restored = store.restore(&actor_id).await?;
        let what = format!("a replay from a snapshot at {version}, where 1 and 2 have expired");
        check::equal(&what, &restored.snapshot, &Some(newest))?;
        check::same_events(&what, &restored.events, &stored[version as usize..])?;
        check::that(restored.problem.is_none(), || {
            format!("{what}: {restored:?}")
        })?;
    }
    Ok(())
}

pub(crate) async fn clause_14_a_snapshot_before_what_has_expired_does_not_stand_in<B>(
    context: &Context<B>,
) -> Outcome
where
    B: ExpireHistory + StoreBuilder<Store: SnapshotStore>,
{
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, [1, 2, 3, 4]);
    let expired = store.append(commit(&stored[..3])).await?.position();
    store.append(commit(&stored[3..])).await?;
    store.save_snapshot(snapshot(&actor_id, 1)).await?;
    expire(context, expired).await?;
    let restored = store.restore(&actor_id).await;
    let what = "a replay from a snapshot at 1, where 1 to 3 have expired";
    check::refused(what, &restored, StoreErrorKind::HistoryTruncated)
}

pub(crate) async fn clause_14_the_latest_version_is_never_below_the_snapshot<B>(
    context: &Context<B>,
) -> Outcome
where
    B: ExpireHistory + StoreBuilder<Store: SnapshotStore>,
{
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let expired = store
        .append(commit(&events(&actor_id, [1, 2, 5])))
        .await?
        .position();
    let newest = snapshot(&actor_id, 5);
    store.save_snapshot(newest.clone()).await?;
    // Everything there was.
    expire(context, expired).await?;
    for handle in [store.clone(), context.reopen().await?] {
        let latest = handle.latest_version(&actor_id).await?;
        check::equal("the latest version", &latest, &Version::from(5))?;
        let refused = handle.save_event(event(&actor_id, 1)).await;
        let what = "version 1 of an actor whose snapshot is at 5";
        check::conflict(what, &refused, &actor_id, 1, 5, ExpectedVersion::Older)?;
        let restored = handle.restore(&actor_id).await?;
        check::equal(
            "the snapshot of the replay",
            &restored.snapshot,
            &Some(newest.clone()),
        )?;
        check::same_events("the events after it", &restored.events, &[])?;
    }
    let next = store.append_next([draft(&actor_id)]).await?;
    let versions: Vec<u64> = next.iter().map(|event| event.version().get()).collect();
    check::equal("the version of the next event", &versions, &vec![6])
}

pub(crate) async fn clause_14_a_feed_gives_each_event_that_has_not_expired<B>(
    context: &Context<B>,
) -> Outcome
where
    B: ExpireHistory + StoreBuilder<Store: EventFeed>,
{
    let store = context.store().await?;
    let (ours, other) = (actor("order-1"), actor("account-1"));
    let stored = [
        events(&ours, [1, 2, 3]),
        events(&other, [1, 2]),
        events(&ours, [4, 5]),
    ];
    let mut positions = Vec::new();
    for events in &stored {
        positions.push(store.append(commit(events)).await?.position());
    }
    expire(context, positions[0]).await?;
    let survivors = stored[1..].concat();
    let mut feed = Reader::new(context, &*store, FeedStart::Beginning, EventFilter::all());
    let mut seen = feed.until_caught_up().await?;
    each_once(&seen, &survivors)?;
    for (index, checkpoint) in seen.clone().iter().enumerate() {
        let start = FeedStart::After(checkpoint.position());
        let mut resumed = Reader::new(context, &*store, start, EventFilter::all());
        each_once(&resumed.until_caught_up().await?, &survivors[index + 1..])?;
    }
    let next = store.append_next([draft(&ours)]).await?;
    seen.push(feed.event().await?);
    each_once(&seen, &[survivors, next].concat())
}

pub(crate) async fn clause_14_a_feed_does_not_resume_before_what_has_expired<B>(
    context: &Context<B>,
) -> Outcome
where
    B: ExpireHistory + StoreBuilder<Store: EventFeed>,
{
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let mut positions = Vec::new();
    for version in 1..=4_u32 {
        positions.push(
            store
                .save_event(event(&actor_id, version))
                .await?
                .position(),
        );
    }
    expire(context, positions[2]).await?;
    // After these come events that are gone: going on in silence would lose them.
    is_lost(context, &*store, positions[0]).await?;
    is_lost(context, &*store, positions[1]).await
}

/// Lets everything expire up to this place.
pub(super) async fn expire<B: ExpireHistory>(context: &Context<B>, through: Position) -> Outcome {
    let guard = context.guard().await?;
    let expired = context.builder().expire_through(&guard, through).await;
    expired.map_err(|error| Failure::environment("let events expire", &error))
}
