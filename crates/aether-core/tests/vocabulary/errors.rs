//! What a store's errors answer: which sort, whether to try again, what caused it, what to say.

use std::error::Error;
use std::io;

use aether_core::{
    BoxError, Commit, EventMismatch, ExpectedVersion, Indeterminate, InvalidText, Payload,
    PayloadError, Position, ReplayError, StoreError, StoreErrorKind, VersionConflictError,
    WireError, WireForm,
};

use crate::{actor, event, version};

fn broken_pipe() -> BoxError {
    io::Error::from(io::ErrorKind::BrokenPipe).into()
}

fn conflict() -> VersionConflictError {
    VersionConflictError::new(
        actor("order-1"),
        version(3),
        version(5),
        ExpectedVersion::Older,
    )
}

fn replay_error() -> ReplayError {
    ReplayError {
        position: Position::new(1, 42, 0),
        reason: "not an event".into(),
        raw: b"\xc1\"text\"\0"[..].into(),
    }
}

/// One of each kind: the error, its kind, whether the same call may succeed later, whether
/// something caused it, its text.
fn one_of_each() -> Vec<(StoreError, StoreErrorKind, bool, bool, &'static str)> {
    let not_a_number = Payload::encode("x").unwrap().decode::<u8>().unwrap_err();
    vec![
        (
            conflict().into(),
            StoreErrorKind::VersionConflict,
            false,
            false,
            r#"version conflict: actor "order-1" has version 5, cannot save version 3"#,
        ),
        (
            not_a_number.into(),
            StoreErrorKind::InvalidEvent,
            false,
            true,
            r#"the data is not what was asked for: wrong msgpack marker FixStr(1)"#,
        ),
        (
            EventMismatch {
                actor_id: actor("order-1"),
                version: version(3),
                event_id: event(3).id().clone(),
            }
            .into(),
            StoreErrorKind::EventMismatch,
            false,
            false,
            r#"actor "order-1" has event "e-3" at version 3 with other content"#,
        ),
        (
            StoreError::TooLarge {
                what: "the commit",
                bytes: 1_048_577,
                max: 1_048_576,
            },
            StoreErrorKind::TooLarge,
            false,
            false,
            "the commit has 1048577 bytes, the store takes at most 1048576",
        ),
        (
            replay_error().into(),
            StoreErrorKind::Malformed,
            false,
            false,
            r#"malformed at sequence 42: not an event (8 bytes: \xc1\"text\"\x00)"#,
        ),
        (
            StoreError::HistoryTruncated {
                actor_id: actor("order-1"),
                after: version(9),
            },
            StoreErrorKind::HistoryTruncated,
            false,
            false,
            r#"the history of actor "order-1" begins after version 9: what came before has expired or was removed"#,
        ),
        (
            StoreError::HistoryRegressed {
                actor_id: actor("order-1"),
                known: version(9),
                detail: "the stream was made anew".into(),
            },
            StoreErrorKind::HistoryRegressed,
            false,
            false,
            r#"the history of actor "order-1" went backwards from version 9: the stream was made anew"#,
        ),
        (
            Indeterminate {
                events: vec![event(3), event(4)],
                source: broken_pipe(),
            }
            .into(),
            StoreErrorKind::Indeterminate,
            true,
            true,
            r#"not known whether 2 event(s) of actor "order-1" from version 3 on were stored: broken pipe"#,
        ),
        (
            StoreError::PositionLost {
                position: Position::new(0xa, 42, 1),
                reason: "it is of another store".into(),
            },
            StoreErrorKind::PositionLost,
            false,
            false,
            "can't start from position p1-a-42-1-0: it is of another store",
        ),
        (
            StoreError::Misconfigured {
                what: "the retention of stream S".into(),
                found: "workqueue".into(),
                expected: "limits".into(),
            },
            StoreErrorKind::Misconfigured,
            false,
            false,
            "the retention of stream S is workqueue, it must be limits",
        ),
        (
            StoreError::PermissionDenied {
                action: "publish".into(),
                source: broken_pipe(),
            },
            StoreErrorKind::PermissionDenied,
            false,
            true,
            "not permitted to publish: broken pipe",
        ),
        (
            StoreError::Unavailable {
                action: "read".into(),
                source: broken_pipe(),
            },
            StoreErrorKind::Unavailable,
            true,
            true,
            "unavailable while trying to read: broken pipe",
        ),
        (
            StoreError::Closed,
            StoreErrorKind::Closed,
            false,
            false,
            "the store is closed",
        ),
    ]
}

