//! The headers with which other people's tools can read what is on the bus: CloudEvents 1.0.

use aether_core::{CommandId, Event, Version};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::uri_reference::is_uri_reference;

/// The version of the specification.
const SPEC_VERSION: &str = "1.0";
/// The ASCII that a header's value may not have as it is, beside which there is all that is not
/// ASCII.
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');
/// As many digits as the highest version has: so the order of the texts is that of the versions.
const SEQUENCE_DIGITS: usize = 19;

const _: () = assert!(Version::MAX.get().ilog10() as usize + 1 == SEQUENCE_DIGITS);

/// Makes the headers of events as [CloudEvents 1.0][spec] has them, by its [binding for NATS][nats]
/// in binary content mode.
///
/// | header | value |
/// |---|---|
/// | `ce-specversion` | `1.0` |
/// | `ce-id` | the event's id |
/// | `ce-source` | the source |
/// | `ce-type` | the event's type |
/// | `ce-datacontenttype` | the media type of the body |
/// | `ce-subject` | the actor's id |
/// | `ce-time` | the event's timestamp, RFC 3339 |
/// | `ce-sequence` | the event's version, with zeros in front to 19 digits |
/// | `ce-commandid` | the command's id, where the event has one |
/// | `ce-correlationid`, `ce-causationid` | what the metadata say, where they do |
///
/// The body of a message is the **whole event in its wire form**, not its data alone, so the media
/// type is that of the wire form. The binding has it in `ce-datacontenttype`; with a `Content-Type`
/// of `application/cloudevents` beside it a reader would take the message for another mode.
///
/// Versions count the events of one actor, so `ce-sequence` compares events of one `ce-subject`.
/// There is no `ce-sequencetype`: the one that is defined, `Integer`, ends at 31 bits.
///
/// Each value is percent-encoded as the binding says: spaces, `"`, `%`, and what is not printable
/// ASCII. So it is fit for a header whatever is in an id, and has at most three times its bytes.
/// CloudEvents has no control characters in texts: an id that has some is sent encoded all the same,
/// and a strict reader may refuse it.
///
/// ```
/// use aether_bus::CloudEvents;
/// use aether_core::{ActorId, EventDraft, Version, WireForm};
///
/// let cloud_events = CloudEvents::new("https://shop.example/orders")?;
/// let order = ActorId::new("order 123")?;
/// let placed = EventDraft::new(&order, "OrderPlaced", &("book", 3))?.at(Version::FIRST)?;
///
/// let headers = cloud_events.headers(&placed, WireForm::MessagePack.media_type());
/// for (name, value) in [
///     ("ce-type", "OrderPlaced"),
///     ("ce-subject", "order%20123"),
///     ("ce-sequence", "0000000000000000001"),
///     ("ce-datacontenttype", "application/msgpack"),
/// ] {
///     assert!(headers.contains(&(name, value.to_owned())));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [spec]: https://github.com/cloudevents/spec/blob/main/cloudevents/spec.md
/// [nats]: https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/nats-protocol-binding.md
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudEvents {
    /// Percent-encoded.
    source: String,
}

/// A source that CloudEvents does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSource {
    /// It is empty.
    #[error("the source of CloudEvents is empty")]
    Empty,
    /// It is longer than [`CloudEvents::SOURCE_BYTES_MAX`].
    #[error(
        "the source of CloudEvents has {bytes} bytes, at most {} are allowed",
        CloudEvents::SOURCE_BYTES_MAX
    )]
    TooLong {
        /// How many bytes it has.
        bytes: usize,
    },
    /// It is not a URI-reference (RFC 3986, section 4.1).
    #[error("the source of CloudEvents is not a URI-reference: {text:?}")]
    NotUriReference {
        /// What it is instead.
        text: String,
    },
}

impl CloudEvents {
    /// The most bytes that a source may have.
    pub const SOURCE_BYTES_MAX: usize = 1_024;

