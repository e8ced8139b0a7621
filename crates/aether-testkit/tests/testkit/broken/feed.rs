//! How the feed goes.

use std::collections::VecDeque;
use std::sync::Arc;

use aether_core::{
    EventFeed, EventFilter, FeedItem, FeedStart, FeedStream, Position, RecordedEvent, StoreError,
};
use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt};

use super::{BrokenStore, Common, Defect};

type Item = Result<FeedItem, StoreError>;

impl EventFeed for BrokenStore {
    fn feed(&self, start: FeedStart, filter: EventFilter) -> FeedStream {
        let started = self.start(start, &filter);
        let passed_on = self.filter(&filter);
        let feed = Feed {
            stream: match started {
                Ok(start) => self.inner.feed(start, passed_on),
                Err(lost) => stream::iter([Err(lost)]).boxed(),
            },
            store: self.clone(),
            filter,
            ready: VecDeque::new(),
            seen: 0,
            last: None,
            caught_up: false,
            ended: false,
            hold: None,
        };
        Box::pin(stream::unfold(feed, |mut feed| async {
            let item = feed.next().await?;
            Some((item, feed))
        }))
    }
}

impl BrokenStore {
    /// Where the feed of the store within begins.
    fn start(&self, start: FeedStart, filter: &EventFilter) -> Result<FeedStart, StoreError> {
        let state = self.inner.state();
        let ours = |sequence, index| match sequence {
            0 => FeedStart::Beginning,
            _ => FeedStart::After(Position::new(state.incarnation, sequence, index)),
        };
        let lost = |position: Position| StoreError::PositionLost {
            position,
            reason: "the store is broken".to_owned(),
        };
        Ok(match (self.defect, start) {
            (Defect::FeedTakesNowForTheBeginning, FeedStart::Now) => FeedStart::Beginning,
            (Defect::FeedTakesNowTooEarly, FeedStart::Now) => ours(state.last, u32::MAX),
            (Defect::FeedMissesItsBeginning, FeedStart::Beginning) if state.expired > 0 => {
                return Err(lost(Position::new(state.incarnation, 0, 0)));
            }
            (defect, FeedStart::After(position)) => {
                let (sequence, index) = (position.sequence(), position.index());
                let place = |other: Position| (other.sequence(), other.index());
                let mut stored = state.items().filter_map(|(_, item)| item.ok());
                match defect {
                    Defect::FeedSkipsTheRestOfACommit => ours(sequence, u32::MAX),
                    Defect::FeedRepeatsTheCommit
                        if stored.any(|r| place(r.position()) == (sequence, index + 1)) =>
                    {
                        ours(sequence - 1, u32::MAX)
                    }
                    Defect::FeedResumesAtWhatPassesOnly => {
                        let here = stored.find(|r| place(r.position()) == (sequence, index));
                        if here.is_some_and(|here| !filter.passes(here.event())) {
                            return Err(lost(position));
                        }
                        start
                    }
                    Defect::FeedTakesPositionsOfOtherStores => ours(sequence, index),
                    Defect::FeedWaitsPastTheEnd if sequence > state.last => FeedStart::Now,
                    Defect::FeedPassesOverWhatHasExpired if sequence < state.expired => {
                        ours(state.expired, u32::MAX)
                    }
                    _ => start,
                }
            }
            _ => start,
        })
    }

    /// What the feed of the store within is asked for.
    fn filter(&self, filter: &EventFilter) -> EventFilter {
        let all = EventFilter::all();
        match self.defect {
            Defect::FeedIgnoresTypes => {
                let categories = filter.categories().fold(all, EventFilter::category);
                filter
                    .actors()
                    .cloned()
                    .fold(categories, EventFilter::actor)
            }
            Defect::FeedTakesCategoriesForPrefixes => {
                let actors = filter.actors().cloned().fold(all, EventFilter::actor);
                filter
                    .event_types()
                    .cloned()
                    .fold(actors, EventFilter::event_type)
            }
            _ => filter.clone(),
        }
    }
}

struct Feed {
    store: BrokenStore,
    filter: EventFilter,
    stream: FeedStream,
    ready: VecDeque<Item>,
    /// How many events it has given.
    seen: usize,
    last: Option<RecordedEvent>,
    caught_up: bool,
    ended: bool,
    hold: Option<Hold>,
}

impl Feed {
    async fn next(&mut self) -> Option<Item> {
        if self.hold.is_none() {
            self.hold = Some(Hold::new(&self.store));
            self.first();
        }
        loop {
            if let Some(item) = self.ready.pop_front() {
                if let (Some(hold), Ok(FeedItem::Event(_))) = (&self.hold, &item) {
                    hold.read();
                }
                return Some(item);
            }
            if self.ended {
                return None;
            }
            let item = self.stream.next().await?;
            self.take(item);
        }
    }

    fn first(&mut self) {
        if self.store.defect == Defect::FeedCatchesUpTooEarly {
            self.ready.push_back(Ok(FeedItem::CaughtUp));
        }
    }

    /// Decides what to give for what came.
    fn take(&mut self, item: Item) {
        match item {
            Ok(FeedItem::CaughtUp) => {
                self.caught_up = true;
                self.catch_up();
            }
            Ok(FeedItem::Event(recorded)) => self.event(&recorded),
            Err(StoreError::Malformed(error)) => match self.store.defect {
                Defect::FeedSwallowsTheMalformed => {}
                defect => {
                    self.ended = defect == Defect::FeedEndsAtTheMalformed;
                    self.ready.push_back(Err(StoreError::Malformed(error)));
                }
            },
            Err(error) => self.ready.push_back(Err(error)),
        }
    }

