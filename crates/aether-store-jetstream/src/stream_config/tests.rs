//! A difference for every rule, and what is none.

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
        ("storage", Role::Heads, |c| c.storage = StorageType::Memory),
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
        ("max_age", Role::Snapshots, |c| {
            c.max_age = Duration::from_secs(3_600);
        }),
        ("max_age", Role::Heads, |c| {
            c.max_age = Duration::from_secs(3_600);
        }),
        ("sources", Role::Heads, |c| c.sources = None),
        ("sources", Role::Heads, |c| {
            c.sources = Some(vec![plain("orders"), plain("others")]);
        }),
        ("sources", Role::Heads, |c| {
            c.sources = Some(vec![Source {
                start_sequence: Some(7),
                ..plain("orders")
            }]);
        }),
        ("sources", Role::Heads, |c| {
            c.sources = Some(vec![Source {
                filter_subject: Some("orders.events.order.*".to_owned()),
                ..plain("orders")
            }]);
        }),
        ("subjects", Role::Heads, |c| {
            c.subjects = vec!["orders.heads.>".to_owned()];
        }),
        ("max_msgs_per_subject", Role::Heads, |c| {
            c.max_messages_per_subject = -1;
        }),
        ("max_bytes", Role::Heads, |c| c.max_bytes = 1 << 30),
        ("max_msg_size", Role::Heads, |c| {
            c.max_message_size = 1 << 20;
        }),
        ("allow_msg_ttl", Role::Heads, |c| c.allow_message_ttl = true),
        ("allow_rollup_hdrs", Role::Heads, |c| c.allow_rollup = true),
        ("allow_direct", Role::Heads, |c| c.allow_direct = false),
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
        ("republish", Role::Events, |c| c.republish = None),
        ("republish", Role::Events, |c| {
            c.republish.as_mut().unwrap().headers_only = true;
        }),
        ("republish", Role::Events, |c| {
            c.republish.as_mut().unwrap().source = ">".to_owned();
        }),
        ("republish", Role::Events, |c| {
            c.republish.as_mut().unwrap().destination = "orders.heard.>".to_owned();
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
    let config = JetStreamConfig::new("orders").replicas(3);
    wanted(role, &config.republish(true))
}

#[test]
fn each_difference_that_matters_is_named() {
    for (field, role, change) in differences() {
        let mut found = stream(role);
        change(&mut found);
        let Err(StoreError::Misconfigured { what, .. }) = check(role, &found, &stream(role)) else {
            panic!("{field} of {role:?} was accepted");
        };
        assert_eq!(what, format!("{field} of stream {:?}", found.name));
    }
}

#[test]
fn there_is_a_difference_for_each_rule() {
    for rule in RULES {
        let mut tried = differences().into_iter();
        let is_tried =
            tried.any(|(field, role, _)| field == rule.field && rule.only.contains(&role));
        assert!(is_tried, "{} of {:?}", rule.field, rule.only);
    }
    for (field, role, _) in differences() {
        let mut rules = RULES.iter();
        let there = rules.any(|rule| rule.field == field && rule.only.contains(&role));
        assert!(there, "{field} of {role:?}");
    }
}

#[test]
fn what_does_not_matter_is_accepted() {
    let rows: [(Role, Change); 9] = [
        (Role::Events, |_| ()),
        (Role::Snapshots, |_| ()),
        (Role::Heads, |_| ()),
        (Role::Events, |c| c.num_replicas = 5),
        (Role::Events, |c| c.max_bytes = 1 << 30), // discards new ones
        (Role::Events, |c| c.deny_purge = false),
        (Role::Heads, |c| c.deny_purge = false),
        (Role::Events, |c| c.max_messages = 0), // how an old server says unlimited
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

/// What `check` says of a stream that was made with one configuration, asked for with another.
fn made_and_asked(role: Role, made: &JetStreamConfig, asked: &JetStreamConfig) -> Option<String> {
    match check(role, &wanted(role, made), &wanted(role, asked)) {
        Ok(()) => None,
        Err(StoreError::Misconfigured {
            what,
            found,
            expected,
        }) => Some(format!("{what}: {found}, not {expected}")),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_stream_republishes_where_that_is_asked_for_and_may_where_it_is_not() {
    let off = JetStreamConfig::new("orders");
    let on = off.clone().republish(true);
    let said = |made, asked| made_and_asked(Role::Events, made, asked);
    assert_eq!(
        said(&off, &on).unwrap(),
        "republish of stream \"orders\": not set, not from \"orders.events.*.*\" to \
         \"orders.stored.{{wildcard(1)}}.{{wildcard(2)}}\""
    );
    assert_eq!(said(&on, &off), None);
    assert_eq!(said(&on, &on), None);
    for role in [Role::Snapshots, Role::Heads] {
        assert_eq!(made_and_asked(role, &off, &on), None, "nobody hears of it");
    }
}

#[test]
fn a_stream_has_the_retention_and_the_storage_that_are_asked_for() {
    let forever = JetStreamConfig::new("orders");
    let year = forever.clone().retention(Retention::ONE_YEAR);
    let day = Duration::from_secs(24 * 60 * 60);
    let days = forever.clone().retention(Retention::MaxAge(2 * day));
    let memory = forever.clone().storage(Storage::Memory);
    let said = |made, asked| made_and_asked(Role::Events, made, asked);
    let max_age = "max_age of stream \"orders\"";
    assert_eq!(
        said(&forever, &year),
        Some(format!("{max_age}: forever, not 365d"))
    );
    assert_eq!(
        said(&year, &forever),
        Some(format!("{max_age}: 365d, not forever"))
    );
    assert_eq!(said(&days, &year), Some(format!("{max_age}: 2d, not 365d")));
    assert_eq!(said(&year, &year), None);
    for role in [Role::Events, Role::Snapshots, Role::Heads] {
        let said = made_and_asked(role, &forever, &memory).unwrap();
        assert!(said.starts_with("storage of stream \"orders"), "{said}");
        assert!(said.ends_with(": File, not Memory"), "{said}");
        assert_eq!(made_and_asked(role, &memory, &memory), None);
    }
    for role in [Role::Snapshots, Role::Heads] {
        assert_eq!(
            made_and_asked(role, &forever, &year),
            None,
            "it never expires"
        );
    }
}
