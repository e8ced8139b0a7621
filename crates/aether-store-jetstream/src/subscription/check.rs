//! Whether the stream is still the one that is listened to, and what is heard is all of it.

use std::time::Duration;

use aether_core::{FeedStart, StoreError};
use tokio::time::Instant;

use super::course::{Tip, Verdict};
use super::ground::State;
use super::republished::Republished;
use super::scope::Breadth;
use super::{BELIEVED_FOR, Listener, Listening, in_front};
use crate::server::Server as _;

/// How often it is asked, whether or not messages come.
const CHECKED_EVERY: Duration = Duration::from_secs(30);
/// Who is not patient asks as often as so many of its calls may last.
const CHECKED_EVERY_DEADLINES: u32 = 3;
/// How long after a message that the stream has not sent another one is not waited for.
const FORGED_FOR: Duration = CHECKED_EVERY;

impl Listener {
    /// How often it is asked whether all is as it was.
    pub(super) fn checked_every(&self) -> Duration {
        CHECKED_EVERY.min(self.store.ledger.deadline * CHECKED_EVERY_DEADLINES)
    }

    /// The connection was made anew: what was sent meanwhile is missed.
    ///
    /// Who hears everything sees by the next message whether something is. Where none waits to be
    /// read, and for who hears a part, all that was stored up to now is a gap.
    pub(super) async fn reconnected(
        &mut self,
        listening: &mut Listening,
        is_idle: bool,
    ) -> Result<(), StoreError> {
        let connects = self.store.server.connects();
        let state = self.verify(listening).await?;
        listening.connects = connects;
        listening.checked = Instant::now();
        listening.unheard = None;
        let course = &listening.course;
        listening.is_unsure = !is_idle && !course.is_by_actor();
        if !listening.is_unsure && state.last.sequence > course.tip().sequence {
            self.skip_to(listening, state.last);
        }
        Ok(())
    }

    /// Asks from time to time whether the stream is the same, and has come no farther than what was
    /// heard.
    ///
    /// Where it has, twice in a row, and nothing was heard between, what it had come to the first
    /// time was missed: it was not sent, or its way to us is broken.
    pub(super) async fn check(&mut self, listening: &mut Listening) -> Result<(), StoreError> {
        let state = self.verify(listening).await?;
        listening.checked = Instant::now();
        let last = match &listening.scope.breadth {
            Breadth::Everything => Some(state.last),
            _ => {
                let last = self.ground.last_on(&listening.scope.stored_on).await?;
                last.map(|found| Tip {
                    sequence: found.sequence,
                    time: Some(found.time),
                })
            }
        };
        let heard = listening.course.tip().sequence;
        let before = listening.unheard.take();
        let Some(last) = last.filter(|last| last.sequence > heard) else {
            return Ok(());
        };
        listening.unheard = Some((heard, last));
        if let Some((_, unheard)) = before.filter(|(then, _)| *then == heard) {
            let up_to = unheard.sequence;
            tracing::warn!(heard, up_to, "a subscription does not hear what is stored");
            self.skip_to(listening, unheard);
            // What has come since is asked for by the next one.
            listening.unheard = (last != unheard).then_some((up_to, last));
        }
        Ok(())
    }

    /// All that was stored up to this message is missed.
    fn skip_to(&mut self, listening: &mut Listening, last: Tip) {
        let start = listening.course.skip_to(last);
        self.missed(start, last.sequence + 1, self.filter.clone());
    }

