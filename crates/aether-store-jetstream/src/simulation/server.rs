//! The simulated server: one log that is the truth, and many ways not to show it.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Mutex;
use std::time::Duration;

use aether_core::EventId;
use async_nats::jetstream::publish::PublishAck;
use tokio::time::Instant;

use crate::decide::StreamState;
use crate::errors::Fault;
use crate::link::Wanted;
use crate::message::{Outgoing, Stored};
use crate::patience::Patience;
use crate::server::{Copies, Server};

/// How long the client waits for an answer.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_millis(200);
pub(super) const CREATED: u64 = 1_800_000_000;
pub(super) const STREAM: &str = "sim";

/// How often what goes wrong, in percent of the requests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weather {
    pub(super) lost: u8,
    pub(super) delayed: u8,
    pub(super) duplicated: u8,
    pub(super) ack_lost: u8,
    pub(super) unavailable: u8,
    /// How often an old leader begins to answer beside the new one, in percent of requests.
    pub(super) old_leader: u8,
    /// How often the newest messages are lost, in tenths of a percent.
    pub(super) loses_tail: u8,
    /// The age at which messages expire; zero for never.
    pub(super) max_age: Duration,
}

impl Weather {
    pub(super) const CALM: Self = Self {
        lost: 0,
        delayed: 0,
        duplicated: 0,
        ack_lost: 0,
        unavailable: 0,
        old_leader: 0,
        loses_tail: 0,
        max_age: Duration::ZERO,
    };
    pub(super) const STORM: Self = Self {
        lost: 5,
        delayed: 8,
        duplicated: 5,
        ack_lost: 8,
        unavailable: 3,
        old_leader: 2,
        loses_tail: 0,
        max_age: Duration::ZERO,
    };
    pub(super) const LOSING: Self = Self {
        loses_tail: 4,
        ..Self::STORM
    };
    /// Longer than a save, and what it sent, can be on their way, and than an old leader answers.
    pub(super) const EXPIRING: Self = Self {
        max_age: Duration::from_secs(6),
        ..Self::STORM
    };
    /// Sooner than a save gives up.
    pub(super) const EXPIRING_SOON: Self = Self {
        max_age: Duration::from_millis(1_600),
        ..Self::STORM
    };
}

#[derive(Debug)]
pub(super) struct SimServer(Mutex<Sim>);

#[derive(Debug)]
struct Sim {
    random: fastrand::Rng,
    weather: Weather,
    /// Everything that was stored and not lost, also what has expired.
    log: Vec<Stored>,
    /// When each of it was stored.
    times: Vec<Instant>,
    /// What is on its way, and when it arrives.
    on_its_way: Vec<(Instant, String, Outgoing)>,
    /// What an old leader knows of the log that does not know that it is one, and until when.
    old: Option<(Range<usize>, Instant)>,
    lost: HashSet<EventId>,
    faults: HashMap<&'static str, usize>,
}

/// Who gets a request.
enum Leader {
    New,
    Old(Range<usize>),
}

/// What the one who is asked knows.
struct View<'l> {
    /// What has expired, and what has not.
    all: &'l [Stored],
    expired: usize,
}

impl View<'_> {
    fn log(&self) -> &[Stored] {
        &self.all[self.expired..]
    }

    fn first(&self) -> u64 {
        let first = self.log().first().map(|stored| stored.sequence);
        first.unwrap_or(self.last() + 1)
    }

    fn last(&self) -> u64 {
        self.all.last().map_or(0, |stored| stored.sequence)
    }
}

impl SimServer {
    pub(super) fn new(seed: u64, weather: Weather) -> Self {
        Self(Mutex::new(Sim {
            random: fastrand::Rng::with_seed(seed),
            weather,
            log: Vec::new(),
            times: Vec::new(),
            on_its_way: Vec::new(),
            old: None,
            lost: HashSet::new(),
            faults: HashMap::new(),
        }))
    }

    fn sim<T>(&self, act: impl FnOnce(&mut Sim) -> T) -> T {
        act(&mut self.0.lock().unwrap())
    }

