//! The two streams on the server: made where they are missing, checked where they are there.

use aether_core::{StoreError, Timestamp};
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::stream::Config;
use serde::Deserialize;

use crate::errors::{Fault, no_jetstream};
use crate::link::Link;
use crate::message::Incarnation;
use crate::patience::Patience;
use crate::stream_config::{Role, check};

/// What the server says about a stream, as far as it matters here.
#[derive(Debug, Deserialize)]
struct StreamInfo {
    config: Config,
    created: Timestamp,
}

/// A stream that is there and is as it must be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checked {
    pub(crate) incarnation: Incarnation,
    /// The largest message that the stream takes; none where it has no limit of its own.
    pub(crate) message_bytes_max: Option<usize>,
}

/// Makes the stream if there is none, and checks it.
pub(crate) async fn ensure(
    link: &Link,
    role: Role,
    wanted: &Config,
    patience: &mut Patience,
) -> Result<Checked, StoreError> {
    let info = loop {
        match look_or_make(link, wanted, patience).await {
            Ok(info) => break info,
            Err(Fault::NoResponders) => return Err(no_jetstream("not there (status 503)")),
            Err(fault) => {
                if !passes_when_connecting(&fault) || !patience.pause().await {
                    return Err(fault.into_store_error("set up the stream", &wanted.name));
                }
                tracing::debug!(stream = %wanted.name, %fault, "looking for the stream again");
            }
        }
    };
    check(role, &info.config, wanted)?;
    if role == Role::Events && !(info.config.deny_delete && info.config.deny_purge) {
        tracing::warn!(
            stream = %wanted.name,
            "events of this stream can be deleted: deny_delete and deny_purge are not both set"
        );
    }
    let size = info.config.max_message_size;
    Ok(Checked {
        incarnation: Incarnation(u64::try_from(info.created.unix_nanos()).unwrap_or(0)),
        message_bytes_max: usize::try_from(size).ok().filter(|size| *size > 0),
    })
}

async fn look_or_make(
    link: &Link,
    wanted: &Config,
    patience: &Patience,
) -> Result<StreamInfo, Fault> {
    let look = format!("STREAM.INFO.{}", wanted.name);
    let found = link.api(&look, &(), patience).await;
    if !has_code(&found, ErrorCode::STREAM_NOT_FOUND) {
        return found;
    }
    let make = format!("STREAM.CREATE.{}", wanted.name);
    let made = link.api(&make, wanted, patience).await;
    if has_code(&made, ErrorCode::STREAM_NAME_EXIST) {
        // Somebody else was making it at the same time.
        return link.api(&look, &(), patience).await;
    }
    made
}

fn has_code<T>(answer: &Result<T, Fault>, code: ErrorCode) -> bool {
    matches!(answer, Err(fault) if fault.code() == Some(code))
}

/// What a server that is only starting, or a cluster without a leader, answers.
fn passes_when_connecting(fault: &Fault) -> bool {
    match fault.code() {
        None => fault.may_pass(),
        Some(code) => matches!(
            code,
            ErrorCode::CLUSTER_NOT_AVAILABLE
                | ErrorCode::CLUSTER_NOT_LEADER
                | ErrorCode::CLUSTER_NOT_ACTIVE
                | ErrorCode::CLUSTER_NOT_ASSIGNED
        ),
    }
}
