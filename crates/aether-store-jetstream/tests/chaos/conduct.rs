//! One run: servers, load, faults, quiet, and the check.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use aether_store_jetstream::async_nats;

use crate::checker::{Message, Truth, check};
use crate::crew::Crew;
use crate::feeds::lines::Wanted;
use crate::feeds::reader::{Ends, plans};
use crate::inject;
use crate::report::{Report, Run, report};
use crate::schedule::{SERVER_FAULTS, SHORT_SERVER_FAULTS, Schedule, WORKER_FAULTS};
use crate::stream;
use crate::support::cluster::Cluster;

const STREAM: &str = "chaos";
/// How long a run without minutes lasts.
const SHORT: Duration = Duration::from_secs(20);
/// How long there are no faults in the end, before the workers settle.
const QUIET: Duration = Duration::from_secs(3);

/// Runs for so many minutes, or shortly for 0.
pub(crate) async fn run(minutes: u64, seed: u64) -> Report {
    let (lasts, kinds, lasts_millis): (_, &'static [_], _) = match minutes {
        0 => (SHORT, &SHORT_SERVER_FAULTS, (1_000, 2_000)),
        _ => (
            Duration::from_secs(60 * minutes),
            &SERVER_FAULTS,
            (1_000, 8_000),
        ),
    };
    let mut cluster = Cluster::start().await;
    let files = tempfile::TempDir::with_prefix("aether-chaos-").unwrap();
    let mut crew = Crew::start(&cluster, STREAM, seed, files.path()).await;
    // Who makes the stream is no part of the run.
    cluster.leader_of(STREAM).await;
    let until = Instant::now() + lasts;
    let injected = Mutex::new(Vec::new());
    let servers = Schedule::of_servers(seed, kinds, lasts_millis);
    tokio::join!(
        inject::servers(&mut cluster, STREAM, servers, until, &injected),
        inject::workers(&mut crew, Schedule::of_workers(seed), until, &injected),
    );
    cluster.leader_of(STREAM).await;
    tokio::time::sleep(QUIET).await;
    crew.settle().await;
    let messages = stream::messages(cluster.servers[0].url(), STREAM).await;
    crew.finish(&ends_of_feeds(&messages)).await;
    let truth = Truth {
        reads: stream::histories(&cluster.url(), STREAM).await,
        consumers: stream::consumers_left(cluster.servers[0].url(), STREAM).await,
        messages,
    };
    let logs = crew.logs();
    let findings = check(&logs, &truth);
    if !findings.violations.is_empty() {
        // Whoever looks into it needs them.
        eprintln!("the logs are kept in {}", files.keep().display());
    }
    let run = Run {
        seed,
        minutes,
        seconds: lasts.as_secs(),
        faults: kinds.iter().chain(&WORKER_FAULTS).copied().collect(),
        server: version(&cluster).await,
        lost_acknowledgements: crew.lost_acknowledgements(),
    };
    report(&run, &findings, &injected.into_inner().unwrap(), &logs)
}

/// The sequence of the last event that passes, for each feed that the workers have.
fn ends_of_feeds(messages: &[Message]) -> Ends {
    let end = |wanted: &Wanted| {
        let passes = |message: &&Message| {
            let mut events = message.events.iter().flatten();
            events.any(|event| wanted.passes(&message.actor, &event.event_type))
        };
        let last = messages.iter().rev().find(passes)?;
        Some(last.sequence)
    };
    let ends = plans().into_iter();
    ends.filter_map(|plan| Some((plan.name.to_owned(), end(&plan.wanted)?)))
        .collect()
}

async fn version(cluster: &Cluster) -> String {
    let client = async_nats::connect(cluster.servers[0].url()).await.unwrap();
    client.server_info().version
}
