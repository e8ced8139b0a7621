//! Who is to get an event: subscriptions by the parts of their patterns, and by what they filter.
//!
//! A tree of the parts, so that an event is compared with no pattern but those that match it up to
//! some part, however many there are. At its end subscriptions lie by one of the criteria of their
//! filter, an actor, a type or a category: an event has one of each, so that whoever asks for
//! another one is not looked at.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::sync::Arc;

use aether_core::{ActorId, Event, EventFilter, EventType, Namespace};
use hashbrown::HashMap;

use crate::pattern::{Part, SEPARATOR};
use crate::queue::Queue;
use crate::ring::Ring;
use crate::subscription::Source;
use crate::{Missed, NamespacePattern, Subscribe};

pub(crate) type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// All subscriptions of a bus.
#[derive(Debug, Default)]
pub(crate) struct Index {
    root: Node,
    next_id: u64,
    /// No more come in.
    pub(crate) is_stopped: bool,
}

/// Which way events come to a subscription, beside those that are published here.
///
/// It follows from pattern and filter, so that those who share a ring have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Route(pub(crate) u64);

impl Route {
    /// No other way.
    pub(crate) const NONE: Self = Self(0);
}

/// What a subscription is found and removed by.
#[derive(Debug)]
pub(crate) struct Ticket {
    /// Of the entry; the ring's, where it shares one.
    id: u64,
    is_shared: bool,
    pattern: NamespacePattern,
    filter: EventFilter,
}

/// Where what comes for a subscription waits.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    Own(Arc<Queue>),
    /// With all others that ask for the same.
    Shared(Arc<Ring>),
}

/// The subscriptions whose patterns begin with the same parts.
#[derive(Debug, Default)]
struct Node {
    literal: Map<Box<str>, Node>,
    any: Option<Box<Node>>,
    /// Those with `>` for all that comes.
    rest: Group,
    /// Those that end here.
    here: Group,
}

/// Subscriptions with the same pattern.
#[derive(Debug, Default)]
struct Group {
    unfiltered: Vec<Entry>,
    filtered: Option<Box<Filtered>>,
    /// Those of the entries that are shared, with their ids.
    rings: Map<EventFilter, (u64, Arc<Ring>)>,
    count: usize,
}

#[derive(Debug, Default)]
struct Filtered {
    by_actor: Map<ActorId, Vec<Entry>>,
    by_type: Map<EventType, Vec<Entry>>,
    by_category: Map<Box<str>, Vec<Entry>>,
}

/// One subscription, or those that share a ring, with what is left to be asked of their filter.
#[derive(Debug, Clone)]
struct Entry {
    id: u64,
    route: Route,
    target: Target,
    filter: Option<Arc<EventFilter>>,
}

impl Index {
    pub(crate) fn add(&mut self, asked: &Subscribe, route: Route) -> (Ticket, Source) {
        let (pattern, filter) = (&asked.pattern, &asked.filter);
        let id = self.next_id;
        self.next_id += 1;
        let mut node = &mut self.root;
        let mut in_rest = false;
        for part in pattern.parts() {
            match part {
                Part::Literal(literal) => {
                    node = node.literal.entry(literal.clone()).or_default();
                }
                Part::Any => node = node.any.get_or_insert_default(),
                Part::Rest => in_rest = true,
            }
        }
        let group = match in_rest {
            true => &mut node.rest,
            false => &mut node.here,
        };
        group.count += 1;
        let (id, source) = match asked.can_share() {
            true => {
                let (ring_id, ring) = group.ring(id, route, filter);
                (ring_id, Source::Shared(ring.join(id, asked.capacity)))
            }
            false => {
                let queue = Arc::new(Queue::new(asked));
                group.add(id, route, filter, Target::Own(queue.clone()));
                (id, Source::Own(queue))
            }
        };
        let ticket = Ticket {
            id,
            is_shared: asked.can_share(),
            pattern: pattern.clone(),
            filter: filter.clone(),
        };
        (ticket, source)
    }

    pub(crate) fn remove(&mut self, ticket: &Ticket) {
        // All were taken out then.
        if self.is_stopped {
            return;
        }
        self.root.remove(ticket.pattern.parts(), ticket);
    }

    /// Does this for each subscription that is to get this event: of those to which events come this
    /// way, or of all.
    pub(crate) fn each_for(
        &self,
        namespace: &Namespace,
        event: &Event,
        via: Option<Route>,
        mut found: impl FnMut(&Target),
    ) {
        self.root.each_matching(namespace.as_str(), &mut |group| {
            group.each_for(event, via, &mut found);
        });
    }

