//! What things are called on NATS.
//!
//! | what | subject |
//! |---|---|
//! | events of a type in a namespace | `<prefix>.<type token>.<token of each part of the namespace>` |
//! | what a subscription listens to | the same, with `*` and `>` where its pattern has them, and `*` where it asks for no type or for several |
//! | what all nodes hear of each other | `<prefix>=nodes.all` |
//! | what one node hears | `<prefix>=nodes.<origin>` |
//!
//! # Why different names never share a subject
//!
//! A part of a namespace is a [token](subject_token), and an empty one is `=`, which no token is (in
//! a token two digits or `~` follow). So parts and tokens stand for each other one by one, and `*` and
//! `>` of a pattern mean on the server what they mean here. No token is a wildcard. A prefix has no
//! `=`, so the nodes' subjects are nobody's events.

use std::borrow::Cow;

use aether_core::{EventFilter, EventType, Namespace, subject_text, subject_token};

use crate::NamespacePattern;
use crate::nats::origin::Origin;
use crate::pattern::{Part, SEPARATOR};

/// The token of a part without characters.
const EMPTY: &str = "=";
/// The most bytes of a prefix.
pub(crate) const PREFIX_BYTES_MAX: usize = 40;

/// The subjects of one bus.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    prefix: Box<str>,
}

impl Names {
    pub(crate) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.into(),
        }
    }

    /// Whether subjects may begin with it.
    pub(crate) fn is_prefix(prefix: &str) -> bool {
        let stays = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        (1..=PREFIX_BYTES_MAX).contains(&prefix.len()) && prefix.bytes().all(stays)
    }

    /// Where events of this type in this namespace go.
    pub(crate) fn subject(&self, namespace: &Namespace, event_type: &EventType) -> String {
        let parts = namespace.as_str().split(SEPARATOR).map(part_token);
        self.join(&subject_token(event_type.as_str()), parts)
    }

    /// What brings everything that matches the pattern and passes the filter, and as little else as a
    /// subject can say.
    pub(crate) fn listened(&self, pattern: &NamespacePattern, filter: &EventFilter) -> String {
        let mut types = filter.event_types();
        let event_type = match (types.next(), types.next()) {
            (Some(only), None) => subject_token(only.as_str()),
            _ => "*".into(),
        };
        let parts = pattern.parts().iter().map(|part| match part {
            Part::Literal(literal) => part_token(literal),
            Part::Any => "*".into(),
            Part::Rest => ">".into(),
        });
        self.join(&event_type, parts)
    }

    fn join<'a>(&self, event_type: &str, parts: impl Iterator<Item = Cow<'a, str>>) -> String {
        // What most have room in.
        let mut subject = String::with_capacity(128);
        subject.push_str(&self.prefix);
        subject.push('.');
        subject.push_str(event_type);
        for part in parts {
            subject.push('.');
            subject.push_str(&part);
        }
        subject
    }

    pub(crate) fn all_nodes(&self) -> String {
        format!("{}=nodes.all", self.prefix)
    }

    pub(crate) fn node(&self, origin: Origin) -> String {
        format!("{}=nodes.{origin}", self.prefix)
    }

    /// The token of the type and the namespace that a subject says, where it is one of this bus; no
    /// namespace where it is too long to be said.
    pub(crate) fn said<'s>(&self, subject: &'s str) -> Option<(&'s str, Option<Namespace>)> {
        let rest = subject.strip_prefix(&*self.prefix)?.strip_prefix('.')?;
        let (event_type, parts) = rest.split_once('.')?;
        let mut text = String::new();
        for (index, part) in parts.split('.').enumerate() {
            if index > 0 {
                text.push(SEPARATOR);
            }
            if part != EMPTY {
                let Some(part) = subject_text(part) else {
                    return Some((event_type, None));
                };
                text.push_str(&part);
            }
        }
        Some((event_type, Namespace::new(text).ok()))
    }

    /// Whether it is too long to say all that it is about.
    pub(crate) fn is_shortened(subject: &str) -> bool {
        subject.contains('~')
    }

    /// A subject that is listened to by who listens to this: where that has wildcards, mostly one on
    /// which no event ever is.
    pub(crate) fn probed(listened: &str) -> String {
        let tokens = listened.split('.').map(|token| match token {
            "*" | ">" => EMPTY,
            other => other,
        });
        tokens.collect::<Vec<_>>().join(".")
    }
}

fn part_token(part: &str) -> Cow<'_, str> {
    match part.is_empty() {
        true => EMPTY.into(),
        false => subject_token(part),
    }
}

