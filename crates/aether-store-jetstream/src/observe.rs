//! What is told of each call to those who watch: a span, and counts.
//!
//! Names and attributes of spans are those of OpenTelemetry's [semantic conventions for messaging
//! spans][spans], whose status is "development": names may still change there. The kind of a span
//! that sends is `producer`, since its context is what goes with the message; that of one that
//! receives is `client`. What the conventions have no name for begins with `aether.`.
//!
//! Spans have the level INFO: one for a call that takes a round trip at least, and a trace without
//! them lacks what a request waits for. Who wants none turns the target `aether_store_jetstream`
//! down to WARN. Where nobody listens attributes are not computed, and all that a save does for
//! its span took some 50 ns when it was measured. No guard is held over an await: the span is
//! entered with each poll ([`Instrument`](tracing::Instrument)).
//!
//! [spans]: https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/

use aether_core::{
    ActorId, ActorSnapshot, Appended, Commit, CommitContent, RecordedEvent, SnapshotSaved,
    StoreError, StoreErrorKind, TraceContext, TraceSource, Version,
};
use tracing::field::{Empty, Value};
use tracing::{Instrument as _, Span};

use crate::decide::{Slot, Verdict};
use crate::errors::Fault;
use crate::message::Outgoing;
use crate::metrics::{self, Meter, Stopwatch};
use crate::names::Names;
use crate::subscription::Heard;
use crate::verify::HistoryReport;

/// The outcome of a call whose future was dropped before it had one.
const DROPPED: &str = "dropped";

/// How no save ends while the servers are well and nobody has made a mistake.
const ALARMING: [StoreErrorKind; 7] = [
    StoreErrorKind::HistoryRegressed,
    StoreErrorKind::Indeterminate,
    StoreErrorKind::Unavailable,
    StoreErrorKind::PermissionDenied,
    StoreErrorKind::Malformed,
    StoreErrorKind::Misconfigured,
    StoreErrorKind::TooLarge,
];

/// Tells what one store does.
#[derive(Debug)]
pub(crate) struct Observer {
    events: Destination,
    snapshots: Destination,
    /// The one address that was given; none where there were several.
    server: Option<(String, u16)>,
    trace: Option<TraceSource>,
    meter: Meter,
}

/// Where messages go to and come from. An actor's subject would be too many names.
#[derive(Debug)]
struct Destination {
    name: String,
    template: String,
}

/// What was remembered of the actor that is saved to, and what use it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// It was published after what was remembered.
    Hit,
    /// Nothing was, and nothing was needed: only as the actor's first can it be stored.
    First,
    /// Nothing was: the newest commit is read.
    Miss,
    /// Somebody says that there is more: the newest commit is read.
    Outdated,
    /// The commit does not fit after it, or may be stored already: the newest one is read.
    Unfit,
}

impl Lookup {
    /// Where something is remembered that does not do.
    pub(crate) fn of_no_use(is_outdated: bool) -> Self {
        match is_outdated {
            true => Self::Outdated,
            false => Self::Unfit,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Append,
    Replay,
    LatestVersion,
    Verify,
    SaveSnapshot,
    LatestSnapshot,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Append => "append",
            Self::Replay => "replay",
            Self::LatestVersion => "latest_version",
            Self::Verify => "verify",
            Self::SaveSnapshot => "save_snapshot",
            Self::LatestSnapshot => "latest_snapshot",
        }
    }
}

/// A span with the attributes that all have. A macro, since a span's name is part of the code.
macro_rules! span {
    ($name:literal, $kind:literal, $type:literal, $observer:expr, $to:expr, $actor_id:expr) => {
        tracing::info_span!(
            $name,
            otel.name = %format_args!("{} {}", $name, $to.template),
            otel.kind = $kind,
            otel.status_code = Empty,
            messaging.system = "nats",
            messaging.operation.type = $type,
            messaging.operation.name = $name,
            messaging.destination.name = $to.name,
            messaging.destination.template = $to.template,
            messaging.batch.message_count = Empty,
            messaging.message.body.size = Empty,
            server.address = $observer.server.as_ref().map(|(host, _)| host.as_str()),
            server.port = $observer.server.as_ref().map(|(_, port)| *port),
            error.type = Empty,
            aether.actor_id = $actor_id.as_str(),
            aether.version = Empty,
            aether.outcome = Empty,
            aether.attempts = Empty,
        )
    };
}

