//! Rows of hearing what is stored: what a save costs where the server sends it on, and how soon it
//! is heard.

use std::time::{Duration, Instant};

use aether_core::{
    ActorId, EventFeed as _, EventFilter, EventStore as _, EventStoreExt as _, FeedItem, FeedStart,
};
use aether_store_jetstream::{Heard, JetStreamConfig, JetStreamStore, async_nats};
use futures_util::StreamExt as _;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;

use crate::meter::{Pass, Passes};
use crate::read::decode;
use crate::table::{Row, Target};
use crate::world::{Side, World, Writer};

/// How many actors are written to in turns.
const ACTORS: usize = 16;
/// How many saves are under way at once.
const WINDOW: usize = 256;
/// So many commits make an actor's messages as large as they get.
const HISTORY: usize = 34;
/// How many saves are waited for one by one in a pass.
const SAVES: usize = 300;

/// A store like the world's whose stream republishes.
async fn sending(world: &World) -> JetStreamStore {
    let name = format!("{}-sent", world.store.events_stream());
    let config = JetStreamConfig::new(name).republish(true);
    let client = world.store.client().clone();
    let store = JetStreamStore::with_client(client, config).await;
    store.expect("a store")
}

/// The same on a connection of its own, as another process has.
async fn listening(world: &World, store: &JetStreamStore) -> JetStreamStore {
    let client = async_nats::connect(&world.url).await.expect("a server");
    let config = JetStreamConfig::new(store.events_stream());
    let store = JetStreamStore::with_client(client, config).await;
    store.expect("a store")
}

async fn warm(world: &World, store: &JetStreamStore, actors: usize) -> Vec<Writer> {
    let mut writers = world.new_writers(actors);
    world
        .save_at_once(store, Side::Tasks, &mut writers, HISTORY)
        .await;
    writers
}

/// What hears, in a task of its own, and says when it has heard something.
struct Listener {
    heard: UnboundedReceiver<Instant>,
    task: JoinHandle<()>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Listener {
    fn new<F: Future<Output = ()> + Send + 'static>(
        listen: impl FnOnce(UnboundedSender<Instant>) -> F,
    ) -> Self {
        let (sender, heard) = mpsc::unbounded_channel();
        let task = tokio::spawn(listen(sender));
        Self { heard, task }
    }

    /// By a subscription, once it listens.
    async fn to(store: &JetStreamStore) -> Self {
        let mut stored = store.subscribe_stored(EventFilter::all());
        let first = stored.next().await.expect("an item").expect("listening");
        assert!(matches!(first, Heard::Listening { .. }));
        Self::new(async move |heard| {
            while let Some(item) = stored.next().await {
                let Heard::Event(_) = item.expect("an event") else {
                    panic!("something was missed");
                };
                heard.send(Instant::now()).ok();
            }
        })
    }

    /// By a bare subscription to the same subject.
    async fn bare(store: &JetStreamStore) -> Self {
        let client = store.client();
        let subject = format!("{}.stored.*.*", store.events_stream());
        let mut messages = client.subscribe(subject).await.expect("subscribed");
        // A round trip: from then on the server knows of it.
        let nobody = ActorId::new("nobody").expect("an id");
        store.latest_version(&nobody).await.expect("an answer");
        Self::new(async move |heard| {
            while let Some(message) = messages.next().await {
                decode(&message.payload);
                heard.send(Instant::now()).ok();
            }
        })
    }

    /// By a live feed.
    async fn feed(store: &JetStreamStore) -> Self {
        let mut feed = store.feed(FeedStart::Now, EventFilter::all());
        let first = feed.next().await.expect("an item").expect("caught up");
        assert_eq!(first, FeedItem::CaughtUp);
        Self::new(async move |heard| {
            while let Some(item) = feed.next().await {
                item.expect("an event");
                heard.send(Instant::now()).ok();
            }
        })
    }

    /// Waits until everything has come.
    async fn hears(&mut self, count: usize) {
        for _ in 0..count {
            self.heard.recv().await.expect("heard");
        }
    }
}

