//! Clauses 1 to 8 together: any sequence of calls does what the simplest store would do.

use std::sync::atomic::{AtomicU32, Ordering};

use aether_core::{
    ActorId, Appended, Commit, CommitContent, Event, EventDraft, EventStore, EventStoreExt,
    ExpectedVersion, StoreError, Version, VersionConflictError,
};
use proptest::prelude::{Just, Strategy, any, prop};
use proptest::prop_oneof;

use crate::check;
use crate::sample::{actor, commit_of_drafts, drafts, event, event_saying};
use crate::{Context, Failure, Outcome, StoreBuilder, property};

pub(crate) async fn clauses_01_to_08_any_calls_do_what_the_model_does<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    // Each sequence has actors of its own: a fresh store for each would cost much on a network.
    let sequence = AtomicU32::new(0);
    let calls = prop::collection::vec(call(), 1..30);
    property::holds(context.effort().sequences, calls, |calls| {
        let (store, sequence) = (store.clone(), sequence.fetch_add(1, Ordering::Relaxed));
        async move {
            let names = ["a", "a.a", "b-1"];
            let mut actors = names.map(|name| Model::new(actor(&format!("{name}-{sequence}"))));
            for call in &calls {
                call.make(&*store, &mut actors[call.actor()]).await?;
            }
            for model in &actors {
                check::history(&store, &model.actor_id, &model.events).await?;
            }
            Ok(())
        }
    })
    .await
}

/// One call, in terms of what is stored when it is made.
#[derive(Debug, Clone)]
enum Call {
    /// New events: the first this far from the latest version, the others so far from each other.
    Append {
        actor: usize,
        from_latest: i64,
        gaps: Vec<u64>,
        expects: Expects,
    },
    /// New drafts.
    Drafts {
        actor: usize,
        count: usize,
        expects: Expects,
    },
    /// Events that are stored, again: this part of the history.
    Repeat {
        actor: usize,
        part: (usize, usize),
        expects: Expects,
    },
    /// The newest commit, if it was one of drafts, again.
    RepeatDrafts { actor: usize, expects: Expects },
    /// A stored event with other content.
    Change { actor: usize, which: usize },
    /// The end of the history, and one event more.
    Overlap { actor: usize, stored: usize },
    /// A read from this far from the latest version.
    Read { actor: usize, from_latest: i64 },
}

/// What a call expects of the latest version, which it knows or is wrong about.
#[derive(Debug, Clone, Copy)]
enum Expects {
    Older,
    NoEvents,
    Exactly { from_latest: i64 },
}

fn call() -> impl Strategy<Value = Call, Tree: Send> {
    let actor = || 0..3_usize;
    let far = || prop_oneof![6 => Just(1_i64), 2 => -3..=0_i64, 2 => 2..=9_i64];
    prop_oneof![
        6 => (actor(), far(), prop::collection::vec(1..4_u64, 0..4), expects()).prop_map(
            |(actor, from_latest, gaps, expects)| Call::Append { actor, from_latest, gaps, expects }
        ),
        3 => (actor(), 1..4_usize, expects())
            .prop_map(|(actor, count, expects)| Call::Drafts { actor, count, expects }),
        2 => (actor(), any::<(usize, usize)>(), expects())
            .prop_map(|(actor, part, expects)| Call::Repeat { actor, part, expects }),
        1 => (actor(), expects()).prop_map(|(actor, expects)| Call::RepeatDrafts { actor, expects }),
        1 => (actor(), any::<usize>()).prop_map(|(actor, which)| Call::Change { actor, which }),
        1 => (actor(), 1..4_usize).prop_map(|(actor, stored)| Call::Overlap { actor, stored }),
        2 => (actor(), -9..=3_i64)
            .prop_map(|(actor, from_latest)| Call::Read { actor, from_latest }),
    ]
}

fn expects() -> impl Strategy<Value = Expects, Tree: Send> {
    prop_oneof![
        4 => Just(Expects::Older),
        1 => Just(Expects::NoEvents),
        2 => Just(Expects::Exactly { from_latest: 0 }),
        1 => (-3..=3_i64).prop_map(|from_latest| Expects::Exactly { from_latest }),
    ]
}

/// The simplest store of one actor's events.
struct Model {
    actor_id: ActorId,
    events: Vec<Event>,
    /// The newest commit, if it was one of drafts.
    newest_drafts: Option<(Vec<EventDraft>, usize)>,
}

impl Model {
    fn new(actor_id: ActorId) -> Self {
        Self {
            actor_id,
            events: Vec::new(),
            newest_drafts: None,
        }
    }

    fn latest(&self) -> Version {
        self.events.last().map_or(Version::ZERO, Event::version)
    }

    /// A version this far from the latest, at least this one.
    fn version(&self, from_latest: i64, least: u32) -> Version {
        let number = self.latest().get().saturating_add_signed(from_latest);
        Version::new(number.max(u64::from(least))).unwrap_or(Version::MAX)
    }

    fn expected(&self, expects: Expects) -> ExpectedVersion {
        match expects {
            Expects::Older => ExpectedVersion::Older,
            Expects::NoEvents => ExpectedVersion::NoEvents,
            Expects::Exactly { from_latest } => {
                ExpectedVersion::Exactly(self.version(from_latest, 0))
            }
        }
    }

