//! Requests to the server, each with a limit of time, and what came of them.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::stream::RawMessage;
use async_nats::jetstream::{self, ErrorCode};
use async_nats::{Client, HeaderMap, Message, Request, Subject};
use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::denials::{Denials, Watch};
use crate::direct_get;
use crate::errors::Fault;
use crate::message::{Outgoing, Stored};
use crate::patience::Patience;
use crate::raw_get;

/// What all of JetStream's own subjects begin with.
const API: &str = "$JS.API";

/// A connection, and how patient we are with it.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) client: Client,
    pub(crate) request_timeout: Duration,
    denials: Denials,
    /// What the subjects on which answers come in begin with.
    inboxes: Arc<str>,
}

/// Which message of a stream is asked for.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(untagged)]
pub(crate) enum Wanted<'a> {
    /// The last one on the subject.
    Last { last_by_subj: &'a str },
    /// The first one on the subject, which may have wildcards, with at least this sequence.
    Next { seq: u64, next_by_subj: &'a str },
    /// The one with this sequence, whatever its subject.
    At { seq: u64 },
}

impl Link {
    pub(crate) fn new(client: Client, request_timeout: Duration, denials: Denials) -> Self {
        let inbox = client.new_inbox();
        // The last token is this one inbox's own.
        let own = inbox.rsplit('.').next().unwrap_or_default();
        Self {
            inboxes: inbox.trim_end_matches(own).into(),
            client,
            request_timeout,
            denials,
        }
    }

    /// Sends one request and waits for one answer.
    ///
    /// Dropping the future leaves the request sent or not.
    async fn request(
        &self,
        subject: &str,
        headers: Option<HeaderMap>,
        body: Bytes,
        timeout: Duration,
    ) -> Result<Message, Fault> {
        let mut denied = self.denials.watch();
        // The client's own limit does not cover its queue, which fills up while it is disconnected.
        let mut request = Request::new().payload(body).timeout(None);
        if let Some(headers) = headers {
            request = request.headers(headers);
        }
        let answer = self.client.send_request(Subject::from(subject), request);
        tokio::select! {
            biased;
            answer = tokio::time::timeout(timeout, answer) => match answer {
                Ok(answer) => Ok(answer?),
                Err(_) => Err(Fault::TimedOut),
            },
            fault = denied.of_request(subject, &self.inboxes) => Err(fault),
        }
    }

    /// Calls JetStream's API.
    pub(crate) async fn api<T: DeserializeOwned>(
        &self,
        call: &str,
        body: &(impl Serialize + Sync),
        patience: &Patience,
    ) -> Result<T, Fault> {
        let body = serde_json::to_vec(body).map_err(|e| Fault::Garbled(e.to_string()))?;
        self.call(call, body.into(), patience).await
    }

    /// The same with nothing to say but the call itself.
    pub(crate) async fn order<T: DeserializeOwned>(
        &self,
        call: &str,
        patience: &Patience,
    ) -> Result<T, Fault> {
        self.call(call, Bytes::new(), patience).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        call: &str,
        body: Bytes,
        patience: &Patience,
    ) -> Result<T, Fault> {
        let timeout = patience.for_request(self.request_timeout);
        let subject = format!("{API}.{call}");
        let answer = self.request(&subject, None, body, timeout).await?;
        read_answer(&answer)
    }

    /// Publishes a message and waits for the stream's acknowledgement.
    pub(crate) async fn publish(
        &self,
        subject: &str,
        message: Outgoing,
        patience: &Patience,
    ) -> Result<PublishAck, Fault> {
        let timeout = patience.for_request(self.request_timeout);
        let Outgoing { headers, body } = message;
        let answer = self.request(subject, Some(headers), body, timeout).await?;
        read_answer(&answer)
    }

    /// Reads one message from the stream's leader; none where the server finds none.
    ///
    /// Around a leader change an old leader may answer with what was true before.
    pub(crate) async fn message(
        &self,
        stream: &str,
        wanted: &Wanted<'_>,
        patience: &Patience,
    ) -> Result<Option<Stored>, Fault> {
        #[derive(Deserialize)]
        struct Found {
            message: RawMessage,
        }
        let call = format!("STREAM.MSG.GET.{stream}");
        match self.api::<Found>(&call, wanted, patience).await {
            Ok(found) => raw_get::stored(found.message).map(Some),
            Err(fault) if fault.code() == Some(ErrorCode::NO_MESSAGE_FOUND) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Reads one message from any replica of the stream; none where that finds none.
    ///
    /// What is there is so for ever; what is not may not be there yet. Of a [batch](crate::batch_get)
    /// it is the first message.
    pub(crate) async fn direct(
        &self,
        stream: &str,
        wanted: &(impl Serialize + Sync),
        patience: &Patience,
    ) -> Result<Option<Stored>, Fault> {
        let body = serde_json::to_vec(wanted).map_err(|e| Fault::Garbled(e.to_string()))?;
        let timeout = patience.for_request(self.request_timeout);
        let subject = format!("{API}.DIRECT.GET.{stream}");
        let answer = self.request(&subject, None, body.into(), timeout).await?;
        direct_get::found(answer)
    }

    /// Listens for the answers to requests of one kind, which may be several for each.
    pub(crate) async fn listen(&self, call: &str) -> Result<Answers, Fault> {
        let denied = self.denials.watch();
        let inbox = Subject::from(self.client.new_inbox());
        let messages = self.client.subscribe(inbox.clone());
        let messages = tokio::time::timeout(self.request_timeout, messages).await;
        Ok(Answers {
            client: self.client.clone(),
            messages: messages
                .map_err(|_| Fault::TimedOut)?
                .map_err(|_| Fault::Closed)?,
            inbox,
            denied,
            inboxes: Arc::clone(&self.inboxes),
            subject: Subject::from(format!("{API}.{call}")),
            timeout: self.request_timeout,
        })
    }

    /// Listens to what is published on a subject, which may have wildcards.
    pub(crate) async fn subscribe(&self, subject: &str) -> Result<Published, Fault> {
        let denied = self.denials.watch();
        let subject = Subject::from(subject);
        let messages = self.client.subscribe(subject.clone());
        let messages = tokio::time::timeout(self.request_timeout, messages).await;
        Ok(Published {
            messages: messages
                .map_err(|_| Fault::TimedOut)?
                .map_err(|_| Fault::Closed)?,
            subject,
            denied,
        })
    }

    /// Sends a request that is answered by several messages, or by a denial.
    pub(crate) async fn ask_for_many(
        &self,
        call: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<Answers, Fault> {
        let answers = self.listen(call).await?;
        answers.ask(body).await?;
        Ok(answers)
    }
}

/// The answers to requests of one kind while they arrive. Dropping them leaves nothing behind but an
/// unsubscribe.
#[derive(Debug)]
pub(crate) struct Answers {
    client: Client,
    messages: async_nats::Subscriber,
    /// Where they come in.
    inbox: Subject,
    denied: Watch,
    inboxes: Arc<str>,
    /// Where the requests go.
    subject: Subject,
    /// How long one answer may take.
    timeout: Duration,
}

impl Answers {
    /// Sends a request.
    pub(crate) async fn ask(&self, body: &(impl Serialize + Sync)) -> Result<(), Fault> {
        let body = serde_json::to_vec(body).map_err(|e| Fault::Garbled(e.to_string()))?;
        let (subject, inbox) = (self.subject.clone(), self.inbox.clone());
        // Publishing waits where the client's queue is full, as while it is disconnected.
        let sent = self
            .client
            .publish_with_reply(subject, inbox, Bytes::from(body));
        tokio::time::timeout(self.timeout, sent)
            .await
            .map_err(|_| Fault::TimedOut)?
            .map_err(|_| Fault::Closed)
    }

    /// The next message.
    pub(crate) async fn next(&mut self) -> Result<Message, Fault> {
        let next = self.next_within(self.timeout).await?;
        next.ok_or(Fault::TimedOut)
    }

    /// The next message, if it has arrived.
    pub(crate) fn arrived(&mut self) -> Result<Option<Message>, Fault> {
        match self.messages.next().now_or_never() {
            Some(message) => message.map(Some).ok_or(Fault::Closed),
            None => Ok(None),
        }
    }

    /// The next message; none where there is none for so long.
    pub(crate) async fn next_within(&mut self, wait: Duration) -> Result<Option<Message>, Fault> {
        // Of many that have arrived, each would set a timer for nothing.
        if let Some(message) = self.arrived()? {
            return Ok(Some(message));
        }
        let next = tokio::time::timeout(wait, self.messages.next());
        tokio::select! {
            biased;
            message = next => match message {
                Ok(message) => message.map(Some).ok_or(Fault::Closed),
                Err(_) => Ok(None),
            },
            fault = self.denied.of_request(&self.subject, &self.inboxes) => Err(fault),
        }
    }
}

/// What is published on a subject while it arrives. Dropping it leaves nothing behind but an
/// unsubscribe.
#[derive(Debug)]
pub(crate) struct Published {
    messages: async_nats::Subscriber,
    subject: Subject,
    denied: Watch,
}

impl Published {
    /// The next message; none where there is none for so long.
    pub(crate) async fn next_within(&mut self, wait: Duration) -> Result<Option<Message>, Fault> {
        // Of many that have arrived, each would set a timer for nothing.
        if let Some(message) = self.messages.next().now_or_never() {
            return message.map(Some).ok_or(Fault::Closed);
        }
        let next = tokio::time::timeout(wait, self.messages.next());
        tokio::select! {
            biased;
            message = next => match message {
                Ok(message) => message.map(Some).ok_or(Fault::Closed),
                Err(_) => Ok(None),
            },
            fault = self.denied.of_subscription(&self.subject) => Err(fault),
        }
    }
}

/// An answer is what was asked for, or an error: told apart by the error, which a refused publish
/// has beside the other fields.
fn read_answer<T: DeserializeOwned>(answer: &Message) -> Result<T, Fault> {
    #[derive(Deserialize)]
    struct Refusal {
        error: Option<jetstream::Error>,
    }
    let garbled = |error: serde_json::Error| Fault::Garbled(error.to_string());
    let refusal: Refusal = serde_json::from_slice(&answer.payload).map_err(garbled)?;
    match refusal.error {
        Some(error) => Err(Fault::Refused(error)),
        None => serde_json::from_slice(&answer.payload).map_err(garbled),
    }
}
