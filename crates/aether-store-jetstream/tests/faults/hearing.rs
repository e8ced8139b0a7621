//! What is heard of what the server stores, and what becomes of what is not heard.

mod checked;
mod cut;
mod expired;
mod foreign;
mod remade;
mod slow;
mod streams;

use aether_core::{
    EventFilter, EventStore as _, EventStoreExt as _, EventType, FeedStart, Namespace, Position,
    RecordedEvent, StoreError,
};
use aether_store_jetstream::{Gap, JetStreamConfig, JetStreamStore};
use futures_util::{FutureExt as _, StreamExt as _};

use crate::support::feed::everything;
use crate::support::hearing::{
    By, Healed, all_passing, events, filled, listening, next_event, sending_store,
};
use crate::support::server::{Port, Server, Settings};
use crate::support::{Streams, actor, event, eventually, trap_ids};

/// Behind all of the message with this sequence, of the stream that this is a position of; of 0, in
/// front of all that was ever stored.
fn behind(of: Position, sequence: u64) -> FeedStart {
    FeedStart::After(Position::new(of.incarnation(), sequence, u32::MAX))
}

/// Saves commits of one to three events, of actors of three categories in turns.
async fn save(store: &JetStreamStore, rounds: u32) {
    for round in 0..rounds {
        for name in ["order-1", "account-1", "order-2", "invoice"] {
            let id = actor(name);
            let first = round * 3 + 1;
            let versions = first..=first + round % 3;
            let commit: Vec<_> = versions.map(|version| event(&id, version)).collect();
            store.save_events(commit).await.unwrap();
        }
    }
}

#[tokio::test]
async fn all_commits_are_heard_in_order_with_the_positions_of_the_feed() {
    let streams = Streams::new("heard");
    let (store, others) = (sending_store(&streams).await, streams.store().await);
    save(&others, 2).await;
    let before = everything(&store).await;
    let (mut heard, from) = listening(&store, EventFilter::all()).await;
    assert!(before.iter().all(|recorded| recorded.position() < from));
    for (round, writer) in [&store, &others].into_iter().enumerate() {
        let id = actor(&format!("late-{round}"));
        let commit = [event(&id, 1), event(&id, 2), event(&id, 7)];
        writer.save_events(commit).await.unwrap();
        writer.save_event(event(&id, 9)).await.unwrap();
    }
    let all = everything(&others).await;
    assert_eq!(events(&mut heard, 8).await, all[before.len()..]);
    assert!(all[before.len()].position() >= from);
    assert!(heard.next().now_or_never().is_none());
}

#[tokio::test]
async fn ids_that_trap_the_careless_are_heard_each_as_its_own() {
    let mut streams = Streams::new("heard-traps");
    // Of which the stream's name has an escape in it.
    let namespace = Namespace::new("eu").unwrap();
    streams.namespaces.push(namespace.clone());
    let config = streams.config().namespace(namespace).republish(true);
    let store = streams.store_with(config).await;
    let (mut everybodys, _) = listening(&store, EventFilter::all()).await;
    let ids = trap_ids();
    let mut own = Vec::new();
    let mut categories = Vec::new();
    for id in &ids {
        let filter = EventFilter::all();
        own.push(listening(&store, filter.clone().actor(id.clone())).await.0);
        categories.push(listening(&store, filter.category(id.category())).await.0);
    }
    for id in &ids {
        store.save_event(event(id, 1)).await.unwrap();
    }
    let all = everything(&store).await;
    assert_eq!(events(&mut everybodys, ids.len()).await, all);
    for ((id, own), category) in ids.iter().zip(&mut own).zip(&mut categories) {
        let of = |passes: &dyn Fn(&RecordedEvent) -> bool| {
            let passing = all.iter().filter(|recorded| passes(recorded));
            passing.cloned().collect::<Vec<_>>()
        };
        let expected = of(&|recorded| recorded.event().actor_id() == id);
        assert_eq!(events(own, 1).await, expected);
        assert!(own.next().now_or_never().is_none(), "{id}");
        let expected = of(&|recorded| recorded.event().actor_id().category() == id.category());
        assert_eq!(events(category, expected.len()).await, expected, "{id}");
        assert!(category.next().now_or_never().is_none(), "{id}");
    }
}

#[tokio::test]
async fn what_passes_the_filter_is_heard_and_nothing_else() {
    let streams = Streams::new("heard-filter");
    let store = sending_store(&streams).await;
    let all = EventFilter::all;
    let filters = [
        all(),
        all().category("order"),
        all().category("order").category("account"),
        all().actor(actor("order-2")),
        all().actor(actor("order-1")).actor(actor("order-2")),
        all().actor(actor("order-1")).actor(actor("invoice")),
        all().category("order").actor(actor("invoice")),
        all().category("nobody"),
        // No actor has a category without a name.
        all().category(""),
        all().event_type(EventType::from_static("Happened")),
        all().event_type(EventType::from_static("Never")),
        all()
            .category("order")
            .event_type(EventType::from_static("Never")),
    ];
    let mut subscriptions = Vec::new();
    for filter in &filters {
        subscriptions.push(listening(&store, filter.clone()).await.0);
    }
    save(&store, 6).await;
    // What comes last of all has come once this has.
    let passing = everything(&store).await;
    assert_eq!(events(&mut subscriptions[0], passing.len()).await, passing);
    for (filter, subscription) in filters.iter().zip(&mut subscriptions).skip(1) {
        let passes = |recorded: &&RecordedEvent| filter.passes(recorded.event());
        let passing: Vec<_> = passing.iter().filter(passes).cloned().collect();
        let heard = events(subscription, passing.len()).await;
        assert_eq!(heard, passing, "{filter:?}");
        assert!(subscription.next().now_or_never().is_none(), "{filter:?}");
    }
}

