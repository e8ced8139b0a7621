//! How the streams are made, and what one that is there already must not be.

use std::time::Duration;

use aether_core::StoreError;
use async_nats::jetstream::stream::{
    Config, DiscardPolicy, PersistenceMode, Republish, RetentionPolicy, Source, StorageType,
};

use crate::config::{JetStreamConfig, Retention, Storage};
use crate::errors::misconfigured;
use crate::names::Names;

/// What a stream is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Events,
    Snapshots,
    /// The newest commit of every actor, which the server itself copies from the events and keeps
    /// when they expire.
    Heads,
}

/// The stream as it is made where there is none.
pub(crate) fn wanted(role: Role, config: &JetStreamConfig) -> Config {
    let names = config.names();
    let common = Config {
        retention: RetentionPolicy::Limits,
        storage: match config.storage {
            Storage::File => StorageType::File,
            Storage::Memory => StorageType::Memory,
        },
        num_replicas: config.replicas,
        max_messages: -1,
        max_bytes: -1,
        max_age: Duration::ZERO,
        max_consumers: -1,
        max_message_size: -1,
        allow_direct: true,
        ..Config::default()
    };
    match role {
        Role::Events => Config {
            description: Some("Events, kept by Aether. See docs/wire-format.md.".to_owned()),
            subjects: vec![names.events_subjects()],
            republish: config.republish.then(|| republish(&names)),
            name: names.events_stream,
            max_messages_per_subject: -1,
            max_age: config.retention.max_age().unwrap_or_default(),
            // Should somebody set a limit later, saves are refused rather than events dropped.
            discard: DiscardPolicy::New,
            deny_delete: true,
            deny_purge: true,
            ..common
        },
        Role::Snapshots => Config {
            description: Some("Newest snapshots, kept by Aether.".to_owned()),
            subjects: vec![names.snapshots_subjects()],
            name: names.snapshots_stream,
            max_messages_per_subject: 1,
            discard: DiscardPolicy::Old,
            ..common
        },
        Role::Heads => Config {
            description: Some("The newest commit of each actor, kept by Aether.".to_owned()),
            name: names.heads_stream,
            subjects: Vec::new(),
            sources: Some(vec![plain(&names.events_stream)]),
            max_messages_per_subject: 1,
            discard: DiscardPolicy::Old,
            deny_delete: true,
            deny_purge: true,
            ..common
        },
    }
}

/// How the server sends each commit that it has stored to whoever listens.
pub(crate) fn republish(names: &Names) -> Republish {
    Republish {
        source: names.events_subjects(),
        destination: names.stored_destination(),
        headers_only: false,
    }
}

/// One setting that matters.
struct Rule {
    /// Its name in the server's own JSON.
    field: &'static str,
    /// For which streams.
    only: &'static [Role],
    expected: fn(&Config) -> String,
    found: fn(&Config) -> String,
    /// Whether what was found (first) will do where this is wanted (second).
    holds: fn(&Config, &Config) -> bool,
}

/// A rule that wants exactly one value.
macro_rules! fixed {
    ($name:literal, $only:expr, $expected:literal, $($field:ident).+, $holds:expr) => {
        Rule {
            field: $name,
            only: $only,
            expected: |_| $expected.to_owned(),
            found: |config| format!("{:?}", config.$($field).+),
            holds: |found, _| ($holds)(&found.$($field).+),
        }
    };
}

const ALL: &[Role] = &[Role::Events, Role::Snapshots, Role::Heads];
const EVENTS: &[Role] = &[Role::Events];
const HEADS: &[Role] = &[Role::Heads];
/// Those that keep one message for each actor.
const NEWEST: &[Role] = &[Role::Snapshots, Role::Heads];
/// Those in which messages are commits.
const COMMITS: &[Role] = &[Role::Events, Role::Heads];

