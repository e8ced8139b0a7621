//! Whose events these are.

use std::sync::Arc;

use crate::InvalidText;

/// Names an actor: whose events these are. 1 to 1,024 bytes of UTF-8, any characters.
///
/// Control characters, dots, spaces, `*` and `>` are ordinary characters here: a store that
/// maps ids onto something narrower (a NATS subject, a file name) encodes them so that different
/// ids stay different. Two ids are equal where their bytes are; nothing is normalised.
///
/// Cloning costs one atomic increment.
///
/// ```
/// use aether_core::ActorId;
///
/// let id = ActorId::new("order-123")?;
/// assert_eq!(id.category(), "order");
/// assert!(ActorId::new("").is_err());
/// # Ok::<(), aether_core::InvalidText>(())
/// ```
#[derive(Clone)]
pub struct ActorId(Arc<str>);

impl ActorId {
    /// The most bytes that an actor id may have.
    pub const BYTES_MAX: usize = 1_024;

    /// Copies the text.
    ///
    /// # Errors
    ///
    /// [`InvalidText`] where it is empty or longer than [`BYTES_MAX`](Self::BYTES_MAX).
    pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidText> {
        let text = text.as_ref();
        crate::text::check("actor id", text, Self::BYTES_MAX)?;
        Ok(Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text before the first `-`; the whole id where there is no `-` or where it comes first.
    ///
    /// This is KurrentDB's convention for categories of streams: `order-123` is in `order`.
    ///
    /// ```
    /// use aether_core::ActorId;
    /// # fn main() -> Result<(), aether_core::InvalidText> {
    /// assert_eq!(ActorId::new("order-123-a")?.category(), "order");
    /// assert_eq!(ActorId::new("order")?.category(), "order");
    /// assert_eq!(ActorId::new("-order")?.category(), "-order");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn category(&self) -> &str {
        match self.0.split_once('-') {
            None | Some(("", _)) => &self.0,
            Some((category, _)) => category,
        }
    }
}

crate::text::text_type!(ActorId);
