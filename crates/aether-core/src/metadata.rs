//! What is said about an event beside its data.

use std::collections::BTreeMap;

use serde::de::{Error as _, MapAccess};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Event, InvalidText};

/// What is said about an event beside its data: text to text, ordered by key, bounded.
///
/// The standard keys have accessors. A clone copies the entries.
///
/// ```
/// use aether_core::Metadata;
///
/// let mut metadata = Metadata::new();
/// metadata.insert(Metadata::USER_ID, "ada")?;
/// metadata.insert("tenant", "blue")?;
/// assert_eq!(metadata.user_id(), Some("ada"));
/// # Ok::<(), aether_core::InvalidMetadata>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Metadata {
    entries: BTreeMap<String, String>,
    /// The bytes of all keys and values.
    bytes: usize,
}

/// An entry that [`Metadata`] does not take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidMetadata {
    /// The key is empty or too long.
    #[error(transparent)]
    Key(#[from] InvalidText),
    /// There are [`Metadata::ENTRIES_MAX`] entries already.
    #[error("metadata has {max} entries already, which is the most", max = Metadata::ENTRIES_MAX)]
    TooManyEntries,
    /// Keys and values together would be larger than [`Metadata::BYTES_MAX`].
    #[error("metadata would have {bytes} bytes, at most {max} are allowed", max = Metadata::BYTES_MAX)]
    TooLarge {
        /// The bytes of all keys and values with the new entry.
        bytes: usize,
    },
}

impl Metadata {
    /// What belongs together: one id for all events of one business transaction.
    pub const CORRELATION_ID: &str = "correlationId";
    /// The id of the event or command that caused this one.
    pub const CAUSATION_ID: &str = "causationId";
    /// On whose behalf.
    pub const USER_ID: &str = "userId";
    /// The trace in which it happened (W3C trace context, 32 hexadecimal digits).
    pub const TRACE_ID: &str = "traceId";
    /// The span in which it happened (W3C trace context, 16 hexadecimal digits).
    pub const SPAN_ID: &str = "spanId";

    /// The most entries.
    pub const ENTRIES_MAX: usize = 64;
    /// The most bytes of a key.
    pub const KEY_BYTES_MAX: usize = 256;
    /// The most bytes of all keys and values together.
    pub const BYTES_MAX: usize = 32 * 1_024;

    /// No entries.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            entries: BTreeMap::new(),
            bytes: 0,
        }
    }

    /// Adds an entry, or replaces the value of a key that is there already.
    ///
    /// # Errors
    ///
    /// [`InvalidMetadata`] where the key is empty or a bound would be passed; nothing changes then.
    pub fn insert(
        &mut self,
        key: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<(), InvalidMetadata> {
        let (key, value) = (key.into(), value.into());
        crate::text::check("metadata key", &key, Self::KEY_BYTES_MAX)?;
        let replaced = self.entries.get(&key).map(|old| key.len() + old.len());
        if replaced.is_none() && self.entries.len() == Self::ENTRIES_MAX {
            return Err(InvalidMetadata::TooManyEntries);
        }
        let bytes = self.bytes - replaced.unwrap_or(0) + key.len() + value.len();
        if bytes > Self::BYTES_MAX {
            return Err(InvalidMetadata::TooLarge { bytes });
        }
        self.bytes = bytes;
        self.entries.insert(key, value);
        Ok(())
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries.get(key).map(String::as_str)
    }

    /// All entries, ordered by key.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.entries.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// The number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The value of [`CORRELATION_ID`](Self::CORRELATION_ID).
    #[must_use]
    pub fn correlation_id(&self) -> Option<&str> {
        self.get(Self::CORRELATION_ID)
    }

    /// The value of [`CAUSATION_ID`](Self::CAUSATION_ID).
    #[must_use]
    pub fn causation_id(&self) -> Option<&str> {
        self.get(Self::CAUSATION_ID)
    }

    /// The value of [`USER_ID`](Self::USER_ID).
    #[must_use]
    pub fn user_id(&self) -> Option<&str> {
        self.get(Self::USER_ID)
    }

    /// The value of [`TRACE_ID`](Self::TRACE_ID).
    #[must_use]
    pub fn trace_id(&self) -> Option<&str> {
        self.get(Self::TRACE_ID)
    }

    /// The value of [`SPAN_ID`](Self::SPAN_ID).
    #[must_use]
    pub fn span_id(&self) -> Option<&str> {
        self.get(Self::SPAN_ID)
    }

    /// Writes down that this was caused by `event`: its id is the cause, and its correlation id
    /// is carried on (its own id where it has none, because it began the transaction).
    ///
    /// # Errors
    ///
    /// [`InvalidMetadata`] where a bound would be passed; nothing changes then.
    pub fn set_cause(&mut self, event: &Event) -> Result<(), InvalidMetadata> {
        let correlation = event
            .metadata()
            .correlation_id()
            .unwrap_or(event.id().as_str());
        let mut changed = self.clone();
        changed.insert(Self::CORRELATION_ID, correlation)?;
        changed.insert(Self::CAUSATION_ID, event.id().as_str())?;
        *self = changed;
        Ok(())
    }
}

impl Serialize for Metadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.entries.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Metadata;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a map of text to text")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metadata, A::Error> {
                let mut metadata = Metadata::new();
                while let Some((key, value)) = map.next_entry::<Str, Str>()? {
                    let (key, value) = (key.0, value.0);
                    if metadata.get(&key).is_some() {
                        return Err(A::Error::custom(format_args!(
                            "metadata has the key {key:?} twice"
                        )));
                    }
                    metadata.insert(key, value).map_err(A::Error::custom)?;
                }
                Ok(metadata)
            }
        }

        deserializer.deserialize_map(Visitor)
    }
}

/// Text that is written as such. A `String` would also be read from MessagePack's binary.
struct Str(String);

impl<'de> Deserialize<'de> for Str {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = Str;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("text")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Str, E> {
                self.visit_string(text.to_owned())
            }

            fn visit_string<E: serde::de::Error>(self, text: String) -> Result<Str, E> {
                Ok(Str(text))
            }
        }

        deserializer.deserialize_string(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_for_entries_keys_and_bytes_and_a_refusal_changes_nothing() {
        let mut metadata = Metadata::new();
        assert!(matches!(
            metadata.insert("", "x"),
            Err(InvalidMetadata::Key(_))
        ));
        assert!(matches!(
            metadata.insert("k".repeat(257), "x"),
            Err(InvalidMetadata::Key(_))
        ));
        metadata
            .insert("big", "x".repeat(Metadata::BYTES_MAX - 3))
            .unwrap();
        let before = metadata.clone();
        assert_eq!(
            metadata.insert("a", ""),
            Err(InvalidMetadata::TooLarge {
                bytes: Metadata::BYTES_MAX + 1
            })
        );
        assert_eq!(metadata, before);
        metadata.insert("big", "").unwrap();
        for n in 1..Metadata::ENTRIES_MAX {
            metadata.insert(format!("k{n}"), "v").unwrap();
        }
        assert_eq!(
            metadata.insert("more", ""),
            Err(InvalidMetadata::TooManyEntries)
        );
        metadata.insert("k1", "replaced").unwrap();
    }

    #[test]
    fn a_key_given_twice_is_refused_when_read() {
        assert!(serde_json::from_str::<Metadata>(r#"{"a":"1","a":"2"}"#).is_err());
    }
}
