//! Where the NATS server comes from: one asked for, else the first source that has one.
//!
//! Why these sources in this order: `docs/decisions/0010-where-the-test-server-comes-from.md`.

mod binary;
pub(crate) mod cluster;
mod container;
mod fetch;
mod info;
pub(crate) mod keeper;
mod path;
pub(crate) mod pins;
pub(crate) mod platform;
pub(crate) mod program;
mod source;
mod url;
mod wanted;

use std::fmt;

use anyhow::Result;
use semver::Version;
use testcontainers::{ContainerAsync, GenericImage};

use crate::workspace::Workspace;
use info::Info;
use keeper::Keeper;
pub(crate) use program::{PROGRAM_VARIABLE, Program};
use source::{Refusals, Source};
pub(crate) use wanted::{Kind, Wanted};

/// Where tests and examples look for the server.
pub(crate) const ADDRESS_VARIABLE: &str = "AETHER_NATS_URL";

/// The oldest server that Aether works with.
pub(crate) const OLDEST_SUPPORTED: Version = Version::new(2, 11, 0);

/// A server that answers, with JetStream; what we started of it is gone when this is dropped.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) version: Version,
    /// The executable that it runs, as far as we know.
    pub(crate) program: Program,
    /// Its process, where that is one of this machine that we started.
    pub(crate) pid: Option<u32>,
    /// What it is: `a container of image ...`, `a process of ...`.
    origin: String,
    // Dropped in this order: the container is removed before its keeper looks for it.
    _container: Option<ContainerAsync<GenericImage>>,
    keeper: Option<Keeper>,
}

impl Server {
    /// A server that somebody else runs.
    fn foreign(url: String, info: Info, origin: String) -> Self {
        Self {
            url,
            version: info.version,
            program: Program::Elsewhere,
            pid: None,
            origin,
            _container: None,
            keeper: None,
        }
    }

    /// Resolves when the server is gone; for one that we cannot watch, never.
    pub(crate) async fn ended(&mut self) {
        match &mut self.keeper {
            Some(keeper) => keeper.ended().await,
            None => std::future::pending().await,
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (version, origin) = (&self.version, &self.origin);
        let address = info::address_of(&self.url).unwrap_or_else(|_| self.url.clone());
        write!(f, "server: nats-server {version} at {address}, {origin}")
    }
}

/// Finds a server, or says what was tried, why it failed, and what to do.
pub(crate) async fn find(wanted: &Wanted, workspace: &Workspace) -> Result<Server> {
    let given = url::given();
    let mut refusals = Refusals::default();
    let mut sources = source::plan(wanted.nats, given.is_some())
        .into_iter()
        .peekable();
    while let Some(source) = sources.next() {
        let attempt = match source {
            Source::Url => url::connect(given.as_deref(), wanted).await,
            Source::Container => container::start(wanted, workspace).await,
            Source::Path => path::start(wanted).await,
            Source::Fetched => binary::start_fetched(wanted, workspace).await,
        };
        match attempt {
            Ok(server) => {
                eprintln!("{server}");
                return Ok(server);
            }
            Err(why) => refusals.note(source, &why, sources.peek()),
        }
    }
    Err(refusals.into_error(wanted.nats))
}

/// Whether the environment names a server.
pub(crate) fn address_is_given() -> bool {
    url::given().is_some()
}
