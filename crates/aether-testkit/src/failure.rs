//! What a case says when a store does not keep a clause.

use std::fmt;
use std::panic::Location;

/// What a case ends with.
pub type Outcome = Result<(), Failure>;

/// What a case expected and what it saw instead, and where in the suite that was.
#[derive(Debug, Clone)]
pub struct Failure {
    message: String,
    location: &'static Location<'static>,
}

impl Failure {
    #[track_caller]
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self::at(Location::caller(), message)
    }

    pub(crate) fn at(location: &'static Location<'static>, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            location,
        }
    }

    /// The builder could not do its part.
    #[track_caller]
    pub(crate) fn environment(what: &str, error: &aether_core::BoxError) -> Self {
        let mut message = format!("the builder could not {what}: {error}");
        push_causes(&mut message, error.source());
        Self::new(message)
    }

    /// The same failure, its message led by what was going on.
    pub(crate) fn during(self, what: impl fmt::Display) -> Self {
        Self {
            message: format!("{what}: {}", self.message),
            ..self
        }
    }

    /// What was expected and what was seen.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  at {}", self.message, self.location)
    }
}

/// An error that the case has no use for is a failure: the store refused what it should take.
impl<E: std::error::Error> From<E> for Failure {
    #[track_caller]
    fn from(error: E) -> Self {
        let mut message = format!("an error that should not be: {error}");
        push_causes(&mut message, error.source());
        Self::new(message)
    }
}

/// Writes the causes behind an error that does not say them itself.
fn push_causes(message: &mut String, mut source: Option<&dyn std::error::Error>) {
    while let Some(cause) = source {
        let text = cause.to_string();
        if !message.ends_with(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
        source = cause.source();
    }
}
