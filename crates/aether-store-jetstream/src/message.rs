//! A commit and a snapshot as messages: headers and body, written and read.
//!
//! `docs/wire-format.md` is the normative description, and the golden files in `tests/golden`
//! are what it means in bytes.

use aether_core::{
    ActorId, ActorSnapshot, Event, EventId, Position, ReplayError, StoreError, TraceContext,
    Version, WireError, WireForm,
};
use async_nats::header::{NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, NATS_EXPECTED_STREAM};
use async_nats::{HeaderMap, HeaderName, HeaderValue, Subject};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::chain::{Digest, Link, write_sequences};
use crate::fields::Fields;

const CONTENT_TYPE: HeaderName = HeaderName::from_static("Content-Type");
const FORMAT_HEADER: HeaderName = HeaderName::from_static("Aether-Format");
const FIRST_VERSION: HeaderName = HeaderName::from_static("Aether-First-Version");
const LAST_VERSION: HeaderName = HeaderName::from_static("Aether-Last-Version");
const SNAPSHOT_VERSION: HeaderName = HeaderName::from_static("Aether-Version");
/// Which append wrote a commit.
const SAVE_ID: HeaderName = HeaderName::from_static("Aether-Save-Id");
/// What chains a commit to the ones before it.
const PREVIOUS_VERSION: HeaderName = HeaderName::from_static("Aether-Previous-Version");
pub(crate) const PREVIOUS_DIGEST: HeaderName = HeaderName::from_static("Aether-Previous-Digest");
pub(crate) const PREDECESSORS: HeaderName = HeaderName::from_static("Aether-Predecessors");
/// How many headers a commit's digest is over.
pub(crate) const DIGESTED_COUNT: usize = 8;
/// Those, in their order.
pub(crate) const DIGESTED: [HeaderName; DIGESTED_COUNT] = [
    CONTENT_TYPE,
    FORMAT_HEADER,
    FIRST_VERSION,
    LAST_VERSION,
    PREVIOUS_VERSION,
    PREDECESSORS,
    PREVIOUS_DIGEST,
    SAVE_ID,
];
/// In which trace a commit was made: W3C Trace Context, in lower case.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
/// The version of the messages' format.
pub(crate) const FORMAT: &str = "1";

/// The headers that a store's commits have, with those filled in that are always the same.
///
/// A copy of them is cheaper than to begin with none: it has room for all, and hashes no names.
#[derive(Debug)]
pub(crate) struct CommitHeaders {
    form: WireForm,
    /// Of an actor's first commit.
    first: HeaderMap,
    /// Of any other.
    next: HeaderMap,
}

impl CommitHeaders {
    /// Of commits in this form in this stream.
    pub(crate) fn new(stream: &str, form: WireForm) -> Self {
        let mut first = common_headers(stream, form);
        for name in [
            NATS_EXPECTED_LAST_SUBJECT_SEQUENCE,
            FIRST_VERSION,
            LAST_VERSION,
            SAVE_ID,
            PREVIOUS_VERSION,
        ] {
            first.insert(name, "");
        }
        let mut next = first.clone();
        for name in [PREVIOUS_DIGEST, PREDECESSORS] {
            next.insert(name, "");
        }
        Self { form, first, next }
    }
}

