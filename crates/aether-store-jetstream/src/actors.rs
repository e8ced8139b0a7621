//! What a process remembers of actors, and how its own writers of one actor take turns.
//!
//! # Why it is right
//!
//! What is remembered is a lower bound: [`observe`](Actors::observe) never puts an older head in
//! the place of a newer one, and nothing else is put there. It is bounded, and what was forgotten is
//! read again.
//!
//! A turn keeps writers of this process from refusing one another. Nothing rests on it but speed
//! and the order of notices: between processes only the server's compare-and-set decides. Whoever
//! waits for a turn, or has it, holds an `Arc` of the actor's lock; whoever lets go of it looks
//! afterwards, under the shard's mutex, where nobody can take another, whether the table has the
//! only one left, and removes it. A future that is dropped while it waits lets go in the same way.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::BuildHasher as _;
use std::sync::Arc;

use aether_core::{ActorId, Version};
use foldhash::fast::RandomState;
use parking_lot::Mutex;
use quick_cache::UnitWeighter;
use quick_cache::unsync::{Cache, DefaultLifecycle};

use crate::head::Head;

/// How many mutexes the actors are spread over.
const SHARDS: usize = 16;

/// What is known of an actor.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// The newest commit that was seen.
    pub(crate) head: Option<Arc<Head>>,
    /// A version that somebody says is stored; nothing is concluded from it.
    pub(crate) hint: Option<Version>,
}

impl Known {
    /// Whether somebody says that there is more than was seen.
    pub(crate) fn is_outdated(&self) -> bool {
        self.hint.is_some_and(|hint| self.version() < hint)
    }

    fn version(&self) -> Version {
        self.head
            .as_ref()
            .map_or(Version::ZERO, |head| head.version)
    }
}

/// What is known of many actors, and whose turn it is.
#[derive(Debug)]
pub(crate) struct Actors {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
}

/// The least recently used are forgotten first.
type Memory = Cache<ActorId, Known, UnitWeighter, RandomState, DefaultLifecycle<ActorId, Known>>;

struct Shard {
    /// None where nothing is to be remembered.
    known: Option<Memory>,
    turns: HashMap<ActorId, Arc<tokio::sync::Mutex<()>>, RandomState>,
}

impl std::fmt::Debug for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shard").finish_non_exhaustive()
    }
}

impl Actors {
    /// Remembers about as many actors as this; 0 remembers nothing.
    pub(crate) fn new(capacity: usize) -> Self {
        let hasher = RandomState::default();
        let shard = || Shard {
            known: (capacity > 0).then(|| {
                let capacity = capacity.div_ceil(SHARDS);
                Cache::with(
                    capacity,
                    capacity as u64,
                    UnitWeighter,
                    RandomState::default(),
                    DefaultLifecycle::default(),
                )
            }),
            turns: HashMap::default(),
        };
        Self {
            shards: (0..SHARDS).map(|_| Mutex::new(shard())).collect(),
            hasher,
        }
    }

    fn shard(&self, actor_id: &ActorId) -> &Mutex<Shard> {
        // The tables within a shard have hashers of their own.
        let hash = self.hasher.hash_one(actor_id.as_str());
        &self.shards[usize::try_from(hash % SHARDS as u64).unwrap_or(0)]
    }

    /// What is known of an actor.
    pub(crate) fn known(&self, actor_id: &ActorId) -> Known {
        let shard = self.shard(actor_id).lock();
        let known = shard.known.as_ref().and_then(|known| known.get(actor_id));
        known.cloned().unwrap_or_default()
    }

    /// This commit was seen to be stored: it is the newest, or was.
    pub(crate) fn observe(&self, actor_id: &ActorId, mut head: Head) -> Arc<Head> {
        let mut shard = self.shard(actor_id).lock();
        let Some(cache) = &mut shard.known else {
            return Arc::new(head);
        };
        let known = cache.get(actor_id).cloned().unwrap_or_default();
        let head = match known.head {
            // One that is later and has no higher version is of another history, and so is another
            // one in the same place.
            Some(known)
                if known.sequence() > head.sequence()
                    || (known.sequence() < head.sequence() && known.version >= head.version)
                    || (known.sequence() == head.sequence() && known.digest != head.digest) =>
            {
                return known;
            }
            Some(older) => {
                head.remember(&older);
                Arc::new(head)
            }
            None => Arc::new(head),
        };
        let known = Known {
            head: Some(head.clone()),
            hint: known.hint.filter(|hint| *hint > head.version),
        };
        cache.insert(actor_id.clone(), known);
        head
    }

