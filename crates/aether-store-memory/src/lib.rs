//! An event store in memory, for tests and for one process: the reference for Aether's store contract.
