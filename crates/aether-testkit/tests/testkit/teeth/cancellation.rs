//! Stores that do not bear to be left in mid-save (clause 12).

super::teeth! {
    // Readers wait for a save, but one that is dropped leaves what it had stored.
    leaves_half_a_commit_when_dropped: LeavesHalfACommitWhenDropped fails {
        events: [
            clause_12_a_save_dropped_after_any_poll_is_whole_or_absent,
            clause_12_after_a_dropped_save_another_writer_goes_on,
            clause_12_drafts_dropped_after_any_poll_are_stored_once,
            clause_12_saves_aborted_at_random_are_whole_or_absent,
        ]
        notices: [
            clause_11_a_dropped_save_is_noticed_at_most_once,
        ]
    }

    // A save that is dropped keeps its actor locked.
    keeps_the_lock_when_dropped: KeepsTheLockWhenDropped fails {
        events: [
            clause_12_a_save_dropped_after_any_poll_is_whole_or_absent,
            clause_12_after_a_dropped_save_another_writer_goes_on,
            clause_12_drafts_dropped_after_any_poll_are_stored_once,
            clause_12_saves_aborted_at_random_are_whole_or_absent,
        ]
        notices: [
            clause_11_a_dropped_save_is_noticed_at_most_once,
        ]
    }
}
