//! Passes with their time and the processor time of both ends, and what many of them come to.

use std::time::{Duration, Instant};

/// One pass of many operations.
#[derive(Clone, Copy)]
pub struct Pass {
    pub elapsed: Duration,
    pub operations: u32,
    client: Duration,
    server: Option<Duration>,
}

impl Pass {
    /// One operation that took so long, whoever's processor time it was.
    pub fn taking(elapsed: Duration) -> Self {
        Self {
            elapsed,
            operations: 1,
            client: Duration::ZERO,
            server: None,
        }
    }
}

/// Takes the time of passes.
#[derive(Clone, Copy)]
pub struct Meter {
    /// The process of the server, where it is on this machine.
    pub server: Option<u32>,
}

impl Meter {
    /// The server whose process id is in `AETHER_NATS_PID`.
    pub fn from_env() -> Self {
        let server = std::env::var("AETHER_NATS_PID").ok();
        Self {
            server: server.map(|pid| pid.parse().expect("AETHER_NATS_PID is a process id")),
        }
    }

    /// The pass that this work is: so many operations.
    pub async fn pass(&self, operations: usize, work: impl Future<Output = ()>) -> Pass {
        let server = || self.server.and_then(|pid| processor_time(&pid.to_string()));
        let client = || processor_time("self").unwrap_or_default();
        let (server_before, client_before) = (server(), client());
        let start = Instant::now();
        work.await;
        let elapsed = start.elapsed();
        Pass {
            elapsed,
            operations: operations as u32,
            client: client().saturating_sub(client_before),
            server: server()
                .zip(server_before)
                .map(|(after, before)| after.saturating_sub(before)),
        }
    }
}

/// What a process has used of the processors so far, by the scheduler's account of its threads:
/// the ticks of `stat` are 10 ms, longer than some of the passes.
fn processor_time(process: &str) -> Option<Duration> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).ok()?;
    let nanos = threads.filter_map(|thread| {
        let stat = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        stat.split(' ').next()?.parse::<u64>().ok()
    });
    Some(Duration::from_nanos(nanos.sum()))
}

/// The passes of one contestant.
#[derive(Clone)]
pub struct Passes {
    pub name: &'static str,
    passes: Vec<Pass>,
}

impl Passes {
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            passes: Vec::new(),
        }
    }

    /// The same under another name.
    pub fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    pub fn push(&mut self, pass: Pass) {
        self.passes.push(pass);
    }

    fn each(&self) -> impl Iterator<Item = f64> {
        self.passes
            .iter()
            .map(|pass| pass.elapsed.as_secs_f64() / f64::from(pass.operations))
    }

    /// The seconds that one operation takes.
    pub fn seconds(&self) -> f64 {
        median(self.each().collect())
    }

    /// How many times as long as `limit` it takes, pass by pass: the quartiles.
    pub fn ratio_to(&self, limit: &Self) -> [f64; 3] {
        let ratios = self
            .each()
            .zip(limit.each())
            .map(|(own, limit)| own / limit);
        quartiles(ratios.collect())
    }

    /// The processor time of one operation: here, and at the server.
    pub fn processor_seconds(&self) -> (f64, Option<f64>) {
        let operations: f64 = self.passes.iter().map(|p| f64::from(p.operations)).sum();
        let client: Duration = self.passes.iter().map(|pass| pass.client).sum();
        let server: Option<Duration> = self.passes.iter().map(|pass| pass.server).sum();
        let per_operation = |time: Duration| time.as_secs_f64() / operations;
        (per_operation(client), server.map(per_operation))
    }
}

/// The one with the lowest median.
pub fn fastest(contestants: Vec<Passes>) -> Passes {
    contestants
        .into_iter()
        .min_by(|one, other| one.seconds().total_cmp(&other.seconds()))
        .expect("there is one")
}

pub fn median(values: Vec<f64>) -> f64 {
    quartiles(values)[1]
}

fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_unstable_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| values[(values.len() - 1) * quarter / 4])
}
