//! How a store is set up.

mod environment;
mod form;
mod invalid;
mod retention;
mod storage;
mod text;

use std::time::Duration;

use aether_core::{Namespace, WireForm};

use crate::names::{BASE_BYTES_MAX, Names};

pub use invalid::InvalidConfig;
pub use retention::Retention;
pub use storage::Storage;

use text::exact;

/// How a store is set up: which streams, how kept, how written, how long tried.
///
/// From code, each setting is a method. From a file (anything that serde reads) and from the
/// environment ([`from_env`](Self::from_env)) it has the same name and the same text:
///
/// | setting | variable | text | if nothing is said |
/// |---|---|---|---|
/// | `stream` | `AETHER_STREAM` | 1 to 40 of `A-Z a-z 0-9 _ -` | it has to be said |
/// | `namespace` | `AETHER_NAMESPACE` | 1 to 128 bytes, any characters | none |
/// | `replicas` | `AETHER_REPLICAS` | 1 to 5 | 1 |
/// | `retention` | `AETHER_RETENTION` | `forever`, or a duration of 1 s to 36,500 days | `forever` |
/// | `storage` | `AETHER_STORAGE` | `file` or `memory` | `file` |
/// | `republish` | `AETHER_REPUBLISH` | `true` or `false` | `false` |
/// | `codec` | `AETHER_CODEC` | `msgpack` or `json` | `msgpack` |
/// | `request_timeout` | `AETHER_REQUEST_TIMEOUT` | a duration of 10 ms to 10 minutes | `2s` |
/// | `deadline` | `AETHER_DEADLINE` | a duration from the `request_timeout` to 10 minutes | `10s` |
/// | `cache_actors` | `AETHER_CACHE_ACTORS` | 0 to 100,000,000 | 10,000 |
/// | `message_bytes_max` | `AETHER_MESSAGE_BYTES_MAX` | 4,096 to 67,108,864 | none |
///
/// A duration is a number and a unit, or several of them: `250ms`, `2s`, `1m 30s`, `12h`, `365d`
/// (`m` is a minute; a month is `M`, and has 30.44 days). Only the stream has to be said.
///
/// What is wrong is said, by the setting's name, when the configuration is read, when the store
/// connects, or by [`validate`](Self::validate).
///
/// ```
/// use aether_store_jetstream::{JetStreamConfig, Retention};
///
/// let config = JetStreamConfig::new("orders").replicas(3).retention(Retention::ONE_YEAR);
/// config.validate()?;
///
/// let text = r#"{ "stream": "orders", "replicas": 3, "retention": "365d" }"#;
/// assert_eq!(serde_json::from_str::<JetStreamConfig>(text)?, config);
///
/// let refused = JetStreamConfig::new("my.orders").validate().unwrap_err();
/// assert_eq!(refused.field, "stream");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JetStreamConfig {
    pub(crate) stream: String,
    pub(crate) namespace: Option<Namespace>,
    pub(crate) replicas: usize,
    pub(crate) retention: Retention,
    pub(crate) storage: Storage,
    pub(crate) republish: bool,
    pub(crate) codec: WireForm,
    pub(crate) request_timeout: Duration,
    pub(crate) deadline: Duration,
    pub(crate) cache_actors: usize,
    pub(crate) message_bytes_max: Option<usize>,
}

impl JetStreamConfig {
    /// The most bytes of a stream's base name.
    pub const STREAM_BYTES_MAX: usize = BASE_BYTES_MAX;
    /// The most replicas that a stream can have.
    pub const REPLICAS_MAX: usize = 5;
    /// How long one request waits for its answer, if nothing else is said: 2 s.
    pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
    /// How long a call goes on trying, if nothing else is said: 10 s.
    pub const DEADLINE: Duration = Duration::from_secs(10);
    /// The shortest timeout or deadline: 10 ms.
    pub const WAIT_MIN: Duration = Duration::from_millis(10);
    /// The longest timeout or deadline: 10 minutes.
    pub const WAIT_MAX: Duration = Duration::from_secs(600);
    /// How many actors are remembered, if nothing else is said.
    pub const CACHE_ACTORS: usize = 10_000;
    /// The most actors that can be asked to be remembered.
    pub const CACHE_ACTORS_MAX: usize = 100_000_000;
    /// The smallest bound of a message that can be asked for: below it there would be headers and
    /// hardly an event.
    pub const MESSAGE_BYTES_LEAST: usize = 4_096;
    /// The largest bound of a message that can be asked for: what a server can be configured to
    /// take at most.
    pub const MESSAGE_BYTES_MOST: usize = 64 << 20;

