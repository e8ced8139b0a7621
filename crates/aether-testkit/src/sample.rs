//! Actors, events and snapshots for the cases.
#![expect(
    clippy::expect_used,
    reason = "what is made here is valid by construction; if it were not, every case would say so"
)]

use aether_core::{
    ActorId, ActorSnapshot, Commit, Event, EventDraft, EventId, FixedClock, Timestamp, Version,
};

/// 2026-03-01T12:00:00Z, without a fraction: only the cases about timestamps should care how
/// precisely a store keeps them.
pub(crate) const NOON: FixedClock =
    FixedClock::new(Timestamp::from_unix_nanos(1_772_366_400_000_000_000));

pub(crate) fn actor(id: &str) -> ActorId {
    ActorId::new(id).expect("an id within the bounds")
}

/// A draft with an id that no other has.
pub(crate) fn draft(actor_id: &ActorId) -> EventDraft {
    EventDraft::with_clock(&NOON, actor_id, "Sampled", &("sample", 42)).expect("a small draft")
}

pub(crate) fn drafts(actor_id: &ActorId, count: usize) -> Vec<EventDraft> {
    (0..count).map(|_| draft(actor_id)).collect()
}

pub(crate) fn commit_of_drafts(drafts: &[EventDraft]) -> Commit {
    Commit::drafts(drafts.iter().cloned()).expect("drafts of one actor")
}

/// An event with an id that no other has.
pub(crate) fn event(actor_id: &ActorId, version: impl Into<Version>) -> Event {
    draft(actor_id).at(version.into()).expect("not version 0")
}

/// An event with this id and this text in its data.
pub(crate) fn event_saying(actor_id: &ActorId, version: u32, id: &EventId, text: &str) -> Event {
    EventDraft::with_clock(&NOON, actor_id, "Sampled", text)
        .expect("a small draft")
        .id(id.clone())
        .at(Version::from(version))
        .expect("not version 0")
}

pub(crate) fn events(actor_id: &ActorId, versions: impl IntoIterator<Item = u32>) -> Vec<Event> {
    versions.into_iter().map(|v| event(actor_id, v)).collect()
}

/// A commit of these events, whose versions rise.
pub(crate) fn commit(events: &[Event]) -> Commit {
    Commit::events(events.iter().cloned()).expect("rising events of one actor")
}

/// A snapshot that says which version it is of.
pub(crate) fn snapshot(actor_id: &ActorId, version: impl Into<Version>) -> ActorSnapshot {
    let version = version.into();
    snapshot_saying(actor_id, version, &format!("state at {version}"))
}

pub(crate) fn snapshot_saying(
    actor_id: &ActorId,
    version: impl Into<Version>,
    text: &str,
) -> ActorSnapshot {
    ActorSnapshot::with_clock(&NOON, actor_id, version.into(), text).expect("a small state")
}

/// Actor ids that a store which maps them onto something narrower mixes up or spoils: each is
/// another actor.
pub(crate) fn treacherous_ids() -> Vec<ActorId> {
    let mut ids: Vec<String> = [
        "a.b",
        "a_b",
        "a b",
        "a*b",
        "a>b",
        "a-b",
        "a/b",
        "a\\b",
        "a%2Eb",
        "a=2Eb",
        "a=2eb",
        "=2E",
        "a=~b",
        "A.B",
        "A.b",
        "a",
        "A",
        "ab",
        "a.",
        ".a",
        "a..b",
        "-a",
        "a-",
        "-",
        "--",
        "=",
        "_",
        ".",
        "..",
        "*",
        ">",
        "$",
        "$JS.API",
        "~",
        "null",
        "0",
        "00",
        " ",
        " a",
        "a ",
        "a  b",
        "\t",
        "a\nb",
        "a\r\nb",
        "\n",
        "\u{7f}",
        "a\u{7f}b",
        "\0",
        "a\0",
        "a\0b",
        "\u{1}",
        "\"a\"",
        "'",
        "a,b",
        "a;b",
        "a:b",
        "\u{feff}a",
        "a\u{200b}",
        "\u{e9}",
        "e\u{301}",
        "\u{c5}",
        "A\u{30a}",
        "\u{212b}",
        "\u{df}",
        "ss",
        "\u{131}",
        "i",
        "I",
        "\u{fb01}",
        "fi",
        "日本",
        "🦀",
        "🦀🦀",
        "\u{10ffff}",
    ]
    .map(str::to_owned)
    .into();
    // The longest ids, which differ in the last byte or in the first.
    let longest = ActorId::BYTES_MAX - 1;
    ids.push("x".repeat(longest) + "y");
    ids.push("x".repeat(longest) + "z");
    ids.push("y".to_owned() + &"x".repeat(longest));
    ids.push("x".repeat(longest));
    ids.push(".".repeat(longest) + "*");
    ids.push("\u{10ffff}".repeat(ActorId::BYTES_MAX / 4));
    ids.iter().map(|id| actor(id)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn the_treacherous_ids_are_all_different() {
        let ids = super::treacherous_ids();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    }
}
