//! Whether what a feed gives of each actor is in order: of as many actors as are remembered.

use std::hash::BuildHasher as _;

use aether_core::Version;
use foldhash::quality::RandomState;
use quick_cache::unsync::Cache;

use crate::follow::Wrong;

/// The most actors whose last version is remembered: the least recently seen are forgotten.
const ACTORS_MAX: usize = 16_384;

/// What was given of each actor.
///
/// A feed goes through everybody's history, so it can't hold what a read of one holds. It compares
/// versions: where they fall, and where a commit says that it was stored after another one than
/// was given, is seen for those actors that are remembered. The digests are left to reads, and to
/// [`verify`](crate::JetStreamStore::verify).
#[derive(Debug)]
pub(crate) struct Order {
    /// By the hash of the subject: a clash (1 in 2^64 for each pair) would be a false report, and
    /// no loss.
    seen: Cache<u64, Seen>,
    hasher: RandomState,
    /// How many actors were remembered so far.
    actors: usize,
    /// Whether each actor's first commit is to come along, so that what is not remembered is new.
    from_first: bool,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    last: Version,
    /// Whether that is the last version of the message before: one that can't be read has others.
    exact: bool,
}

impl Order {
    /// Of a feed that begins with the very first commit of every actor, or somewhere else.
    pub(crate) fn new(from_first: bool) -> Self {
        Self {
            seen: Cache::new(ACTORS_MAX),
            hasher: RandomState::default(),
            actors: 0,
            from_first,
        }
    }

    /// A message of this actor's that can't be read.
    pub(crate) fn unreadable(&mut self, subject: &str) {
        let key = self.key(subject);
        let last = self.seen.get(&key).map_or(Version::ZERO, |seen| seen.last);
        self.remember(key, Seen { last, exact: false });
    }

    /// What is wrong with a commit of these versions, which says that it comes after `previous`;
    /// none where it does not say.
    pub(crate) fn check(
        &mut self,
        subject: &str,
        first: Version,
        last: Version,
        previous: Option<Version>,
    ) -> Option<Wrong> {
        let key = self.key(subject);
        let before = self.seen.get(&key).copied();
        let wrong = match before {
            Some(seen) if first <= seen.last => {
                let after = seen.last;
                return Some(Wrong::Falls { first, after });
            }
            Some(seen) if seen.exact => misplaced(previous, seen.last),
            Some(_) => None,
            None if self.from_first => misplaced(previous, Version::ZERO),
            None => None,
        };
        self.remember(key, Seen { last, exact: true });
        wrong
    }

    fn remember(&mut self, key: u64, seen: Seen) {
        if self.seen.get(&key).is_none() {
            self.actors += 1;
            // From now on one that is not remembered may have been forgotten.
            self.from_first &= self.actors < ACTORS_MAX / 2;
        }
        self.seen.insert(key, seen);
    }

    fn key(&self, subject: &str) -> u64 {
        self.hasher.hash_one(subject)
    }
}

fn misplaced(previous: Option<Version>, found: Version) -> Option<Wrong> {
    let says = previous?;
    (says != found).then_some(Wrong::Misplaced { says, found })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(order: &mut Order, subject: &str, commit: (u32, u32, u32)) -> Option<Wrong> {
        let (first, last, previous) = commit;
        order.check(subject, first.into(), last.into(), Some(previous.into()))
    }

    fn wrong(says: u32, found: u32) -> Option<Wrong> {
        let (says, found) = (says.into(), found.into());
        Some(Wrong::Misplaced { says, found })
    }

    #[test]
    fn commits_in_order_are_not_wrong_from_the_first_or_from_anywhere() {
        for from_first in [true, false] {
            let mut order = Order::new(from_first);
            for commit in [(1, 2, 0), (5, 5, 2), (6, 9, 5)] {
                assert_eq!(check(&mut order, "a", commit), None);
                assert_eq!(check(&mut order, "b", commit), None);
            }
        }
        let mut order = Order::new(false);
        assert_eq!(check(&mut order, "a", (5, 5, 2)), None);
        assert_eq!(check(&mut order, "a", (6, 6, 5)), None);
    }

    #[test]
    fn what_is_missing_shows_at_the_next_one() {
        let mut order = Order::new(false);
        assert_eq!(check(&mut order, "a", (1, 1, 0)), None);
        assert_eq!(check(&mut order, "a", (3, 3, 2)), wrong(2, 1));
        assert_eq!(check(&mut order, "a", (4, 4, 3)), None);
        // The first of all is missed by who has begun there, and by nobody else.
        let mut order = Order::new(true);
        assert_eq!(check(&mut order, "b", (2, 2, 1)), wrong(1, 0));
        assert_eq!(check(&mut order, "b", (3, 3, 2)), None);
    }

    #[test]
    fn versions_that_fall_are_wrong_and_are_not_remembered() {
        let mut order = Order::new(false);
        assert_eq!(check(&mut order, "a", (4, 6, 0)), None);
        let (first, after) = (6.into(), 6.into());
        let falls = Some(Wrong::Falls { first, after });
        assert_eq!(check(&mut order, "a", (6, 9, 5)), falls);
        assert_eq!(check(&mut order, "a", (7, 7, 6)), None);
    }

    #[test]
    fn after_what_can_not_be_read_only_falling_versions_show() {
        let mut order = Order::new(true);
        assert_eq!(check(&mut order, "a", (1, 1, 0)), None);
        order.unreadable("a");
        assert_eq!(check(&mut order, "a", (5, 5, 4)), None);
        assert_eq!(check(&mut order, "a", (6, 6, 5)), None);
        order.unreadable("b");
        assert_eq!(check(&mut order, "b", (7, 7, 6)), None);
    }

    #[test]
    fn commits_without_links_are_only_looked_at_for_rising_versions() {
        let mut order = Order::new(true);
        assert_eq!(order.check("a", 3.into(), 4.into(), None), None);
        assert_eq!(order.check("a", 9.into(), 9.into(), None), None);
        assert!(order.check("a", 9.into(), 9.into(), None).is_some());
    }

    #[test]
    fn among_more_actors_than_are_remembered_nothing_is_reported_that_is_right() {
        let mut order = Order::new(true);
        let actors = u32::try_from(ACTORS_MAX).unwrap() * 3;
        for round in 0..2 {
            for actor in 0..actors {
                let commit = (round + 1, round + 1, round);
                assert_eq!(check(&mut order, &actor.to_string(), commit), None);
            }
        }
        assert!(order.seen.len() <= ACTORS_MAX);
    }
}
