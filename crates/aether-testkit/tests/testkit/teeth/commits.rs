//! Stores that do not keep commits together (clause 4).

super::teeth! {
    // Stores a commit event by event, and lets others have a turn in between.
    tears_commits: TearsCommits fails {
        events: [
            clause_04_no_read_during_a_save_sees_a_part,
            clause_04_no_reader_beside_many_saves_sees_a_part,
            clause_05_of_overlapping_commits_one_wins_each_version,
            clause_05_drafts_of_many_writers_get_versions_of_their_own,
            clause_06_many_repeats_at_once_store_a_commit_once,
            clause_12_a_save_dropped_after_any_poll_is_whole_or_absent,
            clause_12_after_a_dropped_save_another_writer_goes_on,
            clause_12_drafts_dropped_after_any_poll_are_stored_once,
            clause_12_saves_aborted_at_random_are_whole_or_absent,
        ]
        notices: [
            clause_11_notices_of_one_actor_come_in_the_order_of_its_versions,
            clause_11_many_writers_on_many_actors_are_noticed_once_each,
            clause_11_a_dropped_save_is_noticed_at_most_once,
        ]
        feed: [
            clause_13_all_feeds_give_the_same_order,
        ]
    }

    // Stores what fits of a refused commit.
    keeps_what_fits: KeepsWhatFits fails {
        events: [
            clause_01_no_call_changes_or_removes_what_is_stored,
            clause_03_exactly_refuses_every_other_latest_version,
            clause_03_no_events_refuses_an_actor_with_events,
            clause_03_a_conflict_says_what_was_attempted_and_what_is_current,
            clause_03_what_another_handle_saved_counts,
            clause_04_a_refused_commit_stores_nothing,
            clause_05_of_overlapping_commits_one_wins_each_version,
            clause_05_of_commits_that_expect_no_events_one_wins,
            clause_06_a_partial_overlap_is_a_conflict,
            clauses_01_to_08_any_calls_do_what_the_model_does,
        ]
        notices: [
            clause_11_many_writers_on_many_actors_are_noticed_once_each,
        ]
        feed: [
            clause_13_what_was_refused_or_repeated_is_not_delivered,
        ]
        retention: [
            clause_14_versions_rise_from_where_they_were,
        ]
    }

    // Stores at most 512 events at once.
    limits_commits_to_512_events: LimitsCommitsTo512Events fails {
        events: [
            clause_04_a_thousand_events_are_one_commit_and_more_are_refused,
        ]
        feed: [
            clause_13_a_long_history_is_delivered_complete,
        ]
    }
}
