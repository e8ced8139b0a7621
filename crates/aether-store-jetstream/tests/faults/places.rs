//! Histories read by the places that their commits tell.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aether_core::{
    ActorId, ActorSnapshot, Commit, Event, EventStore as _, EventStoreExt as _, SnapshotStore as _,
    StoreError, StoreErrorKind, Version,
};
use aether_store_jetstream::async_nats::jetstream;
use aether_store_jetstream::{JetStreamConfig, JetStreamStore, Retention};
use futures_util::StreamExt as _;

use crate::SECOND;
use crate::support::behind::{Behind, behind_a_proxy};
use crate::support::frame::contains;
use crate::support::proxy::{Action, Proxy, Published};
use crate::support::{Streams, actor, event};

/// The requests for messages that go through the proxy, as they are written.
#[derive(Debug, Clone, Default)]
struct Asked(Arc<Mutex<Vec<String>>>);

impl Asked {
    /// Hears them from now on, and says what becomes of each, by its text.
    async fn of(behind: &Behind, mut rule: impl FnMut(&str) -> Action + Send + 'static) -> Self {
        // The first call asks what the stream is.
        let latest = behind.store.latest_version(&actor("nobody")).await;
        assert_eq!(latest.unwrap(), Version::ZERO);
        let asked = Self::default();
        let hearing = asked.clone();
        behind.proxy.rule(move |published| {
            let Some(text) = request(published) else {
                return Action::Pass;
            };
            let action = rule(&text);
            hearing.0.lock().unwrap().push(text);
            action
        });
        asked
    }

    /// How many had all of these parts.
    fn with(&self, parts: &[&str]) -> usize {
        let asked = self.0.lock().unwrap();
        let has = |text: &&String| parts.iter().all(|part| text.contains(part));
        asked.iter().filter(has).count()
    }
}

/// Subject and body.
fn request(published: &Published) -> Option<String> {
    let subject = &published.subject;
    let body = String::from_utf8_lossy(&published.bytes);
    let body = body.trim_end();
    subject
        .starts_with("$JS.API")
        .then(|| format!("{subject} {body}"))
}

/// So many events, with so many messages of others before each.
async fn thin(store: &JetStreamStore, id: &ActorId, versions: u32, others: usize) -> Vec<Event> {
    let other = store.events_subject(&actor("other-1"));
    let mut events = Vec::new();
    for version in 1..=versions {
        for _ in 0..others {
            let sent = store.client().publish(other.clone(), "another's".into());
            sent.await.unwrap();
        }
        let event = event(id, version);
        store.save_event(event.clone()).await.unwrap();
        events.push(event);
    }
    events
}

#[tokio::test]
async fn a_short_history_costs_a_request_for_each_of_its_messages_whatever_else_is_there() {
    let behind = behind_a_proxy("thin", 5 * SECOND).await;
    let id = actor("order-1");
    let events = thin(&behind.direct, &id, 5, 300).await;
    let asked = Asked::of(&behind, |_| Action::Pass).await;
    let read = behind.store.get_events(&id, Version::ZERO).await.unwrap();
    assert_eq!(read, events);
    // The last and the first by subject, and what is between by its place.
    assert_eq!(asked.with(&["DIRECT.GET", "last_by_subj"]), 1, "{asked:?}");
    assert_eq!(asked.with(&["DIRECT.GET", "next_by_subj"]), 1, "{asked:?}");
    assert_eq!(asked.with(&[".GET."]), 5, "{asked:?}");
    // From the last but one on, which shows that nothing is between.
    let read = behind.store.get_events(&id, 4.into()).await.unwrap();
    assert_eq!(read, events[3..]);
    assert_eq!(asked.with(&[".GET."]), 7, "{asked:?}");
    let read = behind.store.get_events(&id, 5.into()).await.unwrap();
    assert_eq!(read, events[4..]);
    assert_eq!(asked.with(&[".GET."]), 8, "{asked:?}");
}

#[tokio::test]
async fn a_message_that_a_replica_does_not_have_yet_is_asked_of_the_leader() {
    let behind = behind_a_proxy("behind", 5 * SECOND).await;
    let id = actor("order-1");
    let events = thin(&behind.direct, &id, 5, 3).await;
    let mut lagging = true;
    let asked = Asked::of(&behind, move |text| {
        let lags = text.contains("DIRECT.GET") && text.contains("{\"seq\":8}");
        match lags && std::mem::take(&mut lagging) {
            true => Action::Replace("{\"seq\":1000}".to_owned()),
            false => Action::Pass,
        }
    })
    .await;
    let read = behind.store.get_events(&id, Version::ZERO).await.unwrap();
    assert_eq!(read, events);
    assert_eq!(asked.with(&["DIRECT.GET", "{\"seq\":8}"]), 1, "{asked:?}");
    assert_eq!(asked.with(&["MSG.GET", "{\"seq\":8}"]), 1, "{asked:?}");
    assert_eq!(asked.with(&[".GET."]), 6, "{asked:?}");
}

