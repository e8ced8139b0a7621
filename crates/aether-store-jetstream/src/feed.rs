//! Everybody's events in one order, from history to live.
//!
//! A [`Consumer`] gives the messages of the stream in their order; whatever happens to it, another
//! one is made that begins behind the last message that came.
//!
//! # Why nothing is lost, and nothing comes twice
//!
//! The order is the stream's. What was given last is known by its sequence, and each message that
//! comes has a higher one: none comes twice. The consumer counts what it gives, so what is lost on
//! the way to us is missed at once, and asked for again.
//!
//! What the server itself does not give shows by a hole. Where everything passes the filter, that
//! is any sequence that is left out: a message that is damaged or was removed is reported where it
//! is missing ([`StoreError::Malformed`]), and a beginning that has gone is the feed's end
//! ([`StoreError::PositionLost`]). Where there is a filter, sequences are left out anyway. There
//! each commit says which version it comes after ([`Order`]); and whether the stream's beginning
//! has passed the feed is asked once a second, for all that was left out since it was asked before.
//!
//! Before another consumer is made, the stream is compared with what is known of it: when it was
//! made, that it reaches as far, and that the message that came last is still the one at its place.
//! A tail that was lost, whose sequences were used again, would be passed over otherwise; and for
//! the same reason the next consumer begins behind the last message that passed, not where the one
//! before had come to.
//!
//! # When it has caught up
//!
//! The leader is asked for the end of the stream when the feed begins, and is not believed where
//! this process knows of more. What is there has been given when a message comes from that place or
//! behind it, or when a heartbeat of the consumer says that it has seen all up to there: the last
//! messages may be others', or damaged. How many are left is not asked for: whoever has the consumer
//! may be behind and count too few.

mod ask;
mod begin;
mod going_on;
mod order;
mod subjects;

use std::collections::VecDeque;
use std::time::Duration;

use aether_core::{
    Event, EventFilter, FeedItem, FeedStart, FeedStream, RecordedEvent, ReplayError, StoreError,
    Version,
};
use futures_util::StreamExt as _;
use tokio::time::Instant;

use crate::chain::Link;
use crate::consumer::{BATCH_MOST, Consumer, Given};
use crate::errors::Fault;
use crate::fields::Fields;
use crate::follow::Wrong;
use crate::message::Stored;
use crate::patience::Patience;
use crate::store::Shared;

use order::Order;
use subjects::Subjects;

const ACTION: &str = "read the feed";
/// How often a feed that passes over messages asks whether the stream's beginning has moved.
const BEGINNING_CHECKED_EVERY: Duration = Duration::from_secs(1);
/// How often a feed to which nothing is given asks whether there is more in the stream.
const END_CHECKED_EVERY: Duration = Duration::from_secs(30);

/// The events of all actors from this place on that pass the filter.
pub(crate) fn feed(store: Shared, start: FeedStart, filter: EventFilter) -> FeedStream {
    // In a box, so that it is not moved around with each event.
    let feed = Box::new(Feed::new(store, start, filter));
    let items = futures_util::stream::unfold(feed, |mut feed| async {
        let item = feed.next().await?;
        Some((item, feed))
    });
    Box::pin(items.fuse())
}

/// A feed while it is being read.
struct Feed {
    store: Shared,
    filter: EventFilter,
    subjects: Subjects,
    patience: Patience,
    phase: Phase,
    /// What is to be passed on next.
    ready: VecDeque<Result<FeedItem, StoreError>>,
    /// The last message that was given, or that was there when the feed began from now.
    last: Option<Stored>,
    /// What comes is behind this sequence, where no message was given.
    starts_behind: u64,
    /// Everything up to this sequence has been given or does not pass.
    looked: u64,
    /// Where everything that was there has been given, until that was said.
    catches_up_at: Option<u64>,
    order: Order,
    /// With a filter: the least place behind which nothing was given since it was last asked
    /// whether the stream's beginning is before it.
    unproved: Option<u64>,
    /// With a filter: everything up to this was there to be given, before another consumer began
    /// in front of it.
    proved_before: u64,
    /// It began with the first message that there is, and was not seen ahead of the stream's
    /// beginning since: what expires before it comes is not missing.
    at_edge: bool,
    /// When the stream's beginning was last asked for.
    beginning_checked: Option<Instant>,
    /// Since when nothing has come, as far as that was looked at.
    quiet_since: Option<Instant>,
    /// How often there was more in the stream while nothing came.
    stalled: u32,
    /// How many consumers in a row have given nothing.
    barren: u32,
    /// For the pauses between them.
    backoff: Patience,
    /// The most messages to ask for at once: fewer where the client's own buffer can't hold them.
    batch_most: u32,
    /// How many messages have come since the last one was lost on its way.
    since_missed: u32,
    /// Whether it has begun: from then on no silence is its end.
    begun: bool,
}

