//! Who publishes: one incarnation of a node.

use std::fmt;

use ulid::Ulid;

/// One incarnation of a node: a bus that was begun anew, even in the same process, is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Origin(Ulid);

impl Origin {
    pub(crate) fn new() -> Self {
        Self(Ulid::generate())
    }

    pub(crate) fn read(text: &str) -> Option<Self> {
        let ulid = Ulid::from_string(text).ok()?;
        // One text for each.
        let mut same = [0; ulid::ULID_LEN];
        (ulid.array_to_str(&mut same) == text).then_some(Self(ulid))
    }
}

impl Origin {
    pub(crate) fn write_to(self, text: &mut String) {
        let mut digits = [0; ulid::ULID_LEN];
        text.push_str(self.0.array_to_str(&mut digits));
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
