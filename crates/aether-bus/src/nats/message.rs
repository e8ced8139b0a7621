//! What nodes send each other, and what is in it. `docs/wire-format.md` is the normative description.

use aether_core::{Event, EventType, Namespace, TraceContext, WireError, WireForm};
use async_nats::{HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::nats::course::{Said, Topic};
use crate::nats::names::Names;
use crate::nats::numbers::{Place, decimal};
use crate::nats::origin::Origin;

/// The version of this format, the first word of [`BUS`].
const FORMAT: &str = "1";
/// What a message is, and whose.
const BUS: HeaderName = HeaderName::from_static("Aether-Bus");
const CONTENT_TYPE: HeaderName = HeaderName::from_static("Content-Type");
/// What a subject is about, where it is too long to say it itself.
const NAMESPACE: HeaderName = HeaderName::from_static("Aether-Namespace");
const EVENT_TYPE: HeaderName = HeaderName::from_static("Aether-Event-Type");
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACE_STATE: HeaderName = HeaderName::from_static("tracestate");

/// What a message on a subject of events is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An event, or an announcement.
    Numbered(Said, Place),
    /// To see whether it comes back.
    Probe(u64),
}

/// What nodes tell each other of themselves.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// It is there, and says so at least every so many milliseconds.
    Alive { every: u64 },
    /// It publishes nothing any more.
    Stopped,
    /// It listens to the subjects in the body, and wants the last numbers of them.
    Asks { question: u64 },
    /// It has announced those. Series that began after it was asked have this number, or a higher
    /// one; so many series it has forgotten since it began.
    Answers {
        question: u64,
        next_series: u64,
        forgotten: u64,
    },
    /// To see whether it comes back.
    Probe(u64),
}

/// Why a message is none of this bus.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Foreign {
    #[error("it has no header Aether-Bus that this release knows")]
    NoHeader,
    #[error("its subject does not say what it is about")]
    Subject,
}

/// Whose message it is, and what else its first header says.
fn marked(headers: Option<&HeaderMap>) -> Option<(Origin, &str)> {
    let rest = headers?.get(BUS)?.as_str().strip_prefix(FORMAT)?;
    let rest = rest.strip_prefix(' ')?;
    let (origin, rest) = rest.split_at_checked(Origin::BYTES)?;
    Some((Origin::read(origin)?, rest.strip_prefix(' ')?))
}

fn header(origin: Origin, rest: std::fmt::Arguments<'_>) -> HeaderValue {
    HeaderValue::from(format!("{FORMAT} {origin} {rest}"))
}

/// Whose message it is, and what it is.
pub(crate) fn kind(headers: Option<&HeaderMap>) -> Result<(Origin, Kind), Foreign> {
    fn read(headers: Option<&HeaderMap>) -> Option<(Origin, Kind)> {
        let (origin, rest) = marked(headers)?;
        let (kind, about) = rest.split_once(' ')?;
        let place = |said| Some(Kind::Numbered(said, Place::read(about)?));
        let kind = match kind {
            "event" => place(Said::Event),
            "last" => place(Said::Last),
            "end" => place(Said::End),
            "probe" => Some(Kind::Probe(decimal(about)?)),
            _ => None,
        }?;
        let is_possible = !matches!(kind, Kind::Numbered(_, place) if place.number == 0);
        is_possible.then_some((origin, kind))
    }
    read(headers).ok_or(Foreign::NoHeader)
}

/// Who says what.
pub(crate) fn word(headers: Option<&HeaderMap>) -> Option<(Origin, Word)> {
    let (origin, rest) = marked(headers)?;
    let mut words = rest.split(' ');
    let word = words.next()?;
    let mut number = || decimal(words.next()?);
    let word = match word {
        "alive" => Word::Alive { every: number()? },
        "stopped" => Word::Stopped,
        "asks" => Word::Asks {
            question: number()?,
        },
        "answers" => Word::Answers {
            question: number()?,
            next_series: number()?,
            forgotten: number()?,
        },
        "probe" => Word::Probe(number()?),
        _ => return None,
    };
    words.next().is_none().then_some((origin, word))
}

pub(crate) fn kind_header(headers: &mut HeaderMap, origin: Origin, kind: &Kind) {
    let (kind, series, number) = match kind {
        Kind::Numbered(Said::Event, place) => ("event", Some(place.series), place.number),
        Kind::Numbered(Said::Last, place) => ("last", Some(place.series), place.number),
        Kind::Numbered(Said::End, place) => ("end", Some(place.series), place.number),
        Kind::Probe(number) => ("probe", None, *number),
    };
    // Once for each event: written by hand, in one piece.
    let mut value = String::with_capacity(64);
    value.push_str(FORMAT);
    value.push(' ');
    value.push_str(origin.as_str());
    value.push(' ');
    value.push_str(kind);
    value.push(' ');
    if let Some(series) = series {
        push_decimal(&mut value, series);
        value.push('.');
    }
    push_decimal(&mut value, number);
    headers.insert(BUS, value);
}