impl Observer {
    pub(crate) fn new(names: &Names) -> Self {
        let template = |kind| format!("{}.{kind}.{{category}}.{{actor}}", names.events_stream);
        Self {
            events: Destination {
                name: names.events_stream.clone(),
                template: template("events"),
            },
            snapshots: Destination {
                name: names.snapshots_stream.clone(),
                template: template("snapshots"),
            },
            server: None,
            trace: None,
            meter: Meter::new(&names.events_stream),
        }
    }

    pub(crate) fn with_server(mut self, server: Option<(String, u16)>) -> Self {
        self.server = server;
        self
    }

    pub(crate) fn with_trace(mut self, trace: Option<TraceSource>) -> Self {
        self.trace = trace;
        self
    }

    pub(crate) fn append(&self, commit: &Commit) -> Call {
        let actor_id = commit.actor_id();
        let span = span!("append", "producer", "send", self, self.events, actor_id);
        // The conventions want no count where only one can be sent.
        if !matches!(commit.content(), CommitContent::Event(_)) {
            record(&span, "messaging.batch.message_count", commit.len());
        }
        self.call(Operation::Append, span, commit.len())
    }

    pub(crate) fn replay(&self, actor_id: &ActorId) -> Call {
        let span = span!("replay", "client", "receive", self, self.events, actor_id);
        self.call(Operation::Replay, span, 0)
    }

    pub(crate) fn latest_version(&self, actor_id: &ActorId) -> Call {
        let span = span!(
            "latest_version",
            "client",
            "receive",
            self,
            self.events,
            actor_id
        );
        self.call(Operation::LatestVersion, span, 0)
    }

    pub(crate) fn verify(&self, actor_id: &ActorId) -> Call {
        let span = span!("verify", "client", "receive", self, self.events, actor_id);
        self.call(Operation::Verify, span, 0)
    }

    pub(crate) fn save_snapshot(&self, actor_id: &ActorId) -> Call {
        let span = span!(
            "save_snapshot",
            "producer",
            "send",
            self,
            self.snapshots,
            actor_id
        );
        self.call(Operation::SaveSnapshot, span, 0)
    }

    pub(crate) fn latest_snapshot(&self, actor_id: &ActorId) -> Call {
        let span = span!(
            "latest_snapshot",
            "client",
            "receive",
            self,
            self.snapshots,
            actor_id
        );
        self.call(Operation::LatestSnapshot, span, 0)
    }

    /// Counts what somebody is to be woken for as not yet seen: a series that begins at 1 has not
    /// risen, for who looks at the difference.
    pub(crate) fn counts_from_zero(&self) {
        self.meter.count(metrics::SEQUENCES_REUSED, 0, &[]);
        for kind in ALARMING {
            let ended = [("outcome", error_type(kind))];
            self.meter.count(metrics::SAVES, 0, &ended);
        }
    }

    fn call(&self, operation: Operation, span: Span, events: usize) -> Call {
        Call {
            operation,
            span,
            meter: self.meter.clone(),
            started: Stopwatch::start(),
            events,
            outcome: None,
        }
    }

    /// The trace that the caller is in, where he says one.
    pub(crate) fn trace(&self) -> Option<TraceContext> {
        self.trace.as_ref().and_then(TraceSource::current)
    }

    /// A message is sent, for the `attempt`-th time in this call, which is the current span's.
    pub(crate) fn sends(&self, message: &Outgoing, attempt: u32) {
        let span = Span::current();
        record(&span, "messaging.message.body.size", message.body.len());
        record(&span, "aether.attempts", attempt);
        if cfg!(feature = "metrics") {
            let bytes = u64::try_from(message.wire_bytes()).unwrap_or(u64::MAX);
            self.meter.count(metrics::PUBLISHED_BYTES, bytes, &[]);
        }
    }

    /// A commit is sent once more after this.
    pub(crate) fn resends(&self, fault: &Fault) {
        let labels = [("reason", fault.name())];
        self.meter.count(metrics::RESENDS, 1, &labels);
    }

    /// A request of a read is made once more after this.
    pub(crate) fn rereads(&self, fault: &Fault) {
        let labels = [("reason", fault.name())];
        self.meter.count(metrics::REREADS, 1, &labels);
    }

