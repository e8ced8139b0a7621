//! A feed as the cases read it.

use std::collections::BTreeMap;

use aether_core::{
    ActorId, Event, EventFeed, EventFilter, FeedItem, FeedStart, FeedStream, Position,
    RecordedEvent, StoreError, StoreErrorKind, Version,
};
use futures_util::StreamExt;

use crate::check;
use crate::{Context, Failure, Outcome, StoreBuilder};

/// A feed that is read with the builder's patience.
pub(crate) struct Reader<'a, B: StoreBuilder> {
    context: &'a Context<B>,
    stream: FeedStream,
}

impl<'a, B: StoreBuilder> Reader<'a, B> {
    pub(crate) fn new(
        context: &'a Context<B>,
        store: &impl EventFeed,
        start: FeedStart,
        filter: EventFilter,
    ) -> Self {
        let stream = store.feed(start, filter);
        Self { context, stream }
    }

    pub(crate) async fn item(&mut self) -> Result<Result<FeedItem, StoreError>, Failure> {
        let next = self
            .context
            .in_time("the next item of a feed", self.stream.next());
        next.await?
            .ok_or_else(|| Failure::new("a feed ended, though it has no end"))
    }

    /// The next event, where the feed has said already that it has caught up.
    pub(crate) async fn event(&mut self) -> Result<RecordedEvent, Failure> {
        match self.item().await?? {
            FeedItem::Event(recorded) => Ok(recorded),
            FeedItem::CaughtUp => Err(Failure::new("a feed said a second time that it caught up")),
        }
    }

    /// The events until it says that it has caught up.
    pub(crate) async fn until_caught_up(&mut self) -> Result<Vec<RecordedEvent>, Failure> {
        let mut seen = Vec::new();
        loop {
            match self.item().await?? {
                FeedItem::Event(recorded) => seen.push(recorded),
                FeedItem::CaughtUp => return Ok(seen),
            }
        }
    }

    /// That the stream is at its end.
    pub(crate) async fn ended(&mut self) -> Outcome {
        let next = self
            .context
            .in_time("the end of a feed", self.stream.next())
            .await?;
        check::that(next.is_none(), || {
            format!(
                "after such an error a feed ends, but it went on with {}",
                check::shown(&next)
            )
        })
    }
}

/// That a feed gave each of these events once, and no other, at positions that rise.
pub(crate) fn each_once(seen: &[RecordedEvent], stored: &[Event]) -> Outcome {
    let expected: BTreeMap<(&ActorId, Version), &Event> = stored
        .iter()
        .map(|event| ((event.actor_id(), event.version()), event))
        .collect();
    let mut delivered = BTreeMap::new();
    for recorded in seen {
        let event = recorded.event();
        let place = (event.actor_id(), event.version());
        let named = || format!("version {} of {:?}", event.version(), event.actor_id());
        check::that(delivered.insert(place, event).is_none(), || {
            format!("a feed gave {} twice", named())
        })?;
        check::that(expected.get(&place) == Some(&event), || {
            format!(
                "a feed gave {}, which was not stored so: {}",
                named(),
                check::shown(event)
            )
        })?;
    }
    if let Some(missing) = expected
        .keys()
        .find(|place| !delivered.contains_key(*place))
    {
        return Err(Failure::new(format!(
            "a feed gave {} of {} events; missing is version {} of {:?}",
            seen.len(),
            stored.len(),
            missing.1,
            missing.0
        )));
    }
    in_order(seen)
}

/// That positions rise, and with them the versions of each actor.
fn in_order(seen: &[RecordedEvent]) -> Outcome {
    for pair in seen.windows(2) {
        check::that(pair[0].position() < pair[1].position(), || {
            format!(
                "positions that do not rise: {} and {}",
                pair[0].position(),
                pair[1].position()
            )
        })?;
    }
    let mut versions: BTreeMap<&ActorId, Version> = BTreeMap::new();
    for recorded in seen {
        let event = recorded.event();
        let before = versions.insert(event.actor_id(), event.version());
        check::that(before < Some(event.version()), || {
            format!(
                "version {} of {:?} came after {before:?}",
                event.version(),
                event.actor_id()
            )
        })?;
    }
    Ok(())
}

/// That a feed says that it can't start after this position, and ends.
pub(crate) async fn is_lost<B: StoreBuilder<Store: EventFeed>>(
    context: &Context<B>,
    store: &B::Store,
    position: Position,
) -> Outcome {
    let mut feed = Reader::new(
        context,
        store,
        FeedStart::After(position),
        EventFilter::all(),
    );
    let item = feed.item().await?;
    let what = format!("a feed after {position}, from which none can start");
    check::refused(what, &item, StoreErrorKind::PositionLost)?;
    feed.ended().await
}
