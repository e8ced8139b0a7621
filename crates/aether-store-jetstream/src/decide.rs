//! What a publish came to: from what was answered and what was then seen to the next step.
//!
//! The rule is to conclude only from positive evidence. A refusal or a silence proves nothing
//! (an old leader refuses what the new one stores at the same time), so after anything but an
//! acknowledgement we look at the **slot**: the first message on the subject after the one that
//! the publish expected to be the last. Whatever is in the slot is there for ever.
//!
//! A pure function, tested as a table; `save.rs` and `snapshot.rs` carry out what it says.

use async_nats::jetstream::ErrorCode;

use crate::errors::Fault;

/// What the server said to a publish, other than that it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nobody listened on the subject.
    Nobody,
    /// Refused for a reason that is as true for every attempt: not permitted, too large for the
    /// stream, sealed, another stream.
    Never,
    /// Anything else: a wrong sequence (10071, 10164), unavailable, a failed write, a silence, an
    /// answer that can't be read.
    Nothing,
}

impl Answer {
    pub(crate) fn of(fault: &Fault) -> Self {
        match fault {
            Fault::NoResponders => Self::Nobody,
            Fault::Denied(_) => Self::Never,
            Fault::Refused(error) => match error.error_code() {
                ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM
                | ErrorCode::STREAM_HEADER_EXCEEDS_MAXIMUM
                | ErrorCode::STREAM_NOT_MATCH
                | ErrorCode::STREAM_SEALED => Self::Never,
                _ => Self::Nothing,
            },
            Fault::TimedOut | Fault::Garbled(_) | Fault::Closed => Self::Nothing,
        }
    }
}

/// What was seen in the slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// The very message that was published, with this sequence.
    Ours { sequence: u64 },
    /// The same events, stored by another append that was under way at the same time.
    Same { sequence: u64 },
    /// Something else, with this sequence.
    Anothers { sequence: u64 },
    /// Nothing, as far as the server that answered knows.
    Empty,
    /// It could not be looked at this time.
    Unseen,
    /// It can't be looked at: the stream is not there, or the connection was closed.
    Gone,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is stored, with this sequence.
    Stored { sequence: u64 },
    /// The same events are stored, with this sequence, and it will never be.
    Repeated { sequence: u64 },
    /// It will never be stored: the slot is taken by the message with this sequence.
    Beaten { by: u64 },
    /// Nobody knows: wait a little and publish the identical message again.
    Resend,
    /// It was not stored, and won't be.
    Refused,
    /// Nobody knows, and asking again will not help.
    Unknown,
}

/// The next step. `first` says that this was the first time that the message was sent, so that no
/// earlier copy of it can still be on its way.
pub(crate) fn decide(answer: Answer, slot: Slot, first: bool) -> Step {
    match (answer, slot) {
        (_, Slot::Ours { sequence }) => Step::Stored { sequence },
        (_, Slot::Same { sequence }) => Step::Repeated { sequence },
        (_, Slot::Anothers { sequence }) => Step::Beaten { by: sequence },
        (Answer::Never, Slot::Empty | Slot::Unseen | Slot::Gone) if first => Step::Refused,
        (Answer::Never, Slot::Empty | Slot::Unseen | Slot::Gone) => Step::Unknown,
        // Nobody got it, and there is nobody to get it.
        (Answer::Nobody, Slot::Gone) if first => Step::Refused,
        (Answer::Nobody | Answer::Nothing, Slot::Gone) => Step::Unknown,
        (Answer::Nobody | Answer::Nothing, Slot::Empty | Slot::Unseen) => Step::Resend,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: Slot = Slot::Ours { sequence: 7 };
    const SAME: Slot = Slot::Same { sequence: 7 };
    const ANOTHERS: Slot = Slot::Anothers { sequence: 7 };
    const STORED: Step = Step::Stored { sequence: 7 };
    const REPEATED: Step = Step::Repeated { sequence: 7 };
    const BEATEN: Step = Step::Beaten { by: 7 };

    #[test]
    fn what_was_answered_and_seen_means_this() {
        use Answer::{Never, Nobody, Nothing};
        use Slot::{Empty, Gone, Unseen};
        use Step::{Refused, Resend, Unknown};
        // What was answered, what was seen, the step at the first attempt and at a later one.
        let table = [
            (Nothing, OURS, STORED, STORED),
            (Nothing, SAME, REPEATED, REPEATED),
            (Nothing, ANOTHERS, BEATEN, BEATEN),
            (Nothing, Empty, Resend, Resend),
            (Nothing, Unseen, Resend, Resend),
            (Nothing, Gone, Unknown, Unknown),
            (Nobody, OURS, STORED, STORED),
            (Nobody, SAME, REPEATED, REPEATED),
            (Nobody, ANOTHERS, BEATEN, BEATEN),
            (Nobody, Empty, Resend, Resend),
            (Nobody, Unseen, Resend, Resend),
            (Nobody, Gone, Refused, Unknown),
            (Never, OURS, STORED, STORED),
            (Never, SAME, REPEATED, REPEATED),
            (Never, ANOTHERS, BEATEN, BEATEN),
            (Never, Empty, Refused, Unknown),
            (Never, Unseen, Refused, Unknown),
            (Never, Gone, Refused, Unknown),
        ];
        for (answer, slot, first, later) in table {
            assert_eq!(
                decide(answer, slot, true),
                first,
                "{answer:?} {slot:?}, first"
            );
            assert_eq!(
                decide(answer, slot, false),
                later,
                "{answer:?} {slot:?}, later"
            );
        }
    }

    #[test]
    fn a_refusal_by_sequence_is_no_more_than_a_silence() {
        let refused = |code: u64| {
            let json = format!(r#"{{"code":400,"err_code":{code},"description":"no"}}"#);
            Answer::of(&Fault::Refused(serde_json::from_str(&json).unwrap()))
        };
        for code in [
            10071, 10164, 10163, 10077, 10008, 10047, 10023, 10059, 503, 12345,
        ] {
            assert_eq!(refused(code), Answer::Nothing, "{code}");
        }
        for code in [10054, 10097, 10060, 10109] {
            assert_eq!(refused(code), Answer::Never, "{code}");
        }
        assert_eq!(Answer::of(&Fault::TimedOut), Answer::Nothing);
        assert_eq!(Answer::of(&Fault::Garbled(String::new())), Answer::Nothing);
        assert_eq!(Answer::of(&Fault::Closed), Answer::Nothing);
        assert_eq!(Answer::of(&Fault::NoResponders), Answer::Nobody);
        assert_eq!(Answer::of(&Fault::Denied(String::new())), Answer::Never);
    }
}
