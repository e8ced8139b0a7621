//! The bus within one process.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Weak};

use aether_core::{BroadcastError, Event, EventBroadcaster, EventType, Namespace};
use futures_util::future::join_all;
use parking_lot::RwLock;

use crate::index::{Index, Route, Target};
use crate::lost::Lost;
use crate::queue::{Afterwards, Offered, Queue, Ticket};
use crate::{
    Bus, BusError, Missed, NamespacePattern, Published, Receipt, Subscribe, Subscription,
    SubscriptionEnd,
};

/// A bus within one process: a handle, to be cloned.
///
/// [`publish`](Self::publish) brings an event to every [`Subscription`] that is about its namespace
/// and whose filter it passes, and to nobody else; all of them share the one event. What a slow
/// subscriber does not take costs the others nothing.
///
/// **Order**: what one task publishes, each subscription gets in that order. Of what two publish at
/// the same time, two subscriptions may see two orders.
///
/// When its last handle is dropped, it is [stopped](Self::stop).
#[derive(Clone, Default)]
pub struct EventBus(Arc<Shared>);

#[derive(Default)]
struct Shared {
    index: RwLock<Index>,
}

impl EventBus {
    /// A bus without subscribers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Subscribes, from now on.
    ///
    /// # Errors
    ///
    /// [`BusError::Stopped`] after [`stop`](Self::stop).
    pub fn subscribe(&self, asked: Subscribe) -> Result<Subscription, BusError> {
        self.subscribe_by(Route::NONE, asked, || ())
    }

    /// Subscribes to what comes this way, too; when nothing is queued for it any more, this is done.
    pub(crate) fn subscribe_by(
        &self,
        route: Route,
        asked: Subscribe,
        left: impl FnOnce() + Send + Sync + 'static,
    ) -> Result<Subscription, BusError> {
        let mut index = self.0.index.write();
        if index.is_stopped {
            return Err(BusError::Stopped);
        }
        let (ticket, source) = index.add(&asked, route);
        drop(index);
        let shared: Weak<Shared> = Arc::downgrade(&self.0);
        Ok(Subscription::new(source, asked.pattern, move || {
            if let Some(shared) = shared.upgrade() {
                shared.index.write().remove(&ticket);
            }
            left();
        }))
    }

    /// Brings an event to whoever subscribes to it; waits for those that
    /// [asked for it](Subscribe::publishers_wait), at the same time, after all others have it.
    ///
    /// To nobody is fine. Dropping the future before it was polled publishes nothing; dropping it
    /// while it waits for room does with the event as each subscription's
    /// [`WhenFull`](crate::WhenFull) says. It needs a tokio runtime with time where it has to wait.
    ///
    /// # Errors
    ///
    /// [`BusError::Stopped`] after [`stop`](Self::stop): nobody has got it.
    pub async fn publish(&self, namespace: &Namespace, event: Event) -> Result<Receipt, BusError> {
        let published = Published::new(namespace.clone(), event);
        self.publish_to_all(&published).await
    }

    pub(crate) async fn publish_to_all(&self, published: &Published) -> Result<Receipt, BusError> {
        let (mut receipt, waiting) = self.offer(published, None, true)?;
        if !waiting.is_empty() {
            for offered in join_all(waiting.into_iter().map(Waiting::settle)).await {
                receipt.count(offered);
            }
        }
        Ok(receipt)
    }

    /// The same at once, without waiting for anybody.
    ///
    /// # Errors
    ///
    /// [`BusError::Stopped`] after [`stop`](Self::stop): nobody has got it.
    pub fn publish_now(&self, namespace: &Namespace, event: Event) -> Result<Receipt, BusError> {
        let published = Published::new(namespace.clone(), event);
        self.publish_by(None, &published)
    }

    /// To those to which events come this way, or to all, without waiting for anybody.
    pub(crate) fn publish_by(
        &self,
        via: Option<Route>,
        published: &Published,
    ) -> Result<Receipt, BusError> {
        let (receipt, _) = self.offer(published, via, false)?;
        Ok(receipt)
    }

    /// The same of one of many in a row, which wake those who wait for them together.
    #[cfg(feature = "nats")]
    pub(crate) fn publish_among(
        &self,
        via: Route,
        published: &Published,
        afterwards: &mut Afterwards,
    ) -> Result<(), BusError> {
        self.offer_then(published, Some(via), false, afterwards)?;
        Ok(())
    }

    /// Events of this type, and in this namespace, were lost, on this way or before all of them:
    /// whoever would have got them is told.
    pub(crate) fn tell_missing(
        &self,
        via: impl Into<Option<Route>>,
        namespace: &Namespace,
        event_type: &EventType,
        missed: Missed,
    ) {
        let mut afterwards = Afterwards::default();
        let index = self.0.index.read();
        index.each_missing(
            namespace,
            event_type,
            (via.into(), missed),
            |target, missed| {
                target.add_gap(missed.into(), &mut afterwards);
            },
        );
        drop(index);
    }

    #[cfg(feature = "nats")]
    /// Nobody knows what was lost on this way: all to whom events come so are told.
    pub(crate) fn tell_unknown(&self, via: Route) {
        let mut afterwards = Afterwards::default();
        let index = self.0.index.read();
        index.each_of(via, |target| {
            target.add_gap(Missed::Unknown.into(), &mut afterwards);
        });
        drop(index);
    }

