//! Stores that mix up actors.

super::teeth! {
    // `.`, ` `, `*` and `>` become `_`.
    sanitises_ids: SanitisesIds fails {
        events: [
            clause_08_ids_that_trap_the_careless_are_distinct_and_intact,
            clause_02_ids_that_trap_the_careless_have_sequences_of_their_own,
        ]
        snapshots: [
            clause_10_each_actor_has_a_snapshot_of_its_own,
            clause_10_any_snapshots_do_what_the_model_does,
        ]
    }

    // Upper case becomes lower case.
    lowercases_ids: LowercasesIds fails {
        events: [
            clause_08_an_unknown_actor_has_no_events_and_version_zero,
            clause_08_ids_that_trap_the_careless_are_distinct_and_intact,
            clause_02_ids_that_trap_the_careless_have_sequences_of_their_own,
        ]
        snapshots: [
            clause_10_each_actor_has_a_snapshot_of_its_own,
        ]
    }

    // White space around an id is cut off.
    trims_ids: TrimsIds fails {
        events: [
            clause_08_an_unknown_actor_has_no_events_and_version_zero,
            clause_08_ids_that_trap_the_careless_are_distinct_and_intact,
            clause_02_ids_that_trap_the_careless_have_sequences_of_their_own,
        ]
        snapshots: [
            clause_10_each_actor_has_a_snapshot_of_its_own,
        ]
    }

    // Ids are cut off after 200 bytes.
    truncates_ids: TruncatesIds fails {
        events: [
            clause_08_ids_that_trap_the_careless_are_distinct_and_intact,
            clause_02_ids_that_trap_the_careless_have_sequences_of_their_own,
        ]
        snapshots: [
            clause_10_each_actor_has_a_snapshot_of_its_own,
        ]
    }
}