    /// With this source: where the events come from, as a URI-reference; an absolute URI is what the
    /// specification recommends.
    ///
    /// A source and an id name one event. The ids of events are unique by themselves, so all nodes
    /// of a system may have one source.
    ///
    /// # Errors
    ///
    /// [`InvalidSource`] where it is empty, too long, or not a URI-reference.
    pub fn new(source: &str) -> Result<Self, InvalidSource> {
        if source.is_empty() {
            return Err(InvalidSource::Empty);
        }
        if source.len() > Self::SOURCE_BYTES_MAX {
            let bytes = source.len();
            return Err(InvalidSource::TooLong { bytes });
        }
        if !is_uri_reference(source) {
            let text = source.to_owned();
            return Err(InvalidSource::NotUriReference { text });
        }
        Ok(Self {
            source: escaped(source),
        })
    }

    /// The headers of this event, names and values, for a message whose body has this media type.
    ///
    /// The media type is taken as it is, but for the encoding: it is up to the caller that it is
    /// one (RFC 2046).
    #[must_use]
    pub fn headers(&self, event: &Event, media_type: &str) -> Vec<(&'static str, String)> {
        let version = event.version();
        let mut headers = vec![
            ("ce-specversion", SPEC_VERSION.to_owned()),
            ("ce-id", escaped(event.id().as_str())),
            ("ce-source", self.source.clone()),
            ("ce-type", escaped(event.event_type().as_str())),
            ("ce-datacontenttype", escaped(media_type)),
            ("ce-subject", escaped(event.actor_id().as_str())),
            ("ce-time", event.timestamp().to_string()),
            ("ce-sequence", format!("{version:0SEQUENCE_DIGITS$}")),
        ];
        let metadata = event.metadata();
        let optional = [
            ("ce-commandid", event.command_id().map(CommandId::as_str)),
            ("ce-correlationid", metadata.correlation_id()),
            ("ce-causationid", metadata.causation_id()),
        ];
        for (name, value) in optional {
            // The correlation extension has no empty values, and metadata may.
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                headers.push((name, escaped(value)));
            }
        }
        headers
    }
}

