//! What one node stores another hears, once: by what the stream republishes, and by a bus.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics says where"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aether::bus::{
    Bus, EventBus, HealedNotice, HealedNotices, NatsBusConfig, NatsEventBus, Subscribe,
    SubscribeStored as _, republished,
};
use aether::jetstream::async_nats::{self, jetstream};
use aether::jetstream::{JetStreamConfig, JetStreamStore};
use aether::{
    ActorId, Event, EventDraft, EventFilter, EventStore as _, EventStoreExt as _, FeedStart,
    Namespace, StoreError, Version,
};
use futures_util::StreamExt as _;

static SHOP: Namespace = Namespace::from_static("shop");
/// However slow the machine is.
const PATIENCE: Duration = Duration::from_secs(30);

/// Streams, and a bus, of a test's own. The streams are removed at its end.
struct Place {
    url: String,
    name: String,
}

impl Place {
    /// Without a server it fails: passing by not running is a lie.
    fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let url = std::env::var("AETHER_NATS_URL").unwrap_or_else(|_| {
            panic!("AETHER_NATS_URL is not set: run `cargo xtask integration`")
        });
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let nanos = now.unwrap().as_nanos() % 1_000_000_000_000;
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("t-{nanos}-{}-{count}", std::process::id());
        Self { url, name }
    }

    fn config(&self) -> JetStreamConfig {
        JetStreamConfig::new(&self.name)
    }

    async fn store(&self, config: JetStreamConfig) -> JetStreamStore {
        JetStreamStore::connect(&self.url, config).await.unwrap()
    }

    /// One that tells of losses soon, so that tests don't wait for it.
    async fn bus(&self) -> NatsEventBus {
        let config = NatsBusConfig::new(&self.name).unwrap();
        let config = config.announce(Duration::from_millis(50)).unwrap();
        NatsEventBus::connect(&self.url, config).await.unwrap()
    }
}

impl Drop for Place {
    /// On a thread of its own, because a test's runtime can't be blocked on.
    fn drop(&mut self) {
        let (url, name) = (self.url.clone(), self.name.clone());
        let removal = std::thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            runtime.enable_all().build().unwrap().block_on(async {
                let jetstream = jetstream::new(async_nats::connect(&url).await.unwrap());
                for stream in [format!("{name}=~snapshots"), name] {
                    // It may never have been there.
                    jetstream.delete_stream(stream).await.ok();
                }
            });
        });
        removal.join().ok();
    }
}

fn event(actor_id: &str, version: u32) -> Event {
    let actor_id = ActorId::new(actor_id).unwrap();
    let draft = EventDraft::new(&actor_id, "Happened", &version).unwrap();
    draft.at(version.into()).unwrap()
}

async fn save(store: &JetStreamStore, versions: impl IntoIterator<Item = u32>) {
    for version in versions {
        store.save_event(event("order-1", version)).await.unwrap();
    }
}

async fn next(healed: &mut HealedNotices) -> HealedNotice {
    let next = tokio::time::timeout(PATIENCE, healed.next());
    next.await
        .expect("nothing comes")
        .expect("it has ended")
        .unwrap()
}

/// The versions of so many notices.
async fn versions(healed: &mut HealedNotices, count: usize) -> Vec<u32> {
    let mut versions = Vec::new();
    while versions.len() < count {
        let version = next(healed).await.notice().version.get();
        versions.push(version.try_into().unwrap());
    }
    versions
}

/// Saves one event after the other, until one is heard as it is stored: nothing is missing then.
async fn save_until_live(
    store: &JetStreamStore,
    healed: &mut HealedNotices,
    mut version: u32,
) -> u32 {
    for _ in 0..100 {
        save(store, [version]).await;
        let notice = next(healed).await;
        assert_eq!(notice.notice().version, version.into());
        version += 1;
        if let HealedNotice::Live { namespace, notice } = notice {
            assert_eq!(namespace, SHOP);
            assert!(notice.position.is_some());
            return version;
        }
    }
    panic!("none of 100 was heard");
}

