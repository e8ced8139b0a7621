//! "The chain": what it says of a long history, and what it notices.

use aether_core::{EventStoreExt as _, WireForm};
use aether_store_jetstream::JetStreamStore;

use crate::by_hand::{Draft, commit, event as made, packed};
use crate::compared::{agreed, names, stored};
use crate::reader::chain::{DIGESTED, Link};
use crate::reader::history::{self, Fault};
use crate::reader::messages::Message;
use crate::support::{Streams, actor, event, event_with};
use crate::written::FORMS;

const PACKED: &str = "application/msgpack";

/// A store with so many commits of one actor, and others of another between them.
async fn long(streams: &Streams, commits: u32) -> JetStreamStore {
    let store = streams.store().await;
    let (id, other) = (actor("order-1"), actor("order-2"));
    for number in 1..=commits {
        let first = number * 10;
        let events = (0..=number % 3).map(|more| event(&id, first + more));
        store.save_events(events).await.unwrap();
        if number % 4 == 0 {
            store.save_event(event(&other, number)).await.unwrap();
        }
    }
    store
}

#[tokio::test]
async fn each_commit_of_a_long_history_says_what_is_before_it_and_where() {
    const COMMITS: u32 = 80;
    let streams = Streams::new("long");
    let store = long(&streams, COMMITS).await;
    let names = names(&streams);
    let read = agreed(&store, &names, &actor("order-1")).await;
    assert_eq!(read.faults, []);
    assert_eq!(read.commits.len(), COMMITS as usize);
    for (number, commit) in read.commits.iter().enumerate() {
        let Some(before) = number.checked_sub(1).map(|before| &read.commits[before]) else {
            assert_eq!(commit.link, Link::First);
            continue;
        };
        let earlier = read.commits[..number].iter().rev().take(32);
        let expected = Link::After {
            version: before.last_version(),
            digest: before.digest,
            predecessors: earlier.map(|commit| commit.sequence).collect(),
        };
        assert_eq!(commit.link, expected, "at {}", commit.sequence);
    }
    // So a history can be read from its end, by the places alone.
    let mut places: Vec<u64> = Vec::new();
    let mut commit = read.commits.last().unwrap();
    while let Link::After { predecessors, .. } = &commit.link {
        places.extend(predecessors);
        let oldest = predecessors.last().unwrap();
        let at = read
            .commits
            .iter()
            .find(|commit| commit.sequence == *oldest);
        commit = at.unwrap();
    }
    let all = read.commits.iter().rev().skip(1);
    assert!(all.map(|commit| &commit.sequence).eq(&places));
}

/// Another store, whose stream has copies of these messages.
async fn copied(streams: &Streams, drafts: Vec<Draft>) -> JetStreamStore {
    let store = streams.store().await;
    let subject = names(streams).subject("order-1");
    // A place more, so that no sequence is what it was.
    store
        .save_event(event(&actor("elsewhere"), 1))
        .await
        .unwrap();
    for draft in drafts {
        draft.store(store.client(), &subject).await;
    }
    store
}

/// The messages of a short history, in this form.
async fn short(codec: WireForm) -> Vec<Message> {
    let streams = Streams::new("short");
    let store = streams.store_with(streams.config().codec(codec)).await;
    let id = actor("order-1");
    for version in 1..=4 {
        let event = event_with(&id, version, &"some text");
        store.save_event(event).await.unwrap();
    }
    stored(&store, &names(&streams), &id).await
}

/// The same message with another byte in its data, which can be read as well as before.
fn altered(message: &Message) -> Draft {
    let mut draft = Draft::copy(message);
    let text = draft.body.windows(9).position(|nine| nine == b"some text");
    draft.body[text.unwrap()] ^= 1;
    draft
}