/// What a save costs where the server sends it on, to nobody and to one listener.
pub async fn saves(world: &World) -> Vec<Row> {
    let count = world.count(200, 500);
    let each = world.count(4, 20);
    let store = sending(world).await;
    let listens = listening(world, &store).await;
    let mut off = world.warm_writers(ACTORS).await;
    let mut on = warm(world, &store, ACTORS).await;
    let mut off_many = world.warm_writers(WINDOW).await;
    let mut on_many = warm(world, &store, WINDOW).await;
    let mut off_one = Passes::new("not republished");
    let mut off_all = Passes::new("not republished");
    let [
        mut unheard_one,
        mut heard_one,
        mut unheard_all,
        mut heard_all,
    ] = [(); 4].map(|()| Passes::new(""));
    for _ in 0..world.passes {
        off_one.push(world.one_at_a_time(&world.store, &mut off, count).await);
        unheard_one.push(world.one_at_a_time(&store, &mut on, count).await);
        let mut listener = Listener::to(&listens).await;
        heard_one.push(world.one_at_a_time(&store, &mut on, count).await);
        listener.hears(count).await;
        drop(listener);
        off_all.push(world.at_once(Side::OneTask, &mut off_many, each).await);
        let mut at_once = async || {
            let side = Side::OneTask;
            world.save_at_once(&store, side, &mut on_many, each).await
        };
        unheard_all.push(at_once().await);
        let mut listener = Listener::to(&listens).await;
        heard_all.push(at_once().await);
        listener.hears(WINDOW * each).await;
    }
    world.remove(&store).await;
    let one = "a warm save, republished";
    let all = "256 saves at once, in one task, republished";
    let row =
        |work: String, limit: &Passes, ours: &Passes, target| Row::new(work, limit, ours, target);
    vec![
        row(
            format!("{one}, nobody listens"),
            &off_one,
            &unheard_one,
            Target::None,
        ),
        row(
            format!("{one}, one listener"),
            &off_one,
            &heard_one,
            Target::None,
        ),
        row(
            format!("{all}, nobody listens"),
            &off_all,
            &unheard_all,
            Target::None,
        ),
        row(
            format!("{all}, one listener"),
            &off_all,
            &heard_all,
            Target::None,
        ),
    ]
}

/// How long after a save was called its event is heard: by a subscription, beside a bare one and
/// beside a live feed.
pub async fn arrival(world: &World) -> Vec<Row> {
    let store = sending(world).await;
    let listens = listening(world, &store).await;
    let mut writer = warm(world, &store, 1).await.remove(0);
    let [mut bare_50, mut bare_99] = [(); 2].map(|()| Passes::new("a bare subscription"));
    let [mut feed_50, mut feed_99] = [(); 2].map(|()| Passes::new("a live feed"));
    let [mut ours_50, mut ours_99] = [(); 2].map(|()| Passes::new(""));
    for _ in 0..world.passes {
        let times = save_and_hear(&store, &mut writer, Listener::bare(&listens).await).await;
        bare_50.push(percentile(&times, 50));
        bare_99.push(percentile(&times, 99));
        let times = save_and_hear(&store, &mut writer, Listener::to(&listens).await).await;
        ours_50.push(percentile(&times, 50));
        ours_99.push(percentile(&times, 99));
        let times = save_and_hear(&store, &mut writer, Listener::feed(&listens).await).await;
        feed_50.push(percentile(&times, 50));
        feed_99.push(percentile(&times, 99));
    }
    world.remove(&store).await;
    let row = |percent: &str, limit: &Passes, ours: &Passes| {
        let work = format!("from a save called to its event heard, {percent}");
        Row::new(work, limit, ours, Target::None)
    };
    vec![
        row("p50", &bare_50, &ours_50),
        row("p99", &bare_99, &ours_99),
        row("p50", &feed_50, &ours_50),
        row("p99", &feed_99, &ours_99),
    ]
}

/// Saves one by one, each after the one before was heard: the times from the calls, in order of
/// length.
async fn save_and_hear(
    store: &JetStreamStore,
    writer: &mut Writer,
    mut listener: Listener,
) -> Vec<Duration> {
    let mut times = Vec::with_capacity(SAVES);
    for _ in 0..SAVES {
        let event = writer.next();
        let called = Instant::now();
        store.save_event(event).await.expect("stored");
        times.push(listener.heard.recv().await.expect("heard") - called);
    }
    times.sort_unstable();
    times
}

fn percentile(times: &[Duration], percent: usize) -> Pass {
    Pass::taking(times[(times.len() - 1) * percent / 100])
}
