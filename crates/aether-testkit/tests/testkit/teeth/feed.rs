//! Stores whose feed repeats, skips or misleads (clause 13).

super::teeth! {
    // Gives the last event of the history again when it goes live.
    feed_repeats_the_last_on_catching_up: FeedRepeatsTheLastOnCatchingUp fails {
        feed: [
            clause_13_filters_let_pass_what_they_name,
            clause_13_after_catching_up_a_feed_is_live,
            clause_13_a_feed_goes_from_history_to_live_without_a_seam,
            clause_13_a_feed_gives_what_another_handle_stores,
            clause_13_a_paused_reader_blocks_no_writer,
        ]
        feed_corruption: [
            clause_13_a_feed_reports_a_malformed_event_in_its_place_and_goes_on,
        ]
        feed_retention: [
            clause_14_a_feed_gives_each_event_that_has_not_expired,
        ]
    }

    // Goes on with the next commit, also from inside one.
    feed_skips_the_rest_of_a_commit: FeedSkipsTheRestOfACommit fails {
        feed: [
            clause_13_a_long_history_is_delivered_complete,
            clause_13_a_feed_resumes_after_any_position,
            clause_13_a_filtered_feed_resumes_after_any_position,
            clause_13_a_position_of_another_store_is_refused,
        ]
        feed_retention: [
            clause_14_a_feed_gives_each_event_that_has_not_expired,
        ]
    }

    // Goes on with the whole commit from inside of which it is resumed.
    feed_repeats_the_commit: FeedRepeatsTheCommit fails {
        feed: [
            clause_13_a_long_history_is_delivered_complete,
            clause_13_a_feed_resumes_after_any_position,
            clause_13_a_filtered_feed_resumes_after_any_position,
        ]
        feed_retention: [
            clause_14_a_feed_gives_each_event_that_has_not_expired,
        ]
    }

    // Never says that it has caught up.
    feed_never_catches_up: FeedNeverCatchesUp fails {
        feed: [
            clause_13_a_feed_gives_each_event_once_and_has_caught_up,
            clause_13_a_feed_of_an_empty_store_has_caught_up,
            clause_13_a_long_history_is_delivered_complete,
            clause_13_positions_are_those_of_reads_and_of_appends,
            clause_13_a_feed_resumes_after_any_position,
            clause_13_a_filtered_feed_resumes_after_any_position,
            clause_13_what_was_refused_or_repeated_is_not_delivered,
            clause_13_filters_let_pass_what_they_name,
            clause_13_a_filter_that_nothing_passes_has_caught_up,
            clause_13_after_catching_up_a_feed_is_live,
            clause_13_a_feed_goes_from_history_to_live_without_a_seam,
            clause_13_all_feeds_give_the_same_order,
            clause_13_a_feed_from_now_gives_only_what_comes_later,
            clause_13_a_feed_resumed_at_the_end_is_live,
            clause_13_a_feed_gives_what_another_handle_stores,
            clause_13_a_paused_reader_blocks_no_writer,
            clause_13_a_dropped_feed_leaves_nothing_behind,
        ]
        feed_corruption: [
            clause_13_a_feed_reports_a_malformed_event_in_its_place_and_goes_on,
        ]
        feed_retention: [
            clause_14_a_feed_gives_each_event_that_has_not_expired,
        ]
    }

    // Says it before each live event.
    feed_catches_up_again_and_again: FeedCatchesUpAgainAndAgain fails {
        feed: [
            clause_13_filters_let_pass_what_they_name,
            clause_13_after_catching_up_a_feed_is_live,
            clause_13_a_feed_goes_from_history_to_live_without_a_seam,
            clause_13_all_feeds_give_the_same_order,
            clause_13_a_feed_from_now_gives_only_what_comes_later,
            clause_13_a_feed_resumed_at_the_end_is_live,
            clause_13_a_feed_gives_what_another_handle_stores,
            clause_13_a_paused_reader_blocks_no_writer,
        ]
        feed_corruption: [
            clause_13_a_feed_reports_a_malformed_event_in_its_place_and_goes_on,
        ]
        feed_retention: [
            clause_14_a_feed_gives_each_event_that_has_not_expired,
        ]
    }

    // Says it first.
    feed_catches_up_too_early: FeedCatchesUpTooEarly fails {
        feed: [
            clause_13_a_feed_gives_each_event_once_and_has_caught_up,
            clause_13_a_long_history_is_delivered_complete,
            clause_13_positions_are_those_of_reads_and_of_appends,
            clause_13_a_feed_resumes_after_any_position,
            clause_13_what_was_refused_or_repeated_is_not_delivered,
            clause_13_filters_let_pass_what_they_name,
            clause_13_a_position_of_another_store_is_refused,
            clause_13_a_position_past_the_end_is_refused,
            clause_13_a_feed_goes_from_history_to_live_without_a_seam,
            clause_13_all_feeds_give_the_same_order,
            clause_13_a_feed_from_now_gives_only_what_comes_later,
            clause_13_a_feed_gives_what_another_handle_stores,
            clause_13_a_paused_reader_blocks_no_writer,
            clause_13_a_dropped_feed_leaves_nothing_behind,
        ]
        feed_corruption: [
            clause_13_a_feed_reports_a_malformed_event_in_its_place_and_goes_on,
        ]
        feed_retention: [
            clause_14_a_feed_gives_each_event_that_has_not_expired,
            clause_14_a_feed_does_not_resume_before_what_has_expired,
        ]
    }

    // Says it with the first event, not on an empty store.
    feed_catches_up_with_the_first_event: FeedCatchesUpWithTheFirstEvent fails {
        feed: [
            clause_13_a_feed_of_an_empty_store_has_caught_up,
            clause_13_a_feed_resumes_after_any_position,
            clause_13_a_filtered_feed_resumes_after_any_position,
            clause_13_a_filter_that_nothing_passes_has_caught_up,
            clause_13_all_feeds_give_the_same_order,
            clause_13_a_feed_from_now_gives_only_what_comes_later,
            clause_13_a_feed_resumed_at_the_end_is_live,
        ]
        feed_retention: [
            clause_14_a_feed_gives_each_event_that_has_not_expired,
        ]
    }

    // Ends when it has caught up.
    feed_ends_when_caught_up: FeedEndsWhenCaughtUp fails {
        feed: [
            clause_13_filters_let_pass_what_they_name,
            clause_13_after_catching_up_a_feed_is_live,
            clause_13_a_feed_goes_from_history_to_live_without_a_seam,
            clause_13_all_feeds_give_the_same_order,
            clause_13_a_feed_from_now_gives_only_what_comes_later,
            clause_13_a_feed_resumed_at_the_end_is_live,
            clause_13_a_feed_gives_what_another_handle_stores,
            clause_13_a_paused_reader_blocks_no_writer,
        ]
        feed_corruption: [
            clause_13_a_feed_reports_a_malformed_event_in_its_place_and_goes_on,
        ]
        feed_retention: [
            clause_14_a_feed_gives_each_event_that_has_not_expired,
        ]
    }

    // Gives one of several live events that come at once.
    feed_drops_what_comes_at_once: FeedDropsWhatComesAtOnce fails {
        feed: [
            clause_13_filters_let_pass_what_they_name,
            clause_13_after_catching_up_a_feed_is_live,
            clause_13_a_feed_goes_from_history_to_live_without_a_seam,
            clause_13_all_feeds_give_the_same_order,
            clause_13_a_feed_from_now_gives_only_what_comes_later,
            clause_13_a_feed_gives_what_another_handle_stores,
            clause_13_a_paused_reader_blocks_no_writer,
        ]
    }

    // Does not see what other handles store while it is live.
    feed_sees_its_own_handle_only: FeedSeesItsOwnHandleOnly fails {
        feed: [
            clause_13_all_feeds_give_the_same_order,
            clause_13_a_feed_gives_what_another_handle_stores,
        ]
    }

    // Reads one page of 1,000 events.
    feed_reads_one_page: FeedReadsOnePage fails {
        feed: [
            clause_13_a_long_history_is_delivered_complete,
        ]
    }

    // Orders a history by actor.
    feed_orders_by_actor: FeedOrdersByActor fails {
        feed: [
            clause_13_a_feed_gives_each_event_once_and_has_caught_up,
            clause_13_a_feed_resumes_after_any_position,
            clause_13_a_filtered_feed_resumes_after_any_position,
            clause_13_filters_let_pass_what_they_name,
            clause_13_after_catching_up_a_feed_is_live,
            clause_13_a_feed_goes_from_history_to_live_without_a_seam,
            clause_13_all_feeds_give_the_same_order,
            clause_13_a_dropped_feed_leaves_nothing_behind,
        ]
        feed_corruption: [
            clause_13_a_feed_reports_a_malformed_event_in_its_place_and_goes_on,
        ]
    }

    // Counts positions for itself.
    feed_counts_its_own_positions: FeedCountsItsOwnPositions fails {
        feed: [
            clause_13_positions_are_those_of_reads_and_of_appends,
        ]
    }

    // Does not look at types.
    feed_ignores_types: FeedIgnoresTypes fails {
        feed: [
            clause_13_filters_let_pass_what_they_name,
            clause_13_a_filter_that_nothing_passes_has_caught_up,
        ]
    }

    // Takes categories for prefixes.
    feed_takes_categories_for_prefixes: FeedTakesCategoriesForPrefixes fails {
        feed: [
            clause_13_a_filtered_feed_resumes_after_any_position,
            clause_13_filters_let_pass_what_they_name,
        ]
    }

    // Can't be resumed at an event that does not pass its filter.
    feed_resumes_at_what_passes_only: FeedResumesAtWhatPassesOnly fails {
        feed: [
            clause_13_a_filtered_feed_resumes_after_any_position,
        ]
    }

    // `Now` is the beginning.
    feed_takes_now_for_the_beginning: FeedTakesNowForTheBeginning fails {
        feed: [
            clause_13_a_feed_from_now_gives_only_what_comes_later,
        ]
    }

    // `Now` is when the feed is made.
    feed_takes_now_too_early: FeedTakesNowTooEarly fails {
        feed: [
            clause_13_a_feed_from_now_gives_only_what_comes_later,
        ]
    }

    // Does not look whose position it is.
    feed_takes_positions_of_other_stores: FeedTakesPositionsOfOtherStores fails {
        feed: [
            clause_13_a_position_of_another_store_is_refused,
        ]
    }

    // Waits where a position is past the end.
    feed_waits_past_the_end: FeedWaitsPastTheEnd fails {
        feed: [
            clause_13_a_position_past_the_end_is_refused,
        ]
    }

    // Writers wait for readers that are 1,000 events behind.
    feed_holds_writers_back: FeedHoldsWritersBack fails {
        feed: [
            clause_13_a_paused_reader_blocks_no_writer,
        ]
    }

    // Writers wait for a reader that is gone.
    feed_holds_writers_back_when_dropped: FeedHoldsWritersBackWhenDropped fails {
        feed: [
            clause_13_a_feed_resumed_at_the_end_is_live,
            clause_13_a_dropped_feed_leaves_nothing_behind,
        ]
        feed_retention: [
            clause_14_a_feed_gives_each_event_that_has_not_expired,
        ]
    }

    // Gives refused events too.
    feed_gives_refused_events: FeedGivesRefusedEvents fails {
        feed: [
            clause_13_what_was_refused_or_repeated_is_not_delivered,
        ]
    }
}
