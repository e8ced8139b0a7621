//! Everybody's events in one order.
//!
//! There is no log of all events, which every append would have to take turns for. Each shard has
//! a log of its own, and each event a sequence from one counter; a feed puts the logs together.
//!
//! Why no event is missed: an append takes its sequences and pushes its events while it holds its
//! shard's lock. A feed first reads the counter, then locks each shard in turn. Take a sequence
//! below what it read. Had its append locked the shard only after the feed did, then taking the
//! sequence would have come after the feed's unlocking, hence after its reading of the counter,
//! which then could not have seen it. So the append was there first, and its event is in the log.
//! Every sequence below what was read is therefore found, and each only once, since sequences rise
//! within a log and a page begins where the last one ended.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use aether_core::{
    EventFeed, EventFilter, FeedItem, FeedStart, FeedStream, Position, RecordedEvent, StoreError,
};
use futures_util::stream;

use crate::MemoryStore;
use crate::store::Inner;

/// How many sequences are looked through at once: the most events that a feed holds.
const PAGE_EVENTS: u64 = 1_024;

impl EventFeed for MemoryStore {
    fn feed(&self, start: FeedStart, filter: EventFilter) -> FeedStream {
        let state = State::NotStarted(start);
        let reader = Reader {
            inner: Arc::clone(self.inner()),
            filter,
            page: VecDeque::new(),
        };
        Box::pin(stream::unfold((state, reader), |(state, reader)| async {
            next(state, reader).await
        }))
    }
}

enum State {
    NotStarted(FeedStart),
    /// Reading what was there when the feed began: sequences below `end`.
    CatchingUp {
        next: u64,
        end: u64,
    },
    Live {
        next: u64,
    },
    Ended,
}

struct Reader {
    inner: Arc<Inner>,
    filter: EventFilter,
    /// Events that were read and not yet given.
    page: VecDeque<RecordedEvent>,
}

type Step = Option<(Result<FeedItem, StoreError>, (State, Reader))>;

async fn next(mut state: State, mut reader: Reader) -> Step {
    loop {
        if let Some(recorded) = reader.page.pop_front() {
            return Some((Ok(FeedItem::Event(recorded)), (state, reader)));
        }
        state = match state {
            State::Ended => return None,
            State::NotStarted(start) => match reader.begin(start) {
                Ok(state) => state,
                Err(error) => return Some((Err(error), (State::Ended, reader))),
            },
            State::CatchingUp { next, end } if next >= end => {
                return Some((Ok(FeedItem::CaughtUp), (State::Live { next }, reader)));
            }
            State::CatchingUp { next, end } => State::CatchingUp {
                next: reader.read(next, end).await,
                end,
            },
            State::Live { next } => {
                let end = reader.inner.order.wait_past(next).await;
                State::Live {
                    next: reader.read(next, end).await,
                }
            }
        };
    }
}

impl Reader {
    fn begin(&self, start: FeedStart) -> Result<State, StoreError> {
        let end = self.inner.order.end();
        let next = match start {
            FeedStart::Beginning => 1,
            FeedStart::Now => end,
            FeedStart::After(position) => self.check(position, end)?,
        };
        Ok(State::CatchingUp { next, end })
    }

    /// The sequence after this position, if an event of this store is there.
    fn check(&self, position: Position, end: u64) -> Result<u64, StoreError> {
        let reason = if position.incarnation() != self.inner.order.incarnation() {
            "it is a position in another store"
        } else if position.sequence() == 0 || position.sequence() >= end || position.index() != 0 {
            "no event is there"
        } else {
            return Ok(position.sequence() + 1);
        };
        Err(StoreError::PositionLost {
            position,
            reason: reason.to_owned(),
        })
    }

    /// Reads a page of the events from `next` on that are below `end`; gives where it stopped.
    ///
    /// Where nothing passed the filter it lets others run first: a filter that passes little must
    /// not keep the thread for the whole backlog.
    async fn read(&mut self, next: u64, end: u64) -> u64 {
        let stopped = self.read_now(next, end);
        if self.page.is_empty() {
            let_others_run().await;
        }
        stopped
    }

    fn read_now(&mut self, next: u64, end: u64) -> u64 {
        let end = end.min(next + PAGE_EVENTS);
        let mut page = Vec::new();
        for shard in self.inner.shards() {
            page.extend(
                shard
                    .log()
                    .between(next, end)
                    .filter(|logged| self.filter.passes(logged.event))
                    .map(|logged| self.inner.recorded(logged)),
            );
        }
        page.sort_unstable_by_key(RecordedEvent::position);
        self.page = page.into();
        end
    }
}

/// Is pending once, and ready again at once.
async fn let_others_run() {
    let mut has_run = false;
    poll_fn(|context| {
        if std::mem::replace(&mut has_run, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