#[tokio::test]
async fn a_flipped_byte_in_a_body_is_noticed_by_the_commit_after_it() {
    for (codec, _) in FORMS {
        let messages = short(codec).await;
        let right: Vec<Draft> = messages.iter().map(Draft::copy).collect();
        let mut wrong = right.clone();
        wrong[1] = altered(&messages[1]);
        for (drafts, faults) in [(right, vec![]), (wrong, vec![(4, Fault::OutOfPlace)])] {
            let streams = Streams::new("flipped");
            let store = copied(&streams, drafts).await;
            let read = agreed(&store, &names(&streams), &actor("order-1")).await;
            assert_eq!((read.faults, read.commits.len()), (faults, 4), "{codec:?}");
        }
    }
}

/// Where a history that was changed so is not what it was.
fn places(messages: &[Message]) -> Vec<u64> {
    let read = history::of_messages(messages, "order-1", false);
    read.faults.iter().map(|(sequence, _)| *sequence).collect()
}

#[tokio::test]
async fn no_bit_of_a_commit_can_be_changed_without_a_fault_at_it_or_at_the_next() {
    for (codec, _) in FORMS {
        let messages = short(codec).await;
        assert_eq!(places(&messages), [0; 0]);
        // All but the last, which nothing comes after.
        for changed in 0..messages.len() - 1 {
            let sequence = messages[changed].sequence;
            let is_noticed = |messages: &[Message]| match places(messages)[..] {
                [place] => place == sequence || place == sequence + 1,
                _ => false,
            };
            for bit in 0..messages[changed].body.len() * 8 {
                let mut messages = messages.clone();
                messages[changed].body[bit / 8] ^= 1 << (bit % 8);
                assert!(is_noticed(&messages), "{codec:?}: {bit} of {sequence}");
            }
            for name in DIGESTED {
                let Some(value) = messages[changed].header(name) else {
                    continue;
                };
                let draft = Draft::copy(&messages[changed]);
                let longer = draft.clone().with(name, &format!("{value}0"));
                for draft in [longer, draft.without(name)] {
                    let mut messages = messages.clone();
                    messages[changed].headers = Some(draft.headers);
                    assert!(is_noticed(&messages), "{codec:?}: {name} of {sequence}");
                }
            }
        }
    }
}

#[tokio::test]
async fn what_is_missing_is_noticed_where_it_is_missing() {
    let messages = short(WireForm::MessagePack).await;
    for (missing, place) in [(0, 2), (1, 3), (2, 4)] {
        let mut drafts: Vec<Draft> = messages.iter().map(Draft::copy).collect();
        drafts.remove(missing);
        let streams = Streams::new("missing");
        let store = copied(&streams, drafts).await;
        let read = agreed(&store, &names(&streams), &actor("order-1")).await;
        // The other actor's commit is at 1, so what was at the missing place is one later.
        assert_eq!(read.faults, [(place, Fault::OutOfPlace)]);
        assert_eq!(read.commits.len(), 3);
        // A beginning that has expired is no fault.
        let expired = history::of_messages(&messages[missing + 1..], "order-1", true);
        assert_eq!(expired.faults, []);
    }
}

#[tokio::test]
async fn a_commit_after_one_that_is_not_linked_names_that_one_alone() {
    let streams = Streams::new("unlinked");
    let store = streams.store().await;
    let (names, id) = (names(&streams), actor("order-1"));
    store.save_event(event(&id, 1)).await.unwrap();
    let body = packed(&commit("order-1", vec![made("by hand", 2)]));
    let by_hand = Draft::of(PACKED, 2, 2, body);
    let by_hand = by_hand
        .store(store.client(), &names.subject("order-1"))
        .await;
    let store = streams.store().await;
    for version in 3..=4 {
        store.save_event(event(&id, version)).await.unwrap();
    }
    let read = agreed(&store, &names, &id).await;
    assert_eq!(read.faults, []);
    assert_eq!(read.commits[1].link, Link::Unlinked);
    for (number, predecessors) in [(2, vec![2]), (3, vec![3, 2])] {
        let before = &read.commits[number - 1];
        let expected = Link::After {
            version: before.last_version(),
            digest: before.digest,
            predecessors,
        };
        assert_eq!(read.commits[number].link, expected);
    }
    assert_eq!(by_hand.sequence, 2);
}
