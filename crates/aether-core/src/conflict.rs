//! A save that came too late.

use std::fmt;

use crate::{ActorId, ExpectedVersion, Version};

/// The actor's history has moved past what a save assumed. Nothing was stored.
///
/// Reload the actor, decide anew, save again: the loop that [`EventStore`](crate::EventStore)
/// describes.
///
/// ```
/// use aether_core::{ActorId, ExpectedVersion, Version, VersionConflictError};
///
/// let conflict = VersionConflictError::new(
///     ActorId::new("order-123")?, Version::from(3), Version::from(5), ExpectedVersion::Older,
/// );
/// assert_eq!(
///     conflict.to_string(),
///     r#"version conflict: actor "order-123" has version 5, cannot save version 3"#,
/// );
/// # Ok::<(), aether_core::InvalidText>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionConflictError {
    /// Whose history it is.
    pub actor_id: ActorId,
    /// The first version that was to be saved.
    pub attempted_version: Version,
    /// The actor's latest version when the save was refused.
    pub current_version: Version,
    /// What the save demanded of the latest version.
    pub expected: ExpectedVersion,
}

impl VersionConflictError {
    /// A conflict between what was attempted and what is.
    #[must_use]
    pub fn new(
        actor_id: ActorId,
        attempted_version: Version,
        current_version: Version,
        expected: ExpectedVersion,
    ) -> Self {
        Self {
            actor_id,
            attempted_version,
            current_version,
            expected,
        }
    }
}

impl fmt::Display for VersionConflictError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "version conflict: actor {:?} has version {}, cannot save version {}",
            self.actor_id.as_str(),
            self.current_version,
            self.attempted_version,
        )?;
        // Where the version itself is the reason, the expectation would only distract.
        if self.attempted_version <= self.current_version {
            return Ok(());
        }
        match self.expected {
            ExpectedVersion::Older => Ok(()),
            ExpectedVersion::Exactly(version) => {
                write!(f, ": it expects exactly version {version}")
            }
            ExpectedVersion::NoEvents => f.write_str(": it expects no events"),
        }
    }
}

impl std::error::Error for VersionConflictError {}
