//! The connection is cut, messages are lost on it, or the server is killed.

use std::time::Duration;

use aether_core::{
    EventDraft, EventFilter, EventStore as _, EventStoreExt as _, FeedStart, StoreErrorKind as Kind,
};
use aether_store_jetstream::{Heard, JetStreamConfig, JetStreamStore};
use futures_util::{FutureExt as _, StreamExt as _};

use super::streams::{jetstream_of, republish};
use crate::SECOND;
use crate::support::behind::{Behind, behind_a_proxy};
use crate::support::frame::contains;
use crate::support::hearing::{
    By, Healed, all_passing, end_of, events, filled, listening, next, next_event, next_gap,
};
use crate::support::load::{Load, Plan};
use crate::support::server::Server;
use crate::support::{actor, event, eventually};

/// A store behind a proxy, of a stream that republishes.
pub(super) async fn behind(what: &str, deadline: Duration) -> Behind {
    let behind = behind_a_proxy(what, deadline).await;
    let jetstream = jetstream_of(&behind.direct);
    republish(&jetstream, &behind.streams.base).await;
    behind
}

pub(super) async fn save(
    store: &JetStreamStore,
    id: &str,
    versions: std::ops::RangeInclusive<u32>,
) {
    for version in versions {
        store.save_event(event(&actor(id), version)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_cut_off_is_told_so_and_fills_what_was_missed_exactly_once() {
    let behind = behind("cut-off", 10 * SECOND).await;
    let direct = &behind.direct;
    let all = EventFilter::all();
    let filters = [
        all.clone(),
        all.clone().category("order"),
        all.clone().category("order").category("account"),
        all.actor(actor("order-1")),
    ];
    for (round, filter) in filters.into_iter().enumerate() {
        let version = u32::try_from(round).unwrap() * 20;
        let (mut heard, _) = listening(&behind.store, filter.clone()).await;
        let before = all_passing(direct, filter.clone()).await.len();
        let save = async |versions: std::ops::RangeInclusive<u32>| {
            let (first, last) = (version + versions.start(), version + versions.end());
            for id in ["order-1", "account-1", "order-2"] {
                save(direct, id, first..=last).await;
            }
        };
        save(1..=4).await;
        let count = all_passing(direct, filter.clone()).await.len() - before;
        let mut seen = events(&mut heard, count).await;

        behind.proxy.set_down(true);
        save(5..=9).await;
        behind.proxy.set_down(false);
        let gap = next_gap(&mut heard).await;
        assert_eq!(
            gap.start,
            FeedStart::After(seen.last().unwrap().position()),
            "{filter:?}"
        );
        seen.extend(filled(&behind.store, gap).await);

        save(10..=12).await;
        let passing = all_passing(direct, filter.clone()).await;
        let missing = passing.len() - before - seen.len();
        seen.extend(events(&mut heard, missing).await);
        assert_eq!(seen, passing[before..], "{filter:?}");
        assert!(heard.next().now_or_never().is_none());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_stored_last_while_one_was_cut_off_is_missed_though_nothing_follows() {
    let behind = behind("cut-last", 10 * SECOND).await;
    let direct = &behind.direct;
    let (mut heard, from) = listening(&behind.store, EventFilter::all()).await;
    behind.proxy.set_down(true);
    save(direct, "order-1", 1..=2).await;
    behind.proxy.set_down(false);
    let gap = next_gap(&mut heard).await;
    assert_eq!(gap.start, super::behind(from, 0));
    assert_eq!(gap.before.sequence(), from.sequence() + 2);
    let all = all_passing(direct, EventFilter::all()).await;
    assert_eq!(filled(&behind.store, gap).await, all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_during_which_nothing_was_stored_is_no_gap() {
    let behind = behind("cut-quiet", 10 * SECOND).await;
    let direct = &behind.direct;
    for filter in [EventFilter::all(), EventFilter::all().category("order")] {
        let (mut heard, _) = listening(&behind.store, filter.clone()).await;
        let version = u32::try_from(all_passing(direct, filter).await.len()).unwrap();
        save(direct, "order-1", version + 1..=version + 1).await;
        next_event(&mut heard).await;
        behind.proxy.cut();
        // Once it is connected again it has the time to ask.
        let connected = async || behind.store.latest_version(&actor("nobody")).await.is_ok();
        eventually("it is connected again", connected).await;
        let quiet = tokio::time::timeout(2 * SECOND, heard.next()).await;
        assert!(quiet.is_err(), "{quiet:?}");
        save(direct, "order-1", version + 2..=version + 2).await;
        next_event(&mut heard).await;
    }
}

/// Loses what is sent to who listens and has these bytes in it; gives how often.
pub(super) fn lose(behind: &Behind, marks: &'static [&'static [u8]]) {
    behind.proxy.sift(move |frame| {
        let is_sent = contains(frame, b"Nats-Last-Sequence: ");
        let is_lost = marks.iter().any(|mark| contains(frame, mark));
        !(is_sent && is_lost)
    });
}

#[tokio::test]
async fn one_message_that_is_lost_shows_at_the_next_one() {
    let behind = behind("lost-one", 10 * SECOND).await;
    let direct = &behind.direct;
    lose(&behind, &[b"Nats-Sequence: 3\r\n", b"Nats-Sequence: 4\r\n"]);
    let (mut heard, _) = listening(&behind.store, EventFilter::all()).await;
    let one = EventFilter::all().actor(actor("order-1"));
    let (mut ones, _) = listening(&behind.store, one.clone()).await;
    save(direct, "order-1", 1..=2).await; // 1, 2
    save(direct, "account-1", 1..=1).await; // 3
    save(direct, "order-1", 3..=3).await; // 4
    let seen = events(&mut heard, 2).await;
    assert_eq!(events(&mut ones, 2).await, seen);
    // Not before there is a next one.
    assert!(tokio::time::timeout(SECOND, heard.next()).await.is_err());
    save(direct, "order-1", 4..=4).await; // 5
    let all = all_passing(direct, EventFilter::all()).await;
    let last = FeedStart::After(seen[1].position());
    let gap = next_gap(&mut heard).await;
    assert_eq!((gap.start, gap.before.sequence()), (last, 5));
    assert_eq!(filled(&behind.store, gap).await, all[2..4]);
    assert_eq!(next_event(&mut heard).await, all[4]);

    let gap = next_gap(&mut ones).await;
    assert_eq!((gap.start, gap.filter.clone()), (last, one));
    assert_eq!(filled(&behind.store, gap).await, all[3..4]);
    assert_eq!(next_event(&mut ones).await, all[4]);
}

#[tokio::test]
async fn of_a_category_a_lost_message_shows_at_the_next_one_of_the_same_actor() {
    let behind = behind("lost-of-many", 10 * SECOND).await;
    let direct = &behind.direct;
    lose(&behind, &[b"Nats-Sequence: 2\r\n", b"Nats-Sequence: 5\r\n"]);
    let filter = EventFilter::all().category("order");
    let (mut heard, from) = listening(&behind.store, filter).await;
    save(direct, "order-1", 1..=2).await; // 1, 2
    save(direct, "order-2", 1..=1).await; // 3
    save(direct, "account-1", 1..=1).await; // 4
    save(direct, "order-3", 1..=1).await; // 5
    save(direct, "order-1", 3..=3).await; // 6
    save(direct, "order-3", 2..=3).await; // 7, 8
    let all = all_passing(direct, EventFilter::all()).await;
    assert_eq!(next_event(&mut heard).await, all[0]);
    assert_eq!(next_event(&mut heard).await, all[2]);
    let gap = next_gap(&mut heard).await;
    assert_eq!(gap.start, FeedStart::After(all[0].position()));
    assert_eq!(filled(&behind.store, gap).await, all[1..2]);
    assert_eq!(next_event(&mut heard).await, all[5]);
    // Of this actor nothing was heard before: it is missed since one listens.
    let gap = next_gap(&mut heard).await;
    assert_eq!(gap.start, super::behind(from, 0));
    assert_eq!(filled(&behind.store, gap).await, all[4..5]);
    assert_eq!(events(&mut heard, 2).await, all[6..]);
}

/// Others' commits come with theirs, or one checkpoint would not say how far one has come.
#[tokio::test]
async fn of_several_actors_a_lost_message_shows_at_the_next_one_of_anybody() {
    let behind = behind("lost-of-two", 10 * SECOND).await;
    let direct = &behind.direct;
    lose(&behind, &[b"Nats-Sequence: 2\r\n", b"Nats-Sequence: 5\r\n"]);
    let two = EventFilter::all().actor(actor("order-1"));
    let two = two.actor(actor("order-2"));
    let (mut heard, _) = listening(&behind.store, two.clone()).await;
    save(direct, "order-1", 1..=2).await; // 1, 2
    save(direct, "order-2", 1..=1).await; // 3
    let all = all_passing(direct, EventFilter::all()).await;
    assert_eq!(next_event(&mut heard).await, all[0]);
    // Before the other one's event, after which a checkpoint would be behind it.
    let gap = next_gap(&mut heard).await;
    assert_eq!(gap.start, FeedStart::After(all[0].position()));
    assert_eq!(filled(&behind.store, gap).await, all[1..2]);
    assert_eq!(next_event(&mut heard).await, all[2]);
    // What is missed of somebody else is asked for by the same filter, and does not pass.
    save(direct, "order-3", 1..=3).await; // 4, 5, 6
    save(direct, "order-1", 3..=3).await; // 7
    let gap = next_gap(&mut heard).await;
    assert_eq!((gap.before.sequence(), &gap.filter), (6, &two));
    assert_eq!(filled(&behind.store, gap).await, []);
    assert_eq!(next_event(&mut heard).await.event().version(), 3.into());
}

/// As from a leader that has gone on to send what it had stored before the new one did.
#[tokio::test]
async fn what_comes_after_others_that_were_stored_later_is_missed_at_once_and_only_once() {
    let behind = behind("overtaken", 10 * SECOND).await;
    let direct = &behind.direct;
    let filter = EventFilter::all().category("order");
    let (mut heard, from) = listening(&behind.store, filter).await;
    let mut lost = false;
    behind.proxy.sift(move |frame| {
        let is_lost = !lost && contains(frame, b"Nats-Sequence: 2\r\n");
        lost |= is_lost;
        !is_lost
    });
    let mut raw = direct
        .client()
        .subscribe(direct.stored_subject(&actor("order-2")))
        .await
        .unwrap();
    save(direct, "order-1", 1..=1).await; // 1
    save(direct, "order-2", 1..=1).await; // 2
    save(direct, "order-1", 2..=2).await; // 3
    let all = all_passing(direct, EventFilter::all()).await;
    assert_eq!(next_event(&mut heard).await, all[0]);
    assert_eq!(next_event(&mut heard).await, all[2]);
    let late = raw.next().await.unwrap();
    for _ in 0..2 {
        let headers = late.headers.clone().unwrap();
        let client = direct.client();
        client
            .publish_with_headers(late.subject.clone(), headers, late.payload.clone())
            .await
            .unwrap();
        client.flush().await.unwrap();
    }
    let gap = next_gap(&mut heard).await;
    assert_eq!(gap.start, super::behind(from, 0));
    assert_eq!(gap.before.sequence(), 3);
    assert_eq!(filled(&behind.store, gap).await, all[1..2]);
    save(direct, "order-2", 2..=2).await; // 4
    assert_eq!(next_event(&mut heard).await.event().version(), 2.into());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gaps_that_are_filled_leave_nothing_out_and_give_nothing_twice_whatever_is_lost() {
    let behind = behind("lost-many", 10 * SECOND).await;
    let direct = &behind.direct;
    let part = EventFilter::all().category("load");
    let one = EventFilter::all().actor(actor("load-1"));
    let start =
        async |filter: &EventFilter, by| Healed::start(&behind.store, filter.clone(), by).await;
    let everything = start(&EventFilter::all(), By::Checkpoint).await;
    let by_gaps = start(&EventFilter::all(), By::Gaps).await;
    let ones = start(&one, By::Checkpoint).await;
    let parts = start(&part, By::Gaps).await;
    let mut sent = 0_u32;
    behind.proxy.sift(move |frame| {
        sent += u32::from(contains(frame, b"Nats-Last-Sequence: "));
        !contains(frame, b"Nats-Last-Sequence: ") || !sent.is_multiple_of(7)
    });
    let mut load = Load::start(std::slice::from_ref(direct), &Plan::new(3));
    for _ in 0..4 {
        load.goes_on(100).await;
        behind.proxy.cut();
    }
    load.goes_on(100).await;
    load.stop().await;
    behind.proxy.sift(|_| true);
    // What was lost of each actor last shows at its next commit.
    for recorded in all_passing(direct, EventFilter::all()).await {
        let id = recorded.event().actor_id();
        let draft = EventDraft::new(id, "Last", &()).unwrap();
        direct.append_next([draft]).await.unwrap();
    }
    for (healed, least) in [(&everything, 20), (&by_gaps, 20), (&ones, 2), (&parts, 20)] {
        assert!(healed.gaps() >= least, "{} gaps", healed.gaps());
    }
    everything.has_all_of(direct, EventFilter::all()).await;
    by_gaps.has_all_of(direct, EventFilter::all()).await;
    ones.has_all_of(direct, one).await;
    parts.has_each_actors_of(direct, part).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_and_restarted_is_heard_again_and_what_was_missed_is_filled() {
    let mut server = Server::start().await;
    let config = JetStreamConfig::new("heard-killed")
        .republish(true)
        .request_timeout(SECOND / 2)
        .deadline(SECOND);
    let connect = async |config: &JetStreamConfig| {
        JetStreamStore::connect(server.url(), config.clone())
            .await
            .unwrap()
    };
    let writer = connect(&config).await;
    // A gap may be begun to be filled when the server is killed once more.
    let reader = connect(&config.clone().deadline(30 * SECOND)).await;
    let part = EventFilter::all().category("load");
    let whole = Healed::start(&reader, EventFilter::all(), By::Checkpoint).await;
    let parts = Healed::start(&reader, part.clone(), By::Gaps).await;
    let mut load = Load::start(std::slice::from_ref(&writer), &Plan::new(11));
    for _ in 0..3 {
        load.goes_on(100).await;
        server.kill();
        tokio::time::sleep(SECOND / 2).await;
        server.restart().await;
    }
    load.goes_on(100).await;
    let books = load.stop().await;
    let fresh = JetStreamStore::connect(server.url(), config).await.unwrap();
    books.check(&fresh).await;
    whole.has_all_of(&fresh, EventFilter::all()).await;
    parts.has_each_actors_of(&fresh, part).await;
}

#[tokio::test]
async fn a_subscription_ends_with_its_connection() {
    let behind = behind("heard-closed", 10 * SECOND).await;
    let direct = &behind.direct;
    let (mut heard, _) = listening(&behind.store, EventFilter::all()).await;
    save(direct, "order-1", 1..=1).await;
    next_event(&mut heard).await;
    behind.store.client().drain().await.unwrap();
    assert_eq!(end_of(&mut heard).await.kind(), Kind::Closed);
}

#[tokio::test]
async fn a_server_that_does_not_answer_at_the_beginning_is_said_and_later_waited_for() {
    let behind = behind("heard-down", 2 * SECOND).await;
    let direct = &behind.direct;
    let store = behind.fresh().await;
    let (mut heard, _) = listening(&store, EventFilter::all()).await;
    behind.proxy.set_down(true);
    let mut late = behind.store.subscribe_stored(EventFilter::all());
    let error = next(&mut late).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
    assert!(late.next().await.is_none());
    save(direct, "order-1", 1..=1).await;
    behind.proxy.set_down(false);
    let gap = next_gap(&mut heard).await;
    assert_eq!(filled(&store, gap).await.len(), 1);
    save(direct, "order-1", 2..=2).await;
    assert!(matches!(next(&mut heard).await, Ok(Heard::Event(_))));
}
