//! How listeners are told.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::MutexGuard;

use aether_core::{Clock, Event, EventDraft, EventStored, Position, StoreError, SystemClock};

use super::{BrokenStore, Defect};
use crate::support::answer::Answer;
use crate::support::reference::State;

impl BrokenStore {
    /// Tells of what a save stored or found stored, still within the store's lock.
    pub(super) fn tell(
        &self,
        state: MutexGuard<'_, State>,
        appended: Answer,
    ) -> Result<Answer, StoreError> {
        let events = appended.events();
        let sequence = appended.position().sequence();
        let place = |index: usize, event: &Event| state.position(sequence, index, event);
        let each = || events.iter().enumerate();
        match (self.defect, appended.was_repeated()) {
            (Defect::NotifiesRepeats, true) => self.inner.notify_all(&state, &appended),
            (Defect::NotifiesWhatOthersStored, true) => {
                let mut saved = self.own.saved.lock().unwrap();
                for (index, event) in each() {
                    if saved.insert(event.id().clone()) {
                        self.inner.notify(event, place(index, event));
                    }
                }
            }
            (_, true) | (Defect::NotifiesInAnyOrder, _) => {}
            (Defect::NotifiesOncePerCommit, _) => {
                let last = &events[events.len() - 1];
                self.inner.notify(last, appended.position());
            }
            (Defect::NotifiesTwice, _) => {
                self.inner.notify_all(&state, &appended);
                self.inner.notify_all(&state, &appended);
            }
            (Defect::NotifiesBackwards, _) => {
                for (index, event) in each().rev() {
                    self.inner.notify(event, place(index, event));
                }
            }
            (Defect::SendsTheEventItself, _) => {
                each().for_each(|(_, event)| self.send_regardless(event));
            }
            (Defect::NotifiesInMilliseconds, _) => {
                for (index, event) in each() {
                    self.send_regardless(&in_milliseconds(event, place(index, event)));
                }
            }
            (Defect::FailsWithItsBroadcaster, _) => {
                for (index, event) in each() {
                    let position = Some(place(index, event));
                    let notice = EventStored::notice(&SystemClock, event, position).unwrap();
                    let told = catch_unwind(AssertUnwindSafe(|| self.send(&notice)));
                    told.unwrap_or(Err(StoreError::Closed))?;
                }
            }
            (Defect::PanicsWithItsBroadcaster, _) => {
                let places: Vec<_> = each().map(|(index, event)| place(index, event)).collect();
                drop(state);
                for (event, position) in events.iter().zip(places) {
                    let notice = EventStored::notice(&SystemClock, event, Some(position)).unwrap();
                    drop(self.send(&notice));
                }
            }
            _ => self.inner.notify_all(&state, &appended),
        }
        Ok(appended)
    }

    fn send_regardless(&self, notice: &Event) {
        drop(catch_unwind(AssertUnwindSafe(|| self.send(notice))));
    }

    fn send(&self, notice: &Event) -> Result<(), StoreError> {
        let Some(notices) = &self.inner.notices else {
            return Ok(());
        };
        let told = notices.broadcaster.broadcast(&notices.namespace, notice);
        told.map_err(|error| StoreError::Unavailable {
            action: "broadcast".to_owned(),
            source: Box::new(error),
        })
    }
}

fn in_milliseconds(event: &Event, position: Position) -> Event {
    let data = EventStored {
        event_id: event.id().clone(),
        actor_id: event.actor_id().clone(),
        version: event.version(),
        timestamp: SystemClock.now().unix_seconds() * 1_000,
        position: Some(position),
    };
    let draft = EventDraft::new(event.actor_id(), EventStored::EVENT_TYPE, &data).unwrap();
    draft.at(event.version()).unwrap()
}
