//! Clause 11: who listens is told of each stored event once, and of nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use aether_core::{
    ActorId, BroadcastError, Clock, Event, EventBroadcaster, EventId, EventStore, EventStoreExt,
    EventStored, ExpectedVersion, Namespace, SystemClock, Version,
};
use futures_util::StreamExt;

use super::races::at_once;
use crate::check;
use crate::context::NAMESPACE;
use crate::interleave::poll_at_most;
use crate::sample::{actor, commit, commit_of_drafts, draft, drafts, event, event_saying, events};
use crate::{Context, Failure, Outcome, RecordingBroadcaster, StoreBuilder};

/// How far the clock of a notice may be from that of the suite, in seconds.
const CLOCKS_DIFFER_MAX: i64 = 5;

pub(crate) async fn clause_11_each_stored_event_is_noticed_once<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let (store, told) = listening(context).await?;
    let actor_id = actor("order-1");
    let single = event(&actor_id, 1);
    let several = events(&actor_id, [2, 3, 7]);
    store.save_event(single.clone()).await?;
    heard(context, &told, std::slice::from_ref(&single)).await?;
    store.append(commit(&several)).await?;
    let mut stored = [&[single][..], &several].concat();
    heard(context, &told, &stored).await?;
    let numbered = store.append_next(drafts(&actor_id, 2)).await?;
    stored.extend(numbered);
    heard(context, &told, &stored).await?;
    stored.push(sentinel(&store, &actor_id).await?);
    heard(context, &told, &stored).await
}

pub(crate) async fn clause_11_a_notice_says_what_was_stored_and_where<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let (store, told) = listening(context).await?;
    let actor_id = actor("order-1");
    let stored = events(&actor_id, [3, 4]);
    let before = SystemClock.now().unix_seconds() - CLOCKS_DIFFER_MAX;
    store.append(commit(&stored)).await?;
    let notices = context
        .in_time("notices of two events", told.wait_for(2))
        .await?;
    let after = SystemClock.now().unix_seconds() + CLOCKS_DIFFER_MAX;
    let recorded: Vec<_> = store.events(&actor_id, Version::ZERO).collect().await;
    for ((namespace, notice), recorded) in notices.iter().zip(recorded) {
        let recorded = recorded?;
        let event = recorded.event();
        check::equal("the namespace of a notice", namespace, &NAMESPACE)?;
        check::equal("its type", notice.event_type(), &EventStored::EVENT_TYPE)?;
        check::equal("its actor", notice.actor_id(), event.actor_id())?;
        check::equal("its version", &notice.version(), &event.version())?;
        check::that(notice.id() != event.id(), || {
            format!(
                "a notice must have an id of its own, it has the event's, {}",
                notice.id()
            )
        })?;
        let data: EventStored = notice.decode()?;
        check::equal("its data: the event's id", &data.event_id, event.id())?;
        check::equal("its data: the actor", &data.actor_id, event.actor_id())?;
        check::equal("its data: the version", &data.version, &event.version())?;
        check::that((before..=after).contains(&data.timestamp), || {
            format!(
                "its data: the time in seconds since 1970: expected {before} to {after}, saw {}",
                data.timestamp
            )
        })?;
        if let Some(position) = data.position {
            check::equal("its data: the position", &position, &recorded.position())?;
        }
    }
    Ok(())
}

pub(crate) async fn clause_11_nothing_is_noticed_of_a_refused_save<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let (store, told) = listening(context).await?;
    let (actor_id, other) = (actor("order-1"), actor("order-2"));
    let mut stored = events(&actor_id, [2, 3]);
    store.append(commit(&stored)).await?;
    let refused = [
        commit(&events(&actor_id, [3])),
        commit(&events(&actor_id, [1])),
        commit(&events(&actor_id, [3, 4, 5])),
        commit(&events(&actor_id, [4])).expecting(ExpectedVersion::NoEvents),
        commit_of_drafts(&drafts(&actor_id, 2)).expecting(ExpectedVersion::Exactly(7.into())),
        commit(&[event_saying(&actor_id, 3, stored[1].id(), "changed")]),
    ];
    for commit in refused {
        let answer = store.append(commit).await;
        check::that(answer.is_err(), || {
            format!("expected a refusal, saw {answer:?}")
        })?;
    }
    let mixed = [event(&actor_id, 8), event(&other, 9)];
    let answer = store.save_events(mixed).await;
    check::that(answer.is_err(), || {
        format!("expected a refusal, saw {answer:?}")
    })?;
    stored.push(sentinel(&store, &actor_id).await?);
    heard(context, &told, &stored).await
}