#[tokio::test]
async fn the_past_and_what_is_heard_are_everything_without_a_seam() {
    let streams = Streams::new("heard-seam");
    let store = sending_store(&streams).await;
    save(&store, 3).await;
    let all = EventFilter::all();
    let writer = tokio::spawn({
        let store = store.clone();
        async move {
            for version in 1..=300 {
                store
                    .save_event(event(&actor("busy"), version))
                    .await
                    .unwrap();
            }
        }
    });
    // Each begins in the midst of it.
    let mut healed = Vec::new();
    for n in 0..20 {
        let filter = [all.clone(), all.clone().category("busy")][n % 2].clone();
        let by = [By::Checkpoint, By::Gaps][n % 2];
        healed.push((Healed::start(&store, filter.clone(), by).await, filter));
    }
    writer.await.unwrap();
    for (healed, filter) in healed {
        assert_eq!(healed.gaps(), 0);
        healed.has_all_of(&store, filter).await;
    }
}

#[tokio::test]
async fn any_stretch_of_the_feed_can_be_asked_for_and_has_an_end() {
    let streams = Streams::new("heard-stretch");
    let store = sending_store(&streams).await;
    save(&store, 4).await;
    let filter = EventFilter::all();
    let all = all_passing(&store, filter.clone()).await;
    for (first, last) in [(0, 1), (3, 9), (5, 6), (10, all.len() - 1)] {
        let start = FeedStart::After(all[first].position());
        let before = all[last].position();
        let gap = Gap {
            start,
            before,
            filter: filter.clone(),
        };
        assert_eq!(filled(&store, gap).await, all[first + 1..last]);
    }
    // What would be asked for next has not been stored yet.
    let last = all.last().unwrap().position();
    let start = FeedStart::Beginning;
    let before = |sequence| Position::new(last.incarnation(), sequence, 0);
    let gap = |before| Gap {
        start,
        before,
        filter: filter.clone(),
    };
    let up_to_the_end = gap(before(last.sequence() + 1));
    assert_eq!(filled(&store, up_to_the_end).await, all);
    for beyond in [
        before(last.sequence() + 2),
        Position::new(last.incarnation() + 1, 1, 0),
    ] {
        let mut fill = store.fill(gap(beyond));
        let error = fill.next().await.unwrap().unwrap_err();
        let StoreError::PositionLost { position, .. } = error else {
            panic!("another error: {error}");
        };
        assert_eq!(position, beyond);
        assert!(fill.next().await.is_none());
    }
}

/// Messages that were removed are reported where the last of them was.
#[tokio::test]
async fn a_hole_that_is_not_over_where_the_gap_is_is_reported_by_its_fill() {
    let streams = Streams::new("heard-hole");
    let store = expired::purgeable(&streams, &streams.url).await;
    let id = actor("order-1");
    for version in 1..=6 {
        store.save_event(event(&id, version)).await.unwrap();
    }
    let all = all_passing(&store, EventFilter::all()).await;
    let stream = streams::jetstream_of(&store);
    let stream = stream.get_stream(&streams.base).await.unwrap();
    for sequence in 3..=5 {
        stream.delete_message(sequence).await.unwrap();
    }
    let first = all[0].position();
    for (before, reports) in [(3, 0), (4, 1), (5, 1), (6, 1)] {
        let gap = Gap {
            start: FeedStart::After(first),
            before: Position::new(first.incarnation(), before, 0),
            filter: EventFilter::all(),
        };
        let items: Vec<_> = store.fill(gap).collect().await;
        assert_eq!(items.len(), 1 + reports, "{before}: {items:?}");
        assert_eq!(items[0].as_ref().unwrap(), &all[1]);
        for report in &items[1..] {
            let error = report.as_ref().unwrap_err().to_string();
            assert!(error.contains("messages 3 to 5 are not given"), "{error}");
        }
    }
}

#[tokio::test]
async fn nothing_is_left_on_the_server_when_a_subscription_is_dropped() {
    let monitor = Port::free();
    let mut server = Server::new(Settings {
        port: Port::free(),
        options: vec!["--http_port".to_owned(), monitor.number.to_string()],
        file_kib_max: None,
        route: None,
        monitor: Some(monitor),
    });
    server.launch();
    server.ready().await.unwrap();
    let config = JetStreamConfig::new("heard-dropped").republish(true);
    let store = JetStreamStore::connect(server.url(), config).await.unwrap();
    // The first request subscribes to the client's inbox, for good.
    store.latest_version(&actor("nobody")).await.unwrap();
    let subscriptions = async || {
        let told = server.monitor("/subsz").await.unwrap();
        told["num_subscriptions"].as_u64().unwrap()
    };
    let before = subscriptions().await;
    let (mut heard, _) = listening(&store, EventFilter::all()).await;
    let part = EventFilter::all().category("order");
    let (other, _) = listening(&store, part).await;
    assert_eq!(subscriptions().await, before + 2);
    store.save_event(event(&actor("order-1"), 1)).await.unwrap();
    next_event(&mut heard).await;
    drop((heard, other));
    eventually("it has unsubscribed", async || {
        subscriptions().await == before
    })
    .await;
    // What is not polled asks for nothing.
    drop(store.subscribe_stored(EventFilter::all()));
}
