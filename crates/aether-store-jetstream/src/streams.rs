//! The streams on the server: made where they are missing, checked where they are there.

use aether_core::{StoreError, Timestamp};
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::stream::Config;
use serde::Deserialize;

use crate::config::JetStreamConfig;
use crate::errors::{Fault, misconfigured, no_jetstream};
use crate::heads;
use crate::link::Link;
use crate::message::Incarnation;
use crate::patience::Patience;
use crate::risk::{self, Risk};
use crate::server_version::ServerVersion;
use crate::stream_config::{Role, check, wanted};

/// What the server says about a stream, as far as it matters here.
#[derive(Debug, Deserialize)]
struct StreamInfo {
    config: Config,
    created: Timestamp,
    state: State,
}

#[derive(Debug, Deserialize)]
struct State {
    first_seq: u64,
    last_seq: u64,
}

/// The streams of one store.
#[derive(Debug)]
pub(crate) struct Ensured {
    pub(crate) events: Checked,
    pub(crate) snapshots: Checked,
    /// With a finite retention.
    pub(crate) heads: Option<Checked>,
    pub(crate) risks: Vec<Risk>,
}

/// A stream that is there and is as it must be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checked {
    pub(crate) incarnation: Incarnation,
    /// The largest message that the stream takes; none where it has no limit of its own.
    pub(crate) message_bytes_max: Option<usize>,
    pub(crate) replicas: usize,
}

/// Makes the streams that are missing, checks those that are there, and warns of what is risky.
pub(crate) async fn ensure(
    link: &Link,
    config: &JetStreamConfig,
    version: ServerVersion,
    patience: &mut Patience,
) -> Result<Ensured, StoreError> {
    let events = ensure_one(link, Role::Events, config, None, patience).await?;
    let snapshots = ensure_one(link, Role::Snapshots, config, None, patience).await?;
    let heads = if config.retention.max_age().is_some() {
        let heads = ensure_one(link, Role::Heads, config, Some(&events), patience).await?;
        copied_from(&heads, &events)?;
        Some(heads)
    } else {
        None
    };
    let heads_config = heads.as_ref().map(|heads| &heads.config);
    let mut risks = risk::of(&events.config, heads_config, version);
    match &heads {
        Some(heads) => risks.extend(missed_by(heads, &events, link, patience).await?),
        None => risks.extend(beginning_gone(&events)),
    }
    risk::warn(&events.config.name, &risks);
    Ok(Ensured {
        events: Checked::of(&events),
        snapshots: Checked::of(&snapshots),
        heads: heads.as_ref().map(Checked::of),
        risks,
    })
}

/// Whether something was removed from a stream that keeps everything. Nobody asks for heads there,
/// which would still tell the versions.
fn beginning_gone(events: &StreamInfo) -> Option<Risk> {
    let begins = events.config.first_sequence.unwrap_or(1).max(1);
    let first_sequence = events.state.first_seq;
    (first_sequence > begins).then_some(Risk::BeginningGone { first_sequence })
}

/// Whether commits expired before they were copied.
///
/// Heads that have copied what the stream of events does not have are refused: it was restored
/// without them, or has lost its end, and gives sequences again that the copying server has passed.
async fn missed_by(
    heads: &StreamInfo,
    events: &StreamInfo,
    link: &Link,
    patience: &mut Patience,
) -> Result<Option<Risk>, StoreError> {
    /// How often it is asked: one of the answers may be that of an old leader.
    const LOOKS: u32 = 5;
    let name = &heads.config.name;
    let mut looks = 0;
    let (newest, events) = loop {
        let seen = async {
            let newest = heads::newest(link, name, heads.state.last_seq, patience).await?;
            // Looked at later, so that it is never behind only because it was saved to meanwhile.
            let events: StreamInfo = link
                .api(
                    &format!("STREAM.INFO.{}", events.config.name),
                    &(),
                    patience,
                )
                .await?;
            Ok::<_, Fault>((newest, events))
        };
        match seen.await {
            Ok((Some(newest), events))
                if newest.original > events.state.last_seq
                    && looks < LOOKS
                    && patience.pause().await =>
            {
                looks += 1;
            }
            Ok(seen) => break seen,
            Err(fault) => {
                if !fault.may_pass() || !patience.pause().await {
                    return Err(fault.into_store_error("read the newest head", name));
                }
            }
        }
    };
    let Some(newest) = newest else {
        return Ok(None);
    };
    if newest.original > events.state.last_seq {
        return Err(misconfigured(
            format!("stream {:?}", events.config.name),
            format!(
                "at sequence {}, while stream {name:?} has copied it up to {}",
                events.state.last_seq, newest.original
            ),
            "restored together with its heads (docs/operations.md says how)",
        ));
    }
    let commits = newest.missed();
    Ok((commits > 0).then_some(Risk::HeadsMissed { commits }))
}

