//! What is known of an actor's newest commit: enough to write the next one after it.
//!
//! A head is a lower bound. Others may have written since, and nobody tells us; the server's
//! compare-and-set does, when something is written.

use aether_core::{Event, EventId, Version};

use crate::chain::{Digest, Link, PREDECESSORS_MAX, Predecessor};
use crate::message::StoredCommit;

/// The most events of a commit whose ids are remembered; who asks for others has to read.
const IDS_MAX: usize = 64;

/// An actor's newest commit, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// Of its last event.
    pub(crate) version: Version,
    /// The last version of the commit before; its own first is where that is not known.
    before: Before,
    pub(crate) digest: Digest,
    recent: Recent,
    trail: Trail,
}

/// Whether it is known where the commits before are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trail {
    /// As the commits say.
    Said,
    /// They say that those before are where they can't be, as in a copy of a stream, which gives
    /// messages other sequences.
    Astray,
    /// They were looked for.
    Found,
}

/// Where the versions begin that the newest commit covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// After this version: the one that the commit before ends with.
    Ends(Version),
    /// At this version: the commit does not say what was before.
    Begins(Version),
}

impl Head {
    /// Of a commit that was read.
    pub(crate) fn of(commit: &StoredCommit) -> Self {
        let link = commit.link.as_ref();
        let places = link.map_or(&[][..], Link::sequences);
        let astray = places
            .first()
            .is_some_and(|place| *place >= commit.sequence);
        let places = if astray { &[][..] } else { places };
        Self {
            version: commit.last(),
            before: match link {
                Some(link) => Before::Ends(link.previous()),
                None => Before::Begins(commit.first()),
            },
            digest: commit.digest,
            recent: Recent::new(commit.sequence, &commit.events, places),
            trail: if astray { Trail::Astray } else { Trail::Said },
        }
    }

    /// Of these events, stored with this sequence after what `base` knew.
    pub(crate) fn after(
        base: Option<&Self>,
        sequence: u64,
        digest: Digest,
        events: &[Event],
    ) -> Self {
        let version = events.last().map_or(Version::ZERO, Event::version);
        Self {
            version,
            before: Before::Ends(base.map_or(Version::ZERO, |base| base.version)),
            digest,
            recent: Recent::after(base.map(|base| &base.recent), sequence, events),
            trail: base.map_or(Trail::Said, |base| base.trail),
        }
    }

    /// Whether it is not known where the commits before are.
    pub(crate) fn is_astray(&self) -> bool {
        self.trail == Trail::Astray
    }

    /// Whether this is one of the places of the recent commits.
    pub(crate) fn has_place(&self, sequence: u64) -> bool {
        self.recent.sequences.contains(&sequence)
    }

    /// Whether these commits, which were found at places of recent ones, are the recent ones.
    ///
    /// Each says where the one before it was when it was stored. Two commits don't follow the
    /// same one, so one that names the next of the places is the one that was meant.
    pub(crate) fn confirms(&self, found: &[StoredCommit]) -> bool {
        let places = &self.recent.sequences;
        found.iter().all(|commit| {
            let link = commit.link.as_ref();
            let says = link.and_then(|link| link.sequences().first());
            let index = places.iter().position(|place| *place == commit.sequence);
            match index.map(|index| places.get(index + 1)) {
                None => false,
                Some(Some(next)) => says == Some(next),
                // There may be one before it whose place is not known. Who comes after it knows
                // it by its digest.
                Some(None) => {
                    says.is_none()
                        || found.iter().any(|after| {
                            matches!(&after.link, Some(Link::After(link))
                                if link.digest == commit.digest)
                        })
                }
            }
        })
    }

    /// These places, with the one that is needed to [confirm](Self::confirms) the oldest.
    pub(crate) fn with_witness(&self, places: &[u64]) -> Vec<u64> {
        let mut places = places.to_vec();
        if let [.., witness, last] = self.recent.sequences[..]
            && self.recent.sequences.len() == PREDECESSORS_MAX
            && places.contains(&last)
            && !places.contains(&witness)
            && witness != self.sequence()
        {
            places.push(witness);
        }
        places
    }

