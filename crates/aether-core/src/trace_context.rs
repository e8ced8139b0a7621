//! The trace that something belongs to: W3C Trace Context, which goes with it in headers.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::Event;

/// The most members of a `tracestate`.
const STATE_MEMBERS_MAX: usize = 32;
/// The most bytes of a member's key, and of its value.
const STATE_PART_BYTES_MAX: usize = 256;
/// The one flag that every version knows: the caller may have recorded the trace.
const SAMPLED: u8 = 1;

/// The span that something was made in, by [W3C Trace Context, level 1][spec]: what the headers
/// `traceparent` and `tracestate` say.
///
/// ```
/// use aether_core::TraceContext;
///
/// let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let context: TraceContext = text.parse()?;
/// assert_eq!(context.to_string(), text);
/// assert!(context.is_sampled());
///
/// // The same from ids, with what the vendors of the trace want to be passed on.
/// let (trace_id, span_id) = (0x4bf92f3577b34da6a3ce929d0e0e4736, 0x00f067aa0ba902b7);
/// let same = TraceContext::new(trace_id, span_id, 1)?;
/// assert_eq!(same, context);
/// assert_eq!(same.with_state("vendor=a1b2")?.state(), Some("vendor=a1b2"));
/// # Ok::<(), aether_core::InvalidTraceContext>(())
/// ```
///
/// [spec]: https://www.w3.org/TR/trace-context-1/
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
    flags: u8,
    state: Option<String>,
}

/// Why something is not a trace context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTraceContext {
    /// It is not `<version>-<trace id>-<span id>-<flags>` in lower-case hexadecimal digits.
    #[error("a traceparent is 00-<32 digits>-<16 digits>-<2 digits>, in lower-case hexadecimal")]
    Form,
    /// An id is zero, which stands for none.
    #[error("a trace id and a span id are not zero")]
    ZeroId,
    /// The state is not a list of at most 32 `key=value`, in the characters that are allowed.
    #[error("a tracestate is at most 32 different key=value, separated by commas")]
    State,
}

impl TraceContext {
    /// The span with this id in the trace with this id. Bit 0 of the flags says that it is
    /// sampled.
    ///
    /// # Errors
    ///
    /// [`InvalidTraceContext::ZeroId`] where an id is zero.
    pub fn new(trace_id: u128, span_id: u64, flags: u8) -> Result<Self, InvalidTraceContext> {
        if trace_id == 0 || span_id == 0 {
            return Err(InvalidTraceContext::ZeroId);
        }
        Ok(Self {
            trace_id,
            span_id,
            flags,
            state: None,
        })
    }

    /// The span that an event says it was made in, by its metadata
    /// ([`TRACE_ID`](crate::Metadata::TRACE_ID), [`SPAN_ID`](crate::Metadata::SPAN_ID)), as a sampled one; none where
    /// they have no such ids.
    #[must_use]
    pub fn of_event(event: &Event) -> Option<Self> {
        let metadata = event.metadata();
        let (trace_id, span_id) = (metadata.trace_id()?, metadata.span_id()?);
        format!("00-{trace_id}-{span_id}-01").parse().ok()
    }

    /// The same with this `tracestate`; none where it is empty.
    ///
    /// # Errors
    ///
    /// [`InvalidTraceContext::State`] where it is not a list of at most 32 members `key=value`
    /// with different keys. The specification says to go on without it then.
    pub fn with_state(mut self, state: &str) -> Result<Self, InvalidTraceContext> {
        let members = || state.split(',').map(|one| one.trim_matches([' ', '\t']));
        let members = members().filter(|member| !member.is_empty());
        let mut keys = Vec::new();
        for member in members {
            let (key, value) = member.split_once('=').ok_or(InvalidTraceContext::State)?;
            if !is_key(key) || !is_value(value) || keys.contains(&key) {
                return Err(InvalidTraceContext::State);
            }
            keys.push(key);
        }
        if keys.len() > STATE_MEMBERS_MAX {
            return Err(InvalidTraceContext::State);
        }
        self.state = (!keys.is_empty()).then(|| state.to_owned());
        Ok(self)
    }

    /// The `tracestate`; none where there is none.
    #[must_use]
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// The trace's id.
    #[must_use]
    pub fn trace_id(&self) -> u128 {
        self.trace_id
    }

