//! The configuration as names and texts: the one form behind files and the environment.

use std::fmt;

use aether_core::{Namespace, WireForm};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::text::{exact, parse_duration};
use super::{InvalidConfig, JetStreamConfig, Retention, Storage};

/// A setting by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Stream,
    Namespace,
    Replicas,
    Retention,
    Storage,
    Republish,
    Codec,
    RequestTimeout,
    Deadline,
    CacheActors,
    MessageBytesMax,
}

/// The names in a file, in the order of [`Field::ALL`].
const NAMES: [&str; 11] = [
    "stream",
    "namespace",
    "replicas",
    "retention",
    "storage",
    "republish",
    "codec",
    "request_timeout",
    "deadline",
    "cache_actors",
    "message_bytes_max",
];

const MESSAGE_PACK: &str = "msgpack";
const JSON: &str = "json";

impl Field {
    pub(super) const ALL: [Self; NAMES.len()] = [
        Self::Stream,
        Self::Namespace,
        Self::Replicas,
        Self::Retention,
        Self::Storage,
        Self::Republish,
        Self::Codec,
        Self::RequestTimeout,
        Self::Deadline,
        Self::CacheActors,
        Self::MessageBytesMax,
    ];

    pub(super) fn name(self) -> &'static str {
        NAMES[self as usize]
    }

    pub(super) fn variable(self) -> &'static str {
        match self {
            Self::Stream => "AETHER_STREAM",
            Self::Namespace => "AETHER_NAMESPACE",
            Self::Replicas => "AETHER_REPLICAS",
            Self::Retention => "AETHER_RETENTION",
            Self::Storage => "AETHER_STORAGE",
            Self::Republish => "AETHER_REPUBLISH",
            Self::Codec => "AETHER_CODEC",
            Self::RequestTimeout => "AETHER_REQUEST_TIMEOUT",
            Self::Deadline => "AETHER_DEADLINE",
            Self::CacheActors => "AETHER_CACHE_ACTORS",
            Self::MessageBytesMax => "AETHER_MESSAGE_BYTES_MAX",
        }
    }

    /// What its text has to be, where it is not even of the right sort.
    fn expected(self) -> String {
        match self {
            Self::Stream => "the base name of the streams".to_owned(),
            Self::Namespace => format!("text of 1 to {} bytes", Namespace::BYTES_MAX),
            Self::Replicas | Self::CacheActors | Self::MessageBytesMax => {
                "a whole number".to_owned()
            }
            Self::Retention => Retention::expected(),
            Self::Storage => Storage::EXPECTED.to_owned(),
            Self::Republish => "true or false".to_owned(),
            Self::Codec => format!("{MESSAGE_PACK} or {JSON}"),
            Self::RequestTimeout | Self::Deadline => {
                "a duration with its unit, such as 250ms or 2s".to_owned()
            }
        }
    }

    pub(super) fn invalid(self, found: impl Into<String>) -> InvalidConfig {
        InvalidConfig {
            field: self.name(),
            variable: None,
            found: found.into(),
            expected: self.expected(),
        }
    }
}

impl JetStreamConfig {
    /// Reads and validates what was said; each field at most once.
    pub(super) fn from_texts(
        said: impl IntoIterator<Item = (Field, String)>,
    ) -> Result<Self, InvalidConfig> {
        // Its name is checked with the rest, at the end.
        let mut config = Self::new("");
        let mut is_named = false;
        for (field, text) in said {
            is_named |= field == Field::Stream;
            if config.set(field, &text).is_none() {
                return Err(field.invalid(format!("{text:?}")));
            }
        }
        if !is_named {
            return Err(Field::Stream.invalid("missing"));
        }
        config.validate()?;
        Ok(config)
    }

    fn set(&mut self, field: Field, text: &str) -> Option<()> {
        match field {
            Field::Stream => text.clone_into(&mut self.stream),
            Field::Namespace => self.namespace = Some(Namespace::new(text).ok()?),
            Field::Replicas => self.replicas = text.parse().ok()?,
            Field::Retention => self.retention = Retention::parse(text)?,
            Field::Storage => self.storage = Storage::parse(text)?,
            Field::Republish => self.republish = text.parse().ok()?,
            Field::Codec => {
                self.codec = match text {
                    MESSAGE_PACK => WireForm::MessagePack,
                    JSON => WireForm::Json,
                    _ => return None,
                }
            }
            Field::RequestTimeout => self.request_timeout = parse_duration(text)?,
            Field::Deadline => self.deadline = parse_duration(text)?,
            Field::CacheActors => self.cache_actors = text.parse().ok()?,
            Field::MessageBytesMax => self.message_bytes_max = Some(text.parse().ok()?),
        }
        Some(())
    }
}

