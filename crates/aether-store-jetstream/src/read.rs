//! Reading one actor's history.
//!
//! The newest message is read first, and the rest up to it: by the places that the commits tell
//! ([`Trail`]), or by the actor's subject ([`Scan`]) where those are not told, lead astray, or are
//! so close together that pages are faster. Each commit is compared with what the next one says of
//! it: what is missing, was changed, or was lost and written again shows there.
//!
//! Along the places nothing is reported. Whatever does not fit there is left to the scan, which
//! goes by what the leader says and tells what is wrong; what the links can't show (a first commit
//! that is damaged, commits without links) the server's own count does.

use std::collections::VecDeque;

use aether_core::{ActorId, EventStream, RecordedEvent, StoreError, Version};

use futures_util::StreamExt as _;

use crate::chain::Link;
use crate::errors::Fault;
use crate::follow::{Follower, Wrong};
use crate::glance::maybe;
use crate::message::{Stored, StoredCommit};
use crate::newest::NewestMessage;
use crate::patience::Patience;
use crate::scan::Scan;
use crate::snapshot;
use crate::store::Shared;
use crate::tail::Shortfall;
use crate::trail::{self, Counted, First, Trail};

/// The actor's events from this version on.
pub(crate) fn events(store: Shared, actor_id: ActorId, from: Version) -> EventStream {
    let replay = Replay::new(store, actor_id, from);
    // In a box, so that it is not moved around with each event.
    let replay = Box::new((replay, None));
    let events = futures_util::stream::unfold(replay, |mut state| async {
        let (replay, call) = &mut *state;
        // It may have been made long before it is polled.
        let observer = &replay.store.ledger.observer;
        let call = call.get_or_insert_with(|| observer.replay(&replay.actor_id));
        let item = call.watch_next(replay.next()).await?;
        Some((item, state))
    });
    Box::pin(events.fuse())
}

/// Why a history of which the server gave this many messages is not whole; none where it is.
///
/// More than it counted are those that were stored after it had.
pub(crate) fn incomplete(counted: u64, given: u64) -> Option<String> {
    (given < counted).then(|| {
        format!(
            "the server counts {counted} message(s) and gives {given} up to the last: what is \
             missing is damaged or was removed"
        )
    })
}

/// Going along the places of a history.
struct Along {
    trail: Trail,
    /// The sequence of the newest message.
    tail: u64,
    /// Of the first on the subject, where that was asked for.
    first: Option<u64>,
    /// How many messages there are along the places.
    told: u64,
}

/// A history while it is being read.
struct Replay {
    store: Shared,
    actor_id: ActorId,
    subject: String,
    from: Version,
    patience: Patience,
    phase: Phase,
    /// How many messages the server counted before the tail was pinned: there are at least as
    /// many up to the tail where none is ever removed, unless an old leader showed the tail. 0
    /// where they expire.
    counted: Counted,
    /// The sequence from which messages are counted and given.
    start: u64,
    /// How it is with what was counted and not given.
    shortfall: Shortfall,
    /// Whether something that is missing was reported where it shows.
    reported: bool,
    /// Events that were read and not yet passed on.
    ready: VecDeque<RecordedEvent>,
    follower: Follower,
    /// The sequence of the message that was read last.
    before: u64,
    /// How many messages along the places did follow.
    followed: u64,
    /// Whether all versions are asked for.
    whole: bool,
}

enum Phase {
    Start,
    Following(Box<Along>),
    Reading(Box<Scan>),
    End,
}

impl Replay {
    fn new(store: Shared, actor_id: ActorId, from: Version) -> Self {
        Self {
            subject: store.ledger.names.events_subject(&actor_id),
            patience: store.ledger.patience(),
            store,
            actor_id,
            from,
            phase: Phase::Start,
            counted: Counted::default(),
            start: 1,
            shortfall: Shortfall::default(),
            reported: false,
            ready: VecDeque::new(),
            follower: Follower::default(),
            before: 0,
            followed: 0,
            whole: from <= Version::FIRST,
        }
    }

