//! Which events somebody wants.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::{ActorId, Event, EventType};

/// Which events somebody wants: those of any of the categories, any of the actors and any of the
/// types, where a list that is empty lets everything pass.
///
/// Feeds, subscriptions to what is stored, and the bus take it. In a feed categories and actors are
/// told apart where the events are kept, types by the reader: every event of the other criteria
/// travels to it first.
///
/// ```
/// use aether_core::{EventFilter, EventType};
///
/// let paid = EventFilter::all().category("order").event_type(EventType::new("OrderPaid")?);
/// # Ok::<(), aether_core::InvalidText>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct EventFilter {
    categories: BTreeSet<Arc<str>>,
    actors: BTreeSet<ActorId>,
    types: BTreeSet<EventType>,
}

impl EventFilter {
    /// Everything passes.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Also events of actors in this category ([`ActorId::category`]).
    #[must_use]
    pub fn category(mut self, category: &str) -> Self {
        self.categories.insert(category.into());
        self
    }

    /// Also events of this actor.
    #[must_use]
    pub fn actor(mut self, actor_id: ActorId) -> Self {
        self.actors.insert(actor_id);
        self
    }

    /// Also events of this type.
    #[must_use]
    pub fn event_type(mut self, event_type: EventType) -> Self {
        self.types.insert(event_type);
        self
    }

    /// The categories that pass; none means all.
    #[must_use]
    pub fn categories(&self) -> impl ExactSizeIterator<Item = &str> {
        self.categories.iter().map(|category| &**category)
    }

    /// The actors that pass; none means all.
    #[must_use]
    pub fn actors(&self) -> impl ExactSizeIterator<Item = &ActorId> {
        self.actors.iter()
    }

    /// The types that pass; none means all.
    #[must_use]
    pub fn event_types(&self) -> impl ExactSizeIterator<Item = &EventType> {
        self.types.iter()
    }

    /// Whether this event passes.
    #[must_use]
    pub fn passes(&self, event: &Event) -> bool {
        fn in_or_all<T: Ord + ?Sized, B: Ord + std::borrow::Borrow<T>>(
            set: &BTreeSet<B>,
            item: &T,
        ) -> bool {
            set.is_empty() || set.contains(item)
        }
        in_or_all(&self.categories, event.actor_id().category())
            && in_or_all(&self.actors, event.actor_id())
            && in_or_all(&self.types, event.event_type())
    }
}
