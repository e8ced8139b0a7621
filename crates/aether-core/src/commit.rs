//! What one append takes.

use crate::{ActorId, Event, EventDraft, EventId, Version, VersionConflictError};

/// What the actor's latest version must be for an append to be stored.
///
/// Every append demands that its versions are above the latest; this narrows the demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExpectedVersion {
    /// Anything below the first version of the commit.
    #[default]
    Older,
    /// Exactly this version, so that nothing happened since it was read.
    Exactly(Version),
    /// No events yet.
    NoEvents,
}

impl ExpectedVersion {
    /// Whether an actor at `latest` may take a commit that begins at `first`.
    #[inline]
    #[must_use]
    pub fn admits(self, latest: Version, first: Version) -> bool {
        first > latest
            && match self {
                Self::Older => true,
                Self::Exactly(version) => latest == version,
                Self::NoEvents => latest.is_zero(),
            }
    }
}

/// What one append takes: events of one actor, stored all or none.
///
/// Either events with versions of the caller's, or drafts that the store numbers from the
/// actor's latest version on. Building one checks all that can be checked without a store.
///
/// ```
/// use aether_core::{ActorId, Commit, EventDraft, ExpectedVersion, InvalidCommit, Version};
///
/// let order = ActorId::new("order-123")?;
/// let placed = EventDraft::new(&order, "OrderPlaced", &())?.at(Version::from(1))?;
/// let shipped = EventDraft::new(&order, "OrderShipped", &())?.at(Version::from(2))?;
///
/// let commit = Commit::events([placed.clone(), shipped.clone()])?.expecting(ExpectedVersion::NoEvents);
/// assert_eq!(commit.len(), 2);
/// assert!(matches!(Commit::events([shipped, placed]), Err(InvalidCommit::VersionsOutOfOrder { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    content: CommitContent,
    expected: ExpectedVersion,
}

/// The events of a [`Commit`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitContent {
    /// One event with a version of the caller's: the usual commit, which needs no list.
    Event(Event),
    /// Several events with versions of the caller's, rising; at least two.
    Events(Vec<Event>),
    /// To be numbered by the store, one after the other; at least one draft.
    Drafts(Vec<EventDraft>),
}

/// Events that don't make a [`Commit`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCommit {
    /// There are no events.
    #[error("a commit needs at least one event")]
    Empty,
    /// There are more than [`Commit::EVENTS_MAX`] events.
    #[error("a commit of {count} events, at most {max} are allowed", max = Commit::EVENTS_MAX)]
    TooManyEvents {
        /// How many there are.
        count: usize,
    },
    /// The events belong to more than one actor.
    #[error(
        "a commit has events of one actor: the first is of {first:?}, number {index} of {other:?}",
        first = .first.as_str(), other = .other.as_str()
    )]
    MixedActors {
        /// The first event's actor.
        first: ActorId,
        /// The other actor.
        other: ActorId,
        /// Which event is the other actor's, counted from 0.
        index: usize,
    },
    /// A version is not above the one before it.
    #[error("versions in a commit must rise: {version} at number {index} follows {previous}")]
    VersionsOutOfOrder {
        /// The version before.
        previous: Version,
        /// The version that is not above it.
        version: Version,
        /// Which event has it, counted from 0.
        index: usize,
    },
    /// Two events have the same id.
    #[error("the event id {id:?} is in the commit twice", id = .id.as_str())]
    RepeatedId {
        /// The id.
        id: EventId,
    },
}

impl Commit {
    /// The most events in one commit.
    pub const EVENTS_MAX: usize = 1_000;

    /// A commit of one event.
    #[must_use]
    #[inline]
    pub const fn event(event: Event) -> Self {
        Self::new(CommitContent::Event(event))
    }

