//! "Positions": `p1-<incarnation>-<sequence>-<index>-<fingerprint>`.

use sha2::{Digest as _, Sha256};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) incarnation: u64,
    pub(crate) sequence: u64,
    pub(crate) index: u32,
    pub(crate) fingerprint: u64,
}

impl Position {
    /// The place right after an event of a stream that was made then.
    pub(crate) fn after(incarnation: u64, sequence: u64, index: u32, event_id: &str) -> Self {
        let digest = Sha256::digest(event_id);
        let first = digest[..8].try_into().unwrap();
        Self {
            incarnation,
            sequence,
            index,
            fingerprint: u64::from_be_bytes(first),
        }
    }

    pub(crate) fn text(&self) -> String {
        format!(
            "p1-{:x}-{}-{}-{:x}",
            self.incarnation, self.sequence, self.index, self.fingerprint
        )
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.strip_prefix("p1-")?.split('-').collect();
        let [incarnation, sequence, index, fingerprint] = parts.try_into().ok()?;
        let position = Self {
            incarnation: u64::from_str_radix(incarnation, 16).ok()?,
            sequence: sequence.parse().ok()?,
            index: index.parse().ok()?,
            fingerprint: u64::from_str_radix(fingerprint, 16).ok()?,
        };
        // One text for each position: no upper case, no sign, no zeros in front.
        (position.text() == text).then_some(position)
    }
}
