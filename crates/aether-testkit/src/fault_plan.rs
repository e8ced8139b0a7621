//! Which faults a wrapper injects, as data.

/// Which faults a [`Faulty`](crate::Faulty) store injects, and how often. The same plan injects
/// the same faults into the same calls.
///
/// ```
/// use aether_testkit::FaultPlan;
///
/// // Every third acknowledgement is lost, every fifth call never arrives, and around each call
/// // up to 4 times other tasks go first.
/// let plan = FaultPlan::seeded(7).lost_acknowledgements(3).unavailable(5).yields(4);
/// assert!(plan != FaultPlan::seeded(7));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FaultPlan {
    /// Where the random numbers begin: how often other tasks go first, and which call of a group
    /// is hit.
    pub seed: u64,
    /// How often, at most, other tasks go first: before a call reaches the store, after it, and
    /// before each item of a stream. 0 for never.
    pub yields: u32,
    /// One in so many calls fails with `Unavailable` before it reaches the store. 0 for none.
    pub unavailable: u32,
    /// Of the appends that stored something, one in so many answers `Indeterminate` though it did.
    /// 0 for none.
    pub lost_acknowledgements: u32,
    /// One in so many items of a stream is replaced by `Unavailable`, which ends the stream.
    /// 0 for none.
    pub broken_streams: u32,
}

impl FaultPlan {
    /// No faults.
    #[must_use]
    pub const fn seeded(seed: u64) -> Self {
        Self {
            seed,
            yields: 0,
            unavailable: 0,
            lost_acknowledgements: 0,
            broken_streams: 0,
        }
    }

    /// With other tasks going first, up to so many times at each place.
    #[must_use]
    pub const fn yields(mut self, at_most: u32) -> Self {
        self.yields = at_most;
        self
    }

    /// With one in so many calls that fails before it reaches the store; 0 for none.
    #[must_use]
    pub const fn unavailable(mut self, one_in: u32) -> Self {
        self.unavailable = one_in;
        self
    }

    /// With one in so many acknowledgements lost; 0 for none.
    #[must_use]
    pub const fn lost_acknowledgements(mut self, one_in: u32) -> Self {
        self.lost_acknowledgements = one_in;
        self
    }

    /// With one in so many items of streams replaced by an error that ends the stream; 0 for none.
    #[must_use]
    pub const fn broken_streams(mut self, one_in: u32) -> Self {
        self.broken_streams = one_in;
        self
    }
}
