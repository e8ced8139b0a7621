//! Reading one actor's history.
//!
//! The tail is read first, from the leader, and the rest up to it: a history that ends before its
//! tail is a stale answer and is asked for again, never passed on as if it were whole. Before the
//! tail the server is asked how many messages there are: one that it counts and does not give,
//! because it is damaged on its disk, would be a hole that nobody sees.

use std::collections::{HashMap, VecDeque};

use aether_core::{ActorId, EventStream, RecordedEvent, StoreError, Version};
use serde::{Deserialize, Serialize};

use crate::batch_get::{PAGE_MESSAGES, Page};
use crate::errors::{Fault, unavailable};
use crate::link::Wanted;
use crate::message::Stored;
use crate::patience::Patience;
use crate::store::Shared;

/// The actor's events from this version on.
pub(crate) fn events(store: Shared, actor_id: ActorId, from: Version) -> EventStream {
    let replay = Replay::new(store, actor_id, from);
    Box::pin(futures_util::stream::unfold(replay, |mut replay| async {
        let item = replay.next().await?;
        Some((item, replay))
    }))
}

/// The last message of an actor's events, from the leader; none where it has none.
///
/// With `at_least`, an answer that is older than this sequence is asked for again.
pub(crate) async fn tail(
    store: &Shared,
    subject: &str,
    at_least: u64,
    patience: &mut Patience,
) -> Result<Option<Stored>, StoreError> {
    const ACTION: &str = "read the actor's last event";
    let stream = &store.names.events_stream;
    loop {
        let fault = match newest(store, subject, patience).await {
            Ok(Newest::Message(stored)) if stored.sequence >= at_least => return Ok(Some(stored)),
            Ok(Newest::None) if at_least == 0 => return Ok(None),
            Ok(Newest::Message(_) | Newest::None) => {
                Fault::Garbled(format!("older than message {at_least}, which was seen"))
            }
            Ok(Newest::Unreadable { messages }) => {
                if !patience.pause().await {
                    let reason = format!(
                        "the server counts {messages} message(s) on {subject:?} and finds no last one"
                    );
                    return Err(store.incarnation.malformed(nothing_at(0), reason).into());
                }
                continue;
            }
            Err(fault) => fault,
        };
        if !fault.may_pass() || !patience.pause().await {
            return Err(fault.into_store_error(ACTION, stream));
        }
        tracing::debug!(subject, %fault, "reading the last message again");
    }
}

/// What the leader says about the newest message of a subject.
enum Newest {
    Message(Stored),
    None,
    /// It has messages, and the last one can't be found: it is damaged on the server's disk.
    Unreadable {
        messages: u64,
    },
}

async fn newest(store: &Shared, subject: &str, patience: &Patience) -> Result<Newest, Fault> {
    let stream = &store.names.events_stream;
    let wanted = Wanted::Last {
        last_by_subj: subject,
    };
    if let Some(stored) = store.link.message(stream, &wanted, patience).await? {
        return Ok(Newest::Message(stored));
    }
    // "Not found" is also what the server says of a message that is damaged: it would then take
    // version 1 again. So ask how many it knows of.
    match count(store, subject, patience).await? {
        0 => Ok(Newest::None),
        messages => Ok(Newest::Unreadable { messages }),
    }
}

/// How many messages the server knows of on this subject.
async fn count(store: &Shared, subject: &str, patience: &Patience) -> Result<u64, Fault> {
    #[derive(Serialize)]
    struct Filter<'a> {
        subjects_filter: &'a str,
    }
    #[derive(Deserialize)]
    struct Info {
        state: State,
    }
    #[derive(Deserialize)]
    struct State {
        #[serde(default)]
        subjects: HashMap<String, u64>,
    }
    let call = format!("STREAM.INFO.{}", store.names.events_stream);
    let filter = Filter {
        subjects_filter: subject,
    };
    let info: Info = store.link.api(&call, &filter, patience).await?;
    Ok(info.state.subjects.values().sum())
}

/// For a report of what is missing, which has no bytes to be shown.
fn nothing_at(sequence: u64) -> Stored {
    Stored {
        sequence,
        headers: async_nats::HeaderMap::new(),
        body: bytes::Bytes::new(),
    }
}

/// Why a history of which the server gave this many messages is not whole; none where it is.
///
/// More than it counted are those that were stored after it had.
fn incomplete(counted: u64, given: u64) -> Option<String> {
    (given < counted).then(|| {
        format!(
            "the server counts {counted} message(s) and gives {given} up to the last: what is \
             missing is damaged or was removed"
        )
    })
}