pub(crate) async fn clause_11_nothing_is_noticed_of_a_repeat<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let (store, told) = listening(context).await?;
    let actor_id = actor("order-1");
    let mut stored = events(&actor_id, [1, 2, 3]);
    store.append(commit(&stored[..2])).await?;
    store.append(commit(&stored[..2])).await?;
    store.append(commit(&stored[2..])).await?;
    for part in [0..2, 1..2, 2..3] {
        store.append(commit(&stored[part])).await?;
    }
    let drafts = commit_of_drafts(&drafts(&actor_id, 2));
    stored.extend(store.append(drafts.clone()).await?.into_numbered());
    store.append(drafts).await?;
    stored.push(sentinel(&store, &actor_id).await?);
    heard(context, &told, &stored).await
}

pub(crate) async fn clause_11_what_another_handle_stored_is_not_noticed_again<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let (store, told) = listening(context).await?;
    let actor_id = actor("order-1");
    let elsewhere = events(&actor_id, [1, 2]);
    let other = context.reopen().await?;
    other.append(commit(&elsewhere)).await?;
    // Here it is found stored; the other handle may have told the same listener, once.
    store.append(commit(&elsewhere)).await?;
    store.append(commit(&elsewhere[1..])).await?;
    let ours = sentinel(&store, &actor_id).await?;
    let all = context
        .in_time("the notice of our own event", until(&told, &ours))
        .await?;
    let mut times: BTreeMap<EventId, usize> = BTreeMap::new();
    for notice in &all {
        *times.entry(notice.event_id.clone()).or_default() += 1;
    }
    check::that(times.values().all(|times| *times == 1), || {
        format!("expected no event to be noticed twice, saw {times:?}")
    })
}

pub(crate) async fn clause_11_notices_of_one_actor_come_in_the_order_of_its_versions<
    B: StoreBuilder,
>(
    context: &Context<B>,
) -> Outcome {
    let (store, told) = listening(context).await?;
    let actor_id = actor("order-1");
    let writers: Vec<usize> = (0..context.effort().writers).collect();
    let answers = at_once(&writers, |writer| {
        let commit = commit_of_drafts(&drafts(&actor_id, 1 + writer % 3));
        let store = store.clone();
        async move { store.append(commit).await }
    });
    for answer in answers.await? {
        answer?;
    }
    sentinel(&store, &actor_id).await?;
    let stored = store.get_events(&actor_id, Version::ZERO).await?;
    heard(context, &told, &stored).await
}

pub(crate) async fn clause_11_many_writers_on_many_actors_are_noticed_once_each<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let (store, told) = listening(context).await?;
    let actors: Vec<ActorId> = (0..5).map(|n| actor(&format!("order-{n}"))).collect();
    let writers: Vec<usize> = (0..context.effort().writers).collect();
    // Rivals for few versions: many saves are refused.
    let answers = at_once(&writers, |writer| {
        let version = u32::try_from(writer / 10).unwrap_or(0) + 1;
        let commit = commit(&events(&actors[writer % 5], [version, version + 1]));
        let store = store.clone();
        async move { store.append(commit).await }
    });
    for answer in answers.await? {
        match answer {
            Ok(_) => {}
            Err(error) if error.is_version_conflict() => {}
            Err(error) => return Err(error.into()),
        }
    }
    for actor_id in &actors {
        sentinel(&store, actor_id).await?;
        let stored = store.get_events(actor_id, Version::ZERO).await?;
        heard(context, &told, &stored).await?;
    }
    Ok(())
}

pub(crate) async fn clause_11_a_failing_broadcaster_fails_no_save<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store_with_notices(Arc::new(Failing)).await?;
    goes_on(&*store).await
}

pub(crate) async fn clause_11_a_panicking_broadcaster_fails_no_save<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store_with_notices(Arc::new(Panicking)).await?;
    goes_on(&*store).await
}

