//! Stores that keep the wrong snapshot (clause 10).

super::teeth! {
    // The last snapshot that is saved is the latest.
    replaces_newer_snapshots: ReplacesNewerSnapshots fails {
        snapshots: [
            clause_10_an_older_snapshot_never_replaces_a_newer,
            clause_10_many_savers_at_once_leave_the_newest,
            clause_10_snapshots_leave_the_history_as_it_is,
            clause_10_any_snapshots_do_what_the_model_does,
        ]
    }

    // Compares snapshots' versions as text.
    compares_snapshot_versions_as_text: ComparesSnapshotVersionsAsText fails {
        snapshots: [
            clause_10_the_newest_snapshot_is_the_latest,
            clause_10_an_older_snapshot_never_replaces_a_newer,
            clause_10_a_snapshot_comes_back_equal_in_every_part,
            clause_10_many_savers_at_once_leave_the_newest,
            clause_10_any_snapshots_do_what_the_model_does,
        ]
    }

    // A snapshot of the same version does not replace.
    keeps_the_first_of_one_version: KeepsTheFirstOfOneVersion fails {
        snapshots: [
            clause_10_a_snapshot_of_the_same_version_replaces_it,
            clause_10_a_snapshot_comes_back_equal_in_every_part,
            clause_10_any_snapshots_do_what_the_model_does,
        ]
    }

    // Compares snapshots' versions, and replaces after others had their turn.
    compares_snapshots_then_replaces: ComparesSnapshotsThenReplaces fails {
        snapshots: [
            clause_10_many_savers_at_once_leave_the_newest,
        ]
    }

    // Always says that a snapshot was saved.
    says_saved_of_older_snapshots: SaysSavedOfOlderSnapshots fails {
        snapshots: [
            clause_10_an_older_snapshot_never_replaces_a_newer,
            clause_10_any_snapshots_do_what_the_model_does,
        ]
    }

    // Forgets the position of a snapshot.
    loses_snapshot_positions: LosesSnapshotPositions fails {
        snapshots: [
            clause_10_a_snapshot_comes_back_equal_in_every_part,
            clause_10_a_snapshot_taken_after_a_replay_is_where_the_next_begins,
        ]
    }

    // A missing snapshot is an error.
    fails_without_a_snapshot: FailsWithoutASnapshot fails {
        snapshots: [
            clause_10_an_actor_without_a_snapshot_has_none,
            clause_10_a_replay_without_a_snapshot_reads_everything,
        ]
    }

    // The latest version is at least the snapshot's, though there is no retention.
    counts_snapshots_as_events: CountsSnapshotsAsEvents fails {
        snapshots: [
            clause_10_a_snapshot_ahead_of_the_history_is_reported,
            clause_10_any_snapshots_do_what_the_model_does,
        ]
    }

    // Removes the events that a snapshot covers.
    compacts_behind_snapshots: CompactsBehindSnapshots fails {
        snapshots: [
            clause_10_snapshots_leave_the_history_as_it_is,
            clause_10_a_snapshot_ahead_of_the_history_is_reported,
            clause_10_a_replay_until_a_version_starts_from_a_snapshot_that_is_not_past_it,
            clause_10_a_replay_until_a_time_starts_from_a_snapshot_that_is_not_past_it,
        ]
        snapshot_corruption: [
            clause_10_an_undecodable_snapshot_costs_a_full_replay,
        ]
        snapshot_retention: [
            clause_14_a_snapshot_past_a_bound_does_not_stand_in_for_what_has_expired,
        ]
    }

    // Removes the snapshot when an event is appended.
    forgets_snapshots_on_append: ForgetsSnapshotsOnAppend fails {
        snapshots: [
            clause_10_snapshots_leave_the_history_as_it_is,
            clause_10_any_snapshots_do_what_the_model_does,
        ]
        snapshot_retention: [
            clause_14_the_latest_version_is_never_below_the_snapshot,
        ]
    }

    // Has one snapshot for each category.
    keeps_one_snapshot_per_category: KeepsOneSnapshotPerCategory fails {
        snapshots: [
            clause_10_an_actor_without_a_snapshot_has_none,
            clause_10_an_older_snapshot_never_replaces_a_newer,
            clause_10_each_actor_has_a_snapshot_of_its_own,
            clause_10_many_savers_at_once_leave_the_newest,
            clause_10_snapshots_leave_the_history_as_it_is,
            clause_10_any_snapshots_do_what_the_model_does,
        ]
        snapshot_corruption: [
            clause_10_an_undecodable_snapshot_is_reported,
            clause_10_an_undecodable_snapshot_costs_a_full_replay,
        ]
        snapshot_retention: [
            clause_14_a_snapshot_stands_in_for_what_has_expired,
            clause_14_the_latest_version_is_never_below_the_snapshot,
        ]
    }

    // Keeps the snapshots of each handle apart.
    hides_snapshots_from_other_handles: HidesSnapshotsFromOtherHandles fails {
        snapshots: [
            clause_10_an_older_snapshot_never_replaces_a_newer,
            clause_10_a_snapshot_is_seen_through_another_handle,
        ]
        snapshot_corruption: [
            clause_10_an_undecodable_snapshot_is_reported,
            clause_10_an_undecodable_snapshot_costs_a_full_replay,
        ]
        snapshot_retention: [
            clause_14_a_snapshot_stands_in_for_what_has_expired,
            clause_14_the_latest_version_is_never_below_the_snapshot,
        ]
    }
}
