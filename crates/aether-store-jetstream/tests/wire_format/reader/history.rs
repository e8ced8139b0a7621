//! "What a reader checks": an actor's commits, and what is wrong with its other messages.

use std::collections::BTreeSet;

use async_nats::Client;

use super::body::{self, Event, Form};
use super::chain::{self, Digest, Link};
use super::messages::{self, Message};
use super::names::Names;

/// A message that was read as a commit.
#[derive(Debug, Clone)]
pub(crate) struct Commit {
    pub(crate) sequence: u64,
    pub(crate) form: Form,
    pub(crate) link: Link,
    pub(crate) digest: Digest,
    pub(crate) events: Vec<Event>,
}

impl Commit {
    pub(crate) fn first_version(&self) -> u64 {
        self.events[0].version
    }

    pub(crate) fn last_version(&self) -> u64 {
        self.events[self.events.len() - 1].version
    }
}

/// What is wrong with a message, by the rule that it breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Headers,
    Format,
    ContentType,
    Body,
    OtherActor,
    Versions,
    NotAbove,
    SameId,
    Link,
    /// It can be read, and what is before it is not what it says.
    OutOfPlace,
}

/// All that there is of an actor.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) commits: Vec<Commit>,
    /// By the message's sequence in the stream.
    pub(crate) faults: Vec<(u64, Fault)>,
}

impl History {
    pub(crate) fn events(&self) -> Vec<Event> {
        let commits = self.commits.iter();
        commits.flat_map(|commit| commit.events.clone()).collect()
    }
}

/// What the message before says of the one that is looked at.
enum Before {
    Nothing,
    Unreadable,
    Commit { last_version: u64, digest: Digest },
}

pub(crate) async fn read(client: &Client, names: &Names, actor_id: &str) -> History {
    let info = messages::stream_info(client, &names.events()).await;
    let expires = info["config"]["max_age"] != 0;
    let subject = names.subject(actor_id);
    let messages = messages::on_subject(client, &names.events(), &subject).await;
    of_messages(&messages, actor_id, expires)
}

/// The history that these messages of a subject are.
pub(crate) fn of_messages(messages: &[Message], actor_id: &str, expires: bool) -> History {
    let mut history = History::default();
    let mut before = Before::Nothing;
    for message in messages {
        let last_version = history.commits.last().map_or(0, Commit::last_version);
        let commit = match commit(message, actor_id) {
            Ok(commit) if commit.first_version() <= last_version => Err(Fault::NotAbove),
            commit => commit,
        };
        match commit {
            Ok(commit) => {
                if is_out_of_place(&commit.link, &before, expires) {
                    history.faults.push((message.sequence, Fault::OutOfPlace));
                }
                before = Before::Commit {
                    last_version: commit.last_version(),
                    digest: commit.digest,
                };
                history.commits.push(commit);
            }
            Err(fault) => {
                history.faults.push((message.sequence, fault));
                before = Before::Unreadable;
            }
        }
    }
    history
}

/// The commit that a message is, by itself.
pub(crate) fn commit(message: &Message, actor_id: &str) -> Result<Commit, Fault> {
    let is_twice = |name: &&str| message.is_twice(name);
    if message.headers.is_none() || chain::DIGESTED.iter().any(is_twice) {
        return Err(Fault::Headers);
    }
    if message.header("Aether-Format") != Some("1") {
        return Err(Fault::Format);
    }
    let content_type = message.header("Content-Type").unwrap_or("");
    let form = Form::of(content_type).ok_or(Fault::ContentType)?;
    let events = body::events(form, &message.body).ok_or(Fault::Body)?;
    if events.iter().any(|event| event.actor_id != actor_id) {
        return Err(Fault::OtherActor);
    }
    let commit = Commit {
        sequence: message.sequence,
        form,
        link: Link::of(message).ok_or(Fault::Link)?,
        digest: chain::digest(message),
        events,
    };
    let says = ["Aether-First-Version", "Aether-Last-Version"].map(|name| message.number(name));
    let has = [Some(commit.first_version()), Some(commit.last_version())];
    if says != has || !commit.events.is_sorted_by(|a, b| a.version < b.version) {
        return Err(Fault::Versions);
    }
    let ids: BTreeSet<&str> = commit.events.iter().map(|e| e.id.as_str()).collect();
    if ids.len() < commit.events.len() {
        return Err(Fault::SameId);
    }
    match commit.link {
        Link::After { version, .. } if version >= commit.first_version() => Err(Fault::Link),
        _ => Ok(commit),
    }
}

fn is_out_of_place(link: &Link, before: &Before, expires: bool) -> bool {
    match (link, before) {
        (Link::Unlinked, _) | (_, Before::Unreadable) | (Link::First, Before::Nothing) => false,
        (Link::First, Before::Commit { .. }) => true,
        (Link::After { .. }, Before::Nothing) => !expires,
        (
            Link::After {
                version, digest, ..
            },
            Before::Commit {
                last_version,
                digest: of_before,
            },
        ) => version != last_version || digest != of_before,
    }
}