/// Writes every setting that has a value: durations and choices as text, numbers as numbers, and
/// what is true or false as that.
impl Serialize for JetStreamConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for field in Field::ALL {
            let name = field.name();
            match field {
                Field::Stream => map.serialize_entry(name, &self.stream)?,
                Field::Namespace => {
                    if let Some(namespace) = &self.namespace {
                        map.serialize_entry(name, namespace)?;
                    }
                }
                Field::Replicas => map.serialize_entry(name, &self.replicas)?,
                Field::Retention => map.serialize_entry(name, &self.retention.to_string())?,
                Field::Storage => map.serialize_entry(name, &self.storage.to_string())?,
                Field::Republish => map.serialize_entry(name, &self.republish)?,
                Field::Codec => {
                    let codec = match self.codec {
                        WireForm::MessagePack => MESSAGE_PACK,
                        WireForm::Json => JSON,
                    };
                    map.serialize_entry(name, codec)?;
                }
                Field::RequestTimeout => {
                    map.serialize_entry(name, &exact(self.request_timeout))?;
                }
                Field::Deadline => map.serialize_entry(name, &exact(self.deadline))?,
                Field::CacheActors => map.serialize_entry(name, &self.cache_actors)?,
                Field::MessageBytesMax => {
                    if let Some(bytes) = self.message_bytes_max {
                        map.serialize_entry(name, &bytes)?;
                    }
                }
            }
        }
        map.end()
    }
}

/// Reads settings by their names, and validates them; numbers and flags may stand as text, too, as
/// they do where a file is filled in from the environment.
impl<'de> Deserialize<'de> for JetStreamConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct("JetStreamConfig", &NAMES, Settings)
    }
}

struct Settings;

impl<'de> Visitor<'de> for Settings {
    type Value = JetStreamConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the settings of a store on JetStream, by their names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JetStreamConfig, A::Error> {
        let mut said: Vec<(Field, String)> = Vec::with_capacity(NAMES.len());
        while let Some(name) = map.next_key::<String>()? {
            let field = Field::ALL.into_iter().find(|field| field.name() == name);
            let field = field.ok_or_else(|| A::Error::unknown_field(&name, &NAMES))?;
            if said.iter().any(|(other, _)| *other == field) {
                return Err(A::Error::duplicate_field(field.name()));
            }
            match map.next_value::<Said>()? {
                Said::Nothing => {}
                Said::Text(text) => said.push((field, text)),
                Said::Number(number) => said.push((field, number.to_string())),
                Said::Flag(flag) if field == Field::Republish => {
                    said.push((field, flag.to_string()));
                }
                Said::Flag(flag) => {
                    return Err(A::Error::custom(field.invalid(flag.to_string())));
                }
                Said::Other(found) => return Err(A::Error::custom(field.invalid(found))),
            }
        }
        JetStreamConfig::from_texts(said).map_err(A::Error::custom)
    }
}

/// A value as it stands in a file: so that the error names the field, whatever stands there.
enum Said {
    Nothing,
    Text(String),
    Number(i128),
    Flag(bool),
    Other(String),
}

impl<'de> Deserialize<'de> for Said {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Anything;

        impl<'de> Visitor<'de> for Anything {
            type Value = Said;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_unit<E>(self) -> Result<Said, E> {
                Ok(Said::Nothing)
            }

            fn visit_none<E>(self) -> Result<Said, E> {
                Ok(Said::Nothing)
            }

            fn visit_some<D: Deserializer<'de>>(self, some: D) -> Result<Said, D::Error> {
                Said::deserialize(some)
            }

            fn visit_str<E>(self, text: &str) -> Result<Said, E> {
                Ok(Said::Text(text.to_owned()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Said, E> {
                Ok(Said::Number(number.into()))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Said, E> {
                Ok(Said::Number(number.into()))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Said, E> {
                Ok(Said::Other(number.to_string()))
            }

            fn visit_bool<E>(self, flag: bool) -> Result<Said, E> {
                Ok(Said::Flag(flag))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Said, A::Error> {
                while seq.next_element::<serde::de::IgnoredAny>()?.is_some() {}
                Ok(Said::Other("a list".to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Said, A::Error> {
                use serde::de::IgnoredAny;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Said::Other("a table".to_owned()))
            }
        }

        deserializer.deserialize_any(Anything)
    }
}
