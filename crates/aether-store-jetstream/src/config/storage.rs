//! Where the server keeps the streams.

use std::fmt;

/// Where the server keeps the streams. As text `file` or `memory`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Storage {
    /// On its disk.
    #[default]
    File,
    /// In its memory: for tests, and for what may be gone. A server that restarts has forgotten
    /// everything that no other replica knows.
    Memory,
}

impl Storage {
    pub(super) const EXPECTED: &str = "file or memory";

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::File, Self::Memory]
            .into_iter()
            .find(|storage| storage.to_string() == text)
    }
}

impl fmt::Display for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "file",
            Self::Memory => "memory",
        })
    }
}
