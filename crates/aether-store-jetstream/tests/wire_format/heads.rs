//! "Heads": where events expire, the copies of each actor's newest commit.

use std::time::Duration;

use aether_core::EventStoreExt as _;
use aether_store_jetstream::Retention;

use crate::compared::{all_parts, names, stored};
use crate::reader::chain::{self, Link};
use crate::reader::history;
use crate::reader::messages;
use crate::support::{Streams, actor, event, eventually};

#[tokio::test]
async fn where_events_have_expired_the_copy_of_the_newest_commit_is_read_and_chained_to() {
    let streams = Streams::new("heads");
    let retention = Retention::MaxAge(Duration::from_secs(2));
    let store = streams
        .store_with(streams.config().retention(retention))
        .await;
    let (names, id) = (names(&streams), actor("größe-1"));
    store.save_event(event(&id, 1)).await.unwrap();
    let newest = [event(&id, 2), event(&id, 7)];
    store.save_events(newest.clone()).await.unwrap();
    let original = stored(&store, &names, &id).await.remove(1);

    let subject = names.subject(id.as_str());
    let heads = names.heads();
    let copies = async || messages::on_subject(store.client(), &heads, &subject).await;
    let is_copied = async || copies().await.iter().any(|copy| copy.body == original.body);
    eventually("the commit is copied", is_copied).await;
    let found = copies().await;
    let [copy] = &found[..] else {
        panic!("more than the newest are kept: {found:?}");
    };

    // The original's headers without its conditions, and one more.
    let headers = original.headers.iter().flatten();
    let mut expected: Vec<_> = headers
        .filter(|(name, _)| !name.starts_with("Nats-Expected-"))
        .cloned()
        .collect();
    let source = copy.header("Nats-Stream-Source").unwrap();
    expected.push(("Nats-Stream-Source".to_owned(), source.to_owned()));
    let mut has = copy.headers.clone().unwrap();
    has.sort();
    expected.sort();
    assert_eq!(has, expected);
    let place = source.split(' ').take(4);
    let sequence = original.sequence.to_string();
    assert!(
        place.eq([&names.events()[..], &sequence, ">", ">"]),
        "{source}"
    );

    let head = history::commit(copy, id.as_str()).unwrap();
    assert_eq!(head.events, all_parts(&newest));
    assert_eq!(head.digest, chain::digest(&original));

    let expired = async || stored(&store, &names, &id).await.is_empty();
    eventually("the events have expired", expired).await;
    store.save_event(event(&id, 8)).await.unwrap();
    // That nothing is before it is no fault here, for as long as it is there itself.
    let left = history::read(store.client(), &names, id.as_str()).await;
    assert_eq!(left.faults, []);
    let newest = async || {
        let copy = copies().await.pop().unwrap();
        history::commit(&copy, id.as_str()).unwrap()
    };
    let is_copied = async || newest().await.last_version() == 8;
    eventually("the next commit is copied", is_copied).await;
    // It says after which commit it was stored, though nothing but the copy is left of that.
    let expected = Link::After {
        version: 7,
        digest: head.digest,
        predecessors: vec![original.sequence, original.sequence - 1],
    };
    assert_eq!(newest().await.link, expected);
}
