//! Something stored that can't be read as what it should be.

use std::fmt;

use bytes::Bytes;

use crate::Position;

/// Something stored that can't be read as what it should be: where it is, why, and its bytes.
///
/// The bytes are all there for whoever wants to repair or to look; the text shows the first few.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayError {
    /// Where it is in the store.
    pub position: Position,
    /// What is wrong with it.
    pub reason: String,
    /// What is stored there, as it is.
    pub raw: Bytes,
}

impl ReplayError {
    /// The most bytes that the text shows.
    pub const SHOWN_BYTES_MAX: usize = 32;
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.raw[..self.raw.len().min(Self::SHOWN_BYTES_MAX)];
        write!(f, "malformed at sequence {}", self.position.sequence())?;
        write!(
            f,
            ": {} ({} bytes: {}",
            self.reason,
            self.raw.len(),
            shown.escape_ascii()
        )?;
        f.write_str(if shown.len() < self.raw.len() {
            "…)"
        } else {
            ")"
        })
    }
}

impl std::error::Error for ReplayError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_short_however_large_the_bytes_are() {
        let error = ReplayError {
            position: Position::new(1, 42, 0),
            reason: "not an event".into(),
            raw: Bytes::from(vec![0; 1_000_000]),
        };
        let text = error.to_string();
        assert!(
            text.starts_with("malformed at sequence 42: not an event (1000000 bytes: "),
            "{text}"
        );
        assert!(text.len() < 250, "{}", text.len());
    }
}
