//! What things are called on the server: two or three streams, and a subject for every actor.
//!
//! | what | name |
//! |---|---|
//! | stream of events | `<base>`, or `<base>=<namespace token>` |
//! | stream of snapshots | the same and `=~snapshots` |
//! | stream of heads | the same and `=~heads` |
//! | an actor's events | `<stream of events>.events.<category token>.<actor token>` |
//! | an actor's newest commit among the heads | the same: it is a copy of that message |
//! | the same events, sent to whoever listens once they are stored | `<stream of events>.stored.<category token>.<actor token>` |
//! | an actor's snapshot | `<stream of events>.snapshots.<category token>.<actor token>` |
//!
//! # Why different stores never share a name
//!
//! A base name has no `=`, so the first `=` of a stream's name ends it. What follows is a
//! [token](subject_token), which has one namespace, or `~snapshots` or `~heads`, which no token is
//! (none begins with `~`), or a token and then `=~snapshots` or `=~heads`, which no token ends with
//! (after `=~` a token has 64 hexadecimal digits). The subjects begin with the stream's name as
//! their first token and have the kind as their second, so that two of them are one only where all
//! four tokens are.

use aether_core::{ActorId, Namespace, SUBJECT_TOKEN_BYTES_MAX, subject_token};

/// The most bytes of a base name.
pub(crate) const BASE_BYTES_MAX: usize = 40;
/// What the name of the snapshots' stream ends with.
const SNAPSHOTS: &str = "=~snapshots";
/// What the name of the heads' stream ends with.
const HEADS: &str = "=~heads";
/// The most bytes that the server takes as a stream's name; a directory is called by it.
const STREAM_NAME_BYTES_MAX: usize = 255;

const _: () = assert!(
    BASE_BYTES_MAX + "=".len() + SUBJECT_TOKEN_BYTES_MAX + SNAPSHOTS.len() <= STREAM_NAME_BYTES_MAX,
    "every base name and namespace must make a name that the server takes"
);
const _: () = assert!(
    HEADS.len() <= SNAPSHOTS.len(),
    "the longest name is a snapshots' stream's"
);

/// The names of one store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) events_stream: String,
    pub(crate) snapshots_stream: String,
    /// Only with a finite retention is there such a stream.
    pub(crate) heads_stream: String,
}

impl Names {
    pub(crate) fn new(base: &str, namespace: Option<&Namespace>) -> Self {
        let events_stream = match namespace {
            None => base.to_owned(),
            Some(namespace) => format!("{base}={}", subject_token(namespace.as_str())),
        };
        let snapshots_stream = format!("{events_stream}{SNAPSHOTS}");
        let heads_stream = format!("{events_stream}{HEADS}");
        Self {
            events_stream,
            snapshots_stream,
            heads_stream,
        }
    }

    /// All subjects of the stream of events.
    pub(crate) fn events_subjects(&self) -> String {
        format!("{}.events.*.*", self.events_stream)
    }

    /// All subjects of the stream of snapshots.
    pub(crate) fn snapshots_subjects(&self) -> String {
        format!("{}.snapshots.*.*", self.events_stream)
    }

    /// The subject of an actor's events, on the stream of heads, too.
    pub(crate) fn events_subject(&self, actor_id: &ActorId) -> String {
        self.subject("events", actor_id)
    }

    /// All subjects of the events of one category.
    pub(crate) fn category_subjects(&self, category: &str) -> String {
        format!(
            "{}.events.{}.*",
            self.events_stream,
            subject_token(category)
        )
    }

    /// Whether this is the subject of the actor's events.
    pub(crate) fn is_events_subject(&self, subject: &str, actor_id: &ActorId) -> bool {
        let tokens = self.tokens(subject, ".events.");
        let tokens = tokens.and_then(|tokens| tokens.split_once('.'));
        let (category, actor) = (
            subject_token(actor_id.category()),
            subject_token(actor_id.as_str()),
        );
        tokens == Some((&category, &actor))
    }

    /// All subjects on which the server sends what it has stored.
    pub(crate) fn stored_subjects(&self) -> String {
        format!("{}.stored.*.*", self.events_stream)
    }

    /// The same of one category.
    pub(crate) fn stored_category_subjects(&self, category: &str) -> String {
        format!(
            "{}.stored.{}.*",
            self.events_stream,
            subject_token(category)
        )
    }

    /// The subject on which the server sends this actor's events once it has stored them.
    pub(crate) fn stored_subject(&self, actor_id: &ActorId) -> String {
        self.subject("stored", actor_id)
    }

    /// Where a stored message goes, as the server is told it: the wildcards are those of the
    /// [stream's subjects](Self::events_subjects), in their order.
    pub(crate) fn stored_destination(&self) -> String {
        let stream = &self.events_stream;
        format!("{stream}.stored.{{{{wildcard(1)}}}}.{{{{wildcard(2)}}}}")
    }

    /// Whether what is stored on the one subject is sent on the other.
    pub(crate) fn is_sent_on(&self, events_subject: &str, stored_subject: &str) -> bool {
        let actor = self.tokens(events_subject, ".events.");
        actor.is_some() && actor == self.tokens(stored_subject, ".stored.")
    }

