//! A message as the server sends it once it has stored it: told from what somebody else sends.

use aether_core::{Event, Timestamp};
use async_nats::{HeaderMap, HeaderName, HeaderValue, Message};

use super::course::Place;
use crate::message::Stored;
use crate::names::Names;

const STREAM: HeaderName = HeaderName::from_static("Nats-Stream");
const SUBJECT: HeaderName = HeaderName::from_static("Nats-Subject");
const SEQUENCE: HeaderName = HeaderName::from_static("Nats-Sequence");
const TIME: HeaderName = HeaderName::from_static("Nats-Time-Stamp");
const PREVIOUS: HeaderName = HeaderName::from_static("Nats-Last-Sequence");
/// Only in answers to requests for several messages, which have the others as well; but the last
/// of them is another one there.
const PENDING: HeaderName = HeaderName::from_static("Nats-Num-Pending");

/// A stored message and its place.
#[derive(Debug)]
pub(super) struct Republished {
    pub(super) place: Place,
    /// On the subject on which it is stored.
    pub(super) stored: Stored,
}

impl Republished {
    /// Takes a message for one that the stream of events has stored and sent.
    ///
    /// The error is the reason why it can't be one. Who forges all of it is not told apart.
    pub(super) fn read(message: Message, names: &Names) -> Result<Self, String> {
        let headers = message.headers.unwrap_or_default();
        let stream = text(&headers, &STREAM)?;
        if stream != names.events_stream {
            return Err(format!("header {STREAM} is {stream:?}"));
        }
        if headers.get(PENDING).is_some() {
            return Err(format!(
                "header {PENDING} is there: somebody has asked for it"
            ));
        }
        let subject = text(&headers, &SUBJECT)?;
        if !names.is_sent_on(subject, &message.subject) {
            return Err(format!("header {SUBJECT} is {subject:?}"));
        }
        let place = Place {
            sequence: number(&headers, &SEQUENCE)?,
            time: time(&headers)?,
            previous: number(&headers, &PREVIOUS)?,
        };
        if place.sequence <= place.previous {
            return Err(format!(
                "header {SEQUENCE} is {}, {PREVIOUS} {}",
                place.sequence, place.previous
            ));
        }
        Ok(Self {
            place,
            stored: Stored {
                subject: subject.into(),
                sequence: place.sequence,
                headers,
                body: message.payload,
            },
        })
    }

    /// The events in it, verified to be those of the actor whose subject it is.
    ///
    /// The error is the reason why they are not.
    pub(super) fn events(&self, names: &Names) -> Result<Vec<Event>, String> {
        let fields = self.stored.fields();
        let (events, _) = self.stored.linked(&fields, fields.span()?)?;
        match events.first().map(Event::actor_id) {
            Some(id) if names.is_events_subject(&self.stored.subject, id) => Ok(events),
            _ => Err(format!(
                "it is on subject {:?}",
                self.stored.subject.as_str()
            )),
        }
    }
}

/// The server adds its own headers behind those that the message has: of several the last is its.
fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<&'h str, String> {
    let value = headers.get_last(name.clone()).map(HeaderValue::as_str);
    value.ok_or_else(|| format!("header {name} is missing"))
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Result<u64, String> {
    let text = text(headers, name)?;
    text.parse()
        .map_err(|_| format!("header {name} is {text:?}, not a sequence"))
}

fn time(headers: &HeaderMap) -> Result<Timestamp, String> {
    let text = text(headers, &TIME)?;
    text.parse()
        .map_err(|_| format!("header {TIME} is {text:?}, not a time"))
}

#[cfg(test)]
mod tests {
    use aether_core::Namespace;
    use proptest::prelude::*;

    use super::*;

    const GOOD: [(&str, &str); 5] = [
        ("Nats-Stream", "orders=eu"),
        ("Nats-Subject", "orders=eu.events.order.order-1=2E5"),
        ("Nats-Sequence", "42"),
        ("Nats-Time-Stamp", "2026-03-01T12:00:00.000000001Z"),
        ("Nats-Last-Sequence", "7"),
    ];
    const ON: &str = "orders=eu.stored.order.order-1=2E5";

    fn names() -> Names {
        Names::new("orders", Some(&Namespace::from_static("eu")))
    }

