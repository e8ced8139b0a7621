//! Who listens to one subject for all subscriptions of a node that ask for it: a task that reads what
//! comes, accounts for it, and passes it on.
//!
//! What comes on another subscription of the connection, a node's word or an answer, has come after
//! what the server had sent before it, and that is in this one's buffer then. So an order that follows
//! from such a word is carried out when the buffer is empty, or as many messages were read as it can
//! have held.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use async_nats::{Message, Subscriber};
use futures_util::StreamExt as _;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::coop::unconstrained;

use crate::index::Route;
use crate::lost::Lost;
use crate::nats::course::{Course, Said, Topic};
use crate::nats::message::{self, Foreign, Kind, Unreadable};
use crate::nats::node::Node;
use crate::nats::numbers::Place;
use crate::nats::origin::Origin;
use crate::nats::stats::count;
use crate::queue::Afterwards;
use crate::{BusError, Missed, Published};

/// The most messages that a buffer is taken to hold: what the client is set to, unless it is asked
/// for something else.
const BUFFERED_MAX: usize = 65_536;
/// The most messages that are read at once; then others have a turn.
const AT_A_TURN: usize = 64;

/// What a listener is told.
#[derive(Debug)]
pub(crate) enum Order {
    /// The origin has answered.
    KnowsUs {
        origin: Origin,
        since: u64,
        forgotten: u64,
    },
    /// Nothing comes from it any more, and nobody knows what it has published last.
    Silent(Origin),
    /// It has stopped, and has said so.
    Stopped(Origin),
    /// To say when all that is in the buffer was passed on.
    Drain(oneshot::Sender<()>),
}

/// What a task needs that listens.
pub(crate) struct Listener {
    pub(crate) node: Arc<Node>,
    pub(crate) route: Route,
    pub(crate) orders: mpsc::UnboundedReceiver<Order>,
    pub(crate) course: Course,
}

/// How reading went on.
enum Step {
    /// Something was read.
    Read,
    /// The buffer is empty.
    Drained,
    Closed,
}

impl Listener {
    /// Listens until the connection is closed, and says when it has begun.
    pub(crate) async fn listen(
        mut self,
        subject: Arc<str>,
        listens: watch::Sender<Option<Result<(), BusError>>>,
    ) {
        // However this ends, nobody goes on waiting for what does not come.
        let _end = EndsRoute {
            node: self.node.clone(),
            route: self.route,
            subject: subject.clone(),
        };
        let subscribed = self.node.client.subscribe(subject.to_string()).await;
        let (begun, subscriber) = match subscribed {
            Ok(subscriber) => (Ok(()), Some(subscriber)),
            Err(_) => (Err(BusError::Closed), None),
        };
        listens.send_replace(Some(begun));
        if let Some(subscriber) = subscriber {
            self.read(subscriber).await;
        }
    }

    async fn read(&mut self, mut subscriber: Subscriber) {
        let mut put_off = VecDeque::new();
        let mut read = 0;
        let mut messages = Vec::with_capacity(AT_A_TURN);
        loop {
            let step = self.step(&mut subscriber, &mut messages, &mut put_off, read);
            let step = step.await;
            read += messages.len();
            let mut afterwards = Afterwards::default();
            for message in messages.drain(..) {
                shielded(|| self.hear(&message, &mut afterwards));
            }
            shielded(|| drop(afterwards));
            let is_drained = !matches!(step, Step::Read);
            while let Some((_, order)) = put_off.pop_front_if(|(due, _)| is_drained || *due <= read)
            {
                shielded(|| self.carry_out(order));
            }
            match step {
                Step::Read => tokio::task::yield_now().await,
                Step::Drained => {}
                Step::Closed => return,
            }
        }
    }

    /// Waits for messages, or orders where there are none, and takes as many as are there.
    async fn step(
        &mut self,
        subscriber: &mut Subscriber,
        messages: &mut Vec<Message>,
        put_off: &mut VecDeque<(usize, Order)>,
        read: usize,
    ) -> Step {
        // Without a budget: when it is used up an empty buffer and a full one look alike.
        let step = poll_fn(|cx| {
            while let Poll::Ready(Some(order)) = self.orders.poll_recv(cx) {
                put_off.push_back((read + BUFFERED_MAX, order));
            }
            while messages.len() < AT_A_TURN {
                match pin!(subscriber.next()).poll(cx) {
                    Poll::Ready(Some(message)) => messages.push(message),
                    Poll::Ready(None) => return Poll::Ready(Step::Closed),
                    Poll::Pending if messages.is_empty() && put_off.is_empty() => {
                        return Poll::Pending;
                    }
                    Poll::Pending => return Poll::Ready(Step::Drained),
                }
            }
            Poll::Ready(Step::Read)
        });
        unconstrained(step).await
    }