    /// From now on nothing goes wrong; what is on its way arrives.
    pub(super) fn calm_down(&self) {
        self.sim(|sim| {
            sim.weather = Weather::CALM;
            sim.old = None;
            sim.arrive(true);
        });
    }

    /// Loses this many of the newest messages, as a machine that loses power.
    pub(super) fn lose(&self, messages: usize) {
        self.sim(|sim| {
            sim.log.truncate(sim.log.len() - messages);
            sim.times.truncate(sim.log.len());
        });
    }

    /// The age at which messages expire, if they do.
    pub(super) fn max_age(&self) -> Option<Duration> {
        let age = self.sim(|sim| sim.weather.max_age);
        (!age.is_zero()).then_some(age)
    }

    /// From now on this is what is stored.
    pub(super) fn set_log(&self, log: Vec<Stored>) {
        self.sim(|sim| {
            sim.times.resize(log.len(), Instant::now());
            sim.log = log;
        });
    }

    pub(super) fn log(&self) -> Vec<Stored> {
        self.sim(|sim| sim.log.clone())
    }

    pub(super) fn lost(&self) -> HashSet<EventId> {
        self.sim(|sim| sim.lost.clone())
    }

    pub(super) fn has_lost_nothing(&self) -> bool {
        self.sim(|sim| sim.lost.is_empty())
    }

    pub(super) fn faults(&self) -> HashMap<&'static str, usize> {
        self.sim(|sim| sim.faults.clone())
    }

    /// A moment passes, and perhaps something happens.
    async fn travel(&self) -> Leader {
        let millis = self.sim(|sim| sim.random.u64(0..4));
        tokio::time::sleep(Duration::from_millis(millis)).await;
        self.sim(|sim| {
            sim.arrive(false);
            sim.happen()
        })
    }

    async fn silence<T>(patience: &Patience) -> Result<T, Fault> {
        tokio::time::sleep(patience.for_request(REQUEST_TIMEOUT)).await;
        Err(Fault::TimedOut)
    }

    /// Answers a read from what the one who was asked knows.
    async fn read<T>(
        &self,
        patience: &Patience,
        answer: impl Fn(View<'_>) -> T,
    ) -> Result<T, Fault> {
        let leader = self.travel().await;
        if self.sim(|sim| sim.rolls(sim.weather.lost, "lost")) {
            return Self::silence(patience).await;
        }
        if self.sim(|sim| sim.rolls(sim.weather.unavailable, "unavailable")) {
            return Err(Fault::NoResponders);
        }
        Ok(self.sim(|sim| match leader {
            Leader::New => {
                let expired = sim.expired();
                answer(View {
                    all: &sim.log,
                    expired,
                })
            }
            Leader::Old(known) => {
                sim.count("read from an old leader");
                let known = known.start..known.end.min(sim.log.len());
                answer(View {
                    all: &sim.log[..known.end],
                    expired: known.start.min(known.end),
                })
            }
        }))
    }
}

impl Sim {
    fn count(&mut self, fault: &'static str) {
        *self.faults.entry(fault).or_default() += 1;
    }

    fn rolls(&mut self, percent: u8, fault: &'static str) -> bool {
        let rolls = self.random.u8(0..100) < percent;
        if rolls {
            self.count(fault);
        }
        rolls
    }

    /// Whatever takes long takes a part of the age at which messages expire.
    fn delay_max(&self, usual: u64) -> u64 {
        match self.weather.max_age.as_millis() {
            0 => usual,
            age => usual.min(u64::try_from(age / 4).unwrap_or(u64::MAX)),
        }
    }

    /// How much of the log has expired.
    fn expired(&mut self) -> usize {
        let (age, now) = (self.weather.max_age, Instant::now());
        if age.is_zero() {
            return 0;
        }
        let expired = self.times.partition_point(|stored| *stored + age <= now);
        if expired > 0 {
            self.faults.insert("expired", expired);
        }
        expired
    }

