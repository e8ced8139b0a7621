//! A consumer that is asked for messages in their order, and knows when one was missed.
//!
//! It is the server's own place in a stream, made for one feed or one long replay: it is nobody
//! else's, is kept in memory, and nothing is acknowledged. Messages are asked for (ADR-13), so that no more of them
//! are under way than was asked for, however slow the reader is: a reader that waits for what the
//! server has asks for more at once. The server counts what it gives:
//! what was lost on the way, by a cut connection or by a client that is too slow for its own
//! buffer, shows at the next message. Then it is of no more use, and another one is made, which
//! begins behind the last message that came.
//!
//! Where it is not asked for a while the server removes it, and where it is dropped it is removed
//! at once.

use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::{HeaderMap, Message, StatusCode};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::task::coop;
use tokio::time::Instant;

use crate::errors::Fault;
use crate::link::{Answers, Link};
use crate::message::Stored;
use crate::patience::Patience;
use crate::server::{JetStream, Server as _};

/// How many messages are asked for at once, at first.
pub(crate) const BATCH_LEAST: u32 = 1_000;
/// The most that are asked for at once, by a reader who waits for them. With fewer under way the
/// server and the reader wait for each other in turns: 0.76 of what the two of them can do with
/// 1,000, 0.80 with 2,000, 0.85 with 4,000, all of it with 8,000 (`xtask bench jetstream`, row
/// `feed`).
pub(crate) const BATCH_MOST: u32 = 8_000;
/// The most bytes that are asked for at once, at first, but for one message that is larger. While
/// half of them are still to come as many are asked for again.
const BYTES_LEAST: usize = 1 << 20;
/// The most bytes for each message, where more messages than at first are asked for.
const BYTES_EACH: usize = 1 << 10;
/// How long one request stands.
const REQUEST_STANDS: Duration = Duration::from_secs(30);
/// How long a consumer is kept that nobody asks.
const INACTIVE_MAX: Duration = Duration::from_secs(60);
/// How often the server says that it is there, while it has nothing else to say.
const HEARTBEAT_LEAST: Duration = Duration::from_millis(100);
const HEARTBEAT_MOST: Duration = Duration::from_secs(2);
/// How often the silence doubles that is waited for.
const DOUBLED_MAX: u32 = 4;
/// How often it is looked whether the connection is still the same.
const LOOK_EVERY: Duration = Duration::from_millis(500);

const LAST_CONSUMER: &str = "Nats-Last-Consumer";
const LAST_STREAM: &str = "Nats-Last-Stream";
const PENDING_MESSAGES: &str = "Nats-Pending-Messages";
const PENDING_BYTES: &str = "Nats-Pending-Bytes";
/// What the server says of a message that is larger than all that was asked for.
const TOO_LARGE: &str = "Message Size Exceeds MaxBytes";

/// What a consumer has to say.
#[derive(Debug)]
pub(crate) enum Given {
    /// The next message.
    Message(Stored),
    /// There is nothing else that passes up to the message with this sequence.
    Nothing { up_to: u64 },
}

/// A place in a stream from which messages are given in order.
#[derive(Debug)]
pub(crate) struct Consumer {
    link: Link,
    stream: String,
    name: String,
    answers: Answers,
    /// The connection that it lives on, by how often one had been made.
    connects: u64,
    heartbeat: Duration,
    /// How long it may be silent.
    silence: Duration,
    /// How many messages to ask for.
    batch: u32,
    /// The most messages to ask for.
    most: u32,
    /// The most that the server allows to ask for.
    allowed: u32,
    /// How many more the server has than it has given, as it said with the last message.
    left: u64,
    /// It was waited for while the server had more messages than were asked for: to ask for more
    /// helps.
    starved: bool,
    /// How many messages it has given.
    given: u64,
    /// How many messages, and how many bytes, are still to come of what was asked for. Of a
    /// request that is over the server need not say so: at most one batch of what is left counts.
    awaited: Awaited,
    /// The next message is larger than what can be asked for: it is asked for by itself.
    large: bool,
    /// A message was lost on its way here.
    missed: bool,
    /// Whether the server has said that it has made it.
    created: bool,
    /// Where it is removed from once nobody has it any more.
    runtime: Handle,
}

#[derive(Debug, Clone, Copy, Default)]
struct Awaited {
    messages: u32,
    bytes: usize,
}

#[derive(Serialize)]
struct Creation<'a> {
    stream_name: &'a str,
    config: Settings<'a>,
    action: &'static str,
}

