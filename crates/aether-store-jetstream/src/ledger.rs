//! What all calls of one store share, but the server: names, forms, and what was seen.

use std::cmp::Ordering;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aether_core::{ActorId, StoreError, Version, WireForm};

use tokio::time::Instant;

use crate::actors::Actors;
use crate::doubt::Doubt;
use crate::message::{CommitHeaders, Incarnation};
use crate::names::Names;
use crate::observe::Observer;
use crate::patience::Patience;
use crate::server::Server;

/// How often reads ask whether the stream is still the same, besides what they read.
const CHECKED_EVERY_MILLIS: u64 = 1_000;

/// What one store knows and how it writes.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) names: Names,
    pub(crate) form: WireForm,
    pub(crate) headers: CommitHeaders,
    /// Of the stream of events.
    pub(crate) incarnation: Incarnation,
    /// The age at which commits expire, where they do.
    pub(crate) max_age: Option<Duration>,
    pub(crate) deadline: Duration,
    pub(crate) actors: Actors,
    pub(crate) observer: Observer,
    /// Whether two answers may come from two servers.
    pub(crate) replicated: bool,
    /// The highest sequence that was seen: whatever is stored from now on has a higher one.
    mark: AtomicU64,
    /// How often the connection had been made when the stream was last seen to be the same.
    connects: AtomicU64,
    began: Instant,
    /// When it was last asked what the stream is, in milliseconds.
    checked: AtomicU64,
    /// Whether an earlier stream was shown since this one was.
    shown_earlier: AtomicBool,
    /// Whether that is what there is now.
    earlier: Mutex<Doubt>,
    /// The stream was made anew: nothing that is known holds.
    remade: AtomicBool,
}

impl Ledger {
    pub(crate) fn new(
        names: Names,
        form: WireForm,
        incarnation: Incarnation,
        max_age: Option<Duration>,
        deadline: Duration,
        actors: Actors,
    ) -> Self {
        Self {
            headers: CommitHeaders::new(&names.events_stream, form),
            observer: Observer::new(&names),
            replicated: true,
            names,
            form,
            incarnation,
            max_age,
            deadline,
            actors,
            mark: AtomicU64::new(0),
            connects: AtomicU64::new(0),
            began: Instant::now(),
            checked: AtomicU64::new(0),
            shown_earlier: AtomicBool::new(false),
            earlier: Mutex::new(shown_earlier(deadline)),
            remade: AtomicBool::new(false),
        }
    }

    pub(crate) fn patience(&self) -> Patience {
        Patience::new(self.deadline)
    }

    /// Whether commits expire.
    pub(crate) fn expires(&self) -> bool {
        self.max_age.is_some()
    }

    /// Whether what was stored so long ago, or later, may have expired by now. Half of the age is
    /// left for a copy that is on its way.
    pub(crate) fn may_have_expired(&self, since: Duration) -> bool {
        self.max_age.is_some_and(|max_age| since >= max_age / 2)
    }

    /// A message with this sequence was seen.
    pub(crate) fn saw(&self, sequence: u64) {
        self.mark.fetch_max(sequence, Relaxed);
    }

    /// What is stored from now on has a sequence above this.
    pub(crate) fn mark(&self) -> u64 {
        self.mark.load(Relaxed)
    }

    /// The server has lost what it had: it uses sequences again.
    pub(crate) fn lower_mark(&self, sequence: u64) {
        self.mark.store(sequence, Relaxed);
    }

    /// Whether a stream that was made at this time is the one that was connected to.
    ///
    /// One that was made earlier is what a server shows that has slept; but not again and again, and
    /// never this one, for as long as a call has patience. From then on it is what there is now: an
    /// older copy was restored.
    pub(crate) fn age_of(&self, created: u64) -> Age {
        let earlier = || self.earlier.lock().unwrap_or_else(PoisonError::into_inner);
        match created.cmp(&self.incarnation.0) {
            Ordering::Equal => {
                if self.shown_earlier.swap(false, Relaxed) {
                    *earlier() = shown_earlier(self.deadline);
                }
                Age::Same
            }
            Ordering::Greater => Age::Replaced,
            Ordering::Less => {
                self.shown_earlier.store(true, Relaxed);
                match earlier().is_said() {
                    true => Age::Replaced,
                    false => Age::Earlier,
                }
            }
        }
    }

    /// Whether it is to be asked again what the stream is, by who is told that it is.
    pub(crate) fn check_is_due(&self) -> bool {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let checked = self.checked.load(Relaxed);
        now.saturating_sub(checked) >= CHECKED_EVERY_MILLIS
            && self
                .checked
                .compare_exchange(checked, now, Relaxed, Relaxed)
                .is_ok()
    }

    /// Refuses to go on with a stream that is another than the one that was connected to.
    ///
    /// After each reconnect the server is asked what the stream is. One that is made anew while
    /// the connection lives shows later: by its sequences, and where a known commit is missing.
    pub(crate) async fn check_incarnation(
        &self,
        server: &impl Server,
        actor_id: &ActorId,
        subject: &str,
        patience: &Patience,
    ) -> Result<(), StoreError> {
        let connects = server.connects();
        if self.connects.load(Relaxed) != connects {
            // Where it can't be asked now, the next call asks.
            if let Ok(state) = Box::pin(server.state(subject, 0, patience)).await {
                match self.age_of(state.created) {
                    Age::Replaced => return Err(self.made_anew(actor_id, Version::ZERO)),
                    Age::Same => self.connects.store(connects, Relaxed),
                    Age::Earlier => {}
                }
            }
        }
        if self.remade.load(Relaxed) {
            return Err(self.made_anew(actor_id, Version::ZERO));
        }
        Ok(())
    }

    /// The stream was made anew: from now on every call about an actor says so.
    pub(crate) fn note_made_anew(&self) {
        self.remade.store(true, Relaxed);
    }

    /// The stream was made anew: from now on every call says so.
    pub(crate) fn made_anew(&self, actor_id: &ActorId, known: Version) -> StoreError {
        self.note_made_anew();
        let stream = &self.names.events_stream;
        regressed(
            actor_id,
            known,
            format!(
                "stream {stream:?} was deleted and made anew since this store connected to it; \
                 connect again to use the new one"
            ),
        )
    }
}

/// Whether a stream that was made earlier is what there is now. It is asked now and then.
fn shown_earlier(deadline: Duration) -> Doubt {
    Doubt::lasting(deadline).whatever_the_silence()
}

/// When a stream was made that an answer is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    Same,
    /// After the one that was connected to, or before it and for long: that one is gone.
    Replaced,
    /// Before it: whoever answered has slept since, and his answer proves nothing.
    Earlier,
}

/// A history that went backwards.
pub(crate) fn regressed(actor_id: &ActorId, known: Version, detail: String) -> StoreError {
    StoreError::HistoryRegressed {
        actor_id: actor_id.clone(),
        known,
        detail,
    }
}
