//! Clauses 7 and 8: a read is complete, and sees what was saved before it.

use std::time::Duration;

use aether_core::{Event, EventStore, EventStoreExt, Version};
use futures_util::StreamExt;

use crate::check;
use crate::interleave::yield_now;
use crate::sample::{actor, commit, event, events};
use crate::{Context, Failure, Outcome, StoreBuilder};

pub(crate) async fn clause_07_a_save_is_seen_by_every_read_that_starts_later<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let (asked, read) = (actor("asked"), actor("read"));
    let mut stored = Vec::new();
    for version in 1..=u32::try_from(context.effort().rounds)? * 2 {
        // One actor is only ever asked for its version, the other only ever read: what is
        // remembered of the one must not be put right by the other.
        store.save_event(event(&asked, version)).await?;
        let latest = store.latest_version(&asked).await?;
        check::equal(
            "the latest version, right after a save",
            &latest,
            &version.into(),
        )?;

        let next = event(&read, version);
        store.save_event(next.clone()).await?;
        stored.push(next);
        let reader = tokio::spawn({
            let (store, actor_id) = (store.clone(), read.clone());
            async move { store.get_events(&actor_id, Version::ZERO).await }
        });
        let seen = reader.await??;
        check::same_events("a read in another task, right after a save", &seen, &stored)?;
    }
    Ok(())
}

pub(crate) async fn clause_07_a_save_is_seen_through_another_handle<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, [1, 2, 3]);
    store.append(commit(&stored[..2])).await?;
    // One that is opened after the save, and one that has read before the next.
    let other = context.reopen().await?;
    for count in [2, 3] {
        if count == 3 {
            store.append(commit(&stored[2..])).await?;
        }
        let shown = async {
            while other.get_events(&actor_id, Version::ZERO).await?.len() < count {
                pause().await;
            }
            Ok::<_, Failure>(())
        };
        context
            .in_time("what one handle saved, in another,", shown)
            .await??;
        check::history(&other, &actor_id, &stored[..count]).await?;
    }
    Ok(())
}

pub(crate) async fn clause_08_reading_from_a_version_includes_it<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, [1, 2, 3, 4, 5, 6]);
    store.append(commit(&stored[..1])).await?;
    // From the middle of a commit too.
    store.append(commit(&stored[1..4])).await?;
    store.append(commit(&stored[4..])).await?;
    for from in 0..=6_u32 {
        let seen = store.get_events(&actor_id, Version::from(from)).await?;
        let skipped = from.saturating_sub(1) as usize;
        check::same_events(
            format_args!("from version {from}"),
            &seen,
            &stored[skipped..],
        )?;
    }
    Ok(())
}

pub(crate) async fn clause_08_reading_from_a_gap_begins_after_it<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, [5, 10, 20, 30]);
    store.append(commit(&stored[..1])).await?;
    store.append(commit(&stored[1..3])).await?;
    store.append(commit(&stored[3..])).await?;
    for (from, skipped) in [
        (1_u32, 0),
        (4, 0),
        (6, 1),
        (9, 1),
        (11, 2),
        (19, 2),
        (21, 3),
        (29, 3),
    ] {
        let seen = store.get_events(&actor_id, Version::from(from)).await?;
        check::same_events(
            format_args!("from version {from}"),
            &seen,
            &stored[skipped..],
        )?;
    }
    Ok(())
}

pub(crate) async fn clause_08_reading_from_beyond_the_end_gives_nothing<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    store.append(commit(&events(&actor_id, [1, 2, 9]))).await?;
    for from in [Version::from(10), Version::from(1_000), Version::MAX] {
        let seen = store.get_events(&actor_id, from).await?;
        check::same_events(format_args!("from version {from}"), &seen, &[])?;
    }
    Ok(())
}

pub(crate) async fn clause_08_an_unknown_actor_has_no_events_and_version_zero<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    check::history(&store, &actor("order-1"), &[]).await?;
    store
        .append(commit(&events(&actor("order-1"), [1, 2])))
        .await?;
    for unknown in [
        "order-2", "order-", "order", "order-11", "rder-1", "order-1 ", "ORDER-1",
    ] {
        let unknown = actor(unknown);
        check::history(&store, &unknown, &[]).await?;
        let seen = store.get_events(&unknown, Version::from(2)).await?;
        check::same_events("an unknown actor from version 2", &seen, &[])?;
    }
    Ok(())
}

