//! Clauses 2 and 8 for actor ids that trap the careless: each names an actor of its own.

use aether_core::{EventStore, EventStoreExt, StoreErrorKind};

use crate::check;
use crate::sample::{actor, commit, event_saying, events, treacherous_ids};
use crate::{Context, Outcome, StoreBuilder};

pub(crate) async fn clause_08_ids_that_trap_the_careless_are_distinct_and_intact<
    B: StoreBuilder,
>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let mut stored = Vec::new();
    for (index, actor_id) in treacherous_ids().into_iter().enumerate() {
        // The data says whose it is, the version differs from the next actor's.
        let version = u32::try_from(index % 7)? + 1;
        let id = aether_core::EventId::new(format!("event-{index}"))?;
        let event = event_saying(&actor_id, version, &id, actor_id.as_str());
        let answer = store.save_event(event.clone()).await;
        let answer = answer.map_err(|error| {
            crate::Failure::from(error).during(format_args!("the first event of {actor_id:?}"))
        })?;
        check::answer("the answer", &answer, std::slice::from_ref(&event))?;
        stored.push((actor_id, event));
    }
    for (actor_id, event) in &stored {
        check::history(&store, actor_id, std::slice::from_ref(event)).await?;
    }
    // They can be told apart by another process too.
    let other = context.reopen().await?;
    for (actor_id, event) in &stored {
        check::history(&other, actor_id, std::slice::from_ref(event)).await?;
    }
    Ok(())
}

pub(crate) async fn clause_02_ids_that_trap_the_careless_have_sequences_of_their_own<
    B: StoreBuilder,
>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let ids = treacherous_ids();
    // All at version 1, then all again: an id that meets another is refused.
    for versions in [[1, 2], [3, 4]] {
        for actor_id in &ids {
            let offered = events(actor_id, versions);
            let answer = store.append(commit(&offered)).await;
            answer.map_err(|error| {
                crate::Failure::from(error)
                    .during(format_args!("versions {versions:?} of {actor_id:?}"))
            })?;
        }
    }
    for actor_id in &ids {
        let latest = store.latest_version(actor_id).await?;
        check::equal(
            format_args!("the version of {actor_id:?}"),
            &latest,
            &4.into(),
        )?;
        let refused = store.append(commit(&events(actor_id, [4]))).await;
        let what = format!("another event at version 4 of {actor_id:?}");
        check::refused(what, &refused, StoreErrorKind::VersionConflict)?;
    }
    check::history(&store, &actor("a-stranger"), &[]).await
}
