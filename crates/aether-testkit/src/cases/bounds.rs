//! Clauses 8, 9, 10 and 14: what is read up to a version or a time is the beginning of the
//! history, with and without a snapshot.

use aether_core::{
    ActorId, ActorSnapshot, Event, EventDraft, EventStore, EventStoreExt, RestoreExt, Restored,
    SnapshotStore, StoreErrorKind, Timestamp, Until, Version,
};
use futures_util::StreamExt;

use super::corruption::plant;
use super::retention::expire;
use crate::check;
use crate::sample::{actor, commit, event, events, snapshot};
use crate::{Context, ExpireHistory, Failure, Outcome, PlantMalformedEvent, StoreBuilder};

/// Nanoseconds between the times of events that follow each other, forward and back: clocks differ.
const DRIFT_NANOS: [i64; 7] = [0, 5, 0, -3, 4, 900, -901];

pub(crate) async fn clause_08_reading_until_a_version_ends_with_it<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, [1, 2, 3, 4, 7, 9, 10]);
    store.append(commit(&stored[..1])).await?;
    // To the middle of a commit, and into a gap.
    store.append(commit(&stored[1..4])).await?;
    store.append(commit(&stored[4..])).await?;
    let bounds = (0..=11_u32).map(Version::from).chain([Version::MAX]);
    for until in bounds {
        for from in [0_u32, 1, 3, 5, 9] {
            let expected: Vec<Event> = stored
                .iter()
                .filter(|event| event.version() >= Version::from(from) && event.version() <= until)
                .cloned()
                .collect();
            let seen = store
                .get_events_until(&actor_id, Version::from(from), until)
                .await?;
            let what = format!("from version {from} until {until}");
            check::same_events(what, &seen, &expected)?;
        }
    }
    Ok(())
}

pub(crate) async fn clause_08_reading_until_a_time_ends_before_the_first_later_event<
    B: StoreBuilder,
>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = dated(&actor_id)?;
    store.append(commit(&stored[..3])).await?;
    store.append(commit(&stored[3..])).await?;
    for time in times(&stored) {
        let within = stored.iter().take_while(|event| event.timestamp() <= time);
        let expected: Vec<Event> = within.cloned().collect();
        let seen = store
            .get_events_until(&actor_id, Version::ZERO, time)
            .await?;
        check::same_events(format_args!("until {time}"), &seen, &expected)?;
    }
    Ok(())
}

pub(crate) async fn clause_08_a_read_that_ends_at_its_bound_leaves_nothing_behind<
    B: StoreBuilder,
>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let mut stored = events(&actor_id, 1..=600);
    store.append(commit(&stored[..300])).await?;
    store.append(commit(&stored[300..])).await?;
    for until in [1_u32, 299, 300, 301, 599] {
        let mut stream = store.events_until(&actor_id, Version::ZERO, Version::from(until));
        let mut seen = Vec::new();
        while let Some(item) = stream.next().await {
            seen.push(item?.into_event());
        }
        let what = format!("until version {until}");
        check::same_events(what, &seen, &stored[..until as usize])?;
        // The stream that has ended is still there.
        let next = event(&actor_id, u32::try_from(stored.len())? + 1);
        store.save_event(next.clone()).await?;
        stored.push(next);
        drop(stream);
    }
    check::history(&store, &actor_id, &stored).await
}

pub(crate) async fn clause_09_a_malformed_event_fails_a_read_that_ends_after_it<
    B: PlantMalformedEvent,
>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let good = plant(context, &*store, &actor_id, vec![1, 2], vec![4, 5]).await?;
    for until in [1_u32, 2] {
        let until = Version::from(until);
        let seen = store
            .get_events_until(&actor_id, Version::ZERO, until)
            .await?;
        let what = format!("until version {until}, with something malformed after 2");
        check::same_events(what, &seen, &good[..until.get().try_into()?])?;
    }
    // What is malformed may be version 3.
    for until in [3_u32, 4, 5, 6] {
        let until = Version::from(until);
        let seen = store.get_events_until(&actor_id, Version::ZERO, until);
        let what = format!("until version {until}, with something malformed after 2");
        check::refused(what, &seen.await, StoreErrorKind::Malformed)?;
    }
    Ok(())
}

pub(crate) async fn clause_10_a_replay_until_a_version_starts_from_a_snapshot_that_is_not_past_it<
    B,
>(
    context: &Context<B>,
) -> Outcome
where
    B: StoreBuilder<Store: SnapshotStore>,
{
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, [1, 2, 5, 6, 7]);
    store.append(commit(&stored[..3])).await?;
    store.append(commit(&stored[3..])).await?;
    // Inside a commit, at the end of one, and at the very end.
    for version in [2_u32, 5, 7] {
        let newest = snapshot(&actor_id, version);
        store.save_snapshot(newest.clone()).await?;
        for until in 0..=8_u32 {
            let restored = store.restore_until(&actor_id, Version::from(until)).await?;
            let what = format!("a replay until {until}, with a snapshot at {version}");
            let start = (version <= until).then_some(&newest);
            let is_within = |event: &&Event| event.version() <= Version::from(until);
            let within: Vec<Event> = stored.iter().take_while(is_within).cloned().collect();
            is_replay_of(&what, &restored, start, &within)?;
        }
    }
    Ok(())
}