    /// The subject of an actor's snapshot.
    pub(crate) fn snapshot_subject(&self, actor_id: &ActorId) -> String {
        self.subject("snapshots", actor_id)
    }

    /// What a subject of this kind says about the actor.
    fn tokens<'s>(&self, subject: &'s str, kind: &str) -> Option<&'s str> {
        let rest = subject.strip_prefix(self.events_stream.as_str())?;
        rest.strip_prefix(kind)
    }

    fn subject(&self, kind: &str, actor_id: &ActorId) -> String {
        let (category, actor) = (
            subject_token(actor_id.category()),
            subject_token(actor_id.as_str()),
        );
        [&self.events_stream, kind, &category, &actor].join(".")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(base: &str, namespace: &str) -> Names {
        let namespace = (!namespace.is_empty()).then(|| Namespace::new(namespace).unwrap());
        Names::new(base, namespace.as_ref())
    }

    #[test]
    fn streams_and_subjects_are_called_so() {
        let plain = names("orders", "");
        let id = ActorId::new("order-12.3").unwrap();
        assert_eq!(plain.events_stream, "orders");
        assert_eq!(plain.snapshots_stream, "orders=~snapshots");
        assert_eq!(plain.heads_stream, "orders=~heads");
        assert_eq!(
            plain.events_subject(&id),
            "orders.events.order.order-12=2E3"
        );
        assert_eq!(
            plain.snapshot_subject(&id),
            "orders.snapshots.order.order-12=2E3"
        );
        assert_eq!(
            plain.stored_subject(&id),
            "orders.stored.order.order-12=2E3"
        );
        assert_eq!(
            plain.stored_destination(),
            "orders.stored.{{wildcard(1)}}.{{wildcard(2)}}"
        );

        let spaced = names("orders", "eu.west");
        assert_eq!(spaced.events_stream, "orders=eu=2Ewest");
        assert_eq!(spaced.snapshots_stream, "orders=eu=2Ewest=~snapshots");
        assert_eq!(spaced.heads_stream, "orders=eu=2Ewest=~heads");
        assert_eq!(
            spaced.events_subject(&id),
            "orders=eu=2Ewest.events.order.order-12=2E3"
        );
    }

    #[test]
    fn the_longest_names_fit_a_stream_name() {
        let longest = names(
            &"b".repeat(BASE_BYTES_MAX),
            &"n".repeat(Namespace::BYTES_MAX),
        );
        assert!(longest.snapshots_stream.len() <= STREAM_NAME_BYTES_MAX);
        let hashed = names(
            &"b".repeat(BASE_BYTES_MAX),
            &".".repeat(Namespace::BYTES_MAX),
        );
        assert_eq!(hashed.snapshots_stream.len(), 40 + 1 + (132 + 2 + 64) + 11);
    }

    #[test]
    fn a_namespace_does_not_run_into_the_base_name() {
        assert_ne!(names("a_b", "c"), names("a", "b_c"));
        assert_ne!(
            names("a", "~snapshots").events_stream,
            names("a", "").snapshots_stream
        );
        assert_ne!(
            names("a", "~heads").events_stream,
            names("a", "").heads_stream
        );
        assert_ne!(
            names("a", "x=~snapshots").events_stream,
            names("a", "x").snapshots_stream
        );
        assert_ne!(
            names("a", "x=~heads").events_stream,
            names("a", "x").heads_stream
        );
    }

    fn base() -> impl Strategy<Value = String> {
        "[ab_-]{1,3}"
    }

    fn namespace() -> impl Strategy<Value = String> {
        prop_oneof![
            "[ab_=~-]{0,3}",
            Just("~snapshots".to_owned()),
            Just("~heads".to_owned()),
            "[.a]{66,80}"
        ]
    }

    proptest! {
        #[test]
        fn different_stores_have_different_streams(
            a in (base(), namespace()), b in (base(), namespace()),
        ) {
            let all = |names: Names| [names.events_stream, names.snapshots_stream, names.heads_stream];
            let (ones, others) = (all(names(&a.0, &a.1)), all(names(&b.0, &b.1)));
            for (i, one) in ones.iter().enumerate() {
                for (j, other) in others.iter().enumerate() {
                    prop_assert_eq!(a == b && i == j, one == other);
                }
            }
        }

        #[test]
        fn different_actors_have_different_subjects(
            a in "[ab.=~*> -]{1,4}", b in "[ab.=~*> -]{1,4}",
        ) {
            let names = names("orders", "");
            let (one, other) = (ActorId::new(&a).unwrap(), ActorId::new(&b).unwrap());
            prop_assert_eq!(a == b, names.events_subject(&one) == names.events_subject(&other));
            prop_assert_eq!(names.events_subject(&one).split('.').count(), 4);
            let is_others = names.is_events_subject(&names.events_subject(&other), &one);
            prop_assert_eq!(a == b, is_others);
            let (events, stored) = (names.events_subject(&one), names.stored_subject(&other));
            prop_assert_eq!(a == b, names.is_sent_on(&events, &stored));
            let all = |id| [names.events_subject(id), names.stored_subject(id), names.snapshot_subject(id)];
            for (i, one) in all(&one).iter().enumerate() {
                for (j, other) in all(&other).iter().enumerate() {
                    prop_assert_eq!(a == b && i == j, one == other);
                }
            }
        }
    }
}