    /// A commit of events whose versions rise (gaps are allowed).
    ///
    /// # Errors
    ///
    /// [`InvalidCommit`] where there are none or too many, where they belong to more than one
    /// actor, where a version does not rise, where an id repeats.
    pub fn events(events: impl IntoIterator<Item = Event>) -> Result<Self, InvalidCommit> {
        let mut events: Vec<Event> = events.into_iter().collect();
        check_events(&events)?;
        Ok(Self::new(match events.pop() {
            Some(only) if events.is_empty() => CommitContent::Event(only),
            last => {
                events.extend(last);
                CommitContent::Events(events)
            }
        }))
    }

    /// A commit of drafts that the store numbers, one after the other from the latest version on.
    ///
    /// # Errors
    ///
    /// [`InvalidCommit`] where there are none or too many, where they belong to more than one
    /// actor, where an id repeats.
    pub fn drafts(drafts: impl IntoIterator<Item = EventDraft>) -> Result<Self, InvalidCommit> {
        let drafts: Vec<EventDraft> = drafts.into_iter().collect();
        check_members(drafts.iter().map(|d| (d.actor_id(), d.event_id())))?;
        Ok(Self::new(CommitContent::Drafts(drafts)))
    }

    #[inline]
    const fn new(content: CommitContent) -> Self {
        Self {
            content,
            expected: ExpectedVersion::Older,
        }
    }

    /// The same commit with this demand on the actor's latest version.
    #[inline]
    #[must_use]
    pub fn expecting(mut self, expected: ExpectedVersion) -> Self {
        self.expected = expected;
        self
    }

    /// The demand on the actor's latest version.
    #[inline]
    #[must_use]
    pub fn expected(&self) -> ExpectedVersion {
        self.expected
    }

    /// Whose events these are.
    #[inline]
    #[must_use]
    pub fn actor_id(&self) -> &ActorId {
        match &self.content {
            CommitContent::Event(event) => event.actor_id(),
            CommitContent::Events(events) => events[0].actor_id(),
            CommitContent::Drafts(drafts) => drafts[0].actor_id(),
        }
    }

    /// The events or drafts.
    #[inline]
    #[must_use]
    pub fn content(&self) -> &CommitContent {
        &self.content
    }

    /// Takes the events or drafts out.
    #[inline]
    #[must_use]
    pub fn into_content(self) -> CommitContent {
        self.content
    }

    /// Takes the event out of a commit of one event with a version.
    ///
    /// # Errors
    ///
    /// The commit itself, where it is of several events or of drafts.
    #[inline]
    pub fn into_event(self) -> Result<Event, Self> {
        match self.content {
            CommitContent::Event(event) => Ok(event),
            content => Err(Self { content, ..self }),
        }
    }

    /// How many events there are, at least 1.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a commit is never empty")]
    pub fn len(&self) -> usize {
        match &self.content {
            CommitContent::Event(_) => 1,
            CommitContent::Events(events) => events.len(),
            CommitContent::Drafts(drafts) => drafts.len(),
        }
    }

    /// The events, where they came with versions of the caller's; `None` for drafts.
    #[inline]
    #[must_use]
    pub fn as_events(&self) -> Option<&[Event]> {
        match &self.content {
            CommitContent::Event(event) => Some(std::slice::from_ref(event)),
            CommitContent::Events(events) => Some(events),
            CommitContent::Drafts(_) => None,
        }
    }

    /// Whether an actor at `latest` may take this commit, by the version rule of the contract
    /// (clauses 2 and 3). Always false where no version is left for a draft.
    ///
    /// It does not look for repeats (clause 6): where this says no, a store does that before it
    /// gives [the conflict](Self::conflict_with).
    #[inline]
    #[must_use]
    pub fn fits(&self, latest: Version) -> bool {
        match self.first_version(latest) {
            Some(first) => self.expected.admits(latest, first),
            None => false,
        }
    }

    /// Why an actor at `latest` doesn't take this commit.
    #[must_use]
    pub fn conflict_with(&self, latest: Version) -> VersionConflictError {
        VersionConflictError::new(
            self.actor_id().clone(),
            // Past the last version there is, the attempt is to follow it.
            self.first_version(latest).unwrap_or(latest),
            latest,
            self.expected,
        )
    }

