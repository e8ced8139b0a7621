//! What tells one event from every other.

use std::sync::Arc;

use crate::{Clock, InvalidText};

/// Names one event, in every store and for ever. A [ULID] where Aether makes it; any text of
/// 1 to 128 bytes where it comes from elsewhere.
///
/// Stores recognise an event that is saved again by its id, so an id must never be used for two
/// events. ULIDs are kept without an allocation, and sort by the time they were made, to the
/// millisecond.
///
/// ```
/// use aether_core::{EventId, SystemClock};
///
/// let ours = EventId::generate(&SystemClock);
/// assert_eq!(ours.as_str().len(), 26);
/// let theirs = EventId::new("evt_1N2b3c")?;
/// assert_ne!(ours, theirs);
/// # Ok::<(), aether_core::InvalidText>(())
/// ```
///
/// [ULID]: https://github.com/ulid/spec
#[derive(Clone)]
pub struct EventId(Repr);

/// The length of a ULID's text form.
const ULID_BYTES: usize = ulid::ULID_LEN;

#[derive(Clone)]
enum Repr {
    /// Text of exactly a ULID's length, all of it ASCII.
    Inline([u8; ULID_BYTES]),
    Shared(Arc<str>),
}

impl EventId {
    /// The most bytes that an event id may have.
    pub const BYTES_MAX: usize = 128;

    /// A new ULID: 48 bits of the clock's time in milliseconds and 80 random bits.
    ///
    /// A clock before 1970 counts as 1970.
    #[must_use]
    pub fn generate(clock: &(impl Clock + ?Sized)) -> Self {
        let ulid = ulid::Ulid::from_datetime(clock.now().max(crate::Timestamp::UNIX_EPOCH).into());
        let mut text = [0; ULID_BYTES];
        ulid.array_to_str(&mut text);
        Self(Repr::Inline(text))
    }

    /// Copies an id that was made elsewhere.
    ///
    /// # Errors
    ///
    /// [`InvalidText`] where it is empty or longer than [`BYTES_MAX`](Self::BYTES_MAX).
    pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidText> {
        let text = text.as_ref();
        crate::text::check("event id", text, Self::BYTES_MAX)?;
        match <[u8; ULID_BYTES]>::try_from(text.as_bytes()) {
            Ok(bytes) if bytes.is_ascii() => Ok(Self(Repr::Inline(bytes))),
            _ => Ok(Self(Repr::Shared(text.into()))),
        }
    }

    /// The bytes of the text: to compare many, without a look at each whether it is text.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline(bytes) => bytes,
            Repr::Shared(text) => text.as_bytes(),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            // Inline bytes are ASCII, so the fallback is never taken.
            Repr::Inline(bytes) => std::str::from_utf8(bytes).unwrap_or_default(),
            Repr::Shared(text) => text,
        }
    }
}

crate::text::text_type!(EventId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_within_bounds_is_kept_as_it_is() {
        let a26 = "x".repeat(26);
        let not_ascii_26 = format!("{}é", "x".repeat(24));
        for text in [
            "x",
            "01arz3ndektsv4rrffq69g5fav",
            &a26,
            &not_ascii_26,
            &"y".repeat(128),
        ] {
            assert_eq!(EventId::new(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn generated_ids_differ_and_are_ulids_of_the_clocks_time() {
        let clock =
            crate::FixedClock::new(crate::Timestamp::from_unix_nanos(1_700_000_000_123_456_789));
        let (a, b) = (EventId::generate(&clock), EventId::generate(&clock));
        assert_ne!(a, b);
        let ulid = ulid::Ulid::from_string(a.as_str()).unwrap();
        assert_eq!(ulid.timestamp_ms(), 1_700_000_000_123);
    }
}