    /// Asks the server whether the stream is the same, still sends, and what was heard is in it.
    pub(super) async fn verify(&mut self, listening: &mut Listening) -> Result<State, StoreError> {
        self.ground.renew();
        let tip = listening.course.tip();
        let from = in_front(self.store.ledger.incarnation, tip.sequence);
        let state = self.ground.look(tip.sequence, from).await?;
        let lost = |reason| StoreError::PositionLost {
            position: from,
            reason,
        };
        if state.last.sequence < tip.sequence {
            return Err(lost(format!(
                "the stream has lost its end: its last message is {}, and {} had been stored",
                state.last.sequence, tip.sequence
            )));
        }
        if tip.time.is_some()
            && tip.sequence >= state.first
            && let Some(found) = self.ground.message_at(tip.sequence).await?
            && Some(found.time) != tip.time
        {
            return Err(lost(
                "another message is in the place of the last one: the stream has lost its end and \
                 was written on"
                    .to_owned(),
            ));
        }
        self.ground.check_sends(&state)?;
        listening.course.begins_with(state.first);
        listening.reached = state.last.sequence;
        listening.looked = Instant::now();
        listening.is_doubtful = false;
        Ok(state)
    }

    /// Where something was missed before a message; or the reason why the stream has not sent it.
    ///
    /// What is as expected is believed. Of anything else the server is asked: that costs no more
    /// than once a second, but for what only somebody else can have sent.
    pub(super) async fn prove(
        &mut self,
        listening: &mut Listening,
        republished: &Republished,
        mut verdict: Verdict,
        is_readable: bool,
    ) -> Result<Result<Option<FeedStart>, String>, StoreError> {
        let Republished { place, stored } = republished;
        let is_expected = is_readable && verdict == Verdict::Follows;
        let is_old = listening.looked.elapsed() >= BELIEVED_FOR;
        let forgets = matches!(verdict, Verdict::Forgets(_));
        let is_suspicious = listening.is_new || listening.is_doubtful || forgets;
        if is_suspicious || (!is_expected && is_old) {
            self.verify(listening).await?;
            listening.is_new = false;
            // More may have gone from the stream's beginning than was known.
            verdict = listening.course.judge(place, &stored.subject);
        }
        let may_be_forged = !is_readable || !matches!(verdict, Verdict::Follows | Verdict::New);
        if may_be_forged && !self.has_reached(listening, place.sequence).await? {
            let (sequence, reached) = (place.sequence, listening.reached);
            let reason =
                format!("it is message {sequence}, and the last of the stream is {reached}");
            return Ok(Err(reason));
        }
        let start = match verdict {
            Verdict::Missed(start) => Some(start),
            Verdict::Forgets(last) => match self.is_forgotten(last, republished).await? {
                true => None,
                false => {
                    let previous = place.previous;
                    return Ok(Err(format!(
                        "the message before it on its subject is {last}, not {previous}"
                    )));
                }
            },
            _ => None,
        };
        Ok(Ok(start))
    }

    /// Whether an actor's message that was heard has gone, which the next one does not know of.
    async fn is_forgotten(
        &mut self,
        last: u64,
        republished: &Republished,
    ) -> Result<bool, StoreError> {
        let Some(found) = self.ground.message_at(last).await? else {
            return Ok(true);
        };
        if found.subject == republished.stored.subject.as_str() {
            return Ok(false);
        }
        let subject = found.subject;
        Err(StoreError::PositionLost {
            position: in_front(self.store.ledger.incarnation, last),
            reason: format!(
                "a message on {subject:?} is in the place of one that was heard: the stream has \
                 lost its end and was written on"
            ),
        })
    }

    /// Whether the stream has come as far as this.
    async fn has_reached(
        &mut self,
        listening: &mut Listening,
        sequence: u64,
    ) -> Result<bool, StoreError> {
        if sequence > listening.reached {
            self.ground.renew();
            let from = in_front(self.store.ledger.incarnation, sequence);
            let is_attacked = |forged: Instant| forged.elapsed() < FORGED_FOR;
            let doubt = match listening.forged.is_some_and(is_attacked) {
                true => Duration::ZERO,
                false => BELIEVED_FOR,
            };
            let state = self.ground.look_for(sequence, doubt, from).await?;
            listening.reached = state.last.sequence;
        }
        let has_reached = sequence <= listening.reached;
        if !has_reached {
            listening.forged = Some(Instant::now());
        }
        Ok(has_reached)
    }
}
