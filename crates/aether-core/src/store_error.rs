//! What can go wrong in a store.

use std::error::Error as StdError;

use crate::{ActorId, Event, EventId, InvalidCommit, InvalidEvent, InvalidText, PayloadError};
use crate::{Position, ReplayError, Version, VersionConflictError, WireError};

/// What went wrong below, in whatever type it came.
pub type BoxError = Box<dyn StdError + Send + Sync + 'static>;

/// What can go wrong in a store.
///
/// [`kind`](Self::kind) answers which sort of thing it is, [`is_retryable`](Self::is_retryable)
/// whether the same call may succeed later. Unless a variant says otherwise, nothing was stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The history has moved past what the save assumed.
    #[error(transparent)]
    VersionConflict(Box<VersionConflictError>),

    /// An event, a commit or an identifier is not valid; it was not sent anywhere.
    #[error(transparent)]
    InvalidEvent(BoxError),

    /// An event with this id is stored at this version, with other content.
    #[error(
        "actor {actor:?} has event {id:?} at version {version} with other content",
        actor = .0.actor_id.as_str(), id = .0.event_id.as_str(), version = .0.version
    )]
    EventMismatch(Box<EventMismatch>),

    /// The commit or snapshot is larger than the store takes; it was not sent.
    #[error("{what} has {bytes} bytes, the store takes at most {max}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is, with everything that is sent along.
        bytes: usize,
        /// The most that the store takes.
        max: usize,
    },

    /// Something stored can't be read. In a stream of events, the next ones may still follow.
    #[error(transparent)]
    Malformed(Box<ReplayError>),

    /// The beginning of the actor's history is gone, and no snapshot stands in for it.
    #[error(
        "the history of actor {actor:?} begins after version {after}: what came before has expired or was removed",
        actor = .actor_id.as_str()
    )]
    HistoryTruncated {
        /// Whose history it is.
        actor_id: ActorId,
        /// The last version that is missing.
        after: Version,
    },

    /// The actor's history is shorter than, or another than, what was known of it: the store has
    /// lost what it had acknowledged, or was replaced. Never retried.
    #[error(
        "the history of actor {actor:?} went backwards from version {known}: {detail}",
        actor = .actor_id.as_str()
    )]
    HistoryRegressed {
        /// Whose history it is.
        actor_id: ActorId,
        /// The version that was known to be stored.
        known: Version,
        /// What is there instead.
        detail: String,
    },

    /// Whether the events were stored is not known. Saving exactly these events again tells:
    /// it succeeds where they are stored or can be, and is a conflict where another was first.
    #[error(transparent)]
    Indeterminate(Box<Indeterminate>),

    /// The position is not one that a feed can start from.
    #[error("can't start from position {position}: {reason}")]
    PositionLost {
        /// The position that was asked for.
        position: Position,
        /// Why not: another store's, past the end, before the beginning.
        reason: String,
    },

    /// The store, or what it runs on, is not set up as it must be.
    #[error("{what} is {found}, it must be {expected}")]
    Misconfigured {
        /// Which setting of what.
        what: String,
        /// What it is.
        found: String,
        /// What it must be.
        expected: String,
    },

    /// The account is not allowed to do this.
    #[error("not permitted to {action}: {source}")]
    PermissionDenied {
        /// What was tried.
        action: String,
        /// What the server said.
        source: BoxError,
    },

    /// What the store runs on can't be reached, or did not answer in time. It may answer later.
    #[error("unavailable while trying to {action}: {source}")]
    Unavailable {
        /// What was tried.
        action: String,
        /// What happened.
        source: BoxError,
    },

    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

/// An event that is stored with other content than the one offered: see [`StoreError::EventMismatch`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventMismatch {
    /// Whose event it is.
    pub actor_id: ActorId,
    /// The version that both have.
    pub version: Version,
    /// The id that both have.
    pub event_id: EventId,
}

/// A save that ended without knowing whether it stored anything: see [`StoreError::Indeterminate`].
#[derive(Debug, thiserror::Error)]
#[error(
    "not known whether {count} event(s) of {of} were stored: {source}",
    count = .events.len(), of = self.of()
)]
pub struct Indeterminate {
    /// The events with their versions, as one commit.
    pub events: Vec<Event>,
    /// Why it isn't known.
    pub source: BoxError,
}

