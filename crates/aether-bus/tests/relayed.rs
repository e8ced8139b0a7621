//! What a source says of stored events comes to the subscribers of a bus.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics says where"
)]

mod support;

use std::cell::Cell;
use std::pin::pin;
use std::time::Duration;

use aether_bus::{
    Delivery, EventBus, HealedNotice, Missed, Relayed, StoredDelivery, Subscribe, SubscribeStored,
};
use aether_core::{
    Event, EventFeed as _, EventFilter, EventStoreExt as _, EventStored, FeedItem, FeedStart,
    Position, RecordedEvent, ReplayError, StoreError,
};
use aether_store_memory::MemoryStore;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use proptest::prelude::{Just, any, prop_oneof};
use proptest::{collection, proptest};
use support::{SHOP, Said, event, expect, namespace, said, typed};

type Item = Result<Relayed, StoreError>;

fn at(event: Event, sequence: u64) -> Item {
    let position = Position::new(1, sequence, 0);
    Ok(Relayed::Stored(RecordedEvent::new(event, position)))
}

fn stored(version: u32) -> Item {
    at(event(version), version.into())
}

fn malformed() -> Item {
    Err(StoreError::from(ReplayError {
        position: Position::new(1, 1, 0),
        reason: "not an event".to_owned(),
        raw: Default::default(),
    }))
}

/// Relays all of this to the shop's subscribers, where nothing has to be waited for.
fn relay(bus: &EventBus, items: impl IntoIterator<Item = Item>) -> Result<(), StoreError> {
    let relaying = bus.relay_stored(&SHOP, stream::iter(items));
    relaying.now_or_never().expect("nothing to wait for")
}

#[tokio::test]
async fn what_is_stored_elsewhere_comes_as_notices_with_its_place() {
    let bus = EventBus::new();
    let subscribe = |asked| bus.subscribe_event_stored(asked).now_or_never().unwrap();
    let mut all = subscribe(Subscribe::to(&SHOP)).unwrap();
    let bills = Subscribe::to(&SHOP).only(EventFilter::all().category("bill"));
    let mut bills = subscribe(bills).unwrap();
    let bill = typed("bill-7", "BillSent", 1);
    relay(&bus, [stored(1), at(bill.clone(), 2)]).unwrap();
    bus.stop();
    for (sequence, event) in [(1, None), (2, Some(&bill))] {
        let Some(StoredDelivery::Stored { namespace, notice }) = all.next().await else {
            panic!("a notice was due");
        };
        assert_eq!(namespace, SHOP);
        assert_eq!(notice.position, Some(Position::new(1, sequence, 0)));
        assert!(event.is_none_or(|event| *event.id() == notice.event_id));
    }
    assert!(all.next().await.is_none());
    let Some(StoredDelivery::Stored { notice, .. }) = bills.next().await else {
        panic!("the bill's notice was due");
    };
    assert_eq!(notice.actor_id, *bill.actor_id());
    assert!(bills.next().await.is_none());
}

#[tokio::test]
async fn a_gap_comes_in_its_place_to_those_who_would_have_got_notices_and_to_nobody_else() {
    let bus = EventBus::new();
    let typed = |event_type| EventFilter::all().event_type(event_type);
    let to = |name: &str| Subscribe::to(namespace(name));
    let (shop, notices) = (to("shop"), typed(EventStored::EVENT_TYPE));
    let told = [
        shop.clone(),
        shop.clone().only(notices.clone()),
        shop.clone().only(notices.category("order")),
        // It has a queue of its own.
        shop.clone().publishers_wait(Duration::from_secs(1)),
    ];
    let others = [to("bank"), shop.only(typed(event(1).event_type().clone()))];
    let subscribe = |asked| bus.subscribe(asked).unwrap();
    let (told, others) = (told.map(subscribe), others.map(subscribe));
    relay(&bus, [Ok(Relayed::Gap), stored(1), malformed(), stored(2)]).unwrap();
    bus.stop();
    let (gap, one, two) = (Said::Unknown, Said::Event(1), Said::Event(2));
    for mut subscription in told {
        expect(&mut subscription, &[gap, one, gap, two, Said::End]).await;
    }
    for mut subscription in others {
        expect(&mut subscription, &[Said::End]).await;
    }
}

#[tokio::test]
async fn an_error_of_the_source_is_a_gap_and_the_end() {
    let bus = EventBus::new();
    let mut subscription = bus.subscribe(Subscribe::to(&SHOP)).unwrap();
    let error = relay(&bus, [stored(1), Err(StoreError::Closed), stored(2)]).unwrap_err();
    assert!(matches!(error, StoreError::Closed), "{error:?}");
    bus.stop();
    let expected = [Said::Event(1), Said::Unknown, Said::End];
    expect(&mut subscription, &expected).await;
}

