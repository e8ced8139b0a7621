//! Finding older commits of an actor: those that cover given versions, and recent ones by place.

use aether_core::{StoreError, Version};
use futures_util::future::join_all;

use crate::chain::{Link, PREDECESSORS_MAX};
use crate::errors::{Fault, unavailable};
use crate::head::Head;
use crate::link::Wanted;
use crate::message::{Stored, StoredCommit};
use crate::newest::Reader;
use crate::patience::Patience;
use crate::server::Server;

const ACTION: &str = "read the actor's earlier events";

/// How many commits are read one after the other that are not wanted, before the next one is looked
/// for that is.
const SKIPPED_MAX: u32 = 8;

/// How often a commit is asked for that is not where it should be.
const ASKED_MAX: u32 = 3;

/// What becomes of a commit on the way along those that cover a range of versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Take {
    Keep,
    /// It is not wanted, and neither is anything before this version.
    SkipTo(Version),
    /// It is kept, and nothing after it is wanted.
    Stop,
}

/// The commits that cover a range of versions.
#[derive(Debug)]
pub(crate) enum Covering {
    /// Those that were taken, in order.
    Commits(Vec<StoredCommit>),
    /// The first of them has expired.
    Expired,
}

impl<S: Server> Reader<'_, S> {
    /// The commits that cover the versions from `first` to `last`, of which `first` is below the
    /// newest commit's first version.
    ///
    /// Versions rise with sequences, so the first of them is found by halving: some twenty reads
    /// at most, however long the history is. What is found below the newest commit is there for
    /// ever; who finds nothing there has an outdated view and is asked again. From there on they
    /// are read one after the other, with all of the patience again for each.
    pub(crate) async fn covering(
        &self,
        newest: &StoredCommit,
        first: Version,
        last: Version,
        mut take: impl FnMut(&StoredCommit) -> Take,
        patience: &mut Patience,
    ) -> Result<Covering, StoreError> {
        let Some(mut commit) = self.first_covering(newest, first, patience).await? else {
            return Ok(Covering::Expired);
        };
        let mut commits = Vec::new();
        let mut skipped = 0;
        loop {
            let (sequence, version) = (commit.sequence, commit.last());
            let taken = take(&commit);
            match taken {
                Take::SkipTo(_) => skipped += 1,
                Take::Keep | Take::Stop => {
                    skipped = 0;
                    commits.push(commit);
                }
            }
            if taken == Take::Stop || version >= last || sequence >= newest.sequence {
                return Ok(Covering::Commits(commits));
            }
            if let Take::SkipTo(due) = taken
                && skipped >= SKIPPED_MAX
            {
                // Far apart: looked for as the first was.
                skipped = 0;
                commit = match due >= newest.first() {
                    true => newest.clone(),
                    false => match self.first_covering(newest, due, patience).await? {
                        Some(commit) => commit,
                        None => return Ok(Covering::Expired),
                    },
                };
                continue;
            }
            let next = self.next(sequence + 1, newest, patience).await?;
            patience.renew();
            commit = self.commit(&next)?;
            if let Some(Link::After(link)) = &commit.link
                && link.version != version
            {
                let previous = link.version;
                // Both may have expired between the one read and the other.
                return match self.has_expired_before(&commit, sequence, patience).await? {
                    true => Ok(Covering::Expired),
                    false => Err(self.hole(&commit, previous)),
                };
            }
        }
    }

    /// The commits before the newest one, the oldest first, as many as a commit tells the places
    /// of: found by their versions, where the places lead astray.
    ///
    /// No way leads back from a message to the one before it. So they are looked for from versions
    /// on that are further and further below the newest.
    pub(crate) async fn before(
        &self,
        newest: &StoredCommit,
        patience: &mut Patience,
    ) -> Result<Vec<StoredCommit>, StoreError> {
        const WANTED: usize = PREDECESSORS_MAX - 1;
        let mut back = PREDECESSORS_MAX as u64;
        let mut asked = 0;
        loop {
            let oldest = self.commit(&self.next(1, newest, patience).await?)?;
            let beyond = newest.first().get();
            let first = beyond.saturating_sub(back).max(oldest.first().get());
            let (Ok(first), Ok(last)) = (Version::new(first), Version::new(beyond - 1)) else {
                return Ok(Vec::new());
            };
            if oldest.sequence >= newest.sequence {
                return Ok(Vec::new());
            }
            let keep = |commit: &StoredCommit| match commit.sequence < newest.sequence {
                true => Take::Keep,
                false => Take::SkipTo(newest.last()),
            };
            let is_all = first == oldest.first();
            let covering = self.covering(newest, first, last, keep, patience).await?;
            let is_gone = matches!(covering, Covering::Expired);
            if let Covering::Commits(mut commits) = covering {
                let reaches = commits
                    .first()
                    .is_some_and(|c| c.sequence == oldest.sequence);
                if reaches || commits.len() >= WANTED {
                    commits.drain(..commits.len().saturating_sub(WANTED));
                    return Ok(commits);
                }
                back = back.saturating_mul(4);
            }
            // Further back is only progress as long as there is something further back. Else what
            // was the oldest has expired meanwhile; or the history is none that can be followed.
            if is_all || is_gone {
                asked += 1;
                if asked == ASKED_MAX {
                    let reason = format!(
                        "the commits before it do not reach back to the first, message {}",
                        oldest.sequence
                    );
                    let incarnation = self.ledger.incarnation;
                    return Err(incarnation.malformed_at(newest.sequence, reason).into());
                }
                let fault = Fault::Garbled("the commits do not reach back to the first".to_owned());
                self.wait(fault, patience).await?;
            }
        }
    }

    /// The first commit that reaches this version; none where it has expired.
    async fn first_covering(
        &self,
        newest: &StoredCommit,
        version: Version,
        patience: &mut Patience,
    ) -> Result<Option<StoredCommit>, StoreError> {
        // Every commit before `low` ends below the version; `best` does not, and nothing of the
        // actor's lies from `high` up to it.
        let mut best = newest.clone();
        let (mut low, mut high) = (1, newest.sequence);
        let mut likely = newest.link.as_ref().map_or(&[][..], Link::sequences);
        loop {
            match &best.link {
                Some(link) if link.previous() < version => return Ok(Some(best)),
                _ if low < high => {}
                None => return Ok(Some(best)),
                Some(link) => {
                    let previous = link.previous();
                    return match self.has_expired_before(&best, low - 1, patience).await? {
                        true => Ok(None),
                        false => Err(self.hole(&best, previous)),
                    };
                }
            }
            let middle = middle(low, high, &mut likely);
            let stored = self.next(middle, newest, patience).await?;
            patience.renew();
            let commit = self.commit(&stored)?;
            if commit.last() < version {
                low = commit.sequence + 1;
            } else {
                high = middle;
                best = commit;
            }
        }
    }

    /// The first message from this sequence on, which is at most the newest's.
    async fn next(
        &self,
        sequence: u64,
        newest: &StoredCommit,
        patience: &mut Patience,
    ) -> Result<Stored, StoreError> {
        let wanted = Wanted::Next {
            seq: sequence,
            next_by_subj: self.subject,
        };
        loop {
            let fault = match self.server.message(wanted, patience).await {
                Ok(Some(stored)) if stored.sequence <= newest.sequence => return Ok(stored),
                Ok(_) => Fault::Garbled(format!(
                    "no message from {sequence} on, though {} is there",
                    newest.sequence
                )),
                Err(fault) => fault,
            };
            self.wait(fault, patience).await?;
        }
    }

    /// The commits at these places, which are some of the head's; none where the places lead
    /// elsewhere, as in a copy of a stream, whose messages have other sequences. What has expired
    /// is left out.
    ///
    /// # Errors
    ///
    /// Where the server does not show what is there, until the deadline.
    pub(crate) async fn commits_at(
        &self,
        head: &Head,
        newest: &StoredCommit,
        places: &[u64],
        patience: &mut Patience,
    ) -> Result<Option<Vec<StoredCommit>>, StoreError> {
        if places.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let witnessed = head.with_witness(places);
        let places = &witnessed[..];
        let mut asked = 0;
        loop {
            let reads = places.iter().map(|sequence| {
                let wanted = Wanted::At { seq: *sequence };
                self.server.message(wanted, patience)
            });
            let answers: Result<Vec<_>, Fault> = join_all(reads).await.into_iter().collect();
            let fault = match answers {
                Ok(found) => {
                    let all = found.iter().all(Option::is_some);
                    let found: Vec<Stored> = found.into_iter().flatten().collect();
                    if found.iter().any(|at| at.subject.as_str() != self.subject) {
                        return Ok(None);
                    }
                    // What expires goes from the oldest on: what has is before the oldest that is
                    // left, which is one of the recent ones. What is missing after that has not
                    // expired.
                    let mut complete = all;
                    if !all && self.ledger.expires() {
                        let oldest = self.next(1, newest, patience).await?.sequence;
                        if !head.has_place(oldest) {
                            return Ok(None);
                        }
                        let mut left = places.iter().filter(|place| **place >= oldest);
                        complete = left.all(|left| found.iter().any(|at| at.sequence == *left));
                    }
                    if complete {
                        let commits: Result<Vec<_>, _> =
                            found.iter().map(|stored| self.commit(stored)).collect();
                        return commits.map(|found| head.confirms(&found).then_some(found));
                    }
                    asked += 1;
                    if asked == ASKED_MAX {
                        return Ok(None);
                    }
                    Fault::Garbled("a commit is not found where it was stored".to_owned())
                }
                Err(fault) => fault,
            };
            self.wait(fault, patience).await?;
        }
    }

    /// Pauses after a fault that may pass, as long as there is time.
    pub(crate) async fn wait(
        &self,
        fault: Fault,
        patience: &mut Patience,
    ) -> Result<(), StoreError> {
        if !fault.may_pass() {
            return Err(fault.into_store_error(ACTION, &self.ledger.names.events_stream));
        }
        if !patience.pause().await {
            return Err(unavailable(ACTION, fault));
        }
        self.ledger.observer.rereads(&fault);
        tracing::debug!(subject = self.subject, %fault, "reading again");
        Ok(())
    }

    /// A commit that says that one was before it which is not to be found.
    fn hole(&self, commit: &StoredCommit, previous: Version) -> StoreError {
        let reason = format!(
            "it comes after version {previous}, which is missing: the commit that had it is \
             damaged or was removed"
        );
        let incarnation = self.ledger.incarnation;
        incarnation.malformed_at(commit.sequence, reason).into()
    }
}

/// A place between both: a predecessor's where one is known, else half way.
fn middle(low: u64, high: u64, likely: &mut &[u64]) -> u64 {
    // Their places fall: what is too new or too old is of no more use.
    let newer = likely.partition_point(|sequence| *sequence >= high);
    let older = likely.partition_point(|sequence| *sequence >= low);
    *likely = &likely[newer..older];
    let likeliest = likely.get(likely.len() / 2).copied();
    likeliest.unwrap_or(low + (high - low) / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_between_both_and_at_a_predecessor_where_one_is_known() {
        let places = [90, 70, 50, 30];
        let mut likely = &places[..];
        assert_eq!(middle(1, 100, &mut likely), 50);
        assert_eq!(middle(1, 50, &mut likely), 30);
        assert_eq!(middle(1, 30, &mut likely), 15);
        let mut likely = &places[..];
        assert_eq!(middle(51, 100, &mut likely), 70);
        assert_eq!(middle(71, 100, &mut likely), 90);
        assert_eq!(middle(91, 100, &mut likely), 95);
        for (low, high) in [(1, 2), (5, 6), (1, u64::MAX)] {
            let middle = middle(low, high, &mut &[][..]);
            assert!((low..high).contains(&middle));
        }
    }
}