    /// A store on streams with this base name, with everything else as in the table above.
    ///
    /// The base name has 1 to [`STREAM_BYTES_MAX`](Self::STREAM_BYTES_MAX) of `[A-Za-z0-9_-]`.
    #[must_use]
    pub fn new(stream: impl Into<String>) -> Self {
        Self {
            stream: stream.into(),
            namespace: None,
            replicas: 1,
            retention: Retention::Forever,
            storage: Storage::File,
            republish: false,
            codec: WireForm::MessagePack,
            request_timeout: Self::REQUEST_TIMEOUT,
            deadline: Self::DEADLINE,
            cache_actors: Self::CACHE_ACTORS,
            message_bytes_max: None,
        }
    }

    /// Within this namespace: it becomes part of the streams' names, so that stores of different
    /// namespaces share nothing.
    #[must_use]
    pub fn namespace(mut self, namespace: Namespace) -> Self {
        self.namespace = Some(namespace);
        self
    }

    /// With this many replicas of the streams, 1 to [`REPLICAS_MAX`](Self::REPLICAS_MAX), if they
    /// have to be made; 1 if nothing else is said. A stream that is there has at least as many, or
    /// it is refused.
    #[must_use]
    pub fn replicas(mut self, replicas: usize) -> Self {
        self.replicas = replicas;
        self
    }

    /// Keeping events this long; for ever if nothing else is said. A stream that is there has
    /// exactly this retention, or it is refused. Snapshots never expire.
    #[must_use]
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// Keeping the streams there; in files if nothing else is said. A stream that is there has
    /// exactly this storage, or it is refused.
    #[must_use]
    pub fn storage(mut self, storage: Storage) -> Self {
        self.storage = storage;
        self
    }

    /// Having the server send each commit, once it is stored, to whoever listens
    /// ([`subscribe_stored`](crate::JetStreamStore::subscribe_stored)); not if nothing else is
    /// said. Where it is asked for, a stream that is there does so, or it is refused; one that does
    /// so unasked is used.
    #[must_use]
    pub fn republish(mut self, republish: bool) -> Self {
        self.republish = republish;
        self
    }

    /// Writing events and snapshots in this form, `MessagePack` if nothing else is said; both forms
    /// are read, whichever is written.
    #[must_use]
    pub fn codec(mut self, codec: WireForm) -> Self {
        self.codec = codec;
        self
    }

    /// With this long for one request to be answered, before it is asked again:
    /// [`WAIT_MIN`](Self::WAIT_MIN) to [`WAIT_MAX`](Self::WAIT_MAX), and
    /// [`REQUEST_TIMEOUT`](Self::REQUEST_TIMEOUT) if nothing else is said.
    #[must_use]
    pub fn request_timeout(mut self, request_timeout: Duration) -> Self {
        self.request_timeout = request_timeout;
        self
    }

    /// With this long for a whole call, all its requests together: a save ends as
    /// [`Indeterminate`](aether_core::StoreError::Indeterminate) then, and a read that made no
    /// progress for this long as [`Unavailable`](aether_core::StoreError::Unavailable). From the
    /// request timeout to [`WAIT_MAX`](Self::WAIT_MAX), and [`DEADLINE`](Self::DEADLINE) if nothing
    /// else is said.
    ///
    /// It does not bound a save whose answer is in the history before the actor's last commit
    /// (events offered again, or a conflict, when others have been stored since): that part is a
    /// read, and goes on as long as it makes progress.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Remembering the newest commit of this many actors, so that a save needs no read first: 0
    /// (none) to [`CACHE_ACTORS_MAX`](Self::CACHE_ACTORS_MAX), and
    /// [`CACHE_ACTORS`](Self::CACHE_ACTORS) if nothing else is said.
    ///
    /// It is a matter of speed alone: what is remembered is never taken for the truth.
    #[must_use]
    pub fn cache_actors(mut self, cache_actors: usize) -> Self {
        self.cache_actors = cache_actors;
        self
    }

