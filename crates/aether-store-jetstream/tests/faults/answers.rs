//! Answers that are not the truth: lost, outdated, forged, or hiding damage.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use aether_core::{
    EventDraft, EventStore as _, EventStoreExt as _, StoreError, StoreErrorKind as Kind, Version,
    WireForm,
};

use aether_store_jetstream::{HistoryFault, HistoryFaultKind};

use crate::SECOND;
use crate::stored::{headers, put};
use crate::support::behind::{Behind, behind_a_proxy, created};
use crate::support::books::messages;
use crate::support::proxy::Action;
use crate::support::{actor, event};

/// Does this to the first `count` commits; gives how many commits there were.
fn on_commits(behind: &Behind, count: usize, action: fn() -> Action) -> Arc<AtomicUsize> {
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = seen.clone();
    behind.proxy.rule(move |published| {
        if published.is_commit() && counted.fetch_add(1, Ordering::SeqCst) < count {
            action()
        } else {
            Action::Pass
        }
    });
    seen
}

#[tokio::test]
async fn a_commit_that_was_lost_on_its_way_is_sent_again() {
    let behind = behind_a_proxy("lost", 10 * SECOND).await;
    let id = actor("order-1");
    let sent = on_commits(&behind, 2, || Action::Lose);
    let draft = EventDraft::new(&id, "Drafted", &()).unwrap();
    let events = behind.store.append_next([draft]).await.unwrap();
    assert_eq!(sent.load(Ordering::SeqCst), 3);
    assert_eq!(
        behind.direct.get_events(&id, Version::ZERO).await.unwrap(),
        events
    );
    assert_eq!(messages(&behind.direct).await, 1);
}

