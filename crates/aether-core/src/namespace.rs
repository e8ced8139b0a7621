//! A logical boundary for events and subscriptions.

use crate::text::Text;

/// Names a logical boundary: part of a stream's name and of the bus' subjects. 1 to 128 bytes of
/// UTF-8, any characters.
///
/// A namespace keeps apart what would otherwise meet by accident. It is not a security boundary
/// and not multi-tenancy: whoever has the credentials can read every namespace.
///
/// ```
/// use aether_core::Namespace;
///
/// const SHOP: Namespace = Namespace::from_static("shop");
/// assert_eq!(SHOP, Namespace::new(String::from("shop"))?);
/// # Ok::<(), aether_core::InvalidText>(())
/// ```
#[derive(Clone)]
pub struct Namespace(Text);

impl Namespace {
    /// The most bytes that a namespace may have.
    pub const BYTES_MAX: usize = 128;
}

crate::text::literal_text_type!(Namespace, "namespace");
