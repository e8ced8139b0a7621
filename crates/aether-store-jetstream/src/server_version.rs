//! Which servers will do.

use std::fmt;

use aether_core::StoreError;

use crate::errors::misconfigured;

/// A server's version, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ServerVersion {
    major: u32,
    minor: u32,
    patch: u32,
}

/// The oldest that will do: batch direct get, and per-subject checks that hold on replicas.
const OLDEST: ServerVersion = ServerVersion::new(2, 11, 0);

impl ServerVersion {
    pub(crate) const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }

    /// Reads `2.11.0`, `v2.12.0-RC.1`, `2.14.0+build`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let release = text.split(['-', '+']).next()?;
        let mut parts = release.split('.').map(|part| part.parse().ok());
        let version = Self {
            major: parts.next()??,
            minor: parts.next()??,
            patch: parts.next()??,
        };
        parts.next().is_none().then_some(version)
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Refuses a server that is too old, by the version that it says it has.
pub(crate) fn check(found: &str) -> Result<ServerVersion, StoreError> {
    let version = ServerVersion::parse(found).filter(|version| *version >= OLDEST);
    version.ok_or_else(|| {
        misconfigured(
            "the NATS server's version",
            format!("{found:?}"),
            format!("{OLDEST} or newer"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_from_2_11_on_will_do() {
        for good in [
            "2.11.0",
            "2.11.11",
            "v2.12.8",
            "2.14.0-RC.1",
            "2.15.1+x",
            "3.0.0",
            "10.0.0",
        ] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in [
            "2.10.29", "2.9.25", "1.4.1", "", "2.11", "latest", "2.11.0.1", "2.x.0",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
