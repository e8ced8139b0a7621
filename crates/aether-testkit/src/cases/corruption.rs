//! Clause 9: what can't be read is reported, wherever it is.

use aether_core::{
    ActorId, Event, EventFeed, EventFilter, EventStore, EventStoreExt, FeedItem, FeedStart,
    RecordedEvent, ReplayError, RestoreExt, SnapshotStore, StoreError, StoreErrorKind, Version,
};
use futures_util::StreamExt;

use crate::check;
use crate::feed_reader::Reader;
use crate::sample::{actor, commit, event, events, snapshot};
use crate::{
    Context, Failure, Outcome, PlantMalformedEvent, PlantUndecodableSnapshot, StoreBuilder,
};

pub(crate) async fn clause_09_a_malformed_event_fails_the_plain_read<B: PlantMalformedEvent>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    // At the end, in the middle, and where it is all that there is.
    for (name, before, then) in [
        ("order-1", vec![1, 2], vec![]),
        ("order-2", vec![1, 2], vec![4, 5]),
        ("order-3", vec![], vec![]),
        ("order-4", vec![], vec![2]),
    ] {
        let actor_id = actor(name);
        plant(context, &*store, &actor_id, before, then).await?;
        for from in [Version::ZERO, Version::FIRST] {
            let seen = store.get_events(&actor_id, from).await;
            let what = format!("a history with something malformed in it, of {actor_id:?}");
            check::refused(what, &seen, StoreErrorKind::Malformed)?;
        }
    }
    Ok(())
}

pub(crate) async fn clause_09_the_report_says_where_and_why<B: PlantMalformedEvent>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    plant(context, &*store, &actor_id, vec![1, 2], vec![4, 5]).await?;
    let (mut before, mut error, mut after) = (None, None, None);
    let mut stream = store.events(&actor_id, Version::ZERO);
    while let Some(item) = stream.next().await {
        match (item, &error) {
            (Ok(recorded), None) => before = Some(recorded.position()),
            (Ok(recorded), Some(_)) => after = after.or(Some(recorded.position())),
            (Err(StoreError::Malformed(malformed)), _) => error = Some(*malformed),
            (Err(other), _) => return Err(other.into()),
        }
    }
    let error = error.ok_or_else(|| Failure::new("expected a report in the stream, saw none"))?;
    check::that(
        before < Some(error.position) && Some(error.position) < after,
        || {
            format!(
                "the position of a malformed event: expected one between {before:?} and {after:?}, \
             saw {:?}",
                error.position
            )
        },
    )?;
    check::that(!error.reason.is_empty() && !error.raw.is_empty(), || {
        format!("expected a reason and the bytes, saw {error:?}")
    })
}

pub(crate) async fn clause_09_the_lenient_replay_gives_the_good_and_reports_the_bad<
    B: PlantMalformedEvent,
>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let mut good = Vec::new();
    for (before, then, reports) in [
        (vec![1, 2], vec![], 1),
        (vec![], vec![4, 5], 2),
        (vec![], vec![7], 3),
    ] {
        good.extend(plant(context, &*store, &actor_id, before, then).await?);
        let replay = store
            .get_events_with_errors(&actor_id, Version::ZERO)
            .await?;
        check::same_events("the lenient replay's events", &replay.events, &good)?;
        check::equal("how many reports it has", &replay.errors.len(), &reports)?;
        let places: Vec<_> = replay
            .errors
            .iter()
            .map(|e: &ReplayError| e.position)
            .collect();
        check::that(places.is_sorted_by(|a, b| a < b), || {
            format!("expected the reports in the order of the store, saw {places:?}")
        })?;
    }
    Ok(())
}

pub(crate) async fn clause_09_other_actors_are_not_affected<B: PlantMalformedEvent>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let (ours, other) = (actor("order-1"), actor("order-2"));
    let stored = events(&other, [1, 2]);
    store.append(commit(&stored[..1])).await?;
    plant(context, &*store, &ours, vec![1], vec![3]).await?;
    store.append(commit(&stored[1..])).await?;
    check::history(&store, &other, &stored).await?;
    let replay = store.get_events_with_errors(&other, Version::ZERO).await?;
    check::equal(
        "reports of another actor's malformed event",
        &replay.errors.len(),
        &0,
    )
}

pub(crate) async fn clause_09_a_malformed_end_does_not_free_the_versions_before_it<
    B: PlantMalformedEvent,
>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let good = plant(context, &*store, &actor_id, vec![1, 2], vec![]).await?;
    // A handle that remembers nothing must not take the history for shorter than it is.
    for handle in [store.clone(), context.reopen().await?] {
        let latest = handle.latest_version(&actor_id).await;
        let never_below = match &latest {
            Ok(version) => *version >= Version::from(2),
            Err(error) => error.kind() == StoreErrorKind::Malformed,
        };
        check::that(never_below, || {
            format!(
                "the latest version, where something malformed follows 2: expected Malformed or \
                 at least 2, saw {latest:?}"
            )
        })?;
        for version in [1_u32, 2] {
            let refused = handle.save_event(event(&actor_id, version)).await;
            check::that(refused.is_err(), || {
                format!("another event at version {version}: expected a refusal, saw {refused:?}")
            })?;
        }
    }
    let replay = store
        .get_events_with_errors(&actor_id, Version::ZERO)
        .await?;
    check::same_events("the lenient replay's events", &replay.events, &good)
}

