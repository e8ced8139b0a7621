//! The bus across nodes, over NATS.

mod config;
mod control;
mod course;
mod listener;
mod message;
mod names;
mod node;
mod numbers;
mod origin;
mod outbox;
mod peers;
mod stats;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use aether_core::{BroadcastError, Event, EventBroadcaster, Namespace, StoreError};
use async_nats::{Client, ConnectOptions, ServerAddr};
use futures_core::Stream;
use tokio::sync::OnceCell;
use tokio::task::AbortHandle;

use crate::{Bus, BusError, NamespacePattern, Receipt, Relayed, Subscribe, Subscription};

use control::{Control, say_alive};
use node::Node;
use stats::count;

pub use config::{InvalidNatsBusConfig, NatsBusConfig};
pub use stats::NatsBusStats;

/// A bus across nodes, over NATS: a handle, to be cloned.
///
/// What is published on one node comes to the subscriptions of all nodes with the same
/// [prefix](NatsBusConfig::new): to those of its own node at once, in memory, and to the others through
/// the server. Nothing is stored.
///
/// **Nothing is lost in silence.** Each node numbers what it publishes, by namespace and type of
/// event, and announces its last numbers. Whatever is lost on the way (while a connection is down, in
/// the buffer of a reader who is too slow, in a server that is killed) is a
/// [`Gap`](crate::Delivery::Gap), in its place, at the next message or announcement of that node:
///
/// - [`Exactly`](crate::Missed::Exactly) so many for subscriptions that ask for namespaces and types;
/// - [`Unknown`](crate::Missed::Unknown) for those that ask for actors or categories, which are not
///   numbered by themselves; where a node is gone that has not [stopped](Self::stop), since nobody
///   knows what it has published last; and where one was not heard of before.
///
/// A subscription is told of what is lost from when the other node has answered it: a round trip after
/// [`subscribe`](Self::subscribe) was.
///
/// **Order**: what one task publishes for one actor, each subscription gets in that order.
///
/// **Bounds**: a node keeps the numbers of 65,536 pairs of namespace and type. Of more, those that were
/// quiet for longest are forgotten; a loss of their last events shows then to who asks for them anew,
/// after its connection was away, and perhaps not to others.
///
/// When the last handle is dropped, subscriptions of this node end, and others find out after a while
/// that it is gone. [`stop`](Self::stop) tells them.
///
/// ```no_run
/// use aether_bus::{NatsBusConfig, NatsEventBus, Subscribe};
/// use aether_core::Namespace;
///
/// # async fn example() -> Result<(), aether_bus::BusError> {
/// const SHOP: Namespace = Namespace::from_static("shop");
/// let bus = NatsEventBus::connect("nats://localhost:4222", NatsBusConfig::default()).await?;
/// let mut orders = bus.subscribe(Subscribe::to(SHOP)).await?;
/// while let Some(delivery) = orders.next().await {
///     println!("{delivery:?}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct NatsEventBus(Arc<Owner>);

/// A namespace on which a node tries whether it may publish.
static RESERVED: Namespace = Namespace::from_static("aether-bus.probe");

/// What ends with the last handle.
struct Owner {
    node: Arc<Node>,
    control: AbortHandle,
    speaking: AbortHandle,
    stopped: OnceCell<()>,
}