/// An actor's latest version, from its last message.
pub(crate) async fn latest_version(
    store: &Shared,
    actor_id: &ActorId,
) -> Result<Version, StoreError> {
    let subject = store.names.events_subject(actor_id);
    let Some(tail) = tail(store, &subject, 0, &mut store.link.patience()).await? else {
        return Ok(Version::ZERO);
    };
    match tail.commit(actor_id) {
        Ok(commit) => Ok(commit.last()),
        Err(reason) => Err(store.incarnation.malformed(tail, reason).into()),
    }
}

/// A history while it is being read: at most one page of it is in memory.
pub(crate) struct Replay {
    store: Shared,
    actor_id: ActorId,
    subject: String,
    from: Version,
    patience: Patience,
    phase: Phase,
    /// How many messages the server counted before the tail was pinned: there are at least as
    /// many up to the tail, because none is ever removed.
    counted: u64,
    /// How many it has given so far.
    given: u64,
    /// How many messages are asked for at once. Halved with every fault: the client's own buffer
    /// may be too small for more, and what does not fit is lost.
    page_messages: u32,
    /// Whether the last try failed. If not, all the time there is begins anew with the next one:
    /// what the reader of the stream did in between is his own time.
    retrying: bool,
    /// Events that were read and not yet passed on.
    ready: VecDeque<RecordedEvent>,
    /// The version that the next commit must be above.
    last: Version,
}

enum Phase {
    Start,
    /// Reading up to the tail; the next message has at least the sequence `next`.
    Reading {
        tail: u64,
        next: u64,
        page: Option<Page>,
    },
    /// The tail was read, and not all before it: to be said when its events were passed on.
    Incomplete {
        tail: u64,
        reason: String,
    },
    End,
}

impl Replay {
    pub(crate) fn new(store: Shared, actor_id: ActorId, from: Version) -> Self {
        Self {
            subject: store.names.events_subject(&actor_id),
            patience: store.link.patience(),
            store,
            actor_id,
            from,
            phase: Phase::Start,
            counted: 0,
            given: 0,
            page_messages: PAGE_MESSAGES,
            retrying: false,
            ready: VecDeque::new(),
            last: Version::ZERO,
        }
    }

