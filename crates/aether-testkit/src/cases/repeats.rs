//! Clause 6: saving the same events again.

use aether_core::{
    ActorId, Commit, Event, EventId, EventStore, EventStoreExt, ExpectedVersion, Timestamp, Version,
};

use super::expectations::numbered;
use super::races::at_once;
use crate::check;
use crate::sample::{actor, commit, commit_of_drafts, draft, drafts, event, event_saying, events};
use crate::{Context, Failure, Outcome, StoreBuilder};

pub(crate) async fn clause_06_the_same_event_again_succeeds_and_changes_nothing<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, [3]);
    let first = store.save_event(stored[0].clone()).await?;
    check::appended("the first save", &first, &stored, false)?;
    for _ in 0..3 {
        let again = store.save_event(stored[0].clone()).await?;
        check::appended("the same event again", &again, &stored, true)?;
        check::equal("where it is stored", &again.position(), &first.position())?;
        check::history(&store, &actor_id, &stored).await?;
    }
    Ok(())
}

pub(crate) async fn clause_06_a_whole_commit_again_succeeds_and_changes_nothing<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, [1, 2, 5]);
    let first = store.append(commit(&stored)).await?;
    let again = store.append(commit(&stored)).await?;
    check::appended("the same commit again", &again, &stored, true)?;
    check::equal("where it is stored", &again.position(), &first.position())?;
    check::history(&store, &actor_id, &stored).await
}

pub(crate) async fn clause_06_events_out_of_a_commit_again_are_a_repeat<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, [1, 2, 3, 4]);
    store.append(commit(&stored)).await?;
    for part in [0..1, 1..2, 3..4, 0..2, 1..3, 2..4, 0..3] {
        let offered = &stored[part];
        let again = store.append(commit(offered)).await?;
        check::appended("events out of a commit again", &again, offered, true)?;
    }
    let with_a_hole = [stored[0].clone(), stored[2].clone()];
    let again = store.append(commit(&with_a_hole)).await?;
    check::appended(
        "events out of a commit, but one, again",
        &again,
        &with_a_hole,
        true,
    )?;
    check::history(&store, &actor_id, &stored).await
}

pub(crate) async fn clause_06_events_of_several_commits_again_are_a_repeat<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, [1, 2, 3, 4, 5]);
    store.append(commit(&stored[..2])).await?;
    store.append(commit(&stored[2..3])).await?;
    store.append(commit(&stored[3..])).await?;
    for part in [0..3, 1..4, 2..5, 0..5] {
        let offered = &stored[part];
        let again = store.append(commit(offered)).await?;
        check::appended("events of several commits again", &again, offered, true)?;
    }
    check::history(&store, &actor_id, &stored).await
}

pub(crate) async fn clause_06_a_late_repeat_is_recognised<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let mut stored = events(&actor_id, [1, 3, 4]);
    let first = store.append(commit(&stored)).await?;
    for version in 5..150 {
        let next = event(&actor_id, version);
        store.save_event(next.clone()).await?;
        stored.push(next);
    }
    for part in [0..3, 0..1, 70..71] {
        let offered = &stored[part];
        let again = store.append(commit(offered)).await?;
        check::appended("a repeat after others were appended", &again, offered, true)?;
    }
    let again = store.append(commit(&stored[..3])).await?;
    check::equal("where it is stored", &again.position(), &first.position())?;
    check::history(&store, &actor_id, &stored).await
}

pub(crate) async fn clause_06_a_repeat_through_another_handle_is_recognised<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, [1, 2, 3]);
    store.append(commit(&stored[..2])).await?;
    let newest = context.reopen().await?.append(commit(&stored[..2])).await?;
    check::appended(
        "the newest commit again, elsewhere",
        &newest,
        &stored[..2],
        true,
    )?;
    store.append(commit(&stored[2..])).await?;
    let late = context.reopen().await?.append(commit(&stored[..2])).await?;
    check::appended(
        "an older commit again, elsewhere",
        &late,
        &stored[..2],
        true,
    )?;
    check::history(&store, &actor_id, &stored).await
}

