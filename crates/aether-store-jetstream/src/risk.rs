//! What is allowed and may still be regretted.

use std::fmt;
use std::time::Duration;

use async_nats::jetstream::stream::{Config, StorageType};

use crate::config::Retention;
use crate::server_version::ServerVersion;

/// A setting under which what was acknowledged can be lost, or be removed. The store works with
/// it; each is said by a warning when the store connects, and by its text what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Risk {
    /// The stream of events is on one server only.
    OneReplica,
    /// The streams are in the server's memory.
    MemoryStorage,
    /// Events expire.
    FiniteRetention {
        /// When they are this old.
        max_age: Duration,
    },
    /// Commits expired before the server had copied them to the stream of heads. An actor whose
    /// last commit is one of them looks as it did before, or new, once all its events have expired.
    HeadsMissed {
        /// How many.
        commits: u64,
    },
    /// Events are kept for ever, and yet the first ones are gone: somebody removed them, or they
    /// expired under an earlier retention, or were lost. An actor of which that was all looks new.
    BeginningGone {
        /// The first sequence of the stream that is there.
        first_sequence: u64,
    },
    /// What is stored can be deleted or purged: `deny_delete` and `deny_purge` are not both set.
    Deletable,
    /// The stream is replicated by a server that lacks later repairs of replication.
    OldServerOnReplicas {
        /// The version of the server that the store is connected to.
        version: String,
    },
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneReplica => f.write_str(
                "one replica: losing its machine loses events; use three servers and replicas = 3 \
                 in production",
            ),
            Self::MemoryStorage => f.write_str(
                "storage in memory: a restart of the server loses events; use storage = file \
                 unless they may be gone",
            ),
            Self::FiniteRetention { max_age } => {
                let age = Retention::MaxAge(*max_age);
                write!(
                    f,
                    "events are removed when they are {age} old: save snapshots well before, or \
                     use retention = forever"
                )
            }
            Self::HeadsMissed { commits } => write!(
                f,
                "{commits} commits expired before the stream of heads had them: their versions \
                 may be given again; use a retention much longer than any outage"
            ),
            Self::BeginningGone { first_sequence } => write!(
                f,
                "what came before sequence {first_sequence} is gone: the versions of actors of \
                 which it was all may be given again; where it has expired, use a long retention \
                 rather than forever"
            ),
            Self::Deletable => f.write_str(
                "events can be deleted: deny_delete and deny_purge are not both set; leave it so \
                 only where erasure is needed, and deny it by permissions to everybody else",
            ),
            Self::OldServerOnReplicas { version } => write!(
                f,
                "replicas on NATS {version}: repairs of its replication are missing; use \
                 {REPAIRED} or newer"
            ),
        }
    }
}

/// The first release with the repairs of replication that were made from 2.12.6 on.
const REPAIRED: ServerVersion = ServerVersion::new(2, 14, 4);

/// The risks of streams that are as these configurations say, events first, on a server of this
/// version.
pub(crate) fn of(events: &Config, heads: Option<&Config>, version: ServerVersion) -> Vec<Risk> {
    let can_delete = |config: &Config| !(config.deny_delete && config.deny_purge);
    let mut risks = Vec::new();
    if events.num_replicas <= 1 {
        risks.push(Risk::OneReplica);
    } else if version < REPAIRED {
        let version = version.to_string();
        risks.push(Risk::OldServerOnReplicas { version });
    }
    if events.storage == StorageType::Memory {
        risks.push(Risk::MemoryStorage);
    }
    if !events.max_age.is_zero() {
        let max_age = events.max_age;
        risks.push(Risk::FiniteRetention { max_age });
    }
    if can_delete(events) || heads.is_some_and(can_delete) {
        risks.push(Risk::Deletable);
    }
    risks
}

/// Says each risk of this stream, for whoever reads the log.
pub(crate) fn warn(stream: &str, risks: &[Risk]) {
    for risk in risks {
        tracing::warn!(stream, "{risk}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{JetStreamConfig, Storage};
    use crate::stream_config::{Role, wanted};

    fn version(text: &str) -> ServerVersion {
        ServerVersion::parse(text).unwrap()
    }

    fn events(config: &JetStreamConfig) -> Config {
        wanted(Role::Events, config)
    }

    #[test]
    fn each_risky_setting_is_one_risk() {
        let three = JetStreamConfig::new("orders").replicas(3);
        let year = three.clone().retention(Retention::ONE_YEAR);
        let max_age = Retention::ONE_YEAR.max_age().unwrap();
        let memory = three.clone().storage(Storage::Memory);
        let can_delete = Config {
            deny_delete: false,
            ..events(&three)
        };
        let can_purge = Config {
            deny_purge: false,
            ..events(&three)
        };
        let old = |version: &str| Risk::OldServerOnReplicas {
            version: version.to_owned(),
        };
        let rows = [
            (events(&three), "2.14.4", vec![]),
            (events(&three), "2.15.1", vec![]),
            (events(&three), "2.14.3", vec![old("2.14.3")]),
            (events(&three), "2.11.11", vec![old("2.11.11")]),
            (
                events(&three.clone().replicas(2)),
                "2.12.8",
                vec![old("2.12.8")],
            ),
            (
                events(&three.clone().replicas(1)),
                "2.11.11",
                vec![Risk::OneReplica],
            ),
            (events(&memory), "2.15.1", vec![Risk::MemoryStorage]),
            (
                events(&year),
                "2.15.1",
                vec![Risk::FiniteRetention { max_age }],
            ),
            (can_delete, "2.15.1", vec![Risk::Deletable]),
            (can_purge, "2.15.1", vec![Risk::Deletable]),
            (
                Config {
                    deny_purge: false,
                    ..events(&year.clone().replicas(1).storage(Storage::Memory))
                },
                "2.11.0",
                vec![
                    Risk::OneReplica,
                    Risk::MemoryStorage,
                    Risk::FiniteRetention { max_age },
                    Risk::Deletable,
                ],
            ),
        ];
        for (config, server, risks) in rows {
            assert_eq!(of(&config, None, version(server)), risks, "{config:?}");
        }
        let heads = wanted(Role::Heads, &year);
        let can_purge = Config {
            deny_purge: false,
            ..heads.clone()
        };
        let newest = version("2.15.1");
        let expected = [Risk::FiniteRetention { max_age }];
        assert_eq!(of(&events(&year), Some(&heads), newest), expected);
        let expected = [Risk::FiniteRetention { max_age }, Risk::Deletable];
        assert_eq!(of(&events(&year), Some(&can_purge), newest), expected);
    }

    #[test]
    fn each_risk_is_one_line_that_says_what_to_do() {
        let year = Retention::ONE_YEAR.max_age().unwrap();
        let rows = [
            (Risk::OneReplica, "use three servers and replicas = 3"),
            (Risk::MemoryStorage, "use storage = file"),
            (
                Risk::FiniteRetention { max_age: year },
                "when they are 365d old",
            ),
            (Risk::HeadsMissed { commits: 3 }, "3 commits expired before"),
            (
                Risk::BeginningGone { first_sequence: 7 },
                "what came before sequence 7 is gone",
            ),
            (Risk::Deletable, "deny it by permissions"),
            (
                Risk::OldServerOnReplicas {
                    version: "2.12.8".to_owned(),
                },
                "replicas on NATS 2.12.8: repairs of its replication are missing; use 2.14.4",
            ),
        ];
        for (risk, what) in rows {
            let text = risk.to_string();
            assert!(text.contains(what), "{text}");
            assert!(!text.contains('\n') && !text.contains("  "), "{text}");
        }
    }
}
