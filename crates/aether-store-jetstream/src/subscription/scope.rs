//! What is listened to for a filter: one subject, so that everything comes in one order.

use std::collections::BTreeSet;

use aether_core::{ActorId, FeedFilter};

use crate::names::Names;

/// The subject that is listened to. More may come on it than passes the filter, which is asked
/// again for each event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) subject: String,
    /// Whether that is everything, so that each sequence comes along.
    pub(super) everything: bool,
}

impl Scope {
    /// The narrowest subject on which all comes that passes; none where nothing can.
    ///
    /// The client keeps what comes on two subscriptions apart, and their order is lost: so two
    /// categories are listened to as everything.
    pub(super) fn of(filter: &FeedFilter, names: &Names) -> Option<Self> {
        let categories: BTreeSet<&str> = filter.categories().collect();
        if filter.actors().len() == 0 {
            return Some(match only(&categories) {
                Some(category) => Self::part(names.stored_category_subjects(category)),
                None => Self::everything(names),
            });
        }
        let passes = |id: &&ActorId| categories.is_empty() || categories.contains(id.category());
        let actors: BTreeSet<&ActorId> = filter.actors().filter(passes).collect();
        let categories: BTreeSet<&str> = actors.iter().map(|id| id.category()).collect();
        match (only(&actors), only(&categories)) {
            _ if actors.is_empty() => None,
            (Some(actor), _) => Some(Self::part(names.stored_subject(actor))),
            (None, Some(category)) => Some(Self::part(names.stored_category_subjects(category))),
            (None, None) => Some(Self::everything(names)),
        }
    }

    fn everything(names: &Names) -> Self {
        Self {
            subject: names.stored_subjects(),
            everything: true,
        }
    }

    fn part(subject: String) -> Self {
        Self {
            subject,
            everything: false,
        }
    }
}

/// The one that there is; none where there are several, or none.
fn only<'s, T: ?Sized>(set: &BTreeSet<&'s T>) -> Option<&'s T>
where
    &'s T: Ord,
{
    let first = set.first().copied();
    first.filter(|_| set.len() == 1)
}

#[cfg(test)]
mod tests {
    use aether_core::EventType;

    use super::*;

    #[test]
    fn the_narrowest_subject_on_which_all_comes_that_passes() {
        let all = FeedFilter::all;
        let actor = |id: &str| ActorId::new(id).unwrap();
        let (one, two) = (actor("order-1.5"), actor("order-2"));
        let other = actor("account-1");
        let everything = Some(("s.stored.*.*", true));
        let rows = [
            (all(), everything),
            (
                all().event_type(EventType::from_static("Placed")),
                everything,
            ),
            (all().category("order"), Some(("s.stored.order.*", false))),
            (all().category("a.b"), Some(("s.stored.a=2Eb.*", false))),
            (all().category("order").category("account"), everything),
            (
                all().actor(one.clone()),
                Some(("s.stored.order.order-1=2E5", false)),
            ),
            (
                all().actor(one.clone()).actor(two.clone()),
                Some(("s.stored.order.*", false)),
            ),
            (all().actor(one.clone()).actor(other.clone()), everything),
            (
                all().category("account").actor(one.clone()).actor(other),
                Some(("s.stored.account.account-1", false)),
            ),
            (all().category("account").actor(one).actor(two), None),
        ];
        let names = Names::new("s", None);
        for (filter, expected) in rows {
            let expected = expected.map(|(subject, everything)| Scope {
                subject: subject.to_owned(),
                everything,
            });
            assert_eq!(Scope::of(&filter, &names), expected, "{filter:?}");
        }
    }
}