    /// Refusing messages of more than this many bytes, headers included, before they are sent:
    /// [`MESSAGE_BYTES_LEAST`](Self::MESSAGE_BYTES_LEAST) to
    /// [`MESSAGE_BYTES_MOST`](Self::MESSAGE_BYTES_MOST). Where nothing is said, and where the
    /// server takes less, the server's own bound holds (1 MiB, unless it is configured).
    #[must_use]
    pub fn message_bytes_max(mut self, message_bytes_max: usize) -> Self {
        self.message_bytes_max = Some(message_bytes_max);
        self
    }

    /// The name of the stream of events, the namespace included.
    #[must_use]
    pub fn events_stream(&self) -> String {
        self.names().events_stream
    }

    /// The name of the stream of snapshots.
    #[must_use]
    pub fn snapshots_stream(&self) -> String {
        self.names().snapshots_stream
    }

    /// The name of the stream that keeps the newest commit of every actor, where events expire;
    /// none where they are kept for ever.
    #[must_use]
    pub fn heads_stream(&self) -> Option<String> {
        self.retention.max_age().map(|_| self.names().heads_stream)
    }

    /// Whether every setting has a value that it can have.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`] with the first one that has not.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        let refuse = |field, found: String, expected: String| {
            Err(InvalidConfig {
                field,
                variable: None,
                found,
                expected,
            })
        };
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if !(1..=Self::STREAM_BYTES_MAX).contains(&self.stream.len())
            || !self.stream.bytes().all(allowed)
        {
            let expected = format!("1 to {} of A-Z a-z 0-9 _ -", Self::STREAM_BYTES_MAX);
            return refuse("stream", format!("{:?}", self.stream), expected);
        }
        if !(1..=Self::REPLICAS_MAX).contains(&self.replicas) {
            let expected = format!("1 to {}", Self::REPLICAS_MAX);
            return refuse("replicas", self.replicas.to_string(), expected);
        }
        if !self.retention.is_valid() {
            let expected = Retention::expected();
            return refuse("retention", self.retention.to_string(), expected);
        }
        if !(Self::WAIT_MIN..=Self::WAIT_MAX).contains(&self.request_timeout) {
            let expected = format!("{} to {}", exact(Self::WAIT_MIN), exact(Self::WAIT_MAX));
            return refuse("request_timeout", exact(self.request_timeout), expected);
        }
        if !(self.request_timeout..=Self::WAIT_MAX).contains(&self.deadline) {
            let expected = format!(
                "{} (the request_timeout) to {}",
                exact(self.request_timeout),
                exact(Self::WAIT_MAX)
            );
            return refuse("deadline", exact(self.deadline), expected);
        }
        if self.cache_actors > Self::CACHE_ACTORS_MAX {
            let expected = format!("0 to {}", Self::CACHE_ACTORS_MAX);
            return refuse("cache_actors", self.cache_actors.to_string(), expected);
        }
        let sizes = Self::MESSAGE_BYTES_LEAST..=Self::MESSAGE_BYTES_MOST;
        if let Some(bytes) = self.message_bytes_max.filter(|size| !sizes.contains(size)) {
            let expected = format!("{} to {}", sizes.start(), sizes.end());
            return refuse("message_bytes_max", bytes.to_string(), expected);
        }
        Ok(())
    }

    pub(crate) fn names(&self) -> Names {
        Names::new(&self.stream, self.namespace.as_ref())
    }
}

#[cfg(test)]
mod tests;