impl Indeterminate {
    /// Whose events they are and where they begin, for the text.
    fn of(&self) -> String {
        match self.events.first() {
            Some(first) => format!(
                "actor {:?} from version {} on",
                first.actor_id().as_str(),
                first.version()
            ),
            None => "an unknown actor".to_owned(),
        }
    }
}

/// Which sort of thing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// [`StoreError::VersionConflict`]
    VersionConflict,
    /// [`StoreError::InvalidEvent`]
    InvalidEvent,
    /// [`StoreError::EventMismatch`]
    EventMismatch,
    /// [`StoreError::TooLarge`]
    TooLarge,
    /// [`StoreError::Malformed`]
    Malformed,
    /// [`StoreError::HistoryTruncated`]
    HistoryTruncated,
    /// [`StoreError::HistoryRegressed`]
    HistoryRegressed,
    /// [`StoreError::Indeterminate`]
    Indeterminate,
    /// [`StoreError::PositionLost`]
    PositionLost,
    /// [`StoreError::Misconfigured`]
    Misconfigured,
    /// [`StoreError::PermissionDenied`]
    PermissionDenied,
    /// [`StoreError::Unavailable`]
    Unavailable,
    /// [`StoreError::Closed`]
    Closed,
}

impl StoreError {
    /// Which sort of thing went wrong.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        match self {
            Self::VersionConflict(_) => StoreErrorKind::VersionConflict,
            Self::InvalidEvent(_) => StoreErrorKind::InvalidEvent,
            Self::EventMismatch(_) => StoreErrorKind::EventMismatch,
            Self::TooLarge { .. } => StoreErrorKind::TooLarge,
            Self::Malformed(_) => StoreErrorKind::Malformed,
            Self::HistoryTruncated { .. } => StoreErrorKind::HistoryTruncated,
            Self::HistoryRegressed { .. } => StoreErrorKind::HistoryRegressed,
            Self::Indeterminate(_) => StoreErrorKind::Indeterminate,
            Self::PositionLost { .. } => StoreErrorKind::PositionLost,
            Self::Misconfigured { .. } => StoreErrorKind::Misconfigured,
            Self::PermissionDenied { .. } => StoreErrorKind::PermissionDenied,
            Self::Unavailable { .. } => StoreErrorKind::Unavailable,
            Self::Closed => StoreErrorKind::Closed,
        }
    }

    /// Whether another writer was first: reload, decide anew, save again.
    #[must_use]
    pub fn is_version_conflict(&self) -> bool {
        matches!(self, Self::VersionConflict(_))
    }

    /// The conflict's details, where it is one.
    #[must_use]
    pub fn version_conflict(&self) -> Option<&VersionConflictError> {
        match self {
            Self::VersionConflict(conflict) => Some(conflict),
            _ => None,
        }
    }

    /// Whether the *same* call, unchanged, may succeed later.
    ///
    /// True for [`Unavailable`](Self::Unavailable) and [`Indeterminate`](Self::Indeterminate)
    /// (with the events that it carries). False for a version conflict: it needs a new decision.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Indeterminate(_))
    }

    /// The events of a save whose outcome is not known, with their versions.
    #[must_use]
    pub fn indeterminate_events(&self) -> Option<&[Event]> {
        match self {
            Self::Indeterminate(indeterminate) => Some(&indeterminate.events),
            _ => None,
        }
    }
}

impl From<VersionConflictError> for StoreError {
    fn from(conflict: VersionConflictError) -> Self {
        Self::VersionConflict(Box::new(conflict))
    }
}

impl From<EventMismatch> for StoreError {
    fn from(mismatch: EventMismatch) -> Self {
        Self::EventMismatch(Box::new(mismatch))
    }
}

impl From<ReplayError> for StoreError {
    fn from(error: ReplayError) -> Self {
        Self::Malformed(Box::new(error))
    }
}

impl From<Indeterminate> for StoreError {
    fn from(indeterminate: Indeterminate) -> Self {
        Self::Indeterminate(Box::new(indeterminate))
    }
}

/// What is refused before anything is sent.
macro_rules! invalid_input {
    ($($error:ty),+ $(,)?) => {$(
        impl From<$error> for StoreError {
            fn from(error: $error) -> Self {
                Self::InvalidEvent(Box::new(error))
            }
        }
    )+};
}

invalid_input!(
    InvalidEvent,
    InvalidCommit,
    InvalidText,
    PayloadError,
    WireError
);
