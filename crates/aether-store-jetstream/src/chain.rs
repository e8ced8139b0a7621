//! What chains a commit to the ones before it: version, places and digest of its predecessor.
//!
//! Who reads a history sees by it where something is missing, was changed, or was lost and its
//! place used again. `docs/wire-format.md` says how each part is written.

use std::fmt;

use aether_core::Version;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// The most predecessors whose places a commit carries.
pub(crate) const PREDECESSORS_MAX: usize = 32;

/// Text that fixes what a digest is taken over.
const DIGEST_OF: &[u8] = b"aether-commit-1\n";

/// The SHA-256 of a commit as it is stored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    /// Over the values of the headers that belong to it, in their order, and the body.
    ///
    /// No value has a line's end in it, and there is always the same number of them: different
    /// commits are different bytes.
    pub(crate) fn over<'h>(values: impl Iterator<Item = &'h str>, body: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update(DIGEST_OF);
        for value in values {
            hash.update(value.as_bytes());
            hash.update(b"\n");
        }
        hash.update(body);
        Self(hash.finalize().into())
    }

    /// Reads the 43 characters of [`Display`](fmt::Display).
    pub(crate) fn parse(text: &str) -> Option<Self> {
        // The decoder wants room for the longest text of as many blocks of four.
        let mut bytes = [0; 33];
        let count = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        let (digest, rest) = bytes.split_first_chunk()?;
        (count == 32 && rest.len() == 1).then_some(Self(*digest))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a commit says about the ones before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Link {
    /// It is the actor's first.
    First,
    /// It comes after this one.
    After(Predecessor),
}

/// The commit before, and where those before it are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Predecessor {
    /// Its last version.
    pub(crate) version: Version,
    pub(crate) digest: Digest,
    /// The stream sequences of it and of those before it, the newest first: at least one, at most
    /// [`PREDECESSORS_MAX`]; fewer only where there are no more.
    pub(crate) sequences: Vec<u64>,
}

impl Link {
    /// The last version of the commit before; 0 where there is none.
    pub(crate) fn previous(&self) -> Version {
        match self {
            Self::First => Version::ZERO,
            Self::After(predecessor) => predecessor.version,
        }
    }

    /// Where the commits before are, the newest first.
    pub(crate) fn sequences(&self) -> &[u64] {
        match self {
            Self::First => &[],
            Self::After(predecessor) => &predecessor.sequences,
        }
    }
}

/// Writes falling sequences: the first as it is, each other as what it is below the one before;
/// to the base of 36, with a dot between. Those from the first on that does not fall are left out:
/// what says where nothing is must not become what can't be read.
pub(crate) fn write_sequences(sequences: &[u64]) -> String {
    let mut text = String::with_capacity(sequences.len() * 4);
    let mut before = None;
    for sequence in sequences {
        match before.map(|before: u64| before.checked_sub(*sequence)) {
            None => push_base_36(&mut text, *sequence),
            Some(Some(less @ 1..)) => {
                text.push('.');
                push_base_36(&mut text, less);
            }
            Some(_) => break,
        }
        before = Some(*sequence);
    }
    text
}

/// Reads what [`write_sequences`] writes: at least one, falling, at least 1.
pub(crate) fn read_sequences(text: &str) -> Option<Vec<u64>> {
    let mut sequences: Vec<u64> = Vec::with_capacity(PREDECESSORS_MAX);
    for part in text.split('.') {
        // The standard library takes a sign and upper case, too.
        let canonical = |b: u8| b.is_ascii_digit() || b.is_ascii_lowercase();
        if sequences.len() == PREDECESSORS_MAX
            || part.starts_with('0')
            || !part.bytes().all(canonical)
        {
            return None;
        }
        let number = u64::from_str_radix(part, 36).ok()?;
        let sequence = match sequences.last() {
            None => number,
            Some(before) => before.checked_sub(number)?,
        };
        if sequence == 0 {
            return None;
        }
        sequences.push(sequence);
    }
    Some(sequences)
}

fn push_base_36(text: &mut String, mut number: u64) {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut reversed = [0; 13]; // 36^13 is more than 2^64
    let mut count = 0;
    loop {
        reversed[count] = DIGITS[usize::try_from(number % 36).unwrap_or(0)];
        count += 1;
        number /= 36;
        if number == 0 {
            break;
        }
    }
    text.extend(reversed[..count].iter().rev().map(|b| char::from(*b)));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sequences_are_written_so() {
        let rows: [(&[u64], &str); 4] = [
            (&[1], "1"),
            (&[36], "10"),
            (&[1_000_000, 999_999, 999_000, 1], "lfls.1.rr.letz"),
            (&[u64::MAX, 1], "3w5e11264sgsf.3w5e11264sgse"),
        ];
        for (sequences, text) in rows {
            assert_eq!(write_sequences(sequences), text);
            assert_eq!(read_sequences(text).as_deref(), Some(sequences));
        }
    }

    #[test]
    fn what_does_not_fall_is_left_out_with_what_comes_after_it() {
        let rows: [(&[u64], &str); 4] = [
            (&[3, 22, 21], "3"),
            (&[22, 22, 21], "m"),
            (&[22, 21, 22, 1], "m.1"),
            (&[], ""),
        ];
        for (sequences, text) in rows {
            assert_eq!(write_sequences(sequences), text);
        }
    }

    #[test]
    fn what_is_no_list_of_falling_sequences_is_refused() {
        let too_many = vec!["1"; PREDECESSORS_MAX + 1].join(".");
        for text in [
            "",
            "0",
            "01",
            "-1",
            "+1",
            "A",
            " 1",
            "1.",
            ".1",
            "1..1",
            "5.0",
            "5.5",
            "5.6",
            "é",
            "3w5e11264sgsg",
            &too_many,
        ] {
            assert_eq!(read_sequences(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_digest_is_read_back_and_nothing_else_is() {
        let digest = Digest::over(["a", "b"].into_iter(), b"body");
        let text = digest.to_string();
        assert_eq!(text.len(), 43);
        assert_eq!(Digest::parse(&text), Some(digest));
        for other in [
            "",
            "abc",
            &text[1..],
            &format!("{text}A"),
            &text.replace(&text[..1], "*"),
        ] {
            assert_eq!(Digest::parse(other), None, "{other:?}");
        }
    }

    #[test]
    fn a_digest_is_over_each_value_by_itself() {
        let over = |values: &[&str], body: &[u8]| Digest::over(values.iter().copied(), body);
        let digest = over(&["a", "b"], b"c");
        for (values, body) in [(["ab", ""], b"c"), (["a", "c"], b"b"), (["", "ab"], b"c")] {
            assert_ne!(over(&values, body), digest);
        }
    }

    proptest! {
        #[test]
        fn any_falling_sequences_are_read_back(
            mut sequences in prop::collection::btree_set(1..=u64::MAX, 1..=PREDECESSORS_MAX)
                .prop_map(|set| set.into_iter().collect::<Vec<_>>()),
        ) {
            sequences.reverse();
            prop_assert_eq!(read_sequences(&write_sequences(&sequences)), Some(sequences));
        }

        #[test]
        fn what_is_read_is_written_the_same(text in "[0-9a-z.]{1,20}") {
            if let Some(sequences) = read_sequences(&text) {
                prop_assert_eq!(write_sequences(&sequences), text);
            }
        }
    }
}