    fn hear(&mut self, message: &Message, afterwards: &mut Afterwards) {
        match message::kind(message.headers.as_ref()) {
            Err(reason) => self.foreign(message, &reason),
            Ok((origin, kind)) if origin == self.node.origin => {
                // What it publishes itself its subscribers have already.
                if let Kind::Probe(number) = kind {
                    self.node.came_back(self.route, number);
                }
            }
            Ok((_, Kind::Probe(_))) => {}
            Ok((origin, Kind::Numbered(said, place))) => {
                if let Err(reason) = self.account(message, origin, (said, place), afterwards) {
                    self.foreign(message, &reason);
                }
            }
        }
    }

    fn account(
        &mut self,
        message: &Message,
        origin: Origin,
        (said, place): (Said, Place),
        afterwards: &mut Afterwards,
    ) -> Result<(), Foreign> {
        let (subject, headers) = (&message.subject, message.headers.as_ref());
        // Where nothing was heard on a subject its origin may be new, too.
        let node = &self.node;
        let about = || {
            let topic = message::topic(&node.names, subject, headers)?;
            if node.peers.lock().hear(origin, None, Instant::now()) {
                node.to_ask.notify_one();
            }
            Ok(topic)
        };
        let from = (origin, subject.as_str());
        let (verdict, topic) = self.course.hear(from, (said, place), about)?;
        self.tell_lost(&topic, verdict.lost);
        if said != Said::Event || verdict.is_late {
            return Ok(());
        }
        let event = message::decode(headers, &message.payload).and_then(|event| {
            match *event.event_type() == topic.event_type {
                true => Ok(event),
                false => Err(Unreadable::AnotherType),
            }
        });
        match event {
            Ok(event) => {
                count(&self.node.counters.heard, 1);
                let trace = message::trace(headers);
                let published = Published::in_trace(topic.namespace, event, trace);
                // Where the bus was stopped meanwhile nobody listens any more.
                let local = &self.node.local;
                let _stopped = local.publish_among(self.route, &published, afterwards);
            }
            Err(reason) => {
                count(&self.node.counters.unreadable, 1);
                tracing::warn!(subject = %subject, %origin, %reason, "an event can't be read");
                self.tell_lost(&topic, Lost::exactly(1));
            }
        }
        Ok(())
    }

    fn tell_lost(&self, topic: &Topic, mut lost: Lost) {
        while let Some(missed) = lost.tell() {
            match missed {
                Missed::Exactly(missed) => count(&self.node.counters.missed, missed),
                Missed::Unknown => count(&self.node.counters.unknown, 1),
            }
            let (namespace, event_type) = (&topic.namespace, &topic.event_type);
            let local = &self.node.local;
            local.tell_missing(self.route, namespace, event_type, missed);
        }
    }

    fn tell_unknown(&self) {
        count(&self.node.counters.unknown, 1);
        self.node.local.tell_unknown(self.route);
    }

    fn foreign(&self, message: &Message, reason: &Foreign) {
        count(&self.node.counters.foreign, 1);
        tracing::warn!(subject = %message.subject, %reason, "a message is none of this bus");
    }

    fn carry_out(&mut self, order: Order) {
        match order {
            Order::KnowsUs {
                origin,
                since,
                forgotten,
            } => {
                let (missed, is_unknown) = self.course.knows_us(origin, since, forgotten);
                for (topic, missed) in missed {
                    self.tell_lost(&topic, Lost::exactly(missed));
                }
                if is_unknown {
                    self.tell_unknown();
                }
            }
            Order::Silent(origin) => {
                if self.course.falls_silent(origin, Instant::now()) {
                    self.tell_unknown();
                }
            }
            Order::Stopped(origin) => {
                if self.course.stops(origin) {
                    self.tell_unknown();
                }
            }
            Order::Drain(drained) => {
                // Nobody is there where it was given up.
                let _given_up = drained.send(());
            }
        }
    }
}

/// What somebody's waker does is not to keep others from hearing.
fn shielded(what: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(what)).is_err() {
        tracing::error!("a waker has panicked");
    }
}

/// Ends the subscriptions of a route when it is dropped: nobody knows what they would have got.
struct EndsRoute {
    node: Arc<Node>,
    route: Route,
    subject: Arc<str>,
}

impl Drop for EndsRoute {
    fn drop(&mut self) {
        self.node.forget(&self.subject, self.route);
        shielded(|| self.node.local.end_route(self.route));
    }
}