pub(crate) async fn clause_06_a_repeat_is_recognised_whatever_it_expects<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, [1, 2, 3]);
    let exactly = |version| ExpectedVersion::Exactly(Version::from(version));
    // What was true when it was stored, and no longer is once it was.
    let commits = [
        commit(&stored[..2]).expecting(ExpectedVersion::NoEvents),
        commit(&stored[2..]).expecting(exactly(2)),
    ];
    for commit in &commits {
        store.append(commit.clone()).await?;
        let again = store.append(commit.clone()).await?;
        let what = format!("a repeat that expects {:?}", commit.expected());
        check::equal(what, &again.was_repeated(), &true)?;
    }
    let late = store.append(commits[0].clone()).await?;
    check::appended(
        "a late repeat that expects no events",
        &late,
        &stored[..2],
        true,
    )?;
    let never_true = commit(&stored[2..]).expecting(exactly(77));
    let again = store.append(never_true).await?;
    check::appended(
        "a repeat that expects version 77",
        &again,
        &stored[2..],
        true,
    )?;
    check::history(&store, &actor_id, &stored).await
}

pub(crate) async fn clause_06_other_content_under_the_same_id_and_version_is_a_mismatch<
    B: StoreBuilder,
>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let id = EventId::new("one-id")?;
    let stored = [
        event_saying(&actor_id, 1, &id, "as it is"),
        event(&actor_id, 2),
    ];
    store.save_event(stored[0].clone()).await?;

    let draft = || stored[0].to_draft();
    let other_type = {
        let other = aether_core::EventDraft::new(&actor_id, "Other", &())?;
        other
            .id(id.clone())
            .data(stored[0].data().clone())
            .timestamp(stored[0].timestamp())
    };
    let nanosecond_later = stored[0].timestamp().unix_nanos() + 1;
    let others = [
        (
            "data",
            event_saying(&actor_id, 1, &id, "changed").to_draft(),
        ),
        ("type", other_type),
        (
            "command",
            draft().command(aether_core::CommandId::new("a command")?),
        ),
        ("metadata", draft().metadata("key", "value")?),
        (
            "timestamp",
            draft().timestamp(Timestamp::from_unix_nanos(nanosecond_later)),
        ),
    ];
    let others: Vec<(&str, Event)> = others
        .into_iter()
        .map(|(what, draft)| Ok((what, draft.at(Version::from(1))?)))
        .collect::<Result<_, Failure>>()?;
    for (what, other) in &others {
        let refused = store.save_event(other.clone()).await;
        check::mismatch(format_args!("other {what}"), &refused, &stored[0])?;
        check::history(&store, &actor_id, &stored[..1]).await?;
    }
    // Also when others have been appended since.
    store.save_event(stored[1].clone()).await?;
    for (what, other) in &others {
        let refused = store.save_event(other.clone()).await;
        check::mismatch(format_args!("other {what}, late"), &refused, &stored[0])?;
    }
    check::history(&store, &actor_id, &stored).await
}

pub(crate) async fn clause_06_one_changed_event_in_a_repeated_commit_is_a_mismatch<
    B: StoreBuilder,
>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, [1, 2, 3]);
    store.append(commit(&stored)).await?;
    for changed in 0..3_usize {
        let mut offered = stored.clone();
        let version = u32::try_from(changed)? + 1;
        offered[changed] = event_saying(&actor_id, version, stored[changed].id(), "changed");
        let refused = store.append(commit(&offered)).await;
        let what = format!("a repeated commit with other content at version {version}");
        check::mismatch(what, &refused, &stored[changed])?;
        check::history(&store, &actor_id, &stored).await?;
    }
    Ok(())
}

pub(crate) async fn clause_06_another_event_at_a_stored_version_is_a_conflict<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, [1, 2, 3]);
    store.append(commit(&stored)).await?;
    // The same in every part but the id.
    for (version, original) in (1_u32..).zip(&stored) {
        let other = original.to_draft().id(draft(&actor_id).event_id().clone());
        let refused = store.save_event(other.at(original.version())?).await;
        let what = format!("an equal event with another id at version {version}");
        check::conflict(
            what,
            &refused,
            &actor_id,
            version,
            3,
            ExpectedVersion::Older,
        )?;
    }
    // A stored version among others, and a stored id at a version that is free: no repeats.
    let mixed = [stored[0].clone(), event(&actor_id, 2), stored[2].clone()];
    let refused = store.append(commit(&mixed)).await;
    let what = "a stored commit with another event in its middle";
    check::conflict(what, &refused, &actor_id, 1, 3, ExpectedVersion::Older)?;
    check::history(&store, &actor_id, &stored).await
}

