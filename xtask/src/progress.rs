//! Showing that something takes its time: a spinner at a terminal, plain lines elsewhere.

use std::future::Future;
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How often the spinner turns.
const TICK: Duration = Duration::from_millis(100);

/// How often a plain line says that it still goes on.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Awaits the work and shows for how long.
pub(crate) async fn watch<T>(what: &str, work: impl Future<Output = T>) -> T {
    if std::io::stderr().is_terminal() {
        watch_on_terminal(what, work).await
    } else {
        watch_in_lines(what, work).await
    }
}

async fn watch_on_terminal<T>(what: &str, work: impl Future<Output = T>) -> T {
    let bar = Spinner(ProgressBar::new_spinner());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        bar.0.set_style(style);
    }
    bar.0.set_message(what.to_owned());
    bar.0.enable_steady_tick(TICK);
    work.await
}

/// Clears its line however the work ends, cancellation included.
struct Spinner(ProgressBar);

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

async fn watch_in_lines<T>(what: &str, work: impl Future<Output = T>) -> T {
    eprintln!("{what} ...");
    let started = Instant::now();
    let mut heartbeat = tokio::time::interval_at((started + HEARTBEAT).into(), HEARTBEAT);
    tokio::pin!(work);
    loop {
        tokio::select! {
            result = &mut work => return result,
            _ = heartbeat.tick() => {
                eprintln!("{what} ... still at it after {} s", started.elapsed().as_secs());
            }
        }
    }
}
