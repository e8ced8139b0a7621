//! Clause 5: of different events for one version, one wins.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;

use aether_core::{
    ActorId, Event, EventId, EventStore, EventStoreExt, ExpectedVersion, StoreError, Version,
};
use futures_util::future::{join, join_all, try_join_all};

use crate::check;
use crate::interleave::yield_now;
use crate::sample::{actor, commit, commit_of_drafts, drafts, event, events};
use crate::{Context, Failure, Outcome, StoreBuilder};

pub(crate) async fn clause_05_two_writers_racing_for_one_version_leave_one_winner<
    B: StoreBuilder,
>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let mut stored = Vec::new();
    for round in 1..=u32::try_from(context.effort().rounds)? {
        let offered = events(&actor_id, [round, round]);
        // In one task: where one save stops midway, the other goes on.
        let answers = join(
            store.save_event(offered[0].clone()),
            store.save_event(offered[1].clone()),
        );
        let (first, second) = answers.await;
        stored.push(winner(&offered, vec![first, second])?);
        check::history(&store, &actor_id, &stored).await?;
    }
    Ok(())
}

pub(crate) async fn clause_05_many_writers_racing_for_one_version_leave_one_winner<
    B: StoreBuilder,
>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let mut stored = Vec::new();
    for round in 1..=u32::try_from(context.effort().rounds.min(5))? {
        let writers = 0..context.effort().writers;
        let offered: Vec<Event> = writers.map(|_| event(&actor_id, round)).collect();
        let answers = at_once(&offered, |event| {
            let store = store.clone();
            async move { store.save_event(event).await }
        });
        stored.push(winner(&offered, answers.await?)?);
        check::history(&store, &actor_id, &stored).await?;
    }
    Ok(())
}

pub(crate) async fn clause_05_two_handles_racing_for_one_version_leave_one_winner<
    B: StoreBuilder,
>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let handles = [store.clone(), context.reopen().await?];
    let actor_id = actor("order-1");
    let mut stored = Vec::new();
    for round in 1..=u32::try_from(context.effort().rounds)? {
        let offered: Vec<(usize, Event)> =
            (0..6).map(|n| (n % 2, event(&actor_id, round))).collect();
        let answers = at_once(&offered, |(handle, event)| {
            let store = handles[handle].clone();
            async move { store.save_event(event).await }
        });
        let answers = answers.await?;
        let offered: Vec<Event> = offered.into_iter().map(|(_, event)| event).collect();
        stored.push(winner(&offered, answers)?);
    }
    check::history(&context.reopen().await?, &actor_id, &stored).await
}

pub(crate) async fn clause_05_of_overlapping_commits_one_wins_each_version<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    for round in 0..context.effort().rounds {
        let actor_id = actor(&format!("order-{round}"));
        // Each pair of these has a version in common.
        let offered = [
            vec![1, 2, 3],
            vec![2, 3],
            vec![3, 4],
            vec![1, 3, 5],
            vec![1, 2, 3],
        ]
        .map(|versions| events(&actor_id, versions));
        let saves = offered.iter().map(|events| store.append(commit(events)));
        let answers = join_all(saves).await;
        let mut acknowledged = Vec::new();
        for (events, answer) in offered.iter().zip(answers) {
            match answer {
                Ok(_) => acknowledged.push(events.clone()),
                Err(error) if error.is_version_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        check::equal(
            "how many of five overlapping commits won",
            &acknowledged.len(),
            &1,
        )?;
        check::history(&store, &actor_id, &acknowledged[0]).await?;
    }
    Ok(())
}

pub(crate) async fn clause_05_of_commits_that_expect_no_events_one_wins<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    for round in 0..context.effort().rounds {
        let actor_id = actor(&format!("order-{round}"));
        // Versions that do not meet: only the expectation makes them rivals.
        let offered =
            [vec![1], vec![2, 3], vec![4], vec![5, 7]].map(|versions| events(&actor_id, versions));
        let saves = offered.iter().map(|events| {
            let commit = commit(events).expecting(ExpectedVersion::NoEvents);
            store.append(commit)
        });
        let answers = join_all(saves).await;
        let mut acknowledged = Vec::new();
        for (events, answer) in offered.iter().zip(answers) {
            match answer {
                Ok(_) => acknowledged.push(events.clone()),
                Err(error) if error.is_version_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        let what = "how many of four commits that expect no events won";
        check::equal(what, &acknowledged.len(), &1)?;
        check::history(&store, &actor_id, &acknowledged[0]).await?;
    }
    Ok(())
}

pub(crate) async fn clause_05_many_writers_on_one_actor_leave_a_complete_history<
    B: StoreBuilder,
>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let handles = [store.clone(), context.reopen().await?];
    let actor_id = actor("order-1");
    let writers: Vec<usize> = (0..context.effort().writers).collect();
    let told = at_once(&writers, |writer| {
        optimistic_writer(
            handles[writer % 2].clone(),
            actor_id.clone(),
            1,
            writers.len(),
        )
    });
    let told = told.await?;
    complete(&*context.reopen().await?, &actor_id, told).await
}

pub(crate) async fn clause_05_many_writers_on_many_actors_leave_complete_histories<
    B: StoreBuilder,
>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actors = (context.effort().writers / 5).max(1);
    let of = |writer: usize| actor(&format!("order-{}", writer % actors));
    let writers: Vec<usize> = (0..context.effort().writers).collect();
    let told = at_once(&writers, |writer| {
        optimistic_writer(store.clone(), of(writer), 3, 3 * writers.len() / actors)
    });
    let told = told.await?;
    for index in 0..actors {
        let mine = (index..told.len())
            .step_by(actors)
            .map(|writer| told[writer].clone());
        complete(&*store, &of(index), mine.collect()).await?;
    }
    Ok(())
}

