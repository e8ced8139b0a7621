//! Histories of whatever messages in whatever order, as no list of rules has thought of them:
//! both readers say the same.

use fastrand::Rng;

use crate::by_hand::{Draft, base_36, commit, event, packed};
use crate::compared::{agreed, names};
use crate::reader::messages::Message;
use crate::support::{Streams, actor};

const SEEDS: u64 = 60;
const MESSAGES: usize = 12;

/// A commit of one to three events, from this version on.
fn any_commit(rng: &mut Rng, actor_id: &str, first: u64) -> Draft {
    let mut versions = vec![first];
    for _ in 0..rng.usize(..3) {
        versions.push(versions[versions.len() - 1] + rng.u64(1..3));
    }
    let id = |rng: &mut Rng| format!("e-{}", rng.u64(..));
    let rows = versions.iter().map(|version| event(&id(rng), *version));
    let body = packed(&commit(actor_id, rows.collect()));
    let last = versions[versions.len() - 1];
    Draft::of("application/msgpack", first, last, body)
}

/// A message that follows these, or seems to, or does not.
fn any_message(rng: &mut Rng, id: &str, before: &[Message]) -> Draft {
    let after = |message: &Message| message.number("Aether-Last-Version").unwrap_or(0) + 1;
    let newest = before.last();
    let first = newest.map_or(1, after) + rng.u64(..2);
    let Some(newest) = newest.filter(|_| rng.u8(..8) > 0) else {
        let first = rng.u64(1..10);
        return any_commit(rng, id, first);
    };
    let next = any_commit(rng, id, first);
    let any = rng.choice(before).unwrap_or(newest);
    match rng.u8(..10) {
        // As a store would.
        0..=3 => next.after(newest),
        // After an earlier one, or above it only.
        4 => next.after(any),
        5 => any_commit(rng, id, after(any)),
        6 => next.after(newest).with("Aether-Previous-Version", "0"),
        7 => {
            let places = format!("{}.1", base_36(rng.u64(2..200)));
            next.after(newest).with("Aether-Predecessors", &places)
        }
        8 => any_commit(rng, "order-other", first).after(newest),
        _ => {
            let mut broken = next.after(newest);
            let place = rng.usize(..broken.body.len());
            broken.body[place] ^= 1 << rng.u8(..8);
            broken
        }
    }
}

#[tokio::test]
async fn histories_of_any_messages_are_read_alike() {
    let streams = Streams::new("any");
    let store = streams.store().await;
    // One that goes by what it remembers, and one that remembers nothing.
    let forgetful = streams.store_with(streams.config().cache_actors(0)).await;
    let names = names(&streams);
    let mut faults = 0;
    for seed in 0..SEEDS {
        let mut rng = Rng::with_seed(seed);
        let id = actor(&format!("order-{seed}"));
        let subject = names.subject(id.as_str());
        let mut messages: Vec<Message> = Vec::new();
        for _ in 0..MESSAGES {
            let draft = any_message(&mut rng, id.as_str(), &messages);
            messages.push(draft.store(store.client(), &subject).await);
        }
        agreed(&forgetful, &names, &id).await;
        faults += agreed(&store, &names, &id).await.faults.len();
    }
    // Some are right, some are not.
    let messages = usize::try_from(SEEDS).unwrap() * MESSAGES;
    assert!(
        (messages / 5..messages * 4 / 5).contains(&faults),
        "{faults}"
    );
}
