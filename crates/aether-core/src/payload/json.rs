//! Data between MessagePack and JSON, value by value, with nothing lost on the way.
//!
//! A visitor that takes values from one format's deserializer and hands them to the other's
//! serializer. It refuses whatever the other side has no form for, where the usual conversions
//! would write something near it: a NaN as `null`, binary as an array of numbers, the key `1`
//! as `"1"`.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{self, Serialize, SerializeMap, SerializeSeq, Serializer};

use super::{Payload, PayloadError};

/// What `serde_json` says in place of a number where its feature `arbitrary_precision` is on.
const ARBITRARY_PRECISION_KEY: &str = "$serde_json::private::Number";

/// The most levels of arrays and maps that are followed, which is where `serde_json` stops. What
/// [`Payload::DEPTH_MAX`] allows is less; this is for the formats whose own bound is higher than
/// the stack is deep.
const LEVELS_MAX: usize = 128;

/// MessagePack bytes that serialise as the data that they hold.
pub(super) struct AsJson<'a>(pub(super) &'a [u8]);

impl Serialize for AsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut source = rmp_serde::Deserializer::from_read_ref(self.0);
        source
            .deserialize_any(Transcode::new(serializer))
            .map_err(ser::Error::custom)
    }
}

/// Reads data from a self-describing format. What the format itself gets wrong is the outer
/// error, what a [`Payload`] refuses the inner one.
pub(super) fn read<'de, D: Deserializer<'de>>(
    source: D,
) -> Result<Result<Payload, PayloadError>, D::Error> {
    let mut bytes = Vec::new();
    let mut target = rmp_serde::Serializer::new(&mut bytes);
    source.deserialize_any(Transcode::new(&mut target))?;
    Ok(Payload::from_msgpack(bytes))
}

/// Hands whatever value comes to a serializer.
struct Transcode<S> {
    target: S,
    /// How many arrays and maps the value is in.
    level: usize,
}

impl<S: Serializer> Transcode<S> {
    fn new(target: S) -> Self {
        Self { target, level: 0 }
    }

    /// The level of what is within, if it may be that deep.
    fn level_within<E: de::Error>(&self) -> Result<usize, E> {
        if self.level == LEVELS_MAX {
            return Err(E::custom(PayloadError::TooDeep));
        }
        Ok(self.level + 1)
    }

    fn float<E: de::Error>(self, number: f64) -> Result<S::Ok, E> {
        if !number.is_finite() {
            return Err(E::custom(format_args!("{number} has no form in JSON")));
        }
        self.target.serialize_f64(number).map_err(E::custom)
    }
}

impl<'de, S: Serializer> Visitor<'de> for Transcode<S> {
    type Value = S::Ok;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that both MessagePack and JSON have a form for")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<S::Ok, E> {
        self.target.serialize_bool(value).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<S::Ok, E> {
        self.target.serialize_i64(value).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<S::Ok, E> {
        self.target.serialize_u64(value).map_err(E::custom)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<S::Ok, E> {
        self.float(value)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<S::Ok, E> {
        self.target.serialize_str(value).map_err(E::custom)
    }

    fn visit_bytes<E: de::Error>(self, value: &[u8]) -> Result<S::Ok, E> {
        Err(E::custom(format_args!(
            "{} bytes of binary data have no form in JSON",
            value.len()
        )))
    }

    fn visit_none<E: de::Error>(self) -> Result<S::Ok, E> {
        self.visit_unit()
    }

    fn visit_unit<E: de::Error>(self) -> Result<S::Ok, E> {
        self.target.serialize_unit().map_err(E::custom)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, _: D) -> Result<S::Ok, D::Error> {
        Err(de::Error::custom(
            "a MessagePack extension has no form in JSON",
        ))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut source: A) -> Result<S::Ok, A::Error> {
        let level = self.level_within()?;
        let mut target = self
            .target
            .serialize_seq(source.size_hint())
            .map_err(de::Error::custom)?;
        while source
            .next_element_seed(Element {
                target: &mut target,
                level,
            })?
            .is_some()
        {}
        target.end().map_err(de::Error::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut source: A) -> Result<S::Ok, A::Error> {
        let level = self.level_within()?;
        let mut target = self
            .target
            .serialize_map(source.size_hint())
            .map_err(de::Error::custom)?;
        while let Some(key) = source.next_key_seed(TextKey)? {
            if key == ARBITRARY_PRECISION_KEY {
                return Err(de::Error::custom(
                    "numbers can't be read while serde_json's feature `arbitrary_precision` is on",
                ));
            }
            target.serialize_key(&key).map_err(de::Error::custom)?;
            source.next_value_seed(MapValue {
                target: &mut target,
                level,
            })?;
        }
        target.end().map_err(de::Error::custom)
    }
}

/// A map's key, which must be text.
struct TextKey;

impl<'de> DeserializeSeed<'de> for TextKey {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Self::Value, D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TextKey {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map key that is text, the only kind that JSON has")
    }

    fn visit_borrowed_str<E: de::Error>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

struct Element<'a, S> {
    target: &'a mut S,
    level: usize,
}

impl<'de, S: SerializeSeq> DeserializeSeed<'de> for Element<'_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<(), D::Error> {
        self.target
            .serialize_element(&Pending::new(source, self.level))
            .map_err(de::Error::custom)
    }
}

struct MapValue<'a, S> {
    target: &'a mut S,
    level: usize,
}

impl<'de, S: SerializeMap> DeserializeSeed<'de> for MapValue<'_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<(), D::Error> {
        self.target
            .serialize_value(&Pending::new(source, self.level))
            .map_err(de::Error::custom)
    }
}

