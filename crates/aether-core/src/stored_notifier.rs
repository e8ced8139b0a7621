//! Telling a broadcaster what was stored: what every store with one does.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::{Clock, Event, EventBroadcaster, EventStored, Namespace, Position, SystemClock};

/// Tells a broadcaster of stored events, in a namespace: for stores to call
/// (clause 11 of [`EventStore`](crate::EventStore)'s contract).
///
/// It makes the notices and keeps whatever the broadcaster does away from the save. That each
/// event is told of once, and in order for one actor, is the store's part.
#[derive(Clone)]
pub struct StoredNotifier {
    namespace: Namespace,
    broadcaster: Arc<dyn EventBroadcaster>,
    clock: Arc<dyn Clock>,
}

impl StoredNotifier {
    /// Tells this broadcaster, in this namespace, with notices that have the system's time.
    #[must_use]
    pub fn new(namespace: Namespace, broadcaster: Arc<dyn EventBroadcaster>) -> Self {
        Self {
            namespace,
            broadcaster,
            clock: Arc::new(SystemClock),
        }
    }

    /// The same with this clock's time.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Tells of one stored event. Whatever the broadcaster does, the event is stored: its errors
    /// and even its panics are no reason for the save to fail, nor for the next notice to be left
    /// out.
    pub fn tell(&self, event: &Event, position: Position) {
        let _told = catch_unwind(AssertUnwindSafe(|| {
            EventStored::notice(&*self.clock, event, Some(position))
                .map(|notice| self.broadcaster.broadcast(&self.namespace, &notice))
        }));
    }
}

impl fmt::Debug for StoredNotifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredNotifier")
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use super::*;
    use crate::{ActorId, BroadcastError, EventDraft, Timestamp, Version};

    /// Panics at the first, fails at the second, keeps all.
    #[derive(Default)]
    struct Told(Mutex<Vec<(Namespace, Event)>>);

    #[expect(clippy::panic_in_result_fn, reason = "a broadcaster may panic")]
    impl EventBroadcaster for Told {
        fn broadcast(&self, namespace: &Namespace, event: &Event) -> Result<(), BroadcastError> {
            let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            told.push((namespace.clone(), event.clone()));
            match told.len() {
                1 => panic!("as broadcasters do"),
                2 => Err(BroadcastError::new("full")),
                _ => Ok(()),
            }
        }
    }

    #[test]
    fn whatever_the_broadcaster_does_the_next_one_is_told() {
        let told = Arc::new(Told::default());
        let clock = crate::FixedClock::new(Timestamp::from_unix_nanos(5_000_000_000));
        let notifier = StoredNotifier::new(Namespace::from_static("shop"), told.clone())
            .with_clock(Arc::new(clock));
        let actor_id = ActorId::new("order-1").unwrap();
        let position = Position::new(1, 2, 3);
        for version in 1..=3_u32 {
            let draft = EventDraft::new(&actor_id, "Happened", &()).unwrap();
            notifier.tell(&draft.at(version.into()).unwrap(), position);
        }
        let told = told.0.lock().unwrap_or_else(PoisonError::into_inner);
        let versions: Vec<Version> = told.iter().map(|(_, event)| event.version()).collect();
        assert_eq!(versions, [1_u32, 2, 3].map(Version::from));
        let (namespace, notice) = &told[2];
        assert_eq!(namespace.as_str(), "shop");
        let notice: EventStored = notice.decode().unwrap();
        assert_eq!(notice.position, Some(position));
        assert_eq!(notice.timestamp, 5);
    }
}
