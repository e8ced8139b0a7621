//! The user's data in an event or a snapshot.

mod json;
mod wellformed;

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::BoxError;

/// The user's data in an event or a snapshot: one well-formed [MessagePack] value, cheap to clone.
///
/// [`encode`](Self::encode) writes structs as maps with their fields' names, so that data stays
/// readable when fields are added or reordered later. How large a payload may be, a store says
/// ([`StoreError::TooLarge`](crate::StoreError::TooLarge)); how deep, [`DEPTH_MAX`](Self::DEPTH_MAX).
///
/// Two payloads are equal where their bytes are. A type whose encoding is not the same each time
/// (a `HashMap`) gives payloads that may differ though the values are equal.
///
/// ```
/// use aether_core::Payload;
///
/// let payload = Payload::encode(&("book", 3))?;
/// assert_eq!(payload.decode::<(String, u32)>()?, ("book".to_owned(), 3));
/// assert_eq!(payload.to_json()?, r#"["book",3]"#);
/// # Ok::<(), aether_core::PayloadError>(())
/// ```
///
/// [MessagePack]: https://github.com/msgpack/msgpack/blob/master/spec.md
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Payload(Bytes);

/// Data that can't be written to, or read from, a [`Payload`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// The value's own serialisation failed.
    #[error("the value can't be encoded as MessagePack: {0}")]
    Encode(#[source] BoxError),
    /// The bytes hold something else than the type that was asked for.
    #[error("the data is not what was asked for: {0}")]
    Decode(#[source] BoxError),
    /// The bytes are not one MessagePack value.
    #[error("not well-formed MessagePack at byte {offset}: {reason}")]
    Malformed {
        /// Where the fault is, in bytes from the start.
        offset: usize,
        /// What is wrong there.
        reason: &'static str,
    },
    /// The value is nested deeper than [`Payload::DEPTH_MAX`].
    #[error("the data is nested deeper than {max} levels", max = Payload::DEPTH_MAX)]
    TooDeep,
    /// Text that is not JSON, or data that JSON has no form for.
    #[error("JSON: {0}")]
    Json(#[source] BoxError),
}

impl Payload {
    /// The most levels of arrays and maps within each other. One that is empty is no level.
    ///
    /// JSON readers commonly stop at 128 levels; this leaves room for what a payload is put in.
    pub const DEPTH_MAX: usize = 100;

    /// No data: MessagePack's nil.
    pub const NIL: Self = Self(Bytes::from_static(&[0xc0]));

    /// Encodes a value, its structs as maps with the fields' names.
    ///
    /// # Errors
    ///
    /// [`PayloadError::Encode`] where the value's `Serialize` fails,
    /// [`PayloadError::TooDeep`] where it is nested deeper than [`DEPTH_MAX`](Self::DEPTH_MAX).
    pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Self, PayloadError> {
        let bytes = rmp_serde::to_vec_named(value).map_err(|e| PayloadError::Encode(e.into()))?;
        Self::from_msgpack(bytes)
    }

    /// Decodes the data; a type that borrows (`&str`) borrows from this payload.
    ///
    /// # Errors
    ///
    /// [`PayloadError::Decode`] where the data is not a `T`.
    pub fn decode<'a, T: Deserialize<'a>>(&'a self) -> Result<T, PayloadError> {
        rmp_serde::from_slice(&self.0).map_err(|e| PayloadError::Decode(e.into()))
    }

    /// Takes bytes that are MessagePack already; they are checked, not copied.
    ///
    /// # Errors
    ///
    /// [`PayloadError::Malformed`] where they are not exactly one value,
    /// [`PayloadError::TooDeep`] where it is nested deeper than [`DEPTH_MAX`](Self::DEPTH_MAX).
    pub fn from_msgpack(bytes: impl Into<Bytes>) -> Result<Self, PayloadError> {
        let bytes = bytes.into();
        wellformed::check(&bytes)?;
        Ok(Self(bytes))
    }

    /// Reads JSON text. Numbers keep their kind: integers of up to 64 bits stay integers,
    /// everything else becomes a 64-bit float, as JSON readers do.
    ///
    /// # Errors
    ///
    /// [`PayloadError::Json`] where the text is not JSON,
    /// [`PayloadError::TooDeep`] where it is nested deeper than [`DEPTH_MAX`](Self::DEPTH_MAX).
    pub fn from_json(text: &str) -> Result<Self, PayloadError> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let payload = json::read(&mut deserializer).map_err(|e| PayloadError::Json(e.into()))?;
        deserializer
            .end()
            .map_err(|e| PayloadError::Json(e.into()))?;
        payload
    }

    /// The data as JSON text, with nothing lost: reading it back gives the same values in the
    /// same order (a 32-bit float comes back as the 64-bit float of the same value).
    ///
    /// # Errors
    ///
    /// [`PayloadError::Json`] where JSON has no form for the data: binary, extension types,
    /// NaN and infinities, map keys that are not text, text that is not UTF-8.
    pub fn to_json(&self) -> Result<String, PayloadError> {
        let mut text = Vec::with_capacity(self.0.len() * 2);
        let mut serializer = serde_json::Serializer::new(&mut text);
        json::AsJson(&self.0)
            .serialize(&mut serializer)
            .map_err(|e| PayloadError::Json(e.into()))?;
        String::from_utf8(text).map_err(|e| PayloadError::Malformed {
            offset: e.utf8_error().valid_up_to(),
            reason: "text that is not UTF-8",
        })
    }

    /// The MessagePack bytes.
    #[must_use]
    pub fn as_msgpack(&self) -> &[u8] {
        &self.0
    }

    /// The MessagePack bytes, shared with this payload.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        self.0.clone()
    }
}

/// Shows the data as JSON where it can, shortened where it is long.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN_MAX: usize = 256;
        match self.to_json() {
            Ok(json) if json.len() <= SHOWN_MAX => write!(f, "Payload({json})"),
            _ => write!(f, "Payload({} bytes of MessagePack)", self.0.len()),
        }
    }
}

/// In a human-readable format the data itself, otherwise its MessagePack bytes.
impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            json::AsJson(&self.0).serialize(serializer)
        } else {
            serializer.serialize_bytes(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Binary;

        impl serde::de::Visitor<'_> for Binary {
            type Value = Payload;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes that are MessagePack")
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Payload, E> {
                self.visit_byte_buf(bytes.to_vec())
            }

            fn visit_byte_buf<E: serde::de::Error>(self, bytes: Vec<u8>) -> Result<Payload, E> {
                Payload::from_msgpack(bytes).map_err(E::custom)
            }
        }

        if deserializer.is_human_readable() {
            json::read(deserializer)?.map_err(serde::de::Error::custom)
        } else {
            deserializer.deserialize_byte_buf(Binary)
        }
    }
}
