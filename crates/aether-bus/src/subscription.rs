//! What a subscriber holds.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::{FusedStream, Stream};

use crate::lost::Lost;
use crate::queue::{Entry, Queue, Taken};
use crate::ring::Seat;
use crate::{Delivery, Missed, NamespacePattern};

/// The events that one subscriber gets, as a [`Stream`] of [`Delivery`]s.
///
/// **Dropping it unsubscribes**, at once and anywhere, outside of a runtime too: nothing is queued
/// for it after that, and what was is freed.
///
/// It ends when the bus is [stopped](crate::EventBus::stop) or its last handle is dropped, behind
/// what was queued until then; and where it was asked to be disconnected when it falls behind. Then
/// [`end`](Self::end) says why.
#[must_use = "dropping it unsubscribes"]
pub struct Subscription {
    /// None when it is being dropped.
    source: Option<Source>,
    /// Taken out of there, and not yet given.
    taken: VecDeque<Entry>,
    /// What is missing before that, and not yet said.
    missed: Lost,
    end: Option<SubscriptionEnd>,
    /// What is to be given before the end is.
    last: Option<Delivery>,
    pattern: NamespacePattern,
    leave: Option<Box<dyn FnOnce() + Send + Sync>>,
}

/// Where what comes waits.
#[derive(Debug)]
pub(crate) enum Source {
    Own(Arc<Queue>),
    Shared(Seat),
}

impl Source {
    fn len(&self) -> usize {
        match self {
            Self::Own(queue) => queue.len(),
            Self::Shared(seat) => seat.len(),
        }
    }

    fn poll_take(&mut self, taken: &mut VecDeque<Entry>, cx: &Context<'_>) -> Poll<Taken> {
        match self {
            Self::Own(queue) => queue.poll_take(Subscription::TAKEN_AT_ONCE, taken, cx),
            Self::Shared(seat) => seat.poll_take(Subscription::TAKEN_AT_ONCE, taken, cx),
        }
    }
}

/// Why a subscription has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscriptionEnd {
    /// The bus was stopped: everything that was published before was given.
    Stopped,
    /// It fell behind, and had asked for [`WhenFull::Disconnect`](crate::WhenFull::Disconnect).
    Disconnected,
    /// The connection over which events come was closed for good: there is a gap before the end.
    Closed,
    /// It was dropped.
    Unsubscribed,
}

impl Subscription {
    /// The most events that are taken out of the queue at once, and make room in it.
    pub const TAKEN_AT_ONCE: usize = 64;

    pub(crate) fn new(
        source: Source,
        pattern: NamespacePattern,
        leave: impl FnOnce() + Send + Sync + 'static,
    ) -> Self {
        Self {
            source: Some(source),
            taken: VecDeque::new(),
            missed: Lost::default(),
            end: None,
            last: None,
            pattern,
            leave: Some(Box::new(leave)),
        }
    }

    /// The next delivery; none after the end.
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Delivery> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Which namespaces it is about.
    #[must_use]
    pub fn pattern(&self) -> &NamespacePattern {
        &self.pattern
    }

    /// How many events wait to be given.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.taken.len() + self.source.as_ref().map_or(0, Source::len)
    }

    /// Why it has ended; none as long as it has not given its end.
    #[must_use]
    pub fn end(&self) -> Option<SubscriptionEnd> {
        self.end.filter(|_| self.last.is_none())
    }
}

impl Stream for Subscription {
    type Item = Delivery;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Delivery>> {
        let this = self.get_mut();
        loop {
            if let Some(missed) = this.missed.tell() {
                return Poll::Ready(Some(Delivery::Gap { missed }));
            }
            if let Some(next) = this.taken.front_mut() {
                if !next.missed.is_none() {
                    this.missed = std::mem::take(&mut next.missed);
                    continue;
                }
                let entry = this.taken.pop_front();
                return Poll::Ready(entry.map(|entry| Delivery::Event(entry.published)));
            }
            if this.end.is_some() {
                return Poll::Ready(this.last.take());
            }
            let Some(source) = &mut this.source else {
                return Poll::Ready(None);
            };
            // Who always finds something lets others have a turn, as with the runtime's own queues.
            let turn = std::task::ready!(tokio::task::coop::poll_proceed(cx));
            let taken = std::task::ready!(source.poll_take(&mut this.taken, cx));
            turn.made_progress();
            match taken {
                Taken::Entries => {}
                Taken::Missed(missed) => this.missed = missed,
                Taken::End(end) => {
                    this.end = Some(end);
                    // What comes after it was disconnected nobody counts.
                    this.last = (end == SubscriptionEnd::Disconnected).then_some(Delivery::Gap {
                        missed: Missed::Unknown,
                    });
                }
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.taken.len(), None)
    }
}

impl FusedStream for Subscription {
    fn is_terminated(&self) -> bool {
        self.end().is_some()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        match self.source.take() {
            Some(Source::Own(queue)) => queue.close(),
            // Before it leaves, so that the last one takes the ring along.
            Some(Source::Shared(seat)) => drop(seat),
            None => {}
        }
        if let Some(leave) = self.leave.take() {
            leave();
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("pattern", &self.pattern)
            .field("waiting", &self.waiting())
            .field("end", &self.end())
            .finish_non_exhaustive()
    }
}
