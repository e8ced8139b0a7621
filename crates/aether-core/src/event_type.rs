//! What kind of thing happened.

use crate::text::Text;

/// Names what happened, in the past tense as a rule: `OrderPlaced`. 1 to 256 bytes of UTF-8.
///
/// ```
/// use aether_core::EventType;
///
/// const PLACED: EventType = EventType::from_static("OrderPlaced"); // no allocation
/// assert_eq!(PLACED.as_str(), "OrderPlaced");
/// ```
#[derive(Clone)]
pub struct EventType(Text);

impl EventType {
    /// The most bytes that an event type may have.
    pub const BYTES_MAX: usize = 256;
}

crate::text::literal_text_type!(EventType, "event type");
