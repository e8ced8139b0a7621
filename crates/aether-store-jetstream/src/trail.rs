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

use std::future::ready;

use aether_core::Version;
use futures_util::future::{BoxFuture, FutureExt as _, join_all};
use futures_util::stream::{FuturesOrdered, StreamExt as _};

use crate::batch_get::{BatchRequest, PAGE_BYTES};
use crate::chain::{Link, PREDECESSORS_MAX};
use crate::direct_get::{NATS_NUM_PENDING, number};
use crate::errors::Fault;
use crate::link::Wanted;
use crate::message::{Stored, StoredCommit};
use crate::patience::Patience;
use crate::server::{JetStream, Server as _};
use crate::server_version::ServerVersion;
use crate::store::Shared;

/// How many messages are asked for at once.
const AT_ONCE: usize = 64;
/// About how many bytes of them.
const BYTES_AT_ONCE: usize = 4 << 20;
/// With at most so many other messages between two of the actor's, a page of a search by subject
/// is faster than messages one by one.
const DENSE: u64 = 128;
/// The most messages that are read before their size is known.
const AHEAD_MAX: usize = 16;
/// How often a version is looked for.
const PROBES_MAX: u32 = 6;
/// So many versions before the one that is looked for are near enough.
const NEAR: u64 = 256;
/// How often replicas are asked to count.
const COUNTED_TIMES: u32 = 4;
/// From this version on servers count what is left of a batch behind the message that they give.
const BATCHES_COUNT: ServerVersion = ServerVersion::new(2, 12, 0);
/// The most places that are held in memory.
const PLACES_MAX: usize = 1 << 16;

/// The places of an actor's commits before the newest one, the newest first: of those with the
/// versions from `from` on, and it may be of some before them. None where the commits don't tell, and where
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
        // Each commit has one version at least. What the oldest of them follows, below the versions
        // that are asked for, matters to nobody.
        let wanted = (before.version.get() + 1).saturating_sub(from.get().max(1));
        if wanted == 0 {
            break;
        }
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

/// The first message on a subject from a sequence on, from any replica.
pub(crate) struct First {
    pub(crate) stored: Stored,
    /// How many there are after it, damaged ones included; of a server before 2.12 one more, as it
    /// counts the message itself. Which server answered is not known.
    pub(crate) left: u64,
}

impl First {
    /// None where it is not to be had at once.
    pub(crate) async fn from(
        store: &Shared,
        subject: &str,
        sequence: u64,
        patience: &Patience,
    ) -> Option<Self> {
        // Of a batch the server says how many are left. What ends it goes to nobody.
        let wanted = BatchRequest {
            batch: 1,
            max_bytes: PAGE_BYTES,
            seq: sequence,
            next_by_subj: subject,
        };
        let stored = store.server.direct(&wanted, patience).await.ok()??;
        let left = number(&stored.headers, NATS_NUM_PENDING).ok()?;
        Some(Self { stored, left })
    }

    /// How many there are from it on: between these, and most likely the latter.
    pub(crate) fn counted(&self, server: &JetStream) -> Counted {
        Counted {
            least: self.left,
            likely: self.left + u64::from(!Self::counts_itself(server)),
        }
    }

    /// Whether the server that we are connected to counts the message that it gives among those
    /// that are left. Another one of its cluster may answer.
    pub(crate) fn counts_itself(server: &JetStream) -> bool {
        server.is_before(BATCHES_COUNT)
    }
}

/// How many messages there are, as far as that is known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counted {
    pub(crate) least: u64,
    /// Fewer are a reason to ask again.
    pub(crate) likely: u64,
}

impl Counted {
    pub(crate) fn exactly(count: u64) -> Self {
        Self {
            least: count,
            likely: count,
        }
    }
}

/// How many messages there are on a subject from one of them to another; none where that is not to
/// be had.
///
/// However many there are behind the later one, and whether the server counts the one that it gives
/// or not: it does the same with both. Of several replicas two may answer that count differently,
/// so that they are asked a few times, and the least is taken.
pub(crate) async fn count_between(
    store: &Shared,
    subject: &str,
    (first, last): (u64, u64),
    patience: &Patience,
) -> Option<u64> {
    let times = match store.ledger.replicated {
        true => COUNTED_TIMES,
        false => 1,
    };
    let mut least = None;
    for _ in 0..times {
        let (from, to) = tokio::join!(
            First::from(store, subject, first, patience),
            First::from(store, subject, last, patience),
        );
        let (Some(from), Some(to)) = (from, to) else {
            continue;
        };
        if to.stored.sequence == last {
            let between = (from.left + 1).saturating_sub(to.left);
            least = Some(least.map_or(between, |least: u64| least.min(between)));
        }
    }
    least
}

