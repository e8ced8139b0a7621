//! The feeds of a worker: each is read by a task of its own, and begun again and again.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use aether_core::{EventFeed as _, FeedItem, FeedStart, FeedStream, Position};
use aether_store_jetstream::JetStreamStore;
use futures_util::StreamExt as _;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::lines::{Block, End, FeedLine, Start, Wanted};
use crate::load::{CATEGORIES, TYPES, actor, described};
use crate::log::{Line, Log, now};
use crate::rng::Rng;

/// A block is written down after so many events, or when its first one is as old as this.
const BLOCK_EVENTS: usize = 256;
const BLOCK_AGE: Duration = Duration::from_millis(100);
/// How long a feed lives that is dropped at random.
const LIFE_MILLIS: (u64, u64) = (50, 3_000);
/// From how many of the last positions one is chosen to resume from.
const CHECKPOINTS: usize = 64;
/// A slow reader pauses after so many events.
const SLOW_AFTER_EVENTS: u64 = 100;
const SLOW_MILLIS: (u64, u64) = (100, 2_500);
/// After a feed that has ended by itself.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a feed may need to the end of the stream, once nothing is saved any more. A consumer
/// that stands still is given up after a minute.
const CATCHING_UP: Duration = Duration::from_secs(120);
/// How long something may come then that should not.
const LINGER: Duration = Duration::from_millis(500);

/// The sequence of the last event for each feed, by name, once nothing is saved any more.
pub(crate) type Ends = HashMap<String, u64>;

/// A feed as it is meant to be read.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) name: &'static str,
    pub(crate) wanted: Wanted,
    /// Where the first one of a process begins.
    first: First,
    /// Dropped at random and begun again.
    is_dropped: bool,
    is_slow: bool,
}

#[derive(Debug, Clone, Copy)]
enum First {
    Beginning,
    Now,
    /// Where the process before had come to.
    Saved,
}

/// The feeds that each process has.
pub(crate) fn plans() -> Vec<Plan> {
    let owned = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
    let plan = |name, first| Plan {
        name,
        wanted: Wanted::default(),
        first,
        is_dropped: false,
        is_slow: false,
    };
    let dropped = |name| Plan {
        is_dropped: true,
        ..plan(name, First::Saved)
    };
    let of = |categories: &[&str], actors: &[u64], types: &[&str]| Wanted {
        categories: owned(categories),
        actors: actors.iter().map(|n| actor(*n).to_string()).collect(),
        types: owned(types),
    };
    vec![
        plan("all", First::Saved),
        Plan {
            wanted: of(&CATEGORIES[1..2], &[], &[]),
            ..plan("category", First::Beginning)
        },
        Plan {
            wanted: of(&[], &[0, 7, 50], &[]),
            ..plan("actors", First::Beginning)
        },
        Plan {
            wanted: of(&[], &[], &TYPES[1..]),
            ..plan("type", First::Now)
        },
        dropped("all, dropped"),
        Plan {
            wanted: of(&CATEGORIES[..2], &[], &TYPES[1..]),
            ..dropped("categories and type, dropped")
        },
        Plan {
            is_slow: true,
            ..plan("all, slow", First::Now)
        },
    ]
}

/// Reads one feed, from one end to the next.
pub(crate) struct Reader {
    plan: Plan,
    store: JetStreamStore,
    log: Arc<Log>,
    rng: Rng,
    /// Where the checkpoint is kept for the process that comes after this one.
    file: PathBuf,
    /// The last positions, the newest last.
    positions: VecDeque<String>,
    has_begun: bool,
}

/// A feed while it is read.
struct Reading {
    feed: u64,
    stream: FeedStream,
    block: Block,
    block_began: Option<Instant>,
    /// The sequence of the last event, or of the position that it began after.
    last: Option<u64>,
    from_now: bool,
    given: u64,
    is_caught_up: bool,
    slow_until: Option<Instant>,
}

impl Reader {
    pub(crate) fn new(
        plan: Plan,
        rng: Rng,
        files: &Path,
        store: JetStreamStore,
        log: Arc<Log>,
    ) -> Self {
        let file = files.join(format!("{}.checkpoint", plan.name));
        Self {
            plan,
            store,
            log,
            rng,
            file,
            positions: VecDeque::new(),
            has_begun: false,
        }
    }

    /// Until all is over and the feed has come to its end.
    pub(crate) async fn run(mut self, mut ends: watch::Receiver<Option<Ends>>) {
        loop {
            let is_over = ends.borrow().is_some();
            match self.read(is_over, &mut ends).await {
                End::Finished => return,
                End::Dropped => {}
                End::Failed(_) | End::Closed => sleep(PAUSE).await,
            }
        }
    }

    /// From now only where something is still to come.
    fn start(&mut self, is_over: bool) -> Start {
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        if is_first {
            let saved = std::fs::read_to_string(&self.file).ok();
            return match (self.plan.first, saved) {
                (First::Now, _) => Start::Now,
                (First::Saved, Some(position)) => Start::After(position),
                (First::Saved | First::Beginning, _) => Start::Beginning,
            };
        }
        let known = self.positions.len();
        match self.rng.below(10) {
            0 if self.plan.is_dropped && !is_over => Start::Now,
            _ if known == 0 => match self.plan.first {
                First::Now if !is_over => Start::Now,
                _ => Start::Beginning,
            },
            // A checkpoint need not be the last.
            1..=4 => {
                let back = usize::try_from(self.rng.below(known as u64)).unwrap();
                Start::After(self.positions[back].clone())
            }
            _ => Start::After(self.positions[known - 1].clone()),
        }
    }

