//! How a history is read.

use std::sync::atomic::Ordering;

use aether_core::{
    ActorId, EventStream, Position, RecordedEvent, ReplayError, StoreError, Version,
};
use futures_util::stream::{self, StreamExt};

use super::{BrokenStore, Defect};
use crate::support::reference::State;

type Items = Vec<Result<RecordedEvent, StoreError>>;

impl BrokenStore {
    pub(super) fn read(&self, actor_id: &ActorId, from: Version) -> EventStream {
        let items = |store: &Self| store.read_now(actor_id, from);
        match self.defect {
            Defect::LeavesHalfACommitWhenDropped => {
                let (store, actor_id) = (self.clone(), actor_id.clone());
                let items = async move {
                    let _turn = store.common.turn.lock().await;
                    stream::iter(store.read_now(&actor_id, from))
                };
                Box::pin(stream::once(items).flatten())
            }
            Defect::ReadsOneStreamAtATime => {
                let own = self.own.clone();
                let nth = own.streams.fetch_add(1, Ordering::Relaxed) + 1;
                let items = stream::iter(items(self));
                Box::pin(items.take_while(move |_| {
                    std::future::ready(own.streams.load(Ordering::Relaxed) == nth)
                }))
            }
            Defect::BindsStreamsToTheirTask => {
                let here = tokio::task::id();
                let items = stream::iter(items(self));
                Box::pin(items.take_while(move |_| std::future::ready(tokio::task::id() == here)))
            }
            Defect::LocksWhatIsRead => {
                let common = self.common.clone();
                common.in_the_way.send_modify(|count| *count += 1);
                let end = stream::poll_fn(move |_| {
                    common.in_the_way.send_modify(|count| *count -= 1);
                    std::task::Poll::Ready(None)
                });
                Box::pin(stream::iter(items(self)).chain(end))
            }
            Defect::SkipsWhatIsAppendedMeanwhile => {
                let (store, actor_id) = (self.clone(), actor_id.clone());
                let last = self.inner.state().last;
                let read = (0, last, items(self));
                Box::pin(stream::unfold(
                    read,
                    move |(mut next, mut last, mut items)| {
                        let now = store.inner.state().last;
                        if now > last {
                            let before = items.len();
                            items = store.read_now(&actor_id, from);
                            (next, last) = (next + items.len() - before, now);
                        }
                        let item = items
                            .get_mut(next)
                            .map(|item| std::mem::replace(item, Err(StoreError::Closed)));
                        std::future::ready(item.map(|item| (item, (next + 1, last, items))))
                    },
                ))
            }
            _ => Box::pin(stream::iter(items(self))),
        }
    }

    fn read_now(&self, actor_id: &ActorId, from: Version) -> Items {
        self.own.remembered.lock().unwrap().remove(actor_id);
        let state = self.inner.state();
        let mut items = self.read_from(&state, actor_id, from);
        let shown = match self.defect {
            Defect::ShowsSavesLater => self.common.shown.load(Ordering::Relaxed),
            _ => self.own.frozen_at.load(Ordering::Relaxed),
        };
        items.retain(|item| match item {
            Ok(recorded) => recorded.position().sequence() <= shown,
            Err(_) => true,
        });
        match self.defect {
            Defect::ReadsOnePage => items.truncate(256),
            Defect::SwallowsTheMalformed => items.retain(|item| !is_malformed(item)),
            Defect::EndsAtTheMalformed => {
                let end = items.iter().position(is_malformed);
                items.truncate(end.unwrap_or(items.len()));
            }
            Defect::ReportsAfterTheLastEvent => items.sort_by_key(is_malformed),
            Defect::CountsPlacesFromWhereItReads => count_places_anew(&mut items),
            Defect::ReportsWithoutAPlace => {
                for item in &mut items {
                    if let Err(StoreError::Malformed(error)) = item {
                        **error = ReplayError {
                            position: Position::new(0, 0, 0),
                            reason: String::new(),
                            raw: bytes::Bytes::new(),
                        };
                    }
                }
            }
            Defect::ReportsToEverybody => {
                let theirs = state.items().filter(|(whose, _)| *whose != actor_id);
                let errors = theirs.filter_map(|(_, item)| item.err());
                items.extend(errors.map(|error| Err(error.into())));
            }
            _ => {}
        }
        items
    }