/// A message not far before the version `from` of a history that is too dense to go along its
/// places, and how many there are from it on; none where it is not found at once.
///
/// It is looked for where it would be if the versions were evenly spread, and between what was
/// found, a few times. What is found too early is read for nothing, and is no error.
pub(crate) async fn covering(
    store: &Shared,
    subject: &str,
    tail: &StoredCommit,
    from: Version,
    patience: &mut Patience,
) -> Option<(u64, Counted)> {
    let told = tail.link.as_ref()?.sequences();
    let apart = (tail.sequence - told.last()?) / told.len() as u64;
    // A commit has one version at least, so this is far enough back if they are so far apart there.
    let back = (tail.last().get() + 1).saturating_sub(from.get());
    let mut guess = tail
        .sequence
        .saturating_sub(back.saturating_mul(apart + 1))
        .max(1);
    let mut above = (tail.sequence, tail.first().get());
    let mut best: Option<(u64, u64, Counted)> = None;
    for _ in 0..PROBES_MAX {
        let found = First::from(store, subject, guess, patience).await?;
        patience.renew();
        let (sequence, span) = (found.stored.sequence, found.stored.span().ok()?);
        let first = span.first.get();
        if span.first <= from {
            if best.is_none_or(|(before, ..)| before < sequence) {
                best = Some((sequence, first, found.counted(&store.server)));
            }
            if from.get() - first <= NEAR {
                break;
            }
        } else {
            above = (sequence, first);
        }
        let (below, version) = best.map_or((0, 0), |(sequence, first, _)| (sequence, first));
        // Where it would be if the versions were evenly spread, and a little before.
        let way = u128::from(above.0.saturating_sub(below));
        let share = way * u128::from(from.get() - version) / u128::from((above.1 - version).max(1));
        let share = u64::try_from(share).unwrap_or(0);
        guess = below + share.saturating_sub(NEAR / 2).max(1);
        if guess >= above.0 {
            break;
        }
    }
    best.map(|(sequence, _, counted)| (sequence, counted))
}

/// The messages at places where some are expected to be, all at once, as far as any replica gives
/// them; none of so many that they might be large. It saves a round trip where they are right.
pub(crate) async fn ahead(store: &Shared, places: Vec<u64>, patience: &Patience) -> Vec<Stored> {
    if places.len() > AHEAD_MAX {
        return Vec::new();
    }
    let gets = places.into_iter().map(|place| async move {
        let wanted = Wanted::At { seq: place };
        let stored = store.server.direct(&wanted, patience).await;
        stored.ok().flatten()
    });
    join_all(gets).await.into_iter().flatten().collect()
}

/// The messages at the places of an actor's commits, while they arrive.
///
/// Dropping it leaves nothing behind: what was asked for arrives, and nobody takes it.
pub(crate) struct Trail {
    store: Shared,
    subject: String,
    /// What was not asked for yet, the next one last.
    places: Vec<u64>,
    /// What was read before, in no order.
    read: Vec<Stored>,
    /// What was asked for, the next one first.
    asked: FuturesOrdered<BoxFuture<'static, Result<Option<Stored>, Fault>>>,
    tail: Option<Stored>,
    /// The size of the largest message so far, at least of the tail.
    largest: usize,
    /// Whether a message before the tail has shown about how large they are.
    is_known: bool,
}

impl Trail {
    /// Those at these places, of which the newest is the first, and then the tail. What was read
    /// ahead, or as the subject's first message, is not read again.
    pub(crate) fn along(
        store: &Shared,
        places: Vec<u64>,
        first: Option<Stored>,
        mut ahead: Vec<Stored>,
        tail: Stored,
    ) -> Self {
        ahead.extend(first);
        Self {
            store: store.clone(),
            subject: tail.subject.to_string(),
            places,
            read: ahead,
            asked: FuturesOrdered::new(),
            largest: size_of(&tail),
            is_known: false,
            tail: Some(tail),
        }
    }

    /// How many messages are asked for at once: fewer where they are large, and before any but the
    /// tail has shown its size.
    fn at_once(&self) -> usize {
        at_once(self.largest, self.is_known)
    }

    /// Asks for as many as may be under way.
    fn ask(&mut self) {
        while self.asked.len() < self.at_once() {
            let Some(place) = self.places.pop() else {
                return;
            };
            let read = self.read.iter().position(|read| read.sequence == place);
            self.asked.push_back(match read {
                Some(index) => ready(Ok(Some(self.read.swap_remove(index)))).boxed(),
                None => at(self.store.clone(), place).boxed(),
            });
        }
    }

    /// The next message, the oldest first.
    ///
    /// # Errors
    ///
    /// Where nothing of the actor's is at the place, and where it can't be had.
    pub(crate) async fn next(&mut self) -> Option<Result<Stored, Fault>> {
        self.ask();
        let answer = match self.asked.next().await {
            Some(answer) => answer,
            None => Ok(Some(self.tail.take()?)),
        };
        Some(match answer {
            Ok(Some(stored)) if stored.subject.as_str() == self.subject => {
                self.largest = self.largest.max(size_of(&stored));
                self.is_known = true;
                Ok(stored)
            }
            Ok(_) => Err(Fault::Garbled(
                "no commit of the actor's is where one was stored".into(),
            )),
            Err(fault) => Err(fault),
        })
    }
}

/// How many messages of this size are asked for at once; of one that says little of the others,
/// fewer.
fn at_once(size: usize, is_known: bool) -> usize {
    let most = match is_known {
        true => AT_ONCE,
        false => AHEAD_MAX,
    };
    (BYTES_AT_ONCE / size).clamp(1, most)
}

/// About how many bytes of memory it takes: it has a header block besides.
fn size_of(stored: &Stored) -> usize {
    stored.body.len() + 1_024
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_asked_for_at_once_as_their_size_allows() {
        for (size, is_known, expected) in [
            (1_024, false, AHEAD_MAX),
            (1_024, true, AT_ONCE),
            (BYTES_AT_ONCE / 10, true, 10),
            (BYTES_AT_ONCE / 10, false, 10),
            (BYTES_AT_ONCE * 2, true, 1),
            (usize::MAX, false, 1),
        ] {
            assert_eq!(at_once(size, is_known), expected);
        }
    }
}
