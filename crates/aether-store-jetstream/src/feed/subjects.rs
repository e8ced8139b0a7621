//! Which subjects a feed's filter lets pass.

use std::collections::BTreeSet;

use aether_core::EventFilter;

use crate::names::Names;

/// The most subjects that the server is asked to tell apart for one feed.
const SUBJECTS_MAX: usize = 256;

/// The subjects whose messages are given to a feed. More may be given than pass the filter, which
/// is asked again for each event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subjects {
    All,
    /// These, which may have wildcards. No two of them match the same: the server refuses that.
    Only(Vec<String>),
    /// Nothing passes.
    None,
}

impl Subjects {
    pub(crate) fn of(filter: &EventFilter, names: &Names) -> Self {
        let categories: BTreeSet<&str> = filter.categories().collect();
        let any = categories.is_empty();
        let subjects: BTreeSet<String> = if filter.actors().len() > 0 {
            let wanted = filter.actors();
            let wanted = wanted.filter(|id| any || categories.contains(id.category()));
            let actors: BTreeSet<_> = wanted.collect();
            if actors.len() <= SUBJECTS_MAX {
                actors.iter().map(|id| names.events_subject(id)).collect()
            } else {
                let categories: BTreeSet<&str> = actors.iter().map(|id| id.category()).collect();
                let subjects = categories.iter().map(|name| names.category_subjects(name));
                subjects.collect()
            }
        } else if any {
            return Self::All;
        } else {
            // No actor has a category without a name.
            let named = categories.iter().filter(|name| !name.is_empty());
            named.map(|name| names.category_subjects(name)).collect()
        };
        match subjects.len() {
            0 => Self::None,
            1..=SUBJECTS_MAX => Self::Only(subjects.into_iter().collect()),
            _ => Self::All,
        }
    }

    /// Whether a message on this subject is given to the feed.
    pub(crate) fn may_have(&self, subject: &str) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            // The last token alone may be a wildcard.
            Self::Only(subjects) => subjects.iter().any(|only| match only.strip_suffix('*') {
                Some(category) => subject.starts_with(category),
                None => subject == only,
            }),
        }
    }

    /// As the server is told them, where none means all.
    pub(crate) fn as_slice(&self) -> &[String] {
        match self {
            Self::Only(subjects) => subjects,
            Self::All | Self::None => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use aether_core::ActorId;

    use super::*;

    fn of(filter: &EventFilter) -> Subjects {
        Subjects::of(filter, &Names::new("s", None))
    }

    fn only(subjects: &[&str]) -> Subjects {
        Subjects::Only(subjects.iter().map(|&subject| subject.to_owned()).collect())
    }

    fn actor(id: &str) -> ActorId {
        ActorId::new(id).unwrap()
    }

    #[test]
    fn categories_and_actors_are_subjects() {
        let all = EventFilter::all;
        assert_eq!(of(&all()), Subjects::All);
        let typed = all().event_type(aether_core::EventType::from_static("Happened"));
        assert_eq!(of(&typed), Subjects::All);
        let two = all().category("order").category("a.b").category("order");
        assert_eq!(of(&two), only(&["s.events.a=2Eb.*", "s.events.order.*"]));
        let one = all().actor(actor("order-1"));
        assert_eq!(of(&one), only(&["s.events.order.order-1"]));
    }

    #[test]
    fn actors_of_other_categories_do_not_pass() {
        let both = EventFilter::all().category("order");
        let both = both.actor(actor("order-1")).actor(actor("account-1"));
        assert_eq!(of(&both), only(&["s.events.order.order-1"]));
        assert_eq!(of(&EventFilter::all().category("")), Subjects::None);
        let named = EventFilter::all().category("").category("order");
        assert_eq!(of(&named), only(&["s.events.order.*"]));
        let none = EventFilter::all().category("account");
        assert_eq!(of(&none.actor(actor("order-1"))), Subjects::None);
    }

    #[test]
    fn a_message_is_given_where_its_subject_is_one_of_them() {
        let (order, account) = ("s.events.order.order-1", "s.events.account.account-1");
        let rows = [
            (EventFilter::all(), [true, true]),
            (EventFilter::all().category(""), [false, false]),
            (EventFilter::all().category("order"), [true, false]),
            (EventFilter::all().category("ord"), [false, false]),
            (EventFilter::all().actor(actor("order-1")), [true, false]),
            (EventFilter::all().actor(actor("order-12")), [false, false]),
        ];
        for (filter, expected) in rows {
            let subjects = of(&filter);
            let found = [order, account].map(|subject| subjects.may_have(subject));
            assert_eq!(found, expected, "{filter:?}");
        }
    }

    #[test]
    fn too_many_actors_are_told_apart_by_category_and_too_many_categories_not_at_all() {
        let mut filter = EventFilter::all();
        for n in 0..SUBJECTS_MAX {
            filter = filter.actor(actor(&format!("order-{n}")));
        }
        assert_eq!(of(&filter).as_slice().len(), SUBJECTS_MAX);
        filter = filter.actor(actor("account-1"));
        let expected = only(&["s.events.account.*", "s.events.order.*"]);
        assert_eq!(of(&filter), expected);

        let mut filter = EventFilter::all();
        for n in 0..=SUBJECTS_MAX {
            filter = filter.category(&format!("c{n}"));
        }
        assert_eq!(of(&filter), Subjects::All);
    }
}