impl NatsEventBus {
    /// Connects to a server, or one of several of a cluster: `nats://host:port`, separated by commas.
    ///
    /// A user and password before an `@` are taken. For anything else (certificates, credentials)
    /// make a client and take [`with_client`](Self::with_client).
    ///
    /// # Errors
    ///
    /// [`BusError::Connect`] where the address is none, or the server doesn't take the connection;
    /// otherwise as `with_client`.
    pub async fn connect(address: &str, config: NatsBusConfig) -> Result<Self, BusError> {
        let failed = |error: &dyn fmt::Display| BusError::Connect {
            reason: error.to_string(),
        };
        let servers = address
            .split(',')
            .map(|one| one.trim().parse::<ServerAddr>())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| failed(&error))?;
        let mut options = ConnectOptions::new().name("aether-bus");
        let said = servers.iter().find(|server| server.has_user_pass());
        if let Some((user, password)) =
            said.and_then(|server| server.username().zip(server.password()))
        {
            options = options.user_and_password(user.to_owned(), password.to_owned());
        }
        let connected = options.connect(&servers[..]).await;
        Self::with_client(connected.map_err(|error| failed(&error))?, config).await
    }

    /// A bus on a connection that others may use, too.
    ///
    /// The connection has to echo (`ConnectOptions::no_echo` unset), and to be allowed to publish and
    /// subscribe on `<prefix>.>` and `<prefix>=nodes.>`: at least what the namespaces need that it is
    /// about, and `aether-bus.probe`, on which a node tries whether it may. Its buffer for
    /// subscriptions (`ConnectOptions::subscription_capacity`) should not be larger than 65,536, as it
    /// is unless something else is said.
    ///
    /// # Errors
    ///
    /// [`BusError::Unreachable`] where what it sends to itself does not come back within the
    /// [deadline](NatsBusConfig::deadline); [`BusError::Closed`] where the connection was closed.
    pub async fn with_client(client: Client, config: NatsBusConfig) -> Result<Self, BusError> {
        let node = Arc::new(Node::new(client, config));
        let connected = tokio::time::timeout(node.config.deadline, async {
            let all = node.client.subscribe(node.names.all_nodes()).await;
            let own = node.client.subscribe(node.names.node(node.origin)).await;
            all.ok().zip(own.ok())
        });
        let connected = connected.await.map_err(|_| BusError::Unreachable)?;
        let (all, own) = connected.ok_or(BusError::Closed)?;
        let control = Control {
            node: node.clone(),
            all,
            own,
        };
        let control = tokio::spawn(control.run()).abort_handle();
        let speaker = node.clone();
        let speaking = tokio::spawn(async move { speaker.outbox.speak().await }).abort_handle();
        let bus = Self(Arc::new(Owner {
            node,
            control,
            speaking,
            stopped: OnceCell::new(),
        }));
        let node = &bus.0.node;
        node.probe_own().await?;
        // Whether it may publish events, and hear them.
        let reserved = NamespacePattern::exactly(&RESERVED);
        drop(node.subscribe(Subscribe::to(reserved)).await?);
        say_alive(node);
        Ok(bus)
    }

    /// Subscribes. When it is answered the server has heard of it: what any node publishes after
    /// that comes, or is in a gap. (In a cluster of servers the others hear of it a moment later.)
    ///
    /// All subscriptions of a node for the same namespaces, and the same one type of events or any,
    /// have one subscription on the server. For each that is different, an event that both are about
    /// travels to the node once more.
    ///
    /// Of subscriptions of one node that share one on the server, one that comes later may be told of a
    /// loss that was before it, where it shows after it.
    ///
    /// Dropping the future leaves no subscription behind.
    ///
    /// # Errors
    ///
    /// [`BusError::Stopped`] after [`stop`](Self::stop); [`BusError::Unreachable`] where the server
    /// was not reached, or doesn't allow it, within the [deadline](NatsBusConfig::deadline);
    /// [`BusError::Closed`] where the connection was closed.
    pub async fn subscribe(&self, asked: Subscribe) -> Result<Subscription, BusError> {
        self.0.node.subscribe(asked).await
    }

    /// Brings an event to whoever subscribes to it, on any node.
    ///
    /// It waits where the connection has no room, as long as that takes, also while it is down and
    /// what may wait to be sent does; and then for those subscribers of this node that
    /// [asked for it](Subscribe::publishers_wait). It does not wait for other nodes. Dropping the
    /// future while it waits for the connection publishes nothing; after that it is as with
    /// [`EventBus::publish`](crate::EventBus::publish).
    ///
    /// The [`Receipt`] is about this node.
    ///
    /// # Errors
    ///
    /// Nobody has got it: [`BusError::Stopped`] after [`stop`](Self::stop), [`BusError::TooLarge`],
    /// [`BusError::Unencodable`], [`BusError::Closed`] where the connection was closed.
    pub async fn publish(&self, namespace: &Namespace, event: Event) -> Result<Receipt, BusError> {
        let node = &self.0.node;
        let (draft, published) = node.draft(namespace, event)?;
        node.outbox.send(draft).await?;
        count(&node.counters.sent, 1);
        // Where the bus was stopped meanwhile others have it, and nobody listens here.
        let receipt = node.local.publish_to_all(&published).await;
        Ok(receipt.unwrap_or_default())
    }

    /// The same at once, without waiting for anybody.
    ///
    /// # Errors
    ///
    /// [`BusError::Full`] where the connection has no room: subscribers of this node have it, others
    /// are told of a gap. Otherwise as [`publish`](Self::publish).
    pub fn publish_now(&self, namespace: &Namespace, event: Event) -> Result<Receipt, BusError> {
        let node = &self.0.node;
        let (draft, published) = node.draft(namespace, event)?;
        let sent = node.outbox.send_or_leave_out(draft);
        match &sent {
            Ok(()) => count(&node.counters.sent, 1),
            Err(BusError::Full) => count(&node.counters.left_out, 1),
            Err(_) => {}
        }
        if let Ok(()) | Err(BusError::Full) = &sent {
            let receipt = node.local.publish_by(None, &published);
            return sent.map(|()| receipt.unwrap_or_default());
        }
        sent.map(|()| Receipt::default())
    }

    /// Tells the subscribers of this node of what a store stores, from another source than a
    /// broadcaster: as [`EventBus::relay_stored`](crate::EventBus::relay_stored). Other nodes have
    /// that source themselves.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn relay_stored(
        &self,
        namespace: &Namespace,
        stored: impl Stream<Item = Result<Relayed, StoreError>>,
    ) -> Result<(), StoreError> {
        self.0.node.local.relay_stored(namespace, stored).await
    }

    /// How many subscriptions of this node are about this namespace, whatever events they filter.
    #[must_use]
    pub fn subscribers(&self, namespace: &Namespace) -> usize {
        self.0.node.local.subscribers(namespace)
    }

    /// How many subscriptions there are on this node, by what they subscribe to.
    #[must_use]
    pub fn subscribers_by_pattern(&self) -> BTreeMap<NamespacePattern, usize> {
        self.0.node.local.subscribers_by_pattern()
    }

    /// What it has done so far.
    #[must_use]
    pub fn stats(&self) -> NatsBusStats {
        let node = &self.0.node;
        node.counters.stats(node.nodes())
    }

    /// The id of this incarnation of the node, in what it sends: a ULID.
    #[must_use]
    pub fn origin(&self) -> String {
        self.0.node.origin.to_string()
    }

    /// The connection.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.0.node.client
    }

    /// Nothing is published by this node any more. Others are told its last numbers, and that it
    /// stops; subscriptions of this node give what has come, and then their end.
    ///
    /// It takes the [deadline](NatsBusConfig::deadline) at most. Where the server is not reached in
    /// that time, others find out that the node is gone. Dropping the future leaves it half done:
    /// stopping again goes on. The connection stays.
    pub async fn stop(&self) {
        self.0
            .stopped
            .get_or_init(|| async {
                self.0.node.stop().await;
                self.0.control.abort();
                self.0.speaking.abort();
            })
            .await;
    }
}

impl Bus for NatsEventBus {
    async fn subscribe(&self, asked: Subscribe) -> Result<Subscription, BusError> {
        Self::subscribe(self, asked).await
    }

    async fn publish(&self, namespace: &Namespace, event: Event) -> Result<Receipt, BusError> {
        Self::publish(self, namespace, event).await
    }

    async fn stop(&self) {
        Self::stop(self).await;
    }
}

/// At once, without waiting for anybody: [`publish_now`](NatsEventBus::publish_now).
impl EventBroadcaster for NatsEventBus {
    fn broadcast(&self, namespace: &Namespace, event: &Event) -> Result<(), BroadcastError> {
        let receipt = self.publish_now(namespace, event.clone());
        receipt.map(drop).map_err(BroadcastError::new)
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.control.abort();
        self.speaking.abort();
        self.node.close();
    }
}

impl fmt::Debug for NatsEventBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsEventBus")
            .field("origin", &self.origin())
            .field("prefix", &self.0.node.config.prefix)
            .field("subscribers", &self.subscribers_by_pattern())
            .finish_non_exhaustive()
    }
}
