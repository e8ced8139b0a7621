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
//! line. What a node says of itself, and announces, does not stand in that line: one task says it,
//! and waits for room beside the first in the line.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
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

/// The most words that wait to be said. All of them are repeated.
const WORDS_MAX: usize = 8_192;

/// What a node publishes.
#[derive(Debug)]
pub(crate) struct Outbox {
    origin: Origin,
    names: Names,
    state: Mutex<State>,
    /// The line of those who wait for room.
    line: tokio::sync::Mutex<()>,
    stopped: Notify,
    /// There is something to be said.
    to_say: Notify,
}

#[derive(Debug)]
struct State {
    /// As a sink, which says when there is room.
    client: Client,
    /// The same for what is said.
    talker: Client,
    numbers: Numbers,
    is_stopped: bool,
    /// Somebody waits for room.
    is_waited: bool,
    words: VecDeque<OutboundMessage>,
    /// What was asked, and is answered when all is announced that was due then.
    owed: VecDeque<Owed>,
    /// Others were told that it stops: whatever came after that would say that the node is there.
    has_left: bool,
}

/// An answer.
#[derive(Debug)]
struct Owed {
    to: Origin,
    question: u64,
    next_series: u64,
    /// Behind what is to be announced before.
    mark: u64,
}

/// A message about an event, without its place.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) subject: Subject,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) topic: Topic,
}

impl Outbox {
    pub(crate) fn new(origin: Origin, names: Names, client: Client, subjects_max: usize) -> Self {
        Self {
            origin,
            names,
            state: Mutex::new(State {
                talker: client.clone(),
                client,
                numbers: Numbers::new(subjects_max),
                is_stopped: false,
                is_waited: false,
                words: VecDeque::new(),
                owed: VecDeque::new(),
                has_left: false,
            }),
            line: tokio::sync::Mutex::new(()),
            stopped: Notify::new(),
            to_say: Notify::new(),
        }
    }

