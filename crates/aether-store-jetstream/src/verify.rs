//! Walking an actor's whole history and saying where it breaks.

use std::fmt;

use aether_core::{ActorId, Position, StoreError, Version};

use crate::doubt::OUTDATED_MAX;
use crate::follow::{Follower, Wrong};
use crate::message::Incarnation;
use crate::newest::NewestMessage;
use crate::patience::Patience;
use crate::read::incomplete;
use crate::scan::Scan;
use crate::store::Shared;
use crate::tail::Shortfall;

/// What a walk over an actor's whole history found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistoryReport {
    /// Whose history it is.
    pub actor_id: ActorId,
    /// How many commits can be read.
    pub commits: u64,
    /// How many events are in them.
    pub events: u64,
    /// The version of the last of them, or of the last that expired.
    pub latest: Version,
    /// How many commits don't say what comes before them: written by another program, or by a
    /// release before commits were linked. Nothing would show between those.
    pub unlinked: u64,
    /// The last version that is there no longer because the stream's retention took it; only
    /// where there is one.
    pub expired_through: Option<Version>,
    /// Where the history breaks, in its order.
    pub faults: Vec<HistoryFault>,
}

impl HistoryReport {
    /// Whether nothing is wrong: every commit can be read and follows the one before it, as far as
    /// it says which one that is ([`unlinked`](Self::unlinked)).
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.faults.is_empty()
    }
}

/// A place where a history breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistoryFault {
    /// Of the message where it shows.
    pub position: Position,
    /// What is wrong there.
    pub kind: HistoryFaultKind,
}

/// What is wrong at a place of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HistoryFaultKind {
    /// The message is not a commit of this actor that can be read.
    Malformed {
        /// Why not.
        reason: String,
    },
    /// Its versions are not above those before it: it was written by a program that does not ask
    /// the server to compare.
    Falls {
        /// Its first version.
        first: Version,
        /// The version before it.
        after: Version,
    },
    /// It was stored after another version than the one it is found after: what was between is
    /// damaged, was lost, or was removed.
    Missing {
        /// The version that it says it was stored after; 0 where it says that it is the first.
        stored_after: Version,
        /// The version that it is found after; 0 at the beginning.
        found_after: Version,
    },
    /// The commit before it is another than the one that it was stored after: it was changed, or
    /// the server lost it and its place was used again.
    Changed {
        /// The last version of the commit before.
        version: Version,
    },
    /// The server counts more messages than it gives, and no commit tells where they were: a
    /// first commit that is damaged, or commits that are not linked.
    Uncounted {
        /// How many it counts.
        counted: u64,
        /// How many it gives.
        given: u64,
    },
}

impl fmt::Display for HistoryFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {}: ", self.position)?;
        match &self.kind {
            HistoryFaultKind::Malformed { reason } => f.write_str(reason),
            HistoryFaultKind::Falls { first, after } => {
                let (first, after) = (*first, *after);
                Wrong::Falls { first, after }.fmt(f)
            }
            HistoryFaultKind::Missing {
                stored_after,
                found_after,
            } => {
                let (says, found) = (*stored_after, *found_after);
                Wrong::Misplaced { says, found }.fmt(f)
            }
            HistoryFaultKind::Changed { version } => Wrong::Changed { version: *version }.fmt(f),
            HistoryFaultKind::Uncounted { counted, given } => {
                f.write_str(&incomplete(*counted, *given).unwrap_or_default())
            }
        }
    }
}

impl From<Wrong> for HistoryFaultKind {
    fn from(wrong: Wrong) -> Self {
        match wrong {
            Wrong::Malformed(reason) => Self::Malformed { reason },
            Wrong::Falls { first, after } => Self::Falls { first, after },
            Wrong::Misplaced { says, found } => Self::Missing {
                stored_after: says,
                found_after: found,
            },
            Wrong::Changed { version } => Self::Changed { version },
        }
    }
}

/// Walks the history from its beginning to its newest commit.
pub(crate) async fn verify(
    store: &Shared,
    actor_id: &ActorId,
) -> Result<HistoryReport, StoreError> {
    let subject = store.ledger.names.events_subject(actor_id);
    let reader = store.reader(actor_id, &subject);
    let (expires, incarnation) = (store.ledger.expires(), store.ledger.incarnation);
    let mut patience = store.ledger.patience();
    reader.check_incarnation(&patience).await?;
    let mut report = HistoryReport {
        actor_id: actor_id.clone(),
        commits: 0,
        events: 0,
        latest: Version::ZERO,
        unlinked: 0,
        expired_through: None,
        faults: Vec::new(),
    };
    let mut shortfall = Shortfall::default();
    let mut counted = match expires {
        true => 0,
        false => reader.count(&mut patience).await?,
    };
    let mut scan = match reader.tail(counted, &mut patience).await? {
        NewestMessage::Nothing => return Ok(report),
        NewestMessage::Expired(kept) => {
            report.latest = reader.commit(&kept)?.last();
            report.expired_through = Some(report.latest);
            return Ok(report);
        }
        NewestMessage::Message(tail) => Scan::up_to(tail.sequence),
    };
    let mut follower = Follower::default();
    let mut before = 0;
    loop {
        let Some(stored) = scan.next(store, &subject, &mut patience).await? else {
            let fewer = scan.given() < counted && !report.faults.iter().any(is_missing);
            if !fewer {
                break;
            }
            let mut insists = insisting(store);
            let (now, later) = reader.later_tail(scan.tail(), &mut insists).await?;
            counted = counted.max(now);
            let Some(later) = later.filter(|_| shortfall.may_shrink(counted - scan.given())) else {
                break;
            };
            scan.extend(later);
            continue;
        };
        let follows = follower.clone();
        let (commit, wrong) = follower.follow(actor_id, &stored, Version::ZERO);
        if wrong.as_ref().is_some_and(Wrong::is_missing)
            && scan.look_again(store, before, stored.sequence)
        {
            follower = follows;
            continue;
        }
        let after = std::mem::replace(&mut before, stored.sequence);
        let expired = match (&wrong, &commit) {
            (Some(Wrong::Misplaced { says, .. }), Some(commit)) => {
                let mut insists = insisting(store);
                let expired = reader.has_expired_before(commit, after, &mut insists);
                expired.await?.then_some(*says)
            }
            _ => None,
        };
        if let Some(commit) = commit {
            report.commits += 1;
            report.events += commit.events.len() as u64;
            report.latest = commit.last();
            report.unlinked += u64::from(commit.link.is_none());
        }
        match wrong {
            Some(_) if expired.is_some() => report.expired_through = expired,
            Some(wrong) => report
                .faults
                .push(fault(incarnation, stored.sequence, wrong.into())),
            None => {}
        }
    }
    let given = scan.given();
    if given < counted && !report.faults.iter().any(is_missing) {
        let kind = HistoryFaultKind::Uncounted { counted, given };
        report.faults.push(fault(incarnation, scan.tail(), kind));
    }
    Ok(report)
}

/// Who asks for a verdict waits for one, as long as an old leader may stand against it.
fn insisting(store: &Shared) -> Patience {
    Patience::new(store.ledger.deadline.max(2 * OUTDATED_MAX))
}

fn is_missing(fault: &HistoryFault) -> bool {
    matches!(fault.kind, HistoryFaultKind::Missing { .. })
}

fn fault(incarnation: Incarnation, sequence: u64, kind: HistoryFaultKind) -> HistoryFault {
    HistoryFault {
        position: Position::new(incarnation.0, sequence, 0),
        kind,
    }
}
