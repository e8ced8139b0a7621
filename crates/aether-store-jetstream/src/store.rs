//! The store.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use aether_core::{
    ActorId, ActorSnapshot, Appended, Commit, EventStore, EventStream, SnapshotSaved,
    SnapshotStore, StoreError, Version, WireForm,
};
use async_nats::{Client, ConnectOptions};

use crate::address::Addresses;
use crate::config::JetStreamConfig;
use crate::denials::Denials;
use crate::errors::{connect_failed, misconfigured, unavailable};
use crate::link::Link;
use crate::message::Incarnation;
use crate::names::Names;
use crate::stream_config::{Role, wanted};
use crate::{read, save, server_version, snapshot, streams};

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

pub(crate) struct Inner {
    pub(crate) link: Link,
    pub(crate) names: Names,
    pub(crate) form: WireForm,
    /// Of the stream of events.
    pub(crate) incarnation: Incarnation,
    pub(crate) snapshots_incarnation: Incarnation,
    event_message_bytes_max: Option<usize>,
    snapshot_message_bytes_max: Option<usize>,
}

impl Deref for Shared {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Inner {
    /// The largest message that can be stored as a commit now; a reconnect may change it.
    pub(crate) fn message_bytes_max(&self) -> usize {
        let max = self.link.client.max_payload();
        self.event_message_bytes_max.map_or(max, |own| own.min(max))
    }

    /// The largest message that can be stored as a snapshot now.
    pub(crate) fn snapshot_bytes_max(&self) -> usize {
        let max = self.link.client.max_payload();
        self.snapshot_message_bytes_max
            .map_or(max, |own| own.min(max))
    }
}

impl JetStreamStore {
    /// Connects to a server, and makes the streams or checks the ones that are there.
    ///
    /// The address is one or several of `nats://host:port`, separated by commas, with
    /// `user:password@` or `token@` before the host where the server wants it. For TLS with own
    /// certificates, credentials files or other options, connect a client and use
    /// [`with_client`](Self::with_client).
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] where nobody can be reached, within seconds;
    /// [`StoreError::PermissionDenied`] where the server wants other credentials;
    /// [`StoreError::Misconfigured`] where a field of the configuration is wrong, where the server
    /// is older than 2.11 or has no JetStream, and where a stream is there that differs where it
    /// matters. It names what.
    pub async fn connect(address: &str, config: JetStreamConfig) -> Result<Self, StoreError> {
        config.validate()?;
        let addresses = Addresses::parse(address)?;
        let denials = Denials::new();
        let heard = denials.clone();
        let client = addresses
            .authenticate(ConnectOptions::new())
            .name("aether")
            .connection_timeout(config.request_timeout.max(CONNECT_TIMEOUT_MIN))
            .event_callback(move |event| {
                heard.hear(&event);
                std::future::ready(())
            })
            .connect(&addresses.servers[..])
            .await
            .map_err(|error| connect_failed(&addresses.shown(), error))?;
        Self::set_up(client, &config, denials).await
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
        config.validate()?;
        Self::set_up(client, &config, Denials::default()).await
    }

    async fn set_up(
        client: Client,
        config: &JetStreamConfig,
        denials: Denials,
    ) -> Result<Self, StoreError> {
        let Some(server) = client.try_server_info() else {
            return Err(unavailable(
                "set up the store",
                "the client has not been connected yet",
            ));
        };
        server_version::check(&server.version)?;
        if !server.headers {
            return Err(misconfigured("headers on the server", "off", "on"));
        }
        let names = config.names();
        let link = Link {
            client,
            request_timeout: config.request_timeout,
            deadline: config.deadline,
            denials,
        };
        let mut patience = link.patience();
        let stream = wanted(Role::Events, &names, config.replicas);
        let events = streams::ensure(&link, Role::Events, &stream, &mut patience).await?;
        let stream = wanted(Role::Snapshots, &names, config.replicas);
        let snapshots = streams::ensure(&link, Role::Snapshots, &stream, &mut patience).await?;
        Ok(Self {
            shared: Shared(Arc::new(Inner {
                link,
                names,
                form: config.codec,
                incarnation: events.incarnation,
                snapshots_incarnation: snapshots.incarnation,
                event_message_bytes_max: events.message_bytes_max,
                snapshot_message_bytes_max: snapshots.message_bytes_max,
            })),
        })
    }

    /// The name of the stream of events, the namespace included.
    #[must_use]
    pub fn events_stream(&self) -> &str {
        &self.shared.names.events_stream
    }

    /// The name of the stream of snapshots.
    #[must_use]
    pub fn snapshots_stream(&self) -> &str {
        &self.shared.names.snapshots_stream
    }

    /// The subject of an actor's events, for who looks with other tools.
    #[must_use]
    pub fn events_subject(&self, actor_id: &ActorId) -> String {
        self.shared.names.events_subject(actor_id)
    }

    /// The subject of an actor's snapshot.
    #[must_use]
    pub fn snapshot_subject(&self, actor_id: &ActorId) -> String {
        self.shared.names.snapshot_subject(actor_id)
    }

    /// The connection.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.shared.link.client
    }
}

/// However short a request may take: a connection takes several.
const CONNECT_TIMEOUT_MIN: Duration = Duration::from_secs(2);

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
        save::append(&self.shared, commit).await
    }

    fn events(&self, actor_id: &ActorId, from: Version) -> EventStream {
        read::events(self.shared.clone(), actor_id.clone(), from)
    }

    async fn latest_version(&self, actor_id: &ActorId) -> Result<Version, StoreError> {
        read::latest_version(&self.shared, actor_id).await
    }
}

impl SnapshotStore for JetStreamStore {
    async fn save_snapshot(&self, snapshot: ActorSnapshot) -> Result<SnapshotSaved, StoreError> {
        snapshot::save(&self.shared, snapshot).await
    }

    async fn latest_snapshot(
        &self,
        actor_id: &ActorId,
    ) -> Result<Option<ActorSnapshot>, StoreError> {
        snapshot::latest(&self.shared, actor_id).await
    }
}
