//! Clause 13: what a feed delivers of a history that stands still.

use std::collections::BTreeMap;

use aether_core::{
    Event, EventDraft, EventFeed, EventFilter, EventStore, EventStoreExt, FeedStart, Position,
    RecordedEvent, StoreError, Version,
};
use futures_util::StreamExt;

use crate::check;
use crate::feed_reader::{Reader, each_once, is_lost};
use crate::sample::{NOON, actor, commit, commit_of_drafts, drafts, event, event_saying, events};
use crate::{Context, Failure, Outcome, StoreBuilder};

pub(crate) async fn clause_13_a_feed_gives_each_event_once_and_has_caught_up<B>(
    context: &Context<B>,
) -> Outcome
where
    B: StoreBuilder<Store: EventFeed>,
{
    let store = context.store().await?;
    let stored = some_history(&*store).await?;
    let mut feed = Reader::new(context, &*store, FeedStart::Beginning, EventFilter::all());
    let seen = feed.until_caught_up().await?;
    each_once(&seen, &stored)
}

pub(crate) async fn clause_13_a_feed_of_an_empty_store_has_caught_up<B>(
    context: &Context<B>,
) -> Outcome
where
    B: StoreBuilder<Store: EventFeed>,
{
    let store = context.store().await?;
    let category = EventFilter::all().category("order");
    for start in [FeedStart::Beginning, FeedStart::Now] {
        for filter in [EventFilter::all(), category.clone()] {
            let mut feed = Reader::new(context, &*store, start, filter);
            each_once(&feed.until_caught_up().await?, &[])?;
        }
    }
    Ok(())
}

pub(crate) async fn clause_13_a_long_history_is_delivered_complete<B>(
    context: &Context<B>,
) -> Outcome
where
    B: StoreBuilder<Store: EventFeed>,
{
    let store = context.store().await?;
    let mut stored = Vec::new();
    for (name, count) in [
        ("order-1", 700),
        ("order-2", 1),
        ("order-3", 1_000),
        ("order-4", 3),
    ] {
        let offered = events(&actor(name), 1..=count);
        store.append(commit(&offered)).await?;
        stored.extend(offered);
    }
    let mut feed = Reader::new(context, &*store, FeedStart::Beginning, EventFilter::all());
    let seen = feed.until_caught_up().await?;
    each_once(&seen, &stored)?;
    // And from inside the largest commit.
    let start = FeedStart::After(seen[1_200].position());
    let mut feed = Reader::new(context, &*store, start, EventFilter::all());
    let rest = feed.until_caught_up().await?;
    check::equal(
        "the rest of a long history",
        &(rest == seen[1_201..]),
        &true,
    )
}

pub(crate) async fn clause_13_positions_are_those_of_reads_and_of_appends<B>(
    context: &Context<B>,
) -> Outcome
where
    B: StoreBuilder<Store: EventFeed>,
{
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let mut answered = BTreeMap::new();
    for versions in [vec![1, 2, 3], vec![4], vec![5, 6]] {
        let answer = store.append(commit(&events(&actor_id, versions))).await?;
        answered.insert(answer.version(), answer.position());
    }
    let mut feed = Reader::new(context, &*store, FeedStart::Beginning, EventFilter::all());
    let seen = feed.until_caught_up().await?;
    let read: Vec<_> = store.events(&actor_id, Version::ZERO).collect().await;
    let read: Vec<RecordedEvent> = read.into_iter().collect::<Result<_, StoreError>>()?;
    check::equal("how many events the feed gave", &seen.len(), &read.len())?;
    for (from_feed, from_read) in seen.iter().zip(&read) {
        let version = from_read.event().version();
        let what = format!("the position of version {version}, in the feed and in a read");
        check::equal(what, &from_feed.position(), &from_read.position())?;
        if let Some(position) = answered.get(&version) {
            let what = format!("the position of version {version}, in the feed and in the answer");
            check::equal(what, &from_feed.position(), position)?;
        }
    }
    Ok(())
}

pub(crate) async fn clause_13_a_feed_resumes_after_any_position<B>(context: &Context<B>) -> Outcome
where
    B: StoreBuilder<Store: EventFeed>,
{
    let store = context.store().await?;
    let stored = some_history(&*store).await?;
    let mut feed = Reader::new(context, &*store, FeedStart::Beginning, EventFilter::all());
    let all = feed.until_caught_up().await?;
    each_once(&all, &stored)?;
    // Also inside a commit and after the very last; saved as text; by another process.
    let other = context.reopen().await?;
    for (index, checkpoint) in all.iter().enumerate() {
        let saved = checkpoint.position().to_string();
        let start = FeedStart::After(saved.parse::<Position>()?);
        for handle in [&store, &other] {
            let mut feed = Reader::new(context, &**handle, start, EventFilter::all());
            let rest = feed.until_caught_up().await?;
            resumed(index, &rest, &all)?;
        }
    }
    Ok(())
}

