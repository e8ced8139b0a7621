//! Deliveries across connections, beside bare `async-nats` that carries the same bytes, in the same
//! run.
//!
//! `cargo xtask bench bus` starts a server and prints a table of ratios, each measured with both in
//! turns, and says whether the target was met. The bare side sends messages that were made before,
//! and only counts them; the bus encodes each event, numbers it, decodes it and passes it on.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_precision_loss,
    reason = "a benchmark"
)]

use std::time::{Duration, Instant};

use aether_bus::{Delivery, NatsBusConfig, NatsEventBus, Subscribe, Subscription};
use aether_core::{ActorId, Event, EventDraft, Namespace, Version, WireForm};
use async_nats::{Client, HeaderMap, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::runtime::{Builder, Runtime};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

static SHOP: Namespace = Namespace::from_static("shop");
/// What one pass sends: less than a client's buffer holds, so that nothing is dropped.
const EVENTS: u32 = 50_000;
const ROUND_TRIPS: u32 = 2_000;
/// How many times each side is measured.
const PASSES: usize = 15;
/// Of the data of an event.
const DATA_BYTES: usize = 100;
const MIB: f64 = (1024 * 1024) as f64;

fn url() -> String {
    std::env::var("AETHER_NATS_URL").expect("run `cargo xtask bench bus`, which starts a server")
}

fn runtime() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
}

fn event() -> Event {
    let actor_id = ActorId::new("order-1").unwrap();
    let draft = EventDraft::new(&actor_id, "OrderPlaced", &"x".repeat(DATA_BYTES)).unwrap();
    draft.at(Version::FIRST).unwrap()
}

/// A prefix that no other pass uses.
fn prefix(what: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    format!("b-{what}-{}", now.unwrap().as_nanos() % 1_000_000_000_000)
}

/// What the bus sends for an event, and on what subject, as it is on the wire.
async fn bytes() -> (String, HeaderMap, Bytes) {
    let prefix = prefix("bytes");
    let client = async_nats::connect(url()).await.unwrap();
    let mut heard = client.subscribe(format!("{prefix}.>")).await.unwrap();
    client.flush().await.unwrap();
    let (bus, _) = nodes(&prefix).await;
    // Any number has a digit or more: this is one with as many as most have.
    for _ in 0..1_000 {
        bus.publish(&SHOP, event()).await.unwrap();
    }
    loop {
        let message = heard.next().await.unwrap();
        let headers = message.headers.unwrap();
        let what = headers.get("Aether-Bus").unwrap().as_str();
        if what.ends_with(" event 0.1000") {
            return (message.subject.to_string(), headers, message.payload);
        }
    }
}

async fn nodes(prefix: &str) -> (NatsEventBus, NatsEventBus) {
    let config = || NatsBusConfig::new(prefix).unwrap();
    let here = NatsEventBus::connect(&url(), config()).await.unwrap();
    let there = NatsEventBus::connect(&url(), config()).await.unwrap();
    (here, there)
}

async fn listen(bus: &NatsEventBus, namespace: &Namespace) -> Subscription {
    let asked = Subscribe::to(namespace).capacity(EVENTS as usize);
    bus.subscribe(asked).await.unwrap()
}

