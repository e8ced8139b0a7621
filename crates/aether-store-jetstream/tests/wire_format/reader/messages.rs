//! Messages of a stream as the server has them, by the API that any client can ask.

use async_nats::Client;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// A stored message: where it is, and what.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) sequence: u64,
    /// `None` where they are none that can be read.
    pub(crate) headers: Option<Vec<(String, String)>>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// Whether this is written on more than one header.
    pub(crate) fn is_twice(&self, name: &str) -> bool {
        let headers = self.headers.iter().flatten();
        headers.filter(|(written, _)| written == name).count() > 1
    }

    /// The header of this name, written exactly so.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter().flatten();
        let header = headers.find(|(written, _)| written == name);
        header.map(|(_, value)| value.as_str())
    }

    /// The header as decimal digits, without a sign and without zeros in front.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        let text = self.header(name)?;
        let number: u64 = text.parse().ok()?;
        (number.to_string() == text).then_some(number)
    }
}

/// All messages on a subject of a stream, in the order of their sequences.
pub(crate) async fn on_subject(client: &Client, stream: &str, subject: &str) -> Vec<Message> {
    let mut messages: Vec<Message> = Vec::new();
    loop {
        let next = messages.last().map_or(1, |last| last.sequence + 1);
        let request = json!({ "seq": next, "next_by_subj": subject });
        let answer = asked(client, &format!("STREAM.MSG.GET.{stream}"), &request).await;
        if answer["error"]["code"] == 404 {
            return messages;
        }
        let message = &answer["message"];
        assert!(message.is_object(), "{stream} {subject}: {answer}");
        messages.push(Message {
            sequence: message["seq"].as_u64().unwrap(),
            headers: headers(&decoded(&message["hdrs"])),
            body: decoded(&message["data"]),
        });
    }
}

/// What the server says of a stream.
pub(crate) async fn stream_info(client: &Client, stream: &str) -> Value {
    asked(client, &format!("STREAM.INFO.{stream}"), &Value::Null).await
}

async fn asked(client: &Client, what: &str, request: &Value) -> Value {
    let request = request.to_string().into();
    let answer = client.request(format!("$JS.API.{what}"), request).await;
    serde_json::from_slice(&answer.unwrap().payload).unwrap()
}

fn decoded(base64: &Value) -> Vec<u8> {
    STANDARD.decode(base64.as_str().unwrap_or("")).unwrap()
}

/// The headers of a block: `NATS/1.0`, then lines of a name, a colon and a value, then an empty
/// one. `None` where it is something else.
pub(crate) fn headers(block: &[u8]) -> Option<Vec<(String, String)>> {
    if block.is_empty() {
        return Some(Vec::new());
    }
    let block = std::str::from_utf8(block).ok()?;
    let mut lines = block.strip_suffix("\r\n\r\n")?.split("\r\n");
    if !lines.next()?.starts_with("NATS/1.0") {
        return None;
    }
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        if value.contains(['\r', '\n']) {
            return None;
        }
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
        is_name.then(|| (name.to_owned(), value.trim().to_owned()))
    };
    lines.map(header).collect()
}
