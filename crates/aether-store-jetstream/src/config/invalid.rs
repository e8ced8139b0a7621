//! What is said of a setting that is wrong.

use aether_core::StoreError;

/// A field of a [`JetStreamConfig`](super::JetStreamConfig) that has a value which it can't have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} is {found}, it must be {expected}", self.what())]
#[non_exhaustive]
pub struct InvalidConfig {
    /// Which field.
    pub field: &'static str,
    /// The environment variable that sets it, where the configuration comes from the environment.
    pub variable: Option<&'static str>,
    /// What it is.
    pub found: String,
    /// What it must be.
    pub expected: String,
}

impl InvalidConfig {
    fn what(&self) -> String {
        match self.variable {
            None => self.field.to_owned(),
            Some(variable) => format!("{} ({variable})", self.field),
        }
    }
}

impl From<InvalidConfig> for StoreError {
    fn from(invalid: InvalidConfig) -> Self {
        Self::Misconfigured {
            what: invalid.what(),
            found: invalid.found,
            expected: invalid.expected,
        }
    }
}
