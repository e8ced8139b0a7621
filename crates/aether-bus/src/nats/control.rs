//! What a node does by itself: it says that it is there, announces its last numbers, answers who asks
//! for them, asks who is new, and notices who is gone.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::{Message, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::time::MissedTickBehavior;

use crate::index::Route;
use crate::nats::listener::Order;
use crate::nats::message::{self, Word};
use crate::nats::names::comes_to;
use crate::nats::node::Node;
use crate::nats::origin::Origin;
use crate::nats::stats::count;

/// How long it waits for more that is to be asked, once something is.
const ASKED_TOGETHER: Duration = Duration::from_millis(2);
/// The most subjects in a question that is answered: more than any node asks for at once.
const ASKED_MAX: usize = 4 * 1024;

/// What a node hears of others.
pub(crate) struct Control {
    pub(crate) node: Arc<Node>,
    /// What all nodes hear.
    pub(crate) all: Subscriber,
    /// What this one hears alone.
    pub(crate) own: Subscriber,
}

/// How far a node has come with what it does by itself.
struct Pace {
    connects: u64,
    /// When it said that it is there.
    said_at: Option<Instant>,
    /// When the last tick was, and the last one for announcements.
    last: Instant,
    ticked_at: Instant,
}

impl Control {
    /// Until the connection is closed.
    pub(crate) async fn run(mut self) {
        let node = self.node.clone();
        let every = node.config.tick.min(node.config.heartbeat);
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let now = Instant::now();
        let mut pace = Pace {
            connects: node.connects(),
            said_at: None,
            last: now,
            ticked_at: now,
        };
        loop {
            // What was said to this node alone comes first: a node that stops has said it before. And
            // whoever is thought to be silent may have said something that was not heard yet.
            let message = tokio::select! {
                biased;
                message = self.own.next() => message,
                message = self.all.next() => message,
                () = node.to_ask.notified() => {
                    tokio::time::sleep(ASKED_TOGETHER).await;
                    node.ask();
                    continue;
                }
                _ = ticks.tick() => {
                    tick(&node, &mut pace, every);
                    continue;
                }
            };
            // What was known before the connection was made anew is not to be believed.
            look_at_connection(&node, &mut pace);
            match message {
                Some(message) => hear(&node, &message),
                None => return,
            }
        }
    }
}

fn tick(node: &Arc<Node>, pace: &mut Pace, every: Duration) {
    let now = Instant::now();
    let was_stalled = now.saturating_duration_since(pace.last) > 2 * every + every / 2;
    pace.last = now;
    if !node.is_connected() {
        // Nobody can be heard.
        node.peers.lock().wait_anew(now);
        return;
    }
    look_at_connection(node, pace);
    // Also where this one is a little early after one that was late.
    if now.saturating_duration_since(pace.ticked_at) + every / 2 >= node.config.tick {
        pace.ticked_at = now;
        node.outbox.tick();
    }
    let is_time = pace
        .said_at
        .is_none_or(|said| now.saturating_duration_since(said) >= node.config.heartbeat);
    if is_time {
        say_alive(node);
        pace.said_at = Some(now);
    }
    if was_stalled {
        // What was said meanwhile may not have been heard.
        node.peers.lock().wait_anew(now);
    }
    let silent = node.peers.lock().silent(now);
    for origin in silent {
        tracing::warn!(%origin, "a node of the bus is silent");
        node.order_all(|_| Order::Silent(origin));
    }
    node.ask();
}

/// Where the connection was made anew all is asked, and announced, once more.
fn look_at_connection(node: &Arc<Node>, pace: &mut Pace) {
    let connects = node.connects();
    if connects != pace.connects {
        pace.connects = connects;
        pace.said_at = None;
        node.peers.lock().ask_anew(Instant::now());
        node.outbox.announce_all();
        let probing = node.clone();
        tokio::spawn(async move { probing.probe_all().await });
    }
}

/// Says to all that it is there.
pub(crate) fn say_alive(node: &Node) {
    alive(node, node.names.all_nodes());
}

fn alive(node: &Node, to: String) {
    let every = node.config.heartbeat.as_millis();
    let every = u64::try_from(every).unwrap_or(u64::MAX);
    node.outbox.tell(to, &Word::Alive { every }, Bytes::new());
}

fn hear(node: &Node, message: &Message) {
    let Some((origin, word)) = message::word(message.headers.as_ref()) else {
        count(&node.counters.foreign, 1);
        tracing::warn!(subject = %message.subject, "a message is none of this bus");
        return;
    };
    if origin == node.origin {
        if let Word::Probe(number) = word {
            node.came_back(Route::NONE, number);
        }
        return;
    }
    if node.peers.lock().has_stopped(origin) {
        return;
    }
    match word {
        Word::Alive { every } => is_there(node, origin, Some(Duration::from_millis(every))),
        Word::Stopped => {
            let has_answered_for = node.peers.lock().stopped(origin);
            node.order_all(|route| match has_answered_for(route) {
                true => Order::Stopped(origin),
                false => Order::Silent(origin),
            });
        }
        Word::Asks { question } => {
            is_there(node, origin, None);
            answer(node, origin, question, &message.payload);
        }
        Word::Answers {
            question,
            next_series,
            forgotten,
        } => {
            is_there(node, origin, None);
            let listened = node.peers.lock().answered(origin, question);
            node.order(&listened, || Order::KnowsUs {
                origin,
                since: next_series,
                forgotten,
            });
            if !listened.is_empty() {
                node.to_ask.notify_one();
            }
        }
        Word::Probe(_) => {}
    }
}

/// A node is there. One that is new is told that this one is, too, and asked.
fn is_there(node: &Node, origin: Origin, every: Option<Duration>) {
    let is_new = node.peers.lock().hear(origin, every, Instant::now());
    if is_new {
        alive(node, node.names.node(origin));
        node.to_ask.notify_one();
    }
}

/// Announces the last numbers of what another node listens to, and then says so.
fn answer(node: &Node, to: Origin, question: u64, listened: &[u8]) {
    let Ok(listened) = std::str::from_utf8(listened) else {
        return;
    };
    let is_wild = |wanted: &&str| wanted.contains(['*', '>']);
    let (wild, exact): (Vec<&str>, HashSet<&str>) = (
        listened.lines().filter(is_wild).collect(),
        listened.lines().filter(|wanted| !is_wild(wanted)).collect(),
    );
    // No node asks for so many.
    if wild.len() + exact.len() > ASKED_MAX {
        return;
    }
    node.outbox.answer(to, question, |subject| {
        exact.contains(subject) || wild.iter().any(|wanted| comes_to(subject, wanted))
    });
}
