//! Clauses 1 and 2: nothing changes, and versions rise.

use aether_core::{Commit, Event, EventStore, EventStoreExt, ExpectedVersion, Version};

use crate::check;
use crate::sample::{actor, commit, commit_of_drafts, drafts, event, event_saying, events};
use crate::{Context, Outcome, StoreBuilder};

pub(crate) async fn clause_01_no_call_changes_or_removes_what_is_stored<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let (ours, other) = (actor("order-1"), actor("order-2"));
    let stored = events(&ours, [1, 2, 3]);
    store.append(commit(&stored)).await?;
    store.save_event(event(&other, 1)).await?;

    // Whatever these answer, what is stored stays.
    let calls = [
        commit(&events(&ours, [1])),
        commit(&events(&ours, [2, 3, 4])),
        commit(&events(&ours, [3])).expecting(ExpectedVersion::Exactly(Version::from(2))),
        commit(&events(&ours, [9])).expecting(ExpectedVersion::NoEvents),
        commit(&stored),
        commit(&stored[1..2]),
        Commit::event(event_saying(&ours, 2, stored[1].id(), "changed")),
    ];
    for call in calls {
        drop(store.append(call).await);
        check::history(&store, &ours, &stored).await?;
    }
    Ok(())
}

pub(crate) async fn clause_02_the_first_version_is_any_above_zero<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    for first in [1, 17] {
        let actor_id = actor(&format!("begins-{first}"));
        let begins = event(&actor_id, first);
        let answer = store.save_event(begins.clone()).await?;
        check::appended(
            "the first event",
            &answer,
            std::slice::from_ref(&begins),
            false,
        )?;
        check::equal("its version", &answer.version(), &Version::from(first))?;
        check::history(&store, &actor_id, &[begins]).await?;
    }
    Ok(())
}

pub(crate) async fn clause_02_versions_may_have_gaps<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, [2, 3, 7, 20, 1_000, 1_001, 4_000_000_000]);
    store.save_event(stored[0].clone()).await?;
    store.save_event(stored[1].clone()).await?;
    store.append(commit(&stored[2..5])).await?;
    store.append(commit(&stored[5..])).await?;
    check::history(&store, &actor_id, &stored).await
}

pub(crate) async fn clause_02_the_latest_version_is_not_saved_again<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, [1, 5]);
    store.append(commit(&stored[..1])).await?;
    for latest in [1_u32, 5] {
        if latest == 5 {
            store.append(commit(&stored[1..])).await?;
        }
        let refused = store.save_event(event(&actor_id, latest)).await;
        let what = format!("another event at the latest version, {latest}");
        let older = ExpectedVersion::Older;
        check::conflict(what, &refused, &actor_id, latest, latest, older)?;
    }
    check::history(&store, &actor_id, &stored).await
}

pub(crate) async fn clause_02_no_version_below_the_latest_is_saved<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, [2, 5, 9]);
    store.append(commit(&stored[..2])).await?;
    store.append(commit(&stored[2..])).await?;
    // Before the first, at a stored one, and in the gaps.
    for version in [1_u32, 2, 3, 5, 6, 8] {
        let refused = store.save_event(event(&actor_id, version)).await;
        let what = format!("another event at version {version} of an actor at 9");
        check::conflict(
            what,
            &refused,
            &actor_id,
            version,
            9,
            ExpectedVersion::Older,
        )?;
    }
    check::history(&store, &actor_id, &stored).await
}

pub(crate) async fn clause_02_versions_are_compared_as_numbers<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, [9, 10, 99, 100, 255, 256, 65_536, 1_000_000_000]);
    for (index, next) in stored.iter().enumerate() {
        store.save_event(next.clone()).await?;
        check::history(&store, &actor_id, &stored[..=index]).await?;
    }
    let refused = store.save_event(event(&actor_id, 99_999)).await;
    let what = "99,999 after 1,000,000,000";
    let (current, older) = (1_000_000_000, ExpectedVersion::Older);
    check::conflict(what, &refused, &actor_id, 99_999, current, older)
}

pub(crate) async fn clause_02_each_actor_has_a_sequence_of_its_own<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actors = ["order-1", "order-2", "order-12", "account-1"].map(actor);
    let mut stored: Vec<Vec<Event>> = vec![Vec::new(); actors.len()];
    for round in 0..5_u32 {
        for (index, actor_id) in actors.iter().enumerate() {
            let step = u32::try_from(index)? + 1;
            let next = event(actor_id, 1 + round * step);
            store.save_event(next.clone()).await?;
            stored[index].push(next);
        }
    }
    for (actor_id, expected) in actors.iter().zip(&stored) {
        check::history(&store, actor_id, expected).await?;
    }
    Ok(())
}

pub(crate) async fn clause_02_nothing_fits_after_the_highest_version<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let before = Version::new(Version::MAX.get() - 1)?;
    let stored = [event(&actor_id, before), event(&actor_id, Version::MAX)];
    store.save_event(stored[0].clone()).await?;

    // One would fit, two do not: none is stored.
    let two = store.append(commit_of_drafts(&drafts(&actor_id, 2))).await;
    check::that(
        matches!(&two, Err(error) if error.is_version_conflict()),
        || format!("two drafts where one version is left: expected a conflict, saw {two:?}"),
    )?;
    check::history(&store, &actor_id, &stored[..1]).await?;

    store.save_event(stored[1].clone()).await?;
    check::history(&store, &actor_id, &stored).await?;
    let draft = store.append(commit_of_drafts(&drafts(&actor_id, 1))).await;
    check::that(
        matches!(&draft, Err(error) if error.is_version_conflict()),
        || format!("a draft after the highest version: expected a conflict, saw {draft:?}"),
    )?;
    let again = store.save_event(event(&actor_id, Version::MAX)).await;
    let (highest, older) = (Version::MAX, ExpectedVersion::Older);
    check::conflict(
        "the highest version again",
        &again,
        &actor_id,
        highest,
        highest,
        older,
    )?;
    check::history(&store, &actor_id, &stored).await
}
