//! Clause 8: what comes back is what was saved, in every part.

use aether_core::{
    CommandId, Event, EventDraft, EventId, EventStore, EventStoreExt, EventType, Metadata, Payload,
    Timestamp, Version,
};

use crate::check;
use crate::sample::{NOON, actor, commit};
use crate::{Context, Failure, Outcome, StoreBuilder};

pub(crate) async fn clause_08_events_come_back_equal_in_every_part<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    let stored = events_of_all_sorts()?;
    for event in &stored {
        let answer = store.save_event(event.clone()).await?;
        check::answer("the answer", &answer, std::slice::from_ref(event))?;
    }
    check::history(&store, &actor_id, &stored).await?;
    // And in one commit.
    let together = actor("order-2");
    let mut version = 0_u32;
    let drafts = stored.iter().map(|event| {
        version += 1;
        let draft = EventDraft::new(&together, event.event_type(), &())?;
        let draft = draft
            .id(event.id().clone())
            .data(event.data().clone())
            .with_metadata(event.metadata().clone())
            .timestamp(event.timestamp());
        Ok(draft.at(Version::from(version))?)
    });
    let stored: Vec<Event> = drafts.collect::<Result<_, Failure>>()?;
    store.append(commit(&stored)).await?;
    check::history(&store, &together, &stored).await
}

pub(crate) async fn clause_08_a_payload_of_100_kib_comes_back_equal<B: StoreBuilder>(
    context: &Context<B>,
) -> Outcome {
    let store = context.store().await?;
    let actor_id = actor("order-1");
    // Not compressible to nothing, and with every byte in it.
    let text: String = (0..40_000_u32)
        .map(|n| char::from_u32(n * 7_919 % 0xd7ff).unwrap_or('x'))
        .collect();
    let mut stored = Vec::new();
    for version in 1..=3_u32 {
        let draft = EventDraft::with_clock(&NOON, &actor_id, "Large", &(version, &text))?;
        stored.push(draft.at(Version::from(version))?);
    }
    check::that(stored[0].data().as_msgpack().len() > 100 * 1_024, || {
        "a mistake in the suite: the payload is small".to_owned()
    })?;
    store.save_event(stored[0].clone()).await?;
    store.append(commit(&stored[1..])).await?;
    check::history(&store, &actor_id, &stored).await
}

/// Events whose parts are at their bounds, for one actor.
fn events_of_all_sorts() -> Result<Vec<Event>, Failure> {
    let actor_id = actor("order-1");
    let mut full = Metadata::new();
    for n in 0..Metadata::ENTRIES_MAX {
        full.insert(format!("key {n}\n🦀"), "é".repeat(n))?;
    }
    let mut standard = Metadata::new();
    for key in [
        Metadata::CORRELATION_ID,
        Metadata::USER_ID,
        Metadata::TRACE_ID,
    ] {
        standard.insert(key, format!("the {key}"))?;
    }
    let deep = "[".repeat(Payload::DEPTH_MAX) + &"]".repeat(Payload::DEPTH_MAX);
    let data = [
        Payload::NIL,
        Payload::encode(&(u64::MAX, i64::MIN, i64::MAX, 0_u8, -1_i8))?,
        Payload::encode(&(
            f64::MIN_POSITIVE,
            f64::MAX,
            -0.0_f64,
            0.1_f64,
            f64::NAN,
            f32::MIN,
        ))?,
        Payload::encode("text \0 \u{7f} \n \u{10ffff} 日本 🦀")?,
        Payload::from_json(r#"{"z":1,"a":{"list":[1,2.5,null,true,{"":""}]},"":[]}"#)?,
        Payload::from_json(&deep)?,
        // Binary, an extension type, and a map whose keys are not text.
        Payload::from_msgpack(vec![0xc4, 3, 0, 0xff, 0x80])?,
        Payload::from_msgpack(vec![0xd4, 5, 0xff])?,
        Payload::from_msgpack(vec![0x82, 0x01, 0xc0, 0xc3, 0x90])?,
    ];
    let draft = || EventDraft::new(&actor_id, "Sampled", &());
    let mut drafts = Vec::new();
    for data in data {
        drafts.push(draft()?.data(data));
    }
    for nanos in [0, 1, -1, 1_772_366_400_123_456_789, i64::MIN, i64::MAX] {
        drafts.push(draft()?.timestamp(Timestamp::from_unix_nanos(nanos)));
    }
    for metadata in [standard, full] {
        drafts.push(draft()?.with_metadata(metadata));
    }
    for text in ["c", "a b.*>\n\0", "🦀"] {
        drafts.push(
            draft()?
                .command(CommandId::new(text)?)
                .id(EventId::new(text)?),
        );
        drafts.push(EventDraft::new(&actor_id, EventType::new(text)?, &())?);
    }
    drafts.push(draft()?.command(CommandId::new("c".repeat(CommandId::BYTES_MAX))?));
    drafts.push(draft()?.id(EventId::new("i".repeat(EventId::BYTES_MAX))?));
    let longest_type = EventType::new("t".repeat(EventType::BYTES_MAX))?;
    drafts.push(EventDraft::new(&actor_id, longest_type, &())?);
    let versions = (1..).map(Version::from);
    let numbered = drafts
        .into_iter()
        .zip(versions)
        .map(|(draft, version)| Ok(draft.at(version)?));
    numbered.collect()
}
