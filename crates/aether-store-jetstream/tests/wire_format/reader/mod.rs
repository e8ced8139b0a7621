//! A reader of what Aether stores, written from `docs/wire-format.md` and from nothing else.
//!
//! It uses a NATS client, JSON, Base64 and SHA-256 from libraries, and nothing of Aether: what is
//! here is what somebody would write in another language. Where the page and this disagree, one
//! of them is wrong; where this and Aether disagree, too.

pub(crate) mod body;
pub(crate) mod chain;
pub(crate) mod history;
pub(crate) mod json;
pub(crate) mod messages;
pub(crate) mod msgpack;
pub(crate) mod names;
pub(crate) mod position;
pub(crate) mod snapshot;
pub(crate) mod time;
