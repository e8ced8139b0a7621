//! What the benchmark measures that is private otherwise: no part of the API.

#![allow(
    missing_docs,
    missing_debug_implementations,
    clippy::must_use_candidate,
    clippy::missing_errors_doc
)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aether_core::{Appended, Commit, Event, StoreError, VersionConflictError, WireForm};
use async_nats::jetstream::publish::PublishAck;

use crate::actors::Actors;
use crate::chain::Digest;
use crate::decide::StreamState;
use crate::errors::Fault;
use crate::head::Head;
use crate::ledger::Ledger;
use crate::link::Wanted;
use crate::message::{Incarnation, Outgoing, Stored};
use crate::names::Names;
use crate::patience::Patience;
use crate::save;
use crate::server::{Copies, Server};

/// What a store remembers of actors.
pub struct Memory(Actors);

impl Memory {
    /// As much as is remembered of so many actors.
    pub fn new(capacity: usize) -> Self {
        Self(Actors::new(capacity))
    }

    /// These are all of an actor's events, each stored as a commit of its own.
    pub fn observe(&self, events: &[Event]) {
        let mut head: Option<Head> = None;
        for (event, sequence) in events.iter().zip(1..) {
            let digest = Digest::over(std::iter::empty(), event.id().as_str().as_bytes());
            let events = std::slice::from_ref(event);
            head = Some(Head::after(head.as_ref(), sequence, digest, events));
        }
        if let (Some(event), Some(head)) = (events.first(), head) {
            self.0.observe(event.actor_id(), head);
        }
    }

    /// The conflict, if what is remembered is enough to know that it is one: as a save begins.
    pub fn conflict(&self, commit: &Commit) -> Option<VersionConflictError> {
        let head = self.0.known(commit.actor_id()).head?;
        let refused = !commit.fits(head.version) && head.rules_out(commit.as_events()?);
        refused.then(|| commit.conflict_with(head.version))
    }
}

/// A store before a server that takes everything at once: what is left is the store's own work.
pub struct Alone {
    server: Acknowledging,
    ledger: Ledger,
}

impl Default for Alone {
    fn default() -> Self {
        let names = Names::new("bench", None);
        let server = Acknowledging {
            stream: names.events_stream.clone(),
            last: AtomicU64::new(0),
        };
        let deadline = Duration::from_secs(10);
        let actors = Actors::new(10_000);
        let form = WireForm::MessagePack;
        Self {
            server,
            ledger: Ledger::new(names, form, Incarnation(1), None, deadline, actors),
        }
    }
}

impl Alone {
    pub async fn append(&self, commit: Commit) -> Result<Appended, StoreError> {
        save::append(&self.server, &self.ledger, None, commit).await
    }
}

struct Acknowledging {
    stream: String,
    last: AtomicU64,
}

impl Server for Acknowledging {
    async fn publish(&self, _: &str, _: Outgoing, _: &Patience) -> Result<PublishAck, Fault> {
        Ok(PublishAck {
            stream: self.stream.clone(),
            sequence: self.last.fetch_add(1, Ordering::Relaxed) + 1,
            ..PublishAck::default()
        })
    }

    async fn message(&self, _: Wanted<'_>, _: &Patience) -> Result<Option<Stored>, Fault> {
        Err(Fault::Closed)
    }

    async fn state(&self, _: &str, _: u64, _: &Patience) -> Result<StreamState, Fault> {
        Err(Fault::Closed)
    }

    async fn kept(&self, _: &str, _: &Patience) -> Result<Option<Stored>, Fault> {
        Err(Fault::Closed)
    }

    async fn copies(&self, _: &str, _: &Patience) -> Result<Copies, Fault> {
        Err(Fault::Closed)
    }

    fn message_bytes_max(&self) -> usize {
        usize::MAX
    }

    fn is_connected(&self) -> bool {
        true
    }

    fn connects(&self) -> u64 {
        0
    }
}
