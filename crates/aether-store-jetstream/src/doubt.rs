//! Whether a server is to be believed that says less than is known.

use std::time::Duration;

use tokio::time::Instant;

use crate::newest::OUTDATED_MAX;

/// How often it has to say so.
const BELIEVED_AFTER: u32 = 3;
/// How often it is asked meanwhile.
const ASKED_EVERY: Duration = Duration::from_millis(100);

/// The doubt in what a server says that may have been the leader and not know that it is none.
///
/// It lasts as long as that can, from when it was first said on: while nobody answers, nothing is
/// known.
#[derive(Debug)]
pub(crate) struct Doubt {
    lasts: Duration,
    said: Option<(Instant, u32)>,
}

impl Doubt {
    pub(crate) fn new() -> Self {
        Self::lasting(OUTDATED_MAX)
    }

    /// Where less is at stake.
    pub(crate) fn lasting(lasts: Duration) -> Self {
        Self { lasts, said: None }
    }

    /// It is said once more; whether it was said long enough to be believed. Pauses where not.
    pub(crate) async fn is_over(&mut self) -> bool {
        let (since, times) = self.said.get_or_insert((Instant::now(), 0));
        *times += 1;
        let is_over = *times > BELIEVED_AFTER && since.elapsed() >= self.lasts;
        if !is_over {
            tokio::time::sleep(ASKED_EVERY).await;
        }
        is_over
    }

    /// There was no answer: what was said before it counts no more.
    pub(crate) fn nobody_answers(&mut self) {
        self.said = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_said_long_enough_is_believed_and_silence_does_not_count() {
        let mut doubt = Doubt::new();
        let begun = Instant::now();
        while !doubt.is_over().await {}
        assert!((OUTDATED_MAX..OUTDATED_MAX * 2).contains(&begun.elapsed()));

        let mut doubt = Doubt::new();
        assert!(!doubt.is_over().await);
        doubt.nobody_answers();
        tokio::time::sleep(OUTDATED_MAX).await;
        assert!(!doubt.is_over().await);
        // Once is not enough, however long ago.
        tokio::time::sleep(OUTDATED_MAX).await;
        assert!(!doubt.is_over().await);
    }
}