    fn arrive(&mut self, all: bool) {
        let now = Instant::now();
        let mut arriving = std::mem::take(&mut self.on_its_way);
        arriving.sort_by_key(|(due, ..)| *due);
        for (due, subject, message) in arriving {
            if all || due <= now {
                // Nobody hears the answer.
                self.apply(&subject, &message).ok();
            } else {
                self.on_its_way.push((due, subject, message));
            }
        }
    }

    /// Leaders change and messages are lost, between two requests. Who is asked now?
    fn happen(&mut self) -> Leader {
        let now = Instant::now();
        let longest = self.random.u64(50..self.delay_max(2_000));
        if self.old.is_none() && self.random.u8(0..100) < self.weather.old_leader {
            let known = self.expired()..self.log.len();
            self.old = Some((known, now + Duration::from_millis(longest)));
        }
        self.old = self.old.take().filter(|(_, until)| *until > now);
        if self.random.u16(0..1_000) < u16::from(self.weather.loses_tail) {
            let kept = self.log.len() - self.random.usize(0..=self.log.len().min(4));
            let lost = self.log.split_off(kept);
            self.times.truncate(kept);
            let lost = lost.iter().flat_map(super::load::events);
            self.lost.extend(lost.map(|event| event.id().clone()));
            // The machine was gone: so is what was on its way to it, and who else led.
            self.on_its_way.clear();
            self.old = None;
        }
        match &self.old {
            Some((known, _)) if self.random.u8(0..100) < 40 => Leader::Old(known.clone()),
            _ => Leader::New,
        }
    }

    /// The compare-and-set.
    fn apply(&mut self, subject: &str, message: &Outgoing) -> Result<u64, u64> {
        let expired = self.expired();
        let last = last(&self.log[expired..], subject);
        let expected = message.headers.get("Nats-Expected-Last-Subject-Sequence");
        let expected: u64 = expected.unwrap().as_str().parse().unwrap();
        if last != expected {
            return Err(last);
        }
        let sequence = self.log.last().map_or(1, |stored| stored.sequence + 1);
        self.times.push(Instant::now());
        self.log.push(Stored {
            subject: subject.into(),
            sequence,
            headers: message.headers.clone(),
            body: message.body.clone(),
        });
        Ok(sequence)
    }

    fn later(&mut self, subject: &str, message: &Outgoing) {
        let millis = self.random.u64(1..self.delay_max(3_000));
        let due = Instant::now() + Duration::from_millis(millis);
        self.on_its_way
            .push((due, subject.to_owned(), message.clone()));
    }

    /// What an old leader says, who can store nothing: a refusal by what it knows, or nothing.
    fn old_leader_says(&mut self, known: Range<usize>, subject: &str, message: &Outgoing) -> bool {
        let expected = message.headers.get("Nats-Expected-Last-Subject-Sequence");
        let expected: u64 = expected.unwrap().as_str().parse().unwrap();
        let known = &self.log[..known.end.min(self.log.len())][known.start..];
        let refuses = last(known, subject) != expected;
        if refuses {
            self.count("refused by an old leader");
        }
        // The new one gets it as well, sooner or later.
        if self.random.bool() {
            if self.apply(subject, message).is_ok() && refuses {
                self.count("applied though refused");
            }
        } else {
            self.later(subject, message);
        }
        refuses
    }
}

fn count(log: &[Stored], subject: &str) -> u64 {
    log.iter().filter(|s| s.subject.as_str() == subject).count() as u64
}

fn last(log: &[Stored], subject: &str) -> u64 {
    let mut newest = log.iter().rev();
    let newest = newest.find(|stored| stored.subject.as_str() == subject);
    newest.map_or(0, |stored| stored.sequence)
}

