//! How the two streams are made, and what one that is there already must not be.

use std::time::Duration;

use aether_core::StoreError;
use async_nats::jetstream::stream::{
    Config, DiscardPolicy, PersistenceMode, RetentionPolicy, StorageType,
};

use crate::errors::misconfigured;
use crate::names::Names;

/// What a stream is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Events,
    Snapshots,
}

/// The stream as it is made where there is none.
pub(crate) fn wanted(role: Role, names: &Names, replicas: usize) -> Config {
    let common = Config {
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        num_replicas: replicas,
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
            name: names.events_stream.clone(),
            description: Some("Events, kept by Aether. See docs/wire-format.md.".to_owned()),
            subjects: vec![names.events_subjects()],
            max_messages_per_subject: -1,
            // Should somebody set a limit later, saves are refused rather than events dropped.
            discard: DiscardPolicy::New,
            deny_delete: true,
            deny_purge: true,
            ..common
        },
        Role::Snapshots => Config {
            name: names.snapshots_stream.clone(),
            description: Some("Newest snapshots, kept by Aether.".to_owned()),
            subjects: vec![names.snapshots_subjects()],
            max_messages_per_subject: 1,
            discard: DiscardPolicy::Old,
            ..common
        },
    }
}

/// One setting that matters.
struct Rule {
    /// Its name in the server's own JSON.
    field: &'static str,
    /// For which stream; both where none is named.
    only: Option<Role>,
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

const EVENTS: Option<Role> = Some(Role::Events);
const SNAPSHOTS: Option<Role> = Some(Role::Snapshots);

/// Everything that would lose, hide, change or refuse what a store relies on.
///
/// Not here, because nothing depends on it: description, metadata, placement, compression,
/// republish, consumer limits, the duplicate window (no message has an id for it), `deny_delete`
/// and `deny_purge` (somebody who wants to erase decides so when the stream is made).
const RULES: &[Rule] = &[
    // A mirror has no subjects, so this is to be said first.
    fixed!("mirror", None, "not set", mirror, |m: &Option<_>| m
        .is_none()),
    Rule {
        field: "sources",
        only: None,
        expected: |_| "none".to_owned(),
        found: |found| format!("{:?}", found.sources),
        holds: |found, _| found.sources.as_ref().is_none_or(Vec::is_empty),
    },
    Rule {
        field: "subjects",
        only: None,
        expected: |wanted| format!("{:?}", wanted.subjects),
        found: |found| format!("{:?}", found.subjects),
        holds: |found, wanted| found.subjects == wanted.subjects,
    },
    fixed!("storage", None, "File", storage, |s: &StorageType| *s
        == StorageType::File),
    fixed!(
        "retention",
        None,
        "Limits",
        retention,
        |r: &RetentionPolicy| *r == RetentionPolicy::Limits
    ),
    Rule {
        field: "num_replicas",
        only: None,
        expected: |wanted| format!("at least {}", wanted.num_replicas),
        found: |found| found.num_replicas.to_string(),
        holds: |found, wanted| found.num_replicas >= wanted.num_replicas,
    },
    fixed!(
        "max_msgs",
        None,
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
        SNAPSHOTS,
        "1",
        max_messages_per_subject,
        |n: &i64| *n == 1
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
        None,
        "false",
        discard_new_per_subject,
        |b: &bool| !b
    ),
    fixed!(
        "max_age",
        EVENTS,
        "0 (no limit)",
        max_age,
        |d: &Duration| d.is_zero()
    ),
    fixed!(
        "allow_msg_ttl",
        EVENTS,
        "false",
        allow_message_ttl,
        |b: &bool| !b
    ),
    fixed!(
        "subject_delete_marker_ttl",
        None,
        "not set",
        subject_delete_marker_ttl,
        |d: &Option<Duration>| d.is_none_or(|d| d.is_zero())
    ),
    fixed!(
        "allow_rollup_hdrs",
        EVENTS,
        "false",
        allow_rollup,
        |b: &bool| !b
    ),
    fixed!(
        "allow_msg_counter",
        None,
        "false",
        allow_message_counter,
        |b: &bool| !b
    ),
    fixed!(
        "subject_transform",
        None,
        "not set",
        subject_transform,
        |t: &Option<_>| t.is_none()
    ),
    fixed!("no_ack", None, "false", no_ack, |b: &bool| !b),
    fixed!("sealed", None, "false", sealed, |b: &bool| !b),
    fixed!(
        "persist_mode",
        None,
        "Default",
        persist_mode,
        |m: &Option<PersistenceMode>| *m != Some(PersistenceMode::Async)
    ),
    fixed!("allow_direct", EVENTS, "true", allow_direct, |b: &bool| *b),
];

/// Refuses a stream that differs where it matters from the one that is wanted.
pub(crate) fn check(role: Role, found: &Config, wanted: &Config) -> Result<(), StoreError> {
    let applies = |rule: &&Rule| rule.only.is_none_or(|only| only == role);
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
mod tests {
    use std::collections::BTreeSet;

    use async_nats::jetstream::stream::{Source, SubjectTransform};

    use super::*;

    type Change = fn(&mut Config);

    /// A difference for every rule.
    fn differences() -> Vec<(&'static str, Role, Change)> {
        vec![
            ("subjects", Role::Events, |c| {
                c.subjects.push("orders.more".to_owned());
            }),
            ("subjects", Role::Snapshots, |c| {
                c.subjects = vec![">".to_owned()];
            }),
            ("storage", Role::Events, |c| c.storage = StorageType::Memory),
            ("storage", Role::Snapshots, |c| {
                c.storage = StorageType::Memory;
            }),
            ("retention", Role::Events, |c| {
                c.retention = RetentionPolicy::Interest;
            }),
            ("retention", Role::Snapshots, |c| {
                c.retention = RetentionPolicy::WorkQueue;
            }),
            ("num_replicas", Role::Events, |c| c.num_replicas = 2),
            ("max_msgs", Role::Events, |c| c.max_messages = 1_000_000),
            ("max_msgs_per_subject", Role::Events, |c| {
                c.max_messages_per_subject = 1;
            }),
            ("max_msgs_per_subject", Role::Snapshots, |c| {
                c.max_messages_per_subject = -1;
            }),
            ("max_msgs_per_subject", Role::Snapshots, |c| {
                c.max_messages_per_subject = 2;
            }),
            ("max_bytes", Role::Events, |c| {
                c.max_bytes = 1 << 30;
                c.discard = DiscardPolicy::Old;
            }),
            ("discard_new_per_subject", Role::Snapshots, |c| {
                c.discard_new_per_subject = true;
            }),
            ("max_age", Role::Events, |c| {
                c.max_age = Duration::from_nanos(1);
            }),
            ("allow_msg_ttl", Role::Events, |c| {
                c.allow_message_ttl = true;
            }),
            ("subject_delete_marker_ttl", Role::Snapshots, |c| {
                c.subject_delete_marker_ttl = Some(Duration::from_secs(1));
            }),
            ("allow_rollup_hdrs", Role::Events, |c| c.allow_rollup = true),
            ("allow_msg_counter", Role::Events, |c| {
                c.allow_message_counter = true;
            }),
            ("subject_transform", Role::Events, |c| {
                c.subject_transform = Some(SubjectTransform {
                    source: ">".to_owned(),
                    destination: "x.>".to_owned(),
                });
            }),
            ("mirror", Role::Events, |c| {
                c.mirror = Some(Source::default());
            }),
            ("sources", Role::Events, |c| {
                c.sources = Some(vec![Source::default()]);
            }),
            ("no_ack", Role::Events, |c| c.no_ack = true),
            ("sealed", Role::Events, |c| c.sealed = true),
            ("persist_mode", Role::Events, |c| {
                c.persist_mode = Some(PersistenceMode::Async);
            }),
            ("allow_direct", Role::Events, |c| c.allow_direct = false),
        ]
    }

    fn stream(role: Role) -> Config {
        wanted(role, &Names::new("orders", None), 3)
    }

    #[test]
    fn each_difference_that_matters_is_named() {
        for (field, role, change) in differences() {
            let mut found = stream(role);
            change(&mut found);
            let Err(StoreError::Misconfigured { what, .. }) = check(role, &found, &stream(role))
            else {
                panic!("{field} of {role:?} was accepted");
            };
            assert_eq!(what, format!("{field} of stream {:?}", found.name));
        }
    }

    #[test]
    fn there_is_a_difference_for_each_rule() {
        let rules: BTreeSet<_> = RULES.iter().map(|rule| rule.field).collect();
        let tried: BTreeSet<_> = differences().iter().map(|row| row.0).collect();
        assert_eq!(rules, tried);
    }

    #[test]
    fn what_does_not_matter_is_accepted() {
        let rows: [(Role, Change); 8] = [
            (Role::Events, |_| ()),
            (Role::Snapshots, |_| ()),
            (Role::Events, |c| c.num_replicas = 5),
            (Role::Events, |c| c.max_bytes = 1 << 30), // discards new ones
            (Role::Events, |c| c.deny_purge = false),
            (Role::Events, |c| c.max_messages = 0), // how an old server says unlimited
            (Role::Snapshots, |c| c.max_age = Duration::from_secs(3_600)),
            (Role::Events, |c| {
                c.persist_mode = Some(PersistenceMode::Default);
            }),
        ];
        for (role, change) in rows {
            let mut found = stream(role);
            change(&mut found);
            check(role, &found, &stream(role)).unwrap();
        }
    }
}
