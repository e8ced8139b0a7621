//! Messages made by hand, right ones and wrong ones, with a bare client.

use aether_store_jetstream::async_nats::{Client, HeaderMap, HeaderName, jetstream};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::reader::chain;
use crate::reader::messages::Message;
use crate::reader::msgpack::Value;

pub(crate) fn text(text: impl Into<String>) -> Value {
    Value::Str(text.into())
}

/// So many arrays within each other, something in the innermost.
pub(crate) fn nested(levels: usize) -> Value {
    (0..levels).fold(Value::Nil, |inner, _| Value::Array(vec![inner]))
}

/// A value in the longest form that MessagePack has for it: a reader takes any.
pub(crate) fn packed(value: &Value) -> Vec<u8> {
    let length = |tag: u8, length: usize| {
        let length = u32::try_from(length).unwrap().to_be_bytes();
        [&[tag], &length[..]].concat()
    };
    match value {
        Value::Nil => vec![0xc0],
        Value::Bool(flag) => vec![0xc2 + u8::from(*flag)],
        Value::Int(integer) => match u64::try_from(*integer) {
            Ok(unsigned) => [&[0xcf], &unsigned.to_be_bytes()[..]].concat(),
            Err(_) => {
                let signed = i64::try_from(*integer).unwrap();
                [&[0xd3], &signed.to_be_bytes()[..]].concat()
            }
        },
        Value::Float(float) => [&[0xcb], &float.to_be_bytes()[..]].concat(),
        Value::Str(text) => [length(0xdb, text.len()), text.clone().into()].concat(),
        Value::NotText(bytes) => [length(0xdb, bytes.len()), bytes.clone()].concat(),
        Value::Bin(bytes) => [length(0xc6, bytes.len()), bytes.clone()].concat(),
        Value::Array(values) => {
            let values: Vec<Vec<u8>> = values.iter().map(packed).collect();
            [length(0xdd, values.len()), values.concat()].concat()
        }
        Value::Map(entries) => {
            let entry = |(key, value): &(Value, Value)| [packed(key), packed(value)].concat();
            let entries: Vec<Vec<u8>> = entries.iter().map(entry).collect();
            [length(0xdf, entries.len()), entries.concat()].concat()
        }
        Value::Ext(kind, bytes) => {
            let start = [length(0xc9, bytes.len()), kind.to_be_bytes().into()].concat();
            [start, bytes.clone()].concat()
        }
    }
}

/// The fields of an event in MessagePack.
pub(crate) fn event(id: &str, version: u64) -> Vec<Value> {
    vec![
        text(id),
        text("Happened"),
        Value::Nil,
        Value::Int(version.into()),
        Value::Bin(packed(&Value::Int(version.into()))),
        Value::Map(Vec::new()),
        Value::Int(1_772_366_400_000_000_000),
    ]
}

pub(crate) fn commit(actor_id: &str, events: Vec<Vec<Value>>) -> Value {
    let events = events.into_iter().map(Value::Array).collect();
    Value::Array(vec![Value::Int(1), text(actor_id), Value::Array(events)])
}

/// A message before it is stored.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Draft {
    /// A commit that is not linked.
    pub(crate) fn of(content_type: &str, first: u64, last: u64, body: Vec<u8>) -> Self {
        let headers = Vec::new();
        Self { headers, body }
            .with("Content-Type", content_type)
            .with("Aether-Format", "1")
            .with("Aether-First-Version", &first.to_string())
            .with("Aether-Last-Version", &last.to_string())
    }

    /// The same as another message, without what was a condition of the first time.
    pub(crate) fn copy(message: &Message) -> Self {
        let headers = message.headers.iter().flatten();
        let headers = headers.filter(|(name, _)| !name.starts_with("Nats-"));
        Self {
            headers: headers.cloned().collect(),
            body: message.body.clone(),
        }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(written, _)| written != name);
        self
    }

    /// Linked to this commit.
    pub(crate) fn after(self, before: &Message) -> Self {
        let digest = URL_SAFE_NO_PAD.encode(chain::digest(before));
        let version = before.header("Aether-Last-Version").unwrap();
        self.with("Aether-Previous-Version", version)
            .with("Aether-Previous-Digest", &digest)
            .with("Aether-Predecessors", &base_36(before.sequence))
    }

    /// Stores it as it is.
    pub(crate) async fn store(self, client: &Client, subject: &str) -> Message {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, value.as_str());
        }
        let body = self.body.clone().into();
        let jetstream = jetstream::new(client.clone());
        let stored = jetstream.publish_with_headers(subject.to_owned(), headers, body);
        Message {
            sequence: stored.await.unwrap().await.unwrap().sequence,
            headers: Some(self.headers),
            body: self.body,
        }
    }
}

pub(crate) fn base_36(number: u64) -> String {
    let rest = u8::try_from(number % 36).unwrap();
    let digit = char::from(if rest < 10 {
        b'0' + rest
    } else {
        b'a' + rest - 10
    });
    match number / 36 {
        0 => digit.to_string(),
        more => base_36(more) + &digit.to_string(),
    }
}

/// Stores a message whose header block is what no client would write.
pub(crate) async fn store_block(url: &str, subject: &str, block: &[u8], body: &[u8]) {
    let mut socket = TcpStream::connect(url.trim_start_matches("nats://"))
        .await
        .unwrap();
    let (size, total) = (block.len(), block.len() + body.len());
    let start = format!(
        "CONNECT {{\"verbose\":false,\"headers\":true}}\r\nHPUB {subject} {size} {total}\r\n"
    );
    let sent = [start.as_bytes(), block, body, b"\r\nPING\r\n"].concat();
    socket.write_all(&sent).await.unwrap();
    // Once the server has answered, it has taken the message.
    let mut said = String::new();
    while !said.contains("PONG") {
        let mut bytes = [0; 4096];
        let count = socket.read(&mut bytes).await.unwrap();
        assert!(count > 0, "{said}");
        said.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
}
