//! How a save is decided and stored.

use std::sync::atomic::Ordering;

use aether_core::{
    ActorId, Appended, Commit, Event, EventDraft, EventStore, EventStream, ExpectedVersion,
    StoreError, Timestamp, Version, VersionConflictError,
};
use tokio::task::yield_now;

use super::{BrokenStore, Defect};
use crate::support::answer::Answer;
use crate::support::reference::State;

/// What is to be done with a commit.
enum Decision {
    Answer(Answer),
    Store(Vec<Event>),
}

impl EventStore for BrokenStore {
    async fn append(&self, commit: Commit) -> Result<Appended, StoreError> {
        self.thaw();
        let mut in_the_way = self.common.in_the_way.subscribe();
        in_the_way.wait_for(|count| *count == 0).await.unwrap();
        while self.readers_are_behind() {
            in_the_way.changed().await.unwrap();
        }
        let answer = self.append_in_turn(&commit).await;
        if let Ok(appended) = &answer {
            let ids = appended.events().iter().map(|event| event.id().clone());
            self.own.saved.lock().unwrap().extend(ids);
        } else {
            self.own.remembered.lock().unwrap().clear();
            if let Some(refused) = commit.as_events() {
                self.common
                    .refused
                    .lock()
                    .unwrap()
                    .extend(refused.iter().cloned());
            }
        }
        let answer = answer?;
        let known = answer.events().to_vec();
        let appended = answer.to(&commit);
        Ok(match self.defect {
            Defect::DoesNotGiveDraftsBack => appended.with_numbered(Vec::new()),
            Defect::GivesBackWhatIsKnown => appended.with_numbered(known),
            _ => appended,
        })
    }

    fn events(&self, actor_id: &ActorId, from: Version) -> EventStream {
        self.read(actor_id, from)
    }

    async fn latest_version(&self, actor_id: &ActorId) -> Result<Version, StoreError> {
        self.read_latest_version(actor_id).await
    }
}

impl BrokenStore {
    async fn append_in_turn(&self, commit: &Commit) -> Result<Answer, StoreError> {
        match self.defect {
            Defect::ChecksThenActs => self.check_then_act(commit).await,
            Defect::LocksWithinOneProcess => {
                let _turn = self.own.turn.lock().await;
                self.check_then_act(commit).await
            }
            Defect::TearsCommits => self.one_by_one(commit).await,
            Defect::LeavesHalfACommitWhenDropped => {
                let _turn = self.common.turn.lock().await;
                self.one_by_one(commit).await
            }
            Defect::KeepsTheLockWhenDropped => {
                self.common.in_the_way.send_replace(1);
                yield_now().await;
                let answer = self.at_once(commit);
                self.common.in_the_way.send_replace(0);
                answer
            }
            Defect::NotifiesBeforeItStores => {
                let _turn = self.common.turn.lock().await;
                let decision = self.decide(&mut self.inner.state(), commit)?;
                let Decision::Store(events) = decision else {
                    return self.at_once(commit);
                };
                {
                    let state = self.inner.state();
                    for event in &events {
                        self.inner
                            .notify(event, state.position(state.last + 1, 0, event));
                    }
                }
                yield_now().await;
                Ok(self.inner.store_silently(&mut self.inner.state(), events))
            }
            Defect::NotifiesInAnyOrder => {
                let appended = self.at_once(commit)?;
                if !appended.was_repeated() {
                    let nth = self.common.notifications.fetch_add(1, Ordering::Relaxed);
                    for _ in 0..nth * 7 % 5 {
                        yield_now().await;
                    }
                    self.inner.notify_all(&self.inner.state(), &appended);
                }
                Ok(appended)
            }
            Defect::ShowsSavesLater => {
                let appended = self.at_once(commit)?;
                let (common, last) = (self.common.clone(), appended.position().sequence());
                tokio::spawn(async move {
                    yield_now().await;
                    common.shown.fetch_max(last, Ordering::Relaxed);
                });
                Ok(appended)
            }
            _ => self.at_once(commit),
        }
    }

    async fn check_then_act(&self, commit: &Commit) -> Result<Answer, StoreError> {
        let decision = self.decide(&mut self.inner.state(), commit)?;
        yield_now().await;
        Ok(match decision {
            Decision::Answer(appended) => appended,
            Decision::Store(events) => self.inner.store(&mut self.inner.state(), events),
        })
    }