pub(crate) async fn clause_10_an_undecodable_snapshot_is_reported<B>(
    context: &Context<B>,
) -> Outcome
where
    B: PlantUndecodableSnapshot + StoreBuilder<Store: SnapshotStore>,
{
    let store = context.store().await?;
    let (actor_id, other) = (actor("order-1"), actor("order-2"));
    store.append(commit(&events(&actor_id, [1, 2, 3]))).await?;
    store.save_snapshot(snapshot(&actor_id, 2)).await?;
    store.save_snapshot(snapshot(&other, 1)).await?;
    spoil(context, &actor_id).await?;
    let seen = store.latest_snapshot(&actor_id).await;
    check::refused("an undecodable snapshot", &seen, StoreErrorKind::Malformed)?;
    super::snapshots::latest_is(&*store, &other, Some(&snapshot(&other, 1))).await
}

pub(crate) async fn clause_10_an_undecodable_snapshot_costs_a_full_replay<B>(
    context: &Context<B>,
) -> Outcome
where
    B: PlantUndecodableSnapshot + StoreBuilder<Store: SnapshotStore>,
{
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, [1, 2, 3]);
    store.append(commit(&stored)).await?;
    store.save_snapshot(snapshot(&actor_id, 2)).await?;
    spoil(context, &actor_id).await?;
    let restored = store.restore(&actor_id).await?;
    check::equal("the snapshot of the replay", &restored.snapshot, &None)?;
    check::same_events("the replay", &restored.events, &stored)?;
    let problem = restored.problem.as_ref().map(StoreError::kind);
    check::equal("the problem", &problem, &Some(StoreErrorKind::Malformed))
}

pub(crate) async fn clause_13_a_feed_reports_a_malformed_event_in_its_place_and_goes_on<B>(
    context: &Context<B>,
) -> Outcome
where
    B: PlantMalformedEvent + StoreBuilder<Store: EventFeed>,
{
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let good = plant(context, &*store, &actor_id, vec![1, 2], vec![4, 5]).await?;
    let mut feed = Reader::new(context, &*store, FeedStart::Beginning, EventFilter::all());
    let (before, error, after) = around_the_report(&mut feed).await?;
    let seen: Vec<Event> = before
        .iter()
        .chain(&after)
        .map(|recorded| recorded.event().clone())
        .collect();
    check::same_events("what the feed gave", &seen, &good)?;
    check::equal("how many came before the report", &before.len(), &2)?;
    let place = Some(error.position);
    let (last, next) = (before.last(), after.first());
    check::that(
        last.map(RecordedEvent::position) < place && place < next.map(RecordedEvent::position),
        || format!("expected a position between {last:?} and {next:?}, saw {place:?}"),
    )?;
    // It can be resumed before it, and goes on to be live.
    let start = before
        .last()
        .map_or(FeedStart::Beginning, |r| FeedStart::After(r.position()));
    let mut resumed = Reader::new(context, &*store, start, EventFilter::all());
    let (before, _, after_again) = around_the_report(&mut resumed).await?;
    check::equal("what comes before the report, resumed", &before.len(), &0)?;
    check::equal("what follows it, resumed", &(after_again == after), &true)?;
    let live = event(&actor("order-2"), 1);
    store.save_event(live.clone()).await?;
    for feed in [&mut feed, &mut resumed] {
        let seen = feed.event().await?.into_event();
        check::same_events("what is stored later", &[seen], std::slice::from_ref(&live))?;
    }
    Ok(())
}

/// Stores events at these versions, something malformed, and events at these; gives the events.
pub(super) async fn plant<B: PlantMalformedEvent>(
    context: &Context<B>,
    store: &B::Store,
    actor_id: &ActorId,
    before: Vec<u32>,
    then: Vec<u32>,
) -> Result<Vec<Event>, Failure> {
    let (before, then) = (events(actor_id, before), events(actor_id, then));
    if !before.is_empty() {
        store.append(commit(&before)).await?;
    }
    let guard = context.guard().await?;
    let planted = context
        .builder()
        .plant_malformed_event(&guard, actor_id, then.clone())
        .await;
    planted.map_err(|error| Failure::environment("plant a malformed event", &error))?;
    Ok([before, then].concat())
}

async fn spoil<B: PlantUndecodableSnapshot>(context: &Context<B>, actor_id: &ActorId) -> Outcome {
    let guard = context.guard().await?;
    let planted = context
        .builder()
        .plant_undecodable_snapshot(&guard, actor_id)
        .await;
    planted.map_err(|error| Failure::environment("plant an undecodable snapshot", &error))
}

/// What a feed gives before and after the one report in it, until it has caught up.
async fn around_the_report<B: StoreBuilder>(
    feed: &mut Reader<'_, B>,
) -> Result<(Vec<RecordedEvent>, ReplayError, Vec<RecordedEvent>), Failure> {
    let (mut before, mut report, mut after) = (Vec::new(), None, Vec::new());
    loop {
        match feed.item().await? {
            Ok(FeedItem::Event(recorded)) if report.is_none() => before.push(recorded),
            Ok(FeedItem::Event(recorded)) => after.push(recorded),
            Ok(FeedItem::CaughtUp) => break,
            Err(StoreError::Malformed(error)) if report.is_none() => report = Some(*error),
            Err(error) => return Err(error.into()),
        }
    }
    let report = report.ok_or_else(|| Failure::new("expected a report in the feed, saw none"))?;
    Ok((before, report, after))
}
