//! How many messages there are of an actor, which of them is the last, and whether what is missing
//! has expired: what is compared takes several answers, and of several replicas they may come from
//! two leaders.

use std::time::Duration;

use aether_core::{StoreError, Version};

use crate::chain::Link;
use crate::doubt::{Doubt, OUTDATED_MAX};
use crate::errors::{Fault, unavailable};
use crate::ledger::Age;
use crate::link::Wanted;
use crate::message::StoredCommit;
use crate::newest::{ACTION, NewestMessage, Reader};
use crate::patience::Patience;
use crate::server::Server;

/// How often it has to be said that nothing is there any more.
const EMPTIED_MAX: u32 = 3;
/// How often a newer tail may be found and as many messages be missing as before.
const EXTENDED_MAX: u32 = 3;

/// How it is with messages that were counted and not given, though there is always a newer tail.
///
/// A new leader that has yet to come as far as the one that counted has more each time, and fewer
/// are missing. What does not become less is missing, however much others write meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Shortfall {
    least: Option<u64>,
    extended: u32,
}

impl Shortfall {
    /// Whether so many that are missing now may become fewer by the next newer tail.
    pub(crate) fn may_shrink(&mut self, missing: u64) -> bool {
        if self.least.is_none_or(|least| missing < least) {
            (self.least, self.extended) = (Some(missing), 0);
        }
        self.extended += 1;
        self.extended <= EXTENDED_MAX
    }
}

impl<S: Server> Reader<'_, S> {
    /// How many messages of this actor the server knows of, asked until there is an answer.
    pub(crate) async fn count(&self, patience: &mut Patience) -> Result<u64, StoreError> {
        const ACTION: &str = "count the actor's commits";
        loop {
            let fault = match self.server.state(self.subject, 0, patience).await {
                Ok(state) => match self.ledger.age_of(state.created) {
                    Age::Same => return Ok(state.messages),
                    Age::Replaced => {
                        let known = self.floor().map_or(Version::ZERO, |floor| floor.version);
                        return Err(self.ledger.made_anew(self.actor_id, known));
                    }
                    Age::Earlier => Fault::Garbled("of an earlier stream".to_owned()),
                },
                Err(fault) => fault,
            };
            if !fault.may_pass() || !patience.pause().await {
                return Err(fault.into_store_error(ACTION, &self.ledger.names.events_stream));
            }
            self.ledger.observer.rereads(&fault);
            tracing::debug!(subject = self.subject, %fault, "counting the commits again");
        }
    }

    /// The newest message of an actor of whom the server counts this many.
    ///
    /// # Errors
    ///
    /// As [`newest_message`](Self::newest_message).
    pub(crate) async fn tail(
        &self,
        counted: u64,
        patience: &mut Patience,
    ) -> Result<NewestMessage, StoreError> {
        let mut counted = counted;
        let (mut emptied, mut unreadable) = (0, Doubt::lasting(OUTDATED_MAX));
        loop {
            let newest = self.newest_message(self.floor(), patience).await?;
            if counted == 0 || !matches!(newest, NewestMessage::Nothing) {
                return Ok(newest);
            }
            // The count and this come from two servers, and this one knows less; or they have been
            // removed meanwhile, and then both say so, again and again.
            let fault = Fault::Unreadable { messages: counted };
            let lasted = unreadable.is_said();
            self.ledger.observer.rereads(&fault);
            if !patience.pause().await {
                return Err(self.out_of_patience(fault, lasted));
            }
            match self.count(patience).await? {
                0 => {
                    emptied += 1;
                    if emptied == EMPTIED_MAX {
                        return Ok(newest);
                    }
                }
                more => (counted, emptied) = (more, 0),
            }
        }
    }

    /// How many messages are counted now, and a newer tail than this one, if there is one: fewer
    /// than were counted are up to this one, which may be what an old leader took for the last.
    ///
    /// Counted first, as before: what is stored in between is not to stand in for what is missing.
    ///
    /// # Errors
    ///
    /// Where there is no answer, or none that is to be believed, until the deadline: then nothing is
    /// known of what is missing.
    pub(crate) async fn later_tail(
        &self,
        tail: u64,
        patience: &mut Patience,
    ) -> Result<(u64, Option<u64>), StoreError> {
        let (mut counted, mut fewer) = (0, self.doubt());
        loop {
            counted = self.count(patience).await?.max(counted);
            let newest = self.newest_message(self.floor(), patience).await?;
            if let NewestMessage::Message(newest) = newest
                && newest.sequence > tail
            {
                return Ok((counted, Some(newest.sequence)));
            }
            if fewer.is_said() {
                return Ok((counted, None));
            }
            if !patience.pause().await {
                let text = "fewer messages are given than counted, maybe by an old leader";
                return Err(unavailable(ACTION, Fault::Garbled(text.to_owned())));
            }
        }
    }

    /// Whether what this commit says was before it, and was not found, has expired. `after` is the
    /// sequence of what was found before it; 0 where nothing was.
    ///
    /// What expires goes from the oldest on: it has where the stream begins after its place. Each
    /// replica removes what has expired by itself, a little sooner or later than the leader: what
    /// one of them did not give and the leader still has is as good as expired. An old leader knows
    /// less of what has expired: that it has not is believed after it was said for long enough.
    ///
    /// # Errors
    ///
    /// Where the server does not say, until the deadline.
    pub(crate) async fn has_expired_before(
        &self,
        commit: &StoredCommit,
        after: u64,
        patience: &mut Patience,
    ) -> Result<bool, StoreError> {
        if !self.ledger.expires() {
            return Ok(false);
        }
        let places = commit.link.as_ref().map_or(&[][..], Link::sequences);
        // In a copy of a stream places are others, some of them such as can't be.
        let place = places.first().filter(|place| **place < commit.sequence);
        let place = place.map_or(after, |place| after.max(*place));
        let still = Wanted::Next {
            seq: after + 1,
            next_by_subj: self.subject,
        };
        let mut unexpired = self.doubt();
        loop {
            let fault = match self.server.state(self.subject, 0, patience).await {
                Ok(state) => match self.ledger.age_of(state.created) {
                    Age::Replaced => {
                        return Err(self.ledger.made_anew(self.actor_id, Version::ZERO));
                    }
                    Age::Earlier => Fault::Garbled("of an earlier stream".to_owned()),
                    Age::Same if state.first > place => return Ok(true),
                    Age::Same => match self.server.message(still, patience).await {
                        Ok(Some(found)) if found.sequence < commit.sequence => return Ok(true),
                        Ok(_) => {
                            if unexpired.is_said() {
                                return Ok(false);
                            }
                            Fault::Garbled("not expired yet, and not there".to_owned())
                        }
                        Err(fault) => fault,
                    },
                },
                Err(fault) => fault,
            };
            self.wait(fault, patience).await?;
        }
    }

    /// The doubt in what one leader says, of several as long as another may know better.
    fn doubt(&self) -> Doubt {
        Doubt::lasting(match self.ledger.replicated {
            true => OUTDATED_MAX,
            false => Duration::ZERO,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_become_less_is_missing() {
        let mut shortfall = Shortfall::default();
        for missing in (1..=10).rev() {
            assert!(shortfall.may_shrink(missing));
        }
        let mut shortfall = Shortfall::default();
        for missing in [5, 6, 5] {
            assert!(shortfall.may_shrink(missing));
        }
        assert!(!shortfall.may_shrink(5));
        assert!(shortfall.may_shrink(4));
    }
}