    fn read_from(&self, state: &State, actor_id: &ActorId, from: Version) -> Items {
        let truncated = || StoreError::HistoryTruncated {
            actor_id: actor_id.clone(),
            after: state.truncated[actor_id],
        };
        let expired = state.truncated.get(actor_id);
        let survivors = || state.history(actor_id).into_iter().map(|item| Ok(item?));
        let stored = |version| {
            let history = state.good_history(actor_id);
            history
                .iter()
                .any(|recorded| recorded.event().version() == version)
        };
        match self.defect {
            Defect::PassesOverWhatHasExpired => keep_from(survivors(), from),
            Defect::RefusesWhatHasNotExpired
                if expired.is_some() && !state.snapshots.contains_key(actor_id) =>
            {
                vec![Err(truncated())]
            }
            Defect::WantsWhatTheSnapshotCovers if expired.is_some_and(|e| from <= *e) => {
                vec![Err(truncated())]
            }
            Defect::TrustsAnySnapshot if state.snapshots.contains_key(actor_id) => {
                keep_from(survivors(), from)
            }
            Defect::TrustsSnapshotsInEveryRead
                if expired.is_some_and(|e| state.snapshot_covers(actor_id, *e)) =>
            {
                keep_from(survivors(), from)
            }
            Defect::ReadsExclusively => state.read(
                actor_id,
                if from.is_zero() {
                    from
                } else {
                    from.next().unwrap_or(from)
                },
            ),
            Defect::ReadsWholeCommits => {
                let mut entries = state.log.iter().filter(|entry| entry.actor_id == *actor_id);
                let reaches = entries.find_map(|entry| {
                    let events = entry.content.as_ref().ok()?;
                    (events.last()?.version() >= from).then(|| events[0].version())
                });
                state.read(actor_id, reaches.map_or(from, |first| first.min(from)))
            }
            Defect::ReadsFromStoredVersionsOnly if from > Version::FIRST && !stored(from) => {
                Vec::new()
            }
            Defect::ReadsTheLastBeyondTheEnd if from > state.latest(actor_id) => state
                .good_history(actor_id)
                .pop()
                .map(Ok)
                .into_iter()
                .collect(),
            Defect::MatchesIdsByPrefix if expired.is_none() => {
                let matching = state
                    .items()
                    .filter(|(whose, _)| whose.as_str().starts_with(actor_id.as_str()));
                keep_from(matching.map(|(_, item)| Ok(item?)), from)
            }
            _ => state.read(actor_id, from),
        }
    }

    pub(super) async fn read_latest_version(&self, id: &ActorId) -> Result<Version, StoreError> {
        let _turn = match self.defect {
            Defect::LeavesHalfACommitWhenDropped => Some(self.common.turn.lock().await),
            _ => None,
        };
        let state = self.inner.state();
        let latest = self.latest_in(&state, id);
        let shown = match self.defect {
            Defect::ShowsSavesLater => self.common.shown.load(Ordering::Relaxed),
            Defect::FreezesOtherHandles => self.own.frozen_at.load(Ordering::Relaxed),
            Defect::RemembersTheLatestVersion => {
                let mut remembered = self.own.remembered.lock().unwrap();
                return Ok(*remembered.entry(id.clone()).or_insert(latest));
            }
            Defect::SharesOneSequence => return Ok(state.latest(id)),
            _ => return Ok(latest),
        };
        let history = state.good_history(id);
        let seen = history
            .iter()
            .rfind(|recorded| recorded.position().sequence() <= shown);
        Ok(seen.map_or(Version::ZERO, |recorded| recorded.event().version()))
    }
}

fn keep_from(
    items: impl Iterator<Item = Result<RecordedEvent, StoreError>>,
    from: Version,
) -> Items {
    items
        .filter(|item| item.as_ref().map_or(true, |r| r.event().version() >= from))
        .collect()
}

/// Gives the events of each commit places from 0 on.
fn count_places_anew(items: &mut Items) {
    let mut before = None;
    for recorded in items.iter_mut().flatten() {
        let place = recorded.position();
        let index = match before {
            Some((sequence, index)) if sequence == place.sequence() => index + 1,
            _ => 0,
        };
        before = Some((place.sequence(), index));
        let counted = Position::new(place.incarnation(), place.sequence(), index);
        let counted = counted.with_fingerprint(place.fingerprint());
        *recorded = RecordedEvent::new(recorded.event().clone(), counted);
    }
}

fn is_malformed(item: &Result<RecordedEvent, StoreError>) -> bool {
    matches!(item, Err(StoreError::Malformed(_)))
}
