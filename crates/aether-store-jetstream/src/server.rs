//! What is asked of the server about one store's events: a trait, so that a simulated server can
//! stand in for it, and the real one behind it.

use std::collections::HashMap;

use aether_core::Timestamp;
use async_nats::connection::State;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::publish::PublishAck;
use serde::{Deserialize, Serialize};

use crate::decide::StreamState;
use crate::errors::Fault;
use crate::heads;
use crate::link::{Link, Wanted};
use crate::message::{Outgoing, Stored};
use crate::patience::Patience;
use crate::server_version::ServerVersion;

/// What saving and reading an actor's newest commits ask of the server.
///
/// Every answer may be lost, late, or the truth of a moment ago.
pub(crate) trait Server: Send + Sync {
    /// Publishes a message and waits for the stream's acknowledgement.
    fn publish(
        &self,
        subject: &str,
        message: Outgoing,
        patience: &Patience,
    ) -> impl Future<Output = Result<PublishAck, Fault>> + Send;

    /// One message of the stream, from its leader; none where it finds none.
    fn message(
        &self,
        wanted: Wanted<'_>,
        patience: &Patience,
    ) -> impl Future<Output = Result<Option<Stored>, Fault>> + Send;

    /// What the stream is, how many messages the subject has, and whether the message with this
    /// sequence was deleted; 0 where none is asked about.
    fn state(
        &self,
        subject: &str,
        sequence: u64,
        patience: &Patience,
    ) -> impl Future<Output = Result<StreamState, Fault>> + Send;

    /// The newest message of a subject, kept where it does not expire, with the sequence that it
    /// had where it was stored; none where nothing is kept.
    fn kept(
        &self,
        subject: &str,
        patience: &Patience,
    ) -> impl Future<Output = Result<Option<Stored>, Fault>> + Send;

    /// What is kept where it does not expire: one answer.
    fn copies(
        &self,
        subject: &str,
        patience: &Patience,
    ) -> impl Future<Output = Result<Copies, Fault>> + Send;

    /// The largest message that can be stored as a commit now; a reconnect may change it.
    fn message_bytes_max(&self) -> usize;

    /// Whether there is a connection now. What is sent without one waits, and may be sent much
    /// later.
    fn is_connected(&self) -> bool;

    /// How often the connection has been made: when this changes, the server may be another.
    fn connects(&self) -> u64;
}

/// What is kept of messages where they don't expire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Copies {
    /// The sequence up to which newest messages are kept, as far as they ever will be: what has a
    /// higher one may not be among them yet.
    pub(crate) up_to: u64,
    /// Whether there is one of the subject that was asked about.
    pub(crate) of_subject: bool,
}

/// How long the server's copying may have been silent and is still believed to be up to date: it
/// is heard of every few seconds.
const COPYING_HEARD_NANOS: i64 = 10_000_000_000;

/// The server of one store.
#[derive(Debug)]
pub(crate) struct JetStream {
    pub(crate) link: Link,
    pub(crate) events_stream: String,
    /// Where newest commits are kept that would expire.
    pub(crate) heads_stream: Option<String>,
    /// The largest message that the stream of events takes; none where it has no limit of its own.
    pub(crate) event_bytes_max: Option<usize>,
    pub(crate) snapshot_bytes_max: Option<usize>,
}

impl JetStream {
    /// One message of the stream, from any replica of it: what it does not find may be stored all
    /// the same.
    pub(crate) async fn direct(
        &self,
        wanted: &(impl Serialize + Sync),
        patience: &Patience,
    ) -> Result<Option<Stored>, Fault> {
        self.link
            .direct(&self.events_stream, wanted, patience)
            .await
    }

    /// Whether the server that we are connected to says that it is older than this.
    pub(crate) fn is_before(&self, version: ServerVersion) -> bool {
        let info = self.link.client.try_server_info();
        let says = info.and_then(|info| ServerVersion::parse(&info.version));
        says.is_some_and(|says| says < version)
    }

    /// The largest message that can be stored as a snapshot now.
    pub(crate) fn snapshot_bytes_max(&self) -> usize {
        self.bytes_max(self.snapshot_bytes_max)
    }

    fn bytes_max(&self, own: Option<usize>) -> usize {
        let max = self.link.client.max_payload();
        own.map_or(max, |own| own.min(max))
    }
}

impl Server for JetStream {
    async fn publish(
        &self,
        subject: &str,
        message: Outgoing,
        patience: &Patience,
    ) -> Result<PublishAck, Fault> {
        self.link.publish(subject, message, patience).await
    }