async fn notices(bus: &impl Bus, heals: &JetStreamStore) -> HealedNotices {
    let notices = bus.subscribe_event_stored(Subscribe::to(&SHOP)).await;
    notices
        .unwrap()
        .healed_by(heals.clone(), FeedStart::Beginning)
}

#[tokio::test]
async fn what_a_stream_republishes_comes_to_the_subscribers_of_another_nodes_bus_once() {
    let place = Place::new();
    let config = place.config().republish(true);
    let (store, there) = (place.store(config.clone()).await, place.store(config).await);
    save(&store, 1..=3).await;
    let bus = EventBus::new();
    let mut healed = notices(&bus, &there).await;
    let relaying = tokio::spawn({
        let bus = bus.clone();
        let heard = republished(there.subscribe_stored(EventFilter::all()));
        async move { bus.relay_stored(&SHOP, heard).await }
    });
    assert_eq!(versions(&mut healed, 3).await, [1, 2, 3]);
    let first = save_until_live(&store, &mut healed, 4).await;
    // What is stored while one is away.
    there.client().force_reconnect().await.unwrap();
    save(&store, first..first + 50).await;
    let expected: Vec<u32> = (first..first + 50).collect();
    assert_eq!(versions(&mut healed, 50).await, expected);
    save_until_live(&store, &mut healed, first + 50).await;
    relaying.abort();
}

#[tokio::test]
async fn a_stream_that_does_not_republish_is_an_error_and_a_gap() {
    let place = Place::new();
    let (store, bus) = (place.store(place.config()).await, EventBus::new());
    let mut subscription = bus.subscribe(Subscribe::to(&SHOP)).unwrap();
    let mut heard = republished(store.subscribe_stored(EventFilter::all()));
    let relayed = bus.relay_stored(&SHOP, &mut heard).await;
    assert!(
        matches!(relayed, Err(StoreError::Misconfigured { .. })),
        "{relayed:?}"
    );
    assert!(heard.next().await.is_none());
    bus.stop();
    let gap = subscription.next().await.unwrap();
    assert_eq!(gap.event(), None);
    assert_eq!(subscription.next().await, None);
}

#[tokio::test]
async fn what_one_node_stores_another_hears_once_on_its_bus_and_saves_the_cheaper_for_it() {
    let place = Place::new();
    let (here, there) = (place.bus().await, place.bus().await);
    let store = JetStreamStore::builder(place.config()).broadcaster(SHOP.clone(), Arc::new(here));
    let store = store.connect(&place.url).await.unwrap();
    let other = place.store(place.config()).await;
    save(&store, 1..=3).await;
    let mut healed = notices(&there, &other).await;
    assert_eq!(versions(&mut healed, 3).await, [1, 2, 3]);
    let first = save_until_live(&store, &mut healed, 4).await;
    // What is stored while one is away.
    there.client().force_reconnect().await.unwrap();
    save(&store, first..first + 50).await;
    let expected: Vec<u32> = (first..first + 50).collect();
    assert_eq!(versions(&mut healed, 50).await, expected);
    let first = save_until_live(&store, &mut healed, first + 50).await;

    // Both save the same version, and this node is too late: it has heard nothing, or was told.
    let mut sent = Vec::new();
    for (version, is_told) in (first..).zip([false, true]) {
        let latest = other.latest_version(event("order-1", 1).actor_id()).await;
        assert_eq!(latest.unwrap(), (version - 1).into());
        save(&store, [version]).await;
        let mut last_told = Version::ZERO;
        while is_told && last_told < version.into() {
            let heard = next(&mut healed).await;
            let notice = heard.notice();
            other.update_version_cache(&notice.actor_id, notice.version);
            last_told = notice.version;
        }
        let statistics = other.client().statistics();
        let before = statistics.out_messages.load(Ordering::Relaxed);
        let refused = other.save_event(event("order-1", version)).await;
        let conflict = refused.unwrap_err();
        let conflict = conflict.version_conflict().expect("a conflict");
        assert_eq!(conflict.current_version, version.into());
        sent.push(statistics.out_messages.load(Ordering::Relaxed) - before);
    }
    assert_eq!(sent, [3, 1]);
}
