//! Clause 3: what an append may demand of the latest version.

use aether_core::{EventStore, EventStoreExt, ExpectedVersion, Version};

use crate::check;
use crate::sample::{actor, commit, commit_of_drafts, drafts, events};
use crate::{Context, Failure, Outcome, StoreBuilder};

pub(crate) async fn clause_03_older_admits_any_version_above_the_latest<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, [3, 4, 10, 11]);
    store.append(commit(&stored[..1])).await?;
    store
        .append(commit(&stored[1..2]).expecting(ExpectedVersion::Older))
        .await?;
    store
        .append(commit(&stored[2..]).expecting(ExpectedVersion::Older))
        .await?;
    check::history(&store, &actor_id, &stored).await
}

pub(crate) async fn clause_03_exactly_admits_that_latest_version<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, [2, 3, 9, 10]);
    let exactly = |version| ExpectedVersion::Exactly(Version::from(version));
    // An actor without events is exactly at version 0.
    store
        .append(commit(&stored[..1]).expecting(exactly(0)))
        .await?;
    store
        .append(commit(&stored[1..2]).expecting(exactly(2)))
        .await?;
    store
        .append(commit(&stored[2..]).expecting(exactly(3)))
        .await?;
    check::history(&store, &actor_id, &stored).await
}

pub(crate) async fn clause_03_exactly_refuses_every_other_latest_version<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, [2, 5]);
    store.append(commit(&stored)).await?;
    // Versions that the rule of clause 2 would take: only the expectation stands against them.
    for version in [0, 1, 2, 4, 6, 7] {
        let expected = ExpectedVersion::Exactly(Version::from(version));
        let refused = store
            .append(commit(&events(&actor_id, [8, 9])).expecting(expected))
            .await;
        let what = format!("a commit that expects {expected:?} of an actor at 5");
        check::conflict(what, &refused, &actor_id, 8, 5, expected)?;
    }
    let (nobody, expected) = (actor("nobody"), ExpectedVersion::Exactly(Version::from(3)));
    let refused = store
        .append(commit(&events(&nobody, [4])).expecting(expected))
        .await;
    let what = "a commit that expects version 3 of an actor without events";
    check::conflict(what, &refused, &nobody, 4, 0, expected)?;
    check::history(&store, &nobody, &[]).await?;
    check::history(&store, &actor_id, &stored).await
}

pub(crate) async fn clause_03_no_events_admits_an_actor_without_events<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    for first in [1, 17] {
        let actor_id = actor(&format!("begins-{first}"));
        let stored = events(&actor_id, [first, first + 1]);
        store
            .append(commit(&stored).expecting(ExpectedVersion::NoEvents))
            .await?;
        check::history(&store, &actor_id, &stored).await?;
    }
    Ok(())
}

pub(crate) async fn clause_03_no_events_refuses_an_actor_with_events<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, [4]);
    store.append(commit(&stored)).await?;
    let expected = ExpectedVersion::NoEvents;
    for first in [5_u32, 17] {
        let offered = events(&actor_id, [first, first + 1]);
        let refused = store.append(commit(&offered).expecting(expected)).await;
        let what = "a commit that expects no events, though there is one";
        check::conflict(what, &refused, &actor_id, first, 4, expected)?;
    }
    check::history(&store, &actor_id, &stored).await
}

pub(crate) async fn clause_03_a_conflict_says_what_was_attempted_and_what_is_current<
    B: StoreBuilder,
>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-123");
    store.append(commit(&events(&actor_id, [4, 5]))).await?;
    let exactly = ExpectedVersion::Exactly(Version::from(4));
    let attempts = [
        (vec![3], ExpectedVersion::Older, "cannot save version 3"),
        (vec![2, 6], ExpectedVersion::Older, "cannot save version 2"),
        (vec![5], exactly, "cannot save version 5"),
        (
            vec![6, 7],
            exactly,
            "cannot save version 6: it expects exactly version 4",
        ),
        (
            vec![9],
            ExpectedVersion::NoEvents,
            "cannot save version 9: it expects no events",
        ),
    ];
    for (versions, expected, end) in attempts {
        let first = versions[0];
        let commit = commit(&events(&actor_id, versions)).expecting(expected);
        let refused = store.append(commit).await;
        let what = format!("a commit from version {first} that expects {expected:?}");
        check::conflict(&what, &refused, &actor_id, first, 5, expected)?;
        let text = refused
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        let wanted = format!(r#"version conflict: actor "order-123" has version 5, {end}"#);
        check::equal(format_args!("{what}: the text"), &text, &wanted)?;
    }
    Ok(())
}

