//! Properties of async code: generated input, and the smallest one that fails.

use std::fmt::Debug;
use std::future::Future;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::{Failure, Outcome};

/// The most attempts at making a failing input smaller.
const SHRINK_STEPS_MAX: usize = 500;

/// Tries generated inputs, the same ones in every run; of one that fails, the smallest that fails
/// as well is reported.
///
/// `proptest`'s own runner would block the thread of the runtime that drives the store.
pub(crate) async fn holds<S, F>(
    cases: u32,
    strategy: S,
    property: impl Fn(S::Value) -> F,
) -> Outcome
where
    S: Strategy<Value: Debug, Tree: Send>,
    F: Future<Output = Outcome>,
{
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        TestRng::deterministic_rng(RngAlgorithm::ChaCha),
    );
    for _ in 0..cases {
        let tree = strategy.new_tree(&mut runner);
        let mut tree =
            tree.map_err(|reason| Failure::new(format!("no input could be made: {reason}")))?;
        if let Err(failure) = property(tree.current()).await {
            return Err(shrink(&mut tree, failure, property).await);
        }
    }
    Ok(())
}

async fn shrink<T, F>(
    tree: &mut T,
    mut failure: Failure,
    property: impl Fn(T::Value) -> F,
) -> Failure
where
    T: ValueTree<Value: Debug>,
    F: Future<Output = Outcome>,
{
    let mut smallest = format!("{:#?}", tree.current());
    let mut going = tree.simplify();
    for _ in 0..SHRINK_STEPS_MAX {
        if !going {
            break;
        }
        let input = tree.current();
        let text = format!("{input:#?}");
        going = match property(input).await {
            Err(smaller) => {
                (failure, smallest) = (smaller, text);
                tree.simplify()
            }
            Ok(()) => tree.complicate(),
        };
    }
    failure.during(format_args!("after these calls, {smallest}"))
}
