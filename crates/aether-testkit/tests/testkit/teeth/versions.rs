//! Stores that compare versions wrongly (clauses 1, 2, 3 and 5).

super::teeth! {
    // Compares with the latest version, and stores after others had their turn.
    checks_then_acts: ChecksThenActs fails {
        events: [
            clause_05_two_writers_racing_for_one_version_leave_one_winner,
            clause_05_many_writers_racing_for_one_version_leave_one_winner,
            clause_05_two_handles_racing_for_one_version_leave_one_winner,
            clause_05_of_overlapping_commits_one_wins_each_version,
            clause_05_of_commits_that_expect_no_events_one_wins,
            clause_05_many_writers_on_one_actor_leave_a_complete_history,
            clause_05_many_writers_on_many_actors_leave_complete_histories,
            clause_05_drafts_of_many_writers_get_versions_of_their_own,
            clause_06_many_repeats_at_once_store_a_commit_once,
        ]
        feed: [
            clause_13_all_feeds_give_the_same_order,
        ]
    }

    // The same behind a lock that each process has for itself.
    locks_within_one_process: LocksWithinOneProcess fails {
        events: [
            clause_05_two_handles_racing_for_one_version_leave_one_winner,
            clause_05_many_writers_on_one_actor_leave_a_complete_history,
            clause_05_drafts_of_many_writers_get_versions_of_their_own,
            clause_06_many_repeats_at_once_store_a_commit_once,
        ]
    }

    // Takes the latest version once more.
    accepts_the_latest_version_again: AcceptsTheLatestVersionAgain fails {
        events: [
            clause_02_the_latest_version_is_not_saved_again,
            clause_02_nothing_fits_after_the_highest_version,
            clause_04_a_refused_commit_stores_nothing,
            clause_05_two_writers_racing_for_one_version_leave_one_winner,
            clause_05_many_writers_racing_for_one_version_leave_one_winner,
            clause_05_two_handles_racing_for_one_version_leave_one_winner,
            clause_05_of_overlapping_commits_one_wins_each_version,
            clause_06_another_event_at_a_stored_version_is_a_conflict,
            clause_06_a_partial_overlap_is_a_conflict,
            clause_02_ids_that_trap_the_careless_have_sequences_of_their_own,
            clauses_01_to_08_any_calls_do_what_the_model_does,
        ]
        notices: [
            clause_11_nothing_is_noticed_of_a_refused_save,
        ]
        feed: [
            clause_13_what_was_refused_or_repeated_is_not_delivered,
        ]
        corruption: [
            clause_09_a_malformed_end_does_not_free_the_versions_before_it,
        ]
        retention: [
            clause_14_versions_rise_from_where_they_were,
        ]
    }

    // Takes any version that nobody has, below the latest too.
    fills_gaps: FillsGaps fails {
        events: [
            clause_02_no_version_below_the_latest_is_saved,
            clause_02_versions_are_compared_as_numbers,
            clause_03_a_conflict_says_what_was_attempted_and_what_is_current,
            clause_04_a_refused_commit_stores_nothing,
            clauses_01_to_08_any_calls_do_what_the_model_does,
        ]
        notices: [
            clause_11_nothing_is_noticed_of_a_refused_save,
        ]
        retention: [
            clause_14_versions_rise_from_where_they_were,
        ]
        snapshot_retention: [
            clause_14_the_latest_version_is_never_below_the_snapshot,
        ]
    }

    // Takes only the version that follows the latest.
    wants_the_version_that_follows: WantsTheVersionThatFollows fails {
        events: [
            clause_02_the_first_version_is_any_above_zero,
            clause_02_versions_may_have_gaps,
            clause_02_the_latest_version_is_not_saved_again,
            clause_02_no_version_below_the_latest_is_saved,
            clause_02_versions_are_compared_as_numbers,
            clause_02_each_actor_has_a_sequence_of_its_own,
            clause_02_nothing_fits_after_the_highest_version,
            clause_03_older_admits_any_version_above_the_latest,
            clause_03_exactly_refuses_every_other_latest_version,
            clause_03_no_events_refuses_an_actor_with_events,
            clause_03_a_conflict_says_what_was_attempted_and_what_is_current,
            clause_03_drafts_are_numbered_after_the_latest_version,
            clause_03_what_another_handle_saved_counts,
            clause_04_a_commit_is_stored_whole,
            clause_06_the_same_event_again_succeeds_and_changes_nothing,
            clause_08_reading_from_a_gap_begins_after_it,
            clause_08_a_long_history_is_read_in_order_and_complete,
            clause_08_reading_until_a_version_ends_with_it,
            clause_08_ids_that_trap_the_careless_are_distinct_and_intact,
            clauses_01_to_08_any_calls_do_what_the_model_does,
        ]
        notices: [
            clause_11_a_notice_says_what_was_stored_and_where,
            clause_11_nothing_is_noticed_of_a_refused_save,
        ]
        feed: [
            clause_13_a_feed_gives_each_event_once_and_has_caught_up,
            clause_13_a_feed_resumes_after_any_position,
            clause_13_a_filtered_feed_resumes_after_any_position,
            clause_13_filters_let_pass_what_they_name,
            clause_13_a_filter_that_nothing_passes_has_caught_up,
            clause_13_after_catching_up_a_feed_is_live,
            clause_13_a_feed_goes_from_history_to_live_without_a_seam,
            clause_13_a_feed_from_now_gives_only_what_comes_later,
            clause_13_a_dropped_feed_leaves_nothing_behind,
        ]
    }

    // Compares versions as text: 9 is above 10.
    compares_versions_as_text: ComparesVersionsAsText fails {
        events: [
            clause_02_versions_are_compared_as_numbers,
            clause_02_each_actor_has_a_sequence_of_its_own,
            clause_03_older_admits_any_version_above_the_latest,
            clause_03_drafts_are_numbered_after_the_latest_version,
            clause_05_many_writers_on_one_actor_leave_a_complete_history,
            clause_05_many_writers_on_many_actors_leave_complete_histories,
            clause_06_a_late_repeat_is_recognised,
            clause_08_reading_from_a_gap_begins_after_it,
            clause_08_events_come_back_equal_in_every_part,
            clauses_01_to_08_any_calls_do_what_the_model_does,
        ]
    }

    // Keeps versions in 32 bits.
    keeps_versions_in_32_bits: KeepsVersionsIn32Bits fails {
        events: [
            clause_02_nothing_fits_after_the_highest_version,
        ]
    }

    // All actors share one sequence.
    shares_one_sequence: SharesOneSequence fails {
        events: [
            clause_01_no_call_changes_or_removes_what_is_stored,
            clause_02_each_actor_has_a_sequence_of_its_own,
            clause_03_exactly_refuses_every_other_latest_version,
            clause_03_no_events_admits_an_actor_without_events,
            clause_05_of_overlapping_commits_one_wins_each_version,
            clause_05_of_commits_that_expect_no_events_one_wins,
            clause_05_many_writers_on_many_actors_leave_complete_histories,
            clause_06_many_repeats_at_once_store_a_commit_once,
            clause_06_the_same_id_for_two_actors_is_no_repeat,
            clause_07_a_save_is_seen_by_every_read_that_starts_later,
            clause_08_a_long_history_is_read_in_order_and_complete,
            clause_08_events_come_back_equal_in_every_part,
            clause_08_several_streams_at_once_are_each_complete,
            clause_08_ids_that_trap_the_careless_are_distinct_and_intact,
            clause_02_ids_that_trap_the_careless_have_sequences_of_their_own,
            clause_12_saves_aborted_at_random_are_whole_or_absent,
            clauses_01_to_08_any_calls_do_what_the_model_does,
        ]
        notices: [
            clause_11_a_dropped_save_is_noticed_at_most_once,
        ]
        snapshots: [
            clause_10_any_snapshots_do_what_the_model_does,
        ]
        feed: [
            clause_13_a_feed_gives_each_event_once_and_has_caught_up,
            clause_13_a_long_history_is_delivered_complete,
            clause_13_a_feed_resumes_after_any_position,
            clause_13_a_filtered_feed_resumes_after_any_position,
            clause_13_filters_let_pass_what_they_name,
            clause_13_a_filter_that_nothing_passes_has_caught_up,
            clause_13_after_catching_up_a_feed_is_live,
            clause_13_a_feed_goes_from_history_to_live_without_a_seam,
            clause_13_a_feed_from_now_gives_only_what_comes_later,
            clause_13_a_dropped_feed_leaves_nothing_behind,
        ]
        corruption: [
            clause_09_a_malformed_event_fails_the_plain_read,
            clause_09_other_actors_are_not_affected,
        ]
        feed_corruption: [
            clause_13_a_feed_reports_a_malformed_event_in_its_place_and_goes_on,
        ]
        retention: [
            clause_14_what_has_not_expired_is_read_completely,
        ]
        feed_retention: [
            clause_14_a_feed_gives_each_event_that_has_not_expired,
        ]
    }

    // `Exactly` is not looked at.
    takes_exactly_for_older: TakesExactlyForOlder fails {
        events: [
            clause_03_exactly_refuses_every_other_latest_version,
            clause_03_a_conflict_says_what_was_attempted_and_what_is_current,
            clause_03_drafts_that_expect_another_version_are_refused,
            clause_03_what_another_handle_saved_counts,
            clause_04_a_refused_commit_stores_nothing,
            clauses_01_to_08_any_calls_do_what_the_model_does,
        ]
        notices: [
            clause_11_nothing_is_noticed_of_a_refused_save,
        ]
    }

    // `Exactly` is taken for "at least".
    takes_exactly_for_at_least: TakesExactlyForAtLeast fails {
        events: [
            clause_03_exactly_refuses_every_other_latest_version,
            clause_03_a_conflict_says_what_was_attempted_and_what_is_current,
            clause_03_drafts_that_expect_another_version_are_refused,
            clause_03_what_another_handle_saved_counts,
            clause_04_a_refused_commit_stores_nothing,
            clauses_01_to_08_any_calls_do_what_the_model_does,
        ]
    }

    // `NoEvents` is not looked at.
    takes_no_events_for_older: TakesNoEventsForOlder fails {
        events: [
            clause_01_no_call_changes_or_removes_what_is_stored,
            clause_03_no_events_refuses_an_actor_with_events,
            clause_03_a_conflict_says_what_was_attempted_and_what_is_current,
            clause_03_drafts_that_expect_another_version_are_refused,
            clause_05_of_commits_that_expect_no_events_one_wins,
            clauses_01_to_08_any_calls_do_what_the_model_does,
        ]
        notices: [
            clause_11_nothing_is_noticed_of_a_refused_save,
        ]
        retention: [
            clause_14_versions_rise_from_where_they_were,
        ]
    }

    // `Exactly` admits only the version that follows.
    wants_no_gap_after_exactly: WantsNoGapAfterExactly fails {
        events: [
            clause_03_exactly_admits_that_latest_version,
            clauses_01_to_08_any_calls_do_what_the_model_does,
        ]
    }

    // `NoEvents` admits only version 1.
    wants_no_events_to_begin_at_one: WantsNoEventsToBeginAtOne fails {
        events: [
            clause_03_no_events_admits_an_actor_without_events,
            clauses_01_to_08_any_calls_do_what_the_model_does,
        ]
    }

    // A conflict does not say the current version.
    conflicts_without_the_current_version: ConflictsWithoutTheCurrentVersion fails {
        events: [
            clause_02_the_latest_version_is_not_saved_again,
            clause_02_no_version_below_the_latest_is_saved,
            clause_02_versions_are_compared_as_numbers,
            clause_02_nothing_fits_after_the_highest_version,
            clause_03_exactly_refuses_every_other_latest_version,
            clause_03_no_events_refuses_an_actor_with_events,
            clause_03_a_conflict_says_what_was_attempted_and_what_is_current,
            clause_03_what_another_handle_saved_counts,
            clause_04_a_refused_commit_stores_nothing,
            clause_06_another_event_at_a_stored_version_is_a_conflict,
            clause_06_a_partial_overlap_is_a_conflict,
            clauses_01_to_08_any_calls_do_what_the_model_does,
        ]
        retention: [
            clause_14_versions_rise_from_where_they_were,
        ]
        snapshot_retention: [
            clause_14_the_latest_version_is_never_below_the_snapshot,
        ]
    }

    // A conflict says the version that was last saved through the same handle.
    conflicts_from_memory: ConflictsFromMemory fails {
        events: [
            clause_03_what_another_handle_saved_counts,
        ]
    }

    // A conflict names the last version of the commit as the attempted one.
    conflicts_with_the_last_version: ConflictsWithTheLastVersion fails {
        events: [
            clause_03_exactly_refuses_every_other_latest_version,
            clause_03_no_events_refuses_an_actor_with_events,
            clause_03_a_conflict_says_what_was_attempted_and_what_is_current,
            clause_04_a_refused_commit_stores_nothing,
            clause_06_another_event_at_a_stored_version_is_a_conflict,
            clause_06_a_partial_overlap_is_a_conflict,
            clauses_01_to_08_any_calls_do_what_the_model_does,
        ]
    }

    // Drafts are numbered by how many events there are.
    numbers_drafts_by_count: NumbersDraftsByCount fails {
        events: [
            clause_03_drafts_are_numbered_after_the_latest_version,
            clause_03_what_another_handle_saved_counts,
            clause_06_drafts_are_recognised_where_they_are_the_newest_commit,
            clauses_01_to_08_any_calls_do_what_the_model_does,
        ]
        notices: [
            clause_11_each_stored_event_is_noticed_once,
            clause_11_nothing_is_noticed_of_a_refused_save,
        ]
        retention: [
            clause_14_versions_rise_from_where_they_were,
        ]
        snapshot_retention: [
            clause_14_the_latest_version_is_never_below_the_snapshot,
        ]
        feed_retention: [
            clause_14_a_feed_gives_each_event_that_has_not_expired,
        ]
    }

    // The answer does not give back what drafts became.
    does_not_give_drafts_back: DoesNotGiveDraftsBack fails {
        events: [
            clause_03_drafts_are_numbered_after_the_latest_version,
            clause_03_what_another_handle_saved_counts,
            clause_05_drafts_of_many_writers_get_versions_of_their_own,
            clause_06_drafts_are_recognised_where_they_are_the_newest_commit,
            clause_12_drafts_dropped_after_any_poll_are_stored_once,
            clauses_01_to_08_any_calls_do_what_the_model_does,
        ]
        notices: [
            clause_11_a_dropped_save_is_noticed_at_most_once,
            clause_11_a_failing_broadcaster_fails_no_save,
            clause_11_a_panicking_broadcaster_fails_no_save,
            clause_11_each_stored_event_is_noticed_once,
            clause_11_many_writers_on_many_actors_are_noticed_once_each,
            clause_11_nothing_is_noticed_of_a_refused_save,
            clause_11_nothing_is_noticed_of_a_repeat,
            clause_11_notices_of_one_actor_come_in_the_order_of_its_versions,
            clause_11_what_another_handle_stored_is_not_noticed_again,
        ]
        feed: [
            clause_13_a_dropped_feed_leaves_nothing_behind,
            clause_13_after_catching_up_a_feed_is_live,
            clause_13_all_feeds_give_the_same_order,
            clause_13_what_was_refused_or_repeated_is_not_delivered,
        ]
        retention: [
            clause_14_versions_rise_from_where_they_were,
        ]
        snapshot_retention: [
            clause_14_the_latest_version_is_never_below_the_snapshot,
        ]
        feed_retention: [
            clause_14_a_feed_gives_each_event_that_has_not_expired,
        ]
    }

    // The answer gives back events that came with versions.
    gives_back_what_is_known: GivesBackWhatIsKnown fails {
        events: [
            clause_02_the_first_version_is_any_above_zero,
            clause_04_a_commit_is_stored_whole,
            clause_04_a_thousand_events_are_one_commit_and_more_are_refused,
            clause_06_a_late_repeat_is_recognised,
            clause_06_a_repeat_is_recognised_whatever_it_expects,
            clause_06_a_repeat_through_another_handle_is_recognised,
            clause_06_a_whole_commit_again_succeeds_and_changes_nothing,
            clause_06_drafts_are_recognised_where_they_are_the_newest_commit,
            clause_06_events_of_several_commits_again_are_a_repeat,
            clause_06_events_out_of_a_commit_again_are_a_repeat,
            clause_06_many_repeats_at_once_store_a_commit_once,
            clause_06_the_same_event_again_succeeds_and_changes_nothing,
            clause_08_events_come_back_equal_in_every_part,
            clause_08_ids_that_trap_the_careless_are_distinct_and_intact,
            clause_12_a_save_dropped_after_any_poll_is_whole_or_absent,
            clauses_01_to_08_any_calls_do_what_the_model_does,
        ]
    }
}