    /// The rule of clauses 2 and 3; clause 6 is looked at by the calls that repeat.
    fn append(&mut self, commit: &Commit) -> Result<Vec<Event>, VersionConflictError> {
        let events = commit.number_after(self.latest())?;
        self.events.extend(events.iter().cloned());
        self.newest_drafts = match commit.content() {
            CommitContent::Drafts(drafts) => Some((drafts.clone(), drafts.len())),
            CommitContent::Event(_) | CommitContent::Events(_) => None,
        };
        Ok(events)
    }
}

impl Call {
    fn actor(&self) -> usize {
        match self {
            Self::Append { actor, .. }
            | Self::Drafts { actor, .. }
            | Self::Repeat { actor, .. }
            | Self::RepeatDrafts { actor, .. }
            | Self::Change { actor, .. }
            | Self::Overlap { actor, .. }
            | Self::Read { actor, .. } => *actor,
        }
    }

    /// Makes the call to the store and to the model, and compares the answers.
    async fn make<S: EventStore>(&self, store: &S, model: &mut Model) -> Outcome {
        match self {
            Self::Append {
                from_latest,
                gaps,
                expects,
                ..
            } => {
                let mut version = model.version(*from_latest, 1);
                let mut offered = vec![event(&model.actor_id, version)];
                for gap in gaps {
                    version = version.plus(*gap).unwrap_or(Version::MAX);
                    offered.push(event(&model.actor_id, version));
                }
                let commit = Commit::events(offered)?.expecting(model.expected(*expects));
                answers_as(
                    &commit,
                    store.append(commit.clone()).await,
                    model.append(&commit),
                )
            }
            Self::Drafts { count, expects, .. } => {
                let commit = commit_of_drafts(&drafts(&model.actor_id, *count));
                let commit = commit.expecting(model.expected(*expects));
                answers_as(
                    &commit,
                    store.append(commit.clone()).await,
                    model.append(&commit),
                )
            }
            Self::Repeat { part, expects, .. } => {
                let Some(offered) = part_of(&model.events, *part) else {
                    return Ok(());
                };
                let commit = Commit::events(offered.iter().cloned())?;
                let commit = commit.expecting(model.expected(*expects));
                let answer = store.append(commit).await?;
                check::appended("events that are stored, again", &answer, offered, true)
            }
            Self::RepeatDrafts { expects, .. } => {
                let Some((drafts, count)) = &model.newest_drafts else {
                    return Ok(());
                };
                let became = &model.events[model.events.len() - count..];
                let commit = commit_of_drafts(drafts).expecting(model.expected(*expects));
                let answer = store.append(commit).await?;
                check::numbered("drafts that are stored, again", &answer, became, true)
            }
            Self::Change { which, .. } => {
                let Some(stored) = part_of(&model.events, (*which, 0)) else {
                    return Ok(());
                };
                let changed = event_saying(&model.actor_id, 1, stored[0].id(), "changed");
                let changed = changed.to_draft().at(stored[0].version())?;
                let refused = store.save_event(changed).await;
                let kind = aether_core::StoreErrorKind::EventMismatch;
                check::refused("a stored event with other content", &refused, kind)
            }
            Self::Overlap { stored, .. } => {
                let Some(next) = model.latest().next() else {
                    return Ok(());
                };
                let from = model.events.len().saturating_sub(*stored);
                if from == model.events.len() {
                    return Ok(());
                }
                let mut offered = model.events[from..].to_vec();
                offered.push(event(&model.actor_id, next));
                let commit = Commit::events(offered)?;
                answers_as(
                    &commit,
                    store.append(commit.clone()).await,
                    model.append(&commit),
                )
            }
            Self::Read { from_latest, .. } => {
                let from = model.version(*from_latest, 0);
                let seen = store.get_events(&model.actor_id, from).await?;
                let expected: Vec<Event> = model
                    .events
                    .iter()
                    .filter(|e| e.version() >= from)
                    .cloned()
                    .collect();
                check::same_events(format_args!("a read from {from}"), &seen, &expected)?;
                let latest = store.latest_version(&model.actor_id).await?;
                check::equal("the latest version", &latest, &model.latest())
            }
        }
    }
}

/// Up to three events of a history, where it has any.
fn part_of(events: &[Event], (start, more): (usize, usize)) -> Option<&[Event]> {
    let start = start.checked_rem(events.len())?;
    let end = (start + 1 + more % 3).min(events.len());
    Some(&events[start..end])
}

fn answers_as(
    commit: &Commit,
    seen: Result<Appended, StoreError>,
    expected: Result<Vec<Event>, VersionConflictError>,
) -> Outcome {
    match (seen, expected) {
        (Ok(seen), Ok(events)) if commit.as_events().is_some() => {
            check::appended("new events", &seen, &events, false)
        }
        (Ok(seen), Ok(events)) => check::numbered("new drafts", &seen, &events, false),
        (Err(StoreError::VersionConflict(seen)), Err(expected)) => {
            check::equal("the conflict", &*seen, &expected)
        }
        (seen, Ok(events)) => Err(Failure::new(format!(
            "a new commit at versions {}: expected it to be stored, saw {}",
            check::versions(&events),
            check::shown(&seen)
        ))),
        (seen, Err(conflict)) => Err(Failure::new(format!(
            "expected \"{conflict}\", saw {}",
            check::shown(&seen)
        ))),
    }
}