pub(crate) async fn clause_05_drafts_of_many_writers_get_versions_of_their_own<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let handles = [store.clone(), context.reopen().await?];
    let actor_id = actor("order-1");
    let writers: Vec<usize> = (0..context.effort().writers).collect();
    let numbered = at_once(&writers, |writer| {
        let (store, commit) = (
            handles[writer % 2].clone(),
            commit_of_drafts(&drafts(&actor_id, 1 + writer % 3)),
        );
        async move { store.append(commit).await }
    });
    let mut by_version = BTreeMap::new();
    for answer in numbered.await? {
        for event in answer?.into_numbered() {
            if let Some(other) = by_version.insert(event.version(), event.clone()) {
                return Err(Failure::new(format!(
                    "two drafts were acknowledged at version {}: {} and {}",
                    event.version(),
                    other.id(),
                    event.id()
                )));
            }
        }
    }
    let stored: Vec<Event> = by_version.into_values().collect();
    let last = stored.last().map_or(0, |event| event.version().get());
    check::equal(
        "the last of all drafts' versions",
        &last,
        &(stored.len() as u64),
    )?;
    check::history(&context.reopen().await?, &actor_id, &stored).await
}

/// Does this with each item, all at once, in tasks of their own.
pub(crate) async fn at_once<T: Clone, F>(
    items: &[T],
    act: impl Fn(T) -> F,
) -> Result<Vec<F::Output>, Failure>
where
    F: Future<Output: Send> + Send + 'static,
{
    let tasks = items.iter().map(|item| tokio::spawn(act(item.clone())));
    // All of them are started before the first is waited for.
    let tasks: Vec<_> = tasks.collect();
    Ok(try_join_all(tasks).await?)
}

/// The one of different events for one version that was acknowledged; all others must have been
/// refused with a conflict.
fn winner<T: std::fmt::Debug>(
    offered: &[Event],
    answers: Vec<Result<T, StoreError>>,
) -> Result<Event, Failure> {
    let mut winners = Vec::new();
    for (event, answer) in offered.iter().zip(answers) {
        match answer {
            Ok(_) => winners.push(event.clone()),
            Err(error) if error.is_version_conflict() => {}
            Err(error) => return Err(error.into()),
        }
    }
    match winners.pop() {
        Some(winner) if winners.is_empty() => Ok(winner),
        last => Err(Failure::new(format!(
            "{} different events were offered for version {}: expected exactly one to be \
             acknowledged, saw {}",
            offered.len(),
            offered[0].version(),
            winners.len() + usize::from(last.is_some())
        ))),
    }
}

/// What a writer was told of each event that it offered.
#[derive(Debug, Clone, Default)]
struct Told {
    acknowledged: Vec<Event>,
    refused: BTreeSet<EventId>,
}

/// How many refusals in a row a writer takes for bad luck, for each event that its rivals save:
/// one, and some more where what another handle saved is seen late.
const REFUSALS_MAX: usize = 10;

/// Saves so many events in the loop that the contract teaches: read the version, save the next,
/// begin again on a conflict.
async fn optimistic_writer<S: EventStore>(
    store: Arc<S>,
    actor_id: ActorId,
    count: usize,
    of_rivals: usize,
) -> Result<Told, Failure> {
    let refusals_max = REFUSALS_MAX * of_rivals;
    let mut told = Told::default();
    let mut refusals = 0;
    while told.acknowledged.len() < count {
        let latest = store.latest_version(&actor_id).await?;
        let offered = event(&actor_id, latest.next().unwrap_or(Version::MAX));
        match store.save_event(offered.clone()).await {
            Ok(_) => {
                told.acknowledged.push(offered);
                refusals = 0;
            }
            Err(error) if error.is_version_conflict() && refusals < refusals_max => {
                told.refused.insert(offered.id().clone());
                refusals += 1;
                yield_now().await;
            }
            Err(error) => {
                return Err(Failure::from(error).during(format_args!(
                    "the version after the latest, {latest}, after {refusals} refusals in a row"
                )));
            }
        }
    }
    Ok(told)
}

/// That a history has exactly what its writers were told that it has, without a gap.
async fn complete<S: EventStore>(
    store: &S,
    actor_id: &ActorId,
    told: Vec<Result<Told, Failure>>,
) -> Outcome {
    let told: Vec<Told> = told.into_iter().collect::<Result<_, _>>()?;
    let seen = store.get_events(actor_id, Version::ZERO).await?;
    let refused: BTreeSet<&EventId> = told.iter().flat_map(|told| &told.refused).collect();
    if let Some(event) = seen.iter().find(|event| refused.contains(event.id())) {
        return Err(Failure::new(format!(
            "an event that was refused is stored, at version {}",
            event.version()
        )));
    }
    let mut stored: Vec<Event> = told
        .into_iter()
        .flat_map(|told| told.acknowledged)
        .collect();
    stored.sort_by_key(Event::version);
    let versions: Vec<u64> = stored.iter().map(|event| event.version().get()).collect();
    let without_gaps: Vec<u64> = (1..=stored.len() as u64).collect();
    check::equal(
        "the versions that were acknowledged",
        &versions,
        &without_gaps,
    )?;
    check::history(&store, actor_id, &stored).await
}