    async fn read(&mut self, is_over: bool, ends: &mut watch::Receiver<Option<Ends>>) -> End {
        let start = self.start(is_over);
        let from: Option<Position> = match &start {
            Start::After(text) => Some(text.parse().unwrap()),
            Start::Beginning | Start::Now => None,
        };
        let feed = self.log.next_op();
        let from_now = start == Start::Now;
        let begins = match from {
            Some(position) => FeedStart::After(position),
            None if from_now => FeedStart::Now,
            None => FeedStart::Beginning,
        };
        self.write(FeedLine::Began {
            feed,
            at: now(),
            name: self.plan.name.to_owned(),
            wanted: self.plan.wanted.clone(),
            start,
        });
        let mut reading = Reading {
            feed,
            stream: self.store.feed(begins, self.plan.wanted.filter()),
            block: Block::default(),
            block_began: None,
            last: from.map(|position| position.sequence()),
            from_now,
            given: 0,
            is_caught_up: false,
            slow_until: None,
        };
        let end = self.until_end(&mut reading, ends).await;
        self.flush(&mut reading);
        let at = now();
        self.write(FeedLine::Ended {
            feed,
            at,
            end: end.clone(),
        });
        if matches!(end, End::Failed(_)) {
            self.rest(&mut reading).await;
        }
        end
    }

    async fn until_end(
        &mut self,
        reading: &mut Reading,
        ends: &mut watch::Receiver<Option<Ends>>,
    ) -> End {
        let (low, high) = LIFE_MILLIS;
        let life = Duration::from_millis(self.rng.between(low, high));
        let mut dies = pin!(sleep(life));
        let mut finishes: Option<Instant> = None;
        let mut gives_up: Option<Instant> = None;
        loop {
            if finishes.is_none()
                && let Some(ends) = ends.borrow().as_ref()
            {
                if reading.from_now && reading.given == 0 && self.plan.is_dropped {
                    // Nobody knows whether something is to come: one that is resumed knows.
                    return End::Dropped;
                }
                let end = ends.get(self.plan.name).copied();
                if reading.is_caught_up && reading.last >= end {
                    finishes = Some(Instant::now() + LINGER);
                }
            }
            let is_over = ends.borrow().is_some();
            if is_over {
                gives_up.get_or_insert_with(|| Instant::now() + CATCHING_UP);
            }
            let due = reading.block_began.map(|began| began + BLOCK_AGE);
            let slow = reading.slow_until.filter(|_| !is_over);
            tokio::select! {
                () = until(slow), if slow.is_some() => reading.slow_until = None,
                () = until(due), if due.is_some() => self.flush(reading),
                () = &mut dies, if self.plan.is_dropped && !is_over => return End::Dropped,
                () = until(finishes), if finishes.is_some() => return End::Finished,
                () = until(gives_up), if is_over => return End::Finished,
                _ = ends.changed(), if !is_over => {}
                item = reading.stream.next(), if slow.is_none() => match item {
                    Some(Ok(item)) => self.take(reading, item),
                    Some(Err(error)) => return End::Failed(described(&error)),
                    None => return End::Closed,
                },
            }
        }
    }

    fn take(&mut self, reading: &mut Reading, item: FeedItem) {
        let FeedItem::Event(recorded) = item else {
            self.flush(reading);
            reading.is_caught_up = true;
            let (feed, at) = (reading.feed, now());
            return self.write(FeedLine::CaughtUp { feed, at });
        };
        reading.block.add(&recorded);
        reading.block_began.get_or_insert_with(Instant::now);
        reading.last = Some(recorded.position().sequence());
        reading.given += 1;
        if self.positions.len() == CHECKPOINTS {
            self.positions.pop_front();
        }
        self.positions.push_back(recorded.position().to_string());
        if reading.block.steps.len() >= BLOCK_EVENTS {
            self.flush(reading);
        }
        if self.plan.is_slow && reading.given.is_multiple_of(SLOW_AFTER_EVENTS) {
            let (low, high) = SLOW_MILLIS;
            let pause = Duration::from_millis(self.rng.between(low, high));
            reading.slow_until = Some(Instant::now() + pause);
        }
    }

    /// Writes down what has come, and then the checkpoint.
    fn flush(&self, reading: &mut Reading) {
        reading.block_began = None;
        if reading.block.steps.is_empty() {
            return;
        }
        let block = std::mem::take(&mut reading.block);
        let (feed, last) = (reading.feed, block.last.clone());
        self.write(FeedLine::Gave { feed, block });
        // Whole or not at all, whenever the process is killed.
        let new = self.file.with_extension("new");
        std::fs::write(&new, last).unwrap();
        std::fs::rename(&new, &self.file).unwrap();
    }

    /// What comes after an error.
    async fn rest(&mut self, reading: &mut Reading) {
        while let Ok(Some(item)) = timeout(PAUSE, reading.stream.next()).await {
            match item {
                Ok(item) => self.take(reading, item),
                Err(error) => {
                    let (feed, at, end) = (reading.feed, now(), End::Failed(described(&error)));
                    self.write(FeedLine::Ended { feed, at, end });
                }
            }
        }
        self.flush(reading);
    }

    fn write(&self, line: FeedLine) {
        self.log.write(&Line::Feed(line));
    }
}

/// Waits until then, where that is some time.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
