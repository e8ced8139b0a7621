//! The suite: a test of each case, for each transport.

use aether_bus::Bus;

/// How nodes come to one bus.
pub(crate) trait Transport {
    type Bus: Bus + Clone + 'static;

    /// One more node; what one publishes, all get.
    async fn node(&self) -> Self::Bus;
}

/// A test of each case, for this transport.
macro_rules! suite {
    ($name:ident, $transport:expr) => {
        suite!(
            $name,
            $transport,
            [
        an_event_comes_once_to_each_subscription_of_its_namespace,
        whatever_is_in_its_name_a_namespace_is_that_one_only,
        a_pattern_gets_the_namespaces_that_it_matches,
        what_a_filter_does_not_let_pass_is_neither_given_nor_missed,
        what_one_publisher_publishes_comes_in_its_order,
        who_subscribes_gets_what_is_published_from_then_on,
        what_has_waited_longest_makes_room_and_is_in_a_gap,
        what_is_newest_is_dropped_where_that_is_asked_for,
        who_can_not_do_with_a_gap_is_disconnected_behind_what_was_queued,
        a_subscriber_that_never_reads_delays_nobody,
        a_dropped_subscription_gets_nothing_and_the_others_everything,
        after_a_stop_there_is_what_was_published_before_and_then_the_end,
        a_broadcast_comes_like_anything_else,
    ]
        );
    };
    ($name:ident, $transport:expr, [$($case:ident),* $(,)?]) => {
        mod $name {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    crate::cases::$case(&$transport).await;
                }
            )*
        }
    };
}

pub(crate) use suite;
