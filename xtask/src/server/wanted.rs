//! What was asked for on the command line.

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use semver::Version;

use super::OLDEST_SUPPORTED;
use super::pins::DEFAULT_VERSION;

/// Which server it shall be.
#[derive(Debug, Clone, Args)]
pub(crate) struct Wanted {
    /// Use this kind of server, and try nothing else
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) nats: Option<Kind>,
    /// Use exactly this version of the server
    #[arg(long, value_name = "VERSION")]
    pub(crate) server_version: Option<Version>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// A container, through Docker
    Container,
    /// A process: nats-server from the PATH, or fetched
    Binary,
    /// One that runs already: at `AETHER_NATS_URL`, or on port 4222 of this machine
    Url,
}

impl Wanted {
    /// A process of this machine.
    pub(crate) fn process(server_version: Option<Version>) -> Self {
        Self {
            nats: Some(Kind::Binary),
            server_version,
        }
    }

    /// The version to bring along where we have the choice.
    pub(crate) fn version(&self) -> Version {
        self.server_version.clone().unwrap_or(DEFAULT_VERSION)
    }

    /// Whether a server that is there already will do.
    pub(crate) fn accepts(&self, version: &Version) -> Result<()> {
        match &self.server_version {
            Some(exact) => ensure!(version == exact, "it is {version}, asked for was {exact}"),
            None => ensure!(
                *version >= OLDEST_SUPPORTED,
                "it is {version}, older than {OLDEST_SUPPORTED}"
            ),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(version: Option<&str>) -> Wanted {
        Wanted {
            nats: None,
            server_version: version.map(|v| v.parse().expect("a version")),
        }
    }

    #[test]
    fn without_a_wish_any_supported_version_will_do() {
        let any = wanted(None);
        assert!(any.accepts(&Version::new(2, 11, 0)).is_ok());
        assert!(any.accepts(&Version::new(2, 15, 1)).is_ok());
        assert!(any.accepts(&Version::new(2, 9, 10)).is_err());
        assert!(any.accepts(&Version::new(2, 10, 26)).is_err());
    }

    #[test]
    fn a_wish_is_met_exactly() {
        let exact = wanted(Some("2.12.8"));
        assert!(exact.accepts(&Version::new(2, 12, 8)).is_ok());
        assert!(exact.accepts(&Version::new(2, 15, 1)).is_err());
    }
}
