//! Events as the server sends them, once it has stored them, to whoever listens.
//!
//! The stream of events *republishes*: the server itself sends each message that it has stored on
//! another subject, with its place in the stream. Nobody writes twice, so nothing is told that was
//! not stored, and a writer that crashes takes nothing with it. It is sent at most once, and only to
//! who listens at that moment.
//!
//! # What shows that something was missed
//!
//! Each message says its sequence, and that of the one before it on its subject. Who hears
//! everything misses each sequence that is left out. Who hears a part sees at an actor's next
//! message that one of its was missed ([`Course`]). After the connection was made anew the stream is
//! asked how far it has come, so that what was stored meanwhile is not waited for.
//!
//! From time to time, whether or not messages come, it is asked whether the stream is the same, and
//! still sends, and has come no farther than what is heard ([`check`]). So a silence that is none of
//! the stream's is not believed for ever.
//!
//! A sequence that is not above the last one is late where it is older, and is passed over. Where it
//! is newer the stream was made anew, or lost its end and was written on: the server is asked which,
//! and the message that was heard last is looked up. The same is done where a message does not fit
//! what was heard of its actor, and at most once a second where it is of an actor of which nothing
//! was. Only the server's word ends a subscription, a message's own does not: whoever may publish on
//! the subject could send one.

mod check;
mod course;
mod fill;
mod ground;
mod republished;
mod scope;

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use aether_core::{
    ActorId, Event, EventFilter, FeedStart, Position, RecordedEvent, ReplayError, StoreError,
};
use async_nats::Message;
use futures_util::stream::{self, Stream, StreamExt as _};
use tokio::time::Instant;

use crate::link::Published;
use crate::message::Incarnation;
use crate::server::Server as _;
use crate::store::Shared;

use course::{Course, Tip, Verdict};
use ground::Ground;
use republished::Republished;
use scope::{Breadth, Scope, may_pass};

pub(crate) use fill::fill;

const ACTION: &str = "hear what is stored";
/// How often it is looked whether the connection is still the same.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long what messages say is believed before the stream is asked once more.
const BELIEVED_FOR: Duration = Duration::from_secs(1);

/// What a subscription hears, as it comes. It has no end of its own; it ends after an error that is
/// not [`StoreError::Malformed`].
pub type StoredSubscription = Pin<Box<dyn Stream<Item = Result<Heard, StoreError>> + Send>>;

/// What comes out of a [subscription](crate::JetStreamStore::subscribe_stored).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// The first item, and only once: what is stored from here on is heard, or missed by a gap.
    Listening {
        /// Every event that was stored before has a lower position, every one that is heard has
        /// not.
        from: Position,
    },
    /// An event that was stored, and its place.
    Event(RecordedEvent),
    /// Something was missed, or may have been.
    Gap(Gap),
    /// A message came that the stream has not sent: somebody else publishes there.
    Foreign {
        /// The subject on which it came.
        subject: String,
        /// What shows it.
        reason: String,
    },
}

/// A stretch of the feed: what a subscription has missed, to be had by
/// [`fill`](crate::JetStreamStore::fill).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// After what was heard last; where nothing was, from where the subscription began, or from
    /// what is left of that.
    pub start: FeedStart,
    /// Every event of the gap has a lower position.
    pub before: Position,
    /// What was missed passes this filter: the subscription's own, or of one actor where only
    /// that one's events are known to be missing.
    pub filter: EventFilter,
}

/// Listens to what is stored and passes the filter.
pub(crate) fn subscribe(store: Shared, filter: EventFilter) -> StoredSubscription {
    // In a box, so that it is not moved around with each event.
    let listener = Box::new(Listener::new(store, filter));
    let items = stream::unfold(listener, |mut listener| async {
        let item = listener.next().await?;
        Some((item, listener))
    });
    Box::pin(items.fuse())
}

/// A subscription while it is being read.
struct Listener {
    store: Shared,
    filter: EventFilter,
    ground: Ground,
    phase: Phase,
    /// What is to be passed on next.
    ready: VecDeque<Result<Heard, StoreError>>,
}

enum Phase {
    Start,
    Listening(Box<Listening>),
    /// Nothing can pass the filter.
    Idle,
    End,
}

