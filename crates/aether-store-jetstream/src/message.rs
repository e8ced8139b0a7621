//! A commit and a snapshot as messages: headers and body, written and read.
//!
//! `docs/wire-format.md` is the normative description, and the golden files in `tests/golden`
//! are what it means in bytes.

use aether_core::{
    ActorId, ActorSnapshot, Event, EventId, Position, ReplayError, StoreError, Version, WireError,
    WireForm,
};
use async_nats::header::{NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, NATS_EXPECTED_STREAM};
use async_nats::{HeaderMap, HeaderValue};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

const CONTENT_TYPE: &str = "Content-Type";
const FORMAT_HEADER: &str = "Aether-Format";
const FIRST_VERSION: &str = "Aether-First-Version";
const LAST_VERSION: &str = "Aether-Last-Version";
const SNAPSHOT_VERSION: &str = "Aether-Version";
/// Which append wrote a commit.
const SAVE_ID: &str = "Aether-Save-Id";
/// The version of the messages' format.
const FORMAT: &str = "1";

/// A message to be published.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Outgoing {
    /// The events of one commit, to be stored in this stream by the append with this id.
    pub(crate) fn commit(
        stream: &str,
        events: &[Event],
        form: WireForm,
        save_id: &str,
    ) -> Result<Self, WireError> {
        let body = form.encode_commit(events)?;
        let mut headers = common_headers(stream, form);
        headers.insert(FIRST_VERSION, number(version_of(events.first())));
        headers.insert(LAST_VERSION, number(version_of(events.last())));
        headers.insert(SAVE_ID, save_id);
        Ok(Self {
            headers,
            body: body.into(),
        })
    }

    /// A snapshot, to be stored in this stream.
    pub(crate) fn snapshot(
        stream: &str,
        snapshot: &ActorSnapshot,
        form: WireForm,
    ) -> Result<Self, WireError> {
        let body = snapshot.to_wire(form)?;
        let mut headers = common_headers(stream, form);
        headers.insert(SNAPSHOT_VERSION, number(snapshot.version()));
        Ok(Self {
            headers,
            body: body.into(),
        })
    }

    /// To be stored only if the subject's last message has this sequence; 0 where it has none.
    pub(crate) fn expecting(mut self, sequence: u64) -> Self {
        let sequence = HeaderValue::from(sequence);
        self.headers
            .insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, sequence);
        self
    }

    /// What the server counts against its `max_payload`: the header block and the body.
    pub(crate) fn wire_bytes(&self) -> usize {
        let lines = self.headers.iter().flat_map(|(name, values)| {
            let name: &str = name.as_ref();
            values
                .iter()
                .map(move |value| name.len() + ": ".len() + value.as_str().len() + "\r\n".len())
        });
        "NATS/1.0\r\n".len() + lines.sum::<usize>() + "\r\n".len() + self.body.len()
    }

    /// Refuses what is larger than the store takes: an oversized message would close the
    /// connection with everything that is under way on it.
    pub(crate) fn check_size(&self, what: &'static str, max: usize) -> Result<(), StoreError> {
        let bytes = self.wire_bytes();
        if bytes > max {
            return Err(StoreError::TooLarge { what, bytes, max });
        }
        Ok(())
    }
}

fn common_headers(stream: &str, form: WireForm) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(NATS_EXPECTED_STREAM, stream);
    headers.insert(CONTENT_TYPE, form.media_type());
    headers.insert(FORMAT_HEADER, FORMAT);
    headers
}

fn number(version: Version) -> HeaderValue {
    HeaderValue::from(version.get())
}

fn version_of(event: Option<&Event>) -> Version {
    event.map_or(Version::ZERO, Event::version)
}

/// A message as it is stored, however it was read.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) sequence: u64,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The versions that a commit says it has, from its headers alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) form: WireForm,
    pub(crate) first: Version,
    pub(crate) last: Version,
}

/// A commit that was read and verified.
#[derive(Debug, Clone)]
pub(crate) struct StoredCommit {
    pub(crate) sequence: u64,
    pub(crate) events: Vec<Event>,
}

impl StoredCommit {
    pub(crate) fn first(&self) -> Version {
        version_of(self.events.first())
    }

    pub(crate) fn last(&self) -> Version {
        version_of(self.events.last())
    }

    /// Right after one of its events.
    pub(crate) fn position(&self, incarnation: Incarnation, event: &Event) -> Position {
        let index = self
            .events
            .partition_point(|e| e.version() < event.version());
        incarnation.position(self.sequence, index, event)
    }
}

impl Stored {
    /// The versions in the headers of a commit.
    ///
    /// The error is the reason why this is not a commit in a format that is known.
    pub(crate) fn span(&self) -> Result<Span, String> {
        let form = self.form()?;
        let (first, last) = (self.version(FIRST_VERSION)?, self.version(LAST_VERSION)?);
        if first.is_zero() || last < first {
            return Err(format!("its headers say versions {first} to {last}"));
        }
        Ok(Span { form, first, last })
    }