/// Everything that would lose, hide, change or refuse what a store relies on.
///
/// Not here, because nothing depends on it: description, metadata, placement, compression,
/// consumer limits, the duplicate window (no message has an id for it), `deny_delete`
/// and `deny_purge` (somebody who wants to erase decides so when the stream is made; `risk.rs` says
/// what it means).
const RULES: &[Rule] = &[
    // A mirror has no subjects, so this is to be said first.
    fixed!("mirror", ALL, "not set", mirror, |m: &Option<_>| m
        .is_none()),
    Rule {
        field: "sources",
        only: ALL,
        expected: |wanted| shown_sources(wanted),
        found: shown_sources,
        holds: |found, wanted| sources(found) == sources(wanted),
    },
    Rule {
        field: "subjects",
        only: ALL,
        expected: |wanted| format!("{:?}", wanted.subjects),
        found: |found| format!("{:?}", found.subjects),
        holds: |found, wanted| found.subjects == wanted.subjects,
    },
    Rule {
        field: "storage",
        only: ALL,
        expected: |wanted| format!("{:?}", wanted.storage),
        found: |found| format!("{:?}", found.storage),
        holds: |found, wanted| found.storage == wanted.storage,
    },
    fixed!(
        "retention",
        ALL,
        "Limits",
        retention,
        |r: &RetentionPolicy| *r == RetentionPolicy::Limits
    ),
    Rule {
        field: "num_replicas",
        only: ALL,
        expected: |wanted| format!("at least {}", wanted.num_replicas),
        found: |found| found.num_replicas.to_string(),
        holds: |found, wanted| found.num_replicas >= wanted.num_replicas,
    },
    fixed!(
        "max_msgs",
        ALL,
        "unlimited (-1)",
        max_messages,
        |n: &i64| *n <= 0
    ),
    fixed!(
        "max_msgs_per_subject",
        EVENTS,
        "unlimited (-1)",
        max_messages_per_subject,
        |n: &i64| *n <= 0
    ),
    fixed!(
        "max_msgs_per_subject",
        NEWEST,
        "1",
        max_messages_per_subject,
        |n: &i64| *n == 1
    ),
    // A copy that does not fit would be a head that is missing, or one that pushed out another.
    fixed!(
        "max_bytes",
        HEADS,
        "unlimited (-1)",
        max_bytes,
        |n: &i64| { *n <= 0 }
    ),
    fixed!(
        "max_msg_size",
        HEADS,
        "unlimited (-1)",
        max_message_size,
        |n: &i32| *n <= 0
    ),
    Rule {
        field: "max_bytes",
        only: EVENTS,
        expected: |_| "unlimited (-1), or with discard New".to_owned(),
        found: |found| format!("{} with discard {:?}", found.max_bytes, found.discard),
        holds: |found, _| found.max_bytes <= 0 || found.discard == DiscardPolicy::New,
    },
    fixed!(
        "discard_new_per_subject",
        ALL,
        "false",
        discard_new_per_subject,
        |b: &bool| !b
    ),
    Rule {
        field: "max_age",
        only: ALL,
        expected: |wanted| shown_age(wanted),
        found: shown_age,
        holds: |found, wanted| found.max_age == wanted.max_age,
    },
    fixed!(
        "allow_msg_ttl",
        COMMITS,
        "false",
        allow_message_ttl,
        |b: &bool| !b
    ),
    fixed!(
        "subject_delete_marker_ttl",
        ALL,
        "not set",
        subject_delete_marker_ttl,
        |d: &Option<Duration>| d.is_none_or(|d| d.is_zero())
    ),
    fixed!(
        "allow_rollup_hdrs",
        COMMITS,
        "false",
        allow_rollup,
        |b: &bool| !b
    ),
    fixed!(
        "allow_msg_counter",
        ALL,
        "false",
        allow_message_counter,
        |b: &bool| !b
    ),
    fixed!(
        "subject_transform",
        ALL,
        "not set",
        subject_transform,
        |t: &Option<_>| t.is_none()
    ),
    // Nothing depends on it, unless somebody is to listen.
    Rule {
        field: "republish",
        only: EVENTS,
        expected: shown_republish,
        found: shown_republish,
        holds: |found, wanted| wanted.republish.is_none() || found.republish == wanted.republish,
    },
    fixed!("no_ack", ALL, "false", no_ack, |b: &bool| !b),
    fixed!("sealed", ALL, "false", sealed, |b: &bool| !b),
    fixed!(
        "persist_mode",
        ALL,
        "Default",
        persist_mode,
        |m: &Option<PersistenceMode>| *m != Some(PersistenceMode::Async)
    ),
    fixed!("allow_direct", COMMITS, "true", allow_direct, |b: &bool| *b),
];

fn sources(config: &Config) -> &[Source] {
    config.sources.as_deref().unwrap_or_default()
}

fn shown_sources(config: &Config) -> String {
    match sources(config) {
        [] => "none".to_owned(),
        [only] if *only == plain(&only.name) => format!("all of {:?}", only.name),
        sources => format!("{sources:?}"),
    }
}

/// Everything of a stream, as it is there.
fn plain(name: &str) -> Source {
    Source {
        name: name.to_owned(),
        ..Source::default()
    }
}

pub(crate) fn shown_republish(config: &Config) -> String {
    match &config.republish {
        None => "not set".to_owned(),
        Some(Republish {
            source,
            destination,
            headers_only,
        }) => {
            let what = if *headers_only { ", headers only" } else { "" };
            format!("from {source:?} to {destination:?}{what}")
        }
    }
}

/// As the configuration's own `retention` says it.
fn shown_age(config: &Config) -> String {
    let retention = match config.max_age {
        Duration::ZERO => Retention::Forever,
        age => Retention::MaxAge(age),
    };
    retention.to_string()
}

/// Refuses a stream that differs where it matters from the one that is wanted.
pub(crate) fn check(role: Role, found: &Config, wanted: &Config) -> Result<(), StoreError> {
    let applies = |rule: &&Rule| rule.only.contains(&role);
    match RULES
        .iter()
        .filter(applies)
        .find(|rule| !(rule.holds)(found, wanted))
    {
        None => Ok(()),
        Some(rule) => Err(misconfigured(
            format!("{} of stream {:?}", rule.field, wanted.name),
            (rule.found)(found),
            (rule.expected)(wanted),
        )),
    }
}

#[cfg(test)]
mod tests;
