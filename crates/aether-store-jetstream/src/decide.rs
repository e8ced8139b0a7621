//! What a publish came to: from what was answered and what was then seen to the next step.
//!
//! The rule is to conclude only from positive evidence. A refusal or a silence proves nothing
//! (an old leader refuses what the new one stores at the same time), so after anything but an
//! acknowledgement we look at the **slot**: the first message on the subject after the one that
//! the publish expected to be the last. Whatever is in the slot is there for ever (as long as nothing
//! expires, which is looked at before anything is sent again). What is not
//! there proves nothing either: whoever answered may not know of it yet.
//!
//! Pure functions, tested as tables; `save.rs` and `snapshot.rs` carry out what they say.

use async_nats::jetstream::ErrorCode;

use crate::errors::Fault;

/// What the server said to a publish, other than that it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nobody listened on the subject.
    Nobody,
    /// The subject's last message is another than the one expected (10071, 10164): so it was for
    /// whoever answered, who may be an old leader, or have answered an earlier copy of it.
    Sequence,
    /// Refused for a reason that is as true for every attempt: not permitted, too large for the
    /// stream, sealed, another stream.
    Never,
    /// Anything else: unavailable, a failed write, a silence, an answer that can't be read.
    Nothing,
}

impl Answer {
    pub(crate) fn of(fault: &Fault) -> Self {
        match fault {
            Fault::NoResponders => Self::Nobody,
            Fault::Denied(_) | Fault::Unsent => Self::Never,
            Fault::Refused(error) => match error.error_code() {
                ErrorCode::STREAM_WRONG_LAST_SEQUENCE
                | ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT => Self::Sequence,
                ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM
                | ErrorCode::STREAM_HEADER_EXCEEDS_MAXIMUM
                | ErrorCode::STREAM_NOT_MATCH
                | ErrorCode::STREAM_SEALED => Self::Never,
                _ => Self::Nothing,
            },
            Fault::TimedOut
            | Fault::Unheard(_)
            | Fault::Garbled(_)
            | Fault::Interrupted(_)
            | Fault::Unreadable { .. }
            | Fault::Closed => Self::Nothing,
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
    /// Something with versions that are not above those of the commit before: that one is gone and
    /// its versions were given to others, or somebody writes who does not ask to compare.
    Fallen { sequence: u64 },
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
    /// Nobody knows, and the server says that the commit before is not the last. See whether it
    /// is still there; where nothing else is proved, resend.
    Doubt,
    /// It will never be stored: the slot is taken by the message with this sequence, and one of the
    /// two should not be there.
    Contradicted { by: u64 },
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
        (_, Slot::Fallen { sequence }) => Step::Contradicted { by: sequence },
        (Answer::Never, Slot::Empty | Slot::Unseen | Slot::Gone) if first => Step::Refused,
        (Answer::Never, Slot::Empty | Slot::Unseen | Slot::Gone) => Step::Unknown,
        // Nobody got it, and there is nobody to get it.
        (Answer::Nobody, Slot::Gone) if first => Step::Refused,
        (Answer::Nobody | Answer::Nothing | Answer::Sequence, Slot::Gone) => Step::Unknown,
        (Answer::Sequence, Slot::Empty) => Step::Doubt,
        (Answer::Sequence, Slot::Unseen) => Step::Resend,
        (Answer::Nobody | Answer::Nothing, Slot::Empty | Slot::Unseen) => Step::Resend,
    }
}

/// What one answer showed at, or first after, the place of a commit that is known to have been
/// stored: whatever its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The commit.
    Commit,
    /// Another message, in its very place.
    Another,
    /// A later message: its place is empty, though who answered knows of later ones.
    Later { sequence: u64 },
    /// Nothing there or later.
    Nothing,
    /// It could not be looked at this time.
    Unseen,
}

/// What one answer said about the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamState {
    /// When the stream was made, in nanoseconds since 1970: its identity.
    pub(crate) created: u64,
    /// The sequence of its first message; one past the last where there is none.
    pub(crate) first: u64,
    /// The sequence of the last message that it ever had.
    pub(crate) last: u64,
    /// How many messages the actor's subject has.
    pub(crate) messages: u64,
    /// Whether it says that the message which was asked about was deleted.
    pub(crate) deleted: bool,
}