pub(crate) async fn clause_11_a_dropped_save_is_noticed_at_most_once<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let (store, told) = listening(context).await?;
    let actor_id = actor("order-1");
    for polls in 0..20_u32 {
        let offered = events(&actor_id, [polls * 2 + 1, polls * 2 + 2]);
        let ended = poll_at_most(store.append(commit(&offered)), polls as usize).await;
        store.append(commit(&offered)).await?;
        let last = sentinel(&store, &actor("order-2")).await?;
        let all = context
            .in_time("the notice of a later event", until(&told, &last))
            .await?;
        for event in &offered {
            let times = all
                .iter()
                .filter(|notice| notice.event_id == *event.id())
                .count();
            check::that(times <= 1, || {
                format!(
                    "a save was dropped after {polls} polls and made again: expected at most one \
                     notice of version {}, saw {times}",
                    event.version()
                )
            })?;
        }
        if ended.transpose()?.is_some() {
            return Ok(());
        }
    }
    Ok(())
}

/// A new store, and the listener that it tells.
async fn listening<B: StoreBuilder>(
    context: &Context<B>,
) -> Result<(Arc<B::Store>, Arc<RecordingBroadcaster>), Failure> {
    let told = Arc::new(RecordingBroadcaster::new());
    let store = context.store_with_notices(told.clone()).await?;
    Ok((store, told))
}

/// Stores one more event of the actor: when that is noticed, all before it were.
async fn sentinel<S: EventStore>(store: &S, actor_id: &ActorId) -> Result<Event, Failure> {
    let numbered = store.append_next([draft(actor_id)]).await?;
    let last = numbered.into_iter().next_back();
    last.ok_or_else(|| Failure::new("a draft was acknowledged without an event"))
}

/// What was told until this event was.
async fn until(told: &RecordingBroadcaster, event: &Event) -> Vec<EventStored> {
    let mut count = 0;
    loop {
        let notices = told.wait_for(count).await;
        let data: Vec<EventStored> = notices
            .iter()
            .filter_map(|(_, notice)| notice.decode().ok())
            .collect();
        if data.iter().any(|notice| notice.event_id == *event.id()) {
            return data;
        }
        count = notices.len() + 1;
    }
}

/// That of an actor exactly these events were noticed, in this order.
async fn heard<B: StoreBuilder>(
    context: &Context<B>,
    told: &RecordingBroadcaster,
    stored: &[Event],
) -> Outcome {
    let Some(last) = stored.last() else {
        return Ok(());
    };
    let all = context
        .in_time("the notice of a stored event", until(told, last))
        .await?;
    let ours = all
        .iter()
        .filter(|notice| notice.actor_id == *last.actor_id());
    let seen: Vec<(u64, &str)> = ours
        .map(|notice| (notice.version.get(), notice.event_id.as_str()))
        .collect();
    let expected: Vec<(u64, &str)> = stored
        .iter()
        .map(|event| (event.version().get(), event.id().as_str()))
        .collect();
    check::equal(
        format_args!("the notices of {:?}", last.actor_id()),
        &seen,
        &expected,
    )
}

/// That a store takes events, whatever its broadcaster does.
async fn goes_on<S: EventStore>(store: &S) -> Outcome {
    let actor_id = actor("order-1");
    let stored = events(&actor_id, [1, 2, 3, 4]);
    store.append(commit(&stored[..1])).await?;
    store.append(commit(&stored[1..])).await?;
    check::history(&store, &actor_id, &stored).await?;
    store.append(commit(&stored[1..])).await?;
    let numbered = store.append_next(drafts(&actor_id, 2)).await?;
    check::history(&store, &actor_id, &[stored, numbered].concat()).await
}

struct Failing;

impl EventBroadcaster for Failing {
    fn broadcast(&self, _: &Namespace, _: &Event) -> Result<(), BroadcastError> {
        Err(BroadcastError::new("it never does"))
    }
}

struct Panicking;

impl EventBroadcaster for Panicking {
    fn broadcast(&self, _: &Namespace, _: &Event) -> Result<(), BroadcastError> {
        // Without the panic hook: this one is no news.
        std::panic::resume_unwind(Box::new("the suite's broadcaster panics"))
    }
}
