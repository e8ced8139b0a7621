//! Header blocks that no client would write.

use std::time::Duration;

use aether_core::EventStoreExt as _;

use super::{good, of};
use crate::by_hand::store_block;
use crate::compared::{agreed, names, stored};
use crate::reader::history::Fault;
use crate::reader::messages::headers;
use crate::support::{self, Streams, actor, eventually};

/// What is done to a block that is right.
type Change = fn(&str) -> Vec<u8>;

const CHANGES: [(&str, bool, Change); 10] = [
    ("nothing", true, |block| block.into()),
    ("no blanks", true, |block| block.replace(": ", ":").into()),
    ("more blanks", true, |block| {
        block.replace(": ", ":  ").replace("\r\nA", " \r\nA").into()
    }),
    ("another line", false, |block| {
        block.replace("\r\n\r\n", "\r\nno header\r\n\r\n").into()
    }),
    ("a name with a blank", false, |block| {
        block.replace("\r\n\r\n", "\r\na name: x\r\n\r\n").into()
    }),
    ("a name of other letters", false, |block| {
        block.replace("\r\n\r\n", "\r\né: x\r\n\r\n").into()
    }),
    ("a value of other letters", true, |block| {
        block.replace("\r\n\r\n", "\r\nX: é 🦀\r\n\r\n").into()
    }),
    ("a value that is not text", false, |block| {
        let block = block.strip_suffix("\r\n").unwrap().as_bytes();
        [block, b"X: \xff\r\n\r\n"].concat()
    }),
    ("another version", false, |block| {
        block.replace("NATS/1.0", "NATS/2.0").into()
    }),
    ("no end", false, |block| {
        block.strip_suffix("\r\n").unwrap().into()
    }),
];

#[tokio::test]
async fn a_header_block_that_is_none_is_refused_by_both_readers() {
    let streams = Streams::new("blocks");
    // Such a block ends the connection of the client that reads it; that is tried again.
    let config = streams.config().request_timeout(Duration::from_millis(200));
    let store = streams.store_with(config).await;
    let names = names(&streams);
    for (number, (what, is_right, change)) in CHANGES.into_iter().enumerate() {
        let id = actor(&format!("order-{number}"));
        store.save_event(support::event(&id, 1)).await.unwrap();
        let draft = good(id.as_str());
        let lines = draft
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"));
        let block = format!("NATS/1.0\r\n{}\r\n", lines.collect::<String>());
        let subject = names.subject(id.as_str());
        store_block(&streams.url, &subject, &change(&block), &draft.body).await;
        let is_there = async || stored(&store, &names, &id).await.len() == 2;
        eventually("the message is stored", is_there).await;
        let after = of(id.as_str(), &[("e-9", 9)]);
        let after = after.store(store.client(), &subject).await;

        let read = agreed(&store, &names, &id).await;
        let faults = [(after.sequence - 1, Fault::Headers)];
        assert_eq!(read.faults, faults[usize::from(is_right)..], "{what}");
    }
}

/// Not in a stream: async-nats panics where it reads such a header, and its connection is gone.
#[test]
fn what_ends_a_line_is_nowhere_else_in_a_header_block() {
    assert!(headers(b"NATS/1.0\r\nX: a b\r\n\r\n").is_some());
    for block in ["X: a\rb\r\n\r\n", "X: a\nb\r\n\r\n", "X: a\n\n"] {
        let block = format!("NATS/1.0\r\n{block}");
        assert_eq!(headers(block.as_bytes()), None, "{block:?}");
    }
}