    /// Somebody says that this version is stored.
    pub(crate) fn hint(&self, actor_id: &ActorId, version: Version) {
        let mut shard = self.shard(actor_id).lock();
        let Some(cache) = &mut shard.known else {
            return;
        };
        let mut known = cache.get(actor_id).cloned().unwrap_or_default();
        known.hint = known.hint.max(Some(version));
        if known.is_outdated() {
            cache.insert(actor_id.clone(), known);
        }
    }

    /// What somebody said was looked into, and is not so, or no longer of use.
    pub(crate) fn drop_hint(&self, actor_id: &ActorId) {
        let mut shard = self.shard(actor_id).lock();
        let cache = shard.known.as_mut();
        if let Some(mut known) = cache.and_then(|cache| cache.get_mut(actor_id)) {
            known.hint = None;
        }
    }

    /// Waits until no other writer of this process has the actor's turn, in the order of arrival.
    ///
    /// Dropping the future gives up the place.
    pub(crate) async fn turn(&self, actor_id: &ActorId) -> Turn<'_> {
        let (place, lock) = self.place(actor_id);
        let guard = lock.lock_owned().await;
        Turn {
            _guard: guard,
            _place: place,
        }
    }

    /// The same where nobody has to be waited for.
    pub(crate) fn turn_now(&self, actor_id: &ActorId) -> Option<Turn<'_>> {
        let (place, lock) = self.place(actor_id);
        let guard = lock.try_lock_owned().ok()?;
        Some(Turn {
            _guard: guard,
            _place: place,
        })
    }

    fn place(&self, actor_id: &ActorId) -> (Place<'_>, Arc<tokio::sync::Mutex<()>>) {
        let shard = self.shard(actor_id);
        let lock = match shard.lock().turns.entry(actor_id.clone()) {
            Entry::Occupied(entry) => entry.get().clone(),
            Entry::Vacant(entry) => entry.insert(Arc::default()).clone(),
        };
        let place = Place {
            shard,
            actor_id: actor_id.clone(),
        };
        (place, lock)
    }

    #[cfg(test)]
    fn places(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| shard.lock().turns.len())
            .sum()
    }
}

/// The turn of one writer: nobody else of this process writes to this actor meanwhile.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    // Dropped in this order: the next one may go, its lock is let go of, and then the place is
    // given up.
    _guard: tokio::sync::OwnedMutexGuard<()>,
    _place: Place<'a>,
}