struct Listening {
    messages: Published,
    scope: Scope,
    course: Course,
    /// How often the connection had been made when the stream was last asked.
    connects: u64,
    /// The connection was made anew, and it has not been looked since whether something was missed.
    is_unsure: bool,
    /// Nothing was heard yet that was compared with the stream.
    is_new: bool,
    /// Something came that is newer than what was heard, and in its place.
    is_doubtful: bool,
    /// The stream has come as far as this.
    reached: u64,
    /// When the stream was last compared with what was heard.
    looked: Instant,
    /// When it was last asked whether it has come farther than what is heard.
    checked: Instant,
    /// What was heard last then, and what the stream had come to, where that was more.
    unheard: Option<(u64, Tip)>,
    /// When a message was last found to be ahead of the stream.
    forged: Option<Instant>,
}

impl Listener {
    fn new(store: Shared, filter: EventFilter) -> Self {
        Self {
            ground: Ground::new(store.clone(), ACTION),
            store,
            filter,
            phase: Phase::Start,
            ready: VecDeque::new(),
        }
    }

    /// The next item. After [`StoreError::Malformed`] others follow, after any other error nothing
    /// does.
    async fn next(&mut self) -> Option<Result<Heard, StoreError>> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                self.store.ledger.observer.heard(&item);
                return Some(item);
            }
            let step = match std::mem::replace(&mut self.phase, Phase::End) {
                Phase::Start => self.begin().await,
                Phase::Listening(listening) => self.listen(listening).await,
                Phase::Idle => std::future::pending().await,
                Phase::End => return None,
            };
            match step {
                Ok(phase) => self.phase = phase,
                Err(error) => self.ready.push_back(Err(error)),
            }
        }
    }

    /// Listens, and only then asks how far the stream has come: what is stored later comes.
    async fn begin(&mut self) -> Result<Phase, StoreError> {
        // The subscription may have been made long before it is polled.
        self.ground.renew();
        let store = self.store.clone();
        let incarnation = store.ledger.incarnation;
        let scope = Scope::of(&self.filter, &store.ledger.names);
        let messages = match &scope {
            None => None,
            Some(scope) => Some(self.listen_to(&scope.subject).await?),
        };
        let nowhere = in_front(incarnation, 0);
        let (connects, state) = loop {
            let connects = store.server.connects();
            let state = self.ground.look(store.ledger.mark(), nowhere).await?;
            // Where the connection was made anew meanwhile, something may have been missed already.
            if store.server.connects() == connects {
                break (connects, state);
            }
        };
        self.ground.check_sends(&state)?;
        self.ground.begun = true;
        let reached = state.last.sequence;
        let from = in_front(incarnation, reached + 1);
        self.ready.push_back(Ok(Heard::Listening { from }));
        Ok(match scope.zip(messages) {
            None => Phase::Idle,
            Some((scope, messages)) => {
                let everything = scope.breadth == Breadth::Everything;
                Phase::Listening(Box::new(Listening {
                    messages,
                    scope,
                    course: Course::new(incarnation, state.last, everything),
                    connects,
                    is_unsure: false,
                    is_new: true,
                    is_doubtful: false,
                    reached,
                    looked: Instant::now(),
                    checked: Instant::now(),
                    unheard: None,
                    forged: None,
                }))
            }
        })
    }

    async fn listen_to(&mut self, subject: &str) -> Result<Published, StoreError> {
        let store = self.store.clone();
        loop {
            match store.server.link.subscribe(subject).await {
                Ok(messages) => return Ok(messages),
                Err(fault) => self.ground.wait_after(fault).await?,
            }
        }
    }

    /// Takes in the next message, and whether the connection is still the same.
    async fn listen(&mut self, mut listening: Box<Listening>) -> Result<Phase, StoreError> {
        let stream = &self.store.ledger.names.events_stream;
        let next = listening.messages.next_within(LOOK_EVERY).await;
        let message = next.map_err(|fault| fault.into_store_error(ACTION, stream))?;
        let is_idle = message.is_none();
        let is_another = self.store.server.connects() != listening.connects;
        if is_another || (listening.is_unsure && is_idle) {
            self.reconnected(&mut listening, is_idle).await?;
        } else if listening.checked.elapsed() >= self.checked_every() {
            self.check(&mut listening).await?;
        } else if listening.is_doubtful && listening.looked.elapsed() >= BELIEVED_FOR {
            self.verify(&mut listening).await?;
        }
        if let Some(message) = message {
            self.take(&mut listening, message).await?;
        }
        Ok(Phase::Listening(listening))
    }

    /// Takes in a message.
    async fn take(
        &mut self,
        listening: &mut Listening,
        message: Message,
    ) -> Result<(), StoreError> {
        let names = &self.store.ledger.names;
        let on = message.subject.clone();
        let republished = match Republished::read(message, names) {
            Ok(republished) => republished,
            Err(reason) => {
                self.foreign(&on, reason);
                return Ok(());
            }
        };
        let events = republished.events(names);
        let Republished { place, stored } = &republished;
        let sequence = place.sequence;
        let first = events.as_ref().ok().and_then(|events| events.first());
        let actor = match &listening.scope.breadth {
            Breadth::Actor(id) => Some(id.clone()),
            _ => first.map(|event| event.actor_id().clone()),
        };
        let verdict = match listening.course.judge(place, &stored.subject) {
            Verdict::Overtaken(start) => {
                if let Some(actor) = actor {
                    listening.course.overtaken(place, &stored.subject);
                    self.missed(start, sequence + 1, self.filter_of(actor));
                }
                return Ok(());
            }
            verdict @ (Verdict::Late | Verdict::Falls) => {
                listening.is_doubtful |= verdict == Verdict::Falls;
                if listening.looked.elapsed() >= BELIEVED_FOR {
                    self.verify(listening).await?;
                    tracing::debug!(sequence, "a message that the stream has sent late");
                }
                return Ok(());
            }
            verdict => verdict,
        };
        let verdict = self
            .prove(listening, &republished, verdict, events.is_ok())
            .await?;
        let start = match verdict {
            Ok(start) => start,
            Err(reason) => {
                self.foreign(&on, reason);
                return Ok(());
            }
        };
        if let Some(start) = start {
            match (&actor, listening.course.is_by_actor()) {
                (_, false) => self.missed(start, sequence, self.filter.clone()),
                (Some(actor), true) => self.missed(start, sequence, self.filter_of(actor.clone())),
                // Whose it is can't be said. His next message says once more what was missed.
                (None, true) => {
                    if let Err(reason) = events {
                        self.report(republished, reason);
                    }
                    return Ok(());
                }
            }
        }
        self.give(&mut listening.course, republished, events);
        Ok(())
    }

    /// Passes on what is in a message.
    fn give(
        &mut self,
        course: &mut Course,
        republished: Republished,
        events: Result<Vec<Event>, String>,
    ) {
        let incarnation = self.store.ledger.incarnation;
        let Republished { place, stored } = &republished;
        match events {
            Err(reason) => {
                let unreadable = Position::new(incarnation.0, place.sequence, u32::MAX);
                course.heard(place, &stored.subject, unreadable);
                self.report(republished, reason);
            }
            Ok(events) => {
                let last = incarnation.last_position(place.sequence, &events);
                course.heard(place, &stored.subject, last);
                for (index, event) in events.into_iter().enumerate() {
                    if self.filter.passes(&event) {
                        let position = incarnation.position(place.sequence, index, &event);
                        let recorded = RecordedEvent::new(event, position);
                        self.ready.push_back(Ok(Heard::Event(recorded)));
                    }
                }
            }
        }
    }

    /// What passes the filter of this actor's events.
    fn filter_of(&self, actor: ActorId) -> EventFilter {
        let filter = EventFilter::all().actor(actor);
        let types = self.filter.event_types().cloned();
        types.fold(filter, EventFilter::event_type)
    }

    /// Says that something was missed since this start, and before the message with this sequence.
    fn missed(&mut self, start: FeedStart, before: u64, filter: EventFilter) {
        let gap = Gap {
            start,
            before: in_front(self.store.ledger.incarnation, before),
            filter,
        };
        self.ready.push_back(Ok(Heard::Gap(gap)));
    }

    /// Reports a message that is no commit, where it could have been one that passes.
    fn report(&mut self, republished: Republished, reason: String) {
        let Republished { stored, .. } = republished;
        let ledger = &self.store.ledger;
        if may_pass(&self.filter, &ledger.names, &stored.subject) {
            let report: ReplayError = ledger.incarnation.malformed(stored, reason);
            self.ready.push_back(Err(report.into()));
        }
    }

    fn foreign(&mut self, subject: &str, reason: String) {
        let subject = subject.to_owned();
        self.ready.push_back(Ok(Heard::Foreign { subject, reason }));
    }
}

/// In front of all events of the message with this sequence.
fn in_front(incarnation: Incarnation, sequence: u64) -> Position {
    Position::new(incarnation.0, sequence, 0)
}