/// A consumer's settings (ADR-28), durations in nanoseconds.
#[derive(Serialize)]
struct Settings<'a> {
    name: &'a str,
    description: &'static str,
    deliver_policy: &'static str,
    opt_start_seq: u64,
    ack_policy: &'static str,
    replay_policy: &'static str,
    /// An empty list is another setting than none to a server of a cluster: it refused to make the
    /// same consumer again, where its first answer was lost.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    filter_subjects: &'a [String],
    inactive_threshold: u64,
    num_replicas: u32,
    mem_storage: bool,
}

#[derive(Deserialize)]
struct Created {
    config: Allowed,
}

#[derive(Deserialize)]
struct Allowed {
    /// How many messages may be asked for at once; 0 or nothing for any number.
    #[serde(default)]
    max_batch: u32,
}

#[derive(Serialize)]
struct Request {
    batch: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_bytes: Option<usize>,
    expires: u64,
    idle_heartbeat: u64,
}

impl Consumer {
    /// A consumer that is still to be [created](Self::create). From here on it is removed if it is
    /// dropped, whether or not the server has made it.
    pub(crate) async fn new(server: &JetStream) -> Result<Self, Fault> {
        let link = server.link.clone();
        let stream = server.events_stream.clone();
        let inbox = link.client.new_inbox();
        let name = format!("aether-{}", inbox.rsplit('.').next().unwrap_or_default());
        let next = format!("CONSUMER.MSG.NEXT.{stream}.{name}");
        let connects = server.connects();
        let heartbeat = link.request_timeout.clamp(HEARTBEAT_LEAST, HEARTBEAT_MOST);
        Ok(Self {
            answers: link.listen(&next).await?,
            link,
            stream,
            name,
            connects,
            heartbeat,
            silence: heartbeat * 2 + LOOK_EVERY,
            batch: BATCH_LEAST,
            most: BATCH_MOST,
            allowed: BATCH_MOST,
            left: 0,
            starved: false,
            given: 0,
            awaited: Awaited::default(),
            large: false,
            missed: false,
            created: false,
            runtime: Handle::current(),
        })
    }

    /// Has the server make it, of the messages from this sequence on that have one of the subjects
    /// (or any, where none is said).
    ///
    /// Where no answer came it is to be called again, with the same: on a large stream it may take
    /// the server longer than a request does to count what passes, and to begin anew would make it
    /// count twice.
    pub(crate) async fn create(
        &mut self,
        subjects: &[String],
        from: u64,
        patience: &Patience,
    ) -> Result<(), Fault> {
        let creation = Creation {
            stream_name: &self.stream,
            config: Settings {
                name: &self.name,
                description: "A feed or a replay of Aether's, removed when it ends.",
                deliver_policy: "by_start_sequence",
                opt_start_seq: from.max(1),
                ack_policy: "none",
                replay_policy: "instant",
                filter_subjects: subjects,
                inactive_threshold: nanos(INACTIVE_MAX),
                num_replicas: 1,
                mem_storage: true,
            },
            action: "create",
        };
        let call = format!("CONSUMER.CREATE.{}.{}", self.stream, self.name);
        let created: Created = self.link.api(&call, &creation, patience).await?;
        self.created = true;
        if (1..BATCH_MOST).contains(&created.config.max_batch) {
            self.allowed = created.config.max_batch;
            self.set_most(self.most);
        }
        Ok(())
    }

    /// From now on it asks for at most so many at once.
    pub(crate) fn set_most(&mut self, most: u32) {
        self.most = most.min(self.allowed);
        self.batch = self.batch.max(BATCH_LEAST).min(self.most);
    }

    /// How many it asks for at once.
    pub(crate) fn batch(&self) -> u32 {
        self.batch
    }

    /// From now on the server says as often as it can that there is nothing else, or as seldom as
    /// does.
    pub(crate) fn set_eager(&mut self, eager: bool) {
        let usual = self.link.request_timeout;
        self.heartbeat = match eager {
            true => HEARTBEAT_LEAST,
            false => usual.clamp(HEARTBEAT_LEAST, HEARTBEAT_MOST),
        };
    }

    /// Waits longer for it than for another: twice as long for each one before that gave nothing.
    /// While it looks for the next message that passes, through a stream with many that don't, the
    /// server is silent.
    pub(crate) fn wait_longer(&mut self, times: u32) {
        self.silence *= 1 << times.min(DOUBLED_MAX);
    }

    /// Whether a message was lost on its way here.
    pub(crate) fn has_missed(&self) -> bool {
        self.missed
    }

    /// How many messages it has given.
    pub(crate) fn given(&self) -> u64 {
        self.given
    }

