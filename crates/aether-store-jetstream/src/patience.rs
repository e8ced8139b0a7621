//! How long a call goes on trying, and how often.

use std::time::Duration;

use tokio::time::Instant;

/// The pause before the second try.
const PAUSE_FIRST: Duration = Duration::from_millis(5);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_millis(250);

/// How much longer a call goes on trying; each pause is twice the one before.
#[derive(Debug)]
pub(crate) struct Patience {
    started: Instant,
    limit: Duration,
    pause: Duration,
}

impl Patience {
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            started: Instant::now(),
            limit,
            pause: PAUSE_FIRST,
        }
    }

    /// There was progress: all the time again, and short pauses.
    pub(crate) fn renew(&mut self) {
        *self = Self::new(self.limit);
    }

    /// What is left; nothing when it is over.
    pub(crate) fn left(&self) -> Duration {
        self.limit.saturating_sub(self.started.elapsed())
    }

    pub(crate) fn is_over(&self) -> bool {
        self.left().is_zero()
    }

    /// How long one request may take.
    pub(crate) fn for_request(&self, timeout: Duration) -> Duration {
        timeout.min(self.left())
    }

    /// Pauses; false, at once, where the pause would be longer than what is left.
    pub(crate) async fn pause(&mut self) -> bool {
        let pause = self.pause;
        if pause >= self.left() {
            return false;
        }
        self.pause = (pause * 2).min(PAUSE_MAX);
        tokio::time::sleep(pause).await;
        true
    }
}