    /// Takes these for the commits before, the oldest first, instead of what it knew of them.
    pub(crate) fn relocate(&mut self, before: &[StoredCommit]) {
        let newest = self.recent.commits().next();
        let (sequence, ids) = newest.map_or((0, Vec::new()), |(at, ids)| (at, ids.to_vec()));
        let places: Vec<u64> = before.iter().rev().map(|commit| commit.sequence).collect();
        self.recent = Recent::new(sequence, &[], &places);
        self.recent.fill(sequence, &ids);
        for commit in before {
            self.examined(commit);
        }
        self.trail = Trail::Found;
    }

    /// The stream sequence of the commit.
    pub(crate) fn sequence(&self) -> u64 {
        self.recent.sequences.first().copied().unwrap_or(0)
    }

    /// What the next commit says of this one.
    pub(crate) fn link(&self) -> Link {
        Link::After(Predecessor {
            version: self.version,
            digest: self.digest,
            sequences: self.recent.sequences.clone(),
        })
    }

    /// Takes over what another head knew, one of the same commit or of one before it.
    ///
    /// A commit says less than is known where its writer had gone astray: so what the other knows
    /// beyond that is taken over as well, or that it knows of nothing beyond.
    pub(crate) fn remember(&mut self, older: &Self) {
        self.recent.learn(&older.recent);
        if self.trail != Trail::Found {
            self.recent.extend(&older.recent);
            self.trail = match (self.trail, older.trail) {
                (_, Trail::Found) | (Trail::Said, Trail::Said) => older.trail,
                (Trail::Astray, _) | (_, Trail::Astray) => Trail::Astray,
                (Trail::Found, _) => Trail::Found,
            };
        }
    }

    /// Writes down the ids of the commit with this sequence.
    pub(crate) fn examined(&mut self, commit: &StoredCommit) {
        self.recent.examined(commit.sequence, &commit.events);
    }

    /// The recent commits of which the ids are not known.
    #[cfg(test)]
    pub(crate) fn unexamined(&self) -> Vec<u64> {
        let recent = &self.recent;
        let counts = recent.sequences.iter().zip(&recent.counts);
        counts
            .filter(|(_, count)| **count == 0)
            .map(|(sequence, _)| *sequence)
            .collect()
    }

    /// The recent commits that may have an event with one of these ids: those that have, by
    /// their hash, and those that are not known.
    pub(crate) fn may_have<'i>(&self, ids: impl Iterator<Item = &'i EventId>) -> Vec<u64> {
        let hashes: Vec<u64> = ids.map(hash).collect();
        self.recent
            .commits()
            .filter(|(_, known)| known.is_empty() || known.iter().any(|id| hashes.contains(id)))
            .map(|(sequence, _)| sequence)
            .collect()
    }

    /// Whether these events, by rising version, are certainly not stored, though none of their
    /// versions is above the newest: the newest commit covers all of them and has none of their
    /// ids. Costs no look at the server.
    pub(crate) fn rules_out(&self, offered: &[Event]) -> bool {
        let (Some(first), Some(last)) = (offered.first(), offered.last()) else {
            return false;
        };
        let covered = match self.before {
            Before::Ends(version) => first.version() > version,
            Before::Begins(version) => first.version() >= version,
        };
        let newest = self.recent.commits().next();
        let known = newest.map_or(&[][..], |(_, ids)| ids);
        covered
            && last.version() <= self.version
            && !known.is_empty()
            && offered
                .iter()
                .all(|event| !known.contains(&hash(event.id())))
    }
}

/// The newest commits of an actor: where they are, and which events are in them.
///
/// Ids are kept as hashes. A hash that is not there proves that the id is not; one that is there
/// is a reason to read the commit.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Recent {
    /// The newest first; at most [`PREDECESSORS_MAX`].
    sequences: Vec<u64>,
    /// How many of the ids belong to each of them; 0 where they are not known.
    counts: Vec<u8>,
    /// The hashes of the ids, commit by commit.
    ids: Vec<u64>,
}

const _: () = assert!(IDS_MAX <= u8::MAX as usize, "a count is a byte");

