//! Writing and reading the wire forms, beside what serde derives for a plain struct with the same
//! fields (owned strings, the data as bytes, nothing checked) in the same run.
//!
//! `cargo bench -p aether-core --bench codec` ends with a table of sizes and ratios, each measured
//! with Aether and peer in turns.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::collections::BTreeMap;
use std::fmt;
use std::hint::black_box;
use std::time::{Duration, Instant};

use aether_core::{
    ActorId, CommandId, Event, EventDraft, EventId, FixedClock, Metadata, Payload, Timestamp,
    Version, WireForm,
};
use bytes::Bytes;
use criterion::{Criterion, Throughput};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Calls that are timed as one, so that reading the clock costs nothing.
const CALLS: u32 = 2_000;
const ROUNDS: usize = 31;
/// Events in the large commit.
const MANY: u32 = 100;

/// The data of a typical event.
#[derive(Serialize, Deserialize)]
struct OrderPlaced {
    customer: String,
    items: Vec<(String, u32)>,
    total_cents: u64,
    express: bool,
}

fn data() -> OrderPlaced {
    OrderPlaced {
        customer: "customer-4711".into(),
        items: vec![("book-978-3-16".into(), 2), ("pen-blue".into(), 10)],
        total_cents: 12_345,
        express: true,
    }
}

/// A typical event: 225 bytes of MessagePack.
fn event(version: u32) -> Event {
    let order = ActorId::new("order-0000004711").unwrap();
    let now = Timestamp::from_unix_nanos(1_772_366_400_123_456_789 + i64::from(version));
    EventDraft::with_clock(&FixedClock::new(now), &order, "OrderPlaced", &data())
        .unwrap()
        .id(EventId::new(format!("01ARZ3NDEKTSV4RRFFQ69{version:05}")).unwrap())
        .command(CommandId::new("place-order/7f3a").unwrap())
        .metadata(Metadata::CORRELATION_ID, "01ARZ3NDEKTSV4RRFFQ69G5FAV")
        .unwrap()
        .metadata(Metadata::USER_ID, "u-4711")
        .unwrap()
        .at(Version::from(version))
        .unwrap()
}

/// The peer: an event as one writes it in an afternoon.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Plain<D> {
    id: String,
    event_type: String,
    actor_id: String,
    command_id: Option<String>,
    version: u64,
    data: D,
    metadata: BTreeMap<String, String>,
    timestamp: i64,
}

/// Bytes that serde writes as bytes.
struct Blob(Vec<u8>);

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Blob;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Blob, E> {
                Ok(Blob(bytes.to_vec()))
            }
        }
        deserializer.deserialize_byte_buf(Visitor)
    }
}

fn plain<D>(event: &Event, data: D) -> Plain<D> {
    Plain {
        id: event.id().to_string(),
        event_type: event.event_type().to_string(),
        actor_id: event.actor_id().to_string(),
        command_id: event.command_id().map(CommandId::to_string),
        version: event.version().get(),
        data,
        metadata: event
            .metadata()
            .iter()
            .map(|(k, v)| (k.into(), v.into()))
            .collect(),
        timestamp: event.timestamp().unix_nanos(),
    }
}

fn plain_bytes(event: &Event) -> Plain<Blob> {
    plain(event, Blob(event.data().as_msgpack().to_vec()))
}

/// One thing to measure: Aether's way and the peer's.
struct Pair {
    name: String,
    /// Events that one call handles.
    events: u32,
    /// Bytes that Aether and the peer write or read.
    bytes: [usize; 2],
    aether: Box<dyn Fn()>,
    peer: Box<dyn Fn()>,
}

/// A call whose result the optimiser may not foresee.
fn call<T>(f: impl Fn() -> T + 'static) -> Box<dyn Fn()> {
    Box::new(move || drop(black_box(f())))
}

fn events() -> Vec<Pair> {
    use WireForm::{Json, MessagePack};
    let (one, peer) = (event(7), plain_bytes(&event(7)));
    let peer_json = plain(&one, serde_json::to_value(data()).unwrap());
    let written = [
        one.to_wire(MessagePack).unwrap(),
        rmp_serde::to_vec(&peer).unwrap(),
    ];
    let written_json = [
        one.to_wire(Json).unwrap(),
        serde_json::to_vec(&peer_json).unwrap(),
    ];
    let bytes = written.each_ref().map(Vec::len);
    let bytes_json = written_json.each_ref().map(Vec::len);
    let ([ours, theirs], [ours_json, theirs_json]) = (written, written_json);
    let one_json = one.clone();
    let pair = |name: &str, bytes, aether, peer| Pair {
        name: name.into(),
        events: 1,
        bytes,
        aether,
        peer,
    };
    vec![
        pair(
            "event, MessagePack, encode",
            bytes,
            call(move || one.to_wire(MessagePack)),
            call(move || rmp_serde::to_vec(&peer)),
        ),
        pair(
            "event, MessagePack, decode",
            bytes,
            call(move || Event::from_wire(MessagePack, &ours)),
            call(move || rmp_serde::from_slice::<Plain<Blob>>(&theirs)),
        ),
        pair(
            "event, JSON, encode",
            bytes_json,
            call(move || one_json.to_wire(Json)),
            call(move || serde_json::to_vec(&peer_json)),
        ),
        pair(
            "event, JSON, decode",
            bytes_json,
            call(move || Event::from_wire(Json, &ours_json)),
            call(move || serde_json::from_slice::<Plain<serde_json::Value>>(&theirs_json)),
        ),
    ]
}