    /// Nothing comes on this way any more: its subscriptions end, behind a gap that nobody can count.
    #[cfg(feature = "nats")]
    pub(crate) fn end_route(&self, via: Route) {
        let mut afterwards = Afterwards::default();
        let index = self.0.index.read();
        index.each_of(via, |target| {
            target.add_gap(Missed::Unknown.into(), &mut afterwards);
            target.end(SubscriptionEnd::Closed, &mut afterwards);
        });
        drop(index);
    }

    /// Offers it to all, and gives those that it has to wait for.
    fn offer(
        &self,
        published: &Published,
        via: Option<Route>,
        can_wait: bool,
    ) -> Result<(Receipt, Vec<Waiting>), BusError> {
        // Dropped after the lock is.
        let mut afterwards = Afterwards::default();
        self.offer_then(published, via, can_wait, &mut afterwards)
    }

    fn offer_then(
        &self,
        published: &Published,
        via: Option<Route>,
        can_wait: bool,
        afterwards: &mut Afterwards,
    ) -> Result<(Receipt, Vec<Waiting>), BusError> {
        let mut receipt = Receipt::default();
        let mut waiting = Vec::new();
        let index = self.0.index.read();
        if index.is_stopped {
            return Err(BusError::Stopped);
        }
        let (namespace, event) = (published.namespace(), published.event());
        index.each_for(namespace, event, via, |target| match target {
            Target::Shared(ring) => ring.add(published, &mut receipt, afterwards),
            Target::Own(queue) => match queue.offer(published, can_wait, afterwards) {
                Ok(offered) => receipt.count(offered),
                Err(ticket) => waiting.push(Waiting {
                    queue: queue.clone(),
                    ticket: Some(ticket),
                }),
            },
        });
        Ok((receipt, waiting))
    }

    /// How many subscriptions are about this namespace, whatever events they filter.
    #[must_use]
    pub fn subscribers(&self, namespace: &Namespace) -> usize {
        self.0.index.read().count(namespace)
    }

    /// How many subscriptions there are, by what they subscribe to.
    #[must_use]
    pub fn subscribers_by_pattern(&self) -> BTreeMap<NamespacePattern, usize> {
        self.0.index.read().counts()
    }

    /// Nothing is published any more. Each subscription gives what was published before, and then
    /// its end.
    ///
    /// Every event of which publishing was answered with a [`Receipt`] was published before. Stopping
    /// twice is fine.
    pub fn stop(&self) {
        self.0.stop();
    }
}

impl Target {
    fn end(&self, end: SubscriptionEnd, afterwards: &mut Afterwards) {
        match self {
            Self::Own(queue) => queue.end(end, afterwards),
            Self::Shared(ring) => ring.end(end, afterwards),
        }
    }

    fn add_gap(&self, missed: Lost, afterwards: &mut Afterwards) {
        match self {
            Self::Own(queue) => queue.add_gap(missed, afterwards),
            Self::Shared(ring) => ring.add_gap(missed, afterwards),
        }
    }
}

impl Shared {
    fn stop(&self) {
        let mut afterwards = Afterwards::default();
        let mut index = self.index.write();
        index.is_stopped = true;
        for target in index.take_all() {
            target.end(SubscriptionEnd::Stopped, &mut afterwards);
        }
        drop(index);
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.stop();
    }
}

/// An event that waits for room in a queue. Dropped, it waits no longer.
struct Waiting {
    queue: Arc<Queue>,
    /// None once it is settled.
    ticket: Option<Ticket>,
}

impl Waiting {
    async fn settle(mut self) -> Offered {
        let Some(ticket) = &mut self.ticket else {
            return Offered::Ended;
        };
        let waited = tokio::time::timeout(self.queue.waits(), &mut ticket.settled).await;
        let settled = match waited {
            Ok(settled) => settled.ok(),
            Err(_) => match self.queue.give_up(ticket, &mut Afterwards::default()) {
                Some(offered) => Some(offered),
                // Somebody has made room just now, and is about to tell.
                None => (&mut ticket.settled).await.ok(),
            },
        };
        self.ticket = None;
        settled.unwrap_or(Offered::Ended)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(ticket) = &self.ticket {
            self.queue.give_up(ticket, &mut Afterwards::default());
        }
    }
}

impl Bus for EventBus {
    async fn subscribe(&self, asked: Subscribe) -> Result<Subscription, BusError> {
        Self::subscribe(self, asked)
    }

    async fn publish(&self, namespace: &Namespace, event: Event) -> Result<Receipt, BusError> {
        Self::publish(self, namespace, event).await
    }

    async fn stop(&self) {
        Self::stop(self);
    }
}

/// At once, without waiting for anybody: [`publish_now`](EventBus::publish_now).
impl EventBroadcaster for EventBus {
    fn broadcast(&self, namespace: &Namespace, event: &Event) -> Result<(), BroadcastError> {
        let receipt = self.publish_now(namespace, event.clone());
        receipt.map(drop).map_err(BroadcastError::new)
    }
}

impl fmt::Debug for EventBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.subscribers_by_pattern();
        f.debug_struct("EventBus")
            .field("subscribers", &counts)
            .finish_non_exhaustive()
    }
}
