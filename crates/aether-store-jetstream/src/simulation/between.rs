//! What happens in a process between an answer of the server and the call that asked for it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aether_core::{Appended, Event, StoreError};
use async_nats::jetstream::publish::PublishAck;
use tokio::time::Instant;

use super::server::CREATED;
use super::*;
use crate::decide::StreamState;
use crate::errors::Fault;
use crate::head::Head;
use crate::ledger::Age;
use crate::link::Wanted;
use crate::message::Outgoing;
use crate::patience::Patience;
use crate::server::{Copies, Server};

/// The same server, where something happens after one of its answers and before the call that asked
/// for it goes on.
struct Between<'t> {
    server: &'t SimServer,
    after: Asked,
    then: Mutex<Option<Box<dyn FnOnce() + Send + 't>>>,
    /// How often it answers that no head is kept, whatever is.
    heads_missed: AtomicU32,
    /// How often it does not say what the stream is.
    states_missed: AtomicU32,
    /// How many messages were asked for.
    reads: AtomicU32,
}

/// What was asked for, the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Last,
    State,
    Nothing,
}

impl<'t> Between<'t> {
    fn new(server: &'t SimServer, after: Asked, then: impl FnOnce() + Send + 't) -> Self {
        Self {
            server,
            after,
            then: Mutex::new(Some(Box::new(then))),
            heads_missed: AtomicU32::new(0),
            states_missed: AtomicU32::new(0),
            reads: AtomicU32::new(0),
        }
    }

    fn plain(server: &'t SimServer) -> Self {
        Self::new(server, Asked::Nothing, || {})
    }

    fn answered(&self, asked: Asked) {
        if asked == self.after
            && let Some(then) = self.then.lock().unwrap().take()
        {
            then();
        }
    }
}

impl Server for Between<'_> {
    async fn publish(
        &self,
        subject: &str,
        message: Outgoing,
        patience: &Patience,
    ) -> Result<PublishAck, Fault> {
        self.server.publish(subject, message, patience).await
    }

    async fn message(
        &self,
        wanted: Wanted<'_>,
        patience: &Patience,
    ) -> Result<Option<Stored>, Fault> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let answer = self.server.message(wanted, patience).await;
        if matches!(wanted, Wanted::Last { .. }) {
            self.answered(Asked::Last);
        }
        answer
    }

    async fn state(
        &self,
        subject: &str,
        sequence: u64,
        patience: &Patience,
    ) -> Result<StreamState, Fault> {
        let missed = self.states_missed.load(Ordering::Relaxed);
        if missed > 0 {
            self.states_missed.store(missed - 1, Ordering::Relaxed);
            return Err(Fault::NoResponders);
        }
        let answer = self.server.state(subject, sequence, patience).await;
        self.answered(Asked::State);
        answer
    }

    async fn kept(&self, subject: &str, patience: &Patience) -> Result<Option<Stored>, Fault> {
        let missed = self.heads_missed.load(Ordering::Relaxed);
        if missed > 0 {
            self.heads_missed.store(missed - 1, Ordering::Relaxed);
            return Ok(None);
        }
        self.server.kept(subject, patience).await
    }

    async fn copies(&self, subject: &str, patience: &Patience) -> Result<Copies, Fault> {
        self.server.copies(subject, patience).await
    }

    fn message_bytes_max(&self) -> usize {
        self.server.message_bytes_max()
    }

    fn is_connected(&self) -> bool {
        self.server.is_connected()
    }

    fn connects(&self) -> u64 {
        self.server.connects()
    }
}

fn actor() -> ActorId {
    ActorId::new("order-1").unwrap()
}

fn draft(data: u32) -> EventDraft {
    EventDraft::new(&actor(), "Happened", &data).unwrap()
}

fn drafted(data: u32) -> Commit {
    Commit::drafts([draft(data)]).unwrap()
}

fn event(version: u32) -> Event {
    draft(version).at(version.into()).unwrap()
}

/// Processes that share a calm server on which commits expire, or don't.
fn processes<const N: usize>(weather: Weather) -> (Arc<SimServer>, [Process; N]) {
    let server = Arc::new(SimServer::new(0, weather));
    let processes = [(); N].map(|()| Process::new(server.clone(), 100));
    (server, processes)
}

const EXPIRING: Weather = Weather {
    max_age: Weather::EXPIRING.max_age,
    ..Weather::CALM
};

