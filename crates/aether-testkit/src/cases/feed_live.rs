//! Clause 13: what a feed delivers while events are being stored.

use aether_core::{Event, RecordedEvent};
use aether_core::{EventFeed, EventFilter, EventStore, EventStoreExt, FeedItem, FeedStart};
use futures_util::StreamExt;
use futures_util::future::try_join_all;

use super::feed::some_history;
use crate::check;
use crate::feed_reader::{Reader, each_once};
use crate::interleave::{poll_at_most, yield_now};
use crate::sample::{actor, commit, draft, drafts, event, events};
use crate::{Context, Failure, Outcome, StoreBuilder};

pub(crate) async fn clause_13_after_catching_up_a_feed_is_live<B>(context: &Context<B>) -> Outcome
where
    B: StoreBuilder<Store: EventFeed>,
{
    let store = context.store().await?;
    let mut stored = some_history(&*store).await?;
    let mut feed = Reader::new(context, &*store, FeedStart::Beginning, EventFilter::all());
    let mut seen = feed.until_caught_up().await?;
    // One at a time, each awaited; and several behind one another.
    for _ in 0..context.effort().rounds {
        let next = store.append_next([draft(&actor("live-1"))]).await?;
        stored.extend(next);
        seen.push(feed.event().await?);
    }
    for _ in 0..context.effort().rounds {
        stored.extend(store.append_next(drafts(&actor("live-2"), 3)).await?);
    }
    while seen.len() < stored.len() {
        seen.push(feed.event().await?);
    }
    each_once(&seen, &stored)
}

pub(crate) async fn clause_13_a_feed_goes_from_history_to_live_without_a_seam<B>(
    context: &Context<B>,
) -> Outcome
where
    B: StoreBuilder<Store: EventFeed>,
{
    let store = context.store().await?;
    let mut stored = some_history(&*store).await?;
    let before = stored.len();
    let writers = (0..4).map(|writer| {
        let (store, rounds) = (store.clone(), context.effort().rounds * 3);
        tokio::spawn(async move {
            let actor_id = actor(&format!("writer-{writer}"));
            let mut stored = Vec::new();
            for round in 0..rounds {
                stored.extend(store.append_next(drafts(&actor_id, 1 + round % 3)).await?);
                yield_now().await;
            }
            Ok::<_, Failure>(stored)
        })
    });
    let writers: Vec<_> = writers.collect();
    // Feeds begin while the writers are at it.
    let mut feeds = Vec::new();
    for _ in 0..3 {
        feeds.push((
            Reader::new(context, &*store, FeedStart::Beginning, EventFilter::all()),
            vec![],
        ));
        for (feed, seen) in &mut feeds {
            seen.push(feed.item().await??);
        }
    }
    for written in try_join_all(writers).await? {
        stored.extend(written?);
    }
    for (mut feed, mut items) in feeds {
        // All events, and once that it has caught up.
        while items.len() < stored.len() + 1 {
            items.push(feed.item().await??);
        }
        let caught_up = items.iter().position(|item| *item == FeedItem::CaughtUp);
        check::that(caught_up.is_some_and(|index| index >= before), || {
            format!(
                "{before} events were there when the feed began: expected it to say that it has \
                 caught up after those, once; it did after {caught_up:?}"
            )
        })?;
        let seen: Vec<RecordedEvent> = items.into_iter().filter_map(event_of).collect();
        each_once(&seen, &stored)?;
    }
    Ok(())
}

pub(crate) async fn clause_13_all_feeds_give_the_same_order<B>(context: &Context<B>) -> Outcome
where
    B: StoreBuilder<Store: EventFeed>,
{
    let store = context.store().await?;
    let other = context.reopen().await?;
    let mut live = Reader::new(context, &*store, FeedStart::Beginning, EventFilter::all());
    live.until_caught_up().await?;
    let writers = (0..context.effort().writers).map(|writer| {
        let store = if writer % 2 == 0 {
            store.clone()
        } else {
            other.clone()
        };
        let actor_id = actor(&format!("order-{}", writer % 7));
        tokio::spawn(async move { store.append_next(drafts(&actor_id, 1 + writer % 2)).await })
    });
    let writers: Vec<_> = writers.collect();
    let mut stored: Vec<Event> = Vec::new();
    for written in try_join_all(writers).await? {
        stored.extend(written?);
    }
    let mut seen_live = Vec::new();
    while seen_live.len() < stored.len() {
        seen_live.push(live.event().await?);
    }
    each_once(&seen_live, &stored)?;
    for handle in [&store, &context.reopen().await?] {
        let mut feed = Reader::new(context, &**handle, FeedStart::Beginning, EventFilter::all());
        let seen = feed.until_caught_up().await?;
        let same = seen == seen_live;
        check::equal(
            "whether a later feed has the order of the live one",
            &same,
            &true,
        )?;
    }
    Ok(())
}

