//! What was missed, from the feed.

use std::future::ready;

use aether_core::{
    EventStream, FeedItem, FeedStart, FeedStream, Position, RecordedEvent, StoreError,
};
use futures_util::future::FutureExt as _;
use futures_util::stream::{self, StreamExt as _};

use super::Gap;
use super::ground::Ground;
use crate::feed;
use crate::store::Shared;

const ACTION: &str = "read what was missed";

/// The events of a gap, each once, in the order of the feed; then it ends.
pub(crate) fn fill(store: Shared, gap: Gap) -> EventStream {
    let (start, before) = (gap.start, gap.before);
    let events = begin(store, gap)
        .flatten_stream()
        .take_while(move |item| ready(!is_behind(item, before)))
        .filter_map(move |item| ready(within(item, start)));
    Box::pin(events)
}

/// The feed from the start on, once the stream has come as far as the gap does: a feed that begins
/// then has not caught up before it has given all of it.
async fn begin(store: Shared, gap: Gap) -> FeedStream {
    let lost = |reason: &str| StoreError::PositionLost {
        position: gap.before,
        reason: reason.to_owned(),
    };
    let reached = async {
        let ledger = &store.ledger;
        if gap.before.incarnation() != ledger.incarnation.0 {
            return Err(lost(
                "it is a position in another stream, or in this one before it was made anew",
            ));
        }
        let last = gap.before.sequence().saturating_sub(1);
        let mut ground = Ground::new(store.clone(), ACTION);
        let state = ground.look(last, gap.before).await?;
        if state.last.sequence < last {
            return Err(lost("the stream has not come as far, or has lost its end"));
        }
        ledger.saw(state.last.sequence);
        Ok(())
    };
    match reached.await {
        Ok(()) => feed::feed(store, gap.start, gap.filter),
        Err(error) => Box::pin(stream::once(ready(Err(error)))),
    }
}

/// Whether the gap is over.
fn is_behind(item: &Result<FeedItem, StoreError>, before: Position) -> bool {
    match item {
        Ok(FeedItem::Event(recorded)) => recorded.position() >= before,
        Ok(FeedItem::CaughtUp) => true,
        Err(StoreError::Malformed(report)) => report.position >= before,
        Err(_) => false,
    }
}

/// What is behind the start: where that is of no event, its whole message comes once more.
fn within(
    item: Result<FeedItem, StoreError>,
    start: FeedStart,
) -> Option<Result<RecordedEvent, StoreError>> {
    let is_behind = |position: Position| match start {
        FeedStart::After(start) => position > start,
        FeedStart::Beginning | FeedStart::Now => true,
    };
    match item {
        Ok(FeedItem::Event(recorded)) => is_behind(recorded.position()).then_some(Ok(recorded)),
        Ok(FeedItem::CaughtUp) => None,
        Err(StoreError::Malformed(report)) if !is_behind(report.position) => None,
        Err(error) => Some(Err(error)),
    }
}
