//! Hearing of what was stored.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use aether_core::{EventFilter, EventStored, Namespace, PayloadError};
use futures_core::{FusedStream, Stream};

use crate::{Bus, BusError, Delivery, Missed, Published, Subscribe, Subscription, SubscriptionEnd};

/// Hearing of what a store has stored that tells this bus of it.
///
/// ```
/// use std::sync::Arc;
///
/// use aether_bus::{EventBus, StoredDelivery, Subscribe, SubscribeStored};
/// use aether_core::{ActorId, EventDraft, EventStoreExt, Namespace, Version};
/// use aether_store_memory::MemoryStore;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// const SHOP: Namespace = Namespace::from_static("shop");
/// let bus = EventBus::new();
/// let store = MemoryStore::builder().broadcaster(SHOP, Arc::new(bus.clone())).build();
/// let mut stored = bus.subscribe_event_stored(Subscribe::to(SHOP)).await?;
///
/// let order = ActorId::new("order-123")?;
/// let placed = EventDraft::new(&order, "OrderPlaced", &("book", 3))?.at(Version::FIRST)?;
/// store.save_event(placed.clone()).await?;
///
/// let Some(StoredDelivery::Stored { notice, .. }) = stored.next().await else {
///     panic!("a notice was due");
/// };
/// assert_eq!(notice.event_id, *placed.id());
/// assert!(notice.position.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait SubscribeStored: Bus {
    /// Subscribes to the notices of stored events ([`EventStored`]), of the categories and actors
    /// that the filter lets pass.
    ///
    /// # Errors
    ///
    /// [`BusError::TypesOfNotices`] where the filter asks for types of events: a notice doesn't say
    /// which one the stored event has. Otherwise as [`Bus::subscribe`].
    fn subscribe_event_stored(
        &self,
        asked: Subscribe,
    ) -> impl Future<Output = Result<StoredNotices, BusError>> + Send
    where
        Self: Sync,
    {
        async move {
            if asked.filter.event_types().len() > 0 {
                return Err(BusError::TypesOfNotices);
            }
            let filter: EventFilter = asked.filter.clone().event_type(EventStored::EVENT_TYPE);
            let of_events = asked.filter.clone();
            let subscription = self.subscribe(asked.only(filter)).await?;
            Ok(StoredNotices {
                subscription,
                of_events,
            })
        }
    }
}

impl<B: Bus + ?Sized> SubscribeStored for B {}

/// The notices that one subscriber gets, as a [`Stream`] of [`StoredDelivery`]s: a
/// [`Subscription`] that is read.
#[must_use = "dropping it unsubscribes"]
pub struct StoredNotices {
    subscription: Subscription,
    /// Which events they tell of.
    of_events: EventFilter,
}

/// What [`StoredNotices`] give.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoredDelivery {
    /// An event was stored.
    Stored {
        /// Where it was told.
        namespace: Namespace,
        /// Which event, and where it is.
        notice: EventStored,
    },
    /// Notices are missing here. Events were stored all the same: a store's feed has them.
    Gap {
        /// How many.
        missed: Missed,
    },
    /// Something else was published with the type of a notice.
    Malformed {
        /// What it is.
        published: Published,
        /// Why it is no notice.
        error: PayloadError,
    },
}

impl StoredNotices {
    /// The next one; none after the end.
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<StoredDelivery> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Why they have ended: [`Subscription::end`].
    #[must_use]
    pub fn end(&self) -> Option<SubscriptionEnd> {
        self.subscription.end()
    }

    /// The subscription below.
    pub fn subscription(&self) -> &Subscription {
        &self.subscription
    }

    /// Which events they tell of.
    pub(crate) fn of_events(&self) -> &EventFilter {
        &self.of_events
    }

    /// Drops what is next, whatever it is; ready at the end too.
    pub(crate) fn poll_drop(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.subscription).poll_next(cx).map(drop)
    }
}

impl Stream for StoredNotices {
    type Item = StoredDelivery;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<StoredDelivery>> {
        let subscription = Pin::new(&mut self.get_mut().subscription);
        let delivery = ready!(subscription.poll_next(cx));
        Poll::Ready(delivery.map(|delivery| match delivery {
            Delivery::Gap { missed } => StoredDelivery::Gap { missed },
            Delivery::Event(published) => match published.event().decode() {
                Ok(notice) => StoredDelivery::Stored {
                    namespace: published.namespace().clone(),
                    notice,
                },
                Err(error) => StoredDelivery::Malformed { published, error },
            },
        }))
    }
}

impl FusedStream for StoredNotices {
    fn is_terminated(&self) -> bool {
        self.subscription.is_terminated()
    }
}

impl fmt::Debug for StoredNotices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoredNotices")
            .field(&self.subscription)
            .finish()
    }
}
