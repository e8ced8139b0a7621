//! What became of the saves whose end left open whether they were stored.

use crate::checker::Offer;
use crate::log::Outcome;

/// How a save that ended as indeterminate, was dropped, or was cut off, turned out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Resolution {
    pub(crate) end: &'static str,
    pub(crate) became: &'static str,
}

/// One for each attempt of this commit that ended so.
pub(crate) fn of(offer: &Offer<'_>) -> Vec<Resolution> {
    let mut resolutions = Vec::new();
    for (number, outcome) in offer.attempts.iter().enumerate() {
        let end = match outcome {
            Some(Outcome::Indeterminate) => "indeterminate",
            Some(Outcome::Unavailable) => "unavailable",
            Some(Outcome::Dropped) => "dropped",
            None => "cut off with its process",
            Some(_) => continue,
        };
        let told = offer.attempts[number + 1..].iter().flatten();
        let told = told.filter_map(|later| match later {
            Outcome::Stored { repeated: true, .. } => Some("repeated: it had been stored"),
            Outcome::Stored { .. } => Some("repeated: stored by that"),
            Outcome::Conflict { .. } => Some("repeated: another was first"),
            _ => None,
        });
        let became = told.into_iter().next().unwrap_or(match offer.stored {
            Some(_) => "not told: it is in the stream",
            None => "not told: it is not in the stream",
        });
        resolutions.push(Resolution { end, became });
    }
    resolutions
}