pub(crate) async fn clause_13_a_filtered_feed_resumes_after_any_position<B>(
    context: &Context<B>,
) -> Outcome
where
    B: StoreBuilder<Store: EventFeed>,
{
    let store = context.store().await?;
    some_history(&*store).await?;
    let mut feed = Reader::new(context, &*store, FeedStart::Beginning, EventFilter::all());
    let all = feed.until_caught_up().await?;
    let filter = EventFilter::all().category("order");
    // A checkpoint may be that of an event which the filter does not let pass.
    for (index, checkpoint) in all.iter().enumerate() {
        let start = FeedStart::After(checkpoint.position());
        let mut feed = Reader::new(context, &*store, start, filter.clone());
        let rest = feed.until_caught_up().await?;
        let passing: Vec<RecordedEvent> = all[index + 1..]
            .iter()
            .filter(|r| filter.passes(r.event()))
            .cloned()
            .collect();
        let seen: Vec<Position> = rest.iter().map(RecordedEvent::position).collect();
        let expected: Vec<Position> = passing.iter().map(RecordedEvent::position).collect();
        check::equal(
            format_args!("what follows event {index}, filtered"),
            &seen,
            &expected,
        )?;
    }
    Ok(())
}

pub(crate) async fn clause_13_what_was_refused_or_repeated_is_not_delivered<B>(
    context: &Context<B>,
) -> Outcome
where
    B: StoreBuilder<Store: EventFeed>,
{
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let mut stored = events(&actor_id, [1, 2, 3]);
    store.append(commit(&stored[..2])).await?;
    store.append(commit(&stored[..2])).await?;
    drop(store.append(commit(&events(&actor_id, [2, 3]))).await);
    let changed = event_saying(&actor_id, 1, stored[0].id(), "changed");
    drop(store.save_event(changed).await);
    store.append(commit(&stored[2..])).await?;
    store.append(commit(&stored[1..2])).await?;
    let drafts = commit_of_drafts(&drafts(&actor_id, 2));
    stored.extend(store.append(drafts.clone()).await?.into_numbered());
    store.append(drafts).await?;
    let mut feed = Reader::new(context, &*store, FeedStart::Beginning, EventFilter::all());
    each_once(&feed.until_caught_up().await?, &stored)
}

pub(crate) async fn clause_13_filters_let_pass_what_they_name<B>(context: &Context<B>) -> Outcome
where
    B: StoreBuilder<Store: EventFeed>,
{
    let store = context.store().await?;
    let mut stored = some_history(&*store).await?;
    let mut feeds = Vec::new();
    for filter in some_filters()? {
        let start = FeedStart::Beginning;
        let mut feed = Reader::new(context, &*store, start, filter.clone());
        let seen = feed.until_caught_up().await?;
        passed(&filter, &seen, &stored)?;
        feeds.push((filter, feed, seen));
    }
    // Live as well.
    let more = some_more_history(&*store).await?;
    stored.extend(more);
    for (filter, mut feed, mut seen) in feeds {
        let expected = stored.iter().filter(|event| filter.passes(event)).count();
        while seen.len() < expected {
            seen.push(feed.event().await?);
        }
        passed(&filter, &seen, &stored)?;
    }
    Ok(())
}

pub(crate) async fn clause_13_a_filter_that_nothing_passes_has_caught_up<B>(
    context: &Context<B>,
) -> Outcome
where
    B: StoreBuilder<Store: EventFeed>,
{
    let store = context.store().await?;
    some_history(&*store).await?;
    for filter in [
        EventFilter::all().category("nothing"),
        EventFilter::all().actor(actor("nobody")),
        EventFilter::all().event_type(aether_core::EventType::from_static("Never")),
        EventFilter::all()
            .category("account")
            .actor(actor("order-1")),
    ] {
        let mut feed = Reader::new(context, &*store, FeedStart::Beginning, filter);
        each_once(&feed.until_caught_up().await?, &[])?;
    }
    Ok(())
}