#[tokio::test]
async fn an_acknowledgement_that_can_not_be_ours_is_not_believed() {
    let behind = behind_a_proxy("forged", 10 * SECOND).await;
    let id = actor("order-1");
    let forgeries: [fn() -> Action; 4] = [
        || Action::Answer(r#"{"stream":"another","seq":99}"#.into()),
        || Action::Answer(r#"{"stream":"another","seq":99,"duplicate":true}"#.into()),
        || Action::Answer("+OK".into()),
        || Action::Answer(String::new()),
    ];
    for (version, forgery) in (1..).zip(forgeries) {
        let sent = on_commits(&behind, 1, forgery);
        let event = event(&id, version);
        let appended = behind.store.save_event(event.clone()).await.unwrap();
        assert!(!appended.was_repeated());
        assert_eq!(appended.position().sequence(), u64::from(version));
        assert_eq!(sent.load(Ordering::SeqCst), 2);
        let stored = behind.direct.get_events(&id, version.into()).await.unwrap();
        assert_eq!(stored, [event]);
    }
}

#[tokio::test]
async fn refusals_that_prove_nothing_are_not_taken_for_an_answer() {
    let behind = behind_a_proxy("refused", 10 * SECOND).await;
    let id = actor("order-1");
    let refusals: [fn() -> Action; 4] = [
        || refusal(10071, "wrong last sequence: 7"),
        || refusal(10164, "wrong last sequence"),
        || refusal(10077, "no space left on device"),
        || refusal(10008, "JetStream system temporarily unavailable"),
    ];
    for (version, refuse) in (1..).zip(refusals) {
        let sent = on_commits(&behind, 2, refuse);
        behind.store.save_event(event(&id, version)).await.unwrap();
        assert_eq!(sent.load(Ordering::SeqCst), 3);
    }
    assert_eq!(messages(&behind.direct).await, 4);
}

fn refusal(code: u32, text: &str) -> Action {
    Action::Answer(format!(
        r#"{{"error":{{"code":400,"err_code":{code},"description":"{text}"}},"stream":"x","seq":0}}"#
    ))
}

#[tokio::test]
async fn an_outdated_last_message_is_asked_for_again_once_a_newer_one_was_seen() {
    let behind = behind_a_proxy("outdated", 10 * SECOND).await;
    let id = actor("order-1");
    for version in [1, 2] {
        behind.direct.save_event(event(&id, version)).await.unwrap();
    }
    // As an old leader answers: the last message was the first, for the next five times.
    let (mut asked, sent) = (0, Arc::new(AtomicUsize::new(0)));
    let counted = sent.clone();
    behind.proxy.rule(move |published| {
        counted.fetch_add(usize::from(published.is_commit()), Ordering::SeqCst);
        asked += usize::from(published.asks_for_last());
        if published.asks_for_last() && asked <= 5 {
            Action::Replace(r#"{"seq":1}"#.into())
        } else {
            Action::Pass
        }
    });
    let appended = behind.store.save_event(event(&id, 3)).await.unwrap();
    assert_eq!(appended.position().sequence(), 3);
    // Refused once, and not tried again before what was in the way was read.
    assert_eq!(sent.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_last_message_that_the_server_cannot_find_is_not_an_empty_history() {
    let behind = behind_a_proxy("damaged", SECOND).await;
    let id = actor("order-1");
    behind.direct.save_event(event(&id, 1)).await.unwrap();
    // As a server answers whose last message is damaged on disk: not found.
    behind.proxy.rule(|published| {
        if published.asks_for_last() {
            Action::Replace(r#"{"last_by_subj":"nothing.is.here"}"#.into())
        } else {
            Action::Pass
        }
    });
    let store = &behind.store;
    let errors = [
        store.save_event(event(&id, 2)).await.unwrap_err(),
        store.latest_version(&id).await.unwrap_err(),
        store.get_events(&id, Version::ZERO).await.unwrap_err(),
        // Refused by the server, because here the message is not damaged.
        store.save_event(event(&id, 1)).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), Kind::Malformed, "{error}");
        assert!(matches!(error, StoreError::Malformed(e) if e.reason.contains("counts 1")));
    }
    assert_eq!(messages(&behind.direct).await, 1);
    // An actor that has no events has none.
    assert_eq!(
        behind
            .store
            .latest_version(&actor("order-2"))
            .await
            .unwrap(),
        Version::ZERO
    );
}

/// An old leader shows an actor's past to who remembers nothing; who counted knows better.
#[tokio::test]
async fn a_last_message_that_is_older_than_the_count_is_not_the_end_of_the_history() {
    let behind = behind_a_proxy("older", 10 * SECOND).await;
    let id = actor("order-1");
    for version in 1..=5 {
        behind.direct.save_event(event(&id, version)).await.unwrap();
    }
    let older = || {
        let mut times = 2;
        behind.proxy.rule(move |published| {
            let old = published.asks_for_last() && times > 0;
            times -= u32::from(old);
            match old {
                true => Action::Replace(r#"{"seq":3}"#.into()),
                false => Action::Pass,
            }
        });
    };
    let store = behind.fresh_replicated().await;
    older();
    let events = store.get_events(&id, Version::ZERO).await.unwrap();
    assert_eq!(events.len(), 5);
    let store = behind.fresh_replicated().await;
    older();
    let report = store.verify(&id).await.unwrap();
    assert!(report.is_intact() && report.events == 5, "{report:?}");
}

/// The same from a later version on, where nothing tells how many commits there should be.
#[tokio::test]
async fn an_old_leaders_last_message_is_not_the_end_for_who_asks_for_later_versions() {
    // In front of what the old leader shows, just that, and behind it.
    for from in [4, 6, 7, 8] {
        let behind = behind_a_proxy("older-later", 10 * SECOND).await;
        let id = actor("order-1");
        let expected = (9 - from) as usize;
        for version in 1..=8 {
            behind.direct.save_event(event(&id, version)).await.unwrap();
        }
        let outdate = || {
            let mut is_old = true;
            behind.proxy.rule(move |published| {
                match published.asks_for_last() && std::mem::take(&mut is_old) {
                    true => Action::Replace(r#"{"seq":6}"#.into()),
                    false => Action::Pass,
                }
            });
        };
        let store = behind.fresh_replicated().await;
        outdate();
        let events = store.get_events(&id, from.into()).await.unwrap();
        assert_eq!(events.len(), expected, "from {from}");
        // Who remembers an older commit.
        let warm = behind.fresh_replicated().await;
        behind
            .proxy
            .rule(|published| match published.asks_for_last() {
                true => Action::Replace(r#"{"seq":5}"#.into()),
                false => Action::Pass,
            });
        assert_eq!(warm.latest_version(&id).await.unwrap(), 5.into());
        outdate();
        let events = warm.get_events(&id, from.into()).await.unwrap();
        assert_eq!(events.len(), expected, "from {from}, warm");
    }
}

/// A server that slept through the end of an earlier stream counts what that one had.
#[tokio::test]
async fn a_count_of_an_earlier_stream_does_not_make_a_history_whole() {
    let behind = behind_a_proxy("earlier-count", 10 * SECOND).await;
    let id = actor("order-1");
    for version in 1..=5 {
        behind.direct.save_event(event(&id, version)).await.unwrap();
    }
    let store = behind.fresh_replicated().await;
    let subject = store.events_subject(&id);
    let state = format!(r#"{{"first_seq":1,"last_seq":3,"subjects":{{"{subject}":3}}}}"#);
    let earlier = format!(r#"{{"created":"2020-01-01T00:00:00Z","state":{state}}}"#);
    // Asked what the stream is, then how many there are; and for the last of them.
    let (mut infos, mut lasts) = (0, 0);
    behind.proxy.rule(move |published| {
        let is_info = published.subject.contains("STREAM.INFO");
        infos += u32::from(is_info);
        lasts += u32::from(published.asks_for_last());
        match (is_info, published.asks_for_last()) {
            (true, _) if infos <= 2 => Action::Answer(earlier.clone()),
            (_, true) if lasts == 1 => Action::Replace(r#"{"seq":3}"#.into()),
            _ => Action::Pass,
        }
    });
    let events = store.get_events(&id, Version::ZERO).await.unwrap();
    assert_eq!(events.len(), 5);
}

#[tokio::test]
async fn nothing_found_by_an_old_leader_is_not_an_empty_history_where_some_were_counted() {
    let behind = behind_a_proxy("emptied", 10 * SECOND).await;
    let id = actor("order-1");
    behind.direct.save_event(event(&id, 1)).await.unwrap();
    let store = behind.fresh().await;
    let created = created(&behind.direct).await;
    let empty = format!(
        r#"{{"config":{{}},"created":"{created}","state":{{"first_seq":1,"last_seq":0}}}}"#
    );
    let nothing = r#"{"error":{"code":404,"err_code":10037,"description":"no message found"}}"#;
    // The messages are counted; then another server is asked, twice.
    let (mut lasts, mut infos) = (0, 0);
    behind.proxy.rule(move |published| {
        let is_info = published.subject.contains("STREAM.INFO");
        infos += u32::from(is_info && lasts > 0);
        if published.asks_for_last() {
            lasts += u32::from(published.subject.contains("MSG.GET"));
            match lasts {
                0..=2 => Action::Answer(nothing.to_owned()),
                _ => Action::Pass,
            }
        } else if is_info && (1..=2).contains(&infos) {
            Action::Answer(empty.clone())
        } else {
            Action::Pass
        }
    });
    let events = store.get_events(&id, Version::ZERO).await.unwrap();
    assert_eq!(events.len(), 1);
}

/// A server that slept while the stream was deleted and made: what it says of the stream is of the
/// one before.
#[tokio::test]
async fn an_answer_about_an_earlier_stream_does_not_end_the_use_of_this_one() {
    let behind = behind_a_proxy("slept", 10 * SECOND).await;
    let id = actor("order-1");
    behind.store.save_event(event(&id, 1)).await.unwrap();
    let earlier = r#"{"created":"2020-01-01T00:00:00Z","state":{"first_seq":1,"last_seq":9}}"#;
    let mut left = 3;
    behind.proxy.rule(move |published| {
        match published.subject.contains("STREAM.INFO") && left > 0 {
            true => {
                left -= 1;
                Action::Answer(earlier.to_owned())
            }
            false => Action::Pass,
        }
    });
    behind.proxy.cut();
    behind.store.save_event(event(&id, 2)).await.unwrap();
    let events = behind.store.get_events(&id, Version::ZERO).await.unwrap();
    assert_eq!(events.len(), 2);
    assert!(behind.store.verify(&id).await.unwrap().is_intact());
}

#[tokio::test]
async fn a_page_that_ends_early_is_not_the_end_of_the_history() {
    const COUNT: u32 = 60;
    let behind = behind_a_proxy("early", 10 * SECOND).await;
    let id = actor("order-1");
    for version in 1..=COUNT {
        behind.direct.save_event(event(&id, version)).await.unwrap();
    }
    // As a replica answers that has seen nothing yet, and then only a part.
    let mut asked = 0;
    behind.proxy.rule(move |published| {
        let body = String::from_utf8_lossy(&published.bytes);
        if !published.subject.contains("DIRECT.GET") || !body.contains("\"batch\"") {
            return Action::Pass;
        }
        asked += 1;
        let (from, to) = (published.bytes.iter(), b"}");
        let request: String = from
            .map(|b| char::from(*b))
            .filter(|c| !c.is_control())
            .collect();
        assert!(request.ends_with(char::from(to[0])), "{request}");
        match asked {
            1 | 3 => Action::Replace(request.replace("order-1\"", "nobody\"")),
            2 | 4 => Action::Replace(request.replacen("\"batch\":", "\"batch\":7,\"_\":", 1)),
            _ => Action::Pass,
        }
    });
    let events = behind.store.get_events(&id, Version::ZERO).await.unwrap();
    let versions: Vec<u64> = events.iter().map(|event| event.version().get()).collect();
    assert_eq!(versions, (1..=u64::from(COUNT)).collect::<Vec<_>>());
}

/// As where nobody may ask for pages and nobody says so, or a replica that is gone takes each.
#[tokio::test]
async fn a_history_of_which_no_page_ever_comes_is_read_message_by_message() {
    const COUNT: u32 = 300;
    let behind = behind_a_proxy("no-pages", SECOND).await;
    let id = actor("order-1");
    for version in 1..=COUNT {
        behind.direct.save_event(event(&id, version)).await.unwrap();
    }
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    behind.proxy.rule(move |published| {
        if published.subject.contains("DIRECT.GET") {
            counted.fetch_add(1, Ordering::SeqCst);
            Action::Lose
        } else {
            Action::Pass
        }
    });
    let events = behind.store.get_events(&id, Version::ZERO).await.unwrap();
    assert_eq!(events.len(), COUNT as usize);
    // The last message and the first, and pages after 1, 2, 4, … messages more, not after each.
    let asked = asked.load(Ordering::SeqCst);
    assert!((4..=11).contains(&asked), "{asked}");
}

/// As on a connection that breaks again and again for a while, in the middle of a page.
#[tokio::test]
async fn after_pages_that_broke_off_a_history_is_read_in_long_ones_again() {
    const COUNT: u32 = 1_500;
    /// Until one message is asked for at a time.
    const BROKEN: usize = 8;
    let behind = behind_a_proxy("broken-off", SECOND).await;
    let id = actor("order-1");
    for version in 1..=COUNT {
        behind.direct.save_event(event(&id, version)).await.unwrap();
    }
    let broken = Arc::new(Mutex::new(HashSet::new()));
    let breaking = broken.clone();
    behind.proxy.sift(move |frame| {
        let frame = String::from_utf8_lossy(frame);
        let is_second =
            frame.contains("Nats-Last-Sequence: ") && !frame.contains("Nats-Last-Sequence: 0\r\n");
        let inbox = frame.split(' ').nth(1).unwrap_or_default();
        let mut broken = breaking.lock().unwrap();
        !(is_second && broken.len() < BROKEN && broken.insert(inbox.to_owned()))
    });
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    behind.proxy.rule(move |published| {
        counted.fetch_add(1, Ordering::SeqCst);
        // Who may not make a consumer reads by pages.
        match published.subject.contains("CONSUMER.CREATE") {
            true => Action::Deny,
            false => Action::Pass,
        }
    });
    let events = behind.store.get_events(&id, Version::ZERO).await.unwrap();
    assert_eq!(events.len(), COUNT as usize);
    assert_eq!(broken.lock().unwrap().len(), BROKEN);
    // Pages of 1, 2, 3, … messages.
    let asked = asked.load(Ordering::SeqCst);
    assert!(asked < 150, "{asked} requests");
}

#[tokio::test]
async fn a_denied_read_of_a_history_is_said_at_once() {
    let behind = behind_a_proxy("denied", 10 * SECOND).await;
    let id = actor("order-1");
    for version in [1, 2] {
        behind.direct.save_event(event(&id, version)).await.unwrap();
    }
    behind.proxy.rule(|published| {
        if published.subject.contains("DIRECT.GET") {
            Action::Deny
        } else {
            Action::Pass
        }
    });
    let started = Instant::now();
    let read = behind.store.get_events(&id, Version::ZERO).await;
    let error = read.unwrap_err();
    assert_eq!(error.kind(), Kind::PermissionDenied, "{error}");
    assert!(started.elapsed() < SECOND, "it should not be tried again");
}

#[tokio::test]
async fn messages_that_are_counted_and_not_given_are_reported_after_the_last_event() {
    let behind = behind_a_proxy("uncounted", SECOND).await;
    let id = actor("order-1");
    // Written by a program that does not say what comes before.
    let events = [1, 2, 3].map(|version| event(&id, version));
    for (event, version) in events.iter().zip(1..) {
        let body = WireForm::MessagePack.encode_commit(std::slice::from_ref(event));
        put(
            &behind.direct,
            &id,
            headers(version, version),
            body.unwrap(),
        )
        .await;
    }
    // As a server answers that has four, one of them damaged.
    let subject = behind.store.events_subject(&id);
    let created = created(&behind.direct).await;
    behind.proxy.rule(move |published| {
        if published.subject.contains("STREAM.INFO") {
            let state = format!(r#"{{"first_seq":1,"last_seq":4,"subjects":{{"{subject}":4}}}}"#);
            Action::Answer(format!(r#"{{"created":"{created}","state":{state}}}"#))
        } else {
            Action::Pass
        }
    });
    let store = &behind.store;
    let read = store.get_events(&id, Version::ZERO).await.unwrap_err();
    let StoreError::Malformed(error) = read else {
        panic!("not malformed: {read}");
    };
    assert_eq!(error.position.sequence(), 3);
    assert!(error.reason.contains("counts 4"), "{}", error.reason);
    assert!(error.reason.contains("gives 3"), "{}", error.reason);
    // It may be one of those that are asked for.
    let later = store.get_events(&id, 2.into()).await.unwrap_err();
    assert_eq!(later.kind(), Kind::Malformed, "{later}");
    let lenient = store.get_events_with_errors(&id, Version::ZERO).await;
    let lenient = lenient.unwrap();
    assert_eq!(lenient.events, events);
    assert_eq!(lenient.errors, [*error]);
    // The tail alone says nothing about what is before it.
    let newest = store.get_events(&id, 3.into()).await.unwrap();
    assert_eq!(newest, events[2..]);
}

/// What is stored while it is read does not stand in for what is missing.
#[tokio::test]
async fn a_message_that_is_not_given_is_missed_though_others_write_all_the_while() {
    let behind = behind_a_proxy("meanwhile", SECOND).await;
    let id = actor("order-1");
    for version in 1..=20 {
        behind.direct.save_event(event(&id, version)).await.unwrap();
    }
    let subject = behind.store.events_subject(&id);
    let created = created(&behind.direct).await;
    let fresh = behind.fresh_replicated().await;
    let reader = behind.fresh_replicated().await;
    // One more is stored before each count; one is counted that is never given.
    let mut stored = 0;
    behind.proxy.rule(move |published| {
        if published.subject.contains("STREAM.INFO") {
            stored += 1;
            let counted = stored + 1;
            let state = format!(
                r#"{{"first_seq":1,"last_seq":{stored},"subjects":{{"{subject}":{counted}}}}}"#
            );
            Action::Answer(format!(r#"{{"created":"{created}","state":{state}}}"#))
        } else if published.asks_for_last() {
            Action::Replace(format!(r#"{{"seq":{stored}}}"#))
        } else {
            Action::Pass
        }
    });
    let read = reader.get_events(&id, Version::ZERO).await;
    assert_eq!(read.unwrap_err().kind(), Kind::Malformed);
    let report = fresh.verify(&id).await.unwrap();
    let uncounted = |fault: &HistoryFault| matches!(fault.kind, HistoryFaultKind::Uncounted { .. });
    assert!(report.faults.iter().any(uncounted), "{report:?}");
}

/// A replica may have lost what the others have.
#[tokio::test]
async fn what_one_replica_has_lost_is_read_from_the_leader() {
    let behind = behind_a_proxy("one-lost", SECOND).await;
    let id = actor("order-1");
    let mut events = Vec::new();
    for version in 1..=100 {
        events.push(event(&id, version));
        let saved = behind.direct.save_event(events[events.len() - 1].clone());
        saved.await.unwrap();
    }
    let reader = behind.fresh_replicated().await;
    // Each page begins behind the message that it is to begin with.
    let skipped = Arc::new(AtomicUsize::new(0));
    let skips = skipped.clone();
    behind.proxy.rule(move |published| {
        let asked = serde_json::from_slice::<serde_json::Value>(&published.bytes);
        match asked {
            Ok(mut asked) if asked["batch"].as_u64().is_some_and(|batch| batch > 1) => {
                skips.fetch_add(1, Ordering::SeqCst);
                asked["seq"] = (asked["seq"].as_u64().unwrap() + 1).into();
                Action::Replace(asked.to_string())
            }
            _ => Action::Pass,
        }
    });
    let read = reader.get_events(&id, Version::ZERO).await.unwrap();
    assert_eq!(read, events);
    assert!(skipped.load(Ordering::SeqCst) > 0, "no page was asked for");
    let report = reader.verify(&id).await.unwrap();
    assert!(report.is_intact(), "{report:?}");
    assert_eq!(report.commits, 100);
}
