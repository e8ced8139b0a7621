//! The store.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use aether_core::{
    ActorId, ActorSnapshot, Appended, Commit, EventStore, EventStream, SnapshotSaved,
    SnapshotStore, StoreError, StoredNotifier, Version,
};
use async_nats::Client;

use crate::builder::JetStreamStoreBuilder;
use crate::config::JetStreamConfig;
use crate::ledger::Ledger;
use crate::message::Incarnation;
use crate::newest::Reader;
use crate::risk::Risk;
use crate::server::JetStream;
use crate::verify::{self, HistoryReport};
use crate::{read, save, snapshot};

/// An event store on NATS JetStream. A clone is cheap and shares the connection.
///
/// [The crate's front page](crate) says what it promises and what it needs.
///
/// # Cancellation
///
/// Dropping the future of a save leaves its events stored or not stored, never half of them;
/// saving them again tells which. Dropping a read, or a stream of events, leaves nothing behind.
#[derive(Clone)]
pub struct JetStreamStore {
    shared: Shared,
}

/// What all clones of a store have in common.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) server: JetStream,
    pub(crate) ledger: Ledger,
    pub(crate) snapshots_incarnation: Incarnation,
    notifier: Option<StoredNotifier>,
    risks: Vec<Risk>,
}

impl Deref for Shared {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Inner {
    /// Reads an actor's newest commits.
    pub(crate) fn reader<'s>(
        &'s self,
        actor_id: &'s ActorId,
        subject: &'s str,
    ) -> Reader<'s, JetStream> {
        Reader {
            server: &self.server,
            ledger: &self.ledger,
            actor_id,
            subject,
        }
    }
}

impl JetStreamStore {
    /// Connects to a server, and makes the streams or checks the ones that are there.
    ///
    /// The address is one or several of `nats://host:port`, separated by commas, with
    /// `user:password@` or `token@` before the host where the server wants it. For TLS with own
    /// certificates, credentials files, or a broadcaster, see [`builder`](Self::builder).
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] where nobody can be reached, within seconds;
    /// [`StoreError::PermissionDenied`] where the server wants other credentials;
    /// [`StoreError::Misconfigured`] where a field of the configuration is wrong, where the server
    /// is older than 2.11 or has no JetStream, and where a stream is there that differs where it
    /// matters. It names what.
    pub async fn connect(address: &str, config: JetStreamConfig) -> Result<Self, StoreError> {
        Self::builder(config).connect(address).await
    }

    /// Uses a connection that is there already, and makes the streams or checks the ones that are
    /// there.
    ///
    /// Being denied a subject shows only on the connection's own events, which are the client's:
    /// here it looks like a server that does not answer.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub async fn with_client(client: Client, config: JetStreamConfig) -> Result<Self, StoreError> {
        Self::builder(config).with_client(client).await
    }

    /// A store that is to do more than keep, or to be connected in another way.
    #[must_use]
    pub fn builder(config: JetStreamConfig) -> JetStreamStoreBuilder {
        JetStreamStoreBuilder::new(config)
    }

    pub(crate) fn of(
        server: JetStream,
        ledger: Ledger,
        snapshots_incarnation: Incarnation,
        notifier: Option<StoredNotifier>,
        risks: Vec<Risk>,
    ) -> Self {
        Self {
            shared: Shared(Arc::new(Inner {
                server,
                ledger,
                snapshots_incarnation,
                notifier,
                risks,
            })),
        }
    }

    /// Walks an actor's whole history and says where it breaks: what can't be read, is missing, was
    /// changed, or was lost and written anew.
    ///
    /// Each commit carries the version and the SHA-256 of the one before it, so that nobody can
    /// change the past without changing everything after it. What is behind the newest commit
    /// does not show: a tail that was lost is noticed by who knows of it
    /// ([`StoreError::HistoryRegressed`]).
    ///
    /// It reads everything that the actor has, with one page of it in memory at a time. Dropping
    /// the future leaves nothing behind.
    ///
    /// # Errors
    ///
    /// [`StoreError::HistoryRegressed`] where this store knows of a newer commit and it is gone;
    /// whatever keeps the history from being read. What is wrong with the history itself is in
    /// the report.
    pub async fn verify(&self, actor_id: &ActorId) -> Result<HistoryReport, StoreError> {
        let call = self.shared.ledger.observer.verify(actor_id);
        call.watch(verify::verify(&self.shared, actor_id)).await
    }

    /// Takes a hint that this version of an actor is stored: from another node's
    /// [`EventStored`](aether_core::EventStored), say.
    ///
    /// A save that would have been sure to be refused reads first then, which saves it a round
    /// trip. Nothing else depends on it: a hint that is wrong costs one read. It is for actors
    /// that are remembered; of the others it is remembered itself, as long as there is room.
    pub fn update_version_cache(&self, actor_id: &ActorId, version: Version) {
        self.shared.ledger.actors.hint(actor_id, version);
    }

    /// The name of the stream of events, the namespace included.
    #[must_use]
    pub fn events_stream(&self) -> &str {
        &self.shared.ledger.names.events_stream
    }

    /// The name of the stream of snapshots.
    #[must_use]
    pub fn snapshots_stream(&self) -> &str {
        &self.shared.ledger.names.snapshots_stream
    }

    /// The subject of an actor's events, for who looks with other tools.
    #[must_use]
    pub fn events_subject(&self, actor_id: &ActorId) -> String {
        self.shared.ledger.names.events_subject(actor_id)
    }

    /// The subject of an actor's snapshot.
    #[must_use]
    pub fn snapshot_subject(&self, actor_id: &ActorId) -> String {
        self.shared.ledger.names.snapshot_subject(actor_id)
    }

    /// What is risky about the streams as they were when the store connected: each was said by a
    /// warning then.
    #[must_use]
    pub fn risks(&self) -> &[Risk] {
        &self.shared.risks
    }

    /// The connection.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.shared.server.link.client
    }
}

impl fmt::Debug for JetStreamStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JetStreamStore")
            .field("events_stream", &self.events_stream())
            .field("snapshots_stream", &self.snapshots_stream())
            .finish_non_exhaustive()
    }
}

impl EventStore for JetStreamStore {
    async fn append(&self, commit: Commit) -> Result<Appended, StoreError> {
        let Inner {
            server,
            ledger,
            notifier,
            ..
        } = &*self.shared;
        let call = ledger.observer.append(&commit);
        let append = save::append(server, ledger, notifier.as_ref(), commit);
        call.watch(append).await
    }

    fn events(&self, actor_id: &ActorId, from: Version) -> EventStream {
        read::events(self.shared.clone(), actor_id.clone(), from)
    }

    async fn latest_version(&self, actor_id: &ActorId) -> Result<Version, StoreError> {
        let call = self.shared.ledger.observer.latest_version(actor_id);
        call.watch(read::latest_version(&self.shared, actor_id))
            .await
    }
}

impl SnapshotStore for JetStreamStore {
    async fn save_snapshot(&self, snapshot: ActorSnapshot) -> Result<SnapshotSaved, StoreError> {
        let observer = &self.shared.ledger.observer;
        let call = observer.save_snapshot(snapshot.actor_id());
        call.watch(snapshot::save(&self.shared, snapshot)).await
    }

    async fn latest_snapshot(
        &self,
        actor_id: &ActorId,
    ) -> Result<Option<ActorSnapshot>, StoreError> {
        let call = self.shared.ledger.observer.latest_snapshot(actor_id);
        call.watch(snapshot::latest(&self.shared, actor_id)).await
    }
}
