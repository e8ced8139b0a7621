//! Stores that are read wrongly (clauses 7 and 8).

super::teeth! {
    // The latest version is remembered until the history is read.
    remembers_the_latest_version: RemembersTheLatestVersion fails {
        events: [
            clause_07_a_save_is_seen_by_every_read_that_starts_later,
        ]
    }

    // What was saved is shown to others only after they had a turn.
    shows_saves_later: ShowsSavesLater fails {
        events: [
            clause_01_no_call_changes_or_removes_what_is_stored,
            clause_02_the_first_version_is_any_above_zero,
            clause_02_versions_may_have_gaps,
            clause_02_the_latest_version_is_not_saved_again,
            clause_02_no_version_below_the_latest_is_saved,
            clause_02_versions_are_compared_as_numbers,
            clause_02_each_actor_has_a_sequence_of_its_own,
            clause_02_nothing_fits_after_the_highest_version,
            clause_03_older_admits_any_version_above_the_latest,
            clause_03_exactly_admits_that_latest_version,
            clause_03_exactly_refuses_every_other_latest_version,
            clause_03_no_events_admits_an_actor_without_events,
            clause_03_no_events_refuses_an_actor_with_events,
            clause_03_drafts_are_numbered_after_the_latest_version,
            clause_03_drafts_that_expect_another_version_are_refused,
            clause_03_what_another_handle_saved_counts,
            clause_04_a_commit_is_stored_whole,
            clause_04_a_refused_commit_stores_nothing,
            clause_04_a_thousand_events_are_one_commit_and_more_are_refused,
            clause_04_what_is_no_commit_is_refused_and_leaves_the_store_as_it_was,
            clause_05_two_writers_racing_for_one_version_leave_one_winner,
            clause_05_many_writers_racing_for_one_version_leave_one_winner,
            clause_05_two_handles_racing_for_one_version_leave_one_winner,
            clause_05_of_overlapping_commits_one_wins_each_version,
            clause_05_of_commits_that_expect_no_events_one_wins,
            clause_05_many_writers_on_one_actor_leave_a_complete_history,
            clause_05_many_writers_on_many_actors_leave_complete_histories,
            clause_05_drafts_of_many_writers_get_versions_of_their_own,
            clause_06_the_same_event_again_succeeds_and_changes_nothing,
            clause_06_a_whole_commit_again_succeeds_and_changes_nothing,
            clause_06_events_out_of_a_commit_again_are_a_repeat,
            clause_06_events_of_several_commits_again_are_a_repeat,
            clause_06_a_late_repeat_is_recognised,
            clause_06_a_repeat_through_another_handle_is_recognised,
            clause_06_a_repeat_is_recognised_whatever_it_expects,
            clause_06_other_content_under_the_same_id_and_version_is_a_mismatch,
            clause_06_one_changed_event_in_a_repeated_commit_is_a_mismatch,
            clause_06_another_event_at_a_stored_version_is_a_conflict,
            clause_06_a_partial_overlap_is_a_conflict,
            clause_06_drafts_are_recognised_where_they_are_the_newest_commit,
            clause_06_many_repeats_at_once_store_a_commit_once,
            clause_06_the_same_id_for_two_actors_is_no_repeat,
            clause_07_a_save_is_seen_by_every_read_that_starts_later,
            clause_08_reading_from_a_version_includes_it,
            clause_08_reading_from_a_gap_begins_after_it,
            clause_08_a_long_history_is_read_in_order_and_complete,
            clause_08_events_come_back_equal_in_every_part,
            clause_08_a_payload_of_100_kib_comes_back_equal,
            clause_08_a_stream_outlives_the_borrow_and_moves_to_another_task,
            clause_08_several_streams_at_once_are_each_complete,
            clause_08_a_stream_that_is_dropped_early_leaves_nothing_behind,
            clause_08_a_stream_read_beside_appends_has_no_holes,
            clause_08_reading_until_a_version_ends_with_it,
            clause_08_reading_until_a_time_ends_before_the_first_later_event,
            clause_08_a_read_that_ends_at_its_bound_leaves_nothing_behind,
            clause_08_ids_that_trap_the_careless_are_distinct_and_intact,
            clause_02_ids_that_trap_the_careless_have_sequences_of_their_own,
            clause_12_a_save_dropped_after_any_poll_is_whole_or_absent,
            clause_12_after_a_dropped_save_another_writer_goes_on,
            clause_12_drafts_dropped_after_any_poll_are_stored_once,
            clause_12_saves_aborted_at_random_are_whole_or_absent,
            clauses_01_to_08_any_calls_do_what_the_model_does,
        ]
        notices: [
            clause_11_a_failing_broadcaster_fails_no_save,
            clause_11_a_panicking_broadcaster_fails_no_save,
        ]
        snapshots: [
            clause_10_snapshots_leave_the_history_as_it_is,
            clause_10_a_replay_starts_from_the_snapshot,
            clause_10_a_replay_without_a_snapshot_reads_everything,
            clause_10_a_snapshot_ahead_of_the_history_is_reported,
            clause_10_a_replay_until_a_version_starts_from_a_snapshot_that_is_not_past_it,
            clause_10_a_replay_until_a_time_starts_from_a_snapshot_that_is_not_past_it,
            clause_10_a_snapshot_taken_after_a_replay_is_where_the_next_begins,
        ]
        feed: [
            clause_13_positions_are_those_of_reads_and_of_appends,
        ]
        corruption: [
            clause_09_other_actors_are_not_affected,
        ]
        snapshot_corruption: [
            clause_10_an_undecodable_snapshot_costs_a_full_replay,
        ]
        retention: [
            clause_14_what_has_not_expired_is_read_completely,
            clause_14_versions_rise_from_where_they_were,
        ]
        snapshot_retention: [
            clause_14_a_snapshot_stands_in_for_what_has_expired,
            clause_14_the_latest_version_is_never_below_the_snapshot,
            clause_14_a_snapshot_past_a_bound_does_not_stand_in_for_what_has_expired,
        ]
    }

    // Another handle sees what there was when it was opened.
    freezes_other_handles: FreezesOtherHandles fails {
        events: [
            clause_07_a_save_is_seen_through_another_handle,
        ]
        snapshot_retention: [
            clause_14_the_latest_version_is_never_below_the_snapshot,
        ]
    }

    // Another handle sees nothing.
    hides_from_other_handles: HidesFromOtherHandles fails {
        events: [
            clause_03_what_another_handle_saved_counts,
            clause_05_two_handles_racing_for_one_version_leave_one_winner,
            clause_05_many_writers_on_one_actor_leave_a_complete_history,
            clause_05_drafts_of_many_writers_get_versions_of_their_own,
            clause_06_a_repeat_through_another_handle_is_recognised,
            clause_06_drafts_are_recognised_where_they_are_the_newest_commit,
            clause_06_many_repeats_at_once_store_a_commit_once,
            clause_07_a_save_is_seen_through_another_handle,
            clause_08_ids_that_trap_the_careless_are_distinct_and_intact,
        ]
        notices: [
            clause_11_what_another_handle_stored_is_not_noticed_again,
        ]
        snapshots: [
            clause_10_an_older_snapshot_never_replaces_a_newer,
            clause_10_a_snapshot_is_seen_through_another_handle,
        ]
        feed: [
            clause_13_a_feed_resumes_after_any_position,
            clause_13_all_feeds_give_the_same_order,
            clause_13_a_feed_gives_what_another_handle_stores,
        ]
        corruption: [
            clause_09_a_malformed_end_does_not_free_the_versions_before_it,
        ]
        retention: [
            clause_14_an_expired_beginning_is_not_passed_over,
            clause_14_versions_rise_from_where_they_were,
        ]
        snapshot_retention: [
            clause_14_the_latest_version_is_never_below_the_snapshot,
        ]
    }

    // Reads after the version that is asked for.
    reads_exclusively: ReadsExclusively fails {
        events: [
            clause_08_reading_from_a_version_includes_it,
            clause_08_a_long_history_is_read_in_order_and_complete,
            clause_08_reading_until_a_version_ends_with_it,
            clauses_01_to_08_any_calls_do_what_the_model_does,
        ]
        snapshots: [
            clause_10_a_replay_until_a_time_starts_from_a_snapshot_that_is_not_past_it,
        ]
        retention: [
            clause_14_what_has_not_expired_is_read_completely,
            clause_14_an_expired_beginning_is_not_passed_over,
            clause_14_versions_rise_from_where_they_were,
        ]
    }

    // Reads whole commits, whatever version is asked for.
    reads_whole_commits: ReadsWholeCommits fails {
        events: [
            clause_08_reading_from_a_version_includes_it,
            clause_08_reading_from_a_gap_begins_after_it,
            clause_08_a_long_history_is_read_in_order_and_complete,
            clause_08_reading_until_a_version_ends_with_it,
            clauses_01_to_08_any_calls_do_what_the_model_does,
        ]
        snapshots: [
            clause_10_a_replay_until_a_time_starts_from_a_snapshot_that_is_not_past_it,
        ]
        retention: [
            clause_14_what_has_not_expired_is_read_completely,
        ]
    }

    // Finds only versions that are stored: nothing from a gap on.
    reads_from_stored_versions_only: ReadsFromStoredVersionsOnly fails {
        events: [
            clause_08_reading_from_a_gap_begins_after_it,
            clause_08_reading_until_a_version_ends_with_it,
            clauses_01_to_08_any_calls_do_what_the_model_does,
        ]
        retention: [
            clause_14_what_has_not_expired_is_read_completely,
            clause_14_an_expired_beginning_is_not_passed_over,
        ]
        snapshot_retention: [
            clause_14_a_snapshot_stands_in_for_what_has_expired,
        ]
    }

    // Reads the last event where there is nothing to be read.
    reads_the_last_beyond_the_end: ReadsTheLastBeyondTheEnd fails {
        events: [
            clause_08_reading_from_beyond_the_end_gives_nothing,
            clauses_01_to_08_any_calls_do_what_the_model_does,
        ]
        snapshots: [
            clause_10_a_snapshot_ahead_of_the_history_is_reported,
        ]
        corruption: [
            clause_09_a_malformed_event_fails_the_plain_read,
        ]
        retention: [
            clause_14_what_has_not_expired_is_read_completely,
        ]
    }

    // Reads one page of 256 events.
    reads_one_page: ReadsOnePage fails {
        events: [
            clause_04_a_thousand_events_are_one_commit_and_more_are_refused,
            clause_08_a_long_history_is_read_in_order_and_complete,
            clause_08_a_read_that_ends_at_its_bound_leaves_nothing_behind,
        ]
    }

    // An actor has the events of all whose ids begin with its own.
    matches_ids_by_prefix: MatchesIdsByPrefix fails {
        events: [
            clause_02_each_actor_has_a_sequence_of_its_own,
            clause_08_an_unknown_actor_has_no_events_and_version_zero,
            clause_08_ids_that_trap_the_careless_are_distinct_and_intact,
            clause_12_saves_aborted_at_random_are_whole_or_absent,
        ]
    }

    // A stream ends when another begins.
    reads_one_stream_at_a_time: ReadsOneStreamAtATime fails {
        events: [
            clause_08_several_streams_at_once_are_each_complete,
        ]
    }

    // A stream that was not read to its end keeps writers out.
    locks_what_is_read: LocksWhatIsRead fails {
        events: [
            clause_08_a_stream_that_is_dropped_early_leaves_nothing_behind,
            clause_08_a_stream_read_beside_appends_has_no_holes,
            clause_08_a_read_that_ends_at_its_bound_leaves_nothing_behind,
        ]
        snapshots: [
            clause_10_a_snapshot_taken_after_a_replay_is_where_the_next_begins,
        ]
        corruption: [
            clause_09_a_malformed_event_fails_the_plain_read,
        ]
    }

    // A stream passes over as many events as are appended while it is read.
    skips_what_is_appended_meanwhile: SkipsWhatIsAppendedMeanwhile fails {
        events: [
            clause_08_a_stream_read_beside_appends_has_no_holes,
        ]
    }

    // A stream can only be read in the task in which it was made.
    binds_streams_to_their_task: BindsStreamsToTheirTask fails {
        events: [
            clause_08_a_stream_outlives_the_borrow_and_moves_to_another_task,
        ]
    }

    // Counts the places of events from the first one of a commit that is asked for.
    counts_places_from_where_it_reads: CountsPlacesFromWhereItReads fails {
        snapshots: [
            clause_10_a_snapshot_taken_after_a_replay_is_where_the_next_begins,
        ]
    }

    // Times are kept in microseconds.
    keeps_microseconds: KeepsMicroseconds fails {
        events: [
            clause_08_events_come_back_equal_in_every_part,
            clause_08_reading_until_a_time_ends_before_the_first_later_event,
        ]
        snapshots: [
            clause_10_a_replay_until_a_time_starts_from_a_snapshot_that_is_not_past_it,
        ]
    }

    // The command's id is not kept.
    loses_command_ids: LosesCommandIds fails {
        events: [
            clause_08_events_come_back_equal_in_every_part,
        ]
    }

    // Payloads of more than 64 KiB are refused.
    limits_payloads_to_64_kib: LimitsPayloadsTo64KiB fails {
        events: [
            clause_08_a_payload_of_100_kib_comes_back_equal,
        ]
    }
}
