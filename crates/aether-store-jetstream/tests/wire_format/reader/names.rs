//! "Names": streams, subjects, categories and tokens.

use sha2::{Digest as _, Sha256};

/// The longest token, and the longest beginning that a shortened one keeps.
const TOKEN_BYTES_MAX: usize = 200;
const BEGINNING_BYTES_MAX: usize = 134;

/// The names of one store.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    stream: String,
}

impl Names {
    pub(crate) fn new(base: &str, namespace: Option<&str>) -> Self {
        let stream = match namespace {
            None => base.to_owned(),
            Some(namespace) => format!("{base}={}", token(namespace)),
        };
        Self { stream }
    }

    pub(crate) fn events(&self) -> String {
        self.stream.clone()
    }

    pub(crate) fn snapshots(&self) -> String {
        format!("{}=~snapshots", self.stream)
    }

    pub(crate) fn heads(&self) -> String {
        format!("{}=~heads", self.stream)
    }

    /// The subject of an actor's events, in the stream of events and in the one of heads.
    pub(crate) fn subject(&self, actor_id: &str) -> String {
        self.subject_of("events", actor_id)
    }

    pub(crate) fn snapshot_subject(&self, actor_id: &str) -> String {
        self.subject_of("snapshots", actor_id)
    }

    /// Where an actor's events are sent once they are stored.
    pub(crate) fn sent_subject(&self, actor_id: &str) -> String {
        self.subject_of("stored", actor_id)
    }

    pub(crate) fn all_sent(&self) -> String {
        format!("{}.stored.*.*", self.stream)
    }

    fn subject_of(&self, kind: &str, actor_id: &str) -> String {
        let (category, id) = (token(category(actor_id)), token(actor_id));
        format!("{}.{kind}.{category}.{id}", self.stream)
    }
}

/// The text before the first `-`; all of it where there is none, or where it begins with one.
pub(crate) fn category(actor_id: &str) -> &str {
    match actor_id.find('-') {
        None | Some(0) => actor_id,
        Some(at) => &actor_id[..at],
    }
}

pub(crate) fn token(text: &str) -> String {
    let pieces: Vec<String> = text.bytes().map(escaped).collect();
    let whole = pieces.concat();
    if whole.len() <= TOKEN_BYTES_MAX {
        return whole;
    }
    let mut beginning = String::new();
    for piece in pieces {
        if beginning.len() + piece.len() > BEGINNING_BYTES_MAX {
            break;
        }
        beginning += &piece;
    }
    let digest: String = Sha256::digest(text)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{beginning}=~{digest}")
}

fn escaped(byte: u8) -> String {
    match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => char::from(byte).to_string(),
        _ => format!("={byte:02X}"),
    }
}

/// The text of a token, or `None` where it was shortened.
pub(crate) fn text_of(token: &str) -> Option<String> {
    if token.contains('~') {
        return None;
    }
    let mut bytes = Vec::new();
    let mut rest = token.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'=' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            _ => byte,
        });
    }
    String::from_utf8(bytes).ok()
}
