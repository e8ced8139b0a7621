//! What went wrong below, and what it is called above: the one place where the client's and the
//! server's errors become [`StoreError`]s.

use std::fmt;

use aether_core::{BoxError, StoreError};
use async_nats::jetstream::{self, ErrorCode};
use async_nats::{ConnectError, ConnectErrorKind, RequestError, RequestErrorKind};
use tokio::sync::oneshot;

/// Why a request brought no answer, or not the one that was hoped for.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The server refused it with an error of its own.
    Refused(jetstream::Error),
    /// The account is not allowed to publish on the subject.
    Denied(String),
    /// The account is not allowed to listen where the answer would come in. What was asked may have
    /// been done.
    Unheard(String),
    /// No answer in time.
    TimedOut,
    /// Nobody listens: no such stream, no leader at the moment, no JetStream.
    NoResponders,
    /// An answer that is none.
    Garbled(String),
    /// What gave messages has stopped, and can be begun anew.
    Interrupted(String),
    /// The server counts this many messages on a subject, and does not find the last.
    Unreadable { messages: u64 },
    /// The connection was closed for good, by its owner. What was sent may have arrived.
    Closed,
    /// The connection had been closed before: nothing was sent.
    Unsent,
}

impl Fault {
    /// The server's error code; none where it was not the server's refusal.
    pub(crate) fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused(error) => Some(error.error_code()),
            _ => None,
        }
    }

    /// In a word, for who counts them.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Refused(error) => match error.error_code() {
                ErrorCode::STREAM_WRONG_LAST_SEQUENCE
                | ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT => "sequence",
                _ => "refused",
            },
            Self::Denied(_) => "denied",
            Self::Unheard(_) => "unheard",
            Self::TimedOut => "silence",
            Self::NoResponders => "no_responders",
            Self::Garbled(_) => "garbled",
            Self::Interrupted(_) => "interrupted",
            Self::Unreadable { .. } => "unreadable",
            Self::Closed | Self::Unsent => "closed",
        }
    }

    /// Whether asking again may bring another answer.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::TimedOut
            | Self::NoResponders
            | Self::Garbled(_)
            | Self::Interrupted(_)
            | Self::Unreadable { .. } => true,
            Self::Denied(_) | Self::Unheard(_) | Self::Closed | Self::Unsent => false,
            Self::Refused(error) => !matches!(
                error.error_code(),
                ErrorCode::STREAM_NOT_FOUND
                    | ErrorCode::JETSTREAM_NOT_ENABLED
                    | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT
                    | ErrorCode::NO_ACCOUNT
                    | ErrorCode::BAD_REQUEST
                    | ErrorCode::CONSUMER_INACTIVE_THRESHOLD_EXCESS
            ),
        }
    }

    /// What it is called above; `action` completes "while trying to …", `stream` is the one asked.
    pub(crate) fn into_store_error(self, action: &str, stream: &str) -> StoreError {
        match self {
            Self::Closed | Self::Unsent => StoreError::Closed,
            Self::Denied(_) | Self::Unheard(_) => StoreError::PermissionDenied {
                action: action.to_owned(),
                source: self.into(),
            },
            Self::Refused(error) => refused(error, action, stream),
            Self::TimedOut
            | Self::NoResponders
            | Self::Garbled(_)
            | Self::Interrupted(_)
            | Self::Unreadable { .. } => unavailable(action, self),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => write!(f, "the server answered: {error}"),
            Self::Denied(text) => write!(f, "the server answered: {text}"),
            Self::Unheard(text) => write!(
                f,
                "no answer can be heard ({text}): the client's inbox prefix is not the user's"
            ),
            Self::TimedOut => f.write_str("no answer in time"),
            Self::NoResponders => f.write_str("nobody there to answer (status 503)"),
            Self::Garbled(reason) => write!(f, "an answer that can't be read: {reason}"),
            Self::Interrupted(reason) => write!(f, "interrupted: {reason}"),
            Self::Unreadable { messages } => {
                write!(f, "no last message is found, though {messages} are counted")
            }
            Self::Closed | Self::Unsent => f.write_str("the connection is closed"),
        }
    }
}

impl std::error::Error for Fault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused(error) => Some(error),
            _ => None,
        }
    }
}

impl From<RequestError> for Fault {
    fn from(error: RequestError) -> Self {
        match error.kind() {
            RequestErrorKind::TimedOut => Self::TimedOut,
            RequestErrorKind::NoResponders => Self::NoResponders,
            // The client's own task has ended: while we waited for its answer, or before.
            RequestErrorKind::Other => {
                let source = std::error::Error::source(&error);
                match source.is_some_and(|source| source.is::<oneshot::error::RecvError>()) {
                    true => Self::Closed,
                    false => Self::Unsent,
                }
            }
            RequestErrorKind::InvalidSubject | RequestErrorKind::MaxPayloadExceeded => {
                Self::Garbled(error.to_string())
            }
        }
    }
}