impl Recent {
    fn new(sequence: u64, events: &[Event], predecessors: &[u64]) -> Self {
        let older = predecessors.iter().take(PREDECESSORS_MAX - 1);
        let mut recent = Self {
            sequences: std::iter::once(sequence).chain(older.copied()).collect(),
            counts: Vec::new(),
            ids: Vec::new(),
        };
        recent.counts = vec![0; recent.sequences.len()];
        recent.examined(sequence, events);
        recent
    }

    fn commits(&self) -> impl Iterator<Item = (u64, &[u64])> {
        let mut ids = &self.ids[..];
        self.sequences
            .iter()
            .zip(&self.counts)
            .map(move |(sequence, count)| {
                let (own, rest) = ids.split_at(usize::from(*count));
                ids = rest;
                (*sequence, own)
            })
    }

    /// These events and the commits of another before them.
    fn after(older: Option<&Self>, sequence: u64, events: &[Event]) -> Self {
        let Some(older) = older else {
            return Self::new(sequence, events, &[]);
        };
        let known = if events.len() <= IDS_MAX { events } else { &[] };
        let kept = older.sequences.len().min(PREDECESSORS_MAX - 1);
        let counts = &older.counts[..kept];
        let ids = counts.iter().copied().map(usize::from).sum();
        Self {
            sequences: joined([sequence], &older.sequences[..kept]),
            counts: joined([u8::try_from(known.len()).unwrap_or(0)], counts),
            ids: joined(
                known.iter().map(|event| hash(event.id())),
                &older.ids[..ids],
            ),
        }
    }

    fn examined(&mut self, sequence: u64, events: &[Event]) {
        if events.len() <= IDS_MAX {
            let ids: Vec<u64> = events.iter().map(|event| hash(event.id())).collect();
            self.fill(sequence, &ids);
        }
    }

    fn learn(&mut self, other: &Self) {
        if !self.counts.contains(&0) {
            return; // there is nothing to learn
        }
        for (sequence, ids) in other.commits() {
            self.fill(sequence, ids);
        }
    }

    /// Adds the places, and ids, of another that lie behind the last of these.
    fn extend(&mut self, other: &Self) {
        let last = self.sequences.last();
        let beyond = other.sequences.iter().position(|place| Some(place) == last);
        for (sequence, ids) in other.commits().skip(beyond.map_or(usize::MAX, |at| at + 1)) {
            if self.sequences.len() == PREDECESSORS_MAX {
                break;
            }
            self.sequences.push(sequence);
            self.counts.push(u8::try_from(ids.len()).unwrap_or(0));
            self.ids.extend_from_slice(ids);
        }
    }

    /// Keeps the ids of the commit with this sequence, if they are not known yet.
    fn fill(&mut self, sequence: u64, ids: &[u64]) {
        let place = self.sequences.iter().position(|known| *known == sequence);
        let Some(place) = place.filter(|place| self.counts[*place] == 0) else {
            return;
        };
        let before: usize = self.counts[..place].iter().copied().map(usize::from).sum();
        self.counts[place] = u8::try_from(ids.len()).unwrap_or(0);
        self.ids.splice(before..before, ids.iter().copied());
    }
}

fn joined<T: Copy>(
    first: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
    rest: &[T],
) -> Vec<T> {
    let first = first.into_iter();
    let mut all = Vec::with_capacity(first.len() + rest.len());
    all.extend(first);
    all.extend_from_slice(rest);
    all
}

/// Not for safety: two ids of one hash cost a read.
fn hash(id: &EventId) -> u64 {
    use std::hash::BuildHasher as _;
    foldhash::fast::FixedState::default().hash_one(id.as_str())
}

#[cfg(test)]
mod tests {
    use aether_core::{ActorId, EventDraft};

    use super::*;

    fn event(version: u32) -> Event {
        let actor = ActorId::new("order-1").unwrap();
        let draft = EventDraft::new(&actor, "Happened", &version).unwrap();
        draft.at(version.into()).unwrap()
    }

    fn commit(sequence: u64, link: Option<Link>, events: &[Event]) -> StoredCommit {
        StoredCommit {
            sequence,
            digest: digest(sequence),
            link,
            events: events.to_vec(),
        }
    }

    fn digest(of: u64) -> Digest {
        Digest::over(std::iter::empty(), &of.to_be_bytes())
    }