    async fn one_by_one(&self, commit: &Commit) -> Result<Answer, StoreError> {
        let decision = self.decide(&mut self.inner.state(), commit)?;
        let events = match decision {
            Decision::Answer(appended) => return Ok(appended),
            Decision::Store(events) => events,
        };
        let first = [events[0].clone()].into_iter().collect();
        let sequence = {
            let mut state = self.inner.state();
            self.inner
                .store_silently(&mut state, first)
                .position()
                .sequence()
        };
        for event in &events[1..] {
            yield_now().await;
            self.inner.extend(&mut self.inner.state(), event);
        }
        let state = self.inner.state();
        let last = events.last().unwrap();
        let position = state.position(sequence, events.len() - 1, last);
        let appended = Answer::stored(events, position);
        self.inner.notify_all(&state, &appended);
        Ok(appended)
    }

    fn at_once(&self, commit: &Commit) -> Result<Answer, StoreError> {
        let mut state = self.inner.state();
        let decision = self.decide(&mut state, commit);
        let decision = decision.inspect_err(|_| self.after_refusal(&mut state, commit))?;
        let appended = match decision {
            Decision::Answer(appended) => appended,
            Decision::Store(events) => {
                let kept = events.iter().map(|event| self.as_kept(event)).collect();
                let position = self.inner.store_silently(&mut state, kept).position();
                Answer::stored(events, position)
            }
        };
        self.tell(state, appended)
    }

    /// What happens, though nothing should, after a save was refused.
    fn after_refusal(&self, state: &mut State, commit: &Commit) {
        let Some(refused) = commit.as_events() else {
            return;
        };
        let latest = state.latest(commit.actor_id());
        match self.defect {
            Defect::KeepsWhatFits => {
                let fits = refused.partition_point(|event| event.version() <= latest);
                if fits < refused.len() {
                    state.push(&refused[fits..]);
                }
            }
            Defect::NotifiesRefusedSaves => {
                for event in refused {
                    self.inner
                        .notify(event, state.position(state.last + 1, 0, event));
                }
            }
            _ => {}
        }
    }

    /// The event as it is kept.
    fn as_kept(&self, event: &Event) -> Event {
        let draft = match self.defect {
            Defect::KeepsMicroseconds => {
                let nanos = event.timestamp().unix_nanos() / 1_000 * 1_000;
                event
                    .to_draft()
                    .timestamp(Timestamp::from_unix_nanos(nanos))
            }
            Defect::LosesCommandIds => EventDraft::new(event.actor_id(), event.event_type(), &())
                .unwrap()
                .id(event.id().clone())
                .data(event.data().clone())
                .with_metadata(event.metadata().clone())
                .timestamp(event.timestamp()),
            _ => return event.clone(),
        };
        draft.at(event.version()).unwrap()
    }

    fn decide(&self, state: &mut State, commit: &Commit) -> Result<Decision, StoreError> {
        self.limits(commit)?;
        if let Some(repeat) = self.recognise(state, commit)? {
            return Ok(Decision::Answer(repeat));
        }
        if self.defect == Defect::ForgetsSnapshotsOnAppend {
            state.snapshots.remove(commit.actor_id());
        }
        Ok(Decision::Store(self.admit(state, commit)?))
    }

    fn limits(&self, commit: &Commit) -> Result<(), StoreError> {
        let too_large = |what| StoreError::TooLarge {
            what,
            bytes: 0,
            max: 0,
        };
        let offered = commit.as_events().unwrap_or_default();
        match self.defect {
            Defect::LimitsCommitsTo512Events if commit.len() > 512 => Err(too_large("a commit")),
            Defect::LimitsPayloadsTo64KiB
                if offered.iter().any(|e| e.data().as_msgpack().len() > 65_536) =>
            {
                Err(too_large("a payload"))
            }
            Defect::KeepsVersionsIn32Bits
                if offered
                    .iter()
                    .any(|e| e.version().get() > u64::from(u32::MAX)) =>
            {
                Err(too_large("a version"))
            }
            _ => Ok(()),
        }
    }