    /// The span's id.
    #[must_use]
    pub fn span_id(&self) -> u64 {
        self.span_id
    }

    /// Whether the span may have been recorded.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }
}

/// The `traceparent`.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            trace_id,
            span_id,
            flags,
            state: _,
        } = self;
        write!(f, "00-{trace_id:032x}-{span_id:016x}-{flags:02x}")
    }
}

/// Reads a `traceparent`. Of a version above 0 it takes what version 0 knows.
impl FromStr for TraceContext {
    type Err = InvalidTraceContext;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('-');
        let mut part = |digits| {
            let part = parts.next().filter(|part| is_hex(part, digits));
            part.ok_or(InvalidTraceContext::Form)
        };
        let (version, trace_id) = (part(2)?, part(32)?);
        let (span_id, flags) = (part(16)?, part(2)?);
        let has_more = parts.next().is_some();
        let form = |_| InvalidTraceContext::Form;
        let trace_id = u128::from_str_radix(trace_id, 16).map_err(form)?;
        let span_id = u64::from_str_radix(span_id, 16).map_err(form)?;
        let flags = u8::from_str_radix(flags, 16).map_err(form)?;
        match version {
            "ff" => Err(InvalidTraceContext::Form),
            "00" if has_more => Err(InvalidTraceContext::Form),
            "00" => Self::new(trace_id, span_id, flags),
            _ => Self::new(trace_id, span_id, flags & SAMPLED),
        }
    }
}

fn is_hex(text: &str, digits: usize) -> bool {
    let is_digit = |b| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    text.len() == digits && text.bytes().all(is_digit)
}

/// `key` or `tenant@system`.
fn is_key(key: &str) -> bool {
    let is_lower = |b: u8| b.is_ascii_lowercase();
    let is_part = |b: u8| is_lower(b) || b.is_ascii_digit() || b"_-*/".contains(&b);
    let begins = |part: &str, with: fn(u8) -> bool| part.bytes().next().is_some_and(with);
    let is_all = |part: &str| part.bytes().all(is_part);
    match key.split_once('@') {
        None => {
            key.len() <= STATE_PART_BYTES_MAX
                && begins(key, |b| b.is_ascii_lowercase())
                && is_all(key)
        }
        Some((tenant, system)) => {
            let begins_tenant = begins(tenant, |b| b.is_ascii_lowercase() || b.is_ascii_digit());
            let begins_system = begins(system, |b| b.is_ascii_lowercase());
            (tenant.len() <= 241 && begins_tenant && is_all(tenant))
                && (system.len() <= 14 && begins_system && is_all(system))
        }
    }
}

/// Printable ASCII without `,` and `=`.
fn is_value(value: &str) -> bool {
    let is_allowed = |b| matches!(b, b' '..=b'~') && b != b',' && b != b'=';
    (1..=STATE_PART_BYTES_MAX).contains(&value.len()) && value.bytes().all(is_allowed)
}

/// Says in which trace the caller is now: what stores and buses ask for what goes into the headers.
#[derive(Clone)]
pub struct TraceSource(Arc<dyn Fn() -> Option<TraceContext> + Send + Sync>);

impl TraceSource {
    /// Asks this, each time.
    pub fn new(source: impl Fn() -> Option<TraceContext> + Send + Sync + 'static) -> Self {
        Self(Arc::new(source))
    }

    /// The trace that the caller is in, where he is in one.
    #[must_use]
    pub fn current(&self) -> Option<TraceContext> {
        (self.0)()
    }
}

