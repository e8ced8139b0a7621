//! Gaps of which a part has expired or was removed before it is filled.

use aether_core::{EventFilter, RecordedEvent, StoreError};
use aether_store_jetstream::async_nats::{self, jetstream};
use aether_store_jetstream::{Gap, JetStreamStore, Retention, StoredSubscription};
use futures_util::StreamExt as _;

use super::cut::save;
use super::streams::republish;
use crate::SECOND;
use crate::support::frame::contains;
use crate::support::hearing::{all_passing, events, filled, listening, next_event, next_gap};
use crate::support::proxy::{Action, Proxy};
use crate::support::{Streams, actor, eventually, runtime};

/// A store by this address, on a stream that republishes and can be purged.
pub(super) async fn purgeable(streams: &Streams, url: &str) -> JetStreamStore {
    let jetstream = jetstream::new(streams.client().await);
    streams.make_removable().await;
    republish(&jetstream, &streams.base).await;
    JetStreamStore::connect(url, streams.config())
        .await
        .unwrap()
}

/// Everything before this message goes.
async fn purge_up_to(store: &JetStreamStore, sequence: u64) {
    let jetstream = jetstream::new(store.client().clone());
    let stream = jetstream.get_stream(store.events_stream()).await.unwrap();
    stream.purge().sequence(sequence).await.unwrap();
}

/// A listener from whom these messages are kept, and a store that knows of all.
struct Kept {
    streams: Streams,
    direct: JetStreamStore,
    store: JetStreamStore,
    proxy: Proxy,
}

async fn kept(what: &str, lost: &'static [u64]) -> Kept {
    let streams = Streams::new(what);
    let proxy = Proxy::before(&streams.url).await;
    let store = purgeable(&streams, &proxy.url).await;
    keep(&proxy, lost);
    Kept {
        direct: streams.store().await,
        streams,
        store,
        proxy,
    }
}

/// Keeps the messages with these sequences from who listens.
fn keep(proxy: &Proxy, lost: &'static [u64]) {
    proxy.sift(move |frame| {
        let is =
            |sequence: &u64| contains(frame, format!("Nats-Sequence: {sequence}\r\n").as_bytes());
        !(contains(frame, b"Nats-Last-Sequence: ") && lost.iter().any(is))
    });
}

impl Kept {
    async fn all(&self) -> Vec<RecordedEvent> {
        all_passing(&self.direct, EventFilter::all()).await
    }

    async fn fill(&self, heard: &mut StoredSubscription) -> Vec<RecordedEvent> {
        filled(&self.store, next_gap(heard).await).await
    }
}

/// What is left of a gap, behind the report of what is not.
async fn left(store: &JetStreamStore, gap: Gap) -> (String, Vec<RecordedEvent>) {
    let mut fill = store.fill(gap);
    let StoreError::Malformed(report) = fill.next().await.unwrap().unwrap_err() else {
        panic!("not a report");
    };
    let rest: Vec<_> = fill.map(Result::unwrap).collect().await;
    (report.reason, rest)
}

