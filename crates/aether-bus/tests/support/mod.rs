//! What the tests of the bus share.

#![allow(dead_code, reason = "each test target uses a part of it")]

use std::collections::BTreeSet;
use std::time::Duration;

use aether_bus::{Delivery, Missed, Receipt, Subscription};
use aether_core::{ActorId, Event, EventDraft, Namespace, Version};

pub(crate) static SHOP: Namespace = Namespace::from_static("shop");
/// However slow the machine is.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn namespace(name: &str) -> Namespace {
    Namespace::new(name).unwrap()
}

/// An event of a type, of this actor.
pub(crate) fn typed(actor_id: &str, event_type: &str, version: u32) -> Event {
    let actor_id = ActorId::new(actor_id).unwrap();
    let draft = EventDraft::new(&actor_id, event_type, &version).unwrap();
    draft.at(Version::from(version)).unwrap()
}

pub(crate) fn event(version: u32) -> Event {
    typed("order-1", "OrderChanged", version)
}

/// So many have it, and so many have missed something for it.
pub(crate) fn receipt(queued: usize, behind: usize) -> Receipt {
    let mut receipt = Receipt::default();
    (receipt.queued, receipt.behind) = (queued, behind);
    receipt
}

/// The next delivery, which is due.
pub(crate) async fn next(subscription: &mut Subscription) -> Option<Delivery> {
    let next = tokio::time::timeout(PATIENCE, subscription.next());
    next.await.expect("nothing comes")
}

/// What the next deliveries say, as many as there are here; versions of events, gaps as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    Event(u64),
    Missed(u64),
    Unknown,
    End,
}

pub(crate) fn said(delivery: Option<&Delivery>) -> Said {
    match delivery {
        None => Said::End,
        Some(Delivery::Event(published)) => Said::Event(published.event().version().get()),
        Some(Delivery::Gap { missed }) => match missed {
            Missed::Exactly(missed) => Said::Missed(*missed),
            Missed::Unknown => Said::Unknown,
        },
    }
}

/// These deliveries are the next.
pub(crate) async fn expect(subscription: &mut Subscription, expected: &[Said]) {
    let mut found = Vec::new();
    for _ in expected {
        found.push(said(next(subscription).await.as_ref()));
    }
    assert_eq!(found, expected);
}

/// The versions of what comes, up to the end.
pub(crate) async fn versions(subscription: &mut Subscription) -> Vec<u64> {
    let mut versions = Vec::new();
    while let Some(delivery) = next(subscription).await {
        match said(Some(&delivery)) {
            Said::Event(version) => versions.push(version),
            other => panic!("{other:?} after {versions:?}"),
        }
    }
    versions
}

/// Names that a careless encoding would confuse, each another namespace.
pub(crate) fn strange_names() -> BTreeSet<String> {
    let names = [
        "a",
        "A",
        "a.b",
        "a.*",
        "a.>",
        "*",
        ">",
        ".",
        "..",
        "a.",
        ".a",
        "a..b",
        "a b",
        "a\tb",
        "a=2Eb",
        "a_b",
        "a-b",
        "a~b",
        "=~",
        "über",
        "u\u{308}ber",
        "日本.東京",
        "$SYS",
        "_INBOX.a",
        "a\0b",
        "a\r\nb",
        "🦀",
    ];
    let long = ["x".repeat(128), format!("{}.y", "x".repeat(126))];
    names.map(str::to_owned).into_iter().chain(long).collect()
}