async fn take(subscription: &mut Subscription, count: u32) {
    for _ in 0..count {
        match subscription.next().await {
            Some(Delivery::Event(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// One connection sends and another one receives, as quickly as they can.
fn bus_pass() -> Duration {
    runtime().block_on(async {
        let (here, there) = nodes(&prefix("one")).await;
        let mut heard = listen(&there, &SHOP).await;
        let event = event();
        let start = Instant::now();
        let sending = tokio::spawn(async move {
            for _ in 0..EVENTS {
                here.publish(&SHOP, event.clone()).await.unwrap();
            }
            here
        });
        take(&mut heard, EVENTS).await;
        let time = start.elapsed();
        sending.await.unwrap();
        time
    })
}

async fn clients() -> (Client, Client) {
    let here = async_nats::connect(url()).await.unwrap();
    (here, async_nats::connect(url()).await.unwrap())
}

async fn take_bare(heard: &mut Subscriber, count: u32) {
    for _ in 0..count {
        heard.next().await.unwrap();
    }
}

fn bare_pass() -> Duration {
    runtime().block_on(async {
        let (subject, headers, body) = bytes().await;
        let (here, there) = clients().await;
        let mut heard = there.subscribe(subject.clone()).await.unwrap();
        there
            .request("$SYS.REQ.USER.INFO", "".into())
            .await
            .unwrap();
        let start = Instant::now();
        let sending = tokio::spawn(async move {
            for _ in 0..EVENTS {
                let (subject, headers) = (subject.clone(), headers.clone());
                let sent = here.publish_with_headers(subject, headers, body.clone());
                sent.await.unwrap();
            }
            here
        });
        take_bare(&mut heard, EVENTS).await;
        let time = start.elapsed();
        sending.await.unwrap();
        time
    })
}

static BACK: Namespace = Namespace::from_static("back");

/// There and back, one after the other.
fn bus_round_trips() -> Duration {
    runtime().block_on(async {
        let (here, there) = nodes(&prefix("two")).await;
        let mut heard = listen(&there, &SHOP).await;
        let mut returned = listen(&here, &BACK).await;
        let event = event();
        let answered = event.clone();
        let answering = tokio::spawn(async move {
            for _ in 0..ROUND_TRIPS {
                take(&mut heard, 1).await;
                there.publish(&BACK, answered.clone()).await.unwrap();
            }
            there
        });
        let start = Instant::now();
        for _ in 0..ROUND_TRIPS {
            here.publish(&SHOP, event.clone()).await.unwrap();
            take(&mut returned, 1).await;
        }
        let time = start.elapsed();
        answering.await.unwrap();
        time
    })
}

fn bare_round_trips() -> Duration {
    runtime().block_on(async {
        let (subject, headers, body) = bytes().await;
        let back = format!("{subject}.back");
        let (here, there) = clients().await;
        let mut heard = there.subscribe(subject.clone()).await.unwrap();
        let mut returned = here.subscribe(back.clone()).await.unwrap();
        for client in [&here, &there] {
            client
                .request("$SYS.REQ.USER.INFO", "".into())
                .await
                .unwrap();
        }
        let answer = (headers.clone(), body.clone());
        let answering = tokio::spawn(async move {
            let (headers, body) = answer;
            for _ in 0..ROUND_TRIPS {
                take_bare(&mut heard, 1).await;
                let (back, headers) = (back.clone(), headers.clone());
                let sent = there.publish_with_headers(back, headers, body.clone());
                sent.await.unwrap();
            }
            there
        });
        let start = Instant::now();
        for _ in 0..ROUND_TRIPS {
            let (subject, headers) = (subject.clone(), headers.clone());
            let sent = here.publish_with_headers(subject, headers, body.clone());
            sent.await.unwrap();
            take_bare(&mut returned, 1).await;
        }
        let time = start.elapsed();
        answering.await.unwrap();
        time
    })
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Both in turns, so that they see the same machine.
fn in_turns(limit: impl Fn() -> Duration, ours: impl Fn() -> Duration) -> (Duration, Duration) {
    let times = (0..PASSES).map(|_| (limit(), ours()));
    let (limits, ours): (Vec<_>, Vec<_>) = times.unzip();
    (median(limits), median(ours))
}

fn verdict(is_met: bool) -> &'static str {
    match is_met {
        true => "ok",
        false => "MISSED",
    }
}

fn main() {
    let body = event().to_wire(WireForm::MessagePack).unwrap().len();
    println!(
        "\nmedians of {PASSES} passes, in turns; two worker threads; bodies of {body} bytes\n"
    );
    println!("| work | bare async-nats | bus | ratio | target | |");
    println!("|---|---|---|---|---|---|");
    let (bare, ours) = in_turns(bare_pass, bus_pass);
    let per_second = |time: Duration| f64::from(EVENTS) / time.as_secs_f64();
    let ratio = per_second(ours) / per_second(bare);
    println!(
        "| one subscriber on another connection | {:.0}/s, {:.0} MiB/s | {:.0}/s | {ratio:.2} | >= 0.85 | {} |",
        per_second(bare),
        per_second(bare) * body as f64 / MIB,
        per_second(ours),
        verdict(ratio >= 0.85)
    );
    let (bare, ours) = in_turns(bare_round_trips, bus_round_trips);
    let ratio = ours.as_secs_f64() / bare.as_secs_f64();
    println!(
        "| there and back | {:?} | {:?} | {ratio:.2} | <= 1.15 | {} |\n",
        bare / ROUND_TRIPS,
        ours / ROUND_TRIPS,
        verdict(ratio <= 1.15)
    );
}
