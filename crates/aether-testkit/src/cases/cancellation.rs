//! Clause 12: a save that is dropped stored its commit or did not.

use aether_core::{ActorId, Event, EventStore, EventStoreExt, Version};
use futures_util::future::join_all;

use crate::check;
use crate::interleave::{poll_at_most, yield_now};
use crate::rng::Rng;
use crate::sample::{actor, commit, commit_of_drafts, draft, event, events};
use crate::{Context, Failure, Outcome, StoreBuilder};

/// The most polls after which a save is dropped, where it does not end before.
const POLLS_MAX: usize = 64;

pub(crate) async fn clause_12_a_save_dropped_after_any_poll_is_whole_or_absent<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let mut stored = Vec::new();
    for polls in 0..POLLS_MAX {
        let offered = next_three(&actor_id, &stored);
        let ended = poll_at_most(store.append(commit(&offered)), polls).await;
        whole_or_absent(&*store, &actor_id, &stored, &offered).await?;
        // Saving the same again tells the truth, whatever became of the first.
        let again = store.append(commit(&offered)).await?;
        check::answer("the save after the dropped one", &again, &offered)?;
        stored.extend(offered);
        check::history(&store, &actor_id, &stored).await?;
        if ended.transpose()?.is_some() {
            return Ok(());
        }
    }
    Ok(())
}

pub(crate) async fn clause_12_after_a_dropped_save_another_writer_goes_on<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let mut stored = Vec::new();
    for polls in 0..POLLS_MAX {
        let dropped = next_three(&actor_id, &stored);
        let ended = poll_at_most(store.append(commit(&dropped)), polls).await;
        // Whoever comes next at these versions wins if the dropped save stored nothing, and is
        // refused if it did; nothing in between.
        let rival = next_three(&actor_id, &stored);
        let saved = context.in_time("a save after a dropped one", store.append(commit(&rival)));
        match saved.await? {
            Ok(_) => stored.extend(rival),
            Err(error) if error.is_version_conflict() => stored.extend(dropped),
            Err(error) => return Err(error.into()),
        }
        check::history(&store, &actor_id, &stored).await?;
        if ended.transpose()?.is_some() {
            return Ok(());
        }
    }
    Ok(())
}

pub(crate) async fn clause_12_drafts_dropped_after_any_poll_are_stored_once<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let mut stored: Vec<Event> = Vec::new();
    for polls in 0..POLLS_MAX {
        let offered = commit_of_drafts(&[draft(&actor_id), draft(&actor_id)]);
        let ended = poll_at_most(store.append(offered.clone()), polls).await;
        let again = store.append(offered).await?;
        stored.extend(again.into_numbered());
        check::history(&store, &actor_id, &stored).await?;
        check::equal(
            "how many drafts are stored",
            &stored.len(),
            &(2 * polls + 2),
        )?;
        if ended.transpose()?.is_some() {
            return Ok(());
        }
    }
    Ok(())
}

pub(crate) async fn clause_12_saves_aborted_at_random_are_whole_or_absent<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let mut rng = Rng::seeded(12);
    let mut saves = Vec::new();
    for index in 0..context.effort().writers {
        let actor_id = actor(&format!("order-{index}"));
        let offered = events(&actor_id, [1, 2, 3]);
        let (store, commit) = (store.clone(), commit(&offered));
        let task = tokio::spawn(async move { store.append(commit).await.map(drop) });
        saves.push((actor_id, offered, task));
        for _ in 0..rng.below(4) {
            yield_now().await;
        }
        // One that was begun before, some of the time this one.
        let victim = usize::try_from(rng.below(saves.len() as u64))?;
        saves[victim].2.abort();
    }
    let mut begun = Vec::new();
    for (actor_id, offered, task) in saves {
        let acknowledged = match task.await {
            Ok(answer) => answer.map(|()| true)?,
            Err(ended) if ended.is_cancelled() => false,
            Err(ended) => return Err(ended.into()),
        };
        begun.push((actor_id, offered, acknowledged));
    }
    let checks = begun.iter().map(|(actor_id, offered, acknowledged)| {
        let store = &store;
        async move {
            let whole = whole_or_absent(&**store, actor_id, &[], offered).await?;
            check::that(whole || !acknowledged, || {
                format!("the commit of {actor_id:?} was acknowledged, but is not stored")
            })?;
            // The actor takes events as if nothing had been.
            let four = event(actor_id, 4);
            store.append(commit(offered)).await?;
            store.save_event(four.clone()).await?;
            check::history(store, actor_id, &[&offered[..], &[four]].concat()).await
        }
    });
    join_all(checks).await.into_iter().collect()
}

fn next_three(actor_id: &ActorId, stored: &[Event]) -> Vec<Event> {
    let last = stored.last().map_or(0, |event| event.version().get());
    let first = u32::try_from(last).unwrap_or(u32::MAX - 3) + 1;
    events(actor_id, first..first + 3)
}

/// That of a commit after what is stored, all is there or nothing: whether it is.
async fn whole_or_absent<S: EventStore>(
    store: &S,
    actor_id: &ActorId,
    stored: &[Event],
    offered: &[Event],
) -> Result<bool, Failure> {
    let seen = store.get_events(actor_id, Version::ZERO).await?;
    if seen == stored {
        return Ok(false);
    }
    let whole = [stored, offered].concat();
    check::same_events("after a save that was dropped, the history", &seen, &whole)?;
    Ok(true)
}
