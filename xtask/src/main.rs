//! Builds, checks and tests Aether.
fn main() {}