    fn message(on: &str, headers: &[(&str, &str)]) -> Message {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, *value);
        }
        Message {
            subject: on.into(),
            reply: None,
            payload: "body".into(),
            headers: Some(map),
            status: None,
            description: None,
            length: 0,
        }
    }

    fn read(on: &str, headers: &[(&str, &str)]) -> Result<Republished, String> {
        Republished::read(message(on, headers), &names())
    }

    /// The good ones with another value for one of them; without it where there is none.
    fn with(name: &str, value: Option<&'static str>) -> Vec<(&'static str, &'static str)> {
        let other = |(n, v): (&'static str, &'static str)| match n == name {
            true => value.map(|value| (n, value)),
            false => Some((n, v)),
        };
        GOOD.into_iter().filter_map(other).collect()
    }

    #[test]
    fn what_the_server_sends_is_read_with_its_place() {
        let read = read(ON, &GOOD).unwrap();
        assert_eq!(read.place.sequence, 42);
        assert_eq!(read.place.previous, 7);
        let time = "2026-03-01T12:00:00.000000001Z".parse().unwrap();
        assert_eq!(read.place.time, time);
        assert_eq!(read.stored.subject.as_str(), GOOD[1].1);
        assert_eq!(read.stored.sequence, 42);
        assert_eq!(&read.stored.body[..], b"body");
    }

    #[test]
    fn of_headers_that_the_message_had_already_the_servers_count() {
        let forged = [("Nats-Sequence", "999"), ("Nats-Stream", "others")];
        let read = read(ON, &[&forged[..], &GOOD].concat()).unwrap();
        assert_eq!(read.place.sequence, 42);
    }

    #[test]
    fn what_the_stream_can_not_have_sent_is_foreign_and_says_why() {
        let rows: [(&str, Option<&str>, &str); 13] = [
            ("Nats-Stream", None, "Nats-Stream is missing"),
            ("Nats-Stream", Some("orders"), "Nats-Stream is \"orders\""),
            ("Nats-Subject", None, "Nats-Subject is missing"),
            (
                "Nats-Subject",
                Some("orders=eu.events.order.order-2"),
                "Nats-Subject is",
            ),
            (
                "Nats-Subject",
                Some("orders.events.order.order-1=2E5"),
                "Nats-Subject is",
            ),
            ("Nats-Sequence", None, "Nats-Sequence is missing"),
            ("Nats-Sequence", Some("x"), "not a sequence"),
            ("Nats-Sequence", Some("-1"), "not a sequence"),
            ("Nats-Sequence", Some("0"), "Nats-Sequence is 0"),
            ("Nats-Time-Stamp", Some("yesterday"), "not a time"),
            ("Nats-Time-Stamp", None, "Nats-Time-Stamp is missing"),
            ("Nats-Last-Sequence", None, "Nats-Last-Sequence is missing"),
            ("Nats-Last-Sequence", Some("42"), "Nats-Last-Sequence 42"),
        ];
        for (name, value, said) in rows {
            let reason = read(ON, &with(name, value)).unwrap_err();
            assert!(reason.contains(said), "{name} {value:?}: {reason}");
        }
        // What somebody has asked for, with this subject as the place for the answer.
        let asked = read(ON, &[&GOOD[..], &[("Nats-Num-Pending", "0")]].concat()).unwrap_err();
        assert!(asked.contains("somebody has asked for it"), "{asked}");
        let elsewhere = "orders=eu.stored.order.order-1";
        assert!(read(elsewhere, &GOOD).unwrap_err().contains("Nats-Subject"));
        let bare = Message {
            headers: None,
            ..message(ON, &[])
        };
        assert!(Republished::read(bare, &names()).is_err());
    }

    proptest! {
        #[test]
        fn no_headers_and_no_body_panic(
            on in "[a-z.=>*]{0,20}",
            values in proptest::collection::vec("\\PC{0,30}", GOOD.len()),
            body in any::<Vec<u8>>(),
            good in 0..32_u8,
        ) {
            let is_good = |n: usize| good & (1 << n) != 0;
            let values: Vec<(&str, &str)> = GOOD
                .iter()
                .zip(&values)
                .enumerate()
                .map(|(n, ((name, right), other))| (*name, if is_good(n) { *right } else { other }))
                .collect();
            for on in [on.as_str(), ON] {
                let message = Message { payload: body.clone().into(), ..message(on, &values) };
                if let Ok(read) = Republished::read(message, &names()) {
                    prop_assert!(read.events(&names()).is_err());
                }
            }
        }
    }
}
