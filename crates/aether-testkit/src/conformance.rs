//! The macro that makes a test of each case.

/// Makes a `#[test]` of each case of the sections that a store claims.
///
/// The module's name is the author's, the tests are in modules named as the sections:
/// `memory::events::clause_05_two_writers_racing_for_one_version_leave_one_winner`. What is not
/// claimed emits no test. `builder` is an expression that gives a
/// [`StoreBuilder`](crate::StoreBuilder); each test evaluates it anew. The sections, and what
/// each demands of the builder and of the store, are the methods of [`Suite`](crate::Suite).
///
/// ```
/// # use aether_core::{ActorId, Appended, BoxError, Commit, EventStore, EventStream, StoreError, Version};
/// # #[derive(Clone, Default)] struct MyStore;
/// # impl EventStore for MyStore {
/// #     async fn append(&self, _: Commit) -> Result<Appended, StoreError> { Err(StoreError::Closed) }
/// #     fn events(&self, _: &ActorId, _: Version) -> EventStream { Box::pin(futures_util::stream::empty()) }
/// #     async fn latest_version(&self, _: &ActorId) -> Result<Version, StoreError> { Ok(Version::ZERO) }
/// # }
/// # #[derive(Default)] struct MyBuilder;
/// # impl aether_testkit::StoreBuilder for MyBuilder {
/// #     type Store = MyStore;
/// #     type Guard = MyStore;
/// #     async fn build(&self, _: aether_testkit::StoreOptions) -> Result<(MyStore, MyStore), BoxError> {
/// #         Ok((MyStore, MyStore))
/// #     }
/// #     async fn reopen(&self, guard: &MyStore) -> Result<MyStore, BoxError> { Ok(guard.clone()) }
/// # }
/// use aether_testkit::{Boxed, wrapped};
///
/// aether_testkit::conformance! {
///     mod my_store { builder: MyBuilder::default(), sections: [events] }
///
///     // The same cases through `dyn DynEventStore`.
///     mod my_store_boxed { builder: wrapped(MyBuilder::default(), Boxed::new), sections: [events] }
/// }
/// # fn main() {}
/// ```
///
/// It needs nothing but this crate, under whatever name:
///
/// ```
/// # use aether_core::{ActorId, Appended, BoxError, Commit, EventStore, EventStream, StoreError, Version};
/// # #[derive(Clone, Default)] struct MyStore;
/// # impl EventStore for MyStore {
/// #     async fn append(&self, _: Commit) -> Result<Appended, StoreError> { Err(StoreError::Closed) }
/// #     fn events(&self, _: &ActorId, _: Version) -> EventStream { Box::pin(futures_util::stream::empty()) }
/// #     async fn latest_version(&self, _: &ActorId) -> Result<Version, StoreError> { Ok(Version::ZERO) }
/// # }
/// # struct MyBuilder;
/// # impl aether_testkit::StoreBuilder for MyBuilder {
/// #     type Store = MyStore;
/// #     type Guard = MyStore;
/// #     async fn build(&self, _: aether_testkit::StoreOptions) -> Result<(MyStore, MyStore), BoxError> {
/// #         Ok((MyStore, MyStore))
/// #     }
/// #     async fn reopen(&self, guard: &MyStore) -> Result<MyStore, BoxError> { Ok(guard.clone()) }
/// # }
/// extern crate aether_testkit as suite_of_stores;
///
/// suite_of_stores::conformance! {
///     #[cfg(unix)]
///     mod my_store { builder: MyBuilder, sections: [events, notices] }
/// }
/// # fn main() {}
/// ```
///
/// A section that the store can't claim does not compile:
///
/// ```compile_fail,E0599
/// # use aether_core::{ActorId, Appended, BoxError, Commit, EventStore, EventStream, StoreError, Version};
/// # #[derive(Clone, Default)] struct MyStore;
/// # impl EventStore for MyStore {
/// #     async fn append(&self, _: Commit) -> Result<Appended, StoreError> { Err(StoreError::Closed) }
/// #     fn events(&self, _: &ActorId, _: Version) -> EventStream { Box::pin(futures_util::stream::empty()) }
/// #     async fn latest_version(&self, _: &ActorId) -> Result<Version, StoreError> { Ok(Version::ZERO) }
/// # }
/// # struct MyBuilder;
/// # impl aether_testkit::StoreBuilder for MyBuilder {
/// #     type Store = MyStore;
/// #     type Guard = MyStore;
/// #     async fn build(&self, _: aether_testkit::StoreOptions) -> Result<(MyStore, MyStore), BoxError> {
/// #         Ok((MyStore, MyStore))
/// #     }
/// #     async fn reopen(&self, guard: &MyStore) -> Result<MyStore, BoxError> { Ok(guard.clone()) }
/// # }
/// let suite = aether_testkit::Suite::new(MyBuilder).snapshots(); // MyStore has no snapshots
/// ```
#[macro_export]
macro_rules! conformance {
    ($(
        $(#[$attribute:meta])*
        $visibility:vis mod $name:ident {
            builder: $builder:expr,
            sections: [$($section:ident),+ $(,)?] $(,)?
        }
    )+) => {$(
        $(#[$attribute])*
        $visibility mod $name {
            #[allow(unused_imports, reason = "for what the builder's expression names")]
            use super::*;

            $crate::__conformance_sections! { ($builder) $($section)+ }
        }
    )+};
}

/// Makes a module of each section.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_sections {
    (($builder:expr) $($section:ident)+) => {$(
        mod $section {
            #[allow(unused_imports, reason = "for what the builder's expression names")]
            use super::*;

            // Once for each section: a closure in the builder's expression is a type of its own
            // wherever it is written, and would have every case compiled for every test.
            #[track_caller]
            fn check(case: &str) {
                $crate::Suite::new($builder).$section().check(case);
            }

            $crate::__cases! { $section [$crate::__conformance_tests] [check] }
        }
    )+};
}

/// Makes a test of each case of one section.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_tests {
    ([$check:ident] $section:ident; $($group:ident::$case:ident,)+) => {$(
        #[test]
        fn $case() {
            $check(stringify!($case));
        }
    )+};
}