    fn link(version: u32, sequences: &[u64]) -> Link {
        Link::After(Predecessor {
            version: version.into(),
            digest: digest(sequences[0]),
            sequences: sequences.to_vec(),
        })
    }

    #[test]
    fn a_head_that_was_written_is_the_one_that_is_read() {
        let events: Vec<Event> = (1..=40).map(event).collect();
        let mut written: Option<Head> = None;
        for (event, sequence) in events.iter().zip((10..).step_by(10)) {
            let one = std::slice::from_ref(event);
            let linked = written.as_ref().map_or(Link::First, Head::link);
            let read = Head::of(&commit(sequence, Some(linked), one));
            let next = Head::after(written.as_ref(), sequence, digest(sequence), one);
            assert_eq!(next.version, read.version);
            assert_eq!(next.before, read.before);
            assert_eq!(next.link(), read.link());
            // What is read knows the ids of the one commit only, unless it remembers.
            let mut remembering = read.clone();
            if let Some(written) = &written {
                remembering.remember(written);
            }
            assert_eq!(remembering, next);
            assert_eq!(read.unexamined().len(), next.recent.sequences.len() - 1);
            assert!(next.unexamined().is_empty());
            written = Some(next);
        }
        let sequences = &written.unwrap().recent.sequences;
        assert_eq!(sequences.len(), PREDECESSORS_MAX);
        assert_eq!(sequences[..2], [400, 390]);
    }

    #[test]
    fn a_conflict_is_certain_only_where_the_newest_commit_covers_all_and_has_none() {
        let stored: Vec<Event> = [4, 5, 7].map(event).into();
        let known = Head::of(&commit(9, Some(link(2, &[5])), &stored));
        let silent = Head::of(&commit(9, None, &stored));
        // By the versions that are offered: certain where the link is known, and where not.
        let rows: [(&[u32], bool, bool); 8] = [
            (&[4], true, true),
            (&[5, 6, 7], true, true),
            (&[6], true, true),      // in a gap of the commit
            (&[3], true, false),     // in the gap before it
            (&[2], false, false),    // in the commit before
            (&[2, 4], false, false), // partly
            (&[7, 8], false, false), // above the newest
            (&[8], false, false),
        ];
        for (versions, chained, unchained) in rows {
            let offered: Vec<Event> = versions.iter().copied().map(event).collect();
            assert_eq!(known.rules_out(&offered), chained, "{versions:?}");
            assert_eq!(silent.rules_out(&offered), unchained, "{versions:?}");
        }
        assert!(!known.rules_out(&stored[1..2]));
        assert!(!known.rules_out(&[event(4), stored[1].clone()]));
        assert!(!known.rules_out(&[]));
        // A commit too large for its ids to be remembered rules out nothing.
        let many: Vec<Event> = (1..=100).map(event).collect();
        let large = Head::of(&commit(9, Some(Link::First), &many));
        assert!(!large.rules_out(&[event(50)]));
        assert_eq!(large.unexamined(), [9]);
    }

    #[test]
    fn places_that_lead_astray_are_not_followed() {
        let events: Vec<Event> = (1..=4).map(event).collect();
        // A copy: it was stored later than this, after commits that are elsewhere now.
        for places in [[40, 30], [41, 30]] {
            let mut head = Head::of(&commit(40, Some(link(3, &places)), &events[3..]));
            assert!(head.is_astray());
            assert!(matches!(head.link(), Link::After(link) if link.sequences == [40]));
            let before = [(38, 2), (39, 3)]
                .map(|(sequence, version)| commit(sequence, None, &events[version - 1..version]));
            head.relocate(&before);
            assert!(!head.is_astray());
            assert!(matches!(head.link(), Link::After(link) if link.sequences == [40, 39, 38]));
            assert!(head.unexamined().is_empty());
            let places = |event: &Event| head.may_have(std::iter::once(event.id()));
            assert_eq!(places(&events[3]), [40]);
            assert_eq!(places(&events[1]), [38]);
            assert_eq!(places(&event(2)), Vec::<u64>::new());
        }
    }