    fn catch_up(&mut self) {
        let caught_up = || Ok(FeedItem::CaughtUp);
        match self.store.defect {
            Defect::FeedNeverCatchesUp | Defect::FeedCatchesUpTooEarly => {}
            Defect::FeedCatchesUpWithTheFirstEvent if self.seen == 0 => {}
            Defect::FeedRepeatsTheLastOnCatchingUp => {
                self.ready.push_back(caught_up());
                let last = self.last.clone().map(|last| Ok(FeedItem::Event(last)));
                self.ready.extend(last);
            }
            Defect::FeedEndsWhenCaughtUp => {
                self.ready.push_back(caught_up());
                self.ended = true;
            }
            Defect::FeedOrdersByActor => {
                self.ready.make_contiguous().sort_by_key(|item| match item {
                    Ok(FeedItem::Event(recorded)) => Some(recorded.event().actor_id().clone()),
                    _ => None,
                });
                self.ready.push_back(caught_up());
            }
            Defect::FeedGivesRefusedEvents => {
                let refused = self.store.common.refused.lock().unwrap().clone();
                for event in refused
                    .into_iter()
                    .filter(|event| self.filter.passes(event))
                {
                    let position = Position::new(u64::MAX, u64::MAX, 0);
                    self.ready
                        .push_back(Ok(FeedItem::Event(RecordedEvent::new(event, position))));
                }
                self.ready.push_back(caught_up());
            }
            _ => self.ready.push_back(caught_up()),
        }
    }

    fn event(&mut self, recorded: &RecordedEvent) {
        self.seen += 1;
        self.last = Some(recorded.clone());
        let event = || Ok(FeedItem::Event(recorded.clone()));
        match self.store.defect {
            Defect::FeedCatchesUpAgainAndAgain if self.caught_up => {
                self.ready.extend([Ok(FeedItem::CaughtUp), event()]);
            }
            Defect::FeedCatchesUpWithTheFirstEvent if self.caught_up && self.seen == 1 => {
                self.ready.extend([event(), Ok(FeedItem::CaughtUp)]);
            }
            Defect::FeedDropsWhatComesAtOnce if self.caught_up => {
                let mut newest = event();
                while let Some(Some(next)) = self.stream.next().now_or_never() {
                    newest = next;
                }
                self.ready.push_back(newest);
            }
            Defect::FeedSeesItsOwnHandleOnly if self.caught_up => {
                let saved = self.store.own.saved.lock().unwrap();
                if saved.contains(recorded.event().id()) {
                    self.ready.push_back(event());
                }
            }
            Defect::FeedReadsOnePage if !self.caught_up && self.seen > 1_000 => {}
            Defect::FeedCountsItsOwnPositions => {
                let (at, event) = (recorded.position(), recorded.event().clone());
                let position = Position::new(at.incarnation(), at.sequence(), at.index());
                self.ready
                    .push_back(Ok(FeedItem::Event(RecordedEvent::new(event, position))));
            }
            Defect::FeedTakesCategoriesForPrefixes => {
                let id = recorded.event().actor_id().as_str();
                let mut categories = self.filter.categories();
                if categories.len() == 0 || categories.any(|prefix| id.starts_with(prefix)) {
                    self.ready.push_back(event());
                }
            }
            Defect::FeedOrdersByActor if !self.caught_up => {
                // All that is there is held back until it can be sorted.
                self.ready.push_back(event());
                while !self.caught_up {
                    match self.stream.next().now_or_never().flatten() {
                        Some(Ok(FeedItem::Event(next))) => {
                            self.ready.push_back(Ok(FeedItem::Event(next)));
                        }
                        Some(item) => self.take(item),
                        None => return,
                    }
                }
            }
            _ => self.ready.push_back(event()),
        }
    }
}

/// What keeps writers waiting for a feed.
struct Hold {
    common: Arc<Common>,
    defect: Defect,
    id: u64,
}

/// How far a reader may be behind before writers wait.
const BEHIND_MAX: usize = 1_000;

impl Hold {
    fn new(store: &BrokenStore) -> Self {
        let mut feeds = store.common.feeds.lock().unwrap();
        let id = feeds.last_key_value().map_or(0, |(id, _)| id + 1);
        feeds.insert(id, 0);
        drop(feeds);
        Self {
            common: store.common.clone(),
            defect: store.defect,
            id,
        }
    }

    fn read(&self) {
        *self
            .common
            .feeds
            .lock()
            .unwrap()
            .entry(self.id)
            .or_default() += 1;
        self.common.in_the_way.send_modify(|_| {});
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.common.feeds.lock().unwrap().remove(&self.id);
        let gone = u64::from(self.defect == Defect::FeedHoldsWritersBackWhenDropped);
        self.common.in_the_way.send_modify(|count| *count += gone);
    }
}

impl BrokenStore {
    pub(super) fn readers_are_behind(&self) -> bool {
        let stored = || self.inner.state().items().count();
        self.defect == Defect::FeedHoldsWritersBack
            && self
                .common
                .feeds
                .lock()
                .unwrap()
                .values()
                .any(|read| read + BEHIND_MAX < stored())
    }
}