pub(crate) async fn clause_03_drafts_are_numbered_after_the_latest_version<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let mut stored = Vec::new();
    let rounds = [
        (1, ExpectedVersion::NoEvents, 1),
        (3, ExpectedVersion::Older, 2),
        (2, ExpectedVersion::Exactly(Version::from(4)), 5),
    ];
    for (count, expected, first) in rounds {
        let offered = drafts(&actor_id, count);
        let answer = store
            .append(commit_of_drafts(&offered).expecting(expected))
            .await?;
        let numbered = numbered(&offered, first)?;
        check::numbered("drafts", &answer, &numbered, false)?;
        stored.extend(numbered);
    }
    // After a gap they go on where the history ends.
    let far = events(&actor_id, [100]);
    store.append(commit(&far)).await?;
    stored.extend(far);
    let offered = drafts(&actor_id, 2);
    let answer = store.append_next(offered.iter().cloned()).await?;
    let numbered = numbered(&offered, 101)?;
    check::same_events("drafts after a gap", &answer, &numbered)?;
    stored.extend(numbered);
    check::history(&store, &actor_id, &stored).await
}

pub(crate) async fn clause_03_drafts_that_expect_another_version_are_refused<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, [1, 2]);
    store.append(commit(&stored)).await?;
    for expected in [
        ExpectedVersion::NoEvents,
        ExpectedVersion::Exactly(Version::ZERO),
        ExpectedVersion::Exactly(Version::from(1)),
        ExpectedVersion::Exactly(Version::from(3)),
    ] {
        let offered = commit_of_drafts(&drafts(&actor_id, 2)).expecting(expected);
        let refused = store.append(offered).await;
        let what = format!("drafts that expect {expected:?} of an actor at 2");
        check::conflict(what, &refused, &actor_id, 3, 2, expected)?;
    }
    check::history(&store, &actor_id, &stored).await
}

pub(crate) async fn clause_03_what_another_handle_saved_counts<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let other = context.reopen().await?;
    let actor_id = actor("order-1");
    let mut stored = events(&actor_id, [1, 2, 3, 4, 9]);
    store.append(commit(&stored[..2])).await?;
    other.append(commit(&stored[2..4])).await?;
    // What the first handle remembers is out of date: it must not decide by that, nor tell it.
    let older = ExpectedVersion::Older;
    let refused = store.append(commit(&events(&actor_id, [3]))).await;
    check::conflict(
        "a version that the other handle saved",
        &refused,
        &actor_id,
        3,
        4,
        older,
    )?;
    other.append(commit(&stored[4..])).await?;
    let exactly = ExpectedVersion::Exactly(Version::from(4));
    let refused = store
        .append(commit(&events(&actor_id, [20])).expecting(exactly))
        .await;
    check::conflict("what was true before", &refused, &actor_id, 20, 9, exactly)?;
    let exactly = ExpectedVersion::Exactly(Version::from(9));
    let next = events(&actor_id, [10]);
    store.append(commit(&next).expecting(exactly)).await?;
    stored.extend(next);
    let offered = drafts(&actor_id, 2);
    let answer = other.append(commit_of_drafts(&offered)).await?;
    let numbered = numbered(&offered, 11)?;
    check::numbered("drafts through the other handle", &answer, &numbered, false)?;
    stored.extend(numbered);
    check::history(&context.reopen().await?, &actor_id, &stored).await
}

/// What drafts become when the first of them gets this version.
pub(crate) fn numbered(
    drafts: &[aether_core::EventDraft],
    first: u32,
) -> Result<Vec<aether_core::Event>, Failure> {
    let numbered = (first..).zip(drafts).map(|(version, draft)| {
        let event = draft.clone().at(Version::from(version))?;
        Ok(event)
    });
    numbered.collect()
}