    /// A feed was given a message with so many events that pass.
    pub(crate) fn feed_gave(&self, events: usize) {
        let events = u64::try_from(events).unwrap_or(u64::MAX);
        self.meter.count(metrics::FEED_EVENTS, events, &[]);
    }

    /// A feed goes on with another consumer after this.
    pub(crate) fn feed_interrupted(&self, fault: &Fault) {
        let labels = [("reason", fault.name())];
        self.meter.count(metrics::FEED_INTERRUPTIONS, 1, &labels);
    }

    /// A subscription passes this on.
    pub(crate) fn heard(&self, item: &Result<Heard, StoreError>) {
        let item = match item {
            Ok(Heard::Event(_)) => "event",
            Ok(Heard::Gap(_)) => "gap",
            Ok(Heard::Foreign { .. }) => "foreign",
            Err(StoreError::Malformed(_)) => "malformed",
            Ok(Heard::Listening { .. }) | Err(_) => return,
        };
        self.meter.count(metrics::HEARD, 1, &[("item", item)]);
    }

    /// Another commit was found where this one was to be.
    pub(crate) fn lost_a_race(&self) {
        self.meter.count(metrics::LOST_RACES, 1, &[]);
    }

    /// This was found in a commit's place.
    pub(crate) fn looked_at_slot(&self, slot: Slot) {
        let found = match slot {
            Slot::Ours { .. } => "ours",
            Slot::Same { .. } => "same",
            Slot::Anothers { .. } => "anothers",
            Slot::Fallen { .. } => "fallen",
            Slot::Empty => "empty",
            Slot::Unseen => "unseen",
            Slot::Gone => "gone",
        };
        self.meter
            .count(metrics::SLOT_LOOKS, 1, &[("found", found)]);
    }

    /// What is remembered of an actor was asked for.
    pub(crate) fn looked_up(&self, lookup: Lookup) {
        let result = match lookup {
            Lookup::Hit => "hit",
            Lookup::First => "first",
            Lookup::Miss => "miss",
            Lookup::Outdated => "outdated",
            Lookup::Unfit => "unfit",
        };
        self.meter
            .count(metrics::CACHE_LOOKUPS, 1, &[("result", result)]);
    }

    /// Whether a known commit is still there was asked.
    pub(crate) fn doubted(&self, verdict: Verdict) {
        let verdict = match verdict {
            Verdict::Stands => "stands",
            Verdict::Gone => "gone",
            Verdict::Remade => "remade",
            Verdict::Unknown => "unknown",
        };
        self.meter
            .count(metrics::DOUBTS, 1, &[("verdict", verdict)]);
    }

    /// The server has used a sequence again.
    pub(crate) fn saw_sequence_reused(&self) {
        self.meter.count(metrics::SEQUENCES_REUSED, 1, &[]);
    }
}

/// One call while it is watched. Dropping it before it has ended is an outcome, too.
#[derive(Debug)]
pub(crate) struct Call {
    operation: Operation,
    span: Span,
    meter: Meter,
    started: Stopwatch,
    /// How many events are saved, or were read.
    events: usize,
    outcome: Option<&'static str>,
}

impl Call {
    /// Does the work of the call within its span, and tells how it ended.
    pub(crate) async fn watch<T: Answer>(
        mut self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let result = work.instrument(self.span.clone()).await;
        match &result {
            Ok(answer) => {
                self.outcome = Some(answer.outcome());
                if let Some(version) = answer.version() {
                    record(&self.span, "aether.version", version.get());
                }
            }
            Err(error) => self.failed(error),
        }
        result
    }

    /// Reads one more event within the span of the call, which ends with the last.
    pub(crate) async fn watch_next(
        &mut self,
        next: impl Future<Output = Option<Result<RecordedEvent, StoreError>>>,
    ) -> Option<Result<RecordedEvent, StoreError>> {
        let item = next.instrument(self.span.clone()).await;
        match &item {
            Some(Ok(recorded)) => {
                self.events += 1;
                let version = recorded.event().version();
                record(&self.span, "aether.version", version.get());
            }
            Some(Err(error)) => self.failed(error),
            None => {
                self.outcome.get_or_insert("ok");
            }
        }
        item
    }

