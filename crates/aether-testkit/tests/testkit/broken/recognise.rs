//! How repeats are recognised, or not.

use aether_core::{
    Commit, CommitContent, Event, ExpectedVersion, RecordedEvent, StoreError, VersionConflictError,
};

use super::{BrokenStore, Defect};
use crate::support::answer::Answer;
use crate::support::reference::State;

type Recognised = Result<Option<Answer>, StoreError>;

impl BrokenStore {
    /// The commit as it is stored already, if it is taken for a repeat.
    pub(super) fn recognise(&self, state: &mut State, commit: &Commit) -> Recognised {
        let found = state.repeat(commit);
        let offered = commit.as_events().unwrap_or_default();
        match self.defect {
            Defect::RefusesRepeats => Ok(None),
            Defect::RenumbersRepeatedDrafts if offered.is_empty() => Ok(None),
            Defect::StoresRepeatsAgain => found.map(|repeat| {
                let repeat = repeat?;
                state.push(repeat.events());
                Some(repeat)
            }),
            Defect::ForgetsOldRepeats => {
                let key = (state.key)(commit.actor_id());
                let newest = state.log.iter().rfind(|entry| entry.actor_id == key);
                let newest = newest.map_or(0, |entry| entry.sequence);
                Ok(found?.filter(|repeat| repeat.position().sequence() == newest))
            }
            Defect::RecognisesWholeCommitsOnly | Defect::RecognisesOneCommitOnly => {
                let whole = self.defect == Defect::RecognisesWholeCommitsOnly;
                let mut commits = state
                    .log
                    .iter()
                    .filter_map(|entry| entry.content.as_ref().ok());
                let is_in = |repeat: &Answer| {
                    commits.any(|stored| match whole {
                        true => stored == repeat.events(),
                        false => repeat.events().iter().all(|event| stored.contains(event)),
                    })
                };
                Ok(found?.filter(is_in))
            }
            Defect::ForgetsRepeatsOfOtherHandles => {
                let saved = self.own.saved.lock().unwrap();
                let ours = |repeat: &Answer| {
                    repeat
                        .events()
                        .iter()
                        .all(|event| saved.contains(event.id()))
                };
                Ok(found?.filter(ours))
            }
            Defect::ExpectsBeforeItRecognises => {
                let (latest, expected) = (state.latest(commit.actor_id()), commit.expected());
                let as_expected = match expected {
                    ExpectedVersion::Older => true,
                    ExpectedVersion::Exactly(version) => version == latest,
                    ExpectedVersion::NoEvents => latest.is_zero(),
                };
                if found.as_ref().is_ok_and(|found| found.is_some()) && !as_expected {
                    let actor_id = commit.actor_id().clone();
                    return Err(
                        VersionConflictError::new(actor_id, latest, latest, expected).into(),
                    );
                }
                found
            }
            Defect::RecognisesByIdAlone => {
                let ids: Vec<_> = match commit.content() {
                    CommitContent::Drafts(drafts) => drafts.iter().map(|d| d.event_id()).collect(),
                    _ => offered.iter().map(Event::id).collect(),
                };
                Ok(all(ids, state, |id, stored| stored.id() == *id))
            }
            Defect::RecognisesByVersionAlone => Ok(all(offered, state, |offered, stored| {
                stored.version() == offered.version() && stored.actor_id() == offered.actor_id()
            })),
            Defect::OverlooksOtherContent => found.or_else(|_| {
                Ok(all(offered, state, |offered, stored| {
                    stored.id() == offered.id() && stored.version() == offered.version()
                }))
            }),
            Defect::OverlooksOtherTimestamps => found.or_else(|mismatch| {
                let same = |offered: &&Event, stored: &Event| {
                    let draft = offered.to_draft().timestamp(stored.timestamp());
                    draft.at(offered.version()).unwrap() == *stored
                };
                all(offered, state, same).map(Some).ok_or(mismatch)
            }),
            Defect::CallsOtherContentAConflict => Ok(found.unwrap_or(None)),
            Defect::ReplacesOtherContent => match found {
                Err(_) => {
                    for entry in &mut state.log {
                        for stored in entry.content.iter_mut().flatten() {
                            let offered = offered.iter().find(|event| event.id() == stored.id());
                            *stored = offered.unwrap_or(stored).clone();
                        }
                    }
                    state.repeat(commit)
                }
                found => found,
            },
            Defect::StoresTheRestOfAnOverlap => {
                let latest = state.latest(commit.actor_id());
                let rest = offered.partition_point(|event| event.version() <= latest);
                if 0 < rest && rest < offered.len() {
                    let stored = Commit::events(offered[..rest].iter().cloned())?;
                    if state.repeat(&stored)?.is_some() {
                        let position = state.push(&offered[rest..]);
                        return Ok(Some(Answer::stored(offered.to_vec(), position)));
                    }
                }
                found
            }
            _ => found,
        }
    }
}

/// The stored events that match all of these, if there are any.
fn all<T>(
    offered: impl IntoIterator<Item = T>,
    state: &State,
    matches: impl Fn(&T, &Event) -> bool,
) -> Option<Answer> {
    let stored: Vec<RecordedEvent> = state.items().filter_map(|(_, item)| item.ok()).collect();
    let found = offered.into_iter().map(|offered| {
        stored
            .iter()
            .find(|stored| matches(&offered, stored.event()))
            .cloned()
    });
    let found: Vec<RecordedEvent> = found.collect::<Option<_>>()?;
    let position = found.last()?.position();
    let events: Vec<Event> = found.into_iter().map(RecordedEvent::into_event).collect();
    Some(Answer::repeated(events, position))
}
