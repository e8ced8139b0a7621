//! Whether events that are offered are stored already (clause 6 of the contract).

use aether_core::{Event, EventDraft, EventMismatch, StoreError, Version, WireForm};

/// What a look for events among stored ones found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// All of them, as they are stored.
    All(Vec<Event>),
    /// Some of them, and not the others: they were offered in another company before.
    Some,
    /// Not one of them.
    None,
}

/// Looks for events among stored ones, both by rising version.
///
/// # Errors
///
/// [`StoreError::EventMismatch`] where one is there, by id and version, with other content.
pub(crate) fn find(offered: &[Event], stored: &[Event]) -> Result<Found, StoreError> {
    let lookups = offered.iter().map(|offered| {
        let place = stored.binary_search_by_key(&offered.version(), Event::version);
        let stored = stored.get(place.ok()?)?;
        (stored.id() == offered.id()).then(|| (stored, same(offered, stored)))
    });
    collect(lookups)
}

/// Looks for drafts among stored events, by their ids: whatever version they became.
///
/// # Errors
///
/// [`StoreError::EventMismatch`] where one is there with other content.
pub(crate) fn find_drafts(drafts: &[EventDraft], stored: &[Event]) -> Result<Found, StoreError> {
    collect(drafts.iter().map(|draft| {
        let stored = stored
            .iter()
            .find(|stored| stored.id() == draft.event_id())?;
        let numbered = draft.clone().at(stored.version()).ok()?;
        Some((stored, same(&numbered, stored)))
    }))
}

/// From what was looked up for each: the stored event with its id, and whether it is the same.
fn collect<'s>(
    lookups: impl Iterator<Item = Option<(&'s Event, bool)>>,
) -> Result<Found, StoreError> {
    let mut events = Vec::new();
    let mut missing = false;
    for lookup in lookups {
        match lookup {
            None => missing = true,
            Some((stored, true)) => events.push(stored.clone()),
            Some((stored, false)) => {
                let mismatch = EventMismatch {
                    actor_id: stored.actor_id().clone(),
                    version: stored.version(),
                    event_id: stored.id().clone(),
                };
                return Err(mismatch.into());
            }
        }
    }
    Ok(match (missing, events.is_empty()) {
        (false, _) => Found::All(events),
        (true, true) => Found::None,
        (true, false) => Found::Some,
    })
}

/// Whether both say the same. Data that went through JSON may be other bytes for the same values
/// (an integer in fewer bytes, a 32-bit float in 64), so what differs is compared in that form.
pub(crate) fn same(offered: &Event, stored: &Event) -> bool {
    let json = |event: &Event| event.to_wire(WireForm::Json).ok();
    offered == stored
        || (offered.id() == stored.id()
            && json(offered).is_some_and(|offered| Some(offered) == json(stored)))
}

/// Whether all of these are stored exactly so, and nothing else with them.
pub(crate) fn identical(offered: &[Event], stored: &[Event]) -> bool {
    offered.len() == stored.len() && offered.iter().zip(stored).all(|(o, s)| same(o, s))
}

/// The version of the first of them; beyond all versions where there is none.
pub(crate) fn first_version(events: &[Event]) -> Version {
    events.first().map_or(Version::MAX, Event::version)
}

#[cfg(test)]
mod tests {
    use aether_core::{ActorId, Payload};

    use super::*;

    fn draft(data: &impl serde::Serialize) -> EventDraft {
        let actor = ActorId::new("order-1").unwrap();
        EventDraft::new(&actor, "Happened", data).unwrap()
    }

    fn event(version: u32) -> Event {
        draft(&version).at(version.into()).unwrap()
    }

    fn changed(event: &Event) -> Event {
        let other = Payload::encode("other").unwrap();
        event.to_draft().data(other).at(event.version()).unwrap()
    }

    fn is_mismatch(found: &Result<Found, StoreError>) -> bool {
        matches!(found, Err(StoreError::EventMismatch(_)))
    }

    #[test]
    fn events_are_found_one_by_one_wherever_they_are() {
        let stored = [event(1), event(2), event(5), event(6)];
        for offered in [&stored[..], &stored[1..3], &stored[3..]] {
            assert_eq!(
                find(offered, &stored).unwrap(),
                Found::All(offered.to_vec())
            );
        }
        // With one in between left out, too.
        let some = [stored[0].clone(), stored[2].clone()];
        assert_eq!(find(&some, &stored).unwrap(), Found::All(some.to_vec()));
    }

    #[test]
    fn one_that_is_missing_or_anothers_is_not_all() {
        let stored = [event(1), event(2)];
        for offered in [
            vec![event(1)],                    // another event of that version
            vec![stored[1].clone(), event(3)], // one more
            vec![stored[0].clone(), event(2)], // one replaced
        ] {
            let found = if offered.len() == 1 {
                Found::None
            } else {
                Found::Some
            };
            assert_eq!(find(&offered, &stored).unwrap(), found);
        }
        assert_eq!(find(&[event(1)], &[]).unwrap(), Found::None);
    }

    #[test]
    fn the_same_id_and_version_with_other_content_is_a_mismatch() {
        let stored = [event(1), event(2)];
        let offered = [stored[0].clone(), changed(&stored[1])];
        assert!(is_mismatch(&find(&offered, &stored)));
        // It matters more than what is missing.
        assert!(is_mismatch(&find(
            &[event(1), changed(&stored[1])],
            &stored
        )));
    }

    #[test]
    fn drafts_are_found_by_their_ids_whatever_they_became() {
        let drafts = [draft(&1), draft(&2)];
        let numbered: Vec<Event> = drafts
            .iter()
            .zip([4_u32, 5])
            .map(|(draft, version)| draft.clone().at(version.into()).unwrap())
            .collect();
        let all = |events: &[Event]| Found::All(events.to_vec());
        let among = |drafts: &[EventDraft], stored: &[Event]| find_drafts(drafts, stored).unwrap();
        assert_eq!(among(&drafts, &numbered), all(&numbered));
        assert_eq!(among(&drafts[1..], &numbered), all(&numbered[1..]));
        // A part of a larger commit, and with others behind it.
        let [first, second] = [numbered[0].clone(), numbered[1].clone()];
        let later = [event(3), first, second, event(6)];
        assert_eq!(among(&drafts[..1], &later), all(&numbered[..1]));
        assert_eq!(among(&drafts, &later), all(&numbered));
        assert_eq!(among(&drafts, &numbered[1..]), Found::Some);
        assert_eq!(among(&drafts, &[event(4)]), Found::None);
        assert_eq!(among(&drafts, &[]), Found::None);
        let other = [changed(&numbered[0]), numbered[1].clone()];
        assert!(is_mismatch(&find_drafts(&drafts, &other)));
    }

    #[test]
    fn data_that_went_through_json_is_the_same() {
        let single = draft(&1.5_f32).at(Version::FIRST).unwrap();
        let json = single.to_wire(WireForm::Json).unwrap();
        let back = Event::from_wire(WireForm::Json, &json).unwrap();
        assert_ne!(single, back);
        let one = std::slice::from_ref;
        assert!(identical(one(&single), one(&back)));
        assert_eq!(
            find(&[single], std::slice::from_ref(&back)).unwrap(),
            Found::All(vec![back])
        );
        assert!(!same(&event(1), &event(1)));
    }
}
