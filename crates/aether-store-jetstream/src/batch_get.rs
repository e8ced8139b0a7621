//! Many messages of one subject with one request: the server's batch direct get (ADR-31).
//!
//! Any replica answers, so what comes may be the truth of a moment ago: whoever reads knows
//! where the end is, and asks again where it was not reached. No consumer is made.

use async_nats::{Message, StatusCode};
use serde::Serialize;

use crate::direct_get::{number, refused, stored};
use crate::errors::Fault;
use crate::link::{Answers, Link};
use crate::message::Stored;

/// The most messages of one page.
pub(crate) const PAGE_MESSAGES: u32 = 256;
/// After how many bytes a page ends; its last message may pass it.
pub(crate) const PAGE_BYTES: u32 = 1 << 20;

/// The sequence of the message before, within one answer.
const NATS_LAST_SEQUENCE: &str = "Nats-Last-Sequence";

/// A request for so many messages on a subject, the first of which has at least this sequence.
#[derive(Debug, Serialize)]
pub(crate) struct BatchRequest<'a> {
    pub(crate) batch: u32,
    pub(crate) max_bytes: u32,
    pub(crate) seq: u64,
    pub(crate) next_by_subj: &'a str,
}

/// One page of messages while it arrives. Dropping it leaves nothing behind but an unsubscribe.
#[derive(Debug)]
pub(crate) struct Page {
    answers: Answers,
    subject: String,
    /// The least sequence that the next message can have.
    from: u64,
    /// The sequence of the message before; 0 at first, as the server counts too.
    last: u64,
    given: u32,
}

impl Page {
    /// Asks for at most `messages` messages on the subject with sequences of at least `from`.
    pub(crate) async fn open(
        link: &Link,
        stream: &str,
        subject: &str,
        from: u64,
        messages: u32,
    ) -> Result<Self, Fault> {
        let request = BatchRequest {
            batch: messages,
            max_bytes: PAGE_BYTES,
            seq: from,
            next_by_subj: subject,
        };
        let call = format!("DIRECT.GET.{stream}");
        Ok(Self {
            answers: link.ask_for_many(&call, &request).await?,
            subject: subject.to_owned(),
            from,
            last: 0,
            given: 0,
        })
    }

    /// How many messages were given so far.
    pub(crate) fn given(&self) -> u32 {
        self.given
    }

    /// The next message; none at the end of the page, which need not be the end of the subject.
    ///
    /// After an error the page is of no more use.
    pub(crate) async fn next(&mut self) -> Result<Option<Stored>, Fault> {
        let message = self.answers.next().await?;
        match message.status {
            None => self.check(message).map(Some),
            // 204: the end of the page. 404: there is nothing from here on.
            Some(status) if status.as_u16() == 204 || status == StatusCode::NOT_FOUND => Ok(None),
            Some(status) => Err(refused(status, message.description)),
        }
    }

    /// Checks that nothing is missing between this message and the one before: a client that is
    /// too slow for its own subscription drops messages in silence.
    fn check(&mut self, message: Message) -> Result<Stored, Fault> {
        let stored = stored(message)?;
        let before = number(&stored.headers, NATS_LAST_SEQUENCE)?;
        let (subject, sequence) = (stored.subject.as_str(), stored.sequence);
        if subject != self.subject || sequence < self.from || before != self.last {
            return Err(Fault::Garbled(format!(
                "message {sequence} on {subject:?} after {before}, where one on {:?} of at least \
                 {} after {} was due",
                self.subject, self.from, self.last
            )));
        }
        self.from = sequence + 1;
        self.last = sequence;
        self.given += 1;
        Ok(stored)
    }
}
