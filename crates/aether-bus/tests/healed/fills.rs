//! What is heard, what is read, and when.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use aether_bus::{HealedNotice, StoredDelivery, Subscribe, WhenFull};
use aether_core::{EventFilter, EventStored, FeedStart, Position, SystemClock};
use futures_util::FutureExt as _;
use futures_util::stream::FusedStream as _;

use crate::shop::Said::{End, Filled, Live, Nothing};
use crate::shop::{Shop, Step, expect, now, subscribe};
use crate::support::{SHOP, event, typed};

#[test]
fn what_does_not_fit_into_the_queue_is_read_from_the_feed_in_order() {
    for capacity in 1..=4 {
        for when_full in [WhenFull::DropOldest, WhenFull::DropNewest] {
            let shop = Shop::new();
            let asked = Subscribe::to(&SHOP).capacity(capacity).when_full(when_full);
            let mut healed = shop.healed(asked, FeedStart::Beginning);
            shop.save(1);
            expect(&mut healed, &[Filled(1), Nothing]);
            shop.save(2);
            expect(&mut healed, &[Live(2), Nothing]);
            (3..=100).for_each(|version| shop.save(version));
            // Live is what was queued before the gap.
            let before = match when_full {
                WhenFull::DropNewest => 2 + capacity as u64,
                _ => 2,
            };
            let all = (3..=before).map(Live).chain((before + 1..=100).map(Filled));
            expect(&mut healed, &all.collect::<Vec<_>>());
            expect(&mut healed, &[Nothing]);
            shop.save(101);
            expect(&mut healed, &[Live(101), Nothing]);
        }
    }
}

#[test]
fn what_is_lost_while_a_gap_is_filled_is_filled_too() {
    let shop = Shop::new();
    let mut healed = shop.healed(Subscribe::to(&SHOP).capacity(2), FeedStart::Beginning);
    // The feed does not know of what is stored after it has begun, and waits in the middle.
    shop.feed.steps([Step::Go, Step::Go, Step::Wait]);
    (1..=3).for_each(|version| shop.save(version));
    expect(&mut healed, &[Filled(1), Filled(2), Nothing]);
    (4..=10).for_each(|version| shop.save(version));
    expect(&mut healed, &(3..=10).map(Filled).collect::<Vec<_>>());
    expect(&mut healed, &[Nothing]);
    assert_eq!(shop.feed.begun.load(Ordering::SeqCst), 2);
    shop.save(11);
    expect(&mut healed, &[Live(11), Nothing]);
}

#[test]
fn what_waits_when_a_fill_begins_is_not_told_twice() {
    let shop = Shop::new();
    let asked = Subscribe::to(&SHOP).capacity(100);
    let mut healed = shop.healed(asked, FeedStart::Beginning);
    (1..=3).for_each(|version| shop.save(version));
    shop.feed.steps([Step::Wait]);
    expect(&mut healed, &[Nothing]);
    // The feed has begun before it is told, but has not been read: its notice comes later.
    shop.save(4);
    expect(&mut healed, &[Filled(1), Filled(2), Filled(3), Filled(4)]);
    expect(&mut healed, &[Nothing]);
    shop.save(5);
    expect(&mut healed, &[Live(5), Nothing]);
}

#[test]
fn it_begins_where_it_is_told_to() {
    let shop = Shop::new();
    (1..=3).for_each(|version| shop.save(version));
    let second = shop.positions()[1];
    for (start, first) in [
        (FeedStart::Beginning, vec![Filled(1), Filled(2), Filled(3)]),
        (FeedStart::After(second), vec![Filled(3)]),
        (FeedStart::Now, vec![]),
    ] {
        let mut healed = shop.healed(Subscribe::to(&SHOP), start);
        expect(&mut healed, &first);
        expect(&mut healed, &[Nothing]);
    }
}