    /// Sends an event; waits where the connection has no room. Dropping the future sends nothing and
    /// gives no number.
    pub(crate) async fn send(&self, draft: Draft) -> Result<(), BusError> {
        let mut draft = Some(draft);
        self.send_at_once(&mut self.state.lock(), &mut draft)?;
        if draft.is_none() {
            return Ok(());
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
                ready!(poll_room(&mut state.client, cx))?;
                let draft = draft.take();
                Poll::Ready(draft.map_or(Ok(()), |draft| self.hand_over(&mut state, draft)))
            })
            .await
        };
        tokio::select! {
            biased;
            () = stopped => Err(BusError::Stopped),
            sent = sent => sent,
        }
    }

    /// The same at once. Where there is no room it gets its number all the same, so that others learn
    /// that they have missed it.
    pub(crate) fn send_or_leave_out(&self, draft: Draft) -> Result<(), BusError> {
        let mut state = self.state.lock();
        let mut draft = Some(draft);
        self.send_at_once(&mut state, &mut draft)?;
        let Some(draft) = draft else {
            return Ok(());
        };
        let bytes_max = state.client.max_payload();
        let bytes = message::size(&draft.headers, &draft.body) + MARK_BYTES_MIN;
        if bytes > bytes_max {
            return Err(BusError::TooLarge { bytes, bytes_max });
        }
        state.numbers.next(&draft.subject, || draft.topic);
        Err(BusError::Full)
    }

    /// Sends it, unless there is no room: then it is left.
    fn send_at_once(&self, state: &mut State, draft: &mut Option<Draft>) -> Result<(), BusError> {
        if state.is_stopped {
            return Err(BusError::Stopped);
        }
        if state.is_waited {
            return Ok(());
        }
        // Without a budget: when it is used up there seems to be no room.
        let room = pin!(unconstrained(poll_fn(|cx| poll_room(
            &mut state.client,
            cx
        ))));
        match room.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => Ok(()),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Ready(Ok(())) => draft
                .take()
                .map_or(Ok(()), |draft| self.hand_over(state, draft)),
        }
    }

    /// Hands an event to the connection, which has room.
    fn hand_over(&self, state: &mut State, draft: Draft) -> Result<(), BusError> {
        let Draft {
            subject,
            mut headers,
            body,
            topic,
        } = draft;
        let place = state.numbers.next(&subject, || topic);
        let kind = Kind::Numbered(Said::Event, place);
        message::kind_header(&mut headers, self.origin, &kind);
        let bytes_max = state.client.max_payload();
        // Only where it may be too large it is counted.
        let bytes = match body.len() + HEADERS_BYTES_USUAL > bytes_max {
            true => message::size(&headers, &body),
            false => 0,
        };
        let taken_back = subject.clone();
        let sent = start(
            &mut state.client,
            OutboundMessage {
                subject,
                reply: None,
                payload: body,
                headers: Some(headers),
            },
        );
        sent.map_err(|error| {
            state.numbers.take_back(&taken_back, place);
            match error.kind() {
                PublishErrorKind::MaxPayloadExceeded => BusError::TooLarge { bytes, bytes_max },
                _ => BusError::Closed,
            }
        })
    }

    /// A message without an event on a subject of events.
    fn marked(&self, subject: &str, kind: &Kind, topic: Option<&Topic>) -> OutboundMessage {
        let mut headers = HeaderMap::new();
        message::kind_header(&mut headers, self.origin, kind);
        if let Some(topic) = topic {
            message::topic_headers(&mut headers, topic, subject);
        }
        OutboundMessage {
            subject: subject.into(),
            reply: None,
            payload: Bytes::new(),
            headers: Some(headers),
        }
    }

    fn worded(&self, to: String, word: &Word, body: Bytes) -> OutboundMessage {
        OutboundMessage {
            subject: to.into(),
            reply: None,
            payload: body,
            headers: Some(message::word_headers(self.origin, word)),
        }
    }

    /// Sends a probe to who listens on this subject, soon.
    pub(crate) fn probe(&self, subject: &str, number: u64) {
        self.say(self.marked(subject, &Kind::Probe(number), None));
    }

    /// Tells other nodes something, soon.
    pub(crate) fn tell(&self, to: String, word: &Word, body: Bytes) {
        self.say(self.worded(to, word, body));
    }

    fn say(&self, message: OutboundMessage) {
        let mut state = self.state.lock();
        if state.words.len() < WORDS_MAX {
            state.words.push_back(message);
        }
        drop(state);
        self.to_say.notify_one();
    }

    /// Some time has passed: what is due is announced.
    pub(crate) fn tick(&self) {
        self.state.lock().numbers.tick();
        self.to_say.notify_one();
    }

    /// All last numbers are announced once more.
    pub(crate) fn announce_all(&self) {
        let mut state = self.state.lock();
        let all = state.numbers.subjects();
        state.numbers.ask(&all);
        drop(state);
        self.to_say.notify_one();
    }

    /// Announces the last numbers of those subjects that are meant, and then answers.
    pub(crate) fn answer(&self, to: Origin, question: u64, is_meant: impl Fn(&str) -> bool) {
        let state = self.state.lock();
        // A question that is repeated before it was answered.
        let is_same = |owed: &Owed| owed.to == to && owed.question == question;
        if state.owed.iter().any(is_same) {
            return;
        }
        let next_series = state.numbers.next_series();
        let all = state.numbers.subjects();
        drop(state);
        let meant: Vec<&Arc<str>> = all.iter().filter(|subject| is_meant(subject)).collect();
        let mut state = self.state.lock();
        state.numbers.ask(meant);
        let mark = state.numbers.mark();
        if state.owed.len() < WORDS_MAX {
            state.owed.push_back(Owed {
                to,
                question,
                next_series,
                mark,
            });
        }
        drop(state);
        self.to_say.notify_one();
    }

    /// Says what there is to say, for ever.
    pub(crate) async fn speak(&self) {
        loop {
            let something = poll_fn(|cx| {
                let mut state = self.state.lock();
                if !state.has_something() {
                    return Poll::Ready(Ok(false));
                }
                ready!(poll_room(&mut state.talker, cx))?;
                self.say_next(&mut state);
                Poll::Ready(Ok::<_, BusError>(true))
            });
            match something.await {
                Ok(true) => {}
                Ok(false) => self.to_say.notified().await,
                Err(_) => return,
            }
        }
    }

    /// Where there is room: words first, and answers as soon as all is announced that was asked for.
    fn say_next(&self, state: &mut State) {
        if let Some(word) = state.words.pop_front() {
            let headers = word.headers.as_ref();
            let is_last = matches!(message::word(headers), Some((_, Word::Stopped)));
            // Where it can't be sent it is said again.
            let sent = start(&mut state.talker, word);
            state.has_left |= is_last && sent.is_ok();
            return;
        }
        let numbers = &state.numbers;
        if let Some(owed) = state
            .owed
            .pop_front_if(|owed| numbers.has_passed(owed.mark))
        {
            let answers = Word::Answers {
                question: owed.question,
                next_series: owed.next_series,
                forgotten: state.numbers.forgotten(),
            };
            let to = self.names.node(owed.to);
            // Where it can't be sent it is asked again.
            let _unsent = start(&mut state.talker, self.worded(to, &answers, Bytes::new()));
            return;
        }
        if let Some(subject) = state.numbers.take_due() {
            let Some(announced) = state.numbers.due_of(&subject) else {
                return;
            };
            let said = match announced.is_end {
                true => Said::End,
                false => Said::Last,
            };
            let kind = Kind::Numbered(said, announced.last);
            let message = self.marked(&subject, &kind, Some(&announced.topic));
            if start(&mut state.talker, message).is_ok() {
                state.numbers.announced(&subject);
            }
        }
    }

    /// Whether nothing is left to be announced.
    pub(crate) fn has_announced_all(&self) -> bool {
        let state = self.state.lock();
        !state.numbers.has_due()
    }

    /// Whether others were told that it stops.
    pub(crate) fn has_left(&self) -> bool {
        self.state.lock().has_left
    }

    /// No event is sent any more, and all series end.
    pub(crate) fn stop(&self) {
        let mut state = self.state.lock();
        if !std::mem::replace(&mut state.is_stopped, true) {
            state.numbers.end_all();
        }
        drop(state);
        self.stopped.notify_waiters();
        self.to_say.notify_one();
    }
}

/// The least bytes of the header that says whose message it is, and which.
const MARK_BYTES_MIN: usize = "Aether-Bus: 1 01ARZ3NDEKTSV4RRFFQ69G5FAV event 1.1\r\n".len();
impl State {
    /// Whether there is anything to be said.
    fn has_something(&mut self) -> bool {
        if self.has_left {
            return false;
        }
        !self.words.is_empty() || !self.owed.is_empty() || self.numbers.has_due()
    }
}

/// More than headers have, unless somebody puts a lot into them.
const HEADERS_BYTES_USUAL: usize = 128 * 1024;

fn poll_room(client: &mut Client, cx: &mut Context<'_>) -> Poll<Result<(), BusError>> {
    let room = Pin::new(client).poll_ready(cx);
    room.map_err(|_| BusError::Closed)
}

fn start(client: &mut Client, message: OutboundMessage) -> Result<(), PublishError> {
    Pin::new(client).start_send(message)
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