async fn append(
    server: &Between<'_>,
    process: &Process,
    commit: Commit,
) -> Result<Appended, StoreError> {
    let append = crate::save::append(server, &process.ledger, None, commit);
    let append = tokio::time::timeout(Duration::from_secs(60), append);
    append.await.expect("it ends")
}

/// The copy of an indeterminate save lands just after the last message was read, and another call
/// of the process sees it there: what was read is outdated before it is looked at.
#[test]
fn what_another_call_saw_while_an_answer_was_on_its_way_is_no_conflict_of_ours() {
    runtime().block_on(async {
        let (server, [ours, other]) = processes(Weather::CALM);
        let mine = event(2);
        assert!(ours.save(Commit::event(event(1)), None).await.is_none());
        let saved = other.save(Commit::event(mine.clone()), None).await;
        assert!(saved.is_none());
        let whole = server.log();
        server.set_log(whole[..1].to_vec());
        ours.ledger.actors.hint(&actor(), 2.into());
        let between = Between::new(&server, Asked::Last, || {
            server.set_log(whole.clone());
            let commit = whole[1].commit(&actor()).unwrap();
            ours.ledger.actors.observe(&actor(), Head::of(&commit));
        });
        let answer = append(&between, &ours, Commit::event(mine)).await;
        assert!(answer.unwrap().was_repeated());
        assert_eq!(server.log().len(), 2);
    });
}

/// Nothing was there, by the stream's state, and then there is a head: of a commit that was stored
/// in between, not of one that has expired.
#[test]
fn a_commit_that_was_stored_while_it_was_asked_for_has_not_expired() {
    runtime().block_on(async {
        let (server, [ours, other]) = processes(EXPIRING);
        assert!(other.save(Commit::event(event(1)), None).await.is_none());
        let whole = server.log();
        server.set_log(Vec::new());
        let between = Between::new(&server, Asked::State, || server.set_log(whole.clone()));
        let started = Instant::now();
        let answer = append(&between, &ours, drafted(2)).await;
        assert_eq!(answer.unwrap().version(), Version::from(2));
        assert!(started.elapsed() < Duration::from_millis(200), "at once");
    });
}

#[test]
fn a_head_that_is_counted_and_not_found_is_asked_for_again() {
    runtime().block_on(async {
        let (server, [ours, other]) = processes(EXPIRING);
        for version in 1..=2 {
            let saved = other.save(Commit::event(event(version)), None).await;
            assert!(saved.is_none());
        }
        tokio::time::advance(2 * EXPIRING.max_age).await;
        let between = Between::plain(&server);
        between.heads_missed.store(2, Ordering::Relaxed);
        let answer = append(&between, &ours, drafted(3)).await;
        assert_eq!(answer.unwrap().version(), Version::from(3));
    });
}

/// An election while it is asked whether a beginning has expired: no answer says that it has not.
#[test]
fn a_beginning_of_which_nobody_says_that_it_expired_is_not_a_hole() {
    runtime().block_on(async {
        let (server, [writer, ours]) = processes(EXPIRING);
        let first = event(1);
        for event in [first.clone(), event(2)] {
            assert!(writer.save(Commit::event(event), None).await.is_none());
        }
        tokio::time::advance(EXPIRING.max_age * 2 / 3).await;
        assert!(writer.save(Commit::event(event(3)), None).await.is_none());
        tokio::time::advance(EXPIRING.max_age * 2 / 3).await;
        let between = Between::plain(&server);
        between.states_missed.store(5, Ordering::Relaxed);
        let error = append(&between, &ours, Commit::event(first)).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::VersionConflict, "{error}");
    });
}

#[test]
fn an_earlier_stream_is_believed_only_when_it_lasts() {
    runtime().block_on(async {
        let (_, [process]) = processes::<1>(Weather::CALM);
        let ledger = &process.ledger;
        let ages = |created: u64| ledger.age_of(created);
        assert_eq!(ages(CREATED), Age::Same);
        assert_eq!(ages(CREATED + 1), Age::Replaced);
        for _ in 0..2 {
            for _ in 0..3 {
                assert_eq!(ages(CREATED - 1), Age::Earlier);
                tokio::time::advance(ledger.deadline).await;
            }
            assert_eq!(ages(CREATED), Age::Same);
        }
        // However often, and not for long.
        for _ in 0..10 {
            assert_eq!(ages(CREATED - 1), Age::Earlier);
        }
        tokio::time::advance(ledger.deadline).await;
        assert_eq!(ages(CREATED - 1), Age::Replaced);
    });
}

