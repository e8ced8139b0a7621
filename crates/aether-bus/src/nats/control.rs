//! What a node does by itself: it says that it is there, announces its last numbers, answers who asks
//! for them, and notices who is gone.

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

/// The most subjects in one question; of more, several are asked.
pub(crate) const ASKED_AT_ONCE: usize = 500;

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
    said_at: Option<Instant>,
}

impl Control {
    /// Until the connection is closed.
    pub(crate) async fn run(mut self) {
        let node = self.node.clone();
        let every = node.config.tick.min(node.config.heartbeat);
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut pace = Pace {
            connects: node.connects(),
            said_at: None,
        };
        let mut ticked_at = Instant::now();
        loop {
            let message = tokio::select! {
                message = self.all.next() => message,
                message = self.own.next() => message,
                _ = ticks.tick() => {
                    let has_ticked = ticked_at.elapsed() >= node.config.tick;
                    if has_ticked {
                        ticked_at = Instant::now();
                    }
                    tick(&node, &mut pace, has_ticked);
                    continue;
                }
            };
            match message {
                Some(message) => hear(&node, &message),
                None => return,
            }
        }
    }
}

fn tick(node: &Node, pace: &mut Pace, has_ticked: bool) {
    let now = Instant::now();
    if !node.is_connected() {
        // Nobody can be heard.
        node.peers.lock().wait_anew(now);
        return;
    }
    let connects = node.connects();
    if connects != pace.connects {
        pace.connects = connects;
        pace.said_at = None;
        node.peers.lock().wait_anew(now);
        node.outbox.numbers(|numbers| numbers.ask(|_| true));
        for subjects in node.listened().chunks(ASKED_AT_ONCE) {
            node.ask_all(subjects.to_vec());
        }
    }
    if has_ticked {
        node.outbox.numbers(|numbers| numbers.tick());
    }
    // What there is no room for comes with the next tick.
    node.outbox.announce();
    let is_time = pace
        .said_at
        .is_none_or(|said| now.saturating_duration_since(said) >= node.config.heartbeat);
    if is_time && say_alive(node) {
        pace.said_at = Some(now);
    }
    for origin in node.peers.lock().silent(now) {
        tracing::warn!(%origin, "a node of the bus is silent");
        node.order(None, || Order::Silent(origin));
    }
}

/// Whether it was said.
pub(crate) fn say_alive(node: &Node) -> bool {
    let every = node.config.heartbeat.as_millis();
    let every = u64::try_from(every).unwrap_or(u64::MAX);
    let all = node.names.all_nodes();
    let said = node.outbox.tell(&all, &Word::Alive { every }, Bytes::new());
    said.is_ok()
}

fn hear(node: &Node, message: &Message) {
    let Some((origin, word)) = message::word(message.headers.as_ref()) else {
        crate::nats::stats::count(&node.counters.foreign, 1);
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
            let has_answered = node.peers.lock().stopped(origin);
            node.order(None, || match has_answered {
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
        } => {
            let mut peers = node.peers.lock();
            peers.hear(origin, None, Instant::now());
            let subjects = peers.answered(origin, question);
            drop(peers);
            node.order(Some(&subjects), || Order::KnowsUs(origin, next_series));
        }
        Word::Probe(_) => {}
    }
}

/// A node is there: it is asked where it has not answered yet.
fn is_there(node: &Node, origin: Origin, every: Option<Duration>) {
    let is_to_be_asked = node.peers.lock().hear(origin, every, Instant::now());
    if is_to_be_asked {
        let to = node.names.node(origin);
        for subjects in node.listened().chunks(ASKED_AT_ONCE) {
            let question = node.peers.lock().ask(subjects.to_vec());
            node.ask(&to, question, subjects);
        }
    }
}

/// Announces the last numbers of what another node listens to, and then says so.
fn answer(node: &Node, to: Origin, question: u64, listened: &[u8]) {
    let Ok(listened) = std::str::from_utf8(listened) else {
        return;
    };
    let listened: Vec<&str> = listened.lines().collect();
    let next_series = node.outbox.numbers(|numbers| {
        let is_meant = |subject: &str| listened.iter().any(|wanted| comes_to(subject, wanted));
        numbers.ask(is_meant);
        numbers.next_series()
    });
    // Where there is no room it is asked again.
    if node.outbox.announce() {
        let answers = Word::Answers {
            question,
            next_series,
        };
        let _unsent = node
            .outbox
            .tell(&node.names.node(to), &answers, Bytes::new());
    }
}
