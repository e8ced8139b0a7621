//! What the tasks of one worker remember together.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;

use aether_core::{Event, ExpectedVersion};

use crate::rng::Rng;

/// How many acknowledged commits are kept to be repeated.
const ACKNOWLEDGED_MAX: usize = 500;

/// A commit with versions, under the name that it has in the log.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) events: Vec<Event>,
    pub(crate) expected: ExpectedVersion,
}

#[derive(Debug, Default)]
pub(crate) struct Memory {
    latest: Mutex<HashMap<String, u64>>,
    acknowledged: Mutex<VecDeque<Named>>,
    unresolved: Mutex<VecDeque<Named>>,
}

impl Memory {
    pub(crate) fn latest(&self, actor: &str) -> u64 {
        let latest = self.latest.lock().unwrap();
        latest.get(actor).copied().unwrap_or(0)
    }

    pub(crate) fn learn(&self, actor: &str, version: u64) {
        let mut latest = self.latest.lock().unwrap();
        let entry = latest.entry(actor.to_owned()).or_default();
        *entry = (*entry).max(version);
    }

    pub(crate) fn was_acknowledged(&self, commit: Named) {
        let mut acknowledged = self.acknowledged.lock().unwrap();
        if acknowledged.len() == ACKNOWLEDGED_MAX {
            acknowledged.pop_front();
        }
        acknowledged.push_back(commit);
    }

    /// Any of the last that were acknowledged.
    pub(crate) fn some_acknowledged(&self, rng: &mut Rng) -> Option<Named> {
        let acknowledged = self.acknowledged.lock().unwrap();
        let index = rng.below(acknowledged.len().max(1) as u64);
        acknowledged.get(usize::try_from(index).unwrap()).cloned()
    }

    pub(crate) fn is_unresolved(&self, commit: Named) {
        self.unresolved.lock().unwrap().push_back(commit);
    }

    /// Takes out the commit that has waited longest to be resolved.
    pub(crate) fn next_unresolved(&self) -> Option<Named> {
        self.unresolved.lock().unwrap().pop_front()
    }
}
