//! A broadcaster that remembers what it was told.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aether_core::{BroadcastError, Event, EventBroadcaster, Namespace};
use tokio::sync::watch;

/// A broadcaster that remembers what it was told, for tests.
///
/// ```
/// use aether_core::{ActorId, EventBroadcaster, EventDraft, Namespace, Version};
/// use aether_testkit::RecordingBroadcaster;
///
/// let broadcaster = RecordingBroadcaster::new();
/// let notice = EventDraft::new(&ActorId::new("order-1")?, "EventStored", &())?.at(Version::FIRST)?;
/// broadcaster.broadcast(&Namespace::from_static("shop"), &notice)?;
/// assert_eq!(broadcaster.notices().len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct RecordingBroadcaster {
    notices: Mutex<Vec<(Namespace, Event)>>,
    count: watch::Sender<usize>,
}

impl RecordingBroadcaster {
    /// One that was told nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What it was told so far, in that order.
    #[must_use]
    pub fn notices(&self) -> Vec<(Namespace, Event)> {
        self.lock().clone()
    }

    /// Waits until it was told this many notices in all; gives what it was told by then.
    /// Dropping the future leaves nothing behind.
    pub async fn wait_for(&self, count: usize) -> Vec<(Namespace, Event)> {
        // The sender lives as long as this does, so waiting ends only as it should.
        drop(self.count.subscribe().wait_for(|told| *told >= count).await);
        self.notices()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Namespace, Event)>> {
        // A list is whole after a panic too.
        self.notices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventBroadcaster for RecordingBroadcaster {
    fn broadcast(&self, namespace: &Namespace, event: &Event) -> Result<(), BroadcastError> {
        let mut notices = self.lock();
        notices.push((namespace.clone(), event.clone()));
        self.count.send_replace(notices.len());
        Ok(())
    }
}

impl fmt::Debug for RecordingBroadcaster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.notices()).finish()
    }
}
