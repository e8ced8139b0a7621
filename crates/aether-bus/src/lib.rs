//! An event bus: publish and subscribe by namespace, where nobody loses an event without being
//! told.
//!
//! [`EventBus`] works within one process. Whoever [subscribes](EventBus::subscribe) to a namespace,
//! or to a pattern of namespaces, gets a [`Subscription`]: a stream of the events that are published
//! there from then on and pass its filter. Each has a bounded queue of its own; what did not fit is
//! counted, and said where it would have been.
//!
//! ```
//! use aether_bus::{Delivery, EventBus, Missed, Subscribe};
//! use aether_core::{ActorId, Event, EventDraft, Namespace, Version};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! const SHOP: Namespace = Namespace::from_static("shop");
//! let bus = EventBus::new();
//! let mut orders = bus.subscribe(Subscribe::to(SHOP).capacity(2))?;
//!
//! let order = ActorId::new("order-123")?;
//! for version in 1..=3 {
//!     let event = EventDraft::new(&order, "OrderChanged", &version)?.at(Version::from(version))?;
//!     bus.publish(&SHOP, event).await?;
//! }
//! bus.stop();
//!
//! // Three were published, and two may wait.
//! assert_eq!(orders.next().await, Some(Delivery::Gap { missed: Missed::Exactly(1) }));
//! for version in [2_u32, 3] {
//!     let delivery = orders.next().await.expect("it was queued");
//!     assert_eq!(delivery.event().map(Event::version), Some(version.into()));
//! }
//! assert_eq!(orders.next().await, None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # With a store
//!
//! A bus is an [`EventBroadcaster`](aether_core::EventBroadcaster): a store that is given one tells
//! it of each event that it has stored, by a notice ([`EventStored`](aether_core::EventStored));
//! [`SubscribeStored`] hears of them. What a store's server sends instead, whoever has stored it, can be
//! [relayed](EventBus::relay_stored) to them. [Healed by](StoredNotices::healed_by) the store's feed they
//! are those of all events: what the bus has lost is read there, before what comes after it.
//!
//! # Across nodes
//!
//! With the feature `nats` there is `NatsEventBus`, the same over NATS: what one node publishes comes to
//! the subscriptions of all, and what is lost on the way is a gap as well. Its messages can carry the
//! headers of [`CloudEvents`], so that others' tools can read what is on the bus.
//!
//! # What is not promised
//!
//! - That an event arrives: it is in memory only. Who has to see each one reads a store's feed
//!   ([`EventFeed`](aether_core::EventFeed)), or heals by it.
//! - An order between publishers, or between actors.
//! - Secrecy: a namespace is a boundary against accidents, not against people.

mod bus;
mod cloud_events;
mod delivery;
mod event_bus;
mod given;
mod healed;
mod index;
mod lost;
#[cfg(feature = "nats")]
mod nats;
mod pattern;
mod queue;
mod relay;
mod ring;
mod stored;
mod subscribe;
mod subscription;
mod uri_reference;

#[cfg(feature = "nats")]
pub use async_nats;
pub use bus::{Bus, BusError, Receipt};
pub use cloud_events::{CloudEvents, InvalidSource};
pub use delivery::{Delivery, Missed, Published};
pub use event_bus::EventBus;
pub use healed::{HealedNotice, HealedNotices};
#[cfg(feature = "nats")]
pub use nats::{InvalidNatsBusConfig, NatsBusConfig, NatsBusStats, NatsEventBus};
pub use pattern::{InvalidPattern, NamespacePattern};
pub use relay::Relayed;
pub use stored::{StoredDelivery, StoredNotices, SubscribeStored};
pub use subscribe::{Subscribe, WhenFull};
pub use subscription::{Subscription, SubscriptionEnd};