#[tokio::test]
async fn an_outdated_last_message_is_not_the_end_of_a_history_that_is_known() {
    let behind = behind_a_proxy("outdated", 5 * SECOND).await;
    let id = actor("order-1");
    let mut events = thin(&behind.direct, &id, 4, 3).await;
    events.push(event(&id, 5));
    behind.store.save_event(events[4].clone()).await.unwrap();
    let asked = Asked::of(&behind, |text| {
        match text.contains("DIRECT.GET") && text.contains("last_by_subj") {
            true => Action::Replace("{\"seq\":16}".to_owned()),
            false => Action::Pass,
        }
    })
    .await;
    let read = behind.store.get_events(&id, Version::ZERO).await.unwrap();
    assert_eq!(read, events);
    let read = behind.store.get_events(&id, 4.into()).await.unwrap();
    assert_eq!(read, events[3..]);
    let latest = behind.store.latest_version(&id).await.unwrap();
    assert_eq!(latest, 5.into());
    assert_eq!(asked.with(&["DIRECT.GET", "last_by_subj"]), 3, "{asked:?}");
    assert!(asked.with(&["MSG.GET", "last_by_subj"]) >= 3, "{asked:?}");
}

/// What is at a place is another commit of the actor's, or another's message: as after a tail was
/// lost, and in a copy of a stream.
#[tokio::test]
async fn what_does_not_follow_at_a_place_is_read_by_the_subject() {
    for other in ["{\"seq\":4}", "{\"seq\":9}"] {
        let behind = behind_a_proxy("strange", 5 * SECOND).await;
        let id = actor("order-1");
        let events = thin(&behind.direct, &id, 5, 3).await;
        let asked = Asked::of(&behind, move |text| match text.contains("{\"seq\":12}") {
            true => Action::Replace(other.to_owned()),
            false => Action::Pass,
        })
        .await;
        let read = behind.store.get_events(&id, Version::ZERO).await.unwrap();
        assert_eq!(read, events, "{other}");
        assert_eq!(asked.with(&["\"batch\":256"]), 1, "{other}: {asked:?}");
    }
}

/// Five events of an actor that expire when somebody says so.
struct Expiring {
    streams: Streams,
    events: jetstream::stream::Stream,
    config: JetStreamConfig,
    id: ActorId,
}