    /// The commit, verified to be this actor's and what its headers say.
    ///
    /// The error is the reason why it is not.
    pub(crate) fn commit(&self, actor_id: &ActorId) -> Result<StoredCommit, String> {
        let span = self.span()?;
        let events = span
            .form
            .decode_commit(&self.body)
            .map_err(|error| error.to_string())?;
        let commit = StoredCommit {
            sequence: self.sequence,
            events,
        };
        if let Some(event) = commit.events.first() {
            check_actor(event.actor_id(), actor_id)?;
        }
        let (first, last) = (commit.first(), commit.last());
        if (first, last) != (span.first, span.last) {
            return Err(format!(
                "its headers say versions {} to {}, its events have {first} to {last}",
                span.first, span.last
            ));
        }
        Ok(commit)
    }

    /// The snapshot, verified to be this actor's and what its headers say.
    ///
    /// The error is the reason why it is not.
    pub(crate) fn snapshot(&self, actor_id: &ActorId) -> Result<ActorSnapshot, String> {
        let form = self.form()?;
        let version = self.version(SNAPSHOT_VERSION)?;
        let snapshot =
            ActorSnapshot::from_wire(form, &self.body).map_err(|error| error.to_string())?;
        check_actor(snapshot.actor_id(), actor_id)?;
        if snapshot.version() != version {
            return Err(format!(
                "its headers say version {version}, its body {}",
                snapshot.version()
            ));
        }
        Ok(snapshot)
    }

    /// The version that a snapshot's headers say, in whatever format the rest of it is; none
    /// where they say none.
    pub(crate) fn snapshot_version(&self) -> Option<Version> {
        self.version(SNAPSHOT_VERSION).ok()
    }

    /// Which append wrote this commit; none where it does not say.
    pub(crate) fn save_id(&self) -> Option<&str> {
        self.headers.get(SAVE_ID).map(|value| value.as_str())
    }

    fn form(&self) -> Result<WireForm, String> {
        match self.header(FORMAT_HEADER)? {
            FORMAT => {}
            other => {
                return Err(format!(
                    "format version {} is not known, only {FORMAT} is",
                    shortened(other)
                ));
            }
        }
        let media_type = self.header(CONTENT_TYPE)?;
        [WireForm::MessagePack, WireForm::Json]
            .into_iter()
            .find(|form| form.media_type() == media_type)
            .ok_or_else(|| format!("content type {} is not known", shortened(media_type)))
    }

    fn version(&self, name: &'static str) -> Result<Version, String> {
        let text = self.header(name)?;
        text.parse::<u64>()
            .ok()
            // Digits alone: no sign, no zeros in front.
            .filter(|number| number.to_string() == text)
            .and_then(|number| Version::new(number).ok())
            .ok_or_else(|| format!("header {name} is {}, not a version", shortened(text)))
    }

    fn header(&self, name: &'static str) -> Result<&str, String> {
        self.headers
            .get(name)
            .map(|value| value.as_str())
            .ok_or_else(|| format!("header {name} is missing"))
    }
}

fn check_actor(found: &ActorId, expected: &ActorId) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("it belongs to actor {}", shortened(found.as_str())))
}

/// Text from outside, for a reason: quoted and not too long.
fn shortened(text: &str) -> String {
    const SHOWN_MAX: usize = 64;
    let shown: String = text.chars().take(SHOWN_MAX).collect();
    let more = if shown.len() < text.len() { "…" } else { "" };
    format!("{shown:?}{more}")
}

/// The stream that positions are in: its creation time, in nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Incarnation(pub(crate) u64);

impl Incarnation {
    /// Right after the event at this index of the commit with this sequence.
    pub(crate) fn position(self, sequence: u64, index: usize, event: &Event) -> Position {
        // A commit has at most 1,000 events.
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        Position::new(self.0, sequence, index).with_fingerprint(fingerprint(event.id()))
    }

    /// Right after the last of these events, which are the commit with this sequence.
    pub(crate) fn last_position(self, sequence: u64, events: &[Event]) -> Position {
        match events.last() {
            Some(event) => self.position(sequence, events.len() - 1, event),
            None => Position::new(self.0, sequence, 0),
        }
    }

    /// A message that can't be read as what it should be, and why.
    pub(crate) fn malformed(self, stored: Stored, reason: String) -> ReplayError {
        ReplayError {
            position: Position::new(self.0, stored.sequence, 0),
            reason,
            raw: stored.body,
        }
    }
}

/// The first 8 bytes of the SHA-256 of the event's id, as a big-endian number.
fn fingerprint(id: &EventId) -> u64 {
    let digest = Sha256::digest(id.as_str().as_bytes());
    digest
        .iter()
        .take(8)
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests;