/// Whether what is published on a subject comes to who listens to the other: as a server does it.
pub(crate) fn comes_to(subject: &str, listened: &str) -> bool {
    let mut tokens = subject.split('.');
    for wanted in listened.split('.') {
        let Some(token) = tokens.next() else {
            return false;
        };
        match wanted {
            ">" => return true,
            "*" => {}
            other if other == token => {}
            _ => return false,
        }
    }
    tokens.next().is_none()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn names() -> Names {
        Names::new("bus")
    }

    fn namespace(name: &str) -> Namespace {
        Namespace::new(name).unwrap()
    }

    const PLACED: EventType = EventType::from_static("Order.Placed");

    #[test]
    fn names_have_these_subjects() {
        let rows = [
            ("shop", "bus.Order=2EPlaced.shop"),
            ("shop.eu", "bus.Order=2EPlaced.shop.eu"),
            ("shop.*", "bus.Order=2EPlaced.shop.=2A"),
            (">", "bus.Order=2EPlaced.=3E"),
            (".", "bus.Order=2EPlaced.=.="),
            ("a b.", "bus.Order=2EPlaced.a=20b.="),
            ("=", "bus.Order=2EPlaced.=3D"),
        ];
        for (name, subject) in rows {
            assert_eq!(names().subject(&namespace(name), &PLACED), subject);
            let said = names().said(subject);
            assert_eq!(said, Some(("Order=2EPlaced", Some(namespace(name)))));
        }
        let long = namespace(&"ü".repeat(64));
        let subject = names().subject(&long, &PLACED);
        assert_eq!(names().said(&subject), Some(("Order=2EPlaced", None)));
        for other in ["bus", "bus.A", "other.A.shop", "bus=nodes.all", "busy.A.b"] {
            assert_eq!(names().said(other), None, "{other}");
        }
    }

    #[test]
    fn a_filter_of_one_type_is_told_to_the_server() {
        let all = EventFilter::all;
        let other = EventType::from_static("Other");
        let rows = [
            ("shop.*", all(), "bus.*.shop.*"),
            (">", all().event_type(PLACED), "bus.Order=2EPlaced.>"),
            (
                "a..b",
                all().event_type(PLACED).event_type(other),
                "bus.*.a.=.b",
            ),
            ("a", all().category("order"), "bus.*.a"),
        ];
        for (pattern, filter, subject) in rows {
            let pattern = pattern.parse().unwrap();
            assert_eq!(names().listened(&pattern, &filter), subject);
            assert!(comes_to(&Names::probed(subject), subject));
        }
        let exactly = NamespacePattern::exactly(&namespace("a.*.>"));
        assert_eq!(names().listened(&exactly, &all()), "bus.*.a.=2A.=3E");
    }

    #[test]
    fn a_prefix_is_one_token_that_stands_for_itself() {
        for good in ["a", "aether-bus_1", &"x".repeat(PREFIX_BYTES_MAX)] {
            assert!(Names::is_prefix(good), "{good}");
        }
        let long = "x".repeat(PREFIX_BYTES_MAX + 1);
        for bad in ["", "a.b", "a=b", "*", ">", "a b", "ü", "$SYS", &long] {
            assert!(!Names::is_prefix(bad), "{bad}");
        }
    }

    fn awkward_name() -> impl Strategy<Value = String> {
        prop_oneof!["[ab.=~*>]{1,6}", "[.]{1,4}", "\\PC{1,20}", "[ü.]{40,60}"]
            .prop_filter("a namespace", |name| Namespace::new(name.as_str()).is_ok())
    }

    proptest! {
        #[test]
        fn what_a_pattern_matches_comes_to_who_listens(
            name in awkward_name(),
            pattern in "[ab*>]([.][ab*]){0,3}([.]>)?",
        ) {
            let (namespace, pattern) = (namespace(&name), NamespacePattern::new(&pattern));
            prop_assume!(pattern.is_ok());
            let pattern = pattern.unwrap();
            let subject = names().subject(&namespace, &PLACED);
            for filter in [EventFilter::all(), EventFilter::all().event_type(PLACED)] {
                let listened = names().listened(&pattern, &filter);
                prop_assert_eq!(comes_to(&subject, &listened), pattern.matches(&namespace));
            }
        }

        #[test]
        fn different_names_have_different_subjects(
            all in proptest::collection::hash_set(awkward_name(), 0..20),
        ) {
            let subject = |name: &String| names().subject(&namespace(name), &PLACED);
            let subjects: HashSet<String> = all.iter().map(subject).collect();
            prop_assert_eq!(subjects.len(), all.len());
        }
    }
}