impl Checked {
    fn of(info: &StreamInfo) -> Self {
        let size = info.config.max_message_size;
        Self {
            incarnation: Incarnation(u64::try_from(info.created.unix_nanos()).unwrap_or(0)),
            message_bytes_max: usize::try_from(size).ok().filter(|size| *size > 0),
            replicas: info.config.num_replicas,
        }
    }
}

/// Makes the stream if there is none, and checks it.
async fn ensure_one(
    link: &Link,
    role: Role,
    config: &JetStreamConfig,
    source: Option<&StreamInfo>,
    patience: &mut Patience,
) -> Result<StreamInfo, StoreError> {
    let wanted = wanted(role, config);
    let fail = |fault: Fault| match fault {
        Fault::NoResponders => no_jetstream("not there (status 503)"),
        fault => fault.into_store_error("set up the stream", &wanted.name),
    };
    let info = loop {
        let fault = match look(link, &wanted.name, patience).await {
            Ok(Some(info)) => break info,
            Ok(None) => {
                may_be_made(&wanted.name, source)?;
                match make(link, &wanted, patience).await {
                    Ok(info) => break info,
                    Err(fault) => fault,
                }
            }
            Err(fault) => fault,
        };
        let hopeless = matches!(fault, Fault::NoResponders) || !passes_when_connecting(&fault);
        if hopeless || !patience.pause().await {
            return Err(fail(fault));
        }
        tracing::debug!(stream = %wanted.name, %fault, "looking for the stream again");
    };
    check(role, &info.config, &wanted)?;
    Ok(info)
}

/// A stream that copies another has missed what that one has removed already: where an actor's
/// last commit is among it, the actor would look new, and its versions would be given twice.
fn may_be_made(name: &str, source: Option<&StreamInfo>) -> Result<(), StoreError> {
    match source {
        Some(source) if source.state.first_seq > 1 => Err(misconfigured(
            format!("stream {name:?}"),
            format!(
                "missing, while stream {:?} has removed what came before sequence {}",
                source.config.name, source.state.first_seq
            ),
            "made before events expire (docs/operations.md says how)",
        )),
        _ => Ok(()),
    }
}

/// A stream that was made anew begins again at 1, and whoever copied its predecessor waits for the
/// sequence after the last one that it has seen: it would miss everything up to there, in silence.
fn copied_from(heads: &StreamInfo, events: &StreamInfo) -> Result<(), StoreError> {
    if heads.created >= events.created {
        return Ok(());
    }
    Err(misconfigured(
        format!("stream {:?}", heads.config.name),
        format!(
            "older than stream {:?}, which it copies",
            events.config.name
        ),
        "made after it: this one copied a stream that is gone",
    ))
}

async fn look(link: &Link, name: &str, patience: &Patience) -> Result<Option<StreamInfo>, Fault> {
    let found = link
        .api(&format!("STREAM.INFO.{name}"), &(), patience)
        .await;
    match found {
        Err(fault) if fault.code() == Some(ErrorCode::STREAM_NOT_FOUND) => Ok(None),
        found => found.map(Some),
    }
}

/// Makes it, or looks again where somebody else was making it at the same time.
async fn make(link: &Link, wanted: &Config, patience: &Patience) -> Result<StreamInfo, Fault> {
    let make = format!("STREAM.CREATE.{}", wanted.name);
    match link.api(&make, wanted, patience).await {
        Err(fault) if fault.code() == Some(ErrorCode::STREAM_NAME_EXIST) => {
            let look = format!("STREAM.INFO.{}", wanted.name);
            link.api(&look, &(), patience).await
        }
        made => made,
    }
}

/// What a server that is only starting, or a cluster without a leader, answers.
fn passes_when_connecting(fault: &Fault) -> bool {
    match fault.code() {
        None => fault.may_pass(),
        Some(code) => matches!(
            code,
            ErrorCode::CLUSTER_NOT_AVAILABLE
                | ErrorCode::CLUSTER_NO_PEERS
                | ErrorCode::CLUSTER_NOT_LEADER
                | ErrorCode::CLUSTER_NOT_ACTIVE
                | ErrorCode::CLUSTER_NOT_ASSIGNED
        ),
    }
}