    /// What it gives next; waits for that.
    ///
    /// After an error it is of no more use.
    pub(crate) async fn next(&mut self, server: &JetStream) -> Result<Given, Fault> {
        let nothing_has = loop {
            self.ask_if_due().await?;
            // A task that has had its turn is told that nothing has arrived, whatever has.
            let is_told = coop::has_budget_remaining();
            let Some(message) = self.answers.arrived()? else {
                break is_told;
            };
            if let Some(given) = self.hear(message)? {
                return Ok(given);
            }
        };
        let given = self.wait(server).await?;
        self.starved |= nothing_has && self.given > 1 && self.left > self.batch.into();
        Ok(given)
    }

    /// Waits for what it gives next.
    async fn wait(&mut self, server: &JetStream) -> Result<Given, Fault> {
        let mut heard = Instant::now();
        loop {
            self.ask_if_due().await?;
            let look = LOOK_EVERY.min(self.heartbeat);
            let Some(message) = self.answers.next_within(look).await? else {
                if server.connects() != self.connects {
                    return Err(Fault::Interrupted(
                        "the connection was made anew".to_owned(),
                    ));
                }
                if heard.elapsed() > self.silence {
                    return Err(Fault::Interrupted("the consumer is silent".to_owned()));
                }
                continue;
            };
            heard = Instant::now();
            if let Some(given) = self.hear(message)? {
                return Ok(given);
            }
        }
    }

    /// Takes in what was heard: the next thing that it gives, if that is one.
    fn hear(&mut self, message: Message) -> Result<Option<Given>, Fault> {
        // A message may have been stored with a status, which says nothing then.
        let place = message.reply.as_deref().and_then(Place::parse);
        match (place, message.status) {
            (Some(place), _) => self.take(place, message).map(Some),
            (None, Some(status)) => {
                let up_to = self.hear_status(status, &message)?;
                Ok(up_to.map(|up_to| Given::Nothing { up_to }))
            }
            (None, None) => {
                let reply = message.reply.as_deref().unwrap_or_default();
                let text = format!("a message with the reply {reply:?}");
                Err(Fault::Garbled(text))
            }
        }
    }

    /// Asks for more where half of what was asked for has come.
    async fn ask_if_due(&mut self) -> Result<(), Fault> {
        let Awaited { messages, bytes } = self.awaited;
        if messages > self.batch / 2 && bytes > self.batch_bytes() / 2 {
            return Ok(());
        }
        if self.starved {
            self.starved = false;
            self.batch = self.batch.saturating_mul(2).min(self.most);
        }
        let batch = if self.large { 1 } else { self.batch };
        let batch_bytes = self.batch_bytes();
        let request = Request {
            batch,
            max_bytes: (!self.large).then_some(batch_bytes),
            expires: nanos(REQUEST_STANDS),
            idle_heartbeat: nanos(self.heartbeat),
        };
        self.large = false;
        self.answers.ask(&request).await?;
        self.awaited = Awaited {
            messages: messages.min(self.batch) + batch,
            bytes: bytes.min(batch_bytes) + batch_bytes,
        };
        Ok(())
    }

    /// How many bytes it asks for at once.
    fn batch_bytes(&self) -> usize {
        let messages = usize::try_from(self.batch).unwrap_or(usize::MAX);
        messages.saturating_mul(BYTES_EACH).max(BYTES_LEAST)
    }

    /// Takes in a message.
    fn take(&mut self, place: Place, message: Message) -> Result<Given, Fault> {
        self.compare(place.consumer, self.given + 1)?;
        self.given += 1;
        self.left = place.left;
        self.awaited = Awaited {
            messages: self.awaited.messages.saturating_sub(1),
            bytes: self.awaited.bytes.saturating_sub(message.length),
        };
        Ok(Given::Message(Stored {
            subject: message.subject,
            sequence: place.stream,
            headers: message.headers.unwrap_or_default(),
            body: message.payload,
        }))
    }