    /// Does this for each subscription of this way, or of all, that would have got events of this type
    /// that were lost: so many, or some of them. For some more than once, where it is not known how
    /// many.
    pub(crate) fn each_missing(
        &self,
        namespace: &Namespace,
        event_type: &EventType,
        (via, missed): (Option<Route>, Missed),
        mut found: impl FnMut(&Target, Missed),
    ) {
        self.root.each_matching(namespace.as_str(), &mut |group| {
            group.each_missing(event_type, (via, missed), &mut found);
        });
    }

    #[cfg(feature = "nats")]
    /// The subscriptions of this way, some more than once.
    pub(crate) fn each_of(&self, route: Route, mut found: impl FnMut(&Target)) {
        self.root
            .each_with_pattern(&mut Vec::new(), &mut |_, group| {
                let entries = group.entries().filter(|entry| entry.route == route);
                entries.for_each(|entry| found(&entry.target));
            });
    }

    /// How many subscriptions are about this namespace, whatever they filter.
    pub(crate) fn count(&self, namespace: &Namespace) -> usize {
        let mut count = 0;
        let namespace = namespace.as_str();
        self.root
            .each_matching(namespace, &mut |group| count += group.count);
        count
    }

    /// How many subscriptions there are, by pattern.
    pub(crate) fn counts(&self) -> BTreeMap<NamespacePattern, usize> {
        let mut counts = BTreeMap::new();
        let mut parts = Vec::new();
        self.root
            .each_with_pattern(&mut parts, &mut |parts, group| {
                if group.count > 0 {
                    counts.insert(NamespacePattern::of_parts(parts), group.count);
                }
            });
        counts
    }

    /// Takes out all subscriptions.
    pub(crate) fn take_all(&mut self) -> Vec<Target> {
        let root = std::mem::take(&mut self.root);
        let mut targets = Vec::new();
        root.each_with_pattern(&mut Vec::new(), &mut |_, group| {
            targets.extend(group.entries().map(|entry| entry.target.clone()));
        });
        targets
    }
}

impl Node {
    /// The groups whose patterns match what is left of a namespace.
    fn each_matching<'a>(&'a self, left: &str, found: &mut impl FnMut(&'a Group)) {
        found(&self.rest);
        let (part, left) = match left.split_once(SEPARATOR) {
            Some((part, left)) => (part, Some(left)),
            None => (left, None),
        };
        for next in self
            .literal
            .get(part)
            .into_iter()
            .chain(self.any.as_deref())
        {
            match left {
                Some(left) => next.each_matching(left, found),
                None => found(&next.here),
            }
        }
    }

    fn each_with_pattern<'a>(
        &'a self,
        parts: &mut Vec<Part>,
        found: &mut impl FnMut(&[Part], &'a Group),
    ) {
        found(parts, &self.here);
        parts.push(Part::Rest);
        found(parts, &self.rest);
        parts.pop();
        let literal = self.literal.iter();
        let literal = literal.map(|(literal, next)| (Part::Literal(literal.clone()), next));
        let any = self.any.as_deref().map(|next| (Part::Any, next));
        for (part, next) in literal.chain(any) {
            parts.push(part);
            next.each_with_pattern(parts, found);
            parts.pop();
        }
    }

    /// Removes a subscription, and what is empty then.
    fn remove(&mut self, parts: &[Part], ticket: &Ticket) {
        let Some((part, left)) = parts.split_first() else {
            return self.here.remove(ticket);
        };
        match part {
            Part::Rest => self.rest.remove(ticket),
            Part::Any => {
                if let Some(next) = &mut self.any {
                    next.remove(left, ticket);
                    if next.is_empty() {
                        self.any = None;
                    }
                }
            }
            Part::Literal(literal) => {
                if let Some(next) = self.literal.get_mut(literal) {
                    next.remove(left, ticket);
                    if next.is_empty() {
                        self.literal.remove(literal);
                    }
                }
            }
        }
    }

    fn is_empty(&self) -> bool {
        let groups = self.here.count + self.rest.count;
        groups == 0 && self.literal.is_empty() && self.any.is_none()
    }
}