pub(crate) async fn clause_13_a_position_of_another_store_is_refused<B>(
    context: &Context<B>,
) -> Outcome
where
    B: StoreBuilder<Store: EventFeed>,
{
    let (store, another) = (context.store().await?, context.store().await?);
    let actor_id = actor("order-1");
    // As much in both, so that the place as such exists in each.
    for version in 1..=3 {
        store.save_event(event(&actor_id, version)).await?;
    }
    let mut theirs = Vec::new();
    for version in 1..=3 {
        theirs.push(
            another
                .save_event(event(&actor_id, version))
                .await?
                .position(),
        );
    }
    for position in theirs {
        is_lost(context, &*store, position).await?;
    }
    Ok(())
}

pub(crate) async fn clause_13_a_position_past_the_end_is_refused<B>(context: &Context<B>) -> Outcome
where
    B: StoreBuilder<Store: EventFeed>,
{
    let store = context.store().await?;
    let last = store
        .save_event(event(&actor("order-1"), 1))
        .await?
        .position();
    let beyond = Position::new(last.incarnation(), last.sequence() + 1_000, 0);
    is_lost(context, &*store, beyond).await
}

fn resumed(index: usize, rest: &[RecordedEvent], all: &[RecordedEvent]) -> Outcome {
    let of = |events: &[RecordedEvent]| -> Vec<Position> {
        events.iter().map(RecordedEvent::position).collect()
    };
    let what = format!("a feed resumed after event {index} of {}", all.len());
    check::equal(what, &of(rest), &of(&all[index + 1..]))
}

fn passed(filter: &EventFilter, seen: &[RecordedEvent], stored: &[Event]) -> Outcome {
    let passing: Vec<Event> = stored
        .iter()
        .filter(|event| filter.passes(event))
        .cloned()
        .collect();
    each_once(seen, &passing).map_err(|failure| failure.during(format_args!("with {filter:?}")))
}

/// Commits of several sizes, actors, categories and types.
pub(crate) async fn some_history<S: EventStore>(store: &S) -> Result<Vec<Event>, Failure> {
    let mut stored = Vec::new();
    for (name, versions) in [
        ("order-1", vec![1, 2, 3]),
        ("account-1", vec![1]),
        ("order-2", vec![5, 7]),
        ("order-1", vec![4]),
        ("orders-1", vec![1]),
        ("order", vec![1, 2]),
        ("-order", vec![1]),
        ("order-1", vec![5, 6]),
        ("account-2", vec![2, 3, 4]),
    ] {
        stored.extend(append_typed(store, name, &versions).await?);
    }
    Ok(stored)
}

async fn some_more_history<S: EventStore>(store: &S) -> Result<Vec<Event>, Failure> {
    let mut stored = Vec::new();
    for (name, versions) in [
        ("account-1", vec![2]),
        ("order-3", vec![1, 2]),
        ("orders-1", vec![2]),
        ("order-1", vec![7, 8, 9, 10]),
        ("order-2", vec![8, 9]),
    ] {
        stored.extend(append_typed(store, name, &versions).await?);
    }
    Ok(stored)
}

/// Events whose type tells whether their version is odd.
async fn append_typed<S: EventStore>(
    store: &S,
    name: &str,
    versions: &[u32],
) -> Result<Vec<Event>, Failure> {
    let actor_id = actor(name);
    let typed = versions.iter().map(|version| {
        let kind = if version % 2 == 0 { "Even" } else { "Odd" };
        let draft = EventDraft::with_clock(&NOON, &actor_id, kind, &version)?;
        Ok(draft.at(Version::from(*version))?)
    });
    let events = typed.collect::<Result<Vec<Event>, Failure>>()?;
    store.append(commit(&events)).await?;
    Ok(events)
}

fn some_filters() -> Result<Vec<EventFilter>, Failure> {
    let all = EventFilter::all;
    let (odd, even) = (
        aether_core::EventType::new("Odd")?,
        aether_core::EventType::new("Even")?,
    );
    Ok(vec![
        all().category("order"),
        all().category("account").category("orders"),
        all().category("-order"),
        all().actor(actor("order-1")),
        all().actor(actor("order")).actor(actor("account-2")),
        all().event_type(odd.clone()),
        all().event_type(odd).event_type(even.clone()),
        all().category("order").event_type(even.clone()),
        all()
            .category("order")
            .actor(actor("order-1"))
            .actor(actor("account-1")),
        all().actor(actor("order-1")).event_type(even),
    ])
}
