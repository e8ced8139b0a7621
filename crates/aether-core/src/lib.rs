//! The vocabulary of Aether: actors, versions, events, snapshots, and the contracts of the stores that keep them.
