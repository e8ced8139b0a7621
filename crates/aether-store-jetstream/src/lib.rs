//! An event store on NATS JetStream with optimistic concurrency that the server enforces.
//!
//! Of two writers who save the same version of an actor, in one process or on two machines, one
//! wins and the other gets a version conflict. No lock, lease or clock is behind it, but a
//! compare-and-set in the server: each commit is stored only if the commit that its writer has
//! seen is still the actor's last.
//!
//! ```no_run
//! use aether_core::{ActorId, EventDraft, EventStoreExt, Version};
//! use aether_store_jetstream::{JetStreamConfig, JetStreamStore};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let config = JetStreamConfig::new("orders");
//! let store = JetStreamStore::connect("nats://127.0.0.1:4222", config).await?;
//!
//! let order = ActorId::new("order-123")?;
//! let placed = EventDraft::new(&order, "OrderPlaced", &("book", 3))?.at(Version::FIRST)?;
//! store.save_event(placed.clone()).await?;
//!
//! // A second writer who knows nothing of the first is refused …
//! let other = EventDraft::new(&order, "OrderPlaced", &("pen", 1))?.at(Version::FIRST)?;
//! let refused = store.save_event(other).await.unwrap_err();
//! assert!(refused.is_version_conflict());
//!
//! // … and who saves the same event again, because no answer came, is not.
//! assert!(store.save_event(placed.clone()).await?.was_repeated());
//!
//! assert_eq!(store.get_events(&order, Version::ZERO).await?, [placed]);
//! # Ok(())
//! # }
//! ```
//!
//! # What it needs
//!
//! A NATS server of version 2.11 or newer with JetStream; tested with 2.11, 2.12, 2.14 and 2.15.
//! Connecting makes two streams where they are missing, one for events and one for snapshots (and
//! a third with a finite [`Retention`]), and refuses streams that are there and differ where it
//! matters ([`StoreError::Misconfigured`] names the field). What is allowed and risky is a warning,
//! and in [`JetStreamStore::risks`]. `docs/operations.md` says how to run it in production: what
//! NATS can lose under which settings, an account with the least permissions, TLS, backups.
//!
//! # What it promises
//!
//! The numbered contract of [`EventStore`](aether_core::EventStore) and
//! [`SnapshotStore`](aether_core::SnapshotStore); `aether-testkit`'s suite runs against it.
//!
//! - **One round trip.** A save of an actor that was saved or read before takes one, and so does
//!   the first version of an actor that was not. What is remembered is bounded
//!   ([`JetStreamConfig::cache_actors`]) and can be wrong without harm: the server compares.
//!   Writers of one actor in one process take turns, different actors don't wait for each other.
//! - **All or nothing.** One append of several events is one message. It is at most as large as
//!   the server's `max_payload` (1 MiB by default), headers included; what is larger is
//!   [`StoreError::TooLarge`] before it is sent.
//! - **A lost answer is resolved.** Nothing is concluded from a refusal or a silence alone; what
//!   was sent is looked for and found, or sent again. A save that has not found out when its
//!   [deadline](JetStreamConfig::deadline) is over is [`StoreError::Indeterminate`]: saving the
//!   events that it carries again tells. Events are recognised however long ago they were stored,
//!   drafts among the newest 32 commits.
//! - **No answer is older than what this process has seen**, also when a server that was the leader
//!   still thinks that it is.
//! - **The past can't be changed unseen.** Each commit carries the digest of the one before:
//!   what is missing, was changed, or was lost and written anew is reported where it is read, and
//!   [`JetStreamStore::verify`] walks a whole history. A commit that is known here and proved to be
//!   gone is [`StoreError::HistoryRegressed`].
//! - A read knows where the history ends before it begins, and is complete up to there. What a
//!   short one costs does not depend on what else is in the stream: one round trip where the actor
//!   is remembered, two where it is not.
//! - **The [feed](aether_core::EventFeed)** gives everybody's events once and in one order, from any
//!   [position](aether_core::Position), from history to live, through cut connections, killed
//!   servers and changes of leader. Categories and actors are told apart by the server (of up to
//!   256; of more, the client passes over others), types by the client: every event of the other
//!   criteria travels to it first. A slow reader holds a few megabytes and slows nobody. What can't
//!   be given is reported in its place, and a stream that has lost what was to come ends the feed
//!   ([`StoreError::PositionLost`]). A feed that has begun waits for its server as long as it takes.
//! - A feed and a long replay have a consumer on the server, which goes when they are dropped.
//! - Any actor id has a subject of its own, whatever characters are in it.
//!
//! # What it does not
//!
//! - How durable an acknowledged commit is, is the server's matter: it acknowledges before it syncs
//!   to disk (`sync_interval`, 2 minutes by default), so with one replica a lost machine can lose
//!   what a killed process does not. Production means three [replicas](JetStreamConfig::replicas).
//! - Where events expire, a feed can't go on from a position whose own event has expired, and with
//!   a filter what expires before it could be given is noticed a second late.
//! - A process that remembers nothing of an actor believes the leader. Around a change of leader
//!   that can make a save at an *exact* version end in a conflict that isn't one: its current
//!   version is below the expected one then. Nothing was stored, and saving again tells.
//! - What was cut off at the end of a history can't be seen by who does not remember it. An actor
//!   whose only message is damaged on the server's disk can begin again; a read then reports that
//!   the server counts more messages than it gives.
//! - Where events expire, a repeat of an expired event is a conflict, and copies that keep the
//!   newest commits may be late.
//!
//! # Hearing of events
//!
//! A broadcaster is told of what this store saves ([`JetStreamStoreBuilder::broadcaster`]); with
//! [`JetStreamConfig::republish`] the server itself sends what it has stored, whoever wrote it
//! ([`JetStreamStore::subscribe_stored`]), and a subscription says what it has missed; the feed
//! loses nothing. `docs/hearing-of-events.md` compares them.
//!
//! # What can be watched
//!
//! **Spans** of the crate `tracing`, target `aether_store_jetstream`, level INFO: `append`,
//! `replay` (from the first poll of a stream of events to its end), `latest_version`,
//! `verify`, `save_snapshot`, `latest_snapshot`. Their attributes are those of OpenTelemetry's [conventions
//! for messaging spans][spans], and:
//!
//! | attribute | what it says |
//! |---|---|
//! | `messaging.destination.name` | the stream: a subject for each actor would be too many names |
//! | `messaging.batch.message_count` | the events of a commit of several, or that a replay gave |
//! | `messaging.message.body.size` | the bytes of a message's body, without its headers |
//! | `server.address`, `server.port` | the address that was given to connect to, if it was one |
//! | `error.type` | the [`StoreErrorKind`](aether_core::StoreErrorKind), as `version_conflict` |
//! | `aether.actor_id` | the actor |
//! | `aether.version` | the last version that was stored or read |
//! | `aether.outcome` | how it ended, in the words of the label `outcome` below |
//! | `aether.attempts` | how often a message was sent |
//!
//! A conflict has the status of an error as well, although it is nothing unusual. The **trace**
//! that a commit was made in goes with it:
//! [`JetStreamStoreBuilder::trace_context`].
//!
//! **Counts** with the feature `metrics` (off by default), through the facade of the crate
//! [`metrics`](https://docs.rs/metrics), into whatever recorder is installed. Each has the label
//! `stream`, the name of the store's stream of events. None has an actor, a category or an event's
//! type: their number has no bound.
//!
//! | counter | other labels | what is counted |
//! |---|---|---|
//! | `aether_jetstream_saves_total` | `outcome`: `stored`, `repeated`, `conflict`, `indeterminate`, another error's kind, `dropped` | appends that ended |
//! | `aether_jetstream_cache_lookups_total` | `result`: `hit`, `first` (nothing known, nothing needed), `miss`, `outdated`, `unfit` | appends, by what was remembered of the actor; all but the first two read before they publish |
//! | `aether_jetstream_lost_races_total` | | commits whose place another one was found to have taken |
//! | `aether_jetstream_resends_total` | `reason`: `sequence`, `silence`, `no_responders`, `refused`, `garbled`, … | commits that were sent once more |
//! | `aether_jetstream_slot_looks_total` | `found`: `ours`, `same`, `anothers`, `fallen`, `empty`, `unseen`, `gone` | looks for what became of a commit that was not acknowledged |
//! | `aether_jetstream_doubts_total` | `verdict`: `stands`, `gone`, `remade`, `unknown` | checks, while saving, whether the commit before is still there |
//! | `aether_jetstream_sequences_reused_total` | | times that the server was seen to have **lost acknowledged messages**: alert on it |
//! | `aether_jetstream_published_bytes_total` | | bytes of messages, headers included, each time that they were sent |
//! | `aether_jetstream_reads_total` | `operation`: `replay`, `latest_version`, `verify`, `latest_snapshot`; `outcome`: `ok`, `faults` (of `verify`: it has found some), an error's kind, `dropped` (also of a `replay` that stopped at its bound) | reads that ended |
//! | `aether_jetstream_read_events_total` | | events that replays gave |
//! | `aether_jetstream_rereads_total` | `reason`, as above | requests of reads that were made once more |
//! | `aether_jetstream_feed_events_total` | | events that feeds gave |
//! | `aether_jetstream_feed_interruptions_total` | `reason`, as above, and `interrupted` | times that a feed went on with another consumer |
//! | `aether_jetstream_heard_total` | `item`: `event`, `gap`, `foreign`, `malformed` | what subscriptions to stored events gave |
//! | `aether_jetstream_snapshot_saves_total` | `outcome`: `saved`, `superseded`, an error's kind, `dropped` | saves of snapshots that ended |
//!
//! | histogram | other labels | what is measured |
//! |---|---|---|
//! | `aether_jetstream_save_duration_seconds` | `outcome` | an append, with its wait for other writers of the process |
//! | `aether_jetstream_commit_events` | | the events of a commit that was stored |
//! | `aether_jetstream_read_duration_seconds` | `operation`, `outcome` | a read; of a replay all the time until its end, that of its reader included |
//! | `aether_jetstream_snapshot_save_duration_seconds` | `outcome` | a save of a snapshot |
//!
//! An error's kind is as in `error.type`, but for `conflict`.
//!
//! # For readers in other languages
//!
//! `docs/wire-format.md` describes every name and every byte. [`JetStreamConfig::codec`] writes
//! JSON for people with the `nats` command at hand; data that JSON has no form for (binary, NaN)
//! is refused then.
//!
//! # How it is made
//!
//! What answers and observations mean is decided by pure functions over plain values: `decide.rs`
//! (what became of a publish; is a commit gone), `recognise.rs` (are these events stored already),
//! `follow.rs` (does a message follow the one before), `head.rs` (what the next commit needs to
//! know), `stream_config.rs` and `risk.rs` (will this stream do),
//! `subscription/course.rs` (was something missed before what is heard), `names.rs` (what is
//! it called), `message.rs` and `chain.rs` (what is in it). `actors.rs` remembers. `server.rs` is
//! what is asked of the server, `link.rs` and `batch_get.rs` ask it; `save.rs`, `newest.rs`,
//! `seek.rs`, `scan.rs`, `read.rs`, `verify.rs` and `snapshot.rs` carry out the one through the
//! other, and `observe.rs` tells of it. In `simulation.rs` a simulated server stands in for the
//! real one.
//!
//! [spans]: https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
//! [`StoreError::Misconfigured`]: aether_core::StoreError::Misconfigured
//! [`StoreError::TooLarge`]: aether_core::StoreError::TooLarge
//! [`StoreError::Indeterminate`]: aether_core::StoreError::Indeterminate
//! [`StoreError::HistoryRegressed`]: aether_core::StoreError::HistoryRegressed
//! [`StoreError::PositionLost`]: aether_core::StoreError::PositionLost

mod actors;
mod address;
mod batch_get;
#[cfg(feature = "_bench")]
#[doc(hidden)]
pub mod bench;
mod builder;
mod chain;
mod config;
mod consumer;
mod decide;
mod denials;
mod direct_get;
mod doubt;
mod errors;
mod feed;
mod fields;
mod follow;
mod glance;
mod head;
mod heads;
mod ledger;
mod link;
mod message;
mod metrics;
mod names;
mod newest;
mod observe;
mod patience;
mod raw_get;
mod read;
mod recognise;
mod risk;
mod save;
mod scan;
mod seek;
mod server;
mod server_version;
#[cfg(test)]
mod simulation;
mod snapshot;
mod store;
mod stream_config;
mod streams;
mod subscription;
mod tail;
mod trail;
mod verify;

pub use async_nats;
pub use builder::JetStreamStoreBuilder;
pub use config::{InvalidConfig, JetStreamConfig, Retention, Storage};
pub use risk::Risk;
pub use store::JetStreamStore;
pub use subscription::{Gap, Heard, StoredSubscription};
pub use verify::{HistoryFault, HistoryFaultKind, HistoryReport};