#[test]
fn a_place_that_is_kept_goes_on_without_a_hole() {
    let shop = Shop::new();
    let mut healed = shop.healed(Subscribe::to(&SHOP), FeedStart::Beginning);
    shop.save(1);
    expect(&mut healed, &[Filled(1), Nothing]);
    (2..=3).for_each(|version| shop.save(version));
    expect(&mut healed, &[Live(2)]);
    let kept = healed.place();
    assert_eq!(kept, FeedStart::After(shop.positions()[0]));
    drop(healed);
    let mut healed = shop.healed(Subscribe::to(&SHOP), kept);
    // What was given live comes again.
    expect(&mut healed, &[Filled(2), Filled(3), Nothing]);
}

#[test]
fn only_what_passes_the_filter_is_told_live_and_from_the_feed() {
    let shop = Shop::new();
    let orders = EventFilter::all().category("order");
    let asked = Subscribe::to(&SHOP).capacity(2).only(orders);
    let mut healed = shop.healed(asked, FeedStart::Beginning);
    shop.store(typed("bill-1", "Made", 1));
    shop.save(2);
    expect(&mut healed, &[Filled(2), Nothing]);
    shop.store(typed("bill-1", "Made", 3));
    shop.save(4);
    expect(&mut healed, &[Live(4), Nothing]);
    for version in 5..=9 {
        shop.store(typed("bill-1", "Made", 10 * version));
        shop.save(version.into());
    }
    shop.bus.stop();
    expect(&mut healed, &(5..=9).map(Filled).collect::<Vec<_>>());
    expect(&mut healed, &[End]);
}

#[test]
fn a_notice_that_comes_late_or_again_is_dropped() {
    let shop = Shop::new();
    let mut healed = shop.healed(Subscribe::to(&SHOP), FeedStart::Beginning);
    let notices = shop.unheard(1..=4);
    expect(
        &mut healed,
        &[Filled(1), Filled(2), Filled(3), Filled(4), Nothing],
    );
    let later = shop.unheard(5..=7);
    // In another order, each twice, and those that were filled.
    for notice in later.iter().rev().chain(&later).chain(&notices) {
        shop.bus.publish_now(&SHOP, notice.clone()).unwrap();
    }
    expect(&mut healed, &[Live(7), Live(6), Live(5), Nothing]);
    // And where they were looked for in between.
    shop.bus.stop();
    expect(&mut healed, &[End]);
}

#[test]
fn something_that_is_no_notice_of_the_store_is_a_look_into_the_feed() {
    let another = Shop::new();
    let strangers = [
        typed("order-1", EventStored::EVENT_TYPE.as_str(), 3),
        EventStored::notice(&SystemClock, &event(2), None).unwrap(),
        another.store_unheard(event(9)),
    ];
    for start in [FeedStart::Beginning, FeedStart::Now] {
        for stranger in &strangers {
            let shop = Shop::new();
            let mut healed = shop.healed(Subscribe::to(&SHOP), start);
            expect(&mut healed, &[Nothing]);
            let tell = || shop.bus.publish_now(&SHOP, stranger.clone()).unwrap();
            tell();
            expect(&mut healed, &[Nothing]);
            shop.save(1);
            expect(&mut healed, &[Filled(1), Nothing]);
            let begun = shop.feed.begun.load(Ordering::SeqCst);
            shop.unheard(2..=2);
            tell();
            shop.save(3);
            tell();
            expect(&mut healed, &[Filled(2), Filled(3), Nothing]);
            // What waited was looked up at once.
            assert_eq!(shop.feed.begun.load(Ordering::SeqCst), begun + 1);
            shop.save(4);
            expect(&mut healed, &[Live(4), Nothing]);
        }
    }
}

#[test]
fn what_the_feed_does_not_have_is_not_remembered_for_ever() {
    let shop = Shop::new();
    let healed = shop.healed(Subscribe::to(&SHOP), FeedStart::Beginning);
    let mut healed = healed.checked_every(3);
    shop.save(1);
    expect(&mut healed, &[Filled(1), Nothing]);
    let incarnation = shop.positions()[0].incarnation();
    for version in 10..13 {
        // As of an event that has expired since.
        let position = Position::new(incarnation, u64::from(version), 0);
        let notice = EventStored::notice(&SystemClock, &event(version), Some(position)).unwrap();
        shop.bus.publish_now(&SHOP, notice).unwrap();
    }
    expect(&mut healed, &[Live(10), Live(11), Live(12), Nothing]);
    let begun = shop.feed.begun.load(Ordering::SeqCst);
    (2..=3).for_each(|version| shop.save(version));
    expect(&mut healed, &[Live(2), Live(3), Nothing]);
    assert_eq!(shop.feed.begun.load(Ordering::SeqCst), begun);
}