fn push_decimal(text: &mut String, mut number: u64) {
    let mut digits = [b'0'; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] += u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    text.extend(digits[first..].iter().map(|digit| char::from(*digit)));
}

pub(crate) fn word_headers(origin: Origin, word: &Word) -> HeaderMap {
    let value = match word {
        Word::Alive { every } => header(origin, format_args!("alive {every}")),
        Word::Stopped => header(origin, format_args!("stopped")),
        Word::Asks { question } => header(origin, format_args!("asks {question}")),
        Word::Answers {
            question,
            next_series,
            forgotten,
        } => header(
            origin,
            format_args!("answers {question} {next_series} {forgotten}"),
        ),
        Word::Probe(number) => header(origin, format_args!("probe {number}")),
    };
    let mut headers = HeaderMap::new();
    headers.insert(BUS, value);
    headers
}

/// Says what the subject is about, where that is too long for it.
pub(crate) fn topic_headers(headers: &mut HeaderMap, topic: &Topic, subject: &str) {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    if Names::is_shortened(subject) {
        headers.insert(NAMESPACE, encoded(topic.namespace.as_str()));
        headers.insert(EVENT_TYPE, encoded(topic.event_type.as_str()));
    }
}

/// What a message is about.
pub(crate) fn topic(
    names: &Names,
    subject: &str,
    headers: Option<&HeaderMap>,
) -> Result<Topic, Foreign> {
    topic_of(names, subject, headers).ok_or(Foreign::Subject)
}

fn topic_of(names: &Names, subject: &str, headers: Option<&HeaderMap>) -> Option<Topic> {
    let said = |name: HeaderName| {
        let value = headers?.get(name)?.as_str();
        Some(percent_decode_str(value).decode_utf8().ok()?.into_owned())
    };
    let (event_type, namespace) = names.said(subject)?;
    let event_type = aether_core::subject_text(event_type).or_else(|| said(EVENT_TYPE))?;
    let namespace = match namespace {
        Some(namespace) => namespace,
        None => Namespace::new(said(NAMESPACE)?).ok()?,
    };
    let topic = Topic {
        namespace,
        event_type: EventType::new(event_type).ok()?,
    };
    let is_meant = names.subject(&topic.namespace, &topic.event_type) == subject;
    is_meant.then_some(topic)
}

/// An event's headers, but for its place, and its body.
pub(crate) fn encode(
    event: &Event,
    form: WireForm,
    trace: Option<&TraceContext>,
) -> Result<(HeaderMap, Bytes), WireError> {
    let body = event.to_wire(form)?;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, form.media_type());
    if let Some(trace) = trace {
        headers.insert(TRACE_PARENT, trace.to_string());
        if let Some(state) = trace.state() {
            headers.insert(TRACE_STATE, state);
        }
    }
    Ok((headers, body.into()))
}

/// The event in a message.
pub(crate) fn decode(headers: Option<&HeaderMap>, body: &[u8]) -> Result<Event, Unreadable> {
    let media_type = headers.and_then(|headers| headers.get(CONTENT_TYPE));
    let media_type = media_type.map_or("", HeaderValue::as_str);
    let form = [WireForm::MessagePack, WireForm::Json]
        .into_iter()
        .find(|form| form.media_type() == media_type);
    let form = form.ok_or_else(|| Unreadable::MediaType(media_type.to_owned()))?;
    Ok(Event::from_wire(form, body)?)
}

/// Why an event can't be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("its Content-Type is {0:?}")]
    MediaType(String),
    #[error(transparent)]
    Body(#[from] WireError),
    #[error("it is of another type than its subject says")]
    AnotherType,
}

/// The trace in which it was published. One that is none is as if it was not there, as the
/// specification says.
pub(crate) fn trace(headers: Option<&HeaderMap>) -> Option<TraceContext> {
    // Most have no more than what an event has to have.
    let headers = headers.filter(|headers| headers.len() > 2);
    let parent = headers?.get(TRACE_PARENT)?.as_str();
    let context: TraceContext = parent.parse().ok()?;
    match headers?.get(TRACE_STATE) {
        Some(state) => Some(
            context
                .clone()
                .with_state(state.as_str())
                .unwrap_or(context),
        ),
        None => Some(context),
    }
}

/// The bytes of a message as the server counts them.
pub(crate) fn size(headers: &HeaderMap, body: &[u8]) -> usize {
    const BEGINNING_AND_END: usize = "NATS/1.0\r\n\r\n".len();
    let lines = headers.iter().flat_map(|(name, values)| {
        let name: &str = name.as_ref();
        let of_name = name.len() + ": \r\n".len();
        values
            .iter()
            .map(move |value| of_name + value.as_str().len())
    });
    BEGINNING_AND_END + lines.sum::<usize>() + body.len()
}