impl Expiring {
    async fn new(what: &str) -> Self {
        let streams = Streams::new(what);
        let jetstream = jetstream::new(streams.client().await);
        // One from which messages can be removed: nobody waits a year.
        let events = jetstream::stream::Config {
            max_age: Retention::ONE_YEAR.max_age().unwrap(),
            ..streams.removable()
        };
        let events = jetstream.create_stream(events).await.unwrap();
        let config = streams.config().retention(Retention::ONE_YEAR);
        let config = config.request_timeout(SECOND / 5).deadline(5 * SECOND);
        let direct = JetStreamStore::connect(&streams.url, config.clone());
        let direct = direct.await.unwrap();
        let id = actor("order-1");
        for version in 1..=5 {
            direct.save_event(event(&id, version)).await.unwrap();
        }
        let heads = config.heads_stream().unwrap();
        let heads = jetstream.get_stream(heads).await.unwrap();
        let copied = async || heads.get_info().await.unwrap().state.last_sequence >= 5;
        crate::support::eventually("every commit is copied", copied).await;

        Self {
            streams,
            events,
            config,
            id,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_can_not_be_asked_for_does_not_make_a_history_truncated() {
    let Expiring {
        streams,
        events,
        config,
        id,
    } = Expiring::new("covered").await;
    let proxy = Proxy::before(&streams.url).await;
    let store = JetStreamStore::connect(&proxy.url, config).await.unwrap();
    let snapshot = ActorSnapshot::new(&id, 5.into(), &"state").unwrap();
    store.save_snapshot(snapshot).await.unwrap();
    events.purge().await.unwrap();
    let covered = store.get_events(&id, 5.into()).await.unwrap();
    assert_eq!(covered, []);
    proxy.rule(|published| {
        let is_asked = published.subject.contains(".GET.");
        match is_asked && published.subject.contains("snapshots") {
            true => Action::Lose,
            false => Action::Pass,
        }
    });
    let error = store.get_events(&id, 5.into()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_that_expires_while_its_places_are_left_is_truncated_and_not_short() {
    let Expiring {
        streams,
        events,
        config,
        id,
    } = Expiring::new("expiring").await;
    let proxy = Proxy::before(&streams.url).await;
    let store = JetStreamStore::connect(&proxy.url, config).await.unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    proxy.rule(move |published| {
        if !request(published).is_some_and(|text| text.contains("{\"seq\":3}")) {
            return Action::Pass;
        }
        counted.fetch_add(1, Ordering::SeqCst);
        Action::Lose
    });
    let reading = tokio::spawn({
        let id = id.clone();
        async move { store.events(&id, Version::ZERO).collect::<Vec<_>>().await }
    });
    let is_asked = async || asked.load(Ordering::SeqCst) > 0;
    crate::support::eventually("the third one is asked for", is_asked).await;
    events.purge().await.unwrap();
    let read = reading.await.unwrap();
    let (error, before) = read.split_last().unwrap();
    assert!(before.len() < 3 && before.iter().all(Result::is_ok));
    let after = Version::from(5);
    assert!(
        matches!(error, Err(StoreError::HistoryTruncated { after: last, .. }) if *last == after),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_long_thin_history_is_read_by_its_places_from_any_version() {
    const COUNT: u32 = 120;
    let behind = behind_a_proxy("long-thin", 5 * SECOND).await;
    let id = actor("order-1");
    let events = thin(&behind.direct, &id, COUNT, 150).await;
    let asked = Asked::of(&behind, |_| Action::Pass).await;
    for from in [0, 1, 2, 30, 60, 86, 87, 88, 89, 100, COUNT - 1, COUNT] {
        let before = asked.with(&[".GET."]);
        let read = behind.store.get_events(&id, from.into()).await.unwrap();
        let skipped = from.saturating_sub(1);
        assert_eq!(read, events[skipped as usize..]);
        // A few more are read than are asked for, and every 32nd of them twice.
        let requests = asked.with(&[".GET."]) - before;
        let wanted = (COUNT - skipped) as usize;
        assert!(requests <= wanted + 32 + 4, "{requests} from {from}");
    }
    assert_eq!(asked.with(&["\"batch\":256"]), 0, "{asked:?}");
}

/// Adds to what an answer says is left of a batch, where the number has as many digits then.
fn miscount(frame: &mut [u8], by: i64) -> bool {
    const HEADER: &[u8] = b"Nats-Num-Pending: ";
    let Some(at) = frame.windows(HEADER.len()).position(|part| part == HEADER) else {
        return false;
    };
    let digits = &mut frame[at + HEADER.len()..];
    let width = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let left: i64 = str::from_utf8(&digits[..width]).unwrap().parse().unwrap();
    let changed = (left + by).to_string();
    let fits = left + by >= 0 && changed.len() == width;
    if fits {
        digits[..width].copy_from_slice(changed.as_bytes());
    }
    fits
}

/// While a cluster is brought to another release, servers count differently what is left of a
/// batch, and it is not known which one answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dense_history_is_whole_whether_a_server_counts_what_it_gives_or_not() {
    const VERSIONS: u32 = 700;
    let behind = behind_a_proxy("counts", 5 * SECOND).await;
    let id = actor("order-1");
    let versions = (1..=VERSIONS).map(Version::from);
    for version in 1..=VERSIONS {
        behind.direct.save_event(event(&id, version)).await.unwrap();
    }
    // As the other release counts.
    let is_later = behind.direct.client().is_server_compatible(2, 12, 0);
    for by in [0, if is_later { 1 } else { -1 }] {
        let changed = Arc::new(AtomicUsize::new(0));
        let counts = changed.clone();
        behind.proxy.change(move |frame| {
            counts.fetch_add(usize::from(miscount(frame, by)), Ordering::SeqCst);
        });
        for from in [1, 100, VERSIONS - 150] {
            let cold = behind.fresh().await;
            let read = cold.get_events(&id, from.into()).await.unwrap();
            let wanted = versions.clone().skip(from as usize - 1);
            assert!(read.iter().map(Event::version).eq(wanted), "from {from}");
        }
        assert!(changed.load(Ordering::SeqCst) > 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dense_history_is_read_from_not_far_before_the_version_that_is_asked_for() {
    const COMMITS: u32 = 3_000;
    let behind = behind_a_proxy("dense-late", 5 * SECOND).await;
    // Of one event each, and of ever more.
    for growing in [false, true] {
        let id = actor(&format!("order-{growing}"));
        let mut version = 0;
        for commit in 0..COMMITS / if growing { 4 } else { 1 } {
            let count = if growing { 1 + commit / 50 } else { 1 };
            let events = (version + 1..=version + count).map(|version| event(&id, version));
            behind
                .direct
                .save_events(events.collect::<Vec<_>>())
                .await
                .unwrap();
            version += count;
        }
        let given = Arc::new(AtomicUsize::new(0));
        let counted = given.clone();
        behind.proxy.sift(move |frame| {
            let message = contains(frame, b"Aether-First-Version");
            counted.fetch_add(usize::from(message), Ordering::SeqCst);
            true
        });
        for from in [version - 700, version - 1_500, version / 2, version / 10] {
            let from = Version::from(from);
            let cold = behind.fresh().await;
            given.store(0, Ordering::SeqCst);
            let read = cold.get_events(&id, from).await.unwrap();
            assert_eq!(read.first().unwrap().version(), from);
            assert_eq!(read.last().unwrap().version(), version.into());
            assert_eq!(read.len() as u64, u64::from(version) - from.get() + 1);
            // Each commit that is wanted, and not many others.
            let all = behind.direct.get_events(&id, Version::ZERO).await.unwrap();
            assert_eq!(read, all[all.len() - read.len()..]);
            let given = given.load(Ordering::SeqCst);
            assert!(
                given <= read.len() + 600,
                "{given} messages for {} events from {from}",
                read.len()
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_long_history_that_is_streamed_few_messages_are_under_way() {
    const COMMITS: u32 = 10_000;
    let behind = behind_a_proxy("streamed", 5 * SECOND).await;
    let id = actor("order-1");
    let commit = |first: u32| {
        let events = (first..first + 5).map(|version| event(&id, version));
        Commit::events(events.collect::<Vec<_>>()).unwrap()
    };
    for first in (0..COMMITS).map(|commit| commit * 5 + 1) {
        behind.direct.append(commit(first)).await.unwrap();
    }
    let given = Arc::new(AtomicUsize::new(0));
    let counted = given.clone();
    behind.proxy.sift(move |frame| {
        let message = contains(frame, b"Aether-First-Version");
        counted.fetch_add(usize::from(message), Ordering::SeqCst);
        true
    });
    let cold = behind.fresh().await;
    let mut events = cold.events(&id, Version::ZERO);
    let mut read = 0;
    while let Some(recorded) = events.next().await {
        recorded.unwrap();
        read += 1;
        let under_way = given.load(Ordering::SeqCst).saturating_sub(read / 5);
        assert!(under_way <= 2_100, "{under_way} messages");
    }
    assert_eq!(read, 5 * COMMITS as usize);
}

/// What is stored meanwhile is counted behind the end that was seen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_that_grows_while_it_is_read_from_a_later_version_on_is_whole() {
    let behind = behind_a_proxy("growing", 5 * SECOND).await;
    let id = actor("order-1");
    let mut version = 0;
    while version < 700 {
        version += 1;
        behind.direct.save_event(event(&id, version)).await.unwrap();
    }
    let (store, writing) = (behind.direct.clone(), id.clone());
    let writer = tokio::spawn(async move {
        loop {
            version += 1;
            store.save_event(event(&writing, version)).await.unwrap();
            tokio::time::sleep(SECOND / 1_000).await;
        }
    });
    for from in 1..40 {
        let cold = behind.fresh().await;
        let from = Version::from(from * 10);
        let read = cold.get_events(&id, from).await.unwrap();
        let versions = read.iter().map(|event| event.version().get());
        assert!(versions.eq(from.get()..from.get() + read.len() as u64));
    }
    writer.abort();
}

/// The count is from behind the end that was seen, and nobody says what is there now.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_can_not_be_asked_about_any_more_is_unavailable_and_not_malformed() {
    let behind = behind_a_proxy("grown", 5 * SECOND).await;
    let id = actor("order-1");
    for version in 1..=700 {
        behind.direct.save_event(event(&id, version)).await.unwrap();
    }
    let cold = behind.fresh().await;
    let (grow, grows) = std::sync::mpsc::channel();
    let (grown, has_grown) = std::sync::mpsc::channel();
    let mut probed = false;
    behind.proxy.rule(move |published| {
        let Some(text) = request(published) else {
            return Action::Pass;
        };
        if text.contains("\"batch\":1,") && !std::mem::replace(&mut probed, true) {
            grow.send(()).unwrap();
            has_grown.recv().unwrap();
        }
        match probed && (text.contains("STREAM.INFO") || text.contains("STREAM.MSG.GET")) {
            true => Action::Lose,
            false => Action::Pass,
        }
    });
    let reading = tokio::spawn(async move { cold.get_events(&actor("order-1"), 100.into()).await });
    tokio::task::spawn_blocking(move || grows.recv().unwrap())
        .await
        .unwrap();
    for version in 701..=703 {
        behind.direct.save_event(event(&id, version)).await.unwrap();
    }
    grown.send(()).unwrap();
    let error = reading.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
}
