//! Feeds in the workers: what they are asked, what they wrote down, and whether that is so.

pub(crate) mod check;
pub(crate) mod lines;
pub(crate) mod reader;
pub(crate) mod teeth;
