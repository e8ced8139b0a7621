//! Stores that are wrong about what is stored already (clause 6).

super::teeth! {
    // Takes no save for a repeat: the second is a conflict.
    refuses_repeats: RefusesRepeats fails {
        events: [
            clause_06_the_same_event_again_succeeds_and_changes_nothing,
            clause_06_a_whole_commit_again_succeeds_and_changes_nothing,
            clause_06_events_out_of_a_commit_again_are_a_repeat,
            clause_06_events_of_several_commits_again_are_a_repeat,
            clause_06_a_late_repeat_is_recognised,
            clause_06_a_repeat_through_another_handle_is_recognised,
            clause_06_a_repeat_is_recognised_whatever_it_expects,
            clause_06_other_content_under_the_same_id_and_version_is_a_mismatch,
            clause_06_one_changed_event_in_a_repeated_commit_is_a_mismatch,
            clause_06_drafts_are_recognised_where_they_are_the_newest_commit,
            clause_06_many_repeats_at_once_store_a_commit_once,
            clause_12_a_save_dropped_after_any_poll_is_whole_or_absent,
            clause_12_drafts_dropped_after_any_poll_are_stored_once,
            clause_12_saves_aborted_at_random_are_whole_or_absent,
            clauses_01_to_08_any_calls_do_what_the_model_does,
        ]
        notices: [
            clause_11_nothing_is_noticed_of_a_repeat,
            clause_11_what_another_handle_stored_is_not_noticed_again,
            clause_11_a_failing_broadcaster_fails_no_save,
            clause_11_a_panicking_broadcaster_fails_no_save,
            clause_11_a_dropped_save_is_noticed_at_most_once,
        ]
        feed: [
            clause_13_what_was_refused_or_repeated_is_not_delivered,
        ]
    }

    // Stores repeats once more.
    stores_repeats_again: StoresRepeatsAgain fails {
        events: [
            clause_01_no_call_changes_or_removes_what_is_stored,
            clause_06_the_same_event_again_succeeds_and_changes_nothing,
            clause_06_a_whole_commit_again_succeeds_and_changes_nothing,
            clause_06_events_out_of_a_commit_again_are_a_repeat,
            clause_06_events_of_several_commits_again_are_a_repeat,
            clause_06_a_late_repeat_is_recognised,
            clause_06_a_repeat_through_another_handle_is_recognised,
            clause_06_a_repeat_is_recognised_whatever_it_expects,
            clause_06_drafts_are_recognised_where_they_are_the_newest_commit,
            clause_06_many_repeats_at_once_store_a_commit_once,
            clause_12_a_save_dropped_after_any_poll_is_whole_or_absent,
            clause_12_drafts_dropped_after_any_poll_are_stored_once,
            clause_12_saves_aborted_at_random_are_whole_or_absent,
            clauses_01_to_08_any_calls_do_what_the_model_does,
        ]
        notices: [
            clause_11_a_failing_broadcaster_fails_no_save,
            clause_11_a_panicking_broadcaster_fails_no_save,
        ]
        feed: [
            clause_13_what_was_refused_or_repeated_is_not_delivered,
        ]
    }

    // Recognises what is in the newest commit only.
    forgets_old_repeats: ForgetsOldRepeats fails {
        events: [
            clause_06_events_of_several_commits_again_are_a_repeat,
            clause_06_a_late_repeat_is_recognised,
            clause_06_a_repeat_through_another_handle_is_recognised,
            clause_06_a_repeat_is_recognised_whatever_it_expects,
            clauses_01_to_08_any_calls_do_what_the_model_does,
        ]
        notices: [
            clause_11_nothing_is_noticed_of_a_repeat,
        ]
        feed: [
            clause_13_what_was_refused_or_repeated_is_not_delivered,
        ]
    }

    // Recognises whole commits only.
    recognises_whole_commits_only: RecognisesWholeCommitsOnly fails {
        events: [
            clause_06_events_out_of_a_commit_again_are_a_repeat,
            clause_06_events_of_several_commits_again_are_a_repeat,
            clause_06_a_late_repeat_is_recognised,
            clauses_01_to_08_any_calls_do_what_the_model_does,
        ]
        notices: [
            clause_11_nothing_is_noticed_of_a_repeat,
            clause_11_what_another_handle_stored_is_not_noticed_again,
        ]
        feed: [
            clause_13_what_was_refused_or_repeated_is_not_delivered,
        ]
    }

    // Recognises events of one commit only.
    recognises_one_commit_only: RecognisesOneCommitOnly fails {
        events: [
            clause_06_events_of_several_commits_again_are_a_repeat,
            clauses_01_to_08_any_calls_do_what_the_model_does,
        ]
    }

    // Recognises what was saved through the same handle only.
    forgets_repeats_of_other_handles: ForgetsRepeatsOfOtherHandles fails {
        events: [
            clause_06_a_repeat_through_another_handle_is_recognised,
            clause_06_drafts_are_recognised_where_they_are_the_newest_commit,
            clause_06_many_repeats_at_once_store_a_commit_once,
        ]
        notices: [
            clause_11_what_another_handle_stored_is_not_noticed_again,
        ]
    }

    // Looks at the expectation first.
    expects_before_it_recognises: ExpectsBeforeItRecognises fails {
        events: [
            clause_06_a_repeat_is_recognised_whatever_it_expects,
            clause_06_drafts_are_recognised_where_they_are_the_newest_commit,
            clauses_01_to_08_any_calls_do_what_the_model_does,
        ]
    }

    // Numbers drafts anew when they come again.
    renumbers_repeated_drafts: RenumbersRepeatedDrafts fails {
        events: [
            clause_06_drafts_are_recognised_where_they_are_the_newest_commit,
            clause_12_drafts_dropped_after_any_poll_are_stored_once,
            clauses_01_to_08_any_calls_do_what_the_model_does,
        ]
        notices: [
            clause_11_nothing_is_noticed_of_a_repeat,
        ]
        feed: [
            clause_13_what_was_refused_or_repeated_is_not_delivered,
        ]
    }

    // Recognises events by their id alone, whoever's they are.
    recognises_by_id_alone: RecognisesByIdAlone fails {
        events: [
            clause_06_other_content_under_the_same_id_and_version_is_a_mismatch,
            clause_06_one_changed_event_in_a_repeated_commit_is_a_mismatch,
            clause_06_the_same_id_for_two_actors_is_no_repeat,
            clause_08_events_come_back_equal_in_every_part,
            clauses_01_to_08_any_calls_do_what_the_model_does,
        ]
        notices: [
            clause_11_nothing_is_noticed_of_a_refused_save,
        ]
    }

    // Does not compare the content of what it recognises.
    overlooks_other_content: OverlooksOtherContent fails {
        events: [
            clause_06_other_content_under_the_same_id_and_version_is_a_mismatch,
            clause_06_one_changed_event_in_a_repeated_commit_is_a_mismatch,
            clauses_01_to_08_any_calls_do_what_the_model_does,
        ]
        notices: [
            clause_11_nothing_is_noticed_of_a_refused_save,
        ]
    }

    // Calls other content a conflict.
    calls_other_content_a_conflict: CallsOtherContentAConflict fails {
        events: [
            clause_06_other_content_under_the_same_id_and_version_is_a_mismatch,
            clause_06_one_changed_event_in_a_repeated_commit_is_a_mismatch,
            clauses_01_to_08_any_calls_do_what_the_model_does,
        ]
    }

    // Replaces the stored event by one with other content.
    replaces_other_content: ReplacesOtherContent fails {
        events: [
            clause_01_no_call_changes_or_removes_what_is_stored,
            clause_06_other_content_under_the_same_id_and_version_is_a_mismatch,
            clause_06_one_changed_event_in_a_repeated_commit_is_a_mismatch,
            clauses_01_to_08_any_calls_do_what_the_model_does,
        ]
        notices: [
            clause_11_nothing_is_noticed_of_a_refused_save,
        ]
        feed: [
            clause_13_what_was_refused_or_repeated_is_not_delivered,
        ]
    }

    // Compares all content but the timestamp.
    overlooks_other_timestamps: OverlooksOtherTimestamps fails {
        events: [
            clause_06_other_content_under_the_same_id_and_version_is_a_mismatch,
        ]
    }

    // Stores the new events of a commit that begins with stored ones.
    stores_the_rest_of_an_overlap: StoresTheRestOfAnOverlap fails {
        events: [
            clause_06_a_partial_overlap_is_a_conflict,
            clauses_01_to_08_any_calls_do_what_the_model_does,
        ]
    }

    // Recognises versions, without looking at ids.
    recognises_by_version_alone: RecognisesByVersionAlone fails {
        events: [
            clause_02_the_latest_version_is_not_saved_again,
            clause_02_no_version_below_the_latest_is_saved,
            clause_02_nothing_fits_after_the_highest_version,
            clause_03_a_conflict_says_what_was_attempted_and_what_is_current,
            clause_03_what_another_handle_saved_counts,
            clause_05_two_writers_racing_for_one_version_leave_one_winner,
            clause_05_many_writers_racing_for_one_version_leave_one_winner,
            clause_05_two_handles_racing_for_one_version_leave_one_winner,
            clause_05_of_overlapping_commits_one_wins_each_version,
            clause_06_other_content_under_the_same_id_and_version_is_a_mismatch,
            clause_06_one_changed_event_in_a_repeated_commit_is_a_mismatch,
            clause_06_another_event_at_a_stored_version_is_a_conflict,
            clause_06_drafts_are_recognised_where_they_are_the_newest_commit,
            clause_02_ids_that_trap_the_careless_have_sequences_of_their_own,
            clause_12_after_a_dropped_save_another_writer_goes_on,
            clause_12_drafts_dropped_after_any_poll_are_stored_once,
            clauses_01_to_08_any_calls_do_what_the_model_does,
        ]
        notices: [
            clause_11_nothing_is_noticed_of_a_refused_save,
            clause_11_nothing_is_noticed_of_a_repeat,
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
}
