//! What is stored and heard elsewhere, for the subscribers of this bus.

use std::pin::pin;

use aether_core::{EventStored, Namespace, RecordedEvent, StoreError, SystemClock};
use futures_core::Stream;
use futures_util::StreamExt as _;
use tokio::task::coop::consume_budget;

use crate::{EventBus, Missed};

/// What a source of stored events says, for [`EventBus::relay_stored`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Relayed {
    /// An event was stored.
    Stored(RecordedEvent),
    /// Events may be missing here. It is what a source says first, once it listens: nobody has heard
    /// what was stored before.
    Gap,
}

impl EventBus {
    /// Tells the subscribers of this bus what a source says of stored events: the notice of each
    /// ([`EventStored`], with its position) is published in the namespace, and a gap is
    /// [`Unknown`](Missed::Unknown) to all who would have got notices there. What is
    /// [malformed](StoreError::Malformed) is a gap, too.
    ///
    /// So each node hears what any node has stored, without a bus between them: by what the server
    /// sends (`subscribe_stored` of the store on JetStream, which the crate `aether` makes such a
    /// source of). [Healed by](crate::StoredNotices::healed_by) the store's feed each event is told
    /// once, also where the store tells the bus besides.
    ///
    /// It ends with the source, and with the first event after the bus was
    /// [stopped](Self::stop). It is ahead of its subscribers, except for those that
    /// [asked it to wait](crate::Subscribe::publishers_wait): what it does not take meanwhile, the
    /// source may lose. Dropping the future ends it: what comes after the last notice is not told, not
    /// even as a gap, before somebody relays again.
    ///
    /// # Errors
    ///
    /// The source's, unless it is malformed: subscribers are told of a gap, and it ends.
    ///
    /// ```
    /// use aether_bus::{EventBus, Relayed, StoredDelivery, Subscribe, SubscribeStored};
    /// use aether_core::{ActorId, EventDraft, Namespace, Position, RecordedEvent, Version};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// const SHOP: Namespace = Namespace::from_static("shop");
    /// let bus = EventBus::new();
    /// let mut stored = bus.subscribe_event_stored(Subscribe::to(SHOP)).await?;
    ///
    /// let order = ActorId::new("order-123")?;
    /// let placed = EventDraft::new(&order, "OrderPlaced", &("book", 3))?.at(Version::FIRST)?;
    /// let recorded = RecordedEvent::new(placed, Position::new(1, 1, 0));
    /// let source = [Relayed::Gap, Relayed::Stored(recorded)];
    /// bus.relay_stored(&SHOP, futures_util::stream::iter(source.map(Ok))).await?;
    ///
    /// assert!(matches!(stored.next().await, Some(StoredDelivery::Gap { .. })));
    /// let Some(StoredDelivery::Stored { notice, .. }) = stored.next().await else {
    ///     panic!("a notice was due");
    /// };
    /// assert_eq!(notice.position, Some(Position::new(1, 1, 0)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn relay_stored(
        &self,
        namespace: &Namespace,
        stored: impl Stream<Item = Result<Relayed, StoreError>>,
    ) -> Result<(), StoreError> {
        let mut stored = pin!(stored);
        while let Some(relayed) = stored.next().await {
            let notice = match &relayed {
                Ok(Relayed::Stored(recorded)) => {
                    let (event, position) = (recorded.event(), recorded.position());
                    EventStored::notice(&SystemClock, event, Some(position)).ok()
                }
                Ok(Relayed::Gap) | Err(_) => None,
            };
            match notice {
                Some(notice) => {
                    if self.publish(namespace, notice).await.is_err() {
                        return Ok(());
                    }
                }
                None => {
                    let notices = EventStored::EVENT_TYPE;
                    self.tell_missing(None, namespace, &notices, Missed::Unknown);
                }
            }
            match relayed {
                Ok(_) | Err(StoreError::Malformed(_)) => {}
                Err(error) => return Err(error),
            }
            // A source that always has something lets others have a turn.
            consume_budget().await;
        }
        Ok(())
    }
}