/// The value as a header has it.
fn escaped(value: &str) -> String {
    utf8_percent_encode(value, ESCAPED).to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use aether_core::{ActorId, EventDraft, EventId, EventType, Metadata, Timestamp};
    use proptest::prelude::*;

    use super::*;

    const SOURCE: &str = "urn:example:shop";

    fn draft(actor: &str, event_type: &str) -> EventDraft {
        let actor = ActorId::new(actor).unwrap();
        let event_type = EventType::new(event_type).unwrap();
        EventDraft::new(&actor, event_type, &()).unwrap()
    }

    fn headers_of(event: &Event) -> BTreeMap<&'static str, String> {
        let cloud_events = CloudEvents::new(SOURCE).unwrap();
        let headers = cloud_events.headers(event, "application/json");
        let count = headers.len();
        let headers: BTreeMap<_, _> = headers.into_iter().collect();
        assert_eq!(headers.len(), count, "each name is there once");
        headers
    }

    /// Reads a value by the words of the binding, 3.1.3.2: what stands in double quotes is
    /// unescaped, then percent-encoding is undone once, and what is not UTF-8 then is refused.
    fn read(value: &str) -> Option<String> {
        let mut unquoted = Vec::new();
        let mut is_quoted = false;
        let mut bytes = value.bytes();
        while let Some(byte) = bytes.next() {
            match byte {
                b'"' => is_quoted = !is_quoted,
                b'\\' if is_quoted => unquoted.push(bytes.next()?),
                _ => unquoted.push(byte),
            }
        }
        let mut decoded = Vec::new();
        let mut bytes = unquoted.into_iter();
        while let Some(byte) = bytes.next() {
            decoded.push(match byte {
                b'%' => {
                    let digits = [bytes.next()?, bytes.next()?];
                    u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
                }
                _ => byte,
            });
        }
        String::from_utf8(decoded).ok()
    }

    #[test]
    fn values_are_encoded_as_the_binding_says() {
        let rows = [
            // Its own example.
            ("Euro € 😀", "Euro%20%E2%82%AC%20%F0%9F%98%80"),
            (" ", "%20"),
            ("\"", "%22"),
            ("%", "%25"),
            ("100%25", "100%2525"),
            // Printable ASCII, from end to end.
            ("!#$&'()*+,-./09:;<=>?", "!#$&'()*+,-./09:;<=>?"),
            ("@AZ[\\]^_`az{|}~", "@AZ[\\]^_`az{|}~"),
            // What the specification has in no text, and recommends to encode all the same.
            ("\0\t\u{1f}\u{7f}", "%00%09%1F%7F"),
            ("\u{80}\u{9f}\u{fffe}", "%C2%80%C2%9F%EF%BF%BE"),
            ("a\r\nce-id: b", "a%0D%0Ace-id:%20b"),
            ("e\u{301}é", "e%CC%81%C3%A9"),
        ];
        for (value, expected) in rows {
            assert_eq!(escaped(value), expected, "{value:?}");
            assert_eq!(read(expected).as_deref(), Some(value));
        }
    }

    #[test]
    fn an_event_has_the_required_attributes_and_those_that_say_where_it_belongs() {
        let event = draft("order-123", "OrderPlaced")
            .id(EventId::new("e-1").unwrap())
            .timestamp("2018-04-05T03:56:24.5Z".parse().unwrap())
            .command(CommandId::new("c 1").unwrap())
            .metadata(Metadata::CORRELATION_ID, "t-1")
            .unwrap()
            .metadata(Metadata::CAUSATION_ID, "e-0")
            .unwrap()
            .metadata(Metadata::USER_ID, "ada")
            .unwrap()
            .at(42.into())
            .unwrap();
        let expected = [
            ("ce-specversion", "1.0"),
            ("ce-id", "e-1"),
            ("ce-source", SOURCE),
            ("ce-type", "OrderPlaced"),
            ("ce-datacontenttype", "application/json"),
            ("ce-subject", "order-123"),
            ("ce-time", "2018-04-05T03:56:24.5Z"),
            ("ce-sequence", "0000000000000000042"),
            ("ce-commandid", "c%201"),
            ("ce-correlationid", "t-1"),
            ("ce-causationid", "e-0"),
        ];
        let expected = expected.map(|(name, value)| (name, value.to_owned()));
        assert_eq!(headers_of(&event), BTreeMap::from(expected));
    }

    #[test]
    fn what_an_event_does_not_have_is_not_there_and_nothing_is_empty() {
        let plain = draft("order-123", "OrderPlaced").at(1.into()).unwrap();
        let draft = draft("order-123", "OrderPlaced");
        let draft = draft.metadata(Metadata::CORRELATION_ID, "").unwrap();
        let draft = draft.metadata(Metadata::CAUSATION_ID, "").unwrap();
        for event in [plain, draft.at(1.into()).unwrap()] {
            let headers = headers_of(&event);
            for name in ["ce-commandid", "ce-correlationid", "ce-causationid"] {
                assert_eq!(headers.get(name), None);
            }
        }
    }

    #[test]
    fn sequences_are_in_the_order_of_versions() {
        let versions = [1, 9, 10, 999, 1_000, 1 << 32, Version::MAX.get()];
        let sequences = versions.map(|version| {
            let version = Version::new(version).unwrap();
            let event = draft("order-123", "OrderPlaced").at(version).unwrap();
            headers_of(&event).remove("ce-sequence").unwrap()
        });
        assert!(sequences.is_sorted(), "{sequences:?}");
        assert_eq!(sequences[6], "9223372036854775807");
    }

    #[test]
    fn a_source_is_a_uri_reference_and_is_encoded_once() {
        for (source, sent) in [
            ("https://shop.example/orders", "https://shop.example/orders"),
            ("/shop", "/shop"),
            ("urn:a%20b", "urn:a%2520b"),
        ] {
            let event = draft("order-123", "OrderPlaced").at(1.into()).unwrap();
            let headers = CloudEvents::new(source).unwrap().headers(&event, "a/b");
            assert!(headers.contains(&("ce-source", sent.to_owned())));
            assert_eq!(read(sent).as_deref(), Some(source));
        }
    }

    #[test]
    fn a_source_that_is_none_says_why() {
        let bytes = CloudEvents::SOURCE_BYTES_MAX;
        assert!(CloudEvents::new(&"a".repeat(bytes)).is_ok());
        let bytes = bytes + 1;
        let too_long = CloudEvents::new(&"a".repeat(bytes));
        assert_eq!(too_long, Err(InvalidSource::TooLong { bytes }));
        assert_eq!(CloudEvents::new(""), Err(InvalidSource::Empty));
        for source in ["a shop", "urn:a\r\nb", "urn:ü", "%"] {
            let text = source.to_owned();
            let expected = InvalidSource::NotUriReference { text };
            assert_eq!(CloudEvents::new(source), Err(expected));
        }
    }

    fn id(bytes_max: usize) -> impl Strategy<Value = String> {
        let id = prop_oneof![
            "[ -~]{1,40}",
            "\\PC{1,40}",
            "[\\x00-\\x20%\"\\x7f\u{80}-\u{9f}]{1,20}",
            Just("😀".repeat(bytes_max / 4)),
            any::<String>(),
        ];
        id.prop_filter("within bounds", move |id| {
            (1..=bytes_max).contains(&id.len())
        })
    }

    proptest! {
        #[test]
        fn whatever_is_in_an_event_is_legal_in_headers_and_read_back(
            ids in (id(EventId::BYTES_MAX), id(ActorId::BYTES_MAX)),
            event_type in id(EventType::BYTES_MAX),
            command in id(CommandId::BYTES_MAX),
            (correlation, causation) in (any::<String>(), any::<String>()),
            (version, nanos) in (1..=Version::MAX.get(), any::<i64>()),
        ) {
            let (event_id, actor) = ids;
            let time = Timestamp::from_unix_nanos(nanos);
            let event = draft(&actor, &event_type)
                .id(EventId::new(&event_id).unwrap())
                .timestamp(time)
                .command(CommandId::new(&command).unwrap())
                .metadata(Metadata::CORRELATION_ID, &correlation)
                .unwrap()
                .metadata(Metadata::CAUSATION_ID, &causation)
                .unwrap()
                .at(Version::new(version).unwrap())
                .unwrap();
            let headers = headers_of(&event);
            for (name, value) in &headers {
                let attribute = name.strip_prefix("ce-").unwrap();
                let is_legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
                prop_assert!((1..=20).contains(&attribute.len()) && attribute != "data");
                prop_assert!(attribute.bytes().all(is_legal));
                let is_legal = |b: u8| (0x21..=0x7e).contains(&b) && b != b'"';
                prop_assert!(!value.is_empty() && value.bytes().all(is_legal));
            }
            let attribute = |name: &str| headers.get(name).map(|value| read(value).unwrap());
            let is = |value: String| Some(value).filter(|value| !value.is_empty());
            prop_assert_eq!(attribute("ce-id"), is(event_id));
            prop_assert_eq!(attribute("ce-subject"), is(actor));
            prop_assert_eq!(attribute("ce-type"), is(event_type));
            prop_assert_eq!(attribute("ce-commandid"), is(command));
            prop_assert_eq!(attribute("ce-correlationid"), is(correlation));
            prop_assert_eq!(attribute("ce-causationid"), is(causation));
            let sequence = attribute("ce-sequence").unwrap();
            prop_assert_eq!((sequence.len(), sequence.parse()), (19, Ok(version)));
            prop_assert_eq!(attribute("ce-time").unwrap().parse(), Ok(time));
        }
    }
}