pub(crate) async fn clause_06_a_partial_overlap_is_a_conflict<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, [1, 2, 3]);
    store.append(commit(&stored[..1])).await?;
    store.append(commit(&stored[1..])).await?;
    for overlap in [0..3, 1..3, 2..3] {
        let first = u32::try_from(overlap.start)? + 1;
        let new = events(&actor_id, [4, 5]);
        let offered = [&stored[overlap], &new].concat();
        let refused = store.append(commit(&offered)).await;
        let what = format!("stored events from version {first} on, and two more");
        check::conflict(what, &refused, &actor_id, first, 3, ExpectedVersion::Older)?;
        check::history(&store, &actor_id, &stored).await?;
    }
    Ok(())
}

pub(crate) async fn clause_06_drafts_are_recognised_where_they_are_the_newest_commit<
    B: StoreBuilder,
>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let mut stored = events(&actor_id, [1, 7]);
    store.append(commit(&stored)).await?;
    for (count, expected, first) in [
        (1, ExpectedVersion::Older, 8),
        (3, ExpectedVersion::Older, 9),
        (2, ExpectedVersion::Exactly(Version::from(11)), 12),
    ] {
        let offered = drafts(&actor_id, count);
        let offered_commit = commit_of_drafts(&offered).expecting(expected);
        let first_answer = store.append(offered_commit.clone()).await?;
        let numbered = numbered(&offered, first)?;
        check::numbered("drafts", &first_answer, &numbered, false)?;
        stored.extend(numbered.clone());
        let reopened = context.reopen().await?;
        for handle in [&store, &reopened] {
            let again = handle.append(offered_commit.clone()).await?;
            check::numbered("the same drafts again", &again, &numbered, true)?;
            let position = first_answer.position();
            check::equal("where they are stored", &again.position(), &position)?;
        }
        check::history(&store, &actor_id, &stored).await?;
        // What they became is a repeat as well.
        let again = store.append(commit(&numbered)).await?;
        check::appended("what the drafts became", &again, &numbered, true)?;
    }
    check::history(&store, &actor_id, &stored).await
}

pub(crate) async fn clause_06_many_repeats_at_once_store_a_commit_once<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let handles = [store.clone(), context.reopen().await?];
    for round in 0..context.effort().rounds.min(10) {
        let actor_id = actor(&format!("order-{round}"));
        let stored = events(&actor_id, [1, 2]);
        let writers: Vec<usize> = (0..8).collect();
        let answers = at_once(&writers, |writer| {
            let (store, commit) = (handles[writer % 2].clone(), commit(&stored));
            async move { store.append(commit).await }
        });
        let mut stored_by = 0;
        for answer in answers.await? {
            let answer = answer?;
            check::answer("the answer", &answer, &stored)?;
            stored_by += usize::from(!answer.was_repeated());
        }
        check::equal(
            "how many of 8 equal saves stored the commit",
            &stored_by,
            &1,
        )?;
        check::history(&store, &actor_id, &stored).await?;
    }
    Ok(())
}

pub(crate) async fn clause_06_the_same_id_for_two_actors_is_no_repeat<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    // An id names one event, in every store and for ever; but who breaks that rule must not lose
    // another actor's event by it.
    let store = context.store().await?;
    let id = EventId::new("one-id")?;
    let saved: Vec<(ActorId, Event)> = ["order-1", "order-2"]
        .map(|name| {
            let actor_id = actor(name);
            let event = event_saying(&actor_id, 1, &id, name);
            (actor_id, event)
        })
        .into();
    for (_, event) in &saved {
        let answer = store.append(Commit::event(event.clone())).await?;
        check::equal("whether it was a repeat", &answer.was_repeated(), &false)?;
    }
    for (actor_id, event) in &saved {
        check::history(&store, actor_id, std::slice::from_ref(event)).await?;
    }
    Ok(())
}
