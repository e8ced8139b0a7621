//! Distributed actors with event sourcing on NATS JetStream: one dependency for who wants one.
