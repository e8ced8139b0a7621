//! Rows of the feed: everybody's events beside a bare ordered consumer of the same stream, both
//! sides decoding them.

use std::time::{Duration, Instant};

use aether_core::{EventFeed as _, EventFilter, EventStoreExt as _, FeedItem, FeedStart};
use aether_store_jetstream::JetStreamStore;
use aether_store_jetstream::async_nats;
use async_nats::jetstream::consumer::{DeliverPolicy, pull, push};
use async_nats::jetstream::stream::Stream;
use futures_util::StreamExt as _;
use tokio::sync::mpsc;

use crate::meter::{Pass, Passes, fastest};
use crate::read::decode;
use crate::table::{Row, Target, thousands};
use crate::world::{Side, World};

/// How many actors the events are of.
const ACTORS: usize = 1_000;
/// How often everything is read: each pass takes seconds.
const PASSES: usize = 7;
/// How many saves are waited for one by one in a pass.
const SAVES: usize = 500;

/// All events of a stream.
pub async fn catch_up(world: &World) -> Vec<Row> {
    let events = world.count(50_000, 1_000_000);
    let store = world.another("feed").await;
    let mut writers = world.new_writers(ACTORS);
    let each = events / ACTORS;
    world
        .save_at_once(&store, Side::Tasks, &mut writers, each)
        .await;
    let stream = stream(world, &store).await;
    let mut pulled = Passes::new("an ordered consumer, pulled");
    let mut pushed = Passes::new("an ordered consumer, pushed");
    let mut ours = Passes::new("");
    for _ in 0..PASSES {
        pulled.push(world.meter.pass(events, pull_all(&stream, events)).await);
        let work = async {
            let mut feed = store.feed(FeedStart::Beginning, EventFilter::all());
            let mut given = 0;
            while let Some(Ok(FeedItem::Event(_))) = feed.next().await {
                given += 1;
            }
            assert_eq!(given, events);
        };
        ours.push(world.meter.pass(events, work).await);
        pushed.push(
            world
                .meter
                .pass(events, push_all(world, &stream, events))
                .await,
        );
    }
    let limit = fastest(vec![pulled, pushed]);
    world.remove(&store).await;
    let work = format!("a feed of {} events", thousands(events as f64));
    vec![Row::new(work, &limit, &ours, Target::Rate(0.9))]
}

async fn stream(world: &World, store: &JetStreamStore) -> Stream {
    let stream = world.bare.context.get_stream(store.events_stream()).await;
    stream.expect("the stream")
}

async fn pull_all(stream: &Stream, events: usize) {
    let config = pull::OrderedConfig {
        deliver_policy: DeliverPolicy::All,
        ..pull::OrderedConfig::default()
    };
    let consumer = stream.create_consumer(config).await.expect("a consumer");
    let messages = consumer.messages().await.expect("messages");
    let mut messages = messages.take(events);
    while let Some(message) = messages.next().await {
        decode(&message.expect("a message").payload);
    }
}

async fn push_all(world: &World, stream: &Stream, events: usize) {
    let config = push::OrderedConfig {
        deliver_subject: world.bare.client.new_inbox(),
        deliver_policy: DeliverPolicy::All,
        ..push::OrderedConfig::default()
    };
    let consumer = stream.create_consumer(config).await.expect("a consumer");
    let messages = consumer.messages().await.expect("messages");
    let mut messages = messages.take(events);
    while let Some(message) = messages.next().await {
        decode(&message.expect("a message").payload);
    }
}

/// How long after a save an event is seen.
pub async fn live(world: &World) -> Vec<Row> {
    let store = world.another("live").await;
    let stream = stream(world, &store).await;
    let [mut sent_50, mut sent_99, mut acked_50, mut acked_99] =
        [(); 4].map(|()| Passes::new("an ordered consumer, pushed"));
    let [
        mut our_sent_50,
        mut our_sent_99,
        mut our_acked_50,
        mut our_acked_99,
    ] = [(); 4].map(|()| Passes::new(""));
    for _ in 0..world.passes {
        let mut feed = store.feed(FeedStart::Now, EventFilter::all());
        let caught_up = feed.next().await.expect("an item").expect("caught up");
        assert_eq!(caught_up, FeedItem::CaughtUp);
        let (seen, arrivals) = mpsc::unbounded_channel();
        let reader = tokio::spawn(async move {
            while let Some(item) = feed.next().await {
                item.expect("an event");
                if seen.send(Instant::now()).is_err() {
                    break;
                }
            }
        });
        let [sent, acked] = save_and_see(world, &store, arrivals).await;
        reader.abort();
        our_sent_50.push(percentile(&sent, 50));
        our_sent_99.push(percentile(&sent, 99));
        our_acked_50.push(percentile(&acked, 50));
        our_acked_99.push(percentile(&acked, 99));

        let config = push::OrderedConfig {
            deliver_subject: world.bare.client.new_inbox(),
            deliver_policy: DeliverPolicy::New,
            ..push::OrderedConfig::default()
        };
        let consumer = stream.create_consumer(config).await.expect("a consumer");
        let mut messages = consumer.messages().await.expect("messages");
        let (seen, arrivals) = mpsc::unbounded_channel();
        let reader = tokio::spawn(async move {
            while let Some(message) = messages.next().await {
                decode(&message.expect("a message").payload);
                if seen.send(Instant::now()).is_err() {
                    break;
                }
            }
        });
        let [sent, acked] = save_and_see(world, &store, arrivals).await;
        reader.abort();
        sent_50.push(percentile(&sent, 50));
        sent_99.push(percentile(&sent, 99));
        acked_50.push(percentile(&acked, 50));
        acked_99.push(percentile(&acked, 99));
    }
    world.remove(&store).await;
    let row = |what: &str, limit: &Passes, ours: &Passes| {
        Row::new(
            format!("from a save {what} on a live feed"),
            limit,
            ours,
            Target::None,
        )
    };
    vec![
        row("called to its event seen, p50,", &sent_50, &our_sent_50),
        row("called to its event seen, p99,", &sent_99, &our_sent_99),
        row(
            "acknowledged to its event seen, p50 (0 where that was before),",
            &acked_50,
            &our_acked_50,
        ),
        row(
            "acknowledged to its event seen, p99,",
            &acked_99,
            &our_acked_99,
        ),
    ]
}

/// Saves one by one, each after the one before was seen: the times from the call, and from the
/// acknowledgement, in order of length.
async fn save_and_see(
    world: &World,
    store: &JetStreamStore,
    mut arrivals: mpsc::UnboundedReceiver<Instant>,
) -> [Vec<Duration>; 2] {
    let mut writer = world.new_writers(1).remove(0);
    let (mut sent, mut acked) = (Vec::new(), Vec::new());
    for _ in 0..SAVES {
        let event = writer.next();
        let called = Instant::now();
        store.save_event(event).await.expect("stored");
        let acknowledged = Instant::now();
        let seen = arrivals.recv().await.expect("seen");
        sent.push(seen - called);
        acked.push(seen.saturating_duration_since(acknowledged));
    }
    sent.sort_unstable();
    acked.sort_unstable();
    [sent, acked]
}

fn percentile(times: &[Duration], percent: usize) -> Pass {
    Pass::taking(times[(times.len() - 1) * percent / 100])
}
