//! Bounded text: what the identifiers of the vocabulary share, and the error for text that is refused.

use std::fmt;

/// Text that an identifier does not accept: it is empty, or longer than its bound.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidText {
    /// The text has no bytes.
    #[error("{noun} is empty")]
    Empty {
        /// Which identifier was to be made, such as `actor id`.
        noun: &'static str,
    },
    /// The text has more bytes than its kind allows.
    #[error("{noun} has {bytes} bytes, at most {max} are allowed")]
    TooLong {
        /// Which identifier was to be made, such as `actor id`.
        noun: &'static str,
        /// The text's length in bytes of UTF-8.
        bytes: usize,
        /// The most bytes that this kind of text may have.
        max: usize,
    },
}

/// Checks text against the bounds that all identifiers have: 1 to `max` bytes.
pub(crate) const fn check(noun: &'static str, text: &str, max: usize) -> Result<(), InvalidText> {
    if text.is_empty() {
        Err(InvalidText::Empty { noun })
    } else if text.len() > max {
        Err(InvalidText::TooLong {
            noun,
            bytes: text.len(),
            max,
        })
    } else {
        Ok(())
    }
}

/// Text that is either in the program or shared on the heap; both are cheap to clone.
#[derive(Clone)]
pub(crate) enum Text {
    Static(&'static str),
    Shared(std::sync::Arc<str>),
}

impl Text {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Static(text) => text,
            Self::Shared(text) => text,
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// Gives a newtype over text everything that text has: display, comparison by content,
/// borrowing as `str`, parsing, and the serde form of a plain string that is checked when read.
///
/// The type itself provides `new`, `as_str` and its documentation.
macro_rules! text_type {
    ($type:ident) => {
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({:?})", stringify!($type), self.as_str())
            }
        }

        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                self.as_str() == other.as_str()
            }
        }

        impl Eq for $type {}

        impl PartialOrd for $type {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $type {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                self.as_str().cmp(other.as_str())
            }
        }

        // Must agree with `str`, because `Borrow<str>` lets maps be searched by `&str`.
        impl std::hash::Hash for $type {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                self.as_str().hash(state);
            }
        }

        impl PartialEq<str> for $type {
            fn eq(&self, other: &str) -> bool {
                self.as_str() == other
            }
        }

        impl PartialEq<&str> for $type {
            fn eq(&self, other: &&str) -> bool {
                self.as_str() == *other
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl std::borrow::Borrow<str> for $type {
            fn borrow(&self) -> &str {
                self.as_str()
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::InvalidText;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::new(text)
            }
        }

        impl TryFrom<&str> for $type {
            type Error = $crate::InvalidText;

            fn try_from(text: &str) -> Result<Self, Self::Error> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $type {
            type Error = $crate::InvalidText;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::new(&text)
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;

                impl serde::de::Visitor<'_> for Visitor {
                    type Value = $type;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(f, "text of 1 to {} bytes", <$type>::BYTES_MAX)
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$type, E> {
                        <$type>::new(text).map_err(E::custom)
                    }
                }

                deserializer.deserialize_str(Visitor)
            }
        }
    };
}

/// A [`text_type`] whose content may be a literal of the program, which then needs no allocation.
macro_rules! literal_text_type {
    ($type:ident, $noun:literal) => {
        impl $type {
            /// From a literal, without an allocation. In a `const` a bad literal fails to compile.
            ///
            /// # Panics
            ///
            /// Where the literal is empty or too long; use [`new`](Self::new) for text that is
            /// not under your control.
            #[must_use]
            pub const fn from_static(text: &'static str) -> Self {
                match $crate::text::check($noun, text, Self::BYTES_MAX) {
                    Ok(()) => Self($crate::text::Text::Static(text)),
                    Err(_) => panic!(concat!($noun, " is empty or too long")),
                }
            }

            /// Copies the text.
            ///
            /// # Errors
            ///
            /// [`InvalidText`](crate::InvalidText) where it is empty or longer than
            /// [`BYTES_MAX`](Self::BYTES_MAX).
            pub fn new(text: impl AsRef<str>) -> Result<Self, $crate::InvalidText> {
                let text = text.as_ref();
                $crate::text::check($noun, text, Self::BYTES_MAX)?;
                Ok(Self($crate::text::Text::Shared(text.into())))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        $crate::text::text_type!($type);
    };
}

pub(crate) use {literal_text_type, text_type};
