//! How much a case does to provoke a fault.

use std::time::Duration;

/// How much a case does to provoke a fault: chosen by the author of a builder, so that the suite
/// stays quick on a store behind a network.
///
/// The numbers change how likely a rare fault is seen, never what is asserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Effort {
    /// How many tasks race with one another; at least 2. 100 unless said otherwise.
    pub writers: usize,
    /// How many times what is random or a race is tried; at least 1. 30 unless said otherwise.
    pub rounds: usize,
    /// How many generated sequences of calls are compared with the model; at least 1. 64 unless
    /// said otherwise.
    pub sequences: u32,
    /// How long a case waits for one thing that must come (a notice, the next item of a feed,
    /// what another handle stored) before it fails. 10 seconds unless said otherwise.
    pub patience: Duration,
}

impl Effort {
    /// For a store that answers in microseconds; the default.
    pub const LOCAL: Self = Self {
        writers: 100,
        rounds: 30,
        sequences: 64,
        patience: Duration::from_secs(10),
    };

    /// For a store that answers in milliseconds.
    pub const NETWORK: Self = Self {
        writers: 40,
        rounds: 10,
        sequences: 16,
        patience: Duration::from_secs(10),
    };

    /// With this many tasks in a race, at least 2.
    #[must_use]
    pub const fn writers(mut self, writers: usize) -> Self {
        self.writers = if writers < 2 { 2 } else { writers };
        self
    }

    /// With this many rounds, at least 1.
    #[must_use]
    pub const fn rounds(mut self, rounds: usize) -> Self {
        self.rounds = if rounds < 1 { 1 } else { rounds };
        self
    }

    /// With this many generated sequences, at least 1.
    #[must_use]
    pub const fn sequences(mut self, sequences: u32) -> Self {
        self.sequences = if sequences < 1 { 1 } else { sequences };
        self
    }

    /// With this much patience.
    #[must_use]
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}

impl Default for Effort {
    fn default() -> Self {
        Self::LOCAL
    }
}