/// What is proved about a commit that is known to have been stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is there.
    Stands,
    /// It is gone, though the server knows of something as late: lost, deleted, or expired.
    Gone,
    /// The stream is another than the one that it was stored in.
    Remade,
    /// Nothing is proved: who answered may not know of it yet.
    Unknown,
}

/// Weighs whether the commit at the sequence `known` is still there. `created` is the identity of
/// the stream that it was stored in.
///
/// Each proof rests on *one* answer, because two may come from different servers: who knows of
/// something at or past the place knows of everything before it.
pub(crate) fn weigh(known: u64, created: u64, place: Place, state: Option<StreamState>) -> Verdict {
    match (place, state) {
        (_, Some(state)) if state.created > created => Verdict::Remade,
        (Place::Commit, _) => Verdict::Stands,
        // Whoever answered has slept since the stream was made.
        (_, Some(state)) if state.created < created => Verdict::Unknown,
        (Place::Another | Place::Later { .. }, _) => Verdict::Gone,
        // It says so; or what it first has is after it; or it has nothing of the actor's, though it
        // knows of something as late.
        (Place::Nothing | Place::Unseen, Some(state))
            if state.deleted
                || state.first > known
                || (state.last >= known && state.messages == 0) =>
        {
            Verdict::Gone
        }
        (Place::Nothing | Place::Unseen, _) => Verdict::Unknown,
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
    const FALLEN: Slot = Slot::Fallen { sequence: 7 };
    const CONTRADICTED: Step = Step::Contradicted { by: 7 };

    #[test]
    fn what_was_answered_and_seen_means_this() {
        use Answer::{Never, Nobody, Nothing, Sequence};
        use Slot::{Empty, Gone, Unseen};
        use Step::{Doubt, Refused, Resend, Unknown};
        // What was answered, what was seen, the step at the first attempt and at a later one.
        let table = [
            (Nothing, OURS, STORED, STORED),
            (Nothing, SAME, REPEATED, REPEATED),
            (Nothing, ANOTHERS, BEATEN, BEATEN),
            (Nothing, FALLEN, CONTRADICTED, CONTRADICTED),
            (Nothing, Empty, Resend, Resend),
            (Nothing, Unseen, Resend, Resend),
            (Nothing, Gone, Unknown, Unknown),
            (Sequence, OURS, STORED, STORED),
            (Sequence, SAME, REPEATED, REPEATED),
            (Sequence, ANOTHERS, BEATEN, BEATEN),
            (Sequence, FALLEN, CONTRADICTED, CONTRADICTED),
            (Sequence, Empty, Doubt, Doubt),
            (Sequence, Unseen, Resend, Resend),
            (Sequence, Gone, Unknown, Unknown),
            (Nobody, OURS, STORED, STORED),
            (Nobody, SAME, REPEATED, REPEATED),
            (Nobody, ANOTHERS, BEATEN, BEATEN),
            (Nobody, FALLEN, CONTRADICTED, CONTRADICTED),
            (Nobody, Empty, Resend, Resend),
            (Nobody, Unseen, Resend, Resend),
            (Nobody, Gone, Refused, Unknown),
            (Never, OURS, STORED, STORED),
            (Never, SAME, REPEATED, REPEATED),
            (Never, ANOTHERS, BEATEN, BEATEN),
            (Never, FALLEN, CONTRADICTED, CONTRADICTED),
            (Never, Empty, Refused, Unknown),
            (Never, Unseen, Refused, Unknown),
            (Never, Gone, Refused, Unknown),
        ];
        assert_eq!(table.len(), 4 * 7, "every answer with every slot");
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
        for code in [10071, 10164] {
            assert_eq!(refused(code), Answer::Sequence, "{code}");
        }
        for code in [10163, 10077, 10008, 10047, 10023, 10059, 503, 12345] {
            assert_eq!(refused(code), Answer::Nothing, "{code}");
        }
        for code in [10054, 10097, 10060, 10109] {
            assert_eq!(refused(code), Answer::Never, "{code}");
        }
        assert_eq!(Answer::of(&Fault::TimedOut), Answer::Nothing);
        assert_eq!(Answer::of(&Fault::Garbled(String::new())), Answer::Nothing);
        assert_eq!(Answer::of(&Fault::Closed), Answer::Nothing);
        assert_eq!(Answer::of(&Fault::Unheard(String::new())), Answer::Nothing);
        assert_eq!(Answer::of(&Fault::NoResponders), Answer::Nobody);
        assert_eq!(Answer::of(&Fault::Denied(String::new())), Answer::Never);
        assert_eq!(Answer::of(&Fault::Unsent), Answer::Never);
        // Whatever is said: without something in the slot it is never taken for a conflict.
        for slot in [Slot::Empty, Slot::Unseen] {
            for answer in [Answer::Sequence, Answer::Nothing, Answer::Nobody] {
                let step = decide(answer, slot, false);
                assert!(matches!(step, Step::Resend | Step::Doubt), "{answer:?}");
            }
        }
    }

    #[test]
    fn a_history_went_backwards_only_where_one_answer_proves_it() {
        use Place::{Another, Commit, Nothing, Unseen};
        use Verdict::{Gone, Remade, Stands, Unknown};
        const LATER: Place = Place::Later { sequence: 60 };
        let state = |created, first, last, messages| {
            Some(StreamState {
                created,
                first,
                last,
                messages,
                deleted: false,
            })
        };
        let deleted = Some(StreamState {
            created: 9,
            first: 1,
            last: 50,
            messages: 2,
            deleted: true,
        });
        // Of the commit with sequence 50 in the stream that was made at 9.
        let table = [
            (Commit, None, Stands),
            (Another, None, Gone),
            (LATER, None, Gone),
            (Nothing, None, Unknown),
            (Unseen, None, Unknown),
            // An old leader knows of less, and has no right to say anything.
            (Nothing, state(9, 1, 49, 3), Unknown),
            (Nothing, state(9, 1, 49, 0), Unknown),
            (Nothing, state(9, 50, 49, 0), Unknown), // … and has nothing at all
            (Unseen, state(9, 1, 49, 0), Unknown),
            // It knows of as much, and the actor has messages there: which, it does not say.
            (Nothing, state(9, 1, 50, 1), Unknown),
            (Unseen, state(9, 1, 80, 1), Unknown),
            (Commit, state(9, 1, 80, 1), Stands),
            // It knows of as much, and has nothing of the actor's.
            (Nothing, state(9, 1, 50, 0), Gone),
            (Unseen, state(9, 1, 80, 0), Gone),
            (Nothing, deleted, Gone),
            (Unseen, deleted, Gone),
            // Everything up to it was removed.
            (Nothing, state(9, 51, 50, 0), Gone),
            (Unseen, state(9, 60, 80, 1), Gone),
            (LATER, state(9, 1, 80, 1), Gone),
            (Another, state(9, 1, 80, 1), Gone),
            // Another stream, whatever is in it.
            (Commit, state(10, 1, 80, 1), Remade),
            (Another, state(10, 1, 80, 1), Remade),
            (LATER, state(10, 1, 80, 1), Remade),
            (Nothing, state(10, 1, 0, 0), Remade),
            (Unseen, state(10, 1, 0, 0), Remade),
            // Who has slept since the stream was made knows nothing of this one.
            (Commit, state(8, 1, 80, 1), Stands),
            (Another, state(8, 1, 80, 1), Unknown),
            (LATER, state(8, 1, 80, 0), Unknown),
            (Nothing, state(8, 60, 80, 0), Unknown),
            (Unseen, state(8, 1, 80, 0), Unknown),
        ];
        for (place, state, verdict) in table {
            assert_eq!(weigh(50, 9, place, state), verdict, "{place:?} {state:?}");
        }
    }
}
