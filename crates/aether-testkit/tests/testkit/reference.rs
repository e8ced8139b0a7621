//! A correct store passes every section, case by case by name.

use aether_testkit::{Boxed, wrapped};

use crate::support::ReferenceBuilder;

aether_testkit::conformance! {
    mod reference {
        builder: ReferenceBuilder,
        sections: [
            events, notices, snapshots, feed, corruption, snapshot_corruption, feed_corruption,
            retention, snapshot_retention, feed_retention,
        ],
    }
    mod boxed {
        builder: wrapped(ReferenceBuilder, Boxed::new),
        sections: [
            events, notices, snapshots, feed, corruption, snapshot_corruption, feed_corruption,
            retention, snapshot_retention, feed_retention,
        ],
    }
}