#[tokio::test]
async fn a_bus_that_was_stopped_ends_it() {
    let bus = EventBus::new();
    bus.stop();
    let mut taken = 0;
    let endless = stream::repeat_with(|| {
        taken += 1;
        stored(taken)
    });
    let relaying = bus.relay_stored(&SHOP, endless);
    relaying.now_or_never().expect("it has ended").unwrap();
    assert_eq!(taken, 1);
}

#[tokio::test]
async fn it_waits_for_subscribers_that_asked_for_it_and_takes_nothing_more_meanwhile() {
    let bus = EventBus::new();
    let asked = Subscribe::to(&SHOP).capacity(1);
    let asked = asked.publishers_wait(Duration::from_secs(1_000));
    let mut subscription = bus.subscribe(asked).unwrap();
    let taken = Cell::new(0);
    let source = stream::iter(1..=10).inspect(|version| taken.set(*version));
    let mut relaying = Box::pin(bus.relay_stored(&SHOP, source.map(stored)));
    assert!(relaying.as_mut().now_or_never().is_none());
    // One is queued, and one waits.
    assert_eq!(taken.get(), 2);
    let mut heard = Vec::new();
    while heard.len() < 10 {
        tokio::select! {
            biased;
            delivery = subscription.next() => heard.push(said(delivery.as_ref())),
            relayed = &mut relaying, if heard.len() < 9 => relayed.unwrap(),
        }
    }
    assert_eq!(heard, (1..=10).map(Said::Event).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_source_that_always_has_something_lets_others_have_a_turn() {
    let bus = EventBus::new();
    let endless = stream::repeat_with(|| stored(1));
    let mut relaying = pin!(bus.relay_stored(&SHOP, endless));
    assert!(futures_util::poll!(&mut relaying).is_pending());
}

/// What becomes of an event that is stored.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Heard,
    /// It is missed, and a gap says so before the next one that is heard.
    Missed,
    /// It was heard although it is in the gap.
    HeardAndMissed,
    /// The store tells the bus, too.
    HeardTwice,
}

proptest! {
    #[test]
    fn healed_each_event_is_told_once_whatever_the_source_has_missed(
        fates in collection::vec(
            prop_oneof![
                Just(Fate::Heard),
                Just(Fate::Missed),
                Just(Fate::HeardAndMissed),
                Just(Fate::HeardTwice),
            ],
            1..40,
        ),
        is_read_at_once in any::<bool>(),
    ) {
        let (bus, store) = (EventBus::new(), MemoryStore::new());
        let asked = bus.subscribe_event_stored(Subscribe::to(&SHOP).capacity(4));
        let notices = asked.now_or_never().unwrap().unwrap();
        let mut healed = notices.healed_by(store.clone(), FeedStart::Beginning);
        let mut told = Vec::new();
        let mut read = |told: &mut Vec<u64>| {
            while let Some(Some(notice)) = healed.next().now_or_never() {
                let notice: HealedNotice = notice.unwrap();
                told.push(notice.notice().version.get());
            }
        };
        let mut is_missing = true;
        for (version, fate) in (1..).zip(&fates) {
            store.save_event(event(version)).now_or_never().unwrap().unwrap();
            let recorded = last(&store);
            let item = || Ok(Relayed::Stored(recorded.clone()));
            let gap = is_missing.then_some(Ok(Relayed::Gap));
            let items: Vec<Item> = match fate {
                Fate::Missed => Vec::new(),
                Fate::Heard => gap.into_iter().chain([item()]).collect(),
                Fate::HeardAndMissed => gap.into_iter().chain([item(), Ok(Relayed::Gap)]).collect(),
                Fate::HeardTwice => gap.into_iter().chain([item(), item()]).collect(),
            };
            is_missing = matches!(fate, Fate::Missed);
            relay(&bus, items).unwrap();
            if is_read_at_once {
                read(&mut told);
            }
        }
        bus.stop();
        read(&mut told);
        assert_eq!(told, (1..=fates.len() as u64).collect::<Vec<_>>());
    }
}

fn last(store: &MemoryStore) -> RecordedEvent {
    let mut feed = store.feed(FeedStart::Beginning, EventFilter::all());
    let mut last = None;
    while let Some(Some(Ok(FeedItem::Event(recorded)))) = feed.next().now_or_never() {
        last = Some(recorded);
    }
    last.expect("something is stored")
}

#[tokio::test]
async fn a_gap_is_told_before_what_comes_after_it_to_who_has_fallen_behind() {
    let bus = EventBus::new();
    let mut subscription = bus.subscribe(Subscribe::to(&SHOP).capacity(1)).unwrap();
    relay(&bus, [stored(1), Ok(Relayed::Gap), stored(2)]).unwrap();
    let gap = |missed| Some(Delivery::Gap { missed });
    assert_eq!(subscription.next().await, gap(Missed::Exactly(1)));
    expect(&mut subscription, &[Said::Unknown, Said::Event(2)]).await;
}