impl fmt::Debug for TraceSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TraceSource")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{ActorId, EventDraft, Metadata, Version};

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn context() -> TraceContext {
        PARENT.parse().unwrap()
    }

    #[test]
    fn a_traceparent_is_read_and_written() {
        let context = context();
        assert_eq!(context.to_string(), PARENT);
        assert_eq!(context.trace_id() >> 96, 0x4bf9_2f35);
        assert_eq!(context.span_id(), 0x00f0_67aa_0ba9_02b7);
        assert!(context.is_sampled());
        let unsampled: TraceContext = PARENT.replace("-01", "-00").parse().unwrap();
        assert!(!unsampled.is_sampled());
    }

    #[test]
    fn what_is_no_traceparent_is_refused() {
        let refused = [
            "",
            "00",
            &PARENT[..54],
            &PARENT.to_uppercase(),
            &PARENT.replace("00-4b", "ff-4b"),
            &PARENT.replace("4bf9", "4bg9"),
            &PARENT.replace("-01", "-1"),
            &PARENT.replace("-01", "-+1"),
            &format!(" {PARENT}"),
            &format!("{PARENT}-more"),
            &PARENT.replace('-', "_"),
        ];
        for text in refused {
            let refused = text.parse::<TraceContext>();
            assert_eq!(refused, Err(InvalidTraceContext::Form), "{text:?}");
        }
        let zeros = [
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        ];
        for text in zeros {
            let refused = text.parse::<TraceContext>();
            assert_eq!(refused, Err(InvalidTraceContext::ZeroId), "{text:?}");
        }
    }

    #[test]
    fn of_a_later_version_only_what_is_known_is_taken() {
        let later = format!("{}-of-tomorrow", PARENT.replace("00-4b", "cc-4b"));
        assert_eq!(later.parse(), Ok(context()));
        let flags = PARENT.replace("00-4b", "cc-4b").replace("-01", "-ff");
        assert_eq!(flags.parse(), Ok(context()));
    }

    #[test]
    fn a_tracestate_is_taken_as_it_is() {
        let many: Vec<String> = (0..32).map(|n| format!("k{n}=v")).collect();
        let taken = [
            "congo=t61rcWkgMzE",
            "rojo=00f067aa0ba902b7, congo=t61rcWkgMzE",
            "1tenant@vendor=a b!",
            "a=1,,b=2",
            &many.join(","),
        ];
        for state in taken {
            assert_eq!(context().with_state(state).unwrap().state(), Some(state));
        }
        for none in ["", " ", ",,"] {
            assert_eq!(context().with_state(none).unwrap().state(), None);
        }
    }

    #[test]
    fn what_is_no_tracestate_is_refused() {
        let many: Vec<String> = (0..33).map(|n| format!("k{n}=v")).collect();
        let long = format!("a={}", "x".repeat(257));
        let refused = [
            "a",
            "=1",
            "a=",
            "A=1",
            "1a=1",
            "a=1=2",
            "a=1,a=2",
            "a=ü",
            "a=1\r\nb: 2",
            "@a=1",
            "a@=1",
            "a@1=1",
            &long,
            &many.join(","),
        ];
        for state in refused {
            let refused = context().with_state(state);
            assert_eq!(refused, Err(InvalidTraceContext::State), "{state:?}");
        }
    }

    #[test]
    fn an_event_says_the_span_that_it_was_made_in() {
        let event = |trace_id: &str, span_id: &str| {
            let actor_id = ActorId::new("order-1").unwrap();
            let draft = EventDraft::new(&actor_id, "Placed", &()).unwrap();
            let draft = draft.metadata(Metadata::TRACE_ID, trace_id).unwrap();
            let draft = draft.metadata(Metadata::SPAN_ID, span_id).unwrap();
            draft.at(Version::FIRST).unwrap()
        };
        let (trace_id, span_id) = (&PARENT[3..35], &PARENT[36..52]);
        let context = Some(context());
        assert_eq!(TraceContext::of_event(&event(trace_id, span_id)), context);
        let zeros = &"0".repeat(32);
        for (trace_id, span_id) in [
            (zeros.as_str(), span_id),
            (trace_id, &zeros[..16]),
            (&trace_id[1..], span_id),
            (trace_id, &span_id.to_uppercase()),
            (trace_id, "00f067aa-ba902b7"),
        ] {
            let of_event = TraceContext::of_event(&event(trace_id, span_id));
            assert_eq!(of_event, None, "{trace_id} {span_id}");
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_back(trace_id in 1u128.., span_id in 1u64.., flags: u8) {
            let context = TraceContext::new(trace_id, span_id, flags).unwrap();
            prop_assert_eq!(context.to_string().parse(), Ok(context));
        }

        #[test]
        fn no_text_panics(text: String) {
            text.parse::<TraceContext>().ok();
            context().with_state(&text).ok();
        }
    }
}
