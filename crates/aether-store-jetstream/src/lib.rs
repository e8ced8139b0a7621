//! An event store on NATS JetStream with optimistic concurrency that the server enforces.