pub(crate) async fn clause_13_a_feed_from_now_gives_only_what_comes_later<B>(
    context: &Context<B>,
) -> Outcome
where
    B: StoreBuilder<Store: EventFeed>,
{
    let store = context.store().await?;
    some_history(&*store).await?;
    let actor_id = actor("order-9");
    let mut feed = Reader::new(context, &*store, FeedStart::Now, EventFilter::all());
    // Now is when it is polled for the first time.
    store.save_event(event(&actor_id, 1)).await?;
    each_once(&feed.until_caught_up().await?, &[])?;
    let later = events(&actor_id, [2, 3, 4]);
    store.append(commit(&later[..2])).await?;
    store.append(commit(&later[2..])).await?;
    let seen = [
        feed.event().await?,
        feed.event().await?,
        feed.event().await?,
    ];
    each_once(&seen, &later)
}

pub(crate) async fn clause_13_a_feed_resumed_at_the_end_is_live<B>(context: &Context<B>) -> Outcome
where
    B: StoreBuilder<Store: EventFeed>,
{
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let mut checkpoint = store
        .append(commit(&events(&actor_id, [1, 2])))
        .await?
        .position();
    for version in 3..=6_u32 {
        let start = FeedStart::After(checkpoint);
        let mut feed = Reader::new(context, &*store, start, EventFilter::all());
        each_once(&feed.until_caught_up().await?, &[])?;
        let next = event(&actor_id, version);
        store.save_event(next.clone()).await?;
        let seen = feed.event().await?;
        each_once(std::slice::from_ref(&seen), &[next])?;
        checkpoint = seen.position();
    }
    Ok(())
}

pub(crate) async fn clause_13_a_feed_gives_what_another_handle_stores<B>(
    context: &Context<B>,
) -> Outcome
where
    B: StoreBuilder<Store: EventFeed>,
{
    let store = context.store().await?;
    let other = context.reopen().await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, [1, 2, 3, 4]);
    other.append(commit(&stored[..2])).await?;
    let mut feed = Reader::new(context, &*store, FeedStart::Beginning, EventFilter::all());
    let mut seen = feed.until_caught_up().await?;
    other.append(commit(&stored[2..])).await?;
    seen.push(feed.event().await?);
    seen.push(feed.event().await?);
    each_once(&seen, &stored)
}

pub(crate) async fn clause_13_a_paused_reader_blocks_no_writer<B>(context: &Context<B>) -> Outcome
where
    B: StoreBuilder<Store: EventFeed>,
{
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let mut stored = events(&actor_id, [1, 2]);
    store.append(commit(&stored)).await?;
    let mut paused = Reader::new(context, &*store, FeedStart::Beginning, EventFilter::all());
    let mut seen = vec![paused.event().await?];
    // Far more than any reader would take in advance.
    for first in (3..3_000_u32).step_by(500) {
        let offered = events(&actor_id, first..first + 500);
        let save = store.append(commit(&offered));
        context
            .in_time("a save beside a feed that nobody reads", save)
            .await??;
        stored.extend(offered);
    }
    seen.extend(paused.until_caught_up().await?);
    while seen.len() < stored.len() {
        seen.push(paused.event().await?);
    }
    each_once(&seen, &stored)
}

pub(crate) async fn clause_13_a_dropped_feed_leaves_nothing_behind<B>(
    context: &Context<B>,
) -> Outcome
where
    B: StoreBuilder<Store: EventFeed>,
{
    let store = context.store().await?;
    let mut stored = some_history(&*store).await?;
    let actor_id = actor("order-9");
    let there = stored.len();
    for taken in [0, 1, 4, there, there + 1] {
        let mut feed = store.feed(FeedStart::Beginning, EventFilter::all());
        for _ in 0..taken {
            context
                .in_time("the next item of a feed", feed.next())
                .await?
                .transpose()?;
        }
        if taken > there {
            // While it waits for what is not there yet.
            check::that(
                poll_at_most(feed.next(), 1).await.is_none() || stored.len() > there,
                || "a feed gave something that was not stored".to_owned(),
            )?;
        }
        drop(feed);
        let next = store.append_next([draft(&actor_id)]);
        stored.extend(
            context
                .in_time("a save after a dropped feed", next)
                .await??,
        );
    }
    let mut feed = Reader::new(context, &*store, FeedStart::Beginning, EventFilter::all());
    each_once(&feed.until_caught_up().await?, &stored)
}

fn event_of(item: FeedItem) -> Option<RecordedEvent> {
    match item {
        FeedItem::Event(recorded) => Some(recorded),
        FeedItem::CaughtUp => None,
    }
}
