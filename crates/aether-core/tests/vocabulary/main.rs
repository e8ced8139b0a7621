//! The words and their rules: what each type takes, refuses and says, and what every store has
//! on top of its own methods.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics says where"
)]

mod bounds;
mod comfort;
mod commits;
mod errors;
mod events;
mod identifiers;
mod pasts;
mod policies;
mod restores;
mod scripted;
mod shareable;
mod versions;

use aether_core::{ActorId, Event, EventDraft, EventId, FixedClock, Timestamp, Version};

fn actor(text: &str) -> ActorId {
    ActorId::new(text).unwrap()
}

fn version(number: u64) -> Version {
    Version::new(number).unwrap()
}

/// A draft of this actor with this id, the same each time.
fn draft_of(actor_id: &str, id: &str) -> EventDraft {
    let clock = FixedClock::new(Timestamp::from_unix_nanos(1_700_000_000_000_000_000));
    EventDraft::with_clock(&clock, &actor(actor_id), "Happened", &())
        .unwrap()
        .id(EventId::new(id).unwrap())
}

/// An event of `order-1` at this version, with an id after it.
fn event(number: u64) -> Event {
    draft_of("order-1", &format!("e-{number}"))
        .at(version(number))
        .unwrap()
}

/// The same, made at this time, in seconds since the Unix epoch.
fn event_at(number: u64, seconds: i64) -> Event {
    draft_of("order-1", &format!("e-{number}"))
        .timestamp(time(seconds))
        .at(version(number))
        .unwrap()
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_unix_nanos(seconds * 1_000_000_000)
}
