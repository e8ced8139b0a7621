//! Notices of which none is missing: what the bus has lost is read from a store's feed.
//!
//! Each event is heard live, or read from the feed. How far the feed was read is the *place*; what
//! was heard of events behind it is remembered. A *fill* reads the feed from the place on until it
//! has caught up, and gives what was not heard.
//!
//! # Why each event is given once
//!
//! Given is what lies up to the place, and what is remembered. What is heard and is neither is given
//! and remembered. What is read and is not remembered is given, and the place moves to it either
//! way; the feed is in the order of positions, so it has passed over nothing. After a fill nothing
//! is remembered: a notice tells of what is stored, so a feed that began after it was heard has
//! given its event, or the store doesn't have it any more.
//!
//! # Why none is missing
//!
//! What was lost lies behind the place, until a fill gives it. One begins at each gap, before
//! anything that comes after the gap is given; at each notice that has no place in the feed; after
//! so many notices that were heard, for what nobody knows to be lost; and at the subscription's end.
//! What waits in the queue when a fill begins was stored before, so it is dropped: the fill has it.
//! While it is read nothing is taken out of the queue. What does not fit there is in a gap again,
//! for which another fill begins where this one has come to.
//!
//! # Where there is no place yet
//!
//! Only the feed gives the first place: a position that was heard could be another store's, and
//! what lies before it would count as given. Until then a notice only says that there may be
//! something to read. From the beginning that is a fill as any other. From now on it is the first
//! event of a feed that is kept open, since a second one would begin later; a fill follows it, for
//! what was heard meanwhile.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use aether_core::{
    Clock as _, Event, EventFeed, EventFilter, EventStored, FeedItem, FeedStart, FeedStream,
    Namespace, RecordedEvent, StoreError, SystemClock,
};
use futures_core::{FusedStream, Stream};

use crate::given::{Given, Heard};
use crate::{StoredDelivery, StoredNotices, Subscription};

const ACTION: &str = "read from the feed what the bus has missed";

/// The notices of all events that a store stores, as a [`Stream`]:
/// [`StoredNotices::healed_by`] its feed.
///
/// It ends where the subscription does, behind what was stored until then; and behind an error that
/// does not pass.
#[must_use = "dropping it unsubscribes"]
pub struct HealedNotices {
    notices: StoredNotices,
    feed: Box<dyn EventFeed>,
    filter: EventFilter,
    given: Given,
    checked_every: usize,
    phase: Phase,
}

/// What [`HealedNotices`] give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HealedNotice {
    /// It was heard on the bus.
    Live {
        /// Where it was told.
        namespace: Namespace,
        /// Which event, and where it is.
        notice: EventStored,
    },
    /// It was read from the feed.
    Filled {
        /// Which event, and where it is. The notice was made when it was read.
        notice: EventStored,
        /// The event itself.
        event: Event,
    },
}

enum Phase {
    Live,
    /// A fill is to begin.
    Due,
    Filling(FeedStream),
    /// For the first event from now on.
    Waiting(Waiting),
    Over,
}

struct Waiting {
    feed: FeedStream,
    /// At the subscription's end, what is on its way from the feed has as long as this other one
    /// takes to begin.
    last_look: Option<FeedStream>,
}