#[cfg(test)]
mod tests {
    use aether_core::{ActorId, EventDraft, Version};

    use super::*;

    fn names() -> Names {
        Names::new("bus")
    }

    fn with(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(BUS, value);
        headers
    }

    const ID: &str = "01ARZ3NDEKTSV4RRFFQ69G5FA2";

    #[test]
    fn a_kind_is_read_as_it_is_written() {
        let origin = Origin::read(ID).unwrap();
        let place = Place {
            series: 3,
            number: 17,
        };
        let rows = [
            (Kind::Numbered(Said::Event, place), "event 3.17"),
            (Kind::Numbered(Said::Last, place), "last 3.17"),
            (Kind::Numbered(Said::End, place), "end 3.17"),
            (Kind::Probe(5), "probe 5"),
        ];
        for (written, text) in rows {
            let mut headers = HeaderMap::new();
            kind_header(&mut headers, origin, &written);
            let value = headers.get(BUS).unwrap().as_str();
            assert_eq!(value, format!("1 {ID} {text}"));
            assert_eq!(kind(Some(&headers)), Ok((origin, written)));
        }
        for other in [
            "",
            "1",
            "event 3.17",
            &format!("2 {ID} event 3.17"),
            &format!("1 {} event 3.17", ID.to_lowercase()),
            &format!("1 {ID} event 3.0"),
            &format!("1 {ID} event 3"),
            &format!("1 {ID} event"),
            &format!("1 {ID} event 3.17 more"),
            &format!("1 {ID} other 3.17"),
            &format!("1 {ID} probe 3.17"),
        ] {
            assert_eq!(
                kind(Some(&with(other))),
                Err(Foreign::NoHeader),
                "{other:?}"
            );
        }
        assert_eq!(kind(None), Err(Foreign::NoHeader));
    }

    #[test]
    fn a_word_is_read_as_it_is_written() {
        let origin = Origin::read(ID).unwrap();
        let rows = [
            (Word::Alive { every: 5_000 }, "alive 5000"),
            (Word::Stopped, "stopped"),
            (Word::Asks { question: 4 }, "asks 4"),
            (
                Word::Answers {
                    question: 4,
                    next_series: 9,
                    forgotten: 3,
                },
                "answers 4 9 3",
            ),
            (Word::Probe(0), "probe 0"),
        ];
        for (written, text) in rows {
            let headers = word_headers(origin, &written);
            let value = headers.get(BUS).unwrap().as_str();
            assert_eq!(value, format!("1 {ID} {text}"));
            assert_eq!(word(Some(&headers)), Some((origin, written)));
        }
        for other in ["", "stopped", "1 x stopped", &format!("1 {ID} alive")] {
            assert_eq!(word(Some(&with(other))), None, "{other:?}");
        }
    }

    #[test]
    fn what_a_subject_is_too_long_to_say_the_headers_say() {
        let topics = ["shop", "ü.日本", &"ü".repeat(64)].map(|namespace| Topic {
            namespace: Namespace::new(namespace).unwrap(),
            event_type: EventType::new(format!("Placed {namespace}")).unwrap(),
        });
        for about in topics {
            let subject = names().subject(&about.namespace, &about.event_type);
            let mut headers = HeaderMap::new();
            topic_headers(&mut headers, &about, &subject);
            let is_long = about.namespace.as_str().len() > 100;
            assert_eq!(headers.is_empty(), !is_long);
            assert_eq!(topic(&names(), &subject, Some(&headers)), Ok(about));
            // And nothing else.
            let mut other = headers.clone();
            other.insert(NAMESPACE, "shop");
            let other = topic(&names(), &subject, Some(&other));
            assert_eq!(other.is_err(), is_long);
        }
    }

    #[test]
    fn an_event_goes_over_in_both_forms() {
        let actor_id = ActorId::new("order-1").unwrap();
        let draft = EventDraft::new(&actor_id, "Placed", &("book", 3)).unwrap();
        let event = draft.at(Version::FIRST).unwrap();
        let context = TraceContext::new(7, 8, 1).unwrap();
        let context = context.with_state("vendor=a").unwrap();
        for form in [WireForm::MessagePack, WireForm::Json] {
            let (headers, body) = encode(&event, form, Some(&context)).unwrap();
            assert_eq!(decode(Some(&headers), &body).unwrap(), event);
            assert_eq!(trace(Some(&headers)), Some(context.clone()));
        }
        let (headers, body) = encode(&event, WireForm::Json, None).unwrap();
        assert_eq!(trace(Some(&headers)), None);
        assert!(decode(Some(&headers), &body[1..]).is_err());
        assert!(decode(None, &body).is_err());
    }
}
