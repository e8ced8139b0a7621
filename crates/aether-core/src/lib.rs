//! The vocabulary of Aether: actors, versions, events, snapshots, and the contracts of the stores
//! that keep them.
//!
//! An **actor** is whatever has a history of its own: an order, an account, a workflow. Its state
//! is what its **events** add up to. An event is saved at a **version** of the actor's history, and
//! a store takes it only if nobody else has saved that version: that is how two writers, in one
//! process or on two machines, are kept from both being right.
//!
//! This crate has the words, the rules and the traits; it does no I/O and needs no runtime.
//! `aether-store-memory` and `aether-store-jetstream` are stores; `aether-testkit` tests whether
//! another one keeps the contract.
//!
//! ```
//! use aether_core::{ActorId, Commit, EventDraft, ExpectedVersion, Version};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize, PartialEq, Debug)]
//! struct OrderPlaced { item: String, quantity: u32 }
//!
//! let order = ActorId::new("order-123")?;
//! let data = OrderPlaced { item: "book".into(), quantity: 3 };
//! let placed = EventDraft::new(&order, "OrderPlaced", &data)?.at(Version::FIRST)?;
//!
//! // What a store is asked for: this event, if the order has no events yet.
//! let commit = Commit::event(placed.clone()).expecting(ExpectedVersion::NoEvents);
//! assert!(commit.number_after(Version::ZERO).is_ok());
//!
//! // And what it says to whoever comes second.
//! let conflict = commit.number_after(Version::from(5)).unwrap_err();
//! assert_eq!(
//!     conflict.to_string(),
//!     r#"version conflict: actor "order-123" has version 5, cannot save version 1"#,
//! );
//!
//! assert_eq!(placed.decode::<OrderPlaced>()?, data);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where things are
//!
//! - What is said: [`ActorId`], [`Namespace`], [`Version`], [`Event`] and [`EventDraft`],
//!   [`Commit`], [`ActorSnapshot`], [`Payload`], [`Metadata`], [`Position`].
//! - Who keeps it: [`EventStore`], [`SnapshotStore`], [`EventFeed`], each with its numbered
//!   contract; [`EventStoreExt`] and [`RestoreExt`] are the comfort on top, [`DynEventStore`] and
//!   [`DynSnapshotStore`] the forms that can be boxed. [`EventBroadcaster`] is told what was stored.
//! - How a state is brought back: [`Restored`] from a snapshot and the events after it, [`Until`] a
//!   version or a time. [`SnapshotPolicy`] says when a snapshot is worth taking.
//! - What goes wrong: [`StoreError`], with [`VersionConflictError`] for the ordinary case.
//! - What goes over NATS beside events: [`subject_token`] for names, [`TraceContext`] for traces.
//!
//! # Wire forms
//!
//! [`Event`] and [`ActorSnapshot`] have two forms, [`WireForm::Json`] for people and
//! [`WireForm::MessagePack`] for machines, through [`Event::to_wire`] and [`Event::from_wire`], or
//! through serde in a format of either sort.

mod actor_id;
mod appended;
mod clock;
mod command_id;
mod commit;
mod conflict;
mod draft;
mod dynamic;
mod event;
mod event_broadcaster;
mod event_feed;
mod event_filter;
mod event_id;
mod event_store;
mod event_store_ext;
mod event_stored;
mod event_type;
mod metadata;
mod namespace;
mod payload;
mod position;
mod recorded_event;
mod replay_cost;
mod replay_error;
mod restore;
mod snapshot;
mod snapshot_policy;
mod snapshot_store;
mod store_error;
mod stored_notifier;
mod subject_token;
mod text;
mod timestamp;
mod trace_context;
mod until;
mod version;
mod wire;

pub use actor_id::ActorId;
pub use appended::Appended;
pub use clock::{Clock, FixedClock, SystemClock};
pub use command_id::CommandId;
pub use commit::{Commit, CommitContent, ExpectedVersion, InvalidCommit};
pub use conflict::VersionConflictError;
pub use draft::{EventDraft, IntoEventType};
pub use dynamic::{BoxFuture, DynEventStore, DynSnapshotStore};
pub use event::{Event, InvalidEvent};
pub use event_broadcaster::{BroadcastError, EventBroadcaster};
pub use event_feed::{EventFeed, FeedItem, FeedStart, FeedStream};
pub use event_filter::EventFilter;
pub use event_id::EventId;
pub use event_store::{EventStore, EventStream};
pub use event_store_ext::{EventStoreExt, LenientReplay};
pub use event_stored::EventStored;
pub use event_type::EventType;
pub use metadata::{InvalidMetadata, Metadata};
pub use namespace::Namespace;
pub use payload::{Payload, PayloadError};
pub use position::{InvalidPosition, Position};
pub use recorded_event::RecordedEvent;
pub use replay_cost::ReplayCost;
pub use replay_error::ReplayError;
pub use restore::{RestoreExt, Restored};
pub use snapshot::ActorSnapshot;
pub use snapshot_policy::{InvalidSnapshotPolicy, SnapshotPolicy};
pub use snapshot_store::{SnapshotSaved, SnapshotStore};
pub use store_error::{BoxError, EventMismatch, Indeterminate, StoreError, StoreErrorKind};
pub use stored_notifier::StoredNotifier;
pub use subject_token::{SUBJECT_TOKEN_BYTES_MAX, subject_text, subject_token};
pub use text::InvalidText;
pub use timestamp::{InvalidTimestamp, Timestamp};
pub use trace_context::{InvalidTraceContext, TraceContext, TraceSource};
pub use until::Until;
pub use version::{InvalidVersion, Version};
pub use wire::{WireError, WireForm};