    /// The next event. After [`StoreError::Malformed`] others may follow, after any other error
    /// nothing does.
    pub(crate) async fn next(&mut self) -> Option<Result<RecordedEvent, StoreError>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(Ok(event));
            }
            let step = match &self.phase {
                Phase::Start => self.pin_tail().await,
                Phase::Reading { .. } => self.read_on().await,
                Phase::Incomplete { tail, reason } => {
                    let (incarnation, tail) = (self.store.incarnation, *tail);
                    let malformed = incarnation.malformed(nothing_at(tail), reason.clone());
                    self.phase = Phase::End;
                    Err(malformed.into())
                }
                Phase::End => return None,
            };
            match step {
                Ok(()) => {}
                Err(malformed @ StoreError::Malformed(_)) => return Some(Err(malformed)),
                Err(error) => {
                    self.phase = Phase::End;
                    return Some(Err(error));
                }
            }
        }
    }

    /// Reads the tail, and passes it on where nothing else is asked for.
    async fn pin_tail(&mut self) -> Result<(), StoreError> {
        // The stream may have been made long before it is polled.
        self.patience.renew();
        self.phase = Phase::End;
        self.counted = self.count().await?;
        let Some(tail) = tail(&self.store, &self.subject, 0, &mut self.patience).await? else {
            return Ok(());
        };
        match tail.commit(&self.actor_id) {
            Ok(commit) if self.from >= commit.first() => self.accept(&tail),
            // One that is malformed is reported in its turn.
            Ok(_) | Err(_) => {
                self.phase = Phase::Reading {
                    tail: tail.sequence,
                    next: 1,
                    page: None,
                };
                Ok(())
            }
        }
    }

    /// How many messages the server knows of, asked until there is an answer.
    async fn count(&mut self) -> Result<u64, StoreError> {
        loop {
            let fault = match count(&self.store, &self.subject, &self.patience).await {
                Ok(messages) => return Ok(messages),
                Err(fault) => fault,
            };
            if !fault.may_pass() || !self.patience.pause().await {
                return Err(fault.into_store_error("count the actor's commits", self.stream()));
            }
            tracing::debug!(subject = self.subject, %fault, "counting the commits again");
        }
    }

    /// Reads one more message, or finds that there is none.
    async fn read_on(&mut self) -> Result<(), StoreError> {
        let Phase::Reading { tail, next, page } = &mut self.phase else {
            return Ok(());
        };
        if !self.retrying {
            self.patience.renew();
        }
        let (tail, from) = (*tail, *next);
        let size = self.page_messages;
        let one = if self.retrying {
            read_alone(&self.store, &self.subject, from, size, page, &self.patience).await
        } else {
            read_one(&self.store, &self.subject, from, size, page).await
        };
        let fault = match one {
            Ok(Some(stored)) if stored.sequence <= tail => {
                self.retrying = false;
                *next = stored.sequence + 1;
                self.given += 1;
                if stored.sequence == tail {
                    self.phase = match incomplete(self.counted, self.given) {
                        Some(reason) => Phase::Incomplete { tail, reason },
                        None => Phase::End,
                    };
                }
                return self.accept(&stored);
            }
            // Only the tail itself is the end.
            Ok(Some(Stored { sequence, .. })) => Fault::Garbled(format!(
                "message {sequence} is the first from {from} on, though {tail} was there"
            )),
            Ok(None) => {
                Fault::Garbled(format!("no message from {from} on, though {tail} is there"))
            }
            Err(fault) => fault,
        };
        *page = None;
        self.retrying = true;
        self.page_messages = (size / 2).max(1);
        if !fault.may_pass() {
            return Err(fault.into_store_error("read the actor's events", self.stream()));
        }
        if !self.patience.pause().await {
            return Err(unavailable("read the actor's events up to the last", fault));
        }
        tracing::debug!(subject = self.subject, %fault, "reading the history again from {from}");
        Ok(())
    }

    fn stream(&self) -> &str {
        &self.store.names.events_stream
    }

    /// Takes in a commit: its events from the wanted version on are ready to be passed on.
    fn accept(&mut self, stored: &Stored) -> Result<(), StoreError> {
        self.verify(stored).map_err(|reason| {
            self.store
                .incarnation
                .malformed(stored.clone(), reason)
                .into()
        })
    }

    fn verify(&mut self, stored: &Stored) -> Result<(), String> {
        let span = stored.span()?;
        if span.first <= self.last {
            return Err(format!(
                "version {} after version {}",
                span.first, self.last
            ));
        }
        if span.last >= self.from {
            let commit = stored.commit(&self.actor_id)?;
            let events = commit.events.into_iter().enumerate();
            let wanted = events.filter(|(_, event)| event.version() >= self.from);
            self.ready.extend(wanted.map(|(index, event)| {
                let incarnation = self.store.incarnation;
                let position = incarnation.position(commit.sequence, index, &event);
                RecordedEvent::new(event, position)
            }));
        }
        self.last = span.last;
        Ok(())
    }
}

/// The next message from this sequence on, from the page or from a new one; none where even a
/// new page is empty.
async fn read_one(
    store: &Shared,
    subject: &str,
    from: u64,
    page_messages: u32,
    page: &mut Option<Page>,
) -> Result<Option<Stored>, Fault> {
    if let Some(open) = page
        && let Some(stored) = open.next().await?
    {
        return Ok(Some(stored));
    }
    let stream = &store.names.events_stream;
    let opened = Page::open(&store.link, stream, subject, from, page_messages).await?;
    page.insert(opened).next().await
}

/// The same after a fault: the next message by itself, if it can be had so.
///
/// That answer has the headers in base64. Within a page, headers that are none end the
/// connection, each time.
async fn read_alone(
    store: &Shared,
    subject: &str,
    from: u64,
    page_messages: u32,
    page: &mut Option<Page>,
    patience: &Patience,
) -> Result<Option<Stored>, Fault> {
    let wanted = Wanted::Next {
        seq: from,
        next_by_subj: subject,
    };
    let stream = &store.names.events_stream;
    match store.link.message(stream, &wanted, patience).await? {
        Some(stored) => Ok(Some(stored)),
        None => read_one(store, subject, from, page_messages, page).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_is_whole_with_at_least_as_many_messages_as_were_counted() {
        for (counted, given) in [(0, 0), (1, 1), (600, 600), (600, 601)] {
            assert_eq!(incomplete(counted, given), None);
        }
        for (counted, given) in [(1, 0), (600, 599)] {
            let reason = incomplete(counted, given).unwrap();
            assert!(reason.contains(&format!("counts {counted} ")), "{reason}");
            assert!(reason.contains(&format!("gives {given} ")), "{reason}");
        }
    }
}
