//! The feed of the reference store: it looks at the list again whenever that has grown.

use std::collections::VecDeque;

use aether_core::{
    ActorId, EventFeed, EventFilter, FeedItem, FeedStart, FeedStream, Position, StoreError,
};
use futures_util::stream;
use tokio::sync::watch;

use super::reference::{Item, ReferenceStore, State};

/// Where a feed is.
struct Feed {
    store: ReferenceStore,
    start: FeedStart,
    filter: EventFilter,
    changed: watch::Receiver<()>,
    /// What was read of the list and not given yet.
    read: VecDeque<Result<FeedItem, StoreError>>,
    /// The last commit that was read; `None` before the first poll.
    at: Option<u64>,
    ended: bool,
}

impl EventFeed for ReferenceStore {
    fn feed(&self, start: FeedStart, filter: EventFilter) -> FeedStream {
        let feed = Feed {
            store: self.clone(),
            start,
            filter,
            changed: self.shared.changed.subscribe(),
            read: VecDeque::new(),
            at: None,
            ended: false,
        };
        Box::pin(stream::unfold(feed, |mut feed| async {
            let item = feed.next().await?;
            feed.ended = matches!(&item, Err(error) if !matches!(error, StoreError::Malformed(_)));
            Some((item, feed))
        }))
    }
}

impl Feed {
    async fn next(&mut self) -> Option<Result<FeedItem, StoreError>> {
        while !self.ended {
            if let Some(item) = self.read.pop_front() {
                return Some(item);
            }
            self.changed.mark_unchanged();
            self.read_on();
            if self.read.is_empty() {
                self.changed.changed().await.ok()?;
            }
        }
        None
    }

    fn read_on(&mut self) {
        let store = self.store.clone();
        let state = store.state();
        let at = match (self.at, self.start) {
            (Some(at), _) => at,
            (None, FeedStart::Beginning) => 0,
            (None, FeedStart::Now) => state.last,
            (None, FeedStart::After(position)) => {
                if let Err(lost) = state.check_position(position) {
                    self.read.push_back(Err(lost));
                    return;
                }
                position.sequence() - 1
            }
        };
        for (actor_id, item) in state.items_after(at) {
            if self.comes_after_the_start(&item) && self.passes(actor_id, &item) {
                self.read.push_back(match item {
                    Ok(recorded) => Ok(FeedItem::Event(recorded)),
                    Err(error) => Err(error.into()),
                });
            }
        }
        if self.at.is_none() {
            self.read.push_back(Ok(FeedItem::CaughtUp));
        }
        self.at = Some(state.last);
    }

    fn comes_after_the_start(&self, item: &Item) -> bool {
        let position = match item {
            Ok(recorded) => recorded.position(),
            Err(error) => error.position,
        };
        let place = |position: Position| (position.sequence(), position.index());
        !matches!(self.start, FeedStart::After(start) if place(position) <= place(start))
    }

    fn passes(&self, actor_id: &ActorId, item: &Item) -> bool {
        let (actors, categories) = (self.filter.actors(), self.filter.categories());
        match item {
            Ok(recorded) => self.filter.passes(recorded.event()),
            Err(_) => {
                (actors.len() == 0 || self.filter.actors().any(|actor| actor == actor_id))
                    && (categories.len() == 0
                        || self.filter.categories().any(|c| c == actor_id.category()))
            }
        }
    }
}

impl State {
    /// Whether a feed can go on from this position.
    pub(crate) fn check_position(&self, position: Position) -> Result<(), StoreError> {
        let lost = |reason: &str| StoreError::PositionLost {
            position,
            reason: reason.to_owned(),
        };
        if position.incarnation() != self.incarnation {
            return Err(lost("it is a position of another store"));
        }
        if position.sequence() > self.last {
            return Err(lost("it is past the end"));
        }
        if position.sequence() < self.expired {
            return Err(lost("what followed it has expired"));
        }
        Ok(())
    }
}