pub(crate) async fn clause_10_a_replay_until_a_time_starts_from_a_snapshot_that_is_not_past_it<B>(
    context: &Context<B>,
) -> Outcome
where
    B: StoreBuilder<Store: SnapshotStore>,
{
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = dated(&actor_id)?;
    store.append(commit(&stored[..2])).await?;
    store.append(commit(&stored[2..])).await?;
    for (index, last) in stored.iter().enumerate() {
        let newest = snapshot(&actor_id, last.version());
        store.save_snapshot(newest.clone()).await?;
        for time in times(&stored) {
            let restored = store.restore_until(&actor_id, time).await?;
            let what = format!(
                "a replay until {time}, with a snapshot at {}",
                last.version()
            );
            let start = (last.timestamp() <= time).then_some(&newest);
            // What comes before the snapshot's event is in it, whatever its time.
            let covered = start.map_or(0, |_| index + 1);
            let rest = stored[covered..].iter();
            let within = rest.take_while(|event| event.timestamp() <= time).count();
            is_replay_of(&what, &restored, start, &stored[..covered + within])?;
        }
    }
    Ok(())
}

pub(crate) async fn clause_10_a_snapshot_taken_after_a_replay_is_where_the_next_begins<B>(
    context: &Context<B>,
) -> Outcome
where
    B: StoreBuilder<Store: SnapshotStore>,
{
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, 1..=9);
    for (number, events) in stored.chunks(3).enumerate() {
        let appended = store.append(commit(events)).await?;
        // Inside the commit, by what the replay says, and at its end, by what the append says.
        let inside = store
            .restore_until(&actor_id, events[1].version())
            .await?
            .position();
        let whole = store.restore(&actor_id).await?;
        let place = Some(appended.position());
        check::equal("the place of the last event", &whole.position(), &place)?;
        for (last, position) in [(&events[1], inside), (&events[2], place)] {
            let newest = snapshot(&actor_id, last.version()).at_position(position);
            check::that(newest.position().is_some(), || {
                format!("a replay until {} has no place", last.version())
            })?;
            store.save_snapshot(newest.clone()).await?;
            let restored = store.restore(&actor_id).await?;
            let what = format!("a replay from a snapshot at {position:?}");
            is_replay_of(&what, &restored, Some(&newest), &stored[..3 * number + 3])?;
        }
    }
    Ok(())
}

pub(crate) async fn clause_14_a_snapshot_past_a_bound_does_not_stand_in_for_what_has_expired<B>(
    context: &Context<B>,
) -> Outcome
where
    B: ExpireHistory + StoreBuilder<Store: SnapshotStore>,
{
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, [1, 2, 3, 4, 5]);
    let expired = store.append(commit(&stored[..2])).await?.position();
    store.append(commit(&stored[2..])).await?;
    let newest = snapshot(&actor_id, 4);
    store.save_snapshot(newest.clone()).await?;
    expire(context, expired).await?;
    let noon = stored[0].timestamp();
    let before_noon = Timestamp::from_unix_nanos(noon.unix_nanos() - 1);
    let truncated = StoreErrorKind::HistoryTruncated;
    for until in [
        Until::Version(Version::from(1)),
        Until::Version(Version::from(2)),
        Until::Version(Version::from(3)),
        Until::Time(before_noon),
    ] {
        let what = format!("{until:?}, where 1 and 2 have expired and the snapshot is at 4");
        let restored = store.restore_until(&actor_id, until).await;
        check::refused(format_args!("a replay {what}"), &restored, truncated)?;
        let read = store
            .get_events_until(&actor_id, Version::ZERO, until)
            .await;
        check::refused(format_args!("a read {what}"), &read, truncated)?;
    }
    for until in [
        Until::Version(Version::from(4)),
        Until::Version(Version::from(5)),
        Until::Time(noon),
    ] {
        let restored = store.restore_until(&actor_id, until).await?;
        let last = if until == Until::Version(Version::from(4)) {
            4
        } else {
            5
        };
        let what = format!("a replay {until:?}, from a snapshot at 4");
        is_replay_of(&what, &restored, Some(&newest), &stored[..last])?;
    }
    Ok(())
}

/// Events at rising versions, with times that don't only rise.
fn dated(actor_id: &ActorId) -> Result<Vec<Event>, Failure> {
    // Nanoseconds matter: what is kept less precisely is read in another place.
    let mut nanos = 1_772_366_400_000_000_500_i64;
    let mut stored = Vec::new();
    for (version, drift) in (1_u32..).zip(DRIFT_NANOS) {
        nanos += drift;
        let draft = EventDraft::new(actor_id, "Sampled", &version)?;
        let draft = draft.timestamp(Timestamp::from_unix_nanos(nanos));
        stored.push(draft.at(Version::from(version))?);
    }
    Ok(stored)
}

/// The times of events, and those just before and after.
fn times(events: &[Event]) -> impl Iterator<Item = Timestamp> {
    let times = events.iter().flat_map(|event| {
        let nanos = event.timestamp().unix_nanos();
        [nanos - 1, nanos, nanos + 1]
    });
    times.map(Timestamp::from_unix_nanos)
}

/// That a replay starts from this snapshot, and with it amounts to these events.
#[track_caller]
fn is_replay_of(
    what: &str,
    restored: &Restored,
    start: Option<&ActorSnapshot>,
    history: &[Event],
) -> Outcome {
    check::equal(
        format_args!("{what}: its snapshot"),
        &restored.snapshot.as_ref(),
        &start,
    )?;
    let covered = start.map_or(Version::ZERO, ActorSnapshot::version);
    let after = history.partition_point(|event| event.version() <= covered);
    check::same_events(what, &restored.events, &history[after..])?;
    check::that(restored.problem.is_none(), || {
        format!("{what}: {restored:?}")
    })?;
    let last = history.last().map_or(Version::ZERO, Event::version);
    check::equal(
        format_args!("{what}: its version"),
        &restored.version(),
        &last,
    )
}
