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
//! Connecting makes two streams where they are missing, one for events and one for snapshots, and
//! refuses streams that are there and differ where it matters ([`StoreError::Misconfigured`] names
//! the field). The account needs to publish on
//!
//! - `<stream>.events.>` and `<stream>.snapshots.>`,
//! - `$JS.API.STREAM.INFO.*`, `$JS.API.STREAM.MSG.GET.*` and `$JS.API.DIRECT.GET.*` of the two
//!   streams (and `$JS.API.STREAM.CREATE.*`, if they are to be made),
//!
//! and to subscribe to its inbox. It should be the only one that may publish on the first two:
//! the server compares only for those who ask it to.
//!
//! # What it promises
//!
//! The numbered contract of [`EventStore`](aether_core::EventStore) and
//! [`SnapshotStore`](aether_core::SnapshotStore); `aether-testkit`'s suite runs against it.
//!
//! - One append of several events is one message: all of it is stored or nothing is. A message is
//!   at most as large as the server's `max_payload` (1 MiB by default), headers included; what is
//!   larger is [`StoreError::TooLarge`] before it is sent.
//! - A save whose acknowledgement got lost is looked for and found, or sent again, until it is
//!   known what became of it. Nothing is concluded from a refusal or a silence alone. A save that
//!   has not found out when its [deadline](JetStreamConfig::deadline) is over is
//!   [`StoreError::Indeterminate`]: saving the events that it carries again tells.
//! - A read knows where the history ends before it begins, and is complete up to there. No
//!   consumer is made, none is left behind.
//! - A message that the server counts and doesn't give, because it is damaged on its disk, is
//!   reported after the last event of a read from the beginning.
//! - Any actor id has a subject of its own, whatever characters are in it.
//! - What is damaged, foreign or of another format is reported with its place in the stream.
//!
//! # What it does not
//!
//! - Nothing expires. A stream with a retention is refused, for now.
//! - How durable an acknowledged commit is, is the server's matter: it acknowledges before it syncs
//!   to disk (`sync_interval`, 2 minutes by default), so with one replica a lost machine can lose
//!   what a killed process does not. Production means three [replicas](JetStreamConfig::replicas).
//! - A store remembers nothing about actors: each save reads the actor's last message first, and a
//!   history is read from its beginning.
//! - Saving an old event again, or losing to a later one, reads the history from its beginning,
//!   too (clause 6). The deadline does not bound that read while it makes progress.
//! - Around a change of the stream's leader an outdated answer can make a save at an exact version
//!   end in a conflict that isn't one. Nothing is concluded from it about what was stored, and
//!   saving again tells. A store that remembers what it has seen (in a later release) won't.
//! - What the server has removed from its own disk can't be missed. After a clean stop it still
//!   counts a message that is damaged; after it was killed (SIGKILL, power) it may read its files
//!   anew and cut the history off where the damage is: what came after is gone, its versions are
//!   free, and no read shows it. Only commits that are chained to their predecessors will.
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
//! (what became of a publish), `recognise.rs` (are these events stored already),
//! `stream_config.rs` (will this stream do), `token.rs` and `names.rs` (what is it called),
//! `message.rs` (what is in it). `link.rs` and `batch_get.rs` talk to the server; `save.rs`,
//! `read.rs` and `snapshot.rs` carry out the one through the other.
//!
//! [`StoreError::Misconfigured`]: aether_core::StoreError::Misconfigured
//! [`StoreError::TooLarge`]: aether_core::StoreError::TooLarge
//! [`StoreError::Indeterminate`]: aether_core::StoreError::Indeterminate

mod address;
mod batch_get;
mod config;
mod decide;
mod denials;
mod errors;
mod link;
mod message;
mod names;
mod patience;
mod read;
mod recognise;
mod save;
mod server_version;
mod snapshot;
mod store;
mod stream_config;
mod streams;
mod token;

pub use async_nats;
pub use config::{InvalidConfig, JetStreamConfig};
pub use store::JetStreamStore;
