//! How a store is set up.

use std::time::Duration;

use aether_core::{Namespace, StoreError, WireForm};

use crate::names::{BASE_BYTES_MAX, Names};

/// How a store is set up: which streams, how written, how long tried.
///
/// What is wrong is said when the store connects, or by [`validate`](Self::validate).
///
/// ```
/// use aether_store_jetstream::JetStreamConfig;
///
/// let config = JetStreamConfig::new("orders").replicas(3);
/// config.validate()?;
/// let refused = JetStreamConfig::new("my.orders").validate().unwrap_err();
/// assert_eq!(refused.field, "stream");
/// # Ok::<(), aether_store_jetstream::InvalidConfig>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JetStreamConfig {
    pub(crate) stream: String,
    pub(crate) namespace: Option<Namespace>,
    pub(crate) replicas: usize,
    pub(crate) codec: WireForm,
    pub(crate) request_timeout: Duration,
    pub(crate) deadline: Duration,
}

/// A field of a [`JetStreamConfig`] that has a value which it can't have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {found}, it must be {expected}")]
pub struct InvalidConfig {
    /// Which field.
    pub field: &'static str,
    /// What it is.
    pub found: String,
    /// What it must be.
    pub expected: String,
}

impl From<InvalidConfig> for StoreError {
    fn from(invalid: InvalidConfig) -> Self {
        Self::Misconfigured {
            what: invalid.field.to_owned(),
            found: invalid.found,
            expected: invalid.expected,
        }
    }
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

    /// A store on streams with this base name: one replica, MessagePack, no namespace.
    ///
    /// The base name has 1 to [`STREAM_BYTES_MAX`](Self::STREAM_BYTES_MAX) of `[A-Za-z0-9_-]`.
    #[must_use]
    pub fn new(stream: impl Into<String>) -> Self {
        Self {
            stream: stream.into(),
            namespace: None,
            replicas: 1,
            codec: WireForm::MessagePack,
            request_timeout: Self::REQUEST_TIMEOUT,
            deadline: Self::DEADLINE,
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
    /// have to be made. A stream that is there has at least as many, or it is refused.
    #[must_use]
    pub fn replicas(mut self, replicas: usize) -> Self {
        self.replicas = replicas;
        self
    }

    /// Writing events and snapshots in this form; both forms are read, whichever is written.
    #[must_use]
    pub fn codec(mut self, codec: WireForm) -> Self {
        self.codec = codec;
        self
    }

    /// With this long for one request to be answered, before it is asked again.
    #[must_use]
    pub fn request_timeout(mut self, request_timeout: Duration) -> Self {
        self.request_timeout = request_timeout;
        self
    }

    /// With this long for a whole call, all its requests together: a save ends as
    /// [`Indeterminate`](StoreError::Indeterminate) then, and a read that made no progress for
    /// this long as [`Unavailable`](StoreError::Unavailable).
    ///
    /// It does not bound a save whose answer is in the history before the actor's last commit
    /// (events offered again, or a conflict, when others have been stored since): that part is a
    /// read, and goes on as long as it makes progress.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Whether every field has a value that it can have.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`] with the first field that has not.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        let refuse = |field, found: &dyn std::fmt::Debug, expected: String| {
            Err(InvalidConfig {
                field,
                found: format!("{found:?}"),
                expected,
            })
        };
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if !(1..=Self::STREAM_BYTES_MAX).contains(&self.stream.len())
            || !self.stream.bytes().all(allowed)
        {
            let expected = format!("1 to {} of A-Z a-z 0-9 _ -", Self::STREAM_BYTES_MAX);
            return refuse("stream", &self.stream, expected);
        }
        if !(1..=Self::REPLICAS_MAX).contains(&self.replicas) {
            let expected = format!("1 to {}", Self::REPLICAS_MAX);
            return refuse("replicas", &self.replicas, expected);
        }
        if !(Self::WAIT_MIN..=Self::WAIT_MAX).contains(&self.request_timeout) {
            let expected = format!("{:?} to {:?}", Self::WAIT_MIN, Self::WAIT_MAX);
            return refuse("request_timeout", &self.request_timeout, expected);
        }
        if !(self.request_timeout..=Self::WAIT_MAX).contains(&self.deadline) {
            let expected = format!(
                "{:?} (the request_timeout) to {:?}",
                self.request_timeout,
                Self::WAIT_MAX
            );
            return refuse("deadline", &self.deadline, expected);
        }
        Ok(())
    }

    pub(crate) fn names(&self) -> Names {
        Names::new(&self.stream, self.namespace.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wrong_value_is_refused_with_its_fields_name() {
        let good = || JetStreamConfig::new("orders");
        let long = "x".repeat(JetStreamConfig::STREAM_BYTES_MAX + 1);
        let second = Duration::from_secs(1);
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
            (good().request_timeout(Duration::ZERO), "request_timeout"),
            (good().request_timeout(Duration::MAX), "request_timeout"),
            (
                good().request_timeout(second).deadline(second / 2),
                "deadline",
            ),
            (good().deadline(Duration::MAX), "deadline"),
        ];
        for (config, field) in rows {
            let invalid = config.validate().unwrap_err();
            assert_eq!(invalid.field, field, "{config:?}");
            let StoreError::Misconfigured { what, .. } = StoreError::from(invalid) else {
                panic!("{field} is not said to be misconfigured");
            };
            assert_eq!(what, field);
        }
        assert_eq!(good().validate(), Ok(()));
        assert_eq!(JetStreamConfig::new("A-z_9").replicas(5).validate(), Ok(()));
    }
}