impl StoredNotices {
    /// The same, with what is missing read from the feed of the store that is told of: each event
    /// once, from the start on.
    ///
    /// - **Each event of the feed** that the subscription's categories and actors let pass comes
    ///   once, whatever the bus loses: a gap, or something that is no notice, is filled before what
    ///   comes after it is given. From [`FeedStart::Now`] that is each event that is stored after
    ///   this was first polled; where not one of them had come by the subscription's end, those
    ///   that the feed gives later than another feed begins are left out.
    /// - **The order** of one actor's events is that of their versions, where the bus brings their
    ///   notices in that order or says that some are missing. What is filled comes in the feed's
    ///   order; nothing is promised between actors.
    /// - **A loss of which nobody knows**, a save of another process for example, is found at the
    ///   next fill: at a gap, at the end, or after so many notices as
    ///   [`checked_every`](HealedNotices::checked_every) says. What is found so comes late.
    ///
    /// A notice of another store, or one without a position, costs a look into the feed and is not
    /// given: whoever subscribes to a pattern should see to it that one store tells there.
    ///
    /// # Errors
    ///
    /// Those of the feed, as items. What is [malformed](StoreError::Malformed) is reported and
    /// passed over. After [`StoreError::PositionLost`], [`StoreError::HistoryRegressed`] and
    /// [`StoreError::Closed`] it ends. After any other the next poll tries again, and nothing is
    /// given before it succeeds: who polls may want to wait a little. (From [`FeedStart::Now`], as
    /// long as no event has come, now is then.)
    ///
    /// Where events expire, so may the [`place`](HealedNotices::place), which only fills move: the
    /// next one finds it lost. [`checked_every`](HealedNotices::checked_every) has to be so small
    /// that one comes in time.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use aether_bus::{EventBus, Subscribe, SubscribeStored};
    /// use aether_core::{ActorId, EventDraft, EventStoreExt, FeedStart, Namespace, Version};
    /// use aether_store_memory::MemoryStore;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// const SHOP: Namespace = Namespace::from_static("shop");
    /// let bus = EventBus::new();
    /// let store = MemoryStore::builder().broadcaster(SHOP, Arc::new(bus.clone())).build();
    /// // Two notices may wait.
    /// let stored = bus.subscribe_event_stored(Subscribe::to(SHOP).capacity(2)).await?;
    /// let mut stored = stored.healed_by(store.clone(), FeedStart::Beginning);
    ///
    /// let order = ActorId::new("order-123")?;
    /// for version in 1..=5 {
    ///     let event = EventDraft::new(&order, "OrderChanged", &version)?.at(Version::from(version))?;
    ///     store.save_event(event).await?;
    /// }
    /// bus.stop();
    ///
    /// // Five come.
    /// for version in 1..=5_u32 {
    ///     let next = stored.next().await.expect("it is stored")?;
    ///     assert_eq!(next.notice().version, Version::from(version));
    /// }
    /// assert!(stored.next().await.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn healed_by(self, feed: impl EventFeed + 'static, start: FeedStart) -> HealedNotices {
        HealedNotices {
            filter: self.of_events().clone(),
            notices: self,
            feed: Box::new(feed),
            given: Given::before(start),
            checked_every: HealedNotices::CHECKED_EVERY_DEFAULT,
            phase: Phase::Due,
        }
    }
}

impl HealedNotices {
    /// After how many notices it looks for what nobody knows to be lost, unless something else is
    /// said.
    pub const CHECKED_EVERY_DEFAULT: usize = 4_096;

    /// After so many notices that were heard since the feed was last read, it looks there whether
    /// one is missing; 0 is taken for 1.
    ///
    /// So much is remembered, some 50 bytes for each. And each event is read from the feed once in
    /// all, so many in a row: the smaller the number, the more often a feed is begun.
    pub fn checked_every(mut self, notices: usize) -> Self {
        self.checked_every = notices.max(1);
        self
    }

    /// The next one; none after the end.
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Result<HealedNotice, StoreError>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// How far the feed was read: everything up to there was given.
    ///
    /// Who has dealt with all that was given may keep it, and begin there another time. What was
    /// given live since comes again then.
    #[must_use]
    pub fn place(&self) -> FeedStart {
        self.given.place
    }

    /// The subscription below.
    pub fn subscription(&self) -> &Subscription {
        self.notices.subscription()
    }

    /// Begins to read from the place on.
    fn begin_fill(&mut self, cx: &mut Context<'_>) {
        // No more than waits now, however quickly others publish.
        for _ in 0..self.subscription().waiting() {
            if self.notices.poll_drop(cx).is_pending() {
                break;
            }
        }
        self.phase = Phase::Filling(self.feed.feed(self.given.place, self.filter.clone()));
    }

    /// Takes in what was heard; gives it where it is new.
    fn hear(&mut self, delivery: Option<StoredDelivery>) -> Option<HealedNotice> {
        let heard = match &delivery {
            Some(StoredDelivery::Stored { notice, .. }) => self.given.hear(notice.position),
            Some(_) | None => Heard::Hint,
        };
        if heard == Heard::Hint || self.given.since.len() >= self.checked_every {
            self.phase = Phase::Due;
        }
        match delivery {
            Some(StoredDelivery::Stored { namespace, notice }) if heard == Heard::New => {
                Some(HealedNotice::Live { namespace, notice })
            }
            _ => None,
        }
    }