pub(crate) async fn clause_08_a_long_history_is_read_in_order_and_complete<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let (ours, other) = (actor("order-1"), actor("order-2"));
    let mut stored = Vec::new();
    let mut version = 0;
    for size in [1, 100, 2, 1, 1, 250, 7, 1, 1, 300, 1, 40, 3, 1] {
        let offered = events(&ours, version + 1..=version + size);
        version += size;
        store.append(commit(&offered)).await?;
        stored.extend(offered);
        store.append(commit(&events(&other, [version]))).await?;
    }
    check::history(&store, &ours, &stored).await?;
    for from in [2_u32, 101, 102, 350, version] {
        let seen = store.get_events(&ours, Version::from(from)).await?;
        let expected = &stored[from as usize - 1..];
        check::same_events(format_args!("from version {from}"), &seen, expected)?;
    }
    // The places of its events in the store rise with their versions.
    let mut stream = store.events(&ours, Version::ZERO);
    let mut last = None;
    while let Some(item) = stream.next().await {
        let position = item?.position();
        check::that(last < Some(position), || {
            format!("a position that does not rise: {position} after {last:?}")
        })?;
        last = Some(position);
    }
    Ok(())
}

pub(crate) async fn clause_08_a_stream_outlives_the_borrow_and_moves_to_another_task<
    B: StoreBuilder,
>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, 1..=20);
    store.append(commit(&stored)).await?;
    let mut stream = {
        let borrowed = actor("order-1");
        store.events(&borrowed, Version::ZERO)
    };
    let first = stream
        .next()
        .await
        .transpose()?
        .map(|recorded| recorded.into_event());
    check::equal("the first event", &first.as_ref(), &stored.first())?;
    let rest = tokio::spawn(async move {
        let rest: Vec<_> = stream.collect().await;
        rest.into_iter()
            .map(|item| item.map(|recorded| recorded.into_event()))
    });
    let rest: Vec<Event> = rest.await?.collect::<Result<_, _>>()?;
    check::same_events("the rest, in another task", &rest, &stored[1..])
}

pub(crate) async fn clause_08_several_streams_at_once_are_each_complete<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actors = [actor("order-1"), actor("order-2"), actor("order-1")];
    let mut stored = Vec::new();
    for actor_id in &actors[..2] {
        let history = events(actor_id, 1..=30);
        store.append(commit(&history[..10])).await?;
        store.append(commit(&history[10..])).await?;
        stored.push(history);
    }
    let mut streams: Vec<_> = actors
        .iter()
        .map(|id| store.events(id, Version::ZERO))
        .collect();
    // In turns, an item from each.
    for index in 0..=30 {
        for (which, stream) in streams.iter_mut().enumerate() {
            let seen = stream.next().await.transpose()?;
            let seen = seen.map(|recorded| recorded.into_event());
            let expected = stored[which % 2].get(index);
            check::equal(format_args!("item {index}"), &seen.as_ref(), &expected)?;
        }
    }
    Ok(())
}

pub(crate) async fn clause_08_a_stream_that_is_dropped_early_leaves_nothing_behind<
    B: StoreBuilder,
>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let mut stored = events(&actor_id, 1..=50);
    store.append(commit(&stored)).await?;
    for taken in [0, 1, 7, 49] {
        let mut stream = store.events(&actor_id, Version::ZERO);
        for _ in 0..taken {
            stream.next().await.transpose()?;
        }
        drop(stream);
        let next = event(&actor_id, u32::try_from(stored.len())? + 1);
        store.save_event(next.clone()).await?;
        stored.push(next);
        check::history(&store, &actor_id, &stored).await?;
    }
    Ok(())
}

pub(crate) async fn clause_08_a_stream_read_beside_appends_has_no_holes<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let mut stored = events(&actor_id, 1..=20);
    store.append(commit(&stored)).await?;
    for _ in 0..context.effort().rounds.min(10) {
        let there = stored.len();
        let mut stream = store.events(&actor_id, Version::ZERO);
        let mut seen = Vec::new();
        while let Some(item) = stream.next().await {
            seen.push(item?.into_event());
            if seen.len() == 1 || seen.len() == there {
                let first = u32::try_from(stored.len())? + 1;
                let offered = events(&actor_id, first..first + 3);
                store.append(commit(&offered)).await?;
                stored.extend(offered);
            }
        }
        check::that(seen.len() >= there, || {
            format!(
                "{there} events were there when the read began, it saw {}",
                seen.len()
            )
        })?;
        let expected = &stored[..seen.len().min(stored.len())];
        check::same_events("a read beside appends", &seen, expected)?;
    }
    check::history(&store, &actor_id, &stored).await
}

/// Lets a moment pass before something is asked for again.
pub(crate) async fn pause() {
    tokio::time::sleep(Duration::from_millis(5)).await;
    yield_now().await;
}
