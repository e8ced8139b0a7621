//! Which faults come when, at random by seed. Pure.

use std::time::Duration;

use crate::rng::Rng;

/// What can be done to the servers and to the workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Fault {
    KillServer,
    KillLeader,
    StopServer,
    PauseServer,
    PauseLeader,
    PauseTwo,
    StepDown,
    CutWorker,
    LoseAcknowledgements,
    KillWorker,
}

pub(crate) const SERVER_FAULTS: [Fault; 7] = [
    Fault::KillServer,
    Fault::KillLeader,
    Fault::StopServer,
    Fault::PauseServer,
    Fault::PauseLeader,
    Fault::PauseTwo,
    Fault::StepDown,
];
pub(crate) const WORKER_FAULTS: [Fault; 3] = [
    Fault::CutWorker,
    Fault::LoseAcknowledgements,
    Fault::KillWorker,
];
/// For a run too short for all of them.
pub(crate) const SHORT_SERVER_FAULTS: [Fault; 3] =
    [Fault::StepDown, Fault::KillServer, Fault::PauseLeader];

impl Fault {
    /// How often it must have been injected in a run of this length, or the run proves little.
    pub(crate) fn minimum(self, minutes: u64) -> u64 {
        match self {
            // The servers need time to recover, so there is one of their faults at a time.
            _ if SERVER_FAULTS.contains(&self) => (minutes * 2 / 5).max(1),
            _ => (minutes * 2).max(1),
        }
    }
}

/// One fault that is to be injected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Planned {
    pub(crate) fault: Fault,
    /// After how long.
    pub(crate) after: Duration,
    pub(crate) lasts: Duration,
    /// Which server or worker, where it isn't the leader.
    pub(crate) target: usize,
}

/// Faults without an end, in rounds in which each kind comes once.
#[derive(Debug)]
pub(crate) struct Schedule {
    rng: Rng,
    kinds: &'static [Fault],
    round: Vec<Fault>,
    after_millis: (u64, u64),
    lasts_millis: (u64, u64),
}

impl Schedule {
    pub(crate) fn of_servers(seed: u64, kinds: &'static [Fault], lasts_millis: (u64, u64)) -> Self {
        Self {
            rng: Rng::named(seed, "servers"),
            kinds,
            round: Vec::new(),
            after_millis: (1_000, 4_000),
            lasts_millis,
        }
    }

    pub(crate) fn of_workers(seed: u64) -> Self {
        Self {
            rng: Rng::named(seed, "workers"),
            kinds: &WORKER_FAULTS,
            round: Vec::new(),
            after_millis: (500, 5_000),
            lasts_millis: (20, 500),
        }
    }
}

impl Iterator for Schedule {
    type Item = Planned;

    fn next(&mut self) -> Option<Planned> {
        if self.round.is_empty() {
            self.round = self.kinds.to_vec();
            self.rng.shuffle(&mut self.round);
        }
        let mut millis = |(low, high)| Duration::from_millis(self.rng.between(low, high));
        let (after, lasts) = (millis(self.after_millis), millis(self.lasts_millis));
        Some(Planned {
            fault: self.round.pop()?,
            after,
            lasts,
            target: usize::try_from(self.rng.below(3)).ok()?,
        })
    }
}
