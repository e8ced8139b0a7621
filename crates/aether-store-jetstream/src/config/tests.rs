//! Every wrong value is refused by its field's name, and every right one survives its text.

use aether_core::StoreError;
use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn good() -> JetStreamConfig {
    JetStreamConfig::new("orders")
}

#[test]
fn every_wrong_value_is_refused_with_its_fields_name() {
    let long = "x".repeat(JetStreamConfig::STREAM_BYTES_MAX + 1);
    let most = Retention::MAX_AGE_MOST;
    let rows = [
        (JetStreamConfig::new(""), "stream"),
        (JetStreamConfig::new("a.b"), "stream"),
        (JetStreamConfig::new("a b"), "stream"),
        (JetStreamConfig::new("a=b"), "stream"),
        (JetStreamConfig::new("a/b"), "stream"),
        (JetStreamConfig::new("é"), "stream"),
        (JetStreamConfig::new(long), "stream"),
        (good().replicas(0), "replicas"),
        (good().replicas(6), "replicas"),
        (
            good().retention(Retention::MaxAge(Duration::ZERO)),
            "retention",
        ),
        (good().retention(Retention::MaxAge(SECOND / 2)), "retention"),
        (
            good().retention(Retention::MaxAge(most + SECOND)),
            "retention",
        ),
        (
            good().retention(Retention::MaxAge(Duration::MAX)),
            "retention",
        ),
        (good().request_timeout(Duration::ZERO), "request_timeout"),
        (good().request_timeout(Duration::MAX), "request_timeout"),
        (
            good().request_timeout(SECOND).deadline(SECOND / 2),
            "deadline",
        ),
        (good().deadline(Duration::MAX), "deadline"),
        (
            good().cache_actors(JetStreamConfig::CACHE_ACTORS_MAX + 1),
            "cache_actors",
        ),
        (good().message_bytes_max(0), "message_bytes_max"),
        (good().message_bytes_max(4_095), "message_bytes_max"),
        (
            good().message_bytes_max((64 << 20) + 1),
            "message_bytes_max",
        ),
    ];
    for (config, field) in rows {
        let invalid = config.validate().unwrap_err();
        assert_eq!(invalid.field, field, "{config:?}");
        assert_eq!(invalid.variable, None);
        let StoreError::Misconfigured { what, .. } = StoreError::from(invalid) else {
            panic!("{field} is not said to be misconfigured");
        };
        assert_eq!(what, field);
    }
    let right = [
        good(),
        JetStreamConfig::new("A-z_9").replicas(5),
        good().retention(Retention::MaxAge(SECOND)),
        good().retention(Retention::MaxAge(most)),
        good().cache_actors(0),
        good().message_bytes_max(4_096),
        good().message_bytes_max(64 << 20),
    ];
    for config in right {
        assert_eq!(config.validate(), Ok(()));
    }
}

#[test]
fn heads_are_kept_where_events_expire() {
    let finite = good().retention(Retention::ONE_YEAR);
    assert_eq!(finite.heads_stream().as_deref(), Some("orders=~heads"));
    assert_eq!(good().heads_stream(), None);
    assert_eq!(Retention::ONE_YEAR.to_string(), "365d");
}

/// What may stand in a file or a variable for each field, and what may not.
const TEXTS: [(&str, &[&str], &[&str]); 11] = [
    ("stream", &["orders", "A-z_9"], &["", "a.b", "a b"]),
    ("namespace", &["eu", "eu.west", "🦀"], &[""]),
    (
        "replicas",
        &["1", "5"],
        &["", "0", "6", "-1", "1.5", "three", "99999999999999999999"],
    ),
    (
        "retention",
        &["forever", "365d", "1s", "2h 30m"],
        &["", "0s", "999ms", "36501d", "5", "never", "Forever"],
    ),
    ("storage", &["file", "memory"], &["", "File", "disk"]),
    (
        "republish",
        &["true", "false"],
        &["", "True", "1", "yes", "on"],
    ),
    ("codec", &["msgpack", "json"], &["", "JSON", "yaml"]),
    (
        "request_timeout",
        &["10ms", "2s"],
        &["", "2", "9ms", "11m", "-2s", "soon"],
    ),
    ("deadline", &["2s", "10m"], &["", "10", "1s", "11m"]),
    (
        "cache_actors",
        &["0", "1000000"],
        &["", "-1", "many", "100000001"],
    ),
    (
        "message_bytes_max",
        &["4096", "67108864"],
        &["", "4095", "1MB", "67108865"],
    ),
];

