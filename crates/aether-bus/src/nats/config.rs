//! How a bus on NATS is set up.

use std::time::Duration;

use aether_core::{TraceContext, TraceSource, WireForm};

use crate::CloudEvents;
use crate::nats::names::{Names, PREFIX_BYTES_MAX};

/// How a bus on NATS is set up. Nodes whose prefixes are the same are on one bus.
///
/// ```
/// use std::time::Duration;
///
/// use aether_bus::NatsBusConfig;
/// use aether_core::WireForm;
///
/// let config = NatsBusConfig::new("orders")?
///     .form(WireForm::Json)
///     .heartbeat(Duration::from_secs(2))?;
/// # Ok::<(), aether_bus::InvalidNatsBusConfig>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "it connects nothing by itself"]
pub struct NatsBusConfig {
    pub(crate) prefix: String,
    pub(crate) form: WireForm,
    pub(crate) heartbeat: Duration,
    pub(crate) tick: Duration,
    pub(crate) deadline: Duration,
    pub(crate) subjects_max: usize,
    pub(crate) cloud_events: Option<CloudEvents>,
    pub(crate) trace: Option<TraceSource>,
}

/// A setting that can't be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidNatsBusConfig {
    /// Subjects can't begin with it.
    #[error("a prefix is 1 to {PREFIX_BYTES_MAX} of A-Z a-z 0-9 _ -, not {prefix:?}")]
    Prefix {
        /// What was to be the prefix.
        prefix: String,
    },
    /// A time that is too short, or too long.
    #[error("{what} is from {min:?} to {max:?}, not {found:?}")]
    Time {
        /// Which one.
        what: &'static str,
        /// What it was to be.
        found: Duration,
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
}

impl NatsBusConfig {
    /// The prefix unless something else is said.
    pub const PREFIX_DEFAULT: &str = "aether-bus";
    /// How often a node says that it is there, unless something else is said.
    pub const HEARTBEAT_DEFAULT: Duration = Duration::from_secs(5);
    /// How soon the last number of a quiet subject is announced, unless something else is said.
    pub const ANNOUNCE_DEFAULT: Duration = Duration::from_secs(1);
    /// How long a call waits for the server, unless something else is said.
    pub const DEADLINE_DEFAULT: Duration = Duration::from_secs(10);
    /// The most pairs of namespace and event type of which a node keeps the numbers.
    pub const SUBJECTS_MAX: usize = 65_536;

    /// All subjects of the bus begin with this prefix: 1 to 40 of `A-Z a-z 0-9 _ -`.
    ///
    /// # Errors
    ///
    /// [`InvalidNatsBusConfig::Prefix`] where they can't.
    pub fn new(prefix: &str) -> Result<Self, InvalidNatsBusConfig> {
        if !Names::is_prefix(prefix) {
            let prefix = prefix.to_owned();
            return Err(InvalidNatsBusConfig::Prefix { prefix });
        }
        Ok(Self {
            prefix: prefix.to_owned(),
            form: WireForm::default(),
            heartbeat: Self::HEARTBEAT_DEFAULT,
            tick: Self::ANNOUNCE_DEFAULT,
            deadline: Self::DEADLINE_DEFAULT,
            subjects_max: Self::SUBJECTS_MAX,
            cloud_events: None,
            trace: None,
        })
    }

    /// The form in which events go out. Whatever its own is, a node reads both.
    pub fn form(mut self, form: WireForm) -> Self {
        self.form = form;
        self
    }

    /// How often this node says that it is there, from 10 ms to an hour. Others take it for dead,
    /// and tell their subscribers of a gap that nobody can count, when they have heard nothing for
    /// four times that.
    ///
    /// # Errors
    ///
    /// [`InvalidNatsBusConfig::Time`] where it is shorter, or longer.
    pub fn heartbeat(mut self, every: Duration) -> Result<Self, InvalidNatsBusConfig> {
        self.heartbeat = within("the heartbeat", every)?;
        Ok(self)
    }

    /// How soon it announces the last number of a subject on which it publishes nothing any more,
    /// from 10 ms to an hour: a last message that was lost shows after twice that. It is repeated,
    /// ever more rarely.
    ///
    /// # Errors
    ///
    /// [`InvalidNatsBusConfig::Time`] where it is shorter, or longer.
    pub fn announce(mut self, after: Duration) -> Result<Self, InvalidNatsBusConfig> {
        self.tick = within("the time before an announcement", after)?;
        Ok(self)
    }

    /// How long subscribing, and stopping, wait for the server, from 10 ms to an hour.
    ///
    /// # Errors
    ///
    /// [`InvalidNatsBusConfig::Time`] where it is shorter, or longer.
    pub fn deadline(mut self, deadline: Duration) -> Result<Self, InvalidNatsBusConfig> {
        self.deadline = within("the deadline", deadline)?;
        Ok(self)
    }

    /// Messages carry these headers, too: so others' tools can read what they are about.
    pub fn cloud_events(mut self, headers: CloudEvents) -> Self {
        self.cloud_events = Some(headers);
        self
    }

    /// Messages carry the trace in which they were published, in `traceparent` and `tracestate`
    /// ([W3C Trace Context](https://www.w3.org/TR/trace-context-1/)): what this says when an event
    /// is published, and where it says none, or nothing is set, what the event's metadata say
    /// ([`TraceContext::of_event`]). Subscribers find it in
    /// [`Published::trace_context`](crate::Published::trace_context).
    pub fn trace_context(
        mut self,
        current: impl Fn() -> Option<TraceContext> + Send + Sync + 'static,
    ) -> Self {
        self.trace = Some(TraceSource::new(current));
        self
    }
}

/// With the [default prefix](NatsBusConfig::PREFIX_DEFAULT).
impl Default for NatsBusConfig {
    fn default() -> Self {
        #[allow(clippy::expect_used, reason = "the default prefix is a valid one")]
        Self::new(Self::PREFIX_DEFAULT).expect("a valid prefix")
    }
}

fn within(what: &'static str, found: Duration) -> Result<Duration, InvalidNatsBusConfig> {
    let (min, max) = (Duration::from_millis(10), Duration::from_secs(3_600));
    match (min..=max).contains(&found) {
        true => Ok(found),
        false => Err(InvalidNatsBusConfig::Time {
            what,
            found,
            min,
            max,
        }),
    }
}