#[tokio::test]
async fn a_gap_is_filled_though_what_was_before_it_has_gone() {
    let kept = kept("heard-expired", &[4, 6]).await;
    save(&kept.direct, "order-1", 1..=3).await; // 1, 2, 3
    purge_up_to(&kept.direct, 4).await;
    let (mut heard, from) = listening(&kept.store, EventFilter::all()).await;
    let one = EventFilter::all().category("order");
    let (mut parts, _) = listening(&kept.store, one).await;
    save(&kept.direct, "order-2", 1..=2).await; // 4, 5
    let all = kept.all().await;
    for heard in [&mut heard, &mut parts] {
        assert_eq!(kept.fill(heard).await, all[..1]);
        assert_eq!(next_event(heard).await, all[1]);
    }
    // What was heard last has gone when the next one comes (of others: who remembers an actor whose
    // history was purged writes no more).
    purge_up_to(&kept.direct, 6).await;
    // It is asked once a second how much has gone.
    let quiet = tokio::time::timeout(SECOND, heard.next()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    save(&kept.direct, "order-3", 1..=2).await; // 6, 7
    let all = kept.all().await;
    for heard in [&mut heard, &mut parts] {
        let gap = next_gap(heard).await;
        assert_eq!(gap.start, super::behind(from, 5));
        assert_eq!(filled(&kept.store, gap).await, all[..1]);
        assert_eq!(next_event(heard).await, all[1]);
    }
}

#[tokio::test]
async fn what_of_a_gap_has_gone_is_reported_and_the_rest_is_given() {
    let kept = kept("heard-partly", &[1, 2, 3]).await;
    let (mut heard, from) = listening(&kept.store, EventFilter::all()).await;
    save(&kept.direct, "order-1", 1..=4).await;
    let gap = next_gap(&mut heard).await;
    assert_eq!(gap.start, super::behind(from, 0));
    let all = kept.all().await;
    purge_up_to(&kept.direct, 3).await;
    let (reason, rest) = left(&kept.store, gap.clone()).await;
    assert!(reason.contains("messages 1 to 2 have expired"), "{reason}");
    assert_eq!(rest, all[2..3]);
    purge_up_to(&kept.direct, 5).await;
    let (reason, rest) = left(&kept.store, gap).await;
    assert!(reason.contains("messages 1 to 4 have expired"), "{reason}");
    assert_eq!(rest, []);
}

/// More goes when it was just asked what is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_while_a_gap_is_begun_to_be_filled_is_reported_and_the_rest_is_given() {
    let kept = kept("heard-going", &[1, 2, 3]).await;
    let (mut heard, _) = listening(&kept.store, EventFilter::all()).await;
    save(&kept.direct, "order-1", 1..=4).await;
    let gap = next_gap(&mut heard).await;
    let all = kept.all().await;
    purge_up_to(&kept.direct, 2).await;
    let (url, stream) = (kept.streams.url.clone(), kept.streams.base.clone());
    let mut asked = 0;
    kept.proxy.rule(move |published| {
        asked += u32::from(published.subject.contains("STREAM.INFO"));
        if asked == 2 {
            // By whoever asks for the second time, before the server hears of it.
            asked += 1;
            let (url, stream) = (url.clone(), stream.clone());
            let purge = std::thread::spawn(move || {
                runtime().block_on(async {
                    let client = async_nats::connect(&url).await.unwrap();
                    let stream = jetstream::new(client).get_stream(&stream).await.unwrap();
                    stream.purge().sequence(3).await.unwrap();
                });
            });
            purge.join().unwrap();
        }
        Action::Pass
    });
    let (reason, rest) = left(&kept.store, gap).await;
    assert!(reason.contains("messages 1 to 2 have expired"), "{reason}");
    assert_eq!(rest, all[2..3]);
}

/// By age, and long after one began to listen.
#[tokio::test]
async fn a_gap_of_an_actor_begins_with_what_is_left_of_the_stream() {
    let streams = Streams::new("heard-floor");
    let proxy = Proxy::before(&streams.url).await;
    let config = streams.config().retention(Retention::MaxAge(5 * SECOND));
    let direct = streams.store_with(config.clone().republish(true)).await;
    let store = JetStreamStore::connect(&proxy.url, config).await.unwrap();
    keep(&proxy, &[6, 9]);
    let part = EventFilter::all().category("order");
    let (mut heard, from) = listening(&store, part).await;
    save(&direct, "order-1", 1..=2).await; // 1, 2
    save(&direct, "account-1", 1..=3).await; // 3, 4, 5
    events(&mut heard, 2).await;
    let jetstream = jetstream::new(direct.client().clone());
    let stream = jetstream.get_stream(&streams.base).await.unwrap();
    let gone = async || stream.get_info().await.unwrap().state.first_sequence > 5;
    eventually("the events expire", gone).await;
    // Of one of whom nothing was heard since the very beginning, and of one whose last has gone.
    for (id, versions) in [("order-2", 1..=2), ("order-1", 3..=4)] {
        save(&direct, id, versions).await; // 6, 7; 9, 10
        let gap = next_gap(&mut heard).await;
        assert_eq!(gap.start, super::behind(from, 5));
        let (missed, next) = (filled(&store, gap).await, next_event(&mut heard).await);
        assert_eq!(missed.len(), 1, "{id}");
        assert_eq!(missed[0].event().actor_id(), &actor(id));
        assert_eq!(
            next.position().sequence(),
            missed[0].position().sequence() + 1
        );
        if id == "order-2" {
            save(&direct, "account-1", 4..=4).await; // 8
        }
    }
}