fn variable(field: &str) -> String {
    format!("AETHER_{}", field.to_uppercase())
}

fn from_vars(field: &str, text: &str) -> Result<JetStreamConfig, InvalidConfig> {
    JetStreamConfig::from_vars(|name| match name {
        _ if name == variable(field) => Some(text.to_owned()),
        "AETHER_STREAM" => Some("orders".to_owned()),
        _ => None,
    })
}

fn from_toml(field: &str, value: &str) -> Result<JetStreamConfig, String> {
    let stream = if field == "stream" {
        ""
    } else {
        "stream = 'orders'\n"
    };
    toml::from_str(&format!("{stream}{field} = {value}\n")).map_err(|e| e.to_string())
}

#[test]
fn each_variable_and_each_field_of_a_file_takes_what_is_right_and_names_what_is_wrong() {
    for (field, right, wrong) in TEXTS {
        for text in right {
            let config = from_vars(field, text).unwrap();
            assert_eq!(
                from_toml(field, &format!("{text:?}")),
                Ok(config),
                "{field}"
            );
        }
        for text in wrong {
            let invalid = from_vars(field, text).unwrap_err();
            assert_eq!(invalid.field, field, "{text:?}");
            assert_eq!(invalid.variable, Some(&*variable(field)), "{text:?}");
            assert!(
                invalid
                    .to_string()
                    .starts_with(&format!("{field} ({}) is ", variable(field)))
            );
            let said = from_toml(field, &format!("{text:?}")).unwrap_err();
            assert!(said.contains(&format!("{field} is ")), "{text:?}: {said}");
        }
        // What no text is: the field is named all the same.
        let flag = if field == "republish" { "0" } else { "true" };
        for value in [flag, "1.5", "[1]", "{ max_age = 1 }"] {
            let said = from_toml(field, value).unwrap_err();
            assert!(said.contains(&format!("{field} is ")), "{value}: {said}");
        }
    }
    assert_eq!(from_toml("replicas", "3"), Ok(good().replicas(3)));
    for flag in [true, false] {
        let config = from_toml("republish", &flag.to_string());
        assert_eq!(config, Ok(good().republish(flag)));
    }
    assert!(
        from_toml("replicas", "-3")
            .unwrap_err()
            .contains("replicas is")
    );
    assert!(
        from_toml("deadline", "10")
            .unwrap_err()
            .contains("deadline is")
    );
}

