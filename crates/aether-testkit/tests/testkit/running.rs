//! What a case makes of a builder or a store that does not play along.

use aether_core::{
    ActorId, Appended, BoxError, Commit, EventStore, EventStream, StoreError, Version,
};
use aether_testkit::{Report, StoreBuilder, StoreOptions, Suite};

/// How a store, or its builder, refuses to take part.
#[derive(Clone, Copy)]
enum Mood {
    CannotBeBuilt,
    CannotBeCleanedUp,
    Panics,
    Hangs,
}

impl StoreBuilder for Mood {
    type Store = Moody;
    type Guard = ();

    async fn build(&self, _: StoreOptions) -> Result<(Moody, ()), BoxError> {
        match self {
            Self::CannotBeBuilt => Err("no server at localhost:1".into()),
            mood => Ok((Moody(*mood), ())),
        }
    }

    async fn reopen(&self, (): &()) -> Result<Moody, BoxError> {
        Ok(Moody(*self))
    }

    async fn clean_up(&self, (): ()) -> Result<(), BoxError> {
        match self {
            Self::CannotBeCleanedUp => Err("the stream is still there".into()),
            _ => Ok(()),
        }
    }
}

struct Moody(Mood);

impl EventStore for Moody {
    async fn append(&self, _: Commit) -> Result<Appended, StoreError> {
        match self.0 {
            // Without the panic hook: this one is expected.
            Mood::Panics => std::panic::resume_unwind(Box::new("the store panics")),
            Mood::Hangs => std::future::pending().await,
            _ => Err(StoreError::Closed),
        }
    }

    fn events(&self, _: &ActorId, _: Version) -> EventStream {
        Box::pin(futures_util::stream::empty())
    }

    async fn latest_version(&self, _: &ActorId) -> Result<Version, StoreError> {
        Ok(Version::ZERO)
    }
}

/// Runs the suite on a paused clock, so that a deadline passes at once.
fn report(mood: Mood) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build();
    runtime.unwrap().block_on(Suite::new(mood).events().run())
}

#[test]
fn a_builder_that_can_not_build_fails_every_case_and_says_why() {
    let report = report(Mood::CannotBeBuilt);
    assert_eq!(report.failures().count(), report.len(), "{report}");
    for (_, failure) in report.failures() {
        assert!(
            failure.message().contains("no server at localhost:1"),
            "{failure}"
        );
    }
}

#[test]
fn a_store_that_panics_fails_its_cases() {
    let report = report(Mood::Panics);
    let panicked = |text: &str| text.contains("panicked: the store panics");
    assert!(
        report.failures().any(|(_, f)| panicked(f.message())),
        "{report}"
    );
    assert_eq!(report.failures().count(), report.len(), "{report}");
}

#[test]
fn a_store_that_hangs_fails_its_cases_at_the_deadline() {
    let report = report(Mood::Hangs);
    assert!(
        report
            .failures()
            .any(|(_, f)| f.message().contains("did not end within 60s"))
    );
    assert_eq!(report.failures().count(), report.len(), "{report}");
}

#[test]
fn what_can_not_be_cleaned_up_is_a_failure() {
    let report = report(Mood::CannotBeCleanedUp);
    assert_eq!(report.failures().count(), report.len(), "{report}");
}
