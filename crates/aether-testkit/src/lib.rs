//! The conformance suite for Aether's event stores, and wrappers that inject faults.
//!
//! The contract of a store is written in the documentation of [`EventStore`], [`SnapshotStore`]
//! and [`EventFeed`], in fourteen numbered clauses. Words are easily agreed with; this crate asks
//! a store whether it keeps them. Each case cites the clause that it proves, and each is a named
//! test of its own: `my_store::events::clause_05_two_writers_racing_for_one_version_leave_one_winner`.
//!
//! # How to use it
//!
//! Write a [`StoreBuilder`], which gives each case a fresh store, and name the sections that your
//! store claims in [`conformance!`]. What you don't claim emits no test; what you claim and can't
//! do does not compile; an environment that is missing (no server) fails, it never skips.
//!
//! Here is a whole store, and the suite's section `events` on it, run by hand:
//!
//! ```
//! use std::sync::{Arc, Mutex};
//!
//! use aether_core::{
//!     ActorId, Appended, BoxError, Commit, CommitContent, Event, EventMismatch, EventStore,
//!     EventStream, Position, RecordedEvent, StoreError, Version,
//! };
//! use aether_testkit::{Effort, StoreBuilder, StoreOptions, Suite};
//!
//! /// All commits of all actors, in one list.
//! #[derive(Clone, Default)]
//! struct ListStore(Arc<Mutex<Vec<Vec<RecordedEvent>>>>);
//!
//! impl EventStore for ListStore {
//!     async fn append(&self, commit: Commit) -> Result<Appended, StoreError> {
//!         let mut commits = self.0.lock().unwrap();
//!         let mine = |c: &&Vec<RecordedEvent>| c[0].event().actor_id() == commit.actor_id();
//!         let of_actor: Vec<&RecordedEvent> = commits.iter().filter(mine).flatten().collect();
//!         let stored_as = |event: &Event| {
//!             let same = |r: &Event| r.id() == event.id() && r.version() == event.version();
//!             of_actor.iter().copied().find(|recorded| same(recorded.event()))
//!         };
//!
//!         // Clause 6: is it there already?
//!         let repeat: Option<Vec<&RecordedEvent>> = match commit.content() {
//!             CommitContent::Drafts(drafts) => commits.iter().rfind(mine).and_then(|newest| {
//!                 let same = newest.len() == drafts.len()
//!                     && newest.iter().zip(drafts).all(|(r, draft)| draft.became(r.event()));
//!                 same.then(|| newest.iter().collect())
//!             }),
//!             _ => commit.as_events().unwrap_or_default().iter().map(stored_as).collect(),
//!         };
//!         if let (Some(stored), Some(offered)) = (&repeat, commit.as_events()) {
//!             let other = stored.iter().zip(offered).find(|(r, event)| r.event() != *event);
//!             if let Some((_, event)) = other {
//!                 let (actor_id, event_id) = (event.actor_id().clone(), event.id().clone());
//!                 let version = event.version();
//!                 return Err(EventMismatch { actor_id, version, event_id }.into());
//!             }
//!         }
//!         // Only drafts are given back, as they were numbered.
//!         let given_back = |events: Vec<Event>| match commit.as_events() {
//!             Some(_) => Vec::new(),
//!             None => events,
//!         };
//!         if let Some(stored) = repeat {
//!             let last = stored[stored.len() - 1];
//!             let events = stored.iter().map(|r| r.event().clone()).collect();
//!             let repeated = Appended::repeated(last.event().version(), last.position());
//!             return Ok(repeated.with_numbered(given_back(events)));
//!         }
//!
//!         // Clauses 2 and 3.
//!         let latest = of_actor.last().map_or(Version::ZERO, |r| r.event().version());
//!         let events = commit.number_after(latest)?;
//!         let sequence = commits.len() as u64 + 1;
//!         let place = |index| Position::new(1, sequence, index);
//!         let recorded = (0..).zip(&events).map(|(i, e)| RecordedEvent::new(e.clone(), place(i)));
//!         let recorded: Vec<RecordedEvent> = recorded.collect();
//!         let last = &recorded[recorded.len() - 1];
//!         let stored = Appended::stored(last.event().version(), last.position());
//!         commits.push(recorded);
//!         Ok(stored.with_numbered(given_back(events)))
//!     }
//!
//!     fn events(&self, actor_id: &ActorId, from: Version) -> EventStream {
//!         let commits = self.0.lock().unwrap();
//!         let wanted = |r: &&RecordedEvent| {
//!             r.event().actor_id() == actor_id && r.event().version() >= from
//!         };
//!         let events: Vec<_> = commits.iter().flatten().filter(wanted).cloned().map(Ok).collect();
//!         Box::pin(futures_util::stream::iter(events))
//!     }
//!
//!     async fn latest_version(&self, actor_id: &ActorId) -> Result<Version, StoreError> {
//!         let commits = self.0.lock().unwrap();
//!         let last = commits.iter().flatten().rfind(|r| r.event().actor_id() == actor_id);
//!         Ok(last.map_or(Version::ZERO, |r| r.event().version()))
//!     }
//! }
//!
//! #[derive(Default)]
//! struct ListBuilder;
//!
//! impl StoreBuilder for ListBuilder {
//!     type Store = ListStore;
//!     type Guard = ListStore;
//!
//!     async fn build(&self, _: StoreOptions) -> Result<(ListStore, ListStore), BoxError> {
//!         let store = ListStore::default();
//!         Ok((store.clone(), store))
//!     }
//!
//!     async fn reopen(&self, guard: &ListStore) -> Result<ListStore, BoxError> {
//!         Ok(guard.clone())
//!     }
//!
//!     fn effort(&self) -> Effort {
//!         Effort::LOCAL.writers(20).rounds(5)
//!     }
//! }
//!
//! // In `tests/conformance.rs`: a `#[test]` for each case.
//! aether_testkit::conformance! {
//!     mod list_store { builder: ListBuilder::default(), sections: [events] }
//! }
//!
//! // Or as values, from the same list of cases.
//! # fn main() -> Result<(), BoxError> {
//! let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
//! let report = runtime.block_on(Suite::new(ListBuilder).events().run());
//! assert_eq!(report.failures().count(), 0, "{report}");
//! # Ok(())
//! # }
//! ```
//!
//! # The sections
//!
//! | section | clauses | what it proves | needs |
//! |---|---|---|---|
//! | `events` | 1 to 8, 12 | versions rise, expectations hold, commits are whole, one writer wins, repeats are recognised, reads are complete and see what was saved, a dropped save leaves nothing half done | [`EventStore`] |
//! | `notices` | 11 | who listens is told of each stored event once, in order, and of nothing else | [`StoreOptions::notices`] |
//! | `snapshots` | 10 | the newest snapshot wins, a replay from it arrives where a full one does | [`SnapshotStore`] |
//! | `feed` | 13 | each event once, in one order, from any position, from history to live without a seam | [`EventFeed`] |
//! | `corruption` | 9 | what can't be read is reported, never passed over | [`PlantMalformedEvent`] |
//! | `snapshot_corruption` | 10 | so is a snapshot, and everything is replayed | [`PlantUndecodableSnapshot`], [`SnapshotStore`] |
//! | `feed_corruption` | 9, 13 | and in the feed, which goes on | [`PlantMalformedEvent`], [`EventFeed`] |
//! | `retention` | 14 | what has not expired is whole, what has is not passed over, versions go on | [`ExpireHistory`] |
//! | `snapshot_retention` | 14 | a snapshot stands in for what it covers, and for nothing else | [`ExpireHistory`], [`SnapshotStore`] |
//! | `feed_retention` | 13, 14 | a feed does not resume where events are missing | [`ExpireHistory`], [`EventFeed`] |
//!
//! A case's name begins with its clause, so the tests of one clause are
//! `cargo test clause_06`. In the section `events`:
//!
//! | clause | cases |
//! |---|---|
//! | 1 append-only | refused, repeated and mismatching calls change nothing |
//! | 2 rising versions | the first version, gaps, the latest again, anything below it, numbers and not text, actors apart, the highest version there is |
//! | 3 expectations | each kind, in success and in failure; what a conflict says, to the letter; how drafts are numbered; what another handle saved |
//! | 4 atomic commits | whole or not at all, also to readers meanwhile; 1,000 events; what is no commit |
//! | 5 one winner | two writers, many, two handles, overlapping commits, rivals by expectation; complete histories after races on one actor and on many |
//! | 6 repeats | an event, a commit, parts of one, of several, late, through another handle, whatever it expects; other content; another id; partial overlaps; drafts; many at once |
//! | 7 reading one's writes | in the same handle at once, in another soon |
//! | 8 complete reads | from a version, a gap, beyond the end; until a version, a time; long histories; equal in every part; streams that are moved, dropped, read beside appends; ids that trap the careless |
//! | 12 cancellation | a save that is dropped after each of its polls, or aborted at random |
//! | 1 to 8 | generated sequences of calls against the simplest model, shrunk to the shortest that fails |
//!
//! # How a case runs
//!
//! Each test runs its case on a tokio runtime of its own (four threads, I/O and time enabled), for
//! at most [`DEADLINE`]; a store that hangs fails. What must come within a time (a notice, the
//! next item of a feed) is waited for with the builder's [patience](Effort::patience); nothing
//! else depends on a clock. A case fails with a sentence: the clause, what was expected, what was
//! seen, and where in the suite that was asked.
//!
//! # Wrappers
//!
//! - [`Boxed`] calls a store through the `dyn` forms of the traits.
//! - [`Faulty`] puts faults in front of a store, by a seeded [`FaultPlan`]: calls that stop and let
//!   others go first, calls that never arrive, acknowledgements that are lost, streams that break.
//! - [`Resolving`] saves again until it knows. `Resolving<Faulty<S>>` passes the suite if `S` does:
//!   that is what makes a lost acknowledgement harmless (clause 6).
//! - [`wrapped`] gives the builder for any of them, and for wrappers of your own.
//! - [`RecordingBroadcaster`] remembers what it was told.
//!
//! # Does it bite?
//!
//! The suite is tested itself: a naive, correct store passes every case, and more than a hundred
//! stores with one mistake each fail exactly the cases that a table names
//! (`tests/testkit/teeth`). Every case is failed by at least one of them.
//!
//! [`EventStore`]: aether_core::EventStore
//! [`SnapshotStore`]: aether_core::SnapshotStore
//! [`EventFeed`]: aether_core::EventFeed

mod boxed;
mod builder;
mod capability;
mod case;
mod cases;
mod check;
mod conformance;
mod context;
mod effort;
mod failure;
mod fault_plan;
mod faulty;
mod feed_reader;
mod interleave;
mod list;
mod property;
mod recording_broadcaster;
mod resolving;
mod rng;
mod run;
mod sample;
mod suite;
mod wrapped;

pub use boxed::Boxed;
pub use builder::{Notices, StoreBuilder, StoreOptions};
pub use capability::{ExpireHistory, PlantMalformedEvent, PlantUndecodableSnapshot};
pub use case::Case;
pub use context::Context;
pub use effort::Effort;
pub use failure::{Failure, Outcome};
pub use fault_plan::FaultPlan;
pub use faulty::{Faulty, Injected};
pub use recording_broadcaster::RecordingBroadcaster;
pub use resolving::Resolving;
pub use run::DEADLINE;
pub use suite::{Report, Suite};
pub use wrapped::{Wrapped, wrapped};