/// A place among those who wait for, or have, an actor's turn.
#[derive(Debug)]
struct Place<'a> {
    shard: &'a Mutex<Shard>,
    actor_id: ActorId,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut shard = self.shard.lock();
        // Who leaves has let go of the lock before: of two at once the second sees that nobody
        // has it but the table. Under the mutex nobody comes.
        let last = shard.turns.get(&self.actor_id);
        if last.is_some_and(|lock| Arc::strong_count(lock) == 1) {
            shard.turns.remove(&self.actor_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use aether_core::EventDraft;

    use super::*;
    use crate::chain::Digest;

    fn actor(id: &str) -> ActorId {
        ActorId::new(id).unwrap()
    }

    fn head(sequence: u64) -> Head {
        let draft = EventDraft::new(&actor("order-1"), "Happened", &()).unwrap();
        let event = draft.at(Version::new(sequence).unwrap()).unwrap();
        let digest = Digest::over(std::iter::empty(), &sequence.to_be_bytes());
        Head::after(None, sequence, digest, &[event])
    }

    /// Many times: two that leave at once may each take the other for one who stays.
    #[test]
    fn nobody_leaves_a_place_behind() {
        let actors = Actors::new(0);
        let meet = std::sync::Barrier::new(2);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread();
                    let runtime = { runtime }.build().unwrap();
                    for number in 0..20_000 {
                        let id = actor(&format!("order-{number}"));
                        meet.wait();
                        drop(runtime.block_on(actors.turn(&id)));
                    }
                });
            }
        });
        assert_eq!(actors.places(), 0);
    }

    #[test]
    fn another_commit_in_the_place_of_a_known_one_does_not_take_it() {
        let actors = Actors::new(100);
        let id = actor("order-1");
        let known = actors.observe(&id, head(5));
        let draft = EventDraft::new(&id, "Happened", &()).unwrap();
        let event = draft.at(Version::from(3)).unwrap();
        let digest = Digest::over(std::iter::empty(), b"another");
        let another = Head::after(None, 5, digest, &[event]);
        assert_eq!(actors.observe(&id, another), known);
        assert_eq!(actors.known(&id).head, Some(known));
    }

    #[test]
    fn what_is_remembered_never_goes_back() {
        let actors = Actors::new(100);
        let id = actor("order-1");
        assert!(actors.known(&id).head.is_none());
        for (seen, newest) in [(5, 5), (3, 5), (8, 8), (7, 8)] {
            assert_eq!(actors.observe(&id, head(seen)).sequence(), newest);
            let known = actors.known(&id).head.unwrap();
            assert_eq!(known.sequence(), newest);
        }
        assert!(actors.known(&actor("order-2")).head.is_none());
        let digest = Digest::over(std::iter::empty(), b"another history");
        let draft = EventDraft::new(&id, "Happened", &()).unwrap();
        let falls = Head::after(None, 9, digest, &[draft.at(8.into()).unwrap()]);
        assert_eq!(actors.observe(&id, falls).sequence(), 8);
    }

    #[test]
    fn a_hint_counts_until_something_as_new_was_seen() {
        let actors = Actors::new(100);
        let id = actor("order-1");
        actors.observe(&id, head(5));
        actors.hint(&id, 4.into());
        assert!(!actors.known(&id).is_outdated());
        actors.hint(&id, 7.into());
        actors.hint(&id, 6.into());
        assert_eq!(actors.known(&id).hint, Some(7.into()));
        actors.observe(&id, head(6));
        assert!(actors.known(&id).is_outdated());
        actors.observe(&id, head(7));
        assert!(!actors.known(&id).is_outdated());
        actors.hint(&id, 9.into());
        actors.drop_hint(&id);
        assert!(!actors.known(&id).is_outdated());
        assert_eq!(actors.known(&id).head.unwrap().sequence(), 7);
        // Of an actor that was never seen.
        let other = actor("order-2");
        actors.hint(&other, 1.into());
        assert!(actors.known(&other).is_outdated());
    }

    #[test]
    fn no_more_is_remembered_than_was_asked_for() {
        let actors = Actors::new(64);
        let ids: Vec<ActorId> = (0..1_000).map(|n| actor(&format!("order-{n}"))).collect();
        for id in &ids {
            actors.observe(id, head(1));
        }
        let known = ids.iter().filter(|id| actors.known(id).head.is_some());
        assert!((1..=64 + SHARDS).contains(&known.count()));

        let none = Actors::new(0);
        assert_eq!(none.observe(&ids[0], head(1)).sequence(), 1);
        none.hint(&ids[0], 1.into());
        none.drop_hint(&ids[0]);
        assert!(none.known(&ids[0]).head.is_none());
    }

    #[tokio::test]
    async fn writers_of_one_actor_take_turns_and_others_do_not_wait() {
        let actors = Arc::new(Actors::new(0));
        let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let held = actors.turn(&actor("order-2")).await;
        let writers: Vec<_> = (0..50)
            .map(|_| {
                let (actors, inside, most) = (actors.clone(), inside.clone(), most.clone());
                tokio::spawn(async move {
                    let _turn = actors.turn(&actor("order-1")).await;
                    let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
                    most.fetch_max(now, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    inside.fetch_sub(1, Ordering::SeqCst);
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        assert_eq!(most.load(Ordering::SeqCst), 1);
        assert_eq!(actors.places(), 1);
        drop(held);
        assert_eq!(actors.places(), 0);
    }

    #[tokio::test]
    async fn who_stops_waiting_leaves_nothing_behind_and_lets_the_next_one_go() {
        let actors = Actors::new(0);
        let id = actor("order-1");
        let held = actors.turn(&id).await;
        let mut waiting = Box::pin(actors.turn(&id));
        let mut next = Box::pin(actors.turn(&id));
        for future in [&mut waiting, &mut next] {
            assert!(futures_util::poll!(future).is_pending());
        }
        drop(waiting);
        drop(held);
        drop(next.await);
        assert_eq!(actors.places(), 0);

        // The one who waits is dropped after the one who had the turn is gone.
        let held = actors.turn(&id).await;
        let mut waiting = Box::pin(actors.turn(&id));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        drop(held);
        assert_eq!(actors.places(), 1);
        drop(waiting);
        assert_eq!(actors.places(), 0);
    }
}
