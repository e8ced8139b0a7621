//! What arrives at a subscription.

use std::fmt;
use std::sync::Arc;

use aether_core::{Event, Namespace, TraceContext};

/// What a subscription gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// An event.
    Event(Published),
    /// Events are missing here, between what came before and what comes next.
    Gap {
        /// How many.
        missed: Missed,
    },
}

impl Delivery {
    /// The event, unless it is a gap.
    #[must_use]
    pub fn event(&self) -> Option<&Event> {
        match self {
            Self::Event(published) => Some(published.event()),
            Self::Gap { .. } => None,
        }
    }
}

/// How many events a subscription has missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missed {
    /// So many, at least one. All of them would have passed its filter.
    Exactly(u64),
    /// It may be none, or any number.
    Unknown,
}

/// An event that was published in a namespace.
///
/// A handle: all subscribers share one event, and cloning it copies no data.
#[derive(Clone, PartialEq, Eq)]
pub struct Published(Arc<Content>);

#[derive(PartialEq, Eq)]
struct Content {
    namespace: Namespace,
    event: Event,
    trace: Option<Box<TraceContext>>,
}

impl Published {
    pub(crate) fn new(namespace: Namespace, event: Event) -> Self {
        Self::in_trace(namespace, event, None)
    }

    pub(crate) fn in_trace(
        namespace: Namespace,
        event: Event,
        trace: Option<TraceContext>,
    ) -> Self {
        Self(Arc::new(Content {
            namespace,
            event,
            trace: trace.map(Box::new),
        }))
    }

    /// Where it was published.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.0.namespace
    }

    /// The event.
    #[must_use]
    pub fn event(&self) -> &Event {
        &self.0.event
    }

    /// The span in which it was published, where the bus was told: what a consumer links its own
    /// span to.
    #[must_use]
    pub fn trace_context(&self) -> Option<&TraceContext> {
        self.0.trace.as_deref()
    }
}

impl fmt::Debug for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Published")
            .field("namespace", self.namespace())
            .field("event", self.event())
            .finish()
    }
}
