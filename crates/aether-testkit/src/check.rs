//! What cases assert, in words that say what was expected and what was seen.

use std::fmt::{Debug, Display};
use std::future::Future;
use std::panic::Location;

use aether_core::{
    ActorId, Appended, Event, EventStore, EventStoreExt, ExpectedVersion, StoreError,
    StoreErrorKind, Version, VersionConflictError,
};

use crate::{Failure, Outcome};

/// The most characters of a value that a failure shows.
const SHOWN_MAX: usize = 1_000;

/// That something is so.
#[track_caller]
pub(crate) fn that(holds: bool, otherwise: impl FnOnce() -> String) -> Outcome {
    if holds {
        Ok(())
    } else {
        Err(Failure::new(otherwise()))
    }
}

/// That something is what it should be.
#[track_caller]
pub(crate) fn equal<T: PartialEq + Debug>(what: impl Display, seen: &T, expected: &T) -> Outcome {
    that(seen == expected, || {
        format!("{what}: expected {}, saw {}", shown(expected), shown(seen))
    })
}

/// That events are these, in this order and in every part.
#[track_caller]
pub(crate) fn same_events(what: impl Display, seen: &[Event], expected: &[Event]) -> Outcome {
    if seen == expected {
        return Ok(());
    }
    let differing = seen.iter().zip(expected).find(|(s, e)| s != e);
    let detail = differing.map_or(String::new(), |(s, e)| {
        format!(
            "; the first that differs should be {}, but is {}",
            shown(e),
            shown(s)
        )
    });
    Err(Failure::new(format!(
        "{what}: expected {} event(s) at versions {}, saw {} at {}{detail}",
        expected.len(),
        versions(expected),
        seen.len(),
        versions(seen),
    )))
}

/// That a save was refused with a conflict which says this.
#[track_caller]
pub(crate) fn conflict<T: Debug>(
    what: impl Display,
    seen: &Result<T, StoreError>,
    actor_id: &ActorId,
    attempted: impl Into<Version>,
    current: impl Into<Version>,
    expected: ExpectedVersion,
) -> Outcome {
    let wanted =
        VersionConflictError::new(actor_id.clone(), attempted.into(), current.into(), expected);
    let conflict = match seen {
        Err(StoreError::VersionConflict(conflict)) => conflict,
        other => {
            return Err(Failure::new(format!(
                "{what}: expected \"{wanted}\", saw {}",
                shown(other)
            )));
        }
    };
    equal(what, &**conflict, &wanted)
}

/// That a call was refused with an error of this kind.
#[track_caller]
pub(crate) fn refused<T: Debug>(
    what: impl Display,
    seen: &Result<T, StoreError>,
    kind: StoreErrorKind,
) -> Outcome {
    that(
        seen.as_ref().err().map(StoreError::kind) == Some(kind),
        || {
            format!(
                "{what}: expected an error of the kind {kind:?}, saw {}",
                shown(seen)
            )
        },
    )
}

/// That a save was refused because this event is stored with other content.
#[track_caller]
pub(crate) fn mismatch<T: Debug>(
    what: impl Display,
    seen: &Result<T, StoreError>,
    stored: &Event,
) -> Outcome {
    let Err(StoreError::EventMismatch(mismatch)) = seen else {
        return Err(Failure::new(format!(
            "{what}, under the id and version of a stored event: expected EventMismatch, saw {}",
            shown(seen)
        )));
    };
    let named = (&mismatch.actor_id, mismatch.version, &mismatch.event_id);
    let expected = (stored.actor_id(), stored.version(), stored.id());
    equal(
        format_args!("{what}: what the mismatch names"),
        &named,
        &expected,
    )
}

/// That a save of events with versions stored them, or found them stored: `repeated` says which.
#[track_caller]
pub(crate) fn appended(
    what: impl Display,
    seen: &Appended,
    events: &[Event],
    repeated: bool,
) -> Outcome {
    answer(&what, seen, events)?;
    was_repeated(what, seen, repeated)
}

/// That a save of drafts stored them as these events, or found them stored: `repeated` says which.
#[track_caller]
pub(crate) fn numbered(
    what: impl Display,
    seen: &Appended,
    events: &[Event],
    repeated: bool,
) -> Outcome {
    same_events(
        format_args!("{what}: what they became"),
        seen.numbered(),
        events,
    )?;
    names_the_last(&what, seen, events)?;
    was_repeated(what, seen, repeated)
}

/// That the answer to a save of events with versions tells of these, and gives none back.
#[track_caller]
pub(crate) fn answer(what: impl Display, seen: &Appended, events: &[Event]) -> Outcome {
    let what = format!("{what}: the events given back, where none were drafts");
    same_events(what, seen.numbered(), &[])?;
    names_the_last("the answer", seen, events)
}

#[track_caller]
fn names_the_last(what: impl Display, seen: &Appended, events: &[Event]) -> Outcome {
    let last = events.last().map_or(Version::ZERO, Event::version);
    equal(format_args!("{what}: its version"), &seen.version(), &last)
}

#[track_caller]
fn was_repeated(what: impl Display, seen: &Appended, repeated: bool) -> Outcome {
    equal(
        format_args!("{what}: whether the answer says that it was a repeat"),
        &seen.was_repeated(),
        &repeated,
    )
}

/// That an actor's history is these events, and its latest version that of the last of them.
#[track_caller]
pub(crate) fn history<S: EventStore>(
    store: &S,
    actor_id: &ActorId,
    expected: &[Event],
) -> impl Future<Output = Outcome> + Send {
    let location = Location::caller();
    async move {
        let here = |failure: Failure| Failure::at(location, failure.message());
        let seen = store.get_events(actor_id, Version::ZERO).await;
        let seen = seen.map_err(|error| here(error.into()))?;
        same_events(format_args!("the history of {actor_id:?}"), &seen, expected).map_err(here)?;
        let latest = store.latest_version(actor_id).await;
        let latest = latest.map_err(|error| here(error.into()))?;
        let last = expected.last().map_or(Version::ZERO, Event::version);
        equal(
            format_args!("the latest version of {actor_id:?}"),
            &latest,
            &last,
        )
        .map_err(here)
    }
}

/// A value's debug form, shortened.
pub(crate) fn shown(value: &(impl Debug + ?Sized)) -> String {
    let text = format!("{value:?}");
    if text.len() <= SHOWN_MAX {
        return text;
    }
    let start: String = text.chars().take(SHOWN_MAX).collect();
    format!("{start}… ({} bytes)", text.len())
}

/// The versions of events, shortened.
pub(crate) fn versions(events: &[Event]) -> String {
    shown(&events.iter().map(|e| e.version().get()).collect::<Vec<_>>())
}