#[expect(
    clippy::large_enum_variant,
    reason = "there is one for each feed, and it is a consumer nearly all the time"
)]
enum Phase {
    Start(FeedStart),
    /// Without a consumer.
    Interrupted,
    Reading(Consumer),
    /// Nothing can pass the filter.
    Idle,
    End,
}

impl Feed {
    fn new(store: Shared, start: FeedStart, filter: EventFilter) -> Self {
        let (patience, backoff) = (store.ledger.patience(), store.ledger.patience());
        Self {
            subjects: Subjects::of(&filter, &store.ledger.names),
            patience,
            store,
            filter,
            phase: Phase::Start(start),
            ready: VecDeque::new(),
            last: None,
            starts_behind: 0,
            looked: 0,
            catches_up_at: None,
            order: Order::new(false),
            unproved: None,
            proved_before: 0,
            at_edge: false,
            beginning_checked: None,
            quiet_since: None,
            stalled: 0,
            barren: 0,
            backoff,
            batch_most: BATCH_MOST,
            since_missed: 0,
            begun: false,
        }
    }

    /// The next item. After [`StoreError::Malformed`] others follow, after any other error nothing
    /// does.
    async fn next(&mut self) -> Option<Result<FeedItem, StoreError>> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(item);
            }
            let looked = self.looked;
            if self.catches_up_at.take_if(|end| looked >= *end).is_some() {
                if let Phase::Reading(consumer) = &mut self.phase {
                    consumer.set_eager(false);
                }
                return Some(Ok(FeedItem::CaughtUp));
            }
            let step = match &mut self.phase {
                Phase::Start(start) => {
                    let start = *start;
                    self.begin(start).await
                }
                Phase::Interrupted => self.go_on().await,
                Phase::Reading(consumer) => match consumer.next(&self.store.server).await {
                    Ok(given) => self.take(given).await,
                    Err(fault) => self.interrupted(fault),
                },
                Phase::Idle => std::future::pending().await,
                Phase::End => return None,
            };
            if let Err(error) = step {
                self.phase = Phase::End;
                self.catches_up_at = None;
                if !self.begun {
                    // The rest of the commit that it was to resume in: it comes when it begins.
                    self.ready.clear();
                }
                // Behind what was found before it: nothing comes after it.
                self.ready.push_back(Err(error));
            }
        }
    }

    fn everything_passes(&self) -> bool {
        self.subjects == Subjects::All
    }

    /// What expires up to there was given, or does not pass.
    fn proved(&self) -> u64 {
        self.looked.max(self.proved_before)
    }

    /// Takes in what the consumer gives.
    async fn take(&mut self, given: Given) -> Result<(), StoreError> {
        let (next, stored) = match given {
            Given::Message(stored) => (stored.sequence, Some(stored)),
            Given::Nothing { up_to } => (up_to.saturating_add(1), None),
        };
        if stored.is_some() && next <= self.looked {
            let (looked, barren) = (self.looked, self.barren);
            let text = format!("message {next} where one after {looked} was due");
            let step = self.interrupted(Fault::Garbled(text));
            // It has given nothing that is of use.
            self.barren = barren + 1;
            return step;
        }
        if next > self.proved() + 1 {
            self.unproved.get_or_insert(self.proved());
        }
        match self.everything_passes() {
            true if next > self.looked + 1 => self.report_hole(next).await?,
            true => {}
            false => self.prove_beginning().await?,
        }
        let Some(stored) = stored else {
            return self.hear_nothing(next - 1).await;
        };
        self.looked = next;
        // A feed that begins after this has come may not begin before it.
        self.store.ledger.saw(next);
        self.quiet_since = None;
        self.grow();
        self.read(&stored);
        if self.everything_passes() {
            self.at_edge = false;
        }
        self.last = Some(stored);
        Ok(())
    }

    /// There is nothing else up to this sequence, as far as whoever has the consumer knows.
    async fn hear_nothing(&mut self, up_to: u64) -> Result<(), StoreError> {
        if up_to > self.looked {
            self.looked = up_to;
            self.quiet_since = None;
        }
        let since = *self.quiet_since.get_or_insert_with(Instant::now);
        if since.elapsed() < END_CHECKED_EVERY {
            return Ok(());
        }
        // It may be on a server that does not hear of what is stored, and live on there.
        let state = self.look(self.looked).await?;
        self.quiet_since = None;
        self.stalled = match state.last > self.looked {
            true => self.stalled + 1,
            false => 0,
        };
        if self.stalled > 1 {
            self.stalled = 0;
            let last = state.last;
            return self.interrupted(Fault::Interrupted(format!(
                "the consumer stands still at message {up_to} of {last}"
            )));
        }
        Ok(())
    }

    /// Where all messages pass, none comes between what was looked at and this one: something is
    /// missing.
    ///
    /// But whoever has the consumer may be a replica whose disk is damaged, or one that has let
    /// something expire a little sooner: what the leader still has is given.
    async fn report_hole(&mut self, next: u64) -> Result<(), StoreError> {
        self.patience.renew();
        let state = self.look(self.looked).await?;
        self.check_beginning(&state)?;
        while next > self.looked + 1 {
            let from = self.looked + 1;
            let there = self.next_stored(from).await?;
            let there = there.filter(|there| (from..next).contains(&there.sequence));
            let up_to = there.as_ref().map_or(next, |there| there.sequence);
            if from < up_to {
                let (first, last) = (from, up_to - 1);
                let missing = match first == last {
                    true => format!("message {first} is"),
                    false => format!("messages {first} to {last} are"),
                };
                let incarnation = self.store.ledger.incarnation;
                let reason = format!("{missing} not given by the server: damaged or removed");
                self.report(incarnation.malformed_at(last, reason));
            }
            self.looked = up_to.min(next - 1);
            if let Some(there) = there {
                self.read(&there);
                self.last = Some(there);
            }
        }
        Ok(())
    }

    /// Where there is a filter, asks from time to time whether all that was left out since could
    /// have been given.
    async fn prove_beginning(&mut self) -> Result<(), StoreError> {
        let is_due = |checked: Instant| checked.elapsed() >= BEGINNING_CHECKED_EVERY;
        let wanted = self.unproved.is_some() || self.at_edge;
        if !wanted || !self.beginning_checked.is_none_or(is_due) {
            return Ok(());
        }
        self.patience.renew();
        self.beginning_checked = Some(Instant::now());
        let state = self.look(self.looked).await?;
        self.check_beginning(&state)
    }

    /// Asks for more messages at once again, where none was lost for long.
    fn grow(&mut self) {
        if self.barren > 0 {
            self.barren = 0;
            self.backoff.renew();
        }
        if self.batch_most == BATCH_MOST {
            return;
        }
        self.since_missed += 1;
        if self.since_missed >= self.batch_most * 2 {
            self.since_missed = 0;
            self.batch_most = (self.batch_most * 2).min(BATCH_MOST);
            if let Phase::Reading(consumer) = &mut self.phase {
                consumer.set_most(self.batch_most);
            }
        }
    }

    /// Reads a message, and gives what is in it.
    fn read(&mut self, stored: &Stored) {
        let incarnation = self.store.ledger.incarnation;
        let fields = stored.fields();
        match self.events_in(stored, &fields) {
            Err(reason) => {
                self.order.unreadable(&stored.subject);
                self.report(incarnation.malformed(stored.clone(), reason));
            }
            Ok((events, previous)) => {
                let wrong = self.follow(&stored.subject, previous, &events);
                let falls = matches!(wrong, Some(Wrong::Falls { .. }));
                if let Some(wrong) = wrong {
                    self.report(incarnation.malformed(stored.clone(), wrong.to_string()));
                }
                if !falls {
                    self.give(stored, events, 0);
                }
            }
        }
    }

    /// The events of a message, and the version that they come after where it says so; checked as
    /// a read of their actor checks them.
    fn events_in(
        &self,
        stored: &Stored,
        fields: &Fields<'_>,
    ) -> Result<(Vec<Event>, Option<Version>), String> {
        let (events, link) = stored.linked(fields, fields.span()?)?;
        let names = &self.store.ledger.names;
        match events.first() {
            Some(event) if names.is_events_subject(&stored.subject, event.actor_id()) => {
                Ok((events, link.as_ref().map(Link::previous)))
            }
            _ => Err(format!("it is on subject {:?}", stored.subject.as_str())),
        }
    }

    /// What is wrong with a commit after those that were given of its actor.
    fn follow(
        &mut self,
        subject: &str,
        previous: Option<Version>,
        events: &[Event],
    ) -> Option<Wrong> {
        let version = |event: Option<&Event>| event.map_or(Version::ZERO, Event::version);
        let (first, last) = (version(events.first()), version(events.last()));
        self.order.check(subject, first, last, previous)
    }

    /// The events of a commit from this index on, those that pass, are to be passed on.
    fn give(&mut self, stored: &Stored, events: Vec<Event>, from: usize) {
        let (incarnation, sequence) = (self.store.ledger.incarnation, stored.sequence);
        let events = events.into_iter().enumerate().skip(from);
        let before = self.ready.len();
        for (index, event) in events {
            if self.filter.passes(&event) {
                let position = incarnation.position(sequence, index, &event);
                let recorded = RecordedEvent::new(event, position);
                self.ready.push_back(Ok(FeedItem::Event(recorded)));
            }
        }
        let given = self.ready.len() - before;
        self.store.ledger.observer.feed_gave(given);
    }

    fn report(&mut self, error: ReplayError) {
        self.ready.push_back(Err(error.into()));
    }
}