/// A message to be published.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Outgoing {
    /// The events of one commit, to be stored after this sequence of the subject (0 where it has
    /// none) by the append with this id, after the commits that the link says; and what a commit
    /// that comes after it has to say of it.
    pub(crate) fn commit(
        headers: &CommitHeaders,
        events: &[Event],
        expected: u64,
        save_id: &str,
        link: &Link,
    ) -> Result<(Self, Digest), WireError> {
        let form = headers.form;
        let body = form.encode_commit(events)?;
        let first = number(version_of(events.first()));
        let last = number(version_of(events.last()));
        let previous = number(link.previous());
        let (previous_digest, predecessors) = match link {
            Link::First => (String::new(), String::new()),
            Link::After(before) => (
                before.digest.to_string(),
                write_sequences(&before.sequences),
            ),
        };
        // In the order of `DIGESTED`: to look them up again would take longer than the digest.
        let digested = [
            form.media_type(),
            FORMAT,
            first.as_str(),
            last.as_str(),
            previous.as_str(),
            &predecessors,
            &previous_digest,
            save_id,
        ];
        let digest = Digest::over(digested.into_iter(), &body);
        let mut headers = match link {
            Link::First => headers.first.clone(),
            Link::After(_) => headers.next.clone(),
        };
        let expected = HeaderValue::from(expected);
        headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, expected);
        headers.insert(FIRST_VERSION, first);
        headers.insert(LAST_VERSION, last);
        headers.insert(SAVE_ID, save_id);
        headers.insert(PREVIOUS_VERSION, previous);
        if let Link::After(_) = link {
            headers.insert(PREVIOUS_DIGEST, previous_digest);
            headers.insert(PREDECESSORS, predecessors);
        }
        if let Some(trace) = events.first().and_then(TraceContext::of_event) {
            headers.insert(TRACEPARENT, trace.to_string());
        }
        let body = body.into();
        Ok((Self { headers, body }, digest))
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

    /// Made in this trace, whatever its events say, where there is one.
    pub(crate) fn in_trace(mut self, context: Option<&TraceContext>) -> Self {
        if let Some(context) = context {
            self.headers.insert(TRACEPARENT, context.to_string());
            if let Some(state) = context.state() {
                self.headers.insert(TRACESTATE, state);
            }
        }
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
    pub(crate) subject: Subject,
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
    pub(crate) digest: Digest,
    /// What it says about the ones before it; none where it was written without.
    pub(crate) link: Option<Link>,
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
    /// The headers of a commit: who needs several of them looks at all once.
    pub(crate) fn fields(&self) -> Fields<'_> {
        Fields::of(&self.headers)
    }

    /// The commit, verified to be this actor's and what its headers say.
    ///
    /// The error is the reason why it is not.
    pub(crate) fn commit(&self, actor_id: &ActorId) -> Result<StoredCommit, String> {
        let fields = self.fields();
        self.commit_with(&fields, fields.span()?, actor_id)
    }

    /// The same where its headers and versions were looked at before.
    pub(crate) fn commit_with(
        &self,
        fields: &Fields<'_>,
        span: Span,
        actor_id: &ActorId,
    ) -> Result<StoredCommit, String> {
        let (events, link) = self.linked(fields, span)?;
        if let Some(event) = events.first() {
            check_actor(event.actor_id(), actor_id)?;
        }
        Ok(StoredCommit {
            sequence: self.sequence,
            digest: fields.digest(&self.body),
            link,
            events,
        })
    }

    /// The events of a commit and what it says about the ones before it, whoever's they are.
    ///
    /// The error is the reason why they are not a commit.
    pub(crate) fn linked(
        &self,
        fields: &Fields<'_>,
        span: Span,
    ) -> Result<(Vec<Event>, Option<Link>), String> {
        let (events, link) = (self.events(span)?, fields.link()?);
        match &link {
            Some(link) if link.previous() >= span.first => Err(format!(
                "it begins with version {}, and says that it comes after version {}",
                span.first,
                link.previous()
            )),
            _ => Ok((events, link)),
        }
    }

    /// The events of a commit, verified to be what its headers say, whoever's they are.
    ///
    /// The error is the reason why they are not.
    pub(crate) fn events(&self, span: Span) -> Result<Vec<Event>, String> {
        let events = span
            .form
            .decode_commit(&self.body)
            .map_err(|error| error.to_string())?;
        let (first, last) = (version_of(events.first()), version_of(events.last()));
        if (first, last) != (span.first, span.last) {
            return Err(format!(
                "its headers say versions {} to {}, its events have {first} to {last}",
                span.first, span.last
            ));
        }
        Ok(events)
    }

    /// The versions in the headers of a commit.
    ///
    /// The error is the reason why this is not a commit in a format that is known.
    pub(crate) fn span(&self) -> Result<Span, String> {
        self.fields().span()
    }

    /// What this commit says about the ones before it; none where it was written without.
    ///
    /// The error is the reason why what it says can't be.
    pub(crate) fn link(&self) -> Result<Option<Link>, String> {
        self.fields().link()
    }

    pub(crate) fn digest(&self) -> Digest {
        self.fields().digest(&self.body)
    }

    /// The snapshot, verified to be this actor's and what its headers say.
    ///
    /// The error is the reason why it is not.
    pub(crate) fn snapshot(&self, actor_id: &ActorId) -> Result<ActorSnapshot, String> {
        let form = self.fields().form()?;
        let version = self.version()?;
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
        self.version().ok()
    }

    /// Which append wrote this commit; none where it does not say.
    pub(crate) fn save_id(&self) -> Option<&str> {
        self.headers.get(SAVE_ID).map(|value| value.as_str())
    }

    /// The version in the headers of a snapshot.
    fn version(&self) -> Result<Version, String> {
        let mut values = self.headers.get_all(SNAPSHOT_VERSION);
        let text = values.next().map(HeaderValue::as_str);
        match values.next() {
            None => read_version(SNAPSHOT_VERSION.as_ref(), text),
            Some(_) => Err(format!("header {SNAPSHOT_VERSION} is there twice")),
        }
    }
}

/// The version in the header of this name.
pub(crate) fn read_version(name: &str, text: Option<&str>) -> Result<Version, String> {
    let text = text.ok_or_else(|| format!("header {name} is missing"))?;
    // Digits alone: no sign, no zeros in front.
    let canonical = text == "0" || text.starts_with(|c: char| matches!(c, '1'..='9'));
    canonical
        .then(|| text.parse::<u64>().ok())
        .flatten()
        .and_then(|number| Version::new(number).ok())
        .ok_or_else(|| format!("header {name} is {}, not a version", shortened(text)))
}

fn check_actor(found: &ActorId, expected: &ActorId) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("it belongs to actor {}", shortened(found.as_str())))
}

/// Text from outside, for a reason: quoted and not too long.
pub(crate) fn shortened(text: &str) -> String {
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

    /// Something that should be at this sequence, or is not to be had from there, and why.
    pub(crate) fn malformed_at(self, sequence: u64, reason: String) -> ReplayError {
        ReplayError {
            position: Position::new(self.0, sequence, 0),
            reason,
            raw: Bytes::new(),
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

/// Whether it is the place right behind all events of a message, whatever is in that: of no event,
/// and of no report.
pub(crate) fn is_behind_a_message(position: Position) -> bool {
    position.index() == u32::MAX && position.fingerprint() == 0
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
