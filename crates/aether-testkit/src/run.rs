//! The runtime and the deadline of a case.

use std::any::Any;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use crate::case::Run;
use crate::{Case, Context, Failure, Outcome, StoreBuilder};

/// How long a case may take. One that takes longer hangs, and fails.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// How long the builder may take to clean up after a case.
const CLEAN_UP_DEADLINE: Duration = Duration::from_secs(15);

/// How long to wait, after both deadlines, for a runtime whose threads are all blocked.
const BLOCKED_DEADLINE: Duration = Duration::from_secs(5);

/// Threads of a case's runtime: more than one, so that tasks truly run at once.
const WORKER_THREADS: usize = 4;

/// Runs a case in the runtime of the caller.
pub(crate) async fn case<B: StoreBuilder>(run: Run<B>, builder: Arc<B>) -> Outcome {
    let context = Arc::new(Context::new(builder));
    let mut task = tokio::spawn({
        let context = Arc::clone(&context);
        async move { run(&context).await }
    });
    let outcome = match tokio::time::timeout(DEADLINE, &mut task).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(ended)) => Err(match ended.try_into_panic() {
            Ok(panic) => Failure::new(format!("panicked: {}", panic_text(&*panic))),
            Err(ended) => Failure::from(ended),
        }),
        Err(_) => {
            task.abort();
            Err(Failure::new(format!("did not end within {DEADLINE:?}")))
        }
    };
    let cleaned = tokio::time::timeout(CLEAN_UP_DEADLINE, context.clean_up()).await;
    outcome.and(match cleaned {
        Ok(cleaned) => cleaned,
        Err(_) => Err(Failure::new(format!(
            "the builder did not clean up within {CLEAN_UP_DEADLINE:?}"
        ))),
    })
}

/// Runs a case on a runtime of its own, so that nothing which it leaves behind meets another.
pub(crate) fn on_own_runtime<B: StoreBuilder>(case: &Case<B>, builder: &Arc<B>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .enable_all()
        .thread_name("conformance")
        .build()?;
    let (done, outcome) = mpsc::channel();
    let (case, builder) = (case.clone(), Arc::clone(builder));
    runtime.spawn(async move {
        // The receiver is gone only if this came too late, and then nobody wants it.
        drop(done.send(case.run(&builder).await));
    });
    let outcome = outcome.recv_timeout(DEADLINE + CLEAN_UP_DEADLINE + BLOCKED_DEADLINE);
    runtime.shutdown_background();
    outcome.unwrap_or_else(|_| {
        Err(Failure::new(
            "did not end: the store blocks the threads of the runtime",
        ))
    })
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "with something that is not text",
    }
}
