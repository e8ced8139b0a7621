//! Who publishes: one incarnation of a node.

use std::fmt;

use ulid::{ULID_LEN, Ulid};

/// One incarnation of a node: a bus that was begun anew, even in the same process, is another one.
///
/// It is kept as its text, which is what is read with each message.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Origin([u8; ULID_LEN]);

impl Origin {
    /// How many its text has.
    pub(crate) const BYTES: usize = ULID_LEN;

    pub(crate) fn new() -> Self {
        let mut text = [0; ULID_LEN];
        Ulid::generate().array_to_str(&mut text);
        Self(text)
    }

    /// Only the text that a ULID is written as, so that each has one.
    pub(crate) fn read(text: &str) -> Option<Self> {
        const fn is_digit(byte: u8) -> bool {
            let is_letter = byte.is_ascii_uppercase() && !matches!(byte, b'I' | b'L' | b'O' | b'U');
            byte.is_ascii_digit() || is_letter
        }
        let text: [u8; ULID_LEN] = text.as_bytes().try_into().ok()?;
        // The first digit has three bits.
        let is_ulid = text[0] <= b'7' && text.iter().all(|byte| is_digit(*byte));
        is_ulid.then_some(Self(text))
    }

    pub(crate) fn as_str(&self) -> &str {
        // It is ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_is_another_one() {
        assert_ne!(Origin::new(), Origin::new());
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_a_ulid_is_written_as(
            text in prop_oneof!["[0-9A-Za-z]{26}", "[0-7][0-9A-HJKMNP-TV-Z]{25}", ".{0,30}"],
        ) {
            let written = Ulid::from_string(&text).ok().map(|ulid| ulid.to_string());
            let is_one = written.as_deref() == Some(&*text);
            prop_assert_eq!(Origin::read(&text).is_some(), is_one);
            if let Some(origin) = Origin::read(&text) {
                prop_assert_eq!(origin.to_string(), text);
            }
        }
    }
}
