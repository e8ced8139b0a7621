//! An actor's commits by their places, which later commits tell.
//!
//! Where a history lies thin in a large stream, reading it by subject costs a look at what lies
//! between: the server goes from message to message. By their places its messages cost what they
//! cost, all at once, whatever else is in the stream.
//!
//! # Why nothing is lost by it
//!
//! A place is only a hint. Any replica may answer, since a message that was stored does not
//! change; each is compared with what the next one says of it, its digest included
//! ([`Follower`](crate::follow::Follower)), up to the newest message, which was read first. What
//! is missing, is another's, does not follow, or does not say what it follows ends the trail. The
//! rest is then read by the subject ([`Scan`](crate::scan::Scan)), from behind the last message
//! that did follow, with which the next one is compared, and up to the newest that was seen: what
//! was passed on and turns out to be wrong is reported there, and an end that has gone is missed.

use std::pin::Pin;

use aether_core::Version;
use futures_util::{Stream, StreamExt as _};

use crate::chain::{Link, PREDECESSORS_MAX};
use crate::errors::Fault;
use crate::link::Wanted;
use crate::message::{Stored, StoredCommit};
use crate::patience::Patience;
use crate::server::Server as _;
use crate::store::Shared;

/// How many messages are asked for at once.
const AT_ONCE: usize = 64;
/// About how many bytes of them.
const BYTES_AT_ONCE: usize = 4 << 20;
/// With at most so many other messages between two of the actor's, a page of a search by subject
/// is faster than messages one by one.
const DENSE: u64 = 128;
/// The most places that are held in memory.
const PLACES_MAX: usize = 1 << 16;

/// The places of an actor's commits before the newest one, the newest first: of those with the
/// versions from `from` on, and of some before them. None where the commits don't tell, and where
/// another way is better.
///
/// A commit tells the last 32 places before it. For a longer history the oldest of them is read,
/// which tells the next ones, and so on.
pub(crate) async fn places(
    store: &Shared,
    subject: &str,
    tail: &StoredCommit,
    from: Version,
    patience: &mut Patience,
) -> Option<Vec<u64>> {
    let mut places: Vec<u64> = Vec::new();
    let mut teller = (tail.sequence, tail.link.clone()?);
    while let (sequence, Link::After(before)) = teller {
        // Each commit has one version at least. One more shows what the oldest of them follows.
        let wanted = (before.version.get() + 2)
            .saturating_sub(from.get().max(1))
            .max(1);
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        // In a copy of a stream the places are others, some of them such as can't be.
        if before
            .sequences
            .first()
            .is_none_or(|newest| *newest >= sequence)
        {
            return None;
        }
        let told = before.sequences.len();
        places.extend(before.sequences.into_iter().take(wanted));
        let Some(oldest) = places.last().copied() else {
            break;
        };
        if wanted <= told || told < PREDECESSORS_MAX {
            break;
        }
        let apart = (tail.sequence - oldest) / places.len() as u64;
        if apart <= DENSE || places.len() >= PLACES_MAX {
            return None;
        }
        let stored = at(store.clone(), oldest).await.ok()??;
        if stored.subject.as_str() != subject {
            return None;
        }
        patience.renew();
        teller = (oldest, stored.link().ok()??);
    }
    Some(places)
}

/// The messages at the places of an actor's commits, while they arrive.
///
/// Dropping it leaves nothing behind: what was asked for arrives, and nobody takes it.
pub(crate) struct Trail {
    messages: Pin<Box<dyn Stream<Item = Result<Option<Stored>, Fault>> + Send>>,
    subject: String,
}

impl Trail {
    /// Those at these places, of which the newest is the first, and then the tail; the oldest is
    /// not read again where it is the subject's first, which was read.
    pub(crate) fn along(
        store: &Shared,
        mut places: Vec<u64>,
        first: Option<Stored>,
        tail: Stored,
    ) -> Self {
        let subject = tail.subject.to_string();
        let oldest = first.filter(|first| places.last() == Some(&first.sequence));
        if oldest.is_some() {
            places.pop();
        }
        // A message has a header block besides.
        let size = tail.body.len() + 1_024;
        let at_once = (BYTES_AT_ONCE / size).clamp(1, AT_ONCE);
        let store = store.clone();
        let before = futures_util::stream::iter(places.into_iter().rev())
            .map(move |place| at(store.clone(), place))
            .buffered(at_once);
        let known = |stored: Option<Stored>| {
            futures_util::stream::iter(stored.into_iter().map(|stored| Ok(Some(stored))))
        };
        Self {
            messages: Box::pin(known(oldest).chain(before).chain(known(Some(tail)))),
            subject,
        }
    }

    /// The next message, the oldest first.
    ///
    /// # Errors
    ///
    /// Where nothing of the actor's is at the place, and where it can't be had.
    pub(crate) async fn next(&mut self) -> Option<Result<Stored, Fault>> {
        Some(match self.messages.next().await? {
            Ok(Some(stored)) if stored.subject.as_str() == self.subject => Ok(stored),
            Ok(_) => Err(Fault::Garbled(
                "no commit of the actor's is where one was stored".into(),
            )),
            Err(fault) => Err(fault),
        })
    }
}

/// The message at a place. A replica that does not give it may not have it yet, so the leader is
/// asked then.
async fn at(store: Shared, place: u64) -> Result<Option<Stored>, Fault> {
    let wanted = Wanted::At { seq: place };
    let patience = store.ledger.patience();
    match store.server.direct(&wanted, &patience).await {
        Ok(Some(stored)) => Ok(Some(stored)),
        Ok(None) | Err(_) => store.server.message(wanted, &patience).await,
    }
}
