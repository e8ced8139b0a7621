//! Which command caused an event.

use crate::text::Text;

/// Names the command that an event answers, for whoever wants to do a command once.
/// 1 to 256 bytes of UTF-8.
///
/// ```
/// use aether_core::CommandId;
///
/// let command = CommandId::new("place-order/7f3a")?;
/// assert_eq!(command.to_string(), "place-order/7f3a");
/// # Ok::<(), aether_core::InvalidText>(())
/// ```
#[derive(Clone)]
pub struct CommandId(Text);

impl CommandId {
    /// The most bytes that a command id may have.
    pub const BYTES_MAX: usize = 256;
}

crate::text::literal_text_type!(CommandId, "command id");
