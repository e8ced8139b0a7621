//! The events of one shard in the order in which they were stored.

use aether_core::{Commit, Event};

/// An event in the log, and its sequence in the store's order.
#[derive(Clone, Copy)]
pub(crate) struct Logged<'l> {
    pub(crate) event: &'l Event,
    pub(crate) sequence: u64,
    /// Where the event before this one of the same actor is in the log; anything for the first.
    pub(crate) previous: u32,
}

/// How many entries a segment has at most.
const SEGMENT_ENTRIES: usize = 128;

/// Entries with rising sequences, in segments: growing never moves what is there, so that no
/// append waits for a large copy. An entry is never changed or removed.
#[derive(Default)]
pub(crate) struct Log {
    full: Vec<Segment>,
    /// Apart from the others, so that an append finds it beside the lock.
    last: Segment,
}

#[derive(Default)]
struct Segment {
    /// The sequence of the first entry.
    first: u64,
    entries: Vec<Entry>,
}

/// 16 bytes, because every append writes one to memory that no cache has yet.
struct Entry {
    /// `None` only while a segment is being made.
    event: Option<Event>,
    previous: u32,
    /// The sequence, counted from the first one of the segment.
    distance: u32,
}

impl Entry {
    const VACANT: Self = Self {
        event: None,
        previous: 0,
        distance: 0,
    };
}

impl Segment {
    /// A segment with its first entry.
    ///
    /// Its memory is written once from end to end before it is used: one sweep brings it into the
    /// cache in a quarter of the time that the appends would lose waiting for it line by line
    /// (`version_check`: 62 ns an append without, 50 ns with).
    fn new(sequence: u64, event: Event, previous: u32) -> Self {
        let mut entries = Vec::with_capacity(SEGMENT_ENTRIES);
        entries.resize_with(SEGMENT_ENTRIES, || Entry::VACANT);
        entries.clear();
        entries.push(Entry {
            event: Some(event),
            previous,
            distance: 0,
        });
        Self {
            first: sequence,
            entries,
        }
    }

    fn logged<'l>(&self, entry: &'l Entry) -> Option<Logged<'l>> {
        Some(Logged {
            event: entry.event.as_ref()?,
            sequence: self.first + u64::from(entry.distance),
            previous: entry.previous,
        })
    }
}

impl Log {
    /// The entry at an index that [`push`](Self::push) gave.
    pub(crate) fn get(&self, index: u32) -> Option<Logged<'_>> {
        let number = index as usize / SEGMENT_ENTRIES;
        let segment = self.full.get(number).unwrap_or(&self.last);
        segment.logged(segment.entries.get(index as usize % SEGMENT_ENTRIES)?)
    }

    /// Whether another commit might not fit into indexes of 32 bits.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        const SEGMENTS_MAX: usize = (u32::MAX as usize - Commit::EVENTS_MAX) / SEGMENT_ENTRIES;
        self.full.len() >= SEGMENTS_MAX
    }

    /// Puts an event at the end of a log that is not full; gives its index.
    ///
    /// The sequence is above that of the event before.
    #[inline]
    pub(crate) fn push(&mut self, event: Event, sequence: u64, previous: u32) -> u32 {
        let offset = self.last.entries.len();
        // With the capacity known to suffice, the push has no case of growing in it.
        let has_room = offset < SEGMENT_ENTRIES && offset < self.last.entries.capacity();
        let distance = u32::try_from(sequence.wrapping_sub(self.last.first));
        let (true, Ok(distance)) = (has_room, distance) else {
            return self.push_to_new_segment(event, sequence, previous);
        };
        self.last.entries.push(Entry {
            event: Some(event),
            previous,
            distance,
        });
        index(self.full.len(), offset)
    }

    /// A segment is left before it is full for one whose distances fit into 32 bits again.
    #[cold]
    fn push_to_new_segment(&mut self, event: Event, sequence: u64, previous: u32) -> u32 {
        let left = std::mem::replace(&mut self.last, Segment::new(sequence, event, previous));
        // There is none yet where this is the first.
        if !left.entries.is_empty() {
            self.full.push(left);
        }
        index(self.full.len(), 0)
    }

    /// The entries with sequences from `from` up to, but without, `end`.
    pub(crate) fn between(&self, from: u64, end: u64) -> impl Iterator<Item = Logged<'_>> {
        // The last segment that begins before `from` may have some of them.
        let after = self.full.partition_point(|segment| segment.first < from);
        self.full[after.saturating_sub(1)..]
            .iter()
            .chain(std::iter::once(&self.last))
            .flat_map(|segment| segment.entries.iter().map(|entry| segment.logged(entry)))
            .flatten()
            .skip_while(move |logged| logged.sequence < from)
            .take_while(move |logged| logged.sequence < end)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a log that is not full has indexes of 32 bits"
)]
#[inline]
const fn index(segment: usize, offset: usize) -> u32 {
    (segment * SEGMENT_ENTRIES + offset) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Event {
        let actor = aether_core::ActorId::new("a").unwrap();
        aether_core::EventDraft::new(&actor, "E", &())
            .unwrap()
            .at(aether_core::Version::FIRST)
            .unwrap()
    }

    fn log(sequences: &[u64]) -> Log {
        let mut log = Log::default();
        for (n, sequence) in (0..).zip(sequences) {
            let index = log.push(event(), *sequence, n);
            let logged = log.get(index).unwrap();
            assert_eq!((logged.sequence, logged.previous), (*sequence, n));
        }
        log
    }

    fn assert_every_stretch_is_found(sequences: &[u64]) {
        let log = log(sequences);
        let edges = sequences
            .iter()
            .flat_map(|s| [*s, s + 1])
            .chain([0, u64::MAX]);
        let edges: Vec<u64> = edges.step_by(37).collect();
        for from in &edges {
            for end in &edges {
                let found: Vec<u64> = log.between(*from, *end).map(|l| l.sequence).collect();
                let expected = sequences.iter().copied().filter(|s| from <= s && s < end);
                assert_eq!(found, expected.collect::<Vec<_>>(), "{from}..{end}");
            }
        }
    }

    #[test]
    fn a_stretch_is_found_wherever_segments_begin() {
        assert_every_stretch_is_found(&[]);
        assert_every_stretch_is_found(&[7]);
        // Every third sequence, because other shards take the rest.
        let thirds: Vec<u64> = (1..=3 * SEGMENT_ENTRIES as u64).map(|n| n * 3).collect();
        assert_every_stretch_is_found(&thirds);
    }

    #[test]
    fn sequences_may_be_further_apart_than_a_distance_can_say() {
        let far = u64::from(u32::MAX);
        assert_every_stretch_is_found(&[1, 2, 2 + far, 3 + far, 3 + 9 * far, 4 + 9 * far]);
    }
}