fn commits() -> Vec<Pair> {
    let form = WireForm::MessagePack;
    let of = |count: u32| {
        let events: Vec<Event> = (1..=count).map(event).collect();
        let peers: Vec<Plain<Blob>> = events.iter().map(plain_bytes).collect();
        let ours = form.encode_commit(&events).unwrap();
        let theirs = rmp_serde::to_vec(&peers).unwrap();
        let pair = |what: &str, aether, peer| Pair {
            name: format!("commit of {count}, MessagePack, {what}"),
            events: count,
            bytes: [ours.len(), theirs.len()],
            aether,
            peer,
        };
        let (ours_read, theirs_read) = (ours.clone(), theirs.clone());
        [
            pair(
                "encode",
                call(move || form.encode_commit(&events)),
                call(move || rmp_serde::to_vec(&peers)),
            ),
            pair(
                "decode",
                call(move || form.decode_commit(&ours_read)),
                call(move || rmp_serde::from_slice::<Vec<Plain<Blob>>>(&theirs_read)),
            ),
        ]
    };
    [of(1), of(MANY)].into_iter().flatten().collect()
}

fn payloads() -> Vec<Pair> {
    let payload = Payload::encode(&data()).unwrap();
    let bytes = payload.to_bytes();
    let size = [bytes.len(); 2];
    let (checked, skipped, read) = (bytes.clone(), bytes.clone(), bytes);
    let pair = |name: &str, aether, peer| Pair {
        name: name.into(),
        events: 1,
        bytes: size,
        aether,
        peer,
    };
    vec![
        pair(
            "payload, validate",
            call(move || Payload::from_msgpack(Bytes::clone(&checked))),
            call(move || rmp_serde::from_slice::<serde::de::IgnoredAny>(&skipped)),
        ),
        pair(
            "payload, encode",
            call(|| Payload::encode(black_box(&data()))),
            call(|| rmp_serde::to_vec_named(black_box(&data()))),
        ),
        pair(
            "payload, decode",
            call(move || payload.decode::<OrderPlaced>()),
            call(move || rmp_serde::from_slice::<OrderPlaced>(&read)),
        ),
    ]
}

fn pairs() -> Vec<Pair> {
    [events(), commits(), payloads()]
        .into_iter()
        .flatten()
        .collect()
}

fn benchmarks(c: &mut Criterion) {
    let mut group = c.benchmark_group("codec");
    group
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600));
    for pair in pairs() {
        for (who, bytes, run) in [
            ("aether", pair.bytes[0], &pair.aether),
            ("peer", pair.bytes[1], &pair.peer),
        ] {
            group.throughput(Throughput::Bytes(bytes as u64));
            group.bench_function(format!("{}/{who}", pair.name), |b| b.iter(run));
        }
    }
    group.finish();
}

/// The time of one call, averaged over many.
fn time(run: &dyn Fn(), calls: u32) -> Duration {
    let start = Instant::now();
    for _ in 0..calls {
        run();
    }
    start.elapsed() / calls
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Aether and peer in turns, so that both see the same machine.
fn table() {
    println!("\nmedians of {ROUNDS} rounds, Aether and peer in turns\n");
    println!("| what | bytes | peer's bytes | Aether | peer | ratio |");
    println!("|---|---|---|---|---|---|");
    for pair in pairs() {
        let calls = CALLS / pair.events;
        let (ours, theirs): (Vec<_>, Vec<_>) = (0..ROUNDS)
            .map(|_| (time(&pair.aether, calls), time(&pair.peer, calls)))
            .unzip();
        let (ours, theirs) = (median(ours), median(theirs));
        let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
        let [bytes, peers_bytes] = pair.bytes;
        println!(
            "| {} | {bytes} | {peers_bytes} | {ours:?} | {theirs:?} | {ratio:.2} |",
            pair.name
        );
    }
    println!();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    benchmarks(&mut criterion);
    criterion.final_summary();
    // `cargo test --benches` runs this without the flag, to see that it works.
    if std::env::args().any(|arg| arg == "--bench") {
        table();
    }
}
