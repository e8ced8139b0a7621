//! What the benchmarks share: actors, their events, and the bare limit.

#![allow(dead_code, reason = "each benchmark uses a part of it")]

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use aether_core::{ActorId, Event, EventDraft, Version};
use dashmap::DashMap;
use serde::Serialize;

/// The data of a typical event: 100 to 150 bytes of MessagePack.
#[derive(Serialize)]
pub struct OrderPlaced {
    pub customer: String,
    pub items: Vec<(String, u32)>,
    pub total_cents: u64,
    pub express: bool,
}

pub fn typical() -> OrderPlaced {
    OrderPlaced {
        customer: "customer-4711".into(),
        items: vec![("book-978-3-16".into(), 2), ("pen-blue".into(), 10)],
        total_cents: 12_345,
        express: true,
    }
}

pub fn actor(n: usize) -> ActorId {
    ActorId::new(format!("order-{n:010}")).unwrap()
}

pub fn event(actor: &ActorId, version: u32) -> Event {
    EventDraft::new(actor, "OrderPlaced", &typical())
        .unwrap()
        .at(Version::from(version))
        .unwrap()
}

/// The bare limit: a concurrent map of vectors, ready events pushed, nothing checked.
#[derive(Default)]
pub struct Limit(DashMap<ActorId, Vec<Arc<Event>>, foldhash::fast::RandomState>);

impl Limit {
    pub fn append(&self, event: Arc<Event>) {
        match self.0.get_mut(event.actor_id()) {
            Some(mut events) => events.push(event),
            None => {
                let id = event.actor_id().clone();
                self.0.entry(id).or_default().push(event);
            }
        }
    }
}

/// Runs a future that is ready when it is first polled.
#[inline(always)]
pub fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the memory store does not wait"),
    }
}
