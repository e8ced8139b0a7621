//! The suite's own tests: a correct store passes, wrappers pass, broken stores fail where they
//! should and nowhere else.

#![allow(clippy::unwrap_used, reason = "a test that panics says where")]

mod broken;
mod reference;
mod running;
mod support;
mod teeth;
mod wrappers;
