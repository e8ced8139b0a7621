//! Stores that forget more than what has expired (clause 14).

super::teeth! {
    // A history without its beginning is read as if it were whole.
    passes_over_what_has_expired: PassesOverWhatHasExpired fails {
        retention: [
            clause_14_an_expired_beginning_is_not_passed_over,
        ]
        snapshot_retention: [
            clause_14_a_snapshot_before_what_has_expired_does_not_stand_in,
            clause_14_a_snapshot_past_a_bound_does_not_stand_in_for_what_has_expired,
        ]
    }

    // No read begins where the beginning has expired.
    refuses_what_has_not_expired: RefusesWhatHasNotExpired fails {
        retention: [
            clause_14_what_has_not_expired_is_read_completely,
            clause_14_versions_rise_from_where_they_were,
        ]
    }

    // Versions begin anew where everything has expired.
    begins_versions_anew: BeginsVersionsAnew fails {
        retention: [
            clause_14_versions_rise_from_where_they_were,
        ]
        snapshot_retention: [
            clause_14_the_latest_version_is_never_below_the_snapshot,
        ]
    }

    // The latest version is that of the last event that can be read, or 0.
    falls_back_behind_the_snapshot: FallsBackBehindTheSnapshot fails {
        snapshot_retention: [
            clause_14_the_latest_version_is_never_below_the_snapshot,
        ]
    }

    // A snapshot does not stand in for what has expired.
    wants_what_the_snapshot_covers: WantsWhatTheSnapshotCovers fails {
        snapshot_retention: [
            clause_14_a_snapshot_stands_in_for_what_has_expired,
            clause_14_the_latest_version_is_never_below_the_snapshot,
        ]
    }

    // Any snapshot stands in for what has expired.
    trusts_any_snapshot: TrustsAnySnapshot fails {
        snapshot_retention: [
            clause_14_a_snapshot_before_what_has_expired_does_not_stand_in,
            clause_14_a_snapshot_past_a_bound_does_not_stand_in_for_what_has_expired,
        ]
    }

    // A snapshot that covers what has expired stands in for it in every read.
    trusts_snapshots_in_every_read: TrustsSnapshotsInEveryRead fails {
        snapshot_retention: [
            clause_14_a_snapshot_past_a_bound_does_not_stand_in_for_what_has_expired,
        ]
    }

    // The feed goes on where events are missing.
    feed_passes_over_what_has_expired: FeedPassesOverWhatHasExpired fails {
        feed_retention: [
            clause_14_a_feed_does_not_resume_before_what_has_expired,
        ]
    }

    // The feed begins with the first event that there ever was, or not at all.
    feed_misses_its_beginning: FeedMissesItsBeginning fails {
        feed_retention: [
            clause_14_a_feed_gives_each_event_that_has_not_expired,
        ]
    }
}
