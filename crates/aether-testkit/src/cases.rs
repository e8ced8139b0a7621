//! The cases, by what they are about. Each is one `async fn` that a line of
//! [the list](crate::list) names.

pub(crate) mod atomic;
pub(crate) mod bounds;
pub(crate) mod cancellation;
pub(crate) mod corruption;
pub(crate) mod equality;
pub(crate) mod expectations;
pub(crate) mod feed;
pub(crate) mod feed_live;
pub(crate) mod ids;
pub(crate) mod model;
pub(crate) mod notices;
pub(crate) mod races;
pub(crate) mod reading;
pub(crate) mod repeats;
pub(crate) mod retention;
pub(crate) mod rising;
pub(crate) mod snapshots;
