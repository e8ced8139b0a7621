//! The list of all cases. There is no other: the emitted tests and [`Suite`](crate::Suite) are
//! both made from it, so a case that is in it reaches every store.

/// Hands the cases of one section to a macro: `section [macro] [what else it is to be given]`.
///
/// Each line is `file::case`, from `src/cases`. A case's name cites the clause that it proves.
#[doc(hidden)]
#[macro_export]
macro_rules! __cases {
    (events [$($then:tt)+] $arguments:tt) => {
        $($then)+! { $arguments events;
            rising::clause_01_no_call_changes_or_removes_what_is_stored,
            rising::clause_02_the_first_version_is_any_above_zero,
            rising::clause_02_versions_may_have_gaps,
            rising::clause_02_the_latest_version_is_not_saved_again,
            rising::clause_02_no_version_below_the_latest_is_saved,
            rising::clause_02_versions_are_compared_as_numbers,
            rising::clause_02_each_actor_has_a_sequence_of_its_own,
            rising::clause_02_nothing_fits_after_the_highest_version,
            expectations::clause_03_older_admits_any_version_above_the_latest,
            expectations::clause_03_exactly_admits_that_latest_version,
            expectations::clause_03_exactly_refuses_every_other_latest_version,
            expectations::clause_03_no_events_admits_an_actor_without_events,
            expectations::clause_03_no_events_refuses_an_actor_with_events,
            expectations::clause_03_a_conflict_says_what_was_attempted_and_what_is_current,
            expectations::clause_03_drafts_are_numbered_after_the_latest_version,
            expectations::clause_03_drafts_that_expect_another_version_are_refused,
            expectations::clause_03_what_another_handle_saved_counts,
            atomic::clause_04_a_commit_is_stored_whole,
            atomic::clause_04_a_refused_commit_stores_nothing,
            atomic::clause_04_a_thousand_events_are_one_commit_and_more_are_refused,
            atomic::clause_04_what_is_no_commit_is_refused_and_leaves_the_store_as_it_was,
            atomic::clause_04_no_read_during_a_save_sees_a_part,
            atomic::clause_04_no_reader_beside_many_saves_sees_a_part,
            races::clause_05_two_writers_racing_for_one_version_leave_one_winner,
            races::clause_05_many_writers_racing_for_one_version_leave_one_winner,
            races::clause_05_two_handles_racing_for_one_version_leave_one_winner,
            races::clause_05_of_overlapping_commits_one_wins_each_version,
            races::clause_05_of_commits_that_expect_no_events_one_wins,
            races::clause_05_many_writers_on_one_actor_leave_a_complete_history,
            races::clause_05_many_writers_on_many_actors_leave_complete_histories,
            races::clause_05_drafts_of_many_writers_get_versions_of_their_own,
            repeats::clause_06_the_same_event_again_succeeds_and_changes_nothing,
            repeats::clause_06_a_whole_commit_again_succeeds_and_changes_nothing,
            repeats::clause_06_events_out_of_a_commit_again_are_a_repeat,
            repeats::clause_06_events_of_several_commits_again_are_a_repeat,
            repeats::clause_06_a_late_repeat_is_recognised,
            repeats::clause_06_a_repeat_through_another_handle_is_recognised,
            repeats::clause_06_a_repeat_is_recognised_whatever_it_expects,
            repeats::clause_06_other_content_under_the_same_id_and_version_is_a_mismatch,
            repeats::clause_06_one_changed_event_in_a_repeated_commit_is_a_mismatch,
            repeats::clause_06_another_event_at_a_stored_version_is_a_conflict,
            repeats::clause_06_a_partial_overlap_is_a_conflict,
            repeats::clause_06_drafts_are_recognised_where_they_are_the_newest_commit,
            repeats::clause_06_many_repeats_at_once_store_a_commit_once,
            repeats::clause_06_the_same_id_for_two_actors_is_no_repeat,
            reading::clause_07_a_save_is_seen_by_every_read_that_starts_later,
            reading::clause_07_a_save_is_seen_through_another_handle,
            reading::clause_08_reading_from_a_version_includes_it,
            reading::clause_08_reading_from_a_gap_begins_after_it,
            reading::clause_08_reading_from_beyond_the_end_gives_nothing,
            reading::clause_08_an_unknown_actor_has_no_events_and_version_zero,
            reading::clause_08_a_long_history_is_read_in_order_and_complete,
            equality::clause_08_events_come_back_equal_in_every_part,
            equality::clause_08_a_payload_of_100_kib_comes_back_equal,
            reading::clause_08_a_stream_outlives_the_borrow_and_moves_to_another_task,
            reading::clause_08_several_streams_at_once_are_each_complete,
            reading::clause_08_a_stream_that_is_dropped_early_leaves_nothing_behind,
            reading::clause_08_a_stream_read_beside_appends_has_no_holes,
            bounds::clause_08_reading_until_a_version_ends_with_it,
            bounds::clause_08_reading_until_a_time_ends_before_the_first_later_event,
            bounds::clause_08_a_read_that_ends_at_its_bound_leaves_nothing_behind,
            ids::clause_08_ids_that_trap_the_careless_are_distinct_and_intact,
            ids::clause_02_ids_that_trap_the_careless_have_sequences_of_their_own,
            cancellation::clause_12_a_save_dropped_after_any_poll_is_whole_or_absent,
            cancellation::clause_12_after_a_dropped_save_another_writer_goes_on,
            cancellation::clause_12_drafts_dropped_after_any_poll_are_stored_once,
            cancellation::clause_12_saves_aborted_at_random_are_whole_or_absent,
            model::clauses_01_to_08_any_calls_do_what_the_model_does,
        }
    };
    (snapshots [$($then:tt)+] $arguments:tt) => {
        $($then)+! { $arguments snapshots;
            snapshots::clause_10_an_actor_without_a_snapshot_has_none,
            snapshots::clause_10_the_newest_snapshot_is_the_latest,
            snapshots::clause_10_an_older_snapshot_never_replaces_a_newer,
            snapshots::clause_10_a_snapshot_of_the_same_version_replaces_it,
            snapshots::clause_10_a_snapshot_comes_back_equal_in_every_part,
            snapshots::clause_10_each_actor_has_a_snapshot_of_its_own,
            snapshots::clause_10_many_savers_at_once_leave_the_newest,
            snapshots::clause_10_a_snapshot_is_seen_through_another_handle,
            snapshots::clause_10_snapshots_leave_the_history_as_it_is,
            snapshots::clause_10_a_replay_starts_from_the_snapshot,
            snapshots::clause_10_a_replay_without_a_snapshot_reads_everything,
            snapshots::clause_10_a_snapshot_ahead_of_the_history_is_reported,
            snapshots::clause_10_any_snapshots_do_what_the_model_does,
            bounds::clause_10_a_replay_until_a_version_starts_from_a_snapshot_that_is_not_past_it,
            bounds::clause_10_a_replay_until_a_time_starts_from_a_snapshot_that_is_not_past_it,
            bounds::clause_10_a_snapshot_taken_after_a_replay_is_where_the_next_begins,
        }
    };
    (notices [$($then:tt)+] $arguments:tt) => {
        $($then)+! { $arguments notices;
            notices::clause_11_each_stored_event_is_noticed_once,
            notices::clause_11_a_notice_says_what_was_stored_and_where,
            notices::clause_11_nothing_is_noticed_of_a_refused_save,
            notices::clause_11_nothing_is_noticed_of_a_repeat,
            notices::clause_11_what_another_handle_stored_is_not_noticed_again,
            notices::clause_11_notices_of_one_actor_come_in_the_order_of_its_versions,
            notices::clause_11_many_writers_on_many_actors_are_noticed_once_each,
            notices::clause_11_a_failing_broadcaster_fails_no_save,
            notices::clause_11_a_panicking_broadcaster_fails_no_save,
            notices::clause_11_a_dropped_save_is_noticed_at_most_once,
        }
    };
    (feed [$($then:tt)+] $arguments:tt) => {
        $($then)+! { $arguments feed;
            feed::clause_13_a_feed_gives_each_event_once_and_has_caught_up,
            feed::clause_13_a_feed_of_an_empty_store_has_caught_up,
            feed::clause_13_a_long_history_is_delivered_complete,
            feed::clause_13_positions_are_those_of_reads_and_of_appends,
            feed::clause_13_a_feed_resumes_after_any_position,
            feed::clause_13_a_filtered_feed_resumes_after_any_position,
            feed::clause_13_what_was_refused_or_repeated_is_not_delivered,
            feed::clause_13_filters_let_pass_what_they_name,
            feed::clause_13_a_filter_that_nothing_passes_has_caught_up,
            feed::clause_13_a_position_of_another_store_is_refused,
            feed::clause_13_a_position_past_the_end_is_refused,
            feed_live::clause_13_after_catching_up_a_feed_is_live,
            feed_live::clause_13_a_feed_goes_from_history_to_live_without_a_seam,
            feed_live::clause_13_all_feeds_give_the_same_order,
            feed_live::clause_13_a_feed_from_now_gives_only_what_comes_later,
            feed_live::clause_13_a_feed_resumed_at_the_end_is_live,
            feed_live::clause_13_a_feed_gives_what_another_handle_stores,
            feed_live::clause_13_a_paused_reader_blocks_no_writer,
            feed_live::clause_13_a_dropped_feed_leaves_nothing_behind,
        }
    };
    (corruption [$($then:tt)+] $arguments:tt) => {
        $($then)+! { $arguments corruption;
            corruption::clause_09_a_malformed_event_fails_the_plain_read,
            corruption::clause_09_the_report_says_where_and_why,
            corruption::clause_09_the_lenient_replay_gives_the_good_and_reports_the_bad,
            corruption::clause_09_other_actors_are_not_affected,
            corruption::clause_09_a_malformed_end_does_not_free_the_versions_before_it,
            bounds::clause_09_a_malformed_event_fails_a_read_that_ends_after_it,
        }
    };
    (snapshot_corruption [$($then:tt)+] $arguments:tt) => {
        $($then)+! { $arguments snapshot_corruption;
            corruption::clause_10_an_undecodable_snapshot_is_reported,
            corruption::clause_10_an_undecodable_snapshot_costs_a_full_replay,
        }
    };
    (feed_corruption [$($then:tt)+] $arguments:tt) => {
        $($then)+! { $arguments feed_corruption;
            corruption::clause_13_a_feed_reports_a_malformed_event_in_its_place_and_goes_on,
        }
    };
    (retention [$($then:tt)+] $arguments:tt) => {
        $($then)+! { $arguments retention;
            retention::clause_14_what_has_not_expired_is_read_completely,
            retention::clause_14_an_expired_beginning_is_not_passed_over,
            retention::clause_14_versions_rise_from_where_they_were,
        }
    };
    (snapshot_retention [$($then:tt)+] $arguments:tt) => {
        $($then)+! { $arguments snapshot_retention;
            retention::clause_14_a_snapshot_stands_in_for_what_has_expired,
            retention::clause_14_a_snapshot_before_what_has_expired_does_not_stand_in,
            retention::clause_14_the_latest_version_is_never_below_the_snapshot,
            bounds::clause_14_a_snapshot_past_a_bound_does_not_stand_in_for_what_has_expired,
        }
    };
    (feed_retention [$($then:tt)+] $arguments:tt) => {
        $($then)+! { $arguments feed_retention;
            retention::clause_14_a_feed_gives_each_event_that_has_not_expired,
            retention::clause_14_a_feed_does_not_resume_before_what_has_expired,
        }
    };
    ($other:ident $then:tt $arguments:tt) => {
        compile_error!(concat!(
            "no section `", stringify!($other), "`: there are events, notices, snapshots, feed, \
             corruption, snapshot_corruption, feed_corruption, retention, snapshot_retention, \
             feed_retention"
        ));
    };
}

/// The cases of one section as values.
macro_rules! cases_of {
    ($section:ident) => {
        $crate::__cases! { $section [$crate::list::values_of] [] }
    };
}

macro_rules! values_of {
    ([] $section:ident; $($group:ident::$case:ident,)+) => {
        vec![$(
            $crate::Case::new(
                stringify!($section),
                stringify!($case),
                const { $crate::case::cited_clause(stringify!($case)) },
                |context| Box::pin($crate::cases::$group::$case(context)),
            ),
        )+]
    };
}

pub(crate) use {cases_of, values_of};