    /// The version that the first event has, or would get after `latest`; `None` where not every
    /// draft would get one.
    #[inline]
    fn first_version(&self, latest: Version) -> Option<Version> {
        match &self.content {
            CommitContent::Event(event) => Some(event.version()),
            CommitContent::Events(events) => Some(events[0].version()),
            CommitContent::Drafts(drafts) => latest.plus(drafts.len() as u64).and(latest.next()),
        }
    }

    /// The events as they would be stored after `latest`: drafts get the versions that follow it,
    /// events keep theirs.
    ///
    /// # Errors
    ///
    /// [`VersionConflictError`] where the commit does not [fit](Self::fits).
    pub fn number_after(&self, latest: Version) -> Result<Vec<Event>, VersionConflictError> {
        let numbered = match &self.content {
            CommitContent::Event(event) => Some(vec![event.clone()]),
            CommitContent::Events(events) => Some(events.clone()),
            CommitContent::Drafts(drafts) => number(drafts, latest),
        };
        match numbered {
            Some(events) if self.fits(latest) => Ok(events),
            _ => Err(self.conflict_with(latest)),
        }
    }
}

fn number(drafts: &[EventDraft], latest: Version) -> Option<Vec<Event>> {
    let mut version = latest;
    drafts
        .iter()
        .map(|draft| {
            version = version.next()?;
            // A version after another is never 0, so numbering can't fail.
            draft.clone().at(version).ok()
        })
        .collect()
}

impl From<Event> for Commit {
    fn from(event: Event) -> Self {
        Self::event(event)
    }
}

/// The last 8 bytes, or what there is of them.
fn end(bytes: &[u8]) -> u64 {
    match bytes.last_chunk() {
        Some(last) => u64::from_be_bytes(*last),
        None => bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)),
    }
}

/// Whether these can be the events of one commit: [`Commit::events`].
pub(crate) fn check_events(events: &[Event]) -> Result<(), InvalidCommit> {
    check_members(events.iter().map(|e| (e.actor_id(), e.id())))?;
    for (index, pair) in events.windows(2).enumerate() {
        if pair[1].version() <= pair[0].version() {
            return Err(InvalidCommit::VersionsOutOfOrder {
                previous: pair[0].version(),
                version: pair[1].version(),
                index: index + 1,
            });
        }
    }
    Ok(())
}

fn check_members<'a>(
    members: impl ExactSizeIterator<Item = (&'a ActorId, &'a EventId)> + Clone,
) -> Result<(), InvalidCommit> {
    let count = members.len();
    if count > Commit::EVENTS_MAX {
        return Err(InvalidCommit::TooManyEvents { count });
    }
    let (first, _) = members.clone().next().ok_or(InvalidCommit::Empty)?;
    if count == 1 {
        return Ok(());
    }
    for (index, (actor_id, _)) in members.clone().enumerate() {
        if actor_id != first {
            return Err(InvalidCommit::MixedActors {
                first: first.clone(),
                other: actor_id.clone(),
                index,
            });
        }
    }
    // By their ends first, as numbers: there most ids differ from all others.
    let mut ends: Vec<u64> = members.clone().map(|(_, id)| end(id.as_bytes())).collect();
    ends.sort_unstable();
    if ends.windows(2).all(|pair| pair[0] != pair[1]) {
        return Ok(());
    }
    let mut ids: Vec<&EventId> = members.map(|(_, id)| id).collect();
    ids.sort_unstable_by_key(|id| id.as_bytes());
    match ids
        .windows(2)
        .find(|pair| pair[0].as_bytes() == pair[1].as_bytes())
    {
        Some(pair) => Err(InvalidCommit::RepeatedId {
            id: pair[0].clone(),
        }),
        None => Ok(()),
    }
}