    async fn message(
        &self,
        wanted: Wanted<'_>,
        patience: &Patience,
    ) -> Result<Option<Stored>, Fault> {
        let stream = &self.events_stream;
        self.link.message(stream, &wanted, patience).await
    }

    async fn state(
        &self,
        subject: &str,
        sequence: u64,
        patience: &Patience,
    ) -> Result<StreamState, Fault> {
        #[derive(Serialize)]
        struct Details<'a> {
            subjects_filter: &'a str,
            deleted_details: bool,
        }
        #[derive(Deserialize)]
        struct Info {
            created: Timestamp,
            state: Sequences,
        }
        #[derive(Deserialize)]
        struct Sequences {
            first_seq: u64,
            last_seq: u64,
            #[serde(default)]
            subjects: HashMap<String, u64>,
            #[serde(default)]
            deleted: Vec<u64>,
        }
        let call = format!("STREAM.INFO.{}", self.events_stream);
        let details = Details {
            subjects_filter: subject,
            deleted_details: sequence > 0,
        };
        let info: Info = self.link.api(&call, &details, patience).await?;
        Ok(StreamState {
            created: nanos(info.created),
            first: info.state.first_seq,
            last: info.state.last_seq,
            messages: info.state.subjects.values().sum(),
            deleted: info.state.deleted.contains(&sequence),
        })
    }

    async fn kept(&self, subject: &str, patience: &Patience) -> Result<Option<Stored>, Fault> {
        let Some(stream) = &self.heads_stream else {
            return Ok(None);
        };
        let wanted = Wanted::Last {
            last_by_subj: subject,
        };
        let copy = match self.link.message(stream, &wanted, patience).await {
            Err(fault) if fault.code() == Some(ErrorCode::STREAM_NOT_FOUND) => return Ok(None),
            copy => copy?,
        };
        let Some(mut copy) = copy else {
            return Ok(None);
        };
        let Some((_, sequence)) = heads::source(&copy.headers) else {
            return Err(Fault::Garbled(
                "a head that does not say of what it is a copy".to_owned(),
            ));
        };
        copy.sequence = sequence;
        Ok(Some(copy))
    }

    async fn copies(&self, subject: &str, patience: &Patience) -> Result<Copies, Fault> {
        #[derive(Serialize)]
        struct Details<'a> {
            subjects_filter: &'a str,
        }
        #[derive(Deserialize)]
        struct Info {
            state: Sequences,
            #[serde(default)]
            sources: Vec<Source>,
        }
        #[derive(Deserialize)]
        struct Sequences {
            last_seq: u64,
            #[serde(default)]
            subjects: HashMap<String, u64>,
        }
        #[derive(Deserialize)]
        struct Source {
            /// How many messages are still to be copied.
            lag: u64,
            /// How long ago the copying was last heard of, in nanoseconds; negative for never.
            active: i64,
        }
        let Some(stream) = &self.heads_stream else {
            let (up_to, of_subject) = (0, false);
            return Ok(Copies { up_to, of_subject });
        };
        let call = format!("STREAM.INFO.{stream}");
        let details = Details {
            subjects_filter: subject,
        };
        let info: Info = self.link.api(&call, &details, patience).await?;
        let of_subject = !info.state.subjects.is_empty();
        // What expired before it could be copied never will be: then nothing more is to come.
        let heard = |source: &Source| (0..=COPYING_HEARD_NANOS).contains(&source.active);
        let done = |source: &Source| source.lag == 0 && heard(source);
        if !info.sources.is_empty() && info.sources.iter().all(done) {
            let up_to = u64::MAX;
            return Ok(Copies { up_to, of_subject });
        }
        let newest = heads::newest(&self.link, stream, info.state.last_seq, patience).await?;
        let up_to = newest.map_or(0, |newest| newest.original);
        Ok(Copies { up_to, of_subject })
    }

    fn message_bytes_max(&self) -> usize {
        self.bytes_max(self.event_bytes_max)
    }

    fn is_connected(&self) -> bool {
        self.link.client.connection_state() == State::Connected
    }

    fn connects(&self) -> u64 {
        let statistics = self.link.client.statistics();
        statistics
            .connects
            .load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// A stream's identity.
pub(crate) fn nanos(created: Timestamp) -> u64 {
    u64::try_from(created.unix_nanos()).unwrap_or(0)
}