/// A value still to be read, posing as one to be written: reading it is what writes it.
struct Pending<D> {
    source: Cell<Option<D>>,
    level: usize,
}

impl<D> Pending<D> {
    fn new(source: D, level: usize) -> Self {
        Self {
            source: Cell::new(Some(source)),
            level,
        }
    }
}

impl<'de, D: Deserializer<'de>> Serialize for Pending<D> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let source = self
            .source
            .take()
            .ok_or_else(|| ser::Error::custom("a value can be written only once"))?;
        source
            .deserialize_any(Transcode {
                target: serializer,
                level: self.level,
            })
            .map_err(ser::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(bytes: &[u8]) -> String {
        Payload::from_msgpack(bytes.to_vec())
            .unwrap()
            .to_json()
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn what_json_has_no_form_for_is_refused_and_named() {
        let nan = rmp_serde::to_vec(&f64::NAN).unwrap();
        assert!(refusal(&nan).contains("NaN has no form"));
        let infinite = rmp_serde::to_vec(&f32::INFINITY).unwrap();
        assert!(refusal(&infinite).contains("inf has no form"));
        assert!(refusal(&[0x91, 0xc4, 0x02, 0x00, 0xff]).contains("2 bytes of binary data"));
        assert!(refusal(&[0xd4, 0x01, 0x00]).contains("extension"));
        assert!(refusal(&[0x81, 0x01, 0x02]).contains("a map key that is text"));
        assert!(
            refusal(&[0xa1, 0xff]).contains("utf-8"),
            "{}",
            refusal(&[0xa1, 0xff])
        );
    }

    #[test]
    fn numbers_keep_their_kind_and_value() {
        for json in [
            "18446744073709551615",
            "-9223372036854775808",
            "1",
            "1.0",
            "-0.0",
            "5e-324",
        ] {
            let payload = Payload::from_json(json).unwrap();
            assert_eq!(payload.to_json().unwrap(), json);
        }
        let single = Payload::encode(&0.1_f32).unwrap();
        assert_eq!(single.to_json().unwrap(), "0.10000000149011612");
        assert_eq!(
            Payload::from_json("0.10000000149011612")
                .unwrap()
                .decode::<f32>()
                .unwrap()
                .to_bits(),
            0.1_f32.to_bits()
        );
    }

    #[test]
    fn numbers_of_arbitrary_precision_are_refused_rather_than_stored_as_a_map() {
        let error = Payload::from_json(r#"{"$serde_json::private::Number":"1"}"#).unwrap_err();
        assert!(error.to_string().contains("arbitrary_precision"), "{error}");
    }

    #[test]
    fn keys_keep_their_order() {
        let json = r#"{"z":1,"a":{"y":[],"b":{}}}"#;
        assert_eq!(Payload::from_json(json).unwrap().to_json().unwrap(), json);
    }
}
