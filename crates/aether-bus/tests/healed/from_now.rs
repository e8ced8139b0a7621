//! From now on: before the first event has come, there is no place.

use aether_bus::Subscribe;
use aether_core::{FeedStart, StoreErrorKind};

use crate::shop::Said::{End, Failed, Filled, Live, Nothing};
use crate::shop::{Shop, Step, expect};
use crate::support::SHOP;

#[test]
fn from_now_on_is_from_the_first_poll_on() {
    let shop = Shop::new();
    let mut healed = shop.healed(Subscribe::to(&SHOP).capacity(2), FeedStart::Now);
    shop.save(1);
    expect(&mut healed, &[Nothing]);
    assert_eq!(healed.place(), FeedStart::Now);
    // More than the queue holds, and nothing is known of what came before.
    (2..=6).for_each(|version| shop.save(version));
    expect(&mut healed, &(2..=6).map(Filled).collect::<Vec<_>>());
    expect(&mut healed, &[Nothing]);
    shop.save(7);
    expect(&mut healed, &[Live(7), Nothing]);
    assert_eq!(healed.place(), FeedStart::After(shop.positions()[5]));
}

#[test]
fn what_is_heard_before_the_feed_gives_the_first_event_comes_behind_it() {
    let shop = Shop::new();
    let mut healed = shop.healed(Subscribe::to(&SHOP), FeedStart::Now);
    expect(&mut healed, &[Nothing]);
    (1..=3).for_each(|version| shop.save(version));
    shop.feed.steps([Step::Wait; 4]);
    expect(&mut healed, &[Nothing]);
    assert_eq!(healed.subscription().waiting(), 0);
    shop.feed.steps([]);
    expect(&mut healed, &[Filled(1), Filled(2), Filled(3), Nothing]);
}

#[test]
fn from_now_on_with_nothing_stored_ends_where_the_bus_does() {
    let shop = Shop::new();
    shop.save(1);
    let healed = || shop.healed(Subscribe::to(&SHOP), FeedStart::Now);
    let [mut never_polled, mut quiet, mut in_a_hurry] = [healed(), healed(), healed()];
    expect(&mut quiet, &[Nothing]);
    expect(&mut in_a_hurry, &[Nothing]);
    shop.bus.stop();
    expect(&mut never_polled, &[End]);
    expect(&mut quiet, &[End]);
    // It is stored after the first poll, and the feed is slow to say so.
    shop.save(2);
    shop.feed.steps([Step::Wait]);
    expect(&mut in_a_hurry, &[Filled(2), End]);
}

#[test]
fn a_report_at_the_last_look_is_not_the_end() {
    let shop = Shop::new();
    let mut healed = shop.healed(Subscribe::to(&SHOP), FeedStart::Now);
    expect(&mut healed, &[Nothing]);
    shop.bus.stop();
    // The first two before it is known that the bus was stopped.
    shop.feed
        .steps([Step::Wait, Step::Wait, Step::Go, Step::Malformed(1)]);
    expect(&mut healed, &[Failed(StoreErrorKind::Malformed), End]);
}