    /// The next event. After [`StoreError::Malformed`] others may follow, after any other error
    /// nothing does.
    async fn next(&mut self) -> Option<Result<RecordedEvent, StoreError>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(Ok(event));
            }
            let step = match &self.phase {
                Phase::Start => self.begin().await,
                Phase::Following(..) => self.follow_on().await,
                Phase::Reading(_) => self.read_on().await,
                Phase::End => return None,
            };
            match step {
                Ok(()) => {}
                Err(malformed @ StoreError::Malformed(_)) => return Some(Err(malformed)),
                Err(error) => {
                    self.phase = Phase::End;
                    return Some(Err(error));
                }
            }
        }
    }

    /// Reads the newest message, and goes along the places that it tells; begins a scan where there
    /// is any doubt.
    async fn begin(&mut self) -> Result<(), StoreError> {
        // The stream may have been made long before it is polled.
        self.patience.renew();
        self.phase = Phase::End;
        let store = self.store.clone();
        let (server, ledger) = (&store.server, &store.ledger);
        let reader = store.reader(&self.actor_id, &self.subject);
        reader.check_incarnation(&self.patience).await?;
        // A replica may be behind, and servers of 2.11 count otherwise what is left of a batch.
        let leader_counts = self.whole && (ledger.replicated || First::counts_itself(server));
        // What an old leader takes for the newest shows by the count, or by what is remembered.
        let may_be_old = ledger.replicated && !self.whole;
        let known = reader.floor().map(|floor| floor.sequence);
        if may_be_old && known.is_none() {
            return self.pin_tail().await;
        }
        let (tail, newer, first, ahead, state) = tokio::join!(
            reader.glance(&self.patience),
            maybe(
                may_be_old,
                First::from(
                    &store,
                    &self.subject,
                    known.unwrap_or(0) + 1,
                    &self.patience
                )
            ),
            maybe(
                self.whole,
                First::from(&store, &self.subject, 1, &self.patience)
            ),
            trail::ahead(&store, self.remembered(), &self.patience),
            maybe(
                leader_counts || ledger.check_is_due(),
                reader.state(&self.patience)
            ),
        );
        let is_earlier = match &state {
            Some(state) => !reader.check_age(state)?,
            None => false,
        };
        let Some((stored, commit)) = tail?.filter(|_| !is_earlier) else {
            return self.pin_tail().await;
        };
        // Behind what is remembered there are others: is that the last of them?
        let is_old = match newer {
            None => false,
            Some(newer) if newer.stored.sequence > stored.sequence => true,
            Some(newer) => {
                let behind =
                    First::from(&store, &self.subject, stored.sequence + 1, &self.patience);
                maybe(newer.left > 0, behind).await.is_some()
            }
        };
        if is_old {
            return self.pin_tail().await;
        }
        if self.from >= commit.first() {
            self.pass_on(commit);
            return Ok(());
        }
        let places = trail::places(
            &store,
            &self.subject,
            &commit,
            self.from,
            &mut self.patience,
        );
        let counted = match leader_counts {
            true => state.map(|state| Counted::exactly(state.messages)),
            false => first.as_ref().map(|first| first.counted(server)),
        };
        let Some(places) = places.await else {
            let start = match self.whole {
                // With one server there is no other end to be seen than this. Where commits don't
                // say what is before them, all depends on the count, and it is asked for again.
                true => counted
                    .filter(|_| !ledger.replicated && commit.link.is_some())
                    .map(|count| (1, count)),
                false => {
                    let (subject, from) = (&self.subject, self.from);
                    trail::covering(&store, subject, &commit, from, &mut self.patience).await
                }
            };
            return match start {
                Some(start) => self.scan(start, stored.sequence),
                None => self.pin_tail().await,
            };
        };
        let told = places.len() as u64 + 1;
        // More messages than the commits tell of: some are damaged, or an old leader has shown an
        // old tail.
        if self.whole && (first.is_none() || counted.is_none_or(|counted| counted.likely > told)) {
            return self.pin_tail().await;
        }
        self.phase = Phase::Following(Box::new(Along {
            tail: stored.sequence,
            first: first.as_ref().map(|first| first.stored.sequence),
            told,
            trail: Trail::along(
                &store,
                places,
                first.map(|first| first.stored),
                ahead,
                stored,
            ),
        }));
        Ok(())
    }

    /// The places of the commits that are remembered, but for those that are asked for in another
    /// way: the newest, and of a whole history the first.
    fn remembered(&self) -> Vec<u64> {
        let Some(head) = self.store.ledger.actors.known(&self.actor_id).head else {
            return Vec::new();
        };
        // Each commit has one version at least.
        let wanted = (head.version.get() + 1).saturating_sub(self.from.get().max(1));
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        let mut places = head.link().sequences().to_vec();
        places.truncate(wanted);
        if self.whole {
            places.pop();
        }
        places.drain(..places.len().min(1));
        places
    }

    /// Takes the next message of those at the places. Where it does not follow, the rest is read by
    /// the subject.
    async fn follow_on(&mut self) -> Result<(), StoreError> {
        let Phase::Following(along) = &mut self.phase else {
            return Ok(());
        };
        let stored = match along.trail.next().await {
            None => {
                self.phase = Phase::End;
                return Ok(());
            }
            Some(Ok(stored)) => stored,
            Some(Err(fault)) if fault.may_pass() => return self.leave_trail(&fault).await,
            Some(Err(fault)) => {
                let stream = &self.store.ledger.names.events_stream;
                return Err(fault.into_store_error("read the actor's events", stream));
            }
        };
        if let Some(why) = self.doubt_beginning(&stored).await {
            return self.leave_trail(&Fault::Garbled(why.to_owned())).await;
        }
        let before = self.follower.clone();
        let (commit, wrong) = self.follower.follow(&self.actor_id, &stored, self.from);
        if let Some(wrong) = wrong {
            self.follower = before;
            return self.leave_trail(&Fault::Garbled(wrong.to_string())).await;
        }
        self.followed += 1;
        self.before = stored.sequence;
        if let Some(commit) = commit {
            self.pass_on(commit);
        }
        Ok(())
    }

    /// Why there may be something before this message that is asked for, though no place is told.
    async fn doubt_beginning(&mut self, stored: &Stored) -> Option<&'static str> {
        let Phase::Following(along) = &self.phase else {
            return None;
        };
        let (first, told) = (along.first, along.told);
        match stored.link() {
            Err(_) => None, // it is found to be malformed
            Ok(None) => Some("a commit does not say what comes before it"),
            Ok(Some(Link::After(_))) => None,
            Ok(Some(Link::First)) if self.whole => {
                let is_first = first == Some(stored.sequence);
                (!is_first).then_some("a commit says that it is the first, and is not")
            }
            Ok(Some(Link::First)) => {
                let first = First::from(&self.store, &self.subject, 1, &self.patience).await;
                let itself = u64::from(First::counts_itself(&self.store.server));
                let is_first = first.is_some_and(|first| {
                    first.stored.sequence == stored.sequence && first.left < told + itself
                });
                (!is_first).then_some("a commit says that it is the first, and may not be")
            }
        }
    }

    /// Reads the rest by the subject, up to the tail that was seen: from behind the last message
    /// on that did follow, with which the next one is compared.
    async fn leave_trail(&mut self, doubt: &Fault) -> Result<(), StoreError> {
        let Phase::Following(along) = &self.phase else {
            return Ok(());
        };
        let tail = along.tail;
        self.phase = Phase::End;
        self.store.ledger.observer.rereads(doubt);
        tracing::debug!(subject = self.subject, %doubt, "reading the history by its subject");
        self.patience.renew();
        let store = self.store.clone();
        let reader = store.reader(&self.actor_id, &self.subject);
        let expires = store.ledger.expires();
        let is_counted = !expires && (self.whole || self.followed == 0);
        if is_counted {
            self.counted = Counted::exactly(reader.count(&mut self.patience).await?);
        }
        let mut end = tail;
        // What was stored since is counted, and what was seen may have expired since.
        if is_counted || expires {
            match reader.tail(self.counted.least, &mut self.patience).await? {
                NewestMessage::Message(newest) => end = end.max(newest.sequence),
                NewestMessage::Expired(kept) if kept.sequence >= end => {
                    let commit = reader.commit(&kept)?;
                    return self.refuse_truncated(commit.last()).await;
                }
                NewestMessage::Expired(_) | NewestMessage::Nothing => {}
            }
        }
        let left = self.counted.least.saturating_sub(self.followed);
        let scan = Scan::between(self.before + 1, end);
        self.phase = Phase::Reading(Box::new(scan.of_about(left)));
        Ok(())
    }

    /// Reads by the subject from a message on, from which so many were counted, to the one that was
    /// seen to be the newest.
    fn scan(&mut self, (start, counted): (u64, Counted), tail: u64) -> Result<(), StoreError> {
        if !self.store.ledger.expires() {
            self.counted = counted;
        }
        self.start = start;
        let scan = Scan::between(start, tail).of_about(counted.likely);
        self.phase = Phase::Reading(Box::new(scan));
        Ok(())
    }

    /// Reads the newest message from the leader, and passes it on where nothing else is asked for.
    async fn pin_tail(&mut self) -> Result<(), StoreError> {
        self.phase = Phase::End;
        let store = self.store.clone();
        let reader = store.reader(&self.actor_id, &self.subject);
        if !store.ledger.expires() {
            self.counted = Counted::exactly(reader.count(&mut self.patience).await?);
        }
        let tail = match reader.tail(self.counted.least, &mut self.patience).await? {
            NewestMessage::Nothing => return Ok(()),
            NewestMessage::Expired(kept) => {
                let commit = reader.commit(&kept)?;
                reader.observe(&commit);
                return self.refuse_truncated(commit.last()).await;
            }
            NewestMessage::Message(tail) => tail,
        };
        // One that is malformed is reported in its turn.
        if let Ok(commit) = tail.commit(&self.actor_id) {
            reader.observe(&commit);
            if self.from >= commit.first() {
                // An old leader may have shown it: some replica has what is behind it then.
                let newer = First::from(&store, &self.subject, tail.sequence + 1, &self.patience);
                if maybe(store.ledger.replicated, newer).await.is_some() {
                    let later = reader.later_tail(tail.sequence, &mut self.patience);
                    let (_, later) = later.await?;
                    return self.scan(
                        (tail.sequence, Counted::default()),
                        later.unwrap_or(tail.sequence),
                    );
                }
                self.pass_on(commit);
                return Ok(());
            }
        }
        let scan = Scan::up_to(tail.sequence);
        self.phase = Phase::Reading(Box::new(scan.of_about(self.counted.least)));
        Ok(())
    }

    /// Refuses a history whose versions up to this one have expired, where they are asked for.
    ///
    /// Who asks from just the last of them on, and has a snapshot that covers it, is bringing a
    /// state back: the snapshot stands in for what has expired.
    async fn refuse_truncated(&mut self, after: Version) -> Result<(), StoreError> {
        if self.from > after {
            return Ok(());
        }
        if self.from == after {
            let snapshot = match snapshot::latest(&self.store, &self.actor_id).await {
                Ok(snapshot) => snapshot,
                Err(StoreError::Malformed(_)) => None,
                // Nothing is known of it then.
                Err(error) => return Err(error),
            };
            if snapshot.is_some_and(|snapshot| snapshot.version() >= after) {
                return Ok(());
            }
        }
        Err(StoreError::HistoryTruncated {
            actor_id: self.actor_id.clone(),
            after,
        })
    }

    /// Reads one more message, or finds that there is none.
    async fn read_on(&mut self) -> Result<(), StoreError> {
        let Phase::Reading(scan) = &mut self.phase else {
            return Ok(());
        };
        let (store, subject) = (&self.store, &self.subject);
        match scan.next(store, subject, &mut self.patience).await? {
            Some(stored) => self.accept(stored).await,
            None => self.end().await,
        }
    }

    /// Ends, unless fewer messages were given than there are: then there may be more behind the
    /// last one, which an old leader has shown, or some are missing.
    async fn end(&mut self) -> Result<(), StoreError> {
        let Phase::Reading(scan) = &mut self.phase else {
            return Ok(());
        };
        let (tail, given) = (scan.tail(), self.followed + scan.given());
        if given < self.counted.likely && !self.reported {
            let store = &self.store;
            let reader = store.reader(&self.actor_id, &self.subject);
            // The reader of the stream may have taken his time.
            self.patience.renew();
            // Counted before the tail is looked for, so that it is not short of what is
            // counted; and from where it is given.
            let between = match self.start {
                1 => None,
                start => {
                    let (subject, places) = (&self.subject, (start, tail));
                    trail::count_between(store, subject, places, &self.patience).await
                }
            };
            let (counted, later) = reader.later_tail(tail, &mut self.patience).await?;
            let counted = match self.start {
                1 => counted,
                _ => between.unwrap_or(given),
            };
            self.counted = Counted::exactly(counted.max(self.counted.least));
            let missing = self.counted.least.saturating_sub(given);
            if let Some(later) = later
                && self.shortfall.may_shrink(missing)
            {
                scan.extend(later);
                return Ok(());
            }
        }
        self.phase = Phase::End;
        match incomplete(self.counted.least, given) {
            Some(reason) if !self.reported => {
                let incarnation = self.store.ledger.incarnation;
                Err(incarnation.malformed_at(tail, reason).into())
            }
            _ => Ok(()),
        }
    }

    /// Takes in a message: its events from the wanted version on are ready to be passed on, also
    /// where it does not follow the one before it, which is reported.
    async fn accept(&mut self, stored: Stored) -> Result<(), StoreError> {
        let follower = self.follower.clone();
        let (commit, wrong) = self.follower.follow(&self.actor_id, &stored, self.from);
        if wrong.as_ref().is_some_and(Wrong::is_missing)
            && let Phase::Reading(scan) = &mut self.phase
            && scan.look_again(&self.store, self.before, stored.sequence)
        {
            self.follower = follower;
            return Ok(());
        }
        let before = std::mem::replace(&mut self.before, stored.sequence);
        let mut wrong = wrong;
        if let (Some(Wrong::Misplaced { says, .. }), Some(commit)) = (&wrong, &commit) {
            let says = *says;
            let reader = self.store.reader(&self.actor_id, &self.subject);
            // There may be an old leader to wait for.
            self.patience.renew();
            let expired = reader.has_expired_before(commit, before, &mut self.patience);
            if expired.await? {
                self.refuse_truncated(says).await?;
                wrong = None;
            }
        }
        if let Some(commit) = commit {
            self.pass_on(commit);
        }
        match wrong {
            None => Ok(()),
            Some(wrong) => {
                self.reported |= wrong.is_missing();
                let incarnation = self.store.ledger.incarnation;
                Err(incarnation.malformed(stored, wrong.to_string()).into())
            }
        }
    }

    /// The events from the wanted version on are to be passed on.
    fn pass_on(&mut self, commit: StoredCommit) {
        let (incarnation, sequence) = (self.store.ledger.incarnation, commit.sequence);
        let events = commit.events.into_iter().enumerate();
        let wanted = events.filter(|(_, event)| event.version() >= self.from);
        self.ready.extend(wanted.map(|(index, event)| {
            let position = incarnation.position(sequence, index, &event);
            RecordedEvent::new(event, position)
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_is_whole_with_at_least_as_many_messages_as_were_counted() {
        for (counted, given) in [(0, 0), (1, 1), (600, 600), (600, 601)] {
            assert_eq!(incomplete(counted, given), None);
        }
        for (counted, given) in [(1, 0), (600, 599)] {
            let reason = incomplete(counted, given).unwrap();
            assert!(reason.contains(&format!("counts {counted} ")), "{reason}");
            assert!(reason.contains(&format!("gives {given} ")), "{reason}");
        }
    }
}