#[test]
fn a_loss_of_which_nobody_knows_is_found_after_so_many_notices() {
    for every in [0, 1, 2, 5, 50] {
        let shop = Shop::new();
        let healed = shop.healed(Subscribe::to(&SHOP), FeedStart::Beginning);
        let mut healed = healed.checked_every(every);
        shop.save(1);
        expect(&mut healed, &[Filled(1), Nothing]);
        shop.unheard(2..=4);
        let every = u64::try_from(every.max(1)).unwrap();
        for version in (5..).take(every.try_into().unwrap()) {
            shop.save(version);
            expect(&mut healed, &[Live(version)]);
        }
        expect(&mut healed, &[Filled(2), Filled(3), Filled(4), Nothing]);
        shop.save(5 + every);
        expect(&mut healed, &[Live(5 + every), Nothing]);
    }
}

#[test]
fn a_loss_of_which_nobody_knows_is_found_at_the_end() {
    let shop = Shop::new();
    let mut healed = shop.healed(Subscribe::to(&SHOP), FeedStart::Beginning);
    shop.save(1);
    expect(&mut healed, &[Filled(1), Nothing]);
    shop.unheard(2..=3);
    shop.save(4);
    shop.unheard(5..=5);
    shop.bus.stop();
    assert!(!healed.is_terminated());
    expect(
        &mut healed,
        &[Live(4), Filled(2), Filled(3), Filled(5), End],
    );
    assert!(healed.is_terminated());
    shop.save(6);
    expect(&mut healed, &[End]);
}

#[test]
fn who_is_disconnected_gets_what_was_stored_until_then_and_the_end() {
    let shop = Shop::new();
    let asked = Subscribe::to(&SHOP).capacity(1);
    let asked = asked.when_full(WhenFull::Disconnect);
    let mut healed = shop.healed(asked, FeedStart::Beginning);
    shop.save(1);
    expect(&mut healed, &[Filled(1), Nothing]);
    (2..=5).for_each(|version| shop.save(version));
    expect(
        &mut healed,
        &[Live(2), Filled(3), Filled(4), Filled(5), End],
    );
}

#[test]
fn a_filled_notice_says_what_the_live_one_would_have() {
    let shop = Shop::new();
    let asked = Subscribe::to(&SHOP);
    let mut live = subscribe(&shop.bus, asked.clone());
    let mut healed = shop.healed(asked, FeedStart::Beginning);
    shop.save(1);
    let Some(Some(StoredDelivery::Stored { notice, .. })) = live.next().now_or_never() else {
        panic!("no notice");
    };
    let Poll::Ready(Some(Ok(HealedNotice::Filled {
        notice: read,
        event,
    }))) = now(&mut healed)
    else {
        panic!("it was not filled");
    };
    assert!((notice.timestamp..=notice.timestamp + 60).contains(&read.timestamp));
    let timestamp = notice.timestamp;
    assert_eq!(EventStored { timestamp, ..read }, notice);
    assert_eq!(*event.id(), notice.event_id);
}

/// A fill that never waits for anything, in a task beside another one.
#[tokio::test]
async fn a_long_fill_lets_others_have_a_turn() {
    let shop = Shop::new();
    (1..=1_000).for_each(|version| shop.save(version));
    let mut healed = shop.healed(Subscribe::to(&SHOP), FeedStart::Beginning);
    let filled = Arc::new(AtomicU64::new(0));
    let reading = tokio::spawn({
        let filled = Arc::clone(&filled);
        async move {
            while filled.load(Ordering::SeqCst) < 1_000 {
                healed.next().await.unwrap().unwrap();
                filled.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    tokio::task::yield_now().await;
    let begun = filled.load(Ordering::SeqCst);
    assert!((1..1_000).contains(&begun), "{begun}");
    reading.await.unwrap();
}
