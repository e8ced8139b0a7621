//! Whether a server is to be believed that says less than is known.

use std::time::Duration;

use tokio::time::Instant;

/// How long a leader may take itself for one that has lost the others: it looks every ten seconds
/// whether it has heard of a majority within the last ten (`lostQuorumInterval` and
/// `lostQuorumCheckInterval` of the server's `raft.go`).
pub(crate) const OLD_LEADER_MAX: Duration = Duration::from_secs(20);
/// How long an old leader may answer beside a new one, to who asks both by one connection: as long
/// as the longest election that was seen, and a little less than the default deadline of a call.
pub(crate) const OUTDATED_MAX: Duration = Duration::from_secs(9);
/// How often it has to say so, and then once more.
const BELIEVED_AFTER: u32 = 3;
/// How long it may take at least from one time to the next: a request that is answered late, and a
/// pause.
const SILENCE_LEAST: Duration = Duration::from_secs(3);
/// How often it is asked meanwhile.
const ASKED_EVERY: Duration = Duration::from_millis(100);

/// The doubt in what a server says that may have been the leader and not know that it is none.
///
/// It lasts as long as that can, from when it was first said on. Whoever is silent for longer than a
/// moment has to say it all again: while nobody answers, nothing is known.
#[derive(Debug)]
pub(crate) struct Doubt {
    lasts: Duration,
    silence_max: Duration,
    said: Option<Said>,
}

#[derive(Debug, Clone, Copy)]
struct Said {
    first: Instant,
    last: Instant,
    times: u32,
}

impl Doubt {
    pub(crate) fn lasting(lasts: Duration) -> Self {
        Self {
            lasts,
            silence_max: SILENCE_LEAST.max(lasts / 3),
            said: None,
        }
    }

    /// The same where it is not asked again and again: whoever is silent in between has not said
    /// otherwise.
    pub(crate) fn whatever_the_silence(self) -> Self {
        Self {
            silence_max: Duration::MAX,
            ..self
        }
    }

    /// It is said once more; whether it was said long enough to be believed.
    pub(crate) fn is_said(&mut self) -> bool {
        let now = Instant::now();
        let said = self.said.filter(|said| now - said.last <= self.silence_max);
        let said = said.map_or((now, 1), |said| (said.first, said.times + 1));
        let (first, times) = said;
        self.said = Some(Said {
            first,
            last: now,
            times,
        });
        times > BELIEVED_AFTER && now - first >= self.lasts
    }

    /// The same for who asks until it is over: pauses where it is not.
    pub(crate) async fn is_over(&mut self) -> bool {
        let is_over = self.is_said();
        if !is_over {
            tokio::time::sleep(ASKED_EVERY).await;
        }
        is_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_said_long_enough_is_believed_and_silence_does_not_count() {
        let mut doubt = Doubt::lasting(OUTDATED_MAX);
        let begun = Instant::now();
        while !doubt.is_over().await {}
        assert!((OUTDATED_MAX..OUTDATED_MAX * 2).contains(&begun.elapsed()));

        // However often it is said: between these times it may have been otherwise.
        let mut doubt = Doubt::lasting(OUTDATED_MAX);
        for _ in 0..10 {
            assert!(!doubt.is_over().await);
            tokio::time::sleep(SILENCE_LEAST).await;
        }
        // Unless nobody asks all the time.
        let mut doubt = Doubt::lasting(OUTDATED_MAX).whatever_the_silence();
        for _ in 0..BELIEVED_AFTER {
            assert!(!doubt.is_said());
            tokio::time::sleep(OUTDATED_MAX).await;
        }
        assert!(doubt.is_said());
        // Once is not enough, however short the doubt.
        let mut doubt = Doubt::lasting(Duration::ZERO);
        for _ in 0..BELIEVED_AFTER {
            assert!(!doubt.is_said());
        }
        assert!(doubt.is_said());
    }
}
