//! A server that somebody else runs.

use anyhow::{Context as _, Result};

use super::wanted::Wanted;
use super::{ADDRESS_VARIABLE, Server, info};

/// Where a NATS server listens unless it is told otherwise.
const DEFAULT_ADDRESS: &str = "nats://127.0.0.1:4222";

/// The address in the environment, if there is one.
pub(crate) fn given() -> Option<String> {
    std::env::var(ADDRESS_VARIABLE)
        .ok()
        .filter(|url| !url.trim().is_empty())
}

pub(crate) async fn connect(given: Option<&str>, wanted: &Wanted) -> Result<Server> {
    let (url, reason) = match given {
        Some(url) => (url, format!("{ADDRESS_VARIABLE} names it")),
        None => (
            DEFAULT_ADDRESS,
            format!("the default, as {ADDRESS_VARIABLE} is not set"),
        ),
    };
    let info = info::ask(url).await.with_context(|| reason.clone())?;
    wanted.accepts(&info.version)?;
    let origin = format!("one that ran already ({reason})");
    Ok(Server::foreign(url.to_owned(), info, origin))
}