#[test]
fn every_error_answers_which_sort_it_is_and_whether_to_try_again() {
    for (error, kind, retryable, _, text) in one_of_each() {
        assert_eq!(error.kind(), kind, "{text}");
        assert_eq!(error.is_retryable(), retryable, "{text}");
        assert_eq!(error.to_string(), text);
        assert_eq!(
            error.is_version_conflict(),
            kind == StoreErrorKind::VersionConflict
        );
    }
    let kinds: std::collections::HashSet<StoreErrorKind> = one_of_each()
        .into_iter()
        .map(|(_, kind, ..)| kind)
        .collect();
    assert_eq!(kinds.len(), 13, "one of each kind");
}

#[test]
fn every_error_that_was_caused_by_another_has_it_as_its_source() {
    for (error, _, _, caused, text) in one_of_each() {
        assert_eq!(error.source().is_some(), caused, "{text}");
    }
    let unavailable = StoreError::Unavailable {
        action: "read".into(),
        source: broken_pipe(),
    };
    let indeterminate = StoreError::from(Indeterminate {
        events: vec![event(1)],
        source: broken_pipe(),
    });
    for error in [unavailable, indeterminate] {
        let cause = error
            .source()
            .and_then(|source| source.downcast_ref::<io::Error>());
        assert_eq!(
            cause.map(io::Error::kind),
            Some(io::ErrorKind::BrokenPipe),
            "{error}"
        );
    }
}

#[test]
fn a_conflict_has_its_details() {
    let error = StoreError::from(conflict());
    assert_eq!(error.version_conflict(), Some(&conflict()));
    assert!(StoreError::Closed.version_conflict().is_none());
}

#[test]
fn a_save_whose_outcome_is_not_known_hands_back_its_events() {
    let events = vec![event(3), event(4)];
    let indeterminate = Indeterminate {
        events: events.clone(),
        source: broken_pipe(),
    };
    let text = indeterminate.to_string();
    assert!(
        text.contains(r#"actor "order-1" from version 3 on"#),
        "{text}"
    );
    // A store that forgot to say which events is no reason to panic.
    let nothing = Indeterminate {
        events: Vec::new(),
        source: "silence".into(),
    };
    let text = nothing.to_string();
    assert!(text.contains("0 event(s) of an unknown actor"), "{text}");
    let error = StoreError::from(indeterminate);
    assert_eq!(error.indeterminate_events(), Some(&events[..]));
    assert!(StoreError::Closed.indeterminate_events().is_none());
}

#[test]
fn what_is_refused_before_anything_is_sent_is_an_invalid_event() {
    let text: InvalidText = crate::ActorId::new("").unwrap_err();
    let payload: PayloadError = Payload::from_msgpack(vec![]).unwrap_err();
    let wire: WireError = WireForm::Json.decode_commit(b"").unwrap_err();
    let event = event(1).to_draft().at(version(0)).unwrap_err();
    let commit = Commit::events([]).unwrap_err();
    let texts = [
        text.to_string(),
        payload.to_string(),
        wire.to_string(),
        event.to_string(),
        commit.to_string(),
    ];
    let errors: [StoreError; 5] = [
        text.into(),
        payload.into(),
        wire.into(),
        event.into(),
        commit.into(),
    ];
    for (error, text) in errors.iter().zip(texts) {
        assert_eq!(error.kind(), StoreErrorKind::InvalidEvent);
        assert_eq!(
            error.to_string(),
            text,
            "the text of what was wrong, and nothing around it"
        );
    }
}

#[test]
fn the_bytes_of_something_malformed_are_shown_in_part_and_kept_whole() {
    let mut error = replay_error();
    error.raw = vec![b'x'; ReplayError::SHOWN_BYTES_MAX].into();
    let whole = "x".repeat(32);
    assert_eq!(
        error.to_string(),
        format!("malformed at sequence 42: not an event (32 bytes: {whole})")
    );
    error.raw = vec![b'x'; ReplayError::SHOWN_BYTES_MAX + 1].into();
    assert_eq!(
        error.to_string(),
        format!("malformed at sequence 42: not an event (33 bytes: {whole}…)")
    );
    assert_eq!(error.raw.len(), 33);
}