    /// Takes in what was read; gives what is to be passed on of it.
    fn read(&mut self, item: Read) -> Option<Result<HealedNotice, StoreError>> {
        match item {
            Some(Ok(FeedItem::Event(recorded))) => {
                if let Phase::Waiting(_) = self.phase {
                    self.phase = Phase::Due;
                }
                let is_new = self.given.read(recorded.position());
                is_new.then(|| Ok(HealedNotice::filled(recorded)))
            }
            Some(Ok(FeedItem::CaughtUp)) => {
                self.given.since.clear();
                self.phase = match std::mem::replace(&mut self.phase, Phase::Due) {
                    Phase::Filling(feed) if self.given.place == FeedStart::Now => {
                        let last_look = None;
                        Phase::Waiting(Waiting { feed, last_look })
                    }
                    Phase::Filling(_) if self.notices.is_terminated() => Phase::Over,
                    Phase::Filling(_) => Phase::Live,
                    other => other,
                };
                None
            }
            Some(Err(error)) => self.fail(error).map(Err),
            None => {
                let (action, source) = (ACTION.to_owned(), "the feed has ended".into());
                let error = StoreError::Unavailable { action, source };
                self.fail(error).map(Err)
            }
        }
    }

    /// What is to be said of an error.
    fn fail(&mut self, error: StoreError) -> Option<StoreError> {
        match &error {
            StoreError::Malformed(report) => {
                return self.given.report(report.position).then_some(error);
            }
            StoreError::PositionLost { .. }
            | StoreError::HistoryRegressed { .. }
            | StoreError::Closed => self.phase = Phase::Over,
            _ => self.phase = Phase::Due,
        }
        Some(error)
    }
}

/// What comes out of a feed.
type Read = Option<Result<FeedItem, StoreError>>;

impl Waiting {
    /// What the feed gives next; none where nothing has come at the subscription's end.
    ///
    /// What is heard meanwhile is dropped, for the fill that follows the first event.
    fn poll_read(
        &mut self,
        notices: &mut StoredNotices,
        feed_from_now: impl Fn() -> FeedStream,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Read>> {
        loop {
            if let Poll::Ready(item) = self.feed.as_mut().poll_next(cx) {
                return Poll::Ready(Some(item));
            }
            if !notices.is_terminated() {
                ready!(notices.poll_drop(cx));
                continue;
            }
            let other = self.last_look.get_or_insert_with(&feed_from_now);
            let Some(Ok(FeedItem::Event(_))) = ready!(other.as_mut().poll_next(cx)) else {
                self.last_look = None;
                return match self.feed.as_mut().poll_next(cx) {
                    Poll::Ready(item) => Poll::Ready(Some(item)),
                    Poll::Pending => Poll::Ready(None),
                };
            };
        }
    }
}

impl HealedNotice {
    fn filled(recorded: RecordedEvent) -> Self {
        let (event, position) = (recorded.event(), recorded.position());
        let notice = EventStored {
            event_id: event.id().clone(),
            actor_id: event.actor_id().clone(),
            version: event.version(),
            timestamp: SystemClock.now().unix_seconds(),
            position: Some(position),
        };
        let event = recorded.into_event();
        Self::Filled { notice, event }
    }

    /// Which event, and where it is.
    #[must_use]
    pub fn notice(&self) -> &EventStored {
        match self {
            Self::Live { notice, .. } | Self::Filled { notice, .. } => notice,
        }
    }
}

impl Stream for HealedNotices {
    type Item = Result<HealedNotice, StoreError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            let read = match &mut this.phase {
                Phase::Live => {
                    let delivery = ready!(Pin::new(&mut this.notices).poll_next(cx));
                    match this.hear(delivery) {
                        Some(live) => return Poll::Ready(Some(Ok(live))),
                        None => continue,
                    }
                }
                Phase::Due => {
                    this.begin_fill(cx);
                    continue;
                }
                Phase::Filling(feed) => {
                    // A feed that always has something lets others have a turn.
                    let turn = ready!(tokio::task::coop::poll_proceed(cx));
                    let read = ready!(feed.as_mut().poll_next(cx));
                    turn.made_progress();
                    read
                }
                Phase::Waiting(waiting) => {
                    let from_now = || this.feed.feed(FeedStart::Now, this.filter.clone());
                    match ready!(waiting.poll_read(&mut this.notices, from_now, cx)) {
                        Some(read) => read,
                        None => {
                            this.phase = Phase::Over;
                            continue;
                        }
                    }
                }
                Phase::Over => return Poll::Ready(None),
            };
            if let Some(item) = this.read(read) {
                return Poll::Ready(Some(item));
            }
        }
    }
}

impl FusedStream for HealedNotices {
    fn is_terminated(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }
}

impl fmt::Debug for HealedNotices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealedNotices")
            .field("notices", &self.notices)
            .field("place", &self.given.place)
            .field("heard_since", &self.given.since.len())
            .field("is_over", &self.is_terminated())
            .finish_non_exhaustive()
    }
}
