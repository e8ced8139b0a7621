//! What a stream republishes, for the subscribers of a bus.

use aether_bus::Relayed;
use aether_core::StoreError;
use aether_store_jetstream::{Heard, StoredSubscription};
use futures_util::stream::{Stream, StreamExt as _};

/// Makes of what a store hears of its stream
/// ([`subscribe_stored`](crate::jetstream::JetStreamStore::subscribe_stored)) a source for the
/// subscribers of a bus ([`relay_stored`](crate::bus::EventBus::relay_stored)).
///
/// Each event is told, by whatever process it was stored; where events are missing, and where it
/// begins to listen, there is a gap. What somebody else publishes there ([`Heard::Foreign`]) is left
/// out. Errors are passed on.
///
/// ```no_run
/// use aether::bus::{EventBus, Subscribe, SubscribeStored, republished};
/// use aether::jetstream::{JetStreamConfig, JetStreamStore};
/// use aether::{EventFilter, FeedStart, Namespace, StoreError};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// const SHOP: Namespace = Namespace::from_static("shop");
/// let config = JetStreamConfig::new("orders").republish(true);
/// let store = JetStreamStore::connect("nats://localhost:4222", config).await?;
/// let bus = EventBus::new();
///
/// let heard = republished(store.subscribe_stored(EventFilter::all()));
/// let relaying = tokio::spawn({
///     let bus = bus.clone();
///     async move { bus.relay_stored(&SHOP, heard).await }
/// });
///
/// // Whatever is stored from now on, on any node, each event once.
/// let notices = bus.subscribe_event_stored(Subscribe::to(SHOP)).await?;
/// let mut notices = notices.healed_by(store, FeedStart::Now);
/// while let Some(notice) = notices.next().await {
///     println!("{:?}", notice?.notice());
/// }
/// # relaying.await??;
/// # Ok(())
/// # }
/// ```
pub fn republished(
    stored: StoredSubscription,
) -> impl Stream<Item = Result<Relayed, StoreError>> + Send + Unpin {
    stored.filter_map(|heard| {
        std::future::ready(match heard {
            Ok(Heard::Event(recorded)) => Some(Ok(Relayed::Stored(recorded))),
            Ok(Heard::Listening { .. } | Heard::Gap(_)) => Some(Ok(Relayed::Gap)),
            Ok(Heard::Foreign { .. }) => None,
            Err(error) => Some(Err(error)),
        })
    })
}