/// Where a subscription lies in its group.
enum Shelf<'a> {
    Unfiltered,
    Actors(Vec<&'a ActorId>),
    Types(Vec<&'a EventType>),
    Categories(Vec<&'a str>),
}

impl<'a> Shelf<'a> {
    /// By what tells the most events apart.
    fn of(filter: &'a EventFilter) -> Self {
        let actors: Vec<_> = filter.actors().collect();
        let types: Vec<_> = filter.event_types().collect();
        let categories: Vec<_> = filter.categories().collect();
        if !actors.is_empty() {
            Self::Actors(actors)
        } else if !types.is_empty() {
            Self::Types(types)
        } else if !categories.is_empty() {
            Self::Categories(categories)
        } else {
            Self::Unfiltered
        }
    }

    /// Whether that is all that the filter asks.
    fn is_all_of(&self, filter: &EventFilter) -> bool {
        match self {
            Self::Unfiltered | Self::Categories(_) => true,
            Self::Types(_) => filter.categories().len() == 0,
            Self::Actors(_) => filter.categories().len() + filter.event_types().len() == 0,
        }
    }
}

impl Group {
    /// The ring of those with this filter, and its id; with this one if it is new.
    fn ring(&mut self, id: u64, route: Route, filter: &EventFilter) -> (u64, Arc<Ring>) {
        if let Some(there) = self.rings.get(filter) {
            return there.clone();
        }
        let ring = Arc::new(Ring::default());
        self.add(id, route, filter, Target::Shared(ring.clone()));
        self.rings.insert(filter.clone(), (id, ring.clone()));
        (id, ring)
    }

    fn add(&mut self, id: u64, route: Route, filter: &EventFilter, target: Target) {
        let shelf = Shelf::of(filter);
        let entry = Entry {
            id,
            route,
            target,
            filter: (!shelf.is_all_of(filter)).then(|| Arc::new(filter.clone())),
        };
        let filtered = || Box::<Filtered>::default();
        match shelf {
            Shelf::Unfiltered => self.unfiltered.push(entry),
            Shelf::Actors(actors) => {
                let by_actor = &mut self.filtered.get_or_insert_with(filtered).by_actor;
                add_to_each(by_actor, actors.into_iter().cloned(), &entry);
            }
            Shelf::Types(types) => {
                let by_type = &mut self.filtered.get_or_insert_with(filtered).by_type;
                add_to_each(by_type, types.into_iter().cloned(), &entry);
            }
            Shelf::Categories(categories) => {
                let by_category = &mut self.filtered.get_or_insert_with(filtered).by_category;
                add_to_each(by_category, categories.into_iter().map(Box::from), &entry);
            }
        }
    }

    fn remove(&mut self, ticket: &Ticket) {
        let id = ticket.id;
        self.count -= 1;
        if ticket.is_shared {
            // Who was the last in a ring that has gone since has another's before him.
            let there = self.rings.get(&ticket.filter);
            if !there.is_some_and(|(ring_id, ring)| *ring_id == id && ring.has_nobody()) {
                return;
            }
            self.rings.remove(&ticket.filter);
        }
        match (Shelf::of(&ticket.filter), &mut self.filtered) {
            (Shelf::Unfiltered, _) => remove_from(&mut self.unfiltered, id),
            (Shelf::Actors(actors), Some(filtered)) => {
                remove_from_each(&mut filtered.by_actor, actors, id);
            }
            (Shelf::Types(types), Some(filtered)) => {
                remove_from_each(&mut filtered.by_type, types, id);
            }
            (Shelf::Categories(categories), Some(filtered)) => {
                remove_from_each(&mut filtered.by_category, categories, id);
            }
            (_, None) => {}
        }
        let is_empty = |filtered: &mut Box<Filtered>| {
            filtered.by_actor.is_empty()
                && filtered.by_type.is_empty()
                && filtered.by_category.is_empty()
        };
        if self.filtered.as_mut().is_some_and(is_empty) {
            self.filtered = None;
        }
    }

    fn each_for(&self, event: &Event, via: Option<Route>, found: &mut impl FnMut(&Target)) {
        let is_meant = |entry: &&Entry| via.is_none_or(|via| entry.route == via);
        for entry in self.unfiltered.iter().filter(is_meant) {
            found(&entry.target);
        }
        let Some(filtered) = &self.filtered else {
            return;
        };
        let category = event.actor_id().category();
        let shelves = [
            of(&filtered.by_actor, event.actor_id()),
            of(&filtered.by_type, event.event_type()),
            of(&filtered.by_category, category),
        ];
        for entry in shelves.into_iter().flatten().filter(is_meant) {
            if entry
                .filter
                .as_ref()
                .is_none_or(|filter| filter.passes(event))
            {
                found(&entry.target);
            }
        }
    }

    fn each_missing(
        &self,
        event_type: &EventType,
        (via, missed): (Option<Route>, Missed),
        found: &mut impl FnMut(&Target, Missed),
    ) {
        let is_meant = |entry: &&Entry| via.is_none_or(|via| entry.route == via);
        for entry in self.unfiltered.iter().filter(is_meant) {
            found(&entry.target, missed);
        }
        let Some(filtered) = &self.filtered else {
            return;
        };
        // Those that ask for nothing but the type would have got all of them; who asks for an actor
        // or a category can't know.
        for entry in of(&filtered.by_type, event_type).iter().filter(is_meant) {
            let missed = match entry.filter {
                None => missed,
                Some(_) => Missed::Unknown,
            };
            found(&entry.target, missed);
        }
        let by_actor = filtered.by_actor.values().flatten();
        let by_category = filtered.by_category.values().flatten();
        for entry in by_actor.chain(by_category).filter(is_meant) {
            let filter = entry.filter.as_ref();
            if filter.is_none_or(|filter| asks_for(filter, event_type)) {
                found(&entry.target, Missed::Unknown);
            }
        }
    }

    /// All of them, some more than once.
    fn entries(&self) -> impl Iterator<Item = &Entry> {
        let filtered = self.filtered.iter().flat_map(|filtered| {
            let by_actor = filtered.by_actor.values();
            let by_type = filtered.by_type.values();
            by_actor.chain(by_type).chain(filtered.by_category.values())
        });
        self.unfiltered.iter().chain(filtered.flatten())
    }
}

/// Whether events of this type may pass.
fn asks_for(filter: &EventFilter, event_type: &EventType) -> bool {
    let mut types = filter.event_types();
    types.len() == 0 || types.any(|asked| asked == event_type)
}

/// The entries for a key, without looking for it where there are none at all.
fn of<'a, K, Q>(map: &'a Map<K, Vec<Entry>>, key: &Q) -> &'a [Entry]
where
    K: Eq + Hash + std::borrow::Borrow<Q>,
    Q: Eq + Hash + ?Sized,
{
    match map.is_empty() {
        true => &[],
        false => map.get(key).map_or(&[], Vec::as_slice),
    }
}

fn add_to_each<K: Eq + Hash>(
    map: &mut Map<K, Vec<Entry>>,
    keys: impl Iterator<Item = K>,
    entry: &Entry,
) {
    for key in keys {
        map.entry(key).or_default().push(entry.clone());
    }
}

fn remove_from_each<K, Q>(map: &mut Map<K, Vec<Entry>>, keys: Vec<&Q>, id: u64)
where
    K: Eq + Hash + std::borrow::Borrow<Q>,
    Q: Eq + Hash + ?Sized,
{
    for key in keys {
        if let Some(entries) = map.get_mut(key) {
            remove_from(entries, id);
            if entries.is_empty() {
                map.remove(key);
            }
        }
    }
}

/// Ids rise within a list: later subscriptions come later.
fn remove_from(entries: &mut Vec<Entry>, id: u64) {
    if let Ok(found) = entries.binary_search_by_key(&id, |entry| entry.id) {
        entries.remove(found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who leaves a ring first gives up his seat, and comes to the index later: meanwhile others may
    /// have made another ring.
    #[test]
    fn a_late_leave_takes_no_ring_of_others_along() {
        let shop = Namespace::from_static("shop");
        let asked = Subscribe::to(&shop);
        let mut index = Index::default();
        let (first, seat) = index.add(&asked, Route::NONE);
        let (late, late_seat) = index.add(&asked, Route::NONE);
        drop((seat, late_seat));
        index.remove(&first);
        let (second, seat) = index.add(&asked, Route::NONE);
        drop(seat);
        index.remove(&late);
        assert_eq!(index.count(&shop), 1);
        let (third, seat) = index.add(&asked, Route::NONE);
        index.remove(&second);
        assert_eq!(index.count(&shop), 1);
        let actor_id = ActorId::new("order-1").unwrap();
        let draft = aether_core::EventDraft::new(&actor_id, "Placed", &()).unwrap();
        let event = draft.at(aether_core::Version::FIRST).unwrap();
        let mut targets = 0;
        index.each_for(&shop, &event, None, |_| targets += 1);
        assert_eq!(targets, 1);
        drop(seat);
        index.remove(&third);
        assert!(index.root.is_empty());
        assert!(index.root.literal.is_empty());
    }
}