/// What is missing from the middle has not expired, whatever the age of the rest.
#[test]
fn a_hole_does_not_pass_for_what_has_expired() {
    runtime().block_on(async {
        let (server, [writer, mut ours]) = processes(EXPIRING);
        let mine = event(11);
        for version in 1..=50 {
            let event = if version == 11 {
                mine.clone()
            } else {
                event(version)
            };
            assert!(writer.save(Commit::event(event), None).await.is_none());
        }
        let mut log = server.log();
        log.remove(20);
        log.remove(10);
        server.set_log(log);
        let between = Between::plain(&server);
        ours.ledger.replicated = false;
        // It was stored, and a conflict would say that it was not.
        let error = append(&between, &ours, Commit::event(mine))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Malformed, "{error}");
        // Whether it was among the last is not known: here they are too many for all to be asked
        // about, and here the first of them has expired.
        let error = append(&between, &ours, drafted(0)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Malformed, "{error}");
        let last = server.log().split_off(30);
        server.set_log(last);
        let mut log = server.log();
        log.remove(3);
        server.set_log(log);
        let error = append(&between, &ours, drafted(0)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Malformed, "{error}");
    });
}

/// Of several replicas it may be an old leader who says that nothing has expired.
#[test]
fn a_hole_is_one_of_several_replicas_when_it_was_one_for_long_enough() {
    runtime().block_on(async {
        let hour = Weather {
            max_age: Duration::from_secs(3_600),
            ..Weather::CALM
        };
        let (server, [writer, mut ours]) = processes(hour);
        for version in 1..=50 {
            let saved = writer.save(Commit::event(event(version)), None).await;
            assert!(saved.is_none());
        }
        let mut log = server.log();
        log.remove(10);
        server.set_log(log);
        let between = Between::plain(&server);
        for (seconds, kind) in [
            (5, StoreErrorKind::Unavailable),
            (10, StoreErrorKind::Malformed),
        ] {
            ours.ledger.deadline = Duration::from_secs(seconds);
            let error = append(&between, &ours, Commit::event(event(11))).await;
            let error = error.unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
        }
    });
}

/// Two histories in one: the later says that it has a beginning of its own.
#[test]
fn a_history_that_begins_twice_ends_every_look_for_its_recent_commits() {
    runtime().block_on(async {
        for second in 2..12 {
            let (server, [writer]) = processes(Weather::CALM);
            for version in 1..second {
                let saved = writer.save(Commit::event(event(version)), None).await;
                assert!(saved.is_none());
            }
            let first = server.log();
            server.set_log(Vec::new());
            let [anew, ours] = [(); 2].map(|()| Process::new(server.clone(), 100));
            for version in second..12 {
                let saved = anew.save(Commit::event(event(version)), None).await;
                assert!(saved.is_none());
            }
            // As in a copy, which gives messages other sequences: what they say leads astray.
            let second = server.log();
            let both = first.into_iter().chain(second);
            let both = both
                .zip(1..)
                .map(|(stored, sequence)| Stored { sequence, ..stored });
            server.set_log(both.collect());
            let between = Between::plain(&server);
            let answer = append(&between, &ours, drafted(0)).await;
            if let Err(error) = answer {
                assert_eq!(error.kind(), StoreErrorKind::Malformed, "{error}");
            }
        }
    });
}

#[test]
fn what_lies_far_apart_is_found_without_reading_what_is_between() {
    runtime().block_on(async {
        let (server, [writer, ours]) = processes(Weather::CALM);
        let [early, late] = [event(3), event(790)];
        for version in 1..=800 {
            let event = match version {
                3 => early.clone(),
                790 => late.clone(),
                version => event(version),
            };
            assert!(writer.save(Commit::event(event), None).await.is_none());
        }
        let both = |late: Event| Commit::events([early.clone(), late]).unwrap();
        for (offered, stored) in [(both(late.clone()), true), (both(event(790)), false)] {
            let between = Between::plain(&server);
            let answer = append(&between, &ours, offered).await;
            assert_eq!(answer.is_ok_and(|answer| answer.was_repeated()), stored);
            let reads = between.reads.load(Ordering::Relaxed);
            assert!(reads < 60, "{reads} reads");
        }
    });
}