#[test]
fn only_the_stream_has_to_be_said() {
    assert_eq!(
        serde_json::from_str::<JetStreamConfig>(r#"{"stream":"orders"}"#).unwrap(),
        good()
    );
    let nothing = r#"{"stream":"orders","namespace":null,"message_bytes_max":null}"#;
    assert_eq!(
        serde_json::from_str::<JetStreamConfig>(nothing).unwrap(),
        good()
    );
    for text in ["{}", r#"{"stream":null}"#, r#"{"replicas":3}"#] {
        let said = serde_json::from_str::<JetStreamConfig>(text).unwrap_err();
        assert!(said.to_string().contains("stream is missing"), "{said}");
    }
    let invalid = JetStreamConfig::from_vars(|_| None).unwrap_err();
    assert_eq!(
        (invalid.field, invalid.variable),
        ("stream", Some("AETHER_STREAM"))
    );
}

#[test]
fn a_field_that_there_is_not_or_that_stands_twice_is_refused_by_its_name() {
    for (text, what) in [
        (
            r#"{"stream":"orders","replica":3}"#,
            "unknown field `replica`",
        ),
        (
            r#"{"stream":"orders","replicas":3,"replicas":3}"#,
            "duplicate field `replicas`",
        ),
        (r#"["orders"]"#, "the settings of a store"),
    ] {
        let said = serde_json::from_str::<JetStreamConfig>(text)
            .unwrap_err()
            .to_string();
        assert!(said.contains(what), "{said}");
    }
}

#[test]
fn only_the_variables_of_the_table_are_looked_at() {
    let mut asked = Vec::new();
    JetStreamConfig::from_vars(|name| {
        asked.push(name.to_owned());
        (name == "AETHER_STREAM").then(|| "orders".to_owned())
    })
    .unwrap();
    assert_eq!(asked, TEXTS.map(|(field, ..)| variable(field)));
}

#[test]
fn a_configuration_reads_well_in_a_file() {
    let config = good()
        .namespace(Namespace::new("eu").unwrap())
        .replicas(3)
        .retention(Retention::ONE_YEAR)
        .republish(true)
        .codec(WireForm::Json)
        .message_bytes_max(1 << 20);
    let text = "stream = \"orders\"\nnamespace = \"eu\"\nreplicas = 3\nretention = \"365d\"\n\
                storage = \"file\"\nrepublish = true\ncodec = \"json\"\nrequest_timeout = \"2s\"\ndeadline = \"10s\"\n\
                cache_actors = 10000\nmessage_bytes_max = 1048576\n";
    assert_eq!(toml::to_string(&config).unwrap(), text);
    assert_eq!(toml::from_str::<JetStreamConfig>(text).unwrap(), config);
}

fn any_config() -> impl Strategy<Value = JetStreamConfig> {
    let wait = (10..=600_000_u64, 10..=600_000_u64);
    let age = proptest::option::of(1_000..36_500 * 86_400_000_u64);
    (
        ("[A-Za-z0-9_-]{1,40}", proptest::option::of("\\PC{1,30}")),
        (
            1..=5_usize,
            age,
            any::<bool>(),
            any::<bool>(),
            any::<bool>(),
        ),
        (
            wait,
            0..=100_000_000_usize,
            proptest::option::of(4_096..=67_108_864_usize),
        ),
    )
        .prop_map(
            |(
                (stream, namespace),
                (replicas, age, memory, republish, json),
                (wait, actors, bytes),
            )| {
                JetStreamConfig {
                    stream,
                    namespace: namespace.map(|text| Namespace::new(&text).unwrap()),
                    replicas,
                    retention: age.map_or(Retention::Forever, |ms| {
                        Retention::MaxAge(Duration::from_millis(ms))
                    }),
                    storage: if memory {
                        Storage::Memory
                    } else {
                        Storage::File
                    },
                    republish,
                    codec: if json {
                        WireForm::Json
                    } else {
                        WireForm::MessagePack
                    },
                    request_timeout: Duration::from_millis(wait.0.min(wait.1)),
                    deadline: Duration::from_millis(wait.0.max(wait.1)),
                    cache_actors: actors,
                    message_bytes_max: bytes,
                }
            },
        )
}

proptest! {
    #[test]
    fn any_configuration_survives_json_and_toml(config in any_config()) {
        config.validate().unwrap();
        let json = serde_json::to_string(&config).unwrap();
        prop_assert_eq!(&serde_json::from_str::<JetStreamConfig>(&json).unwrap(), &config);
        let toml = toml::to_string(&config).unwrap();
        prop_assert_eq!(&toml::from_str::<JetStreamConfig>(&toml).unwrap(), &config);
    }

    #[test]
    fn any_text_is_taken_or_refused_by_its_fields_name(index in 0..TEXTS.len(), text in any::<String>()) {
        let field = TEXTS[index].0;
        match from_vars(field, &text) {
            Ok(config) => prop_assert_eq!(config.validate(), Ok(())),
            // A long request timeout leaves none for the default deadline.
            Err(invalid) => prop_assert!(invalid.field == field || field == "request_timeout"),
        }
    }
}
