//! What a feed can't give.

use aether_bus::Subscribe;
use aether_core::{FeedStart, Position, StoreErrorKind};
use futures_util::stream::FusedStream as _;

use crate::shop::Said::{End, Failed, Filled, Nothing};
use crate::shop::{Shop, Step, expect};
use crate::support::SHOP;

#[test]
fn what_keeps_the_feed_from_answering_is_said_and_tried_again_at_the_next_poll() {
    let unavailable = StoreErrorKind::Unavailable;
    for broken in [Step::Fail(unavailable), Step::End] {
        let shop = Shop::new();
        let asked = Subscribe::to(&SHOP).capacity(1);
        let mut healed = shop.healed(asked, FeedStart::Beginning);
        (1..=3).for_each(|version| shop.save(version));
        shop.feed.steps([broken, broken, Step::Go, broken]);
        expect(&mut healed, &[Failed(unavailable), Failed(unavailable)]);
        expect(&mut healed, &[Filled(1), Failed(unavailable)]);
        (4..=5).for_each(|version| shop.save(version));
        expect(&mut healed, &[Filled(2), Filled(3), Filled(4), Filled(5)]);
        expect(&mut healed, &[Nothing]);
        // At the end it is no less.
        shop.unheard(6..=6);
        shop.bus.stop();
        shop.feed.steps([broken]);
        expect(&mut healed, &[Failed(unavailable), Filled(6), End]);
    }
}

#[test]
fn what_is_malformed_in_the_feed_is_reported_once_and_passed_over() {
    let shop = Shop::new();
    let mut healed = shop.healed(Subscribe::to(&SHOP), FeedStart::Beginning);
    (1..=2).for_each(|version| shop.save(version));
    let [first, second] = [Step::Malformed(1), Step::Malformed(2)];
    shop.feed
        .steps([Step::Go, first, second, Step::Go, Step::Go]);
    let malformed = Failed(StoreErrorKind::Malformed);
    expect(&mut healed, &[Filled(1), malformed, malformed, Filled(2)]);
    expect(&mut healed, &[Nothing]);
    shop.feed.steps([second, Step::Malformed(3)]);
    shop.bus.stop();
    expect(&mut healed, &[malformed, End]);
}

#[test]
fn after_an_error_that_does_not_pass_it_ends() {
    let shop = Shop::new();
    shop.save(1);
    let mut healed = shop.healed(
        Subscribe::to(&SHOP),
        FeedStart::After(Position::new(7, 42, 0)),
    );
    expect(&mut healed, &[Failed(StoreErrorKind::PositionLost), End]);
    assert!(healed.is_terminated());
    for kind in [StoreErrorKind::Closed, StoreErrorKind::HistoryRegressed] {
        let mut healed = shop.healed(Subscribe::to(&SHOP), FeedStart::Beginning);
        shop.feed.steps([Step::Fail(kind)]);
        expect(&mut healed, &[Failed(kind), End]);
    }
}

#[test]
fn a_store_that_was_made_anew_is_noticed_at_its_first_notice() {
    let shop = Shop::new();
    let mut healed = shop.healed(Subscribe::to(&SHOP), FeedStart::Beginning);
    shop.save(1);
    expect(&mut healed, &[Filled(1), Nothing]);
    shop.make_anew();
    shop.save(1);
    expect(&mut healed, &[Failed(StoreErrorKind::PositionLost), End]);
}
