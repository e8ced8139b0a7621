//! What the next commit is to follow, and what it says of it.

use std::sync::Arc;

use aether_core::Version;

use crate::chain::Link;
use crate::head::Head;

/// What the next commit is to follow.
#[derive(Debug, Clone)]
pub(super) enum Ground {
    /// Nothing: the actor has no events.
    Nothing,
    /// This commit, which is the newest.
    On(Arc<Head>),
    /// This commit, which was the newest and has expired.
    Expired(Arc<Head>),
}

impl Ground {
    pub(super) fn head(&self) -> Option<&Arc<Head>> {
        match self {
            Self::Nothing => None,
            Self::On(head) | Self::Expired(head) => Some(head),
        }
    }

    pub(super) fn version(&self) -> Version {
        self.head().map_or(Version::ZERO, |head| head.version)
    }

    pub(super) fn link(&self) -> Link {
        self.head().map_or(Link::First, |head| head.link())
    }

    /// The sequence that the server is to compare with its last on the subject.
    pub(super) fn expected(&self) -> u64 {
        match self {
            Self::Nothing | Self::Expired(_) => 0,
            Self::On(head) => head.sequence(),
        }
    }

    /// What is stored next has a sequence above this.
    pub(super) fn after(&self) -> u64 {
        self.head().map_or(0, |head| head.sequence())
    }
}