    /// Takes in what is said instead of a message; gives the sequence up to which there is
    /// nothing else.
    fn hear_status(&mut self, status: StatusCode, message: &Message) -> Result<Option<u64>, Fault> {
        let text = message.description.as_deref().unwrap_or_default();
        let headers = message.headers.as_ref();
        let said = |name| headers.and_then(|headers| number(headers, name));
        match (status.as_u16(), said(PENDING_MESSAGES)) {
            (100, _) => {
                let (Some(given), Some(up_to)) = (said(LAST_CONSUMER), said(LAST_STREAM)) else {
                    return Ok(None);
                };
                self.compare(given, self.given)?;
                Ok(Some(up_to))
            }
            // A request is over, with so much of it not given.
            (_, Some(messages)) => {
                let messages = u32::try_from(messages).unwrap_or(u32::MAX);
                let bytes = said(PENDING_BYTES).and_then(|bytes| usize::try_from(bytes).ok());
                let bytes = bytes.unwrap_or(0);
                // It says so of any message that is larger than what is left of a request.
                self.large |= text == TOO_LARGE && bytes >= BYTES_LEAST;
                self.awaited = Awaited {
                    messages: self.awaited.messages.saturating_sub(messages),
                    bytes: self.awaited.bytes.saturating_sub(bytes),
                };
                Ok(None)
            }
            (503, None) => Err(Fault::NoResponders),
            (_, None) => Err(Fault::Interrupted(format!("status {status} {text}"))),
        }
    }

    /// Checks that the server has given as many messages as have come.
    fn compare(&mut self, said: u64, expected: u64) -> Result<(), Fault> {
        if said == expected {
            return Ok(());
        }
        self.missed = true;
        Err(Fault::Garbled(format!(
            "message {said} of a consumer, where message {expected} was due"
        )))
    }
}

impl Drop for Consumer {
    /// Removes it, also where the drop is outside of a runtime. Where the server is not heard, it
    /// removes it after a while by itself.
    fn drop(&mut self) {
        let link = self.link.clone();
        let call = format!("CONSUMER.DELETE.{}.{}", self.stream, self.name);
        let created = self.created;
        self.runtime.spawn(async move {
            let mut patience = Patience::new(link.request_timeout);
            loop {
                let removed = link.order::<serde_json::Value>(&call, &patience).await;
                let Err(fault) = removed else {
                    return;
                };
                // Whoever works on the two requests may take them in the other order.
                let may_come = !created && fault.code() == Some(ErrorCode::CONSUMER_NOT_FOUND);
                if !may_come || !patience.pause().await {
                    tracing::debug!(call, %fault, "a consumer is left to the server");
                    return;
                }
            }
        });
    }
}

/// Where a message stands, as the subject for its acknowledgement tells (ADR-15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    /// Its sequence in the stream.
    stream: u64,
    /// The how many-th of the consumer it is.
    consumer: u64,
    /// How many more there are for the consumer.
    left: u64,
}

impl Place {
    /// Reads `$JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>.<consumer sequence>.<time>.<pending>`,
    /// in which newer servers may put a domain and an account behind `ACK`, and more at the end.
    fn parse(reply: &str) -> Option<Self> {
        // The older form has seven tokens behind this, the newer one at least nine.
        let mut tokens = [&[][..]; 9];
        let mut count = 0;
        let behind = reply.as_bytes().strip_prefix(b"$JS.ACK.")?;
        for token in behind.split(|byte| *byte == b'.').take(tokens.len()) {
            tokens[count] = token;
            count += 1;
        }
        let own = match count {
            7 => &tokens[3..],
            9 => &tokens[5..],
            _ => return None,
        };
        Some(Self {
            stream: decimal(own[0])?,
            consumer: decimal(own[1])?,
            left: decimal(own[3])?,
        })
    }
}

fn decimal(digits: &[u8]) -> Option<u64> {
    str::from_utf8(digits).ok()?.parse().ok()
}

fn number(headers: &HeaderMap, name: &'static str) -> Option<u64> {
    headers.get(name)?.as_str().parse().ok()
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_message_is_in_both_forms_of_its_reply() {
        let place = Some(Place {
            stream: 5_000_000_000,
            consumer: 17,
            left: 3,
        });
        let older = "$JS.ACK.orders.feed-1.1.5000000000.17.1700000000000000000.3";
        let newer = "$JS.ACK._.hash.orders.feed-1.1.5000000000.17.1700000000000000000.3";
        let newest = "$JS.ACK.hub.hash.orders.feed-1.1.5000000000.17.1700000000000000000.3.x";
        for reply in [older, newer, newest] {
            assert_eq!(Place::parse(reply), place, "{reply}");
        }
        for reply in [
            "",
            "$JS.ACK",
            "$JS.ACK.orders.feed-1.1.5.17.1700000000000000000",
            "$JS.ACK.orders.feed-1.1.x.17.1700000000000000000.3",
            "$JS.ACK.orders.feed-1.1.5.17.1700000000000000000.",
            "$JS.FC.orders.feed-1.1.5.17.1700000000000000000.3",
        ] {
            assert_eq!(Place::parse(reply), None, "{reply}");
        }
    }
}