fn refusal(last: u64, random: &mut fastrand::Rng) -> Fault {
    let (code, text) = match random.bool() {
        true => (10071, format!("wrong last sequence: {last}")),
        false => (10164, "wrong last sequence".to_owned()),
    };
    let json = format!(r#"{{"code":400,"err_code":{code},"description":"{text}"}}"#);
    Fault::Refused(serde_json::from_str(&json).unwrap())
}

fn acknowledgement(sequence: u64) -> PublishAck {
    let json = format!(r#"{{"stream":"{STREAM}","seq":{sequence},"duplicate":false}}"#);
    serde_json::from_str(&json).unwrap()
}

impl Server for SimServer {
    async fn publish(
        &self,
        subject: &str,
        message: Outgoing,
        patience: &Patience,
    ) -> Result<PublishAck, Fault> {
        let leader = self.travel().await;
        if let Leader::Old(known) = leader {
            let last = known.end as u64;
            let refuses = self.sim(|sim| sim.old_leader_says(known, subject, &message));
            if refuses {
                return Err(self.sim(|sim| refusal(last, &mut sim.random)));
            }
            return Self::silence(patience).await;
        }
        enum Fate {
            Silence,
            Busy,
            Answered(Result<u64, u64>),
        }
        let fate = self.sim(|sim| {
            let weather = sim.weather;
            if sim.rolls(weather.lost, "lost") {
                return Fate::Silence;
            }
            if sim.rolls(weather.unavailable, "unavailable") {
                return Fate::Busy;
            }
            if sim.rolls(weather.delayed, "delayed") {
                sim.later(subject, &message);
                return Fate::Silence;
            }
            if sim.rolls(weather.duplicated, "duplicated") {
                sim.later(subject, &message);
            }
            let applied = sim.apply(subject, &message);
            if sim.rolls(weather.ack_lost, "ack lost") {
                return Fate::Silence;
            }
            Fate::Answered(applied)
        });
        match fate {
            Fate::Silence => Self::silence(patience).await,
            Fate::Busy => Err(Fault::NoResponders),
            Fate::Answered(Ok(sequence)) => Ok(acknowledgement(sequence)),
            Fate::Answered(Err(last)) => Err(self.sim(|sim| refusal(last, &mut sim.random))),
        }
    }

    async fn message(
        &self,
        wanted: Wanted<'_>,
        patience: &Patience,
    ) -> Result<Option<Stored>, Fault> {
        let matches = |stored: &Stored, subject: &str| {
            subject.contains('*') || stored.subject.as_str() == subject
        };
        let answer = |view: View<'_>| match wanted {
            Wanted::Last { last_by_subj } => view
                .log()
                .iter()
                .rev()
                .find(|stored| matches(stored, last_by_subj))
                .cloned(),
            Wanted::Next { seq, next_by_subj } => {
                let mut later = view.log().iter().filter(|stored| stored.sequence >= seq);
                later.find(|stored| matches(stored, next_by_subj)).cloned()
            }
            Wanted::At { seq } => {
                let mut log = view.log().iter();
                log.find(|stored| stored.sequence == seq).cloned()
            }
        };
        self.read(patience, answer).await
    }

    async fn state(
        &self,
        subject: &str,
        _: u64,
        patience: &Patience,
    ) -> Result<StreamState, Fault> {
        let answer = |view: View<'_>| StreamState {
            created: CREATED,
            first: view.first(),
            last: view.last(),
            messages: count(view.log(), subject),
            deleted: false,
        };
        self.read(patience, answer).await
    }

    async fn kept(&self, subject: &str, patience: &Patience) -> Result<Option<Stored>, Fault> {
        let answer = |view: View<'_>| {
            let mut newest = view.all.iter().rev();
            let newest = newest.find(|stored| stored.subject.as_str() == subject);
            newest.cloned()
        };
        self.read(patience, answer).await
    }

    async fn copies(&self, subject: &str, patience: &Patience) -> Result<Copies, Fault> {
        let answer = |view: View<'_>| Copies {
            up_to: view.last(),
            of_subject: count(view.all, subject) > 0,
        };
        self.read(patience, answer).await
    }

    fn message_bytes_max(&self) -> usize {
        1 << 20
    }

    fn is_connected(&self) -> bool {
        true
    }

    fn connects(&self) -> u64 {
        0
    }
}