    /// The first error of a call is its outcome.
    fn failed(&mut self, error: &StoreError) {
        if self.outcome.is_none() {
            self.outcome = Some(match error {
                StoreError::VersionConflict(_) => "conflict",
                error => error_type(error.kind()),
            });
            record(&self.span, "error.type", error_type(error.kind()));
            record(&self.span, "otel.status_code", "ERROR");
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let outcome = self.outcome.unwrap_or(DROPPED);
        record(&self.span, "aether.outcome", outcome);
        let time = self.started.elapsed();
        let ended = [("outcome", outcome)];
        let read = [("operation", self.operation.name()), ("outcome", outcome)];
        match self.operation {
            Operation::Append => {
                self.meter.count(metrics::SAVES, 1, &ended);
                self.meter.time(metrics::SAVE_DURATION, time, &ended);
                if outcome == STORED {
                    self.meter.measure(metrics::COMMIT_EVENTS, self.events, &[]);
                }
            }
            Operation::SaveSnapshot => {
                self.meter.count(metrics::SNAPSHOT_SAVES, 1, &ended);
                self.meter
                    .time(metrics::SNAPSHOT_SAVE_DURATION, time, &ended);
            }
            Operation::Replay
            | Operation::LatestVersion
            | Operation::Verify
            | Operation::LatestSnapshot => {
                self.meter.count(metrics::READS, 1, &read);
                self.meter.time(metrics::READ_DURATION, time, &read);
            }
        }
        if self.operation == Operation::Replay {
            record(&self.span, "messaging.batch.message_count", self.events);
            let events = u64::try_from(self.events).unwrap_or(u64::MAX);
            self.meter.count(metrics::READ_EVENTS, events, &[]);
        }
    }
}

const STORED: &str = "stored";

/// What a call has answered, in a word.
pub(crate) trait Answer {
    fn outcome(&self) -> &'static str;

    fn version(&self) -> Option<Version>;
}

impl Answer for Appended {
    fn outcome(&self) -> &'static str {
        match self.was_repeated() {
            true => "repeated",
            false => STORED,
        }
    }

    fn version(&self) -> Option<Version> {
        Some(Self::version(self))
    }
}

impl Answer for SnapshotSaved {
    fn outcome(&self) -> &'static str {
        match self {
            Self::Saved => "saved",
            Self::Superseded { .. } => "superseded",
        }
    }

    fn version(&self) -> Option<Version> {
        None
    }
}

impl Answer for Version {
    fn outcome(&self) -> &'static str {
        "ok"
    }

    fn version(&self) -> Option<Version> {
        Some(*self)
    }
}

impl Answer for HistoryReport {
    fn outcome(&self) -> &'static str {
        match self.is_intact() {
            true => "ok",
            false => "faults",
        }
    }

    fn version(&self) -> Option<Version> {
        Some(self.latest)
    }
}

impl Answer for Option<ActorSnapshot> {
    fn outcome(&self) -> &'static str {
        "ok"
    }

    fn version(&self) -> Option<Version> {
        self.as_ref().map(ActorSnapshot::version)
    }
}

/// Sets an attribute; one is looked for by its name, which is for nothing where nobody listens.
fn record(span: &Span, name: &'static str, value: impl Value) {
    if !span.is_disabled() {
        span.record(name, value);
    }
}

/// The kind of an error as the conventions write it.
fn error_type(kind: StoreErrorKind) -> &'static str {
    match kind {
        StoreErrorKind::VersionConflict => "version_conflict",
        StoreErrorKind::InvalidEvent => "invalid_event",
        StoreErrorKind::EventMismatch => "event_mismatch",
        StoreErrorKind::TooLarge => "too_large",
        StoreErrorKind::Malformed => "malformed",
        StoreErrorKind::HistoryTruncated => "history_truncated",
        StoreErrorKind::HistoryRegressed => "history_regressed",
        StoreErrorKind::Indeterminate => "indeterminate",
        StoreErrorKind::PositionLost => "position_lost",
        StoreErrorKind::Misconfigured => "misconfigured",
        StoreErrorKind::PermissionDenied => "permission_denied",
        StoreErrorKind::Unavailable => "unavailable",
        StoreErrorKind::Closed => "closed",
        _ => "_OTHER", // the conventions' name for what has none
    }
}
