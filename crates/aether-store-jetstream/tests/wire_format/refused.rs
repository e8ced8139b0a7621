//! "What a reader checks": what breaks a rule is reported by its place, by the page's reader and
//! by the store's, and by both alike.

mod blocks;
mod headers;
mod json;
mod message_pack;

use aether_core::EventStoreExt as _;

use crate::by_hand::{Draft, commit, event, packed};
use crate::compared::{agreed, names, stored};
use crate::reader::history::Fault;
use crate::reader::messages::Message;
use crate::reader::msgpack::Value;
use crate::support::{self, Streams, actor};

const PACKED: &str = "application/msgpack";

/// A message, and the rule that it breaks, if it breaks one.
struct Row {
    what: String,
    fault: Option<Fault>,
    draft: Draft,
}

impl Row {
    fn new(what: impl Into<String>, fault: impl Into<Option<Fault>>, draft: Draft) -> Self {
        Self {
            what: what.into(),
            fault: fault.into(),
            draft,
        }
    }
}

/// A commit of the second version.
fn good(id: &str) -> Draft {
    of(id, &[("e-2", 2)])
}

/// A commit of these events, by id and version.
fn of(id: &str, events: &[(&str, u64)]) -> Draft {
    let rows = events.iter().map(|(id, version)| event(id, *version));
    let body = packed(&commit(id, rows.collect()));
    let (first, last) = (events[0].1, events[events.len() - 1].1);
    Draft::of(PACKED, first, last, body)
}

/// Puts each message between two that are good, on a subject of its own, and has it read by both.
async fn check(rows: impl Fn(&str, &Message) -> Vec<Row>) {
    let streams = Streams::new("refused");
    let store = streams.store().await;
    let names = names(&streams);
    let mut number = 0;
    loop {
        let id = actor(&format!("order-{number}"));
        store.save_event(support::event(&id, 1)).await.unwrap();
        let before = stored(&store, &names, &id).await.remove(0);
        let mut rows = rows(id.as_str(), &before);
        assert!(rows.len() > 5);
        if number == rows.len() {
            return;
        }
        let Row { what, fault, draft } = rows.swap_remove(number);
        let subject = names.subject(id.as_str());
        let sequence = draft.store(store.client(), &subject).await.sequence;
        let after = of(id.as_str(), &[("e-9", 1 << 40)]);
        after.store(store.client(), &subject).await;

        let read = agreed(&store, &names, &id).await;
        let faults: Vec<_> = fault.into_iter().map(|fault| (sequence, fault)).collect();
        assert_eq!(read.faults, faults, "{what}");
        let is_read = fault.is_none_or(|fault| fault == Fault::OutOfPlace);
        assert_eq!(read.commits.len(), 2 + usize::from(is_read), "{what}");
        number += 1;
    }
}

/// The parts of an event that has one of them changed, in a commit.
fn with_part(id: &str, part: usize, value: Value) -> Draft {
    let mut parts = event("e-2", 2);
    parts[part] = value;
    Draft::of(PACKED, 2, 2, packed(&commit(id, vec![parts])))
}
