//! What goes out: numbered in the order in which it goes.
//!
//! # Why numbers rise as messages do
//!
//! A number is given and the message handed to the connection under one lock, and only when the
//! connection has said that it has room: so nothing comes between the two, and nobody who gives up
//! waiting has had a number. The connection sends in the order in which it was handed messages.
//!
//! Where there is no room publishers wait in a line, and the first of them for room; whoever can't
//! wait is turned away as long as somebody does, so that no room is taken before the first in the
//! line.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};

use async_nats::client::PublishErrorKind;
use async_nats::message::OutboundMessage;
use async_nats::{Client, HeaderMap, PublishError, Subject};
use bytes::Bytes;
use futures_util::Sink;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::coop::unconstrained;

use crate::BusError;
use crate::nats::course::{Said, Topic};
use crate::nats::message::{self, Kind, Word};
use crate::nats::names::Names;
use crate::nats::numbers::Numbers;
use crate::nats::origin::Origin;

/// What a node publishes.
#[derive(Debug)]
pub(crate) struct Outbox {
    origin: Origin,
    names: Names,
    state: Mutex<State>,
    /// The line of those who wait for room.
    line: tokio::sync::Mutex<()>,
    stopped: Notify,
}

#[derive(Debug)]
struct State {
    /// As a sink, which says when there is room.
    client: Client,
    numbers: Numbers,
    is_stopped: bool,
    /// Others were told so: whatever came after that would say that the node is there.
    has_left: bool,
    /// Somebody waits for room.
    is_waited: bool,
}

/// A message about an event, without its place.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) subject: Subject,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) topic: Topic,
}

/// Why something was not sent at once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unsent {
    /// The connection has no room.
    Full,
    Failed(BusError),
}

impl Outbox {
    pub(crate) fn new(origin: Origin, names: Names, client: Client, subjects_max: usize) -> Self {
        Self {
            origin,
            names,
            state: Mutex::new(State {
                client,
                numbers: Numbers::new(subjects_max),
                is_stopped: false,
                has_left: false,
                is_waited: false,
            }),
            line: tokio::sync::Mutex::new(()),
            stopped: Notify::new(),
        }
    }

    /// Sends an event; waits where the connection has no room. Dropping the future sends nothing and
    /// gives no number.
    pub(crate) async fn send(&self, draft: Draft) -> Result<(), BusError> {
        match self.try_send(&draft) {
            Err(Unsent::Full) => {}
            Err(Unsent::Failed(error)) => return Err(error),
            Ok(()) => return Ok(()),
        }
        let stopped = self.stopped.notified();
        let sent = async {
            let _first = self.line.lock().await;
            let _waits = Waits::begin(&self.state);
            poll_fn(|cx| {
                let mut state = self.state.lock();
                if state.is_stopped {
                    return Poll::Ready(Err(BusError::Stopped));
                }
                ready!(state.poll_room(cx))?;
                Poll::Ready(self.hand_over(&mut state, &draft))
            })
            .await
        };
        tokio::select! {
            biased;
            () = stopped => Err(BusError::Stopped),
            sent = sent => sent,
        }
    }

    /// The same at once, or not at all.
    pub(crate) fn try_send(&self, draft: &Draft) -> Result<(), Unsent> {
        let mut state = self.state.lock();
        if state.is_stopped {
            return Err(Unsent::Failed(BusError::Stopped));
        }
        state.has_room()?;
        self.hand_over(&mut state, draft).map_err(Unsent::Failed)
    }

    /// An event that could not be sent gets its number all the same: so others learn that they have
    /// missed one.
    pub(crate) fn leave_out(&self, draft: &Draft) {
        let mut state = self.state.lock();
        state.numbers.next(&draft.subject, || draft.topic.clone());
    }

    /// Hands an event to the connection, which has room.
    fn hand_over(&self, state: &mut State, draft: &Draft) -> Result<(), BusError> {
        let subject = &draft.subject;
        let place = state.numbers.next(subject, || draft.topic.clone());
        let mut headers = draft.headers.clone();
        message::kind_header(
            &mut headers,
            self.origin,
            &Kind::Numbered(Said::Event, place),
        );
        let sent = state.start(OutboundMessage {
            subject: subject.clone(),
            reply: None,
            payload: draft.body.clone(),
            headers: Some(headers),
        });
        if let Err(error) = sent {
            state.numbers.take_back(subject, place);
            return Err(match error.kind() {
                PublishErrorKind::MaxPayloadExceeded => BusError::TooLarge {
                    bytes: message::size(&draft.headers, &draft.body),
                    bytes_max: state.client.max_payload(),
                },
                _ => BusError::Closed,
            });
        }
        Ok(())
    }

