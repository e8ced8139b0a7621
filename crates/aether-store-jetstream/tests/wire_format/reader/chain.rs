//! "The chain": a commit's digest, and what it says of the one before it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::messages::Message;

const PREDECESSORS_MAX: usize = 32;

/// The headers that a digest is taken over, in its order.
pub(crate) const DIGESTED: [&str; 8] = [
    "Content-Type",
    "Aether-Format",
    "Aether-First-Version",
    "Aether-Last-Version",
    "Aether-Previous-Version",
    "Aether-Predecessors",
    "Aether-Previous-Digest",
    "Aether-Save-Id",
];

pub(crate) type Digest = [u8; 32];

pub(crate) fn digest(commit: &Message) -> Digest {
    let mut hashed = Sha256::new();
    hashed.update("aether-commit-1\n");
    for name in DIGESTED {
        hashed.update(commit.header(name).unwrap_or(""));
        hashed.update("\n");
    }
    hashed.update(&commit.body);
    hashed.finalize().into()
}

/// What a commit says of the one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Link {
    /// Nothing: it has no link.
    Unlinked,
    /// That there is none.
    First,
    After {
        version: u64,
        digest: Digest,
        /// Where the earlier ones are, newest first.
        predecessors: Vec<u64>,
    },
}

impl Link {
    /// `None` where the headers have another form.
    pub(crate) fn of(commit: &Message) -> Option<Self> {
        if commit.header("Aether-Previous-Version").is_none() {
            return Some(Self::Unlinked);
        }
        let version = commit.number("Aether-Previous-Version")?;
        if version == 0 {
            return Some(Self::First);
        }
        let digest = commit.header("Aether-Previous-Digest")?;
        let digest = URL_SAFE_NO_PAD.decode(digest).ok()?.try_into().ok()?;
        let predecessors = predecessors(commit.header("Aether-Predecessors")?)?;
        Some(Self::After {
            version,
            digest,
            predecessors,
        })
    }
}

/// Sequences, newest first, from `rs.1.1`.
pub(crate) fn predecessors(text: &str) -> Option<Vec<u64>> {
    let mut sequences: Vec<u64> = Vec::new();
    for number in text.split('.') {
        let number = base_36(number)?;
        sequences.push(match sequences.last() {
            None => number,
            Some(last) => last.checked_sub(number)?,
        });
    }
    let places = sequences.len() <= PREDECESSORS_MAX && !sequences.contains(&0);
    places.then_some(sequences)
}

/// A number of at least 1 in digits `0-9 a-z`, without zeros in front.
fn base_36(text: &str) -> Option<u64> {
    let digits = text
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'z'));
    let number = u64::from_str_radix(text, 36).ok()?;
    (digits && !text.starts_with('0')).then_some(number)
}
