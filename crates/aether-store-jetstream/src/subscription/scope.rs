//! What is listened to for a filter: one subject, so that everything comes in one order.

use std::collections::BTreeSet;

use aether_core::{ActorId, EventFilter};

use crate::names::Names;

/// The subject that is listened to. More may come on it than passes the filter, which is asked
/// again for each event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) subject: String,
    /// What is stored comes from there.
    pub(super) stored_on: String,
    pub(super) breadth: Breadth,
}

/// Whose commits come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Breadth {
    /// Everybody's: each sequence comes along.
    Everything,
    Category,
    Actor(ActorId),
}

impl Scope {
    /// The narrowest subject on which all comes that passes; none where nothing can.
    ///
    /// The client keeps what comes on two subscriptions apart, and their order is lost: so two
    /// categories are listened to as everything. So are two actors, also of one category: of that
    /// a gap shows only at the same actor's next commit, and whoever names actors is to miss none.
    pub(super) fn of(filter: &EventFilter, names: &Names) -> Option<Self> {
        let any = filter.categories().next().is_none();
        // No actor has a category without a name.
        let named = filter.categories().filter(|name| !name.is_empty());
        let categories: BTreeSet<&str> = named.collect();
        let passes = |id: &&ActorId| any || categories.contains(id.category());
        let actors: BTreeSet<&ActorId> = filter.actors().filter(passes).collect();
        let wants_actors = filter.actors().len() > 0;
        Some(match (only(&actors), only(&categories)) {
            (Some(actor), _) => Self::actor(names, actor),
            _ if wants_actors && actors.is_empty() => return None,
            _ if wants_actors || any => Self::everything(names),
            (_, Some(category)) => Self::category(names, category),
            _ if categories.is_empty() => return None,
            _ => Self::everything(names),
        })
    }

    fn everything(names: &Names) -> Self {
        Self {
            subject: names.stored_subjects(),
            stored_on: names.events_subjects(),
            breadth: Breadth::Everything,
        }
    }

    fn category(names: &Names, category: &str) -> Self {
        Self {
            subject: names.stored_category_subjects(category),
            stored_on: names.category_subjects(category),
            breadth: Breadth::Category,
        }
    }

    fn actor(names: &Names, id: &ActorId) -> Self {
        Self {
            subject: names.stored_subject(id),
            stored_on: names.events_subject(id),
            breadth: Breadth::Actor(id.clone()),
        }
    }
}

/// Whether what is stored on this subject may pass the filter, whatever is in it.
pub(super) fn may_pass(filter: &EventFilter, names: &Names, subject: &str) -> bool {
    let is_in = |category| {
        let subjects = names.category_subjects(category);
        subject.starts_with(subjects.trim_end_matches('*'))
    };
    let any = filter.categories().next().is_none();
    let all = filter.actors().len() == 0;
    (any || filter.categories().any(is_in))
        && (all
            || filter
                .actors()
                .any(|id| names.events_subject(id) == subject))
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
        let all = EventFilter::all;
        let actor = |id: &str| ActorId::new(id).unwrap();
        let (one, two) = (actor("order-1.5"), actor("order-2"));
        let other = actor("account-1");
        let everything = Some(("s.stored.*.*", "s.events.*.*"));
        let orders = Some(("s.stored.order.*", "s.events.order.*"));
        let ones = Some(("s.stored.order.order-1=2E5", "s.events.order.order-1=2E5"));
        let accounts = Some(("s.stored.account.account-1", "s.events.account.account-1"));
        let dotted = Some(("s.stored.a=2Eb.*", "s.events.a=2Eb.*"));
        let rows = [
            (all(), everything),
            (
                all().event_type(EventType::from_static("Placed")),
                everything,
            ),
            (all().category("order"), orders),
            (all().category("order").category(""), orders),
            (all().category("a.b"), dotted),
            (all().category(""), None),
            (all().category("").actor(one.clone()), None),
            (all().category("order").category("account"), everything),
            (all().actor(one.clone()), ones),
            // Of one category a gap would show only at the same actor's next commit.
            (all().actor(one.clone()).actor(two.clone()), everything),
            (all().actor(one.clone()).actor(other.clone()), everything),
            (
                all().category("account").actor(one.clone()).actor(other),
                accounts,
            ),
            (
                all()
                    .category("order")
                    .actor(one.clone())
                    .actor(two.clone()),
                everything,
            ),
            (all().category("account").actor(one).actor(two), None),
        ];
        let names = Names::new("s", None);
        for (filter, expected) in rows {
            let scope = Scope::of(&filter, &names);
            let found = scope.as_ref();
            let found = found.map(|scope| (scope.subject.as_str(), scope.stored_on.as_str()));
            assert_eq!(found, expected, "{filter:?}");
            let is_everything = scope.is_some_and(|scope| scope.breadth == Breadth::Everything);
            assert_eq!(is_everything, expected == everything, "{filter:?}");
        }
    }

    #[test]
    fn what_is_on_a_subject_that_does_not_pass_is_nobodys_concern() {
        let all = EventFilter::all;
        let actor = |id: &str| ActorId::new(id).unwrap();
        let one = all().actor(actor("order-1")).actor(actor("account-1"));
        // Whether it passes on the subject of an order, of an invoice, and of another order.
        let rows = [
            (all(), [true; 3]),
            (
                all().event_type(EventType::from_static("Placed")),
                [true; 3],
            ),
            (all().category("order"), [true, false, true]),
            (all().category("ord"), [false; 3]),
            (one.clone(), [true, false, false]),
            (one.category("account"), [false; 3]),
        ];
        let names = Names::new("s", None);
        for (filter, expected) in rows {
            let passes = |id: &str| may_pass(&filter, &names, &names.events_subject(&actor(id)));
            let found = ["order-1", "invoice-1", "order-10"].map(passes);
            assert_eq!(found, expected, "{filter:?}");
        }
    }
}