/// What the server refused, by its error code.
fn refused(error: jetstream::Error, action: &str, stream: &str) -> StoreError {
    let text = error.to_string();
    match error.error_code() {
        ErrorCode::STREAM_NOT_FOUND => misconfigured(
            format!("stream {stream:?}"),
            "missing on the server",
            "there (connecting makes it)",
        ),
        ErrorCode::JETSTREAM_NOT_ENABLED
        | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT
        | ErrorCode::NO_ACCOUNT => no_jetstream(&text),
        ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM => misconfigured(
            format!("max_msg_size of stream {stream:?}"),
            "smaller than what was to be stored",
            "unlimited, or large enough",
        ),
        ErrorCode::CONSUMER_INACTIVE_THRESHOLD_EXCESS => misconfigured(
            format!("consumer_limits of stream {stream:?}"),
            &text,
            "none, or an inactive_threshold of at least a minute",
        ),
        ErrorCode::STREAM_NOT_MATCH => misconfigured(
            format!("subjects of stream {stream:?}"),
            "taken by another stream",
            "its own",
        ),
        ErrorCode::CLUSTER_NO_PEERS => misconfigured(
            format!("replicas of stream {stream:?}"),
            &text,
            "at most as many as there are servers with JetStream and room, and zones if they are tagged",
        ),
        ErrorCode::STREAM_SUBJECT_OVERLAP
        | ErrorCode::STREAM_INVALID_CONFIG
        | ErrorCode::STREAM_REPLICAS_NOT_SUPPORTED
        | ErrorCode::STREAM_SEALED => misconfigured(
            format!("stream {stream:?}"),
            &text,
            "one that the server can make and write to",
        ),
        _ => unavailable(action, Fault::Refused(error)),
    }
}

/// No JetStream where we are connected to.
pub(crate) fn no_jetstream(found: &str) -> StoreError {
    misconfigured(
        "JetStream on the server",
        found,
        "enabled for this account (nats-server -js)",
    )
}

/// Not set up as it must be.
pub(crate) fn misconfigured(
    what: impl Into<String>,
    found: impl Into<String>,
    expected: impl Into<String>,
) -> StoreError {
    StoreError::Misconfigured {
        what: what.into(),
        found: found.into(),
        expected: expected.into(),
    }
}

/// Not to be reached, or silent.
pub(crate) fn unavailable(action: &str, source: impl Into<BoxError>) -> StoreError {
    StoreError::Unavailable {
        action: action.to_owned(),
        source: source.into(),
    }
}

/// Why there is no connection; `address` without credentials.
pub(crate) fn connect_failed(address: &str, error: ConnectError) -> StoreError {
    let action = format!("connect to NATS at {address}");
    match error.kind() {
        ConnectErrorKind::ServerParse => misconfigured(
            "the server's address",
            error.to_string(),
            "an address such as nats://127.0.0.1:4222",
        ),
        ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
            StoreError::PermissionDenied {
                action,
                source: error.into(),
            }
        }
        ConnectErrorKind::Dns
        | ConnectErrorKind::TimedOut
        | ConnectErrorKind::Tls
        | ConnectErrorKind::Io
        | ConnectErrorKind::MaxReconnects => unavailable(&action, error),
    }
}

#[cfg(test)]
mod tests {
    use aether_core::StoreErrorKind as Kind;

    use super::*;

    fn server_error(code: u64) -> Fault {
        let json = format!(r#"{{"code":400,"err_code":{code},"description":"as it says"}}"#);
        Fault::Refused(serde_json::from_str(&json).unwrap())
    }

    #[test]
    fn every_fault_has_its_kind() {
        let rows = [
            (server_error(10059), Kind::Misconfigured, false), // stream not found
            (server_error(10076), Kind::Misconfigured, false), // JetStream not enabled
            (server_error(10039), Kind::Misconfigured, false), // … for the account
            (server_error(10035), Kind::Misconfigured, false), // no account
            (server_error(10054), Kind::Misconfigured, true),  // above max_msg_size
            (server_error(10060), Kind::Misconfigured, true),  // another stream
            (server_error(10065), Kind::Misconfigured, true),  // subjects overlap
            (server_error(10005), Kind::Misconfigured, true),  // no place for the replicas
            (server_error(10109), Kind::Misconfigured, true),  // sealed
            (server_error(10153), Kind::Misconfigured, false), // consumers are kept for less long
            (server_error(10008), Kind::Unavailable, true),    // temporarily
            (server_error(10071), Kind::Unavailable, true),    // wrong last sequence
            (server_error(10164), Kind::Unavailable, true),    // … another wording
            (server_error(10077), Kind::Unavailable, true),    // storing failed
            (server_error(10047), Kind::Unavailable, true),    // no storage left
            (server_error(19999), Kind::Unavailable, true),    // of a later server
            (Fault::TimedOut, Kind::Unavailable, true),
            (Fault::NoResponders, Kind::Unavailable, true),
            (Fault::Garbled("?".into()), Kind::Unavailable, true),
            (Fault::Interrupted("?".into()), Kind::Unavailable, true),
            (Fault::Denied("no".into()), Kind::PermissionDenied, false),
            (Fault::Unheard("no".into()), Kind::PermissionDenied, false),
            (Fault::Closed, Kind::Closed, false),
            (Fault::Unsent, Kind::Closed, false),
            (Fault::Unreadable { messages: 1 }, Kind::Unavailable, true),
        ];
        for (fault, kind, may_pass) in rows {
            let text = fault.to_string();
            assert_eq!(fault.may_pass(), may_pass, "{text}");
            let error = fault.into_store_error("save", "orders");
            assert_eq!(error.kind(), kind, "{text}: {error}");
        }
    }

    #[test]
    fn the_servers_own_error_is_the_source() {
        let error = server_error(10164).into_store_error("save", "orders");
        let fault = std::error::Error::source(&error).unwrap();
        let server = fault.source().unwrap();
        let server = server.downcast_ref::<jetstream::Error>().unwrap();
        assert_eq!(
            server.error_code(),
            ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT
        );
    }
}
