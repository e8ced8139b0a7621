//! Stores that tell too much or too little (clause 11).

super::teeth! {
    // Tells before the save is decided.
    notifies_refused_saves: NotifiesRefusedSaves fails {
        notices: [
            clause_11_nothing_is_noticed_of_a_refused_save,
            clause_11_many_writers_on_many_actors_are_noticed_once_each,
        ]
    }

    // Tells again when a save is repeated.
    notifies_repeats: NotifiesRepeats fails {
        notices: [
            clause_11_nothing_is_noticed_of_a_repeat,
            clause_11_what_another_handle_stored_is_not_noticed_again,
            clause_11_a_dropped_save_is_noticed_at_most_once,
        ]
    }

    // Tells of what is found stored, if it did not tell of it before.
    notifies_what_others_stored: NotifiesWhatOthersStored fails {
        notices: [
            clause_11_what_another_handle_stored_is_not_noticed_again,
        ]
    }

    // Tells of the last event of a commit only.
    notifies_once_per_commit: NotifiesOncePerCommit fails {
        notices: [
            clause_11_each_stored_event_is_noticed_once,
            clause_11_a_notice_says_what_was_stored_and_where,
            clause_11_nothing_is_noticed_of_a_refused_save,
            clause_11_nothing_is_noticed_of_a_repeat,
            clause_11_notices_of_one_actor_come_in_the_order_of_its_versions,
            clause_11_many_writers_on_many_actors_are_noticed_once_each,
        ]
    }

    // Tells of each event twice.
    notifies_twice: NotifiesTwice fails {
        notices: [
            clause_11_each_stored_event_is_noticed_once,
            clause_11_nothing_is_noticed_of_a_refused_save,
            clause_11_nothing_is_noticed_of_a_repeat,
            clause_11_what_another_handle_stored_is_not_noticed_again,
            clause_11_notices_of_one_actor_come_in_the_order_of_its_versions,
            clause_11_many_writers_on_many_actors_are_noticed_once_each,
            clause_11_a_dropped_save_is_noticed_at_most_once,
        ]
    }

    // Tells of the newest first.
    notifies_backwards: NotifiesBackwards fails {
        notices: [
            clause_11_each_stored_event_is_noticed_once,
            clause_11_a_notice_says_what_was_stored_and_where,
            clause_11_nothing_is_noticed_of_a_refused_save,
            clause_11_nothing_is_noticed_of_a_repeat,
            clause_11_notices_of_one_actor_come_in_the_order_of_its_versions,
            clause_11_many_writers_on_many_actors_are_noticed_once_each,
        ]
    }

    // Tells of the commits of several writers in any order.
    notifies_in_any_order: NotifiesInAnyOrder fails {
        notices: [
            clause_11_notices_of_one_actor_come_in_the_order_of_its_versions,
        ]
    }

    // Tells, and stores after others had a turn.
    notifies_before_it_stores: NotifiesBeforeItStores fails {
        notices: [
            clause_11_a_notice_says_what_was_stored_and_where,
            clause_11_a_dropped_save_is_noticed_at_most_once,
        ]
    }

    // Sends the event itself.
    sends_the_event_itself: SendsTheEventItself fails {
        notices: [
            clause_11_each_stored_event_is_noticed_once,
            clause_11_a_notice_says_what_was_stored_and_where,
            clause_11_nothing_is_noticed_of_a_refused_save,
            clause_11_nothing_is_noticed_of_a_repeat,
            clause_11_what_another_handle_stored_is_not_noticed_again,
            clause_11_notices_of_one_actor_come_in_the_order_of_its_versions,
            clause_11_many_writers_on_many_actors_are_noticed_once_each,
            clause_11_a_dropped_save_is_noticed_at_most_once,
        ]
    }

    // The time is in milliseconds.
    notifies_in_milliseconds: NotifiesInMilliseconds fails {
        notices: [
            clause_11_a_notice_says_what_was_stored_and_where,
        ]
    }

    // Fails the save if the broadcaster fails.
    fails_with_its_broadcaster: FailsWithItsBroadcaster fails {
        notices: [
            clause_11_a_failing_broadcaster_fails_no_save,
            clause_11_a_panicking_broadcaster_fails_no_save,
        ]
    }

    // Panics if the broadcaster does.
    panics_with_its_broadcaster: PanicsWithItsBroadcaster fails {
        notices: [
            clause_11_a_panicking_broadcaster_fails_no_save,
        ]
    }
}
