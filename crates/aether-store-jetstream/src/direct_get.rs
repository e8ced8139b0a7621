//! Messages as the server's direct get gives them (ADR-31): whole, with what it says of them in
//! headers of its own.
//!
//! Any replica answers, so what is not there may only not be there yet.

use async_nats::{HeaderMap, Message, StatusCode, Subject};

use crate::errors::Fault;
use crate::message::Stored;

const NATS_SUBJECT: &str = "Nats-Subject";
const NATS_SEQUENCE: &str = "Nats-Sequence";
/// How many messages come after this one that were asked for as well: in the answer to a batch.
pub(crate) const NATS_NUM_PENDING: &str = "Nats-Num-Pending";

/// The message in an answer; none where the server has none.
pub(crate) fn found(answer: Message) -> Result<Option<Stored>, Fault> {
    match answer.status {
        None => stored(answer).map(Some),
        Some(StatusCode::NOT_FOUND) => Ok(None),
        Some(status) => Err(refused(status, answer.description)),
    }
}

/// Why there is a status instead of a message.
pub(crate) fn refused(status: StatusCode, description: Option<String>) -> Fault {
    match status {
        StatusCode::NO_RESPONDERS => Fault::NoResponders,
        status => {
            let text = description.unwrap_or_default();
            Fault::Garbled(format!("status {status} {text}"))
        }
    }
}

/// The message that was given.
pub(crate) fn stored(answer: Message) -> Result<Stored, Fault> {
    let headers = answer.headers.unwrap_or_default();
    Ok(Stored {
        subject: Subject::from(last(&headers, NATS_SUBJECT)?),
        sequence: number(&headers, NATS_SEQUENCE)?,
        headers,
        body: answer.payload,
    })
}

/// The server's own headers come after those that were stored, which may have the same names.
fn last<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<&'h str, Fault> {
    headers
        .get_last(name)
        .map(|value| value.as_str())
        .ok_or_else(|| Fault::Garbled(format!("header {name} is missing")))
}

/// The number in one of the server's own headers.
pub(crate) fn number(headers: &HeaderMap, name: &'static str) -> Result<u64, Fault> {
    let text = last(headers, name)?;
    text.parse()
        .map_err(|_| Fault::Garbled(format!("header {name} is {text:?}")))
}
