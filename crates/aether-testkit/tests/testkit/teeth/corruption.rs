//! Stores that do not say what they can't read (clause 9).

super::teeth! {
    // Passes over what it can't read.
    swallows_the_malformed: SwallowsTheMalformed fails {
        corruption: [
            clause_09_a_malformed_event_fails_the_plain_read,
            clause_09_the_report_says_where_and_why,
            clause_09_the_lenient_replay_gives_the_good_and_reports_the_bad,
            clause_09_a_malformed_event_fails_a_read_that_ends_after_it,
        ]
    }

    // Ends at what it can't read.
    ends_at_the_malformed: EndsAtTheMalformed fails {
        corruption: [
            clause_09_a_malformed_event_fails_the_plain_read,
            clause_09_the_report_says_where_and_why,
            clause_09_the_lenient_replay_gives_the_good_and_reports_the_bad,
            clause_09_a_malformed_event_fails_a_read_that_ends_after_it,
        ]
    }

    // Says at the end of the history what it can't read in it.
    reports_after_the_last_event: ReportsAfterTheLastEvent fails {
        corruption: [
            clause_09_the_report_says_where_and_why,
            clause_09_a_malformed_event_fails_a_read_that_ends_after_it,
        ]
    }

    // Says nothing of where and what it is.
    reports_without_a_place: ReportsWithoutAPlace fails {
        corruption: [
            clause_09_the_report_says_where_and_why,
            clause_09_the_lenient_replay_gives_the_good_and_reports_the_bad,
        ]
    }

    // Reports one actor's to all.
    reports_to_everybody: ReportsToEverybody fails {
        corruption: [
            clause_09_other_actors_are_not_affected,
        ]
    }

    // Takes a history whose end it can't read for an empty one.
    forgets_what_is_before_the_malformed: ForgetsWhatIsBeforeTheMalformed fails {
        corruption: [
            clause_09_a_malformed_end_does_not_free_the_versions_before_it,
        ]
    }

    // An undecodable snapshot is none.
    swallows_undecodable_snapshots: SwallowsUndecodableSnapshots fails {
        snapshot_corruption: [
            clause_10_an_undecodable_snapshot_is_reported,
            clause_10_an_undecodable_snapshot_costs_a_full_replay,
        ]
    }

    // The feed passes over what it can't read.
    feed_swallows_the_malformed: FeedSwallowsTheMalformed fails {
        feed_corruption: [
            clause_13_a_feed_reports_a_malformed_event_in_its_place_and_goes_on,
        ]
    }

    // The feed ends at what it can't read.
    feed_ends_at_the_malformed: FeedEndsAtTheMalformed fails {
        feed_corruption: [
            clause_13_a_feed_reports_a_malformed_event_in_its_place_and_goes_on,
        ]
    }
}