    /// Announces whatever is due, as far as there is room; whether that was all.
    pub(crate) fn announce(&self) -> bool {
        let due = self.state.lock().numbers.due();
        for subject in due {
            let mut state = self.state.lock();
            let Some(announced) = state.numbers.due_of(&subject) else {
                continue;
            };
            if state.has_room().is_err() {
                return false;
            }
            let said = match announced.is_end {
                true => Said::End,
                false => Said::Last,
            };
            let kind = Kind::Numbered(said, announced.last);
            let message = self.marked(&subject, &kind, Some(&announced.topic));
            if state.start(message).is_ok() {
                state.numbers.announced(&subject);
            }
        }
        true
    }

    /// A message without an event on a subject of events.
    fn marked(&self, subject: &str, kind: &Kind, topic: Option<&Topic>) -> OutboundMessage {
        let mut headers = HeaderMap::new();
        message::kind_header(&mut headers, self.origin, kind);
        if let Some(topic) = topic {
            message::topic_headers(&mut headers, &self.names, topic, subject);
        }
        OutboundMessage {
            subject: subject.into(),
            reply: None,
            payload: Bytes::new(),
            headers: Some(headers),
        }
    }

    /// Sends a probe to who listens on this subject.
    pub(crate) fn probe(&self, subject: &str, number: u64) -> Result<(), Unsent> {
        let mut state = self.state.lock();
        state.has_room()?;
        state.start_message(self.marked(subject, &Kind::Probe(number), None))
    }

    /// Tells other nodes something; nothing more after [`Word::Stopped`].
    pub(crate) fn tell(&self, to: &str, word: &Word, body: Bytes) -> Result<(), Unsent> {
        let mut state = self.state.lock();
        if state.has_left {
            return Err(Unsent::Failed(BusError::Stopped));
        }
        state.has_room()?;
        state.has_left = *word == Word::Stopped;
        state.start_message(OutboundMessage {
            subject: to.into(),
            reply: None,
            payload: body,
            headers: Some(message::word_headers(self.origin, word)),
        })
    }

    /// What is numbered.
    pub(crate) fn numbers<T>(&self, look: impl FnOnce(&mut Numbers) -> T) -> T {
        look(&mut self.state.lock().numbers)
    }

    /// No event is sent any more; false where that was so before.
    pub(crate) fn stop(&self) -> bool {
        let mut state = self.state.lock();
        let was_stopped = std::mem::replace(&mut state.is_stopped, true);
        state.numbers.end_all();
        drop(state);
        self.stopped.notify_waiters();
        !was_stopped
    }
}

impl State {
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BusError>> {
        let room = Pin::new(&mut self.client).poll_ready(cx);
        room.map_err(|_| BusError::Closed)
    }

    /// Whether a message can be handed over now.
    fn has_room(&mut self) -> Result<(), Unsent> {
        if self.is_waited {
            return Err(Unsent::Full);
        }
        // Not when it is the task's turn to end that there seems to be none.
        let room = pin!(unconstrained(poll_fn(|cx| self.poll_room(cx))));
        match room.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(room) => room.map_err(Unsent::Failed),
            Poll::Pending => Err(Unsent::Full),
        }
    }

    fn start(&mut self, message: OutboundMessage) -> Result<(), PublishError> {
        Pin::new(&mut self.client).start_send(message)
    }

    /// The same of one that can't be too large.
    fn start_message(&mut self, message: OutboundMessage) -> Result<(), Unsent> {
        let sent = self.start(message);
        sent.map_err(|_| Unsent::Failed(BusError::Closed))
    }
}

/// As long as it lives, somebody waits for room.
struct Waits<'a>(&'a Mutex<State>);

impl<'a> Waits<'a> {
    fn begin(state: &'a Mutex<State>) -> Self {
        state.lock().is_waited = true;
        Self(state)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.lock().is_waited = false;
    }
}