    #[test]
    fn what_a_commit_says_less_than_was_known_is_taken_over() {
        let events: Vec<Event> = (1..=5).map(event).collect();
        let before = |at: usize| commit(20 + at as u64, None, &events[at - 1..at]);
        // Version 4 leads astray, and so version 5 names no more than version 4.
        let fourth = Head::of(&commit(24, Some(link(3, &[40, 30])), &events[3..4]));
        let read = Head::of(&commit(25, Some(link(4, &[24])), &events[4..]));
        assert!(!read.is_astray());
        let mut fifth = read.clone();
        fifth.remember(&fourth);
        assert!(fifth.is_astray());

        let mut found = fourth.clone();
        found.relocate(&[before(2), before(3)]);
        let mut fifth = read.clone();
        fifth.remember(&found);
        assert!(!fifth.is_astray());
        assert!(matches!(fifth.link(), Link::After(link) if link.sequences == [25, 24, 23, 22]));
        assert!(fifth.unexamined().is_empty());
        // What was found is not forgotten by reading the same again.
        let mut again = Head::of(&commit(24, Some(link(3, &[40, 30])), &events[3..4]));
        again.remember(&found);
        assert_eq!(again, found);
        found.remember(&fourth);
        assert_eq!(again, found);
    }

    #[test]
    fn a_commit_at_a_recent_place_is_meant_where_it_names_the_next_place() {
        let events: Vec<Event> = (1..=4).map(event).collect();
        let head = Head::of(&commit(40, Some(link(3, &[30, 20])), &events[3..]));
        let at = |sequence, link| commit(sequence, link, &events[..1]);
        for (found, meant) in [
            (vec![], true),
            (vec![at(30, Some(link(2, &[20])))], true),
            (
                vec![at(30, Some(link(2, &[20]))), at(20, Some(Link::First))],
                true,
            ),
            (vec![at(20, None)], true),
            (vec![at(30, Some(link(2, &[19])))], false),
            (vec![at(30, Some(Link::First))], false),
            (vec![at(30, None)], false),
            (vec![at(20, Some(link(1, &[10])))], false), // there are more than are named
            (vec![at(10, Some(Link::First))], false),
        ] {
            assert_eq!(head.confirms(&found), meant, "{found:?}");
        }
        // Of as many places as are named the last has one before it that is not: it is known by
        // the digest in the commit after it, and not by itself.
        let places: Vec<u64> = (0..32).map(|back| 400 - 10 * back).collect();
        let head = Head::of(&commit(410, Some(link(3, &places)), &events[3..]));
        let last = *head.recent.sequences.last().unwrap();
        let after = last + 10;
        assert_eq!(head.recent.sequences.len(), PREDECESSORS_MAX);
        let oldest = at(last, Some(link(1, &[last - 10])));
        assert!(!head.confirms(std::slice::from_ref(&oldest)));
        assert!(head.confirms(&[at(after, Some(link(2, &[last]))), oldest]));
        assert!(head.confirms(&[at(last, Some(Link::First))]));
    }

    #[test]
    fn ids_are_looked_for_where_they_are_and_where_nobody_knows() {
        let events: Vec<Event> = (1..=4).map(event).collect();
        let mut head = Head::of(&commit(40, Some(link(3, &[30, 20, 10])), &events[3..]));
        assert_eq!(head.unexamined(), [30, 20, 10]);
        let places = |head: &Head, event: &Event| head.may_have(std::iter::once(event.id()));
        assert_eq!(places(&head, &events[3]), [40, 30, 20, 10]);
        assert_eq!(places(&head, &event(9)), [30, 20, 10]);
        head.examined(&commit(10, Some(Link::First), &events[..1]));
        head.examined(&commit(30, Some(link(2, &[20, 10])), &events[2..3]));
        head.examined(&commit(7, None, &events[..1])); // not one of them
        assert_eq!(head.unexamined(), [20]);
        assert_eq!(places(&head, &event(9)), [20]);
        assert_eq!(places(&head, &events[0]), [20, 10]);
        assert_eq!(places(&head, &events[2]), [30, 20]);
        head.examined(&commit(20, None, &events[1..2]));
        assert_eq!(places(&head, &event(9)), Vec::<u64>::new());
        assert_eq!(places(&head, &events[1]), [20]);
    }
}
