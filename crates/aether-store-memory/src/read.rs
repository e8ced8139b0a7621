//! Reading one actor's history.

use std::ops::Range;
use std::sync::Arc;

use aether_core::{ActorId, EventStream, RecordedEvent, StoreError, Version};
use futures_util::stream::{self, StreamExt};

use crate::history::PAGE_EVENTS;
use crate::store::Inner;

/// The actor's events from a version on, up to where the history ended when this was first polled.
pub(crate) fn events(inner: &Arc<Inner>, actor_id: &ActorId, from: Version) -> EventStream {
    let mut reader = Reader {
        inner: Arc::clone(inner),
        actor_id: actor_id.clone(),
        from,
        numbers: None,
    };
    let pages = stream::iter(std::iter::from_fn(move || reader.page()));
    Box::pin(pages.flat_map(stream::iter).map(Ok::<_, StoreError>))
}

struct Reader {
    inner: Arc<Inner>,
    actor_id: ActorId,
    from: Version,
    /// Which events are still to be read, by number; not known before the first page.
    numbers: Option<Range<usize>>,
}

impl Reader {
    /// The next events, taken under one lock.
    fn page(&mut self) -> Option<Vec<RecordedEvent>> {
        let hash = self.inner.hash(&self.actor_id);
        let shard = self.inner.shard(hash);
        let history = shard.history(hash, &self.actor_id)?;
        let numbers = self
            .numbers
            .get_or_insert_with(|| history.first_at(shard.log(), self.from)..history.len());
        let page_end = (numbers.start / PAGE_EVENTS + 1) * PAGE_EVENTS;
        let page = numbers.start..numbers.end.min(page_end);
        numbers.start = page.end;
        let events: Vec<_> = history
            .entries(shard.log(), page)
            .into_iter()
            .map(|logged| self.inner.recorded(logged))
            .collect();
        (!events.is_empty()).then_some(events)
    }
}