    /// The rule of clauses 2 and 3, with a mistake.
    fn admit(&self, state: &State, commit: &Commit) -> Result<Vec<Event>, VersionConflictError> {
        let actor_id = commit.actor_id();
        let latest = self.latest_in(state, actor_id);
        let expected = commit.expected();
        let numbered = commit.number_after(latest);
        let conflict = |attempted, current| {
            VersionConflictError::new(actor_id.clone(), attempted, current, expected)
        };
        let Some(offered) = commit.as_events() else {
            return match (self.defect, expected) {
                (Defect::NumbersDraftsByCount, _) => {
                    let count = u32::try_from(state.good_history(actor_id).len()).unwrap();
                    let numbered = commit.number_after(Version::from(count))?;
                    let first = numbered[0].version();
                    if first > latest {
                        Ok(numbered)
                    } else {
                        Err(conflict(first, latest))
                    }
                }
                _ => self.expecting_otherwise(commit, latest).unwrap_or(numbered),
            };
        };
        let (first, last) = (offered[0].version(), offered[offered.len() - 1].version());
        match (self.defect, expected) {
            (Defect::AcceptsTheLatestVersionAgain, ExpectedVersion::Older) if first == latest => {
                Ok(offered.to_vec())
            }
            (Defect::FillsGaps, ExpectedVersion::Older) => {
                let stored = state.good_history(actor_id);
                let taken = |event: &Event| {
                    stored
                        .iter()
                        .any(|stored| stored.event().version() == event.version())
                };
                if offered.iter().any(taken) {
                    numbered
                } else {
                    Ok(offered.to_vec())
                }
            }
            (Defect::BeginsVersionsAnew, ExpectedVersion::Older)
                if state
                    .truncated
                    .get(actor_id)
                    .is_some_and(|expired| last <= *expired) =>
            {
                Ok(offered.to_vec())
            }
            (Defect::WantsTheVersionThatFollows, ExpectedVersion::Older)
                if Some(first) != latest.next() =>
            {
                Err(conflict(first, latest))
            }
            (Defect::ComparesVersionsAsText, ExpectedVersion::Older) => {
                if first.to_string() > latest.to_string() {
                    Ok(offered.to_vec())
                } else {
                    Err(conflict(first, latest))
                }
            }
            (Defect::WantsNoGapAfterExactly, ExpectedVersion::Exactly(version))
                if Some(first) != version.next() =>
            {
                Err(conflict(first, latest))
            }
            (Defect::WantsNoEventsToBeginAtOne, ExpectedVersion::NoEvents)
                if first != Version::FIRST =>
            {
                Err(conflict(first, latest))
            }
            (Defect::ConflictsWithoutTheCurrentVersion, _) => {
                numbered.map_err(|_| conflict(first, Version::ZERO))
            }
            (Defect::ConflictsFromMemory, _) => numbered.map_err(|_| {
                let saved = self.own.saved.lock().unwrap();
                let history = state.good_history(actor_id);
                let ours = history
                    .iter()
                    .rfind(|stored| saved.contains(stored.event().id()));
                conflict(first, ours.map_or(latest, |ours| ours.event().version()))
            }),
            (Defect::ConflictsWithTheLastVersion, _) => {
                numbered.map_err(|_| conflict(last, latest))
            }
            _ => self.expecting_otherwise(commit, latest).unwrap_or(numbered),
        }
    }

    /// What an expectation that is misunderstood admits; `None` where it isn't.
    fn expecting_otherwise(
        &self,
        commit: &Commit,
        latest: Version,
    ) -> Option<Result<Vec<Event>, VersionConflictError>> {
        let misunderstood = match (self.defect, commit.expected()) {
            (Defect::TakesExactlyForOlder, ExpectedVersion::Exactly(_)) => true,
            (Defect::TakesExactlyForAtLeast, ExpectedVersion::Exactly(version)) => {
                latest >= version
            }
            (Defect::TakesNoEventsForOlder, ExpectedVersion::NoEvents) => true,
            _ => false,
        };
        let older = || commit.clone().expecting(ExpectedVersion::Older);
        misunderstood.then(|| older().number_after(latest))
    }

    /// The latest version with which a save is compared.
    pub(super) fn latest_in(&self, state: &State, actor_id: &ActorId) -> Version {
        let latest = state.latest(actor_id);
        let last_that_is_there = || {
            let history = state.good_history(actor_id);
            history
                .last()
                .map_or(Version::ZERO, |last| last.event().version())
        };
        match self.defect {
            Defect::SharesOneSequence => state.heads.values().copied().max().unwrap_or(latest),
            Defect::FallsBackBehindTheSnapshot => last_that_is_there(),
            Defect::ForgetsWhatIsBeforeTheMalformed => match state.history(actor_id).last() {
                Some(Err(_)) => Version::ZERO,
                _ => latest,
            },
            Defect::CountsSnapshotsAsEvents => match state.snapshots.get(actor_id) {
                Some(Ok(snapshot)) => snapshot.version().max(latest),
                _ => latest,
            },
            _ => latest,
        }
    }
}
