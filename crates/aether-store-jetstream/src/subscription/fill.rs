//! What was missed, from the feed.

use std::future::ready;

use aether_core::{
    EventStream, FeedItem, FeedStart, FeedStream, Position, RecordedEvent, ReplayError, StoreError,
};
use futures_util::future::FutureExt as _;
use futures_util::stream::{self, StreamExt as _};

use super::Gap;
use super::course::behind;
use super::ground::Ground;
use crate::feed;
use crate::message::is_behind_a_message;
use crate::store::Shared;

const ACTION: &str = "read what was missed";

/// The events of a gap, each once, in the order of the feed; then it ends.
pub(crate) fn fill(store: Shared, gap: Gap) -> EventStream {
    let mut within = Within::of(&gap);
    let items = begin(store, gap).flatten_stream();
    let items = items.map(move |item| within.take(item));
    let items = items.take_while(|taken| ready(!matches!(taken, Taken::End)));
    let items = items.filter_map(|taken| {
        ready(match taken {
            Taken::Item(item) => Some(item),
            Taken::Nothing | Taken::End => None,
        })
    });
    Box::pin(items)
}

/// The feed from the start on, once the stream has come as far as the gap does: a feed that begins
/// then has not caught up before it has given all of it.
async fn begin(store: Shared, gap: Gap) -> FeedStream {
    let mut ground = Ground::new(store.clone(), ACTION);
    let mut start = gap.start;
    let mut gone = None;
    loop {
        let first = match reached(&store, &mut ground, gap.before).await {
            Ok(first) => first,
            Err(error) => return Box::pin(stream::once(ready(Err(error)))),
        };
        // A place that is no event's: what is left behind it can be given.
        if let FeedStart::After(position) = start
            && is_behind_a_message(position)
            && position.sequence() + 1 < first
        {
            gone = Some(first - 1);
            start = behind(store.ledger.incarnation, first - 1);
        }
        let feed = feed::feed(store.clone(), start, gap.filter.clone());
        let mut feed = Box::pin(feed.peekable());
        let is_lost = |item: &Result<_, _>| matches!(item, Err(StoreError::PositionLost { .. }));
        if feed.as_mut().peek().await.is_some_and(is_lost)
            && begins_behind(&store, &mut ground, &gap, start).await
        {
            // More has gone meanwhile.
            continue;
        }
        let reports = gone.map(|last| Err(expired(&store, gap.start, last).into()));
        return Box::pin(stream::iter(reports).chain(feed));
    }
}

/// The first message of the stream, which has come as far as this.
async fn reached(store: &Shared, ground: &mut Ground, before: Position) -> Result<u64, StoreError> {
    let lost = |reason: &str| StoreError::PositionLost {
        position: before,
        reason: reason.to_owned(),
    };
    let ledger = &store.ledger;
    if before.incarnation() != ledger.incarnation.0 {
        return Err(lost(
            "it is a position in another stream, or in this one before it was made anew",
        ));
    }
    let last = before.sequence().saturating_sub(1);
    let state = ground.look(last, before).await?;
    if state.last.sequence < last {
        return Err(lost("the stream has not come as far, or has lost its end"));
    }
    ledger.saw(state.last.sequence);
    Ok(state.first)
}

/// Whether messages have gone that were behind this start, which is no event's.
async fn begins_behind(store: &Shared, ground: &mut Ground, gap: &Gap, start: FeedStart) -> bool {
    let FeedStart::After(position) = start else {
        return false;
    };
    let first = reached(store, ground, gap.before).await;
    is_behind_a_message(position) && first.is_ok_and(|first| position.sequence() + 1 < first)
}

/// What has gone behind this start, up to this message.
fn expired(store: &Shared, start: FeedStart, last: u64) -> ReplayError {
    let from = match start {
        FeedStart::After(position) => position.sequence() + 1,
        FeedStart::Beginning | FeedStart::Now => 1,
    };
    let incarnation = store.ledger.incarnation;
    incarnation.malformed_at(
        last,
        format!("messages {from} to {last} have expired or were removed before the gap was filled"),
    )
}

/// What becomes of what the feed gives.
enum Taken {
    Item(Result<RecordedEvent, StoreError>),
    /// It is in front of the gap.
    Nothing,
    /// It is behind it.
    End,
}

/// What of the feed is in the gap.
struct Within {
    start: Option<Position>,
    before: Position,
    /// Each message is due.
    everything: bool,
    /// Everything up to this message was given.
    given: u64,
}

impl Within {
    fn of(gap: &Gap) -> Self {
        let start = match gap.start {
            FeedStart::After(start) => Some(start),
            FeedStart::Beginning | FeedStart::Now => None,
        };
        Self {
            start,
            before: gap.before,
            everything: gap.filter.categories().len() + gap.filter.actors().len() == 0,
            given: start.map_or(0, |start| start.sequence()),
        }
    }

    /// Where the start is of no event, its whole message may come once more.
    fn take(&mut self, item: Result<FeedItem, StoreError>) -> Taken {
        let (position, item) = match item {
            Ok(FeedItem::Event(recorded)) => (recorded.position(), Ok(recorded)),
            Ok(FeedItem::CaughtUp) => return Taken::End,
            Err(StoreError::Malformed(report)) => (report.position, Err(report)),
            Err(error) => return Taken::Item(Err(error)),
        };
        let is_hole = item.as_ref().is_err_and(|report| report.raw.is_empty());
        if position >= self.before && !(is_hole && self.misses_some()) {
            return Taken::End;
        }
        self.given = position.sequence();
        if self.start.is_some_and(|start| position <= start) {
            return Taken::Nothing;
        }
        Taken::Item(item.map_err(StoreError::Malformed))
    }

    /// Messages that are missing are reported where the last of them was: some of them were in the
    /// gap, where the one in front of its end did not come.
    fn misses_some(&self) -> bool {
        self.everything && self.given + 1 < self.before.sequence()
    }
}
