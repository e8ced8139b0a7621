//! What happens in a process between an answer of the server and the call that asked for it.

use std::sync::Mutex;

use async_nats::jetstream::publish::PublishAck;

use super::*;
use crate::decide::StreamState;
use crate::errors::Fault;
use crate::head::Head;
use crate::link::Wanted;
use crate::message::Outgoing;
use crate::patience::Patience;
use crate::server::{Copies, Server};

/// The same server, where something happens after the first last message was read and before the
/// call that asked for it goes on.
struct Between<'t> {
    server: &'t SimServer,
    then: Mutex<Option<Box<dyn FnOnce() + Send + 't>>>,
}

impl Server for Between<'_> {
    async fn publish(
        &self,
        subject: &str,
        message: Outgoing,
        patience: &Patience,
    ) -> Result<PublishAck, Fault> {
        self.server.publish(subject, message, patience).await
    }

    async fn message(
        &self,
        wanted: Wanted<'_>,
        patience: &Patience,
    ) -> Result<Option<Stored>, Fault> {
        let answer = self.server.message(wanted, patience).await;
        if matches!(wanted, Wanted::Last { .. })
            && let Some(then) = self.then.lock().unwrap().take()
        {
            then();
        }
        answer
    }

    async fn state(
        &self,
        subject: &str,
        sequence: u64,
        patience: &Patience,
    ) -> Result<StreamState, Fault> {
        self.server.state(subject, sequence, patience).await
    }

    async fn kept(&self, subject: &str, patience: &Patience) -> Result<Option<Stored>, Fault> {
        self.server.kept(subject, patience).await
    }

    async fn copies(&self, subject: &str, patience: &Patience) -> Result<Copies, Fault> {
        self.server.copies(subject, patience).await
    }

    fn message_bytes_max(&self) -> usize {
        self.server.message_bytes_max()
    }

    fn is_connected(&self) -> bool {
        self.server.is_connected()
    }

    fn connects(&self) -> u64 {
        self.server.connects()
    }
}

/// The copy of an indeterminate save lands just after the last message was read, and another call
/// of the process sees it there: what was read is outdated before it is looked at.
#[test]
fn what_another_call_saw_while_an_answer_was_on_its_way_is_no_conflict_of_ours() {
    let actor = ActorId::new("order-1").unwrap();
    let event = |version: u32| {
        let draft = EventDraft::new(&actor, "Happened", &version).unwrap();
        draft.at(version.into()).unwrap()
    };
    runtime().block_on(async {
        let server = Arc::new(SimServer::new(0, Weather::CALM));
        let [ours, other] = [(); 2].map(|()| Process::new(server.clone(), 100));
        let mine = event(2);
        assert!(ours.save(Commit::event(event(1)), None).await.is_none());
        assert!(
            other
                .save(Commit::event(mine.clone()), None)
                .await
                .is_none()
        );
        let whole = server.log();
        server.set_log(whole[..1].to_vec());
        ours.ledger.actors.hint(&actor, 2.into());
        let between = Between {
            server: &server,
            then: Mutex::new(Some(Box::new(|| {
                server.set_log(whole.clone());
                let commit = whole[1].commit(&actor).unwrap();
                ours.ledger.actors.observe(&actor, Head::of(&commit));
            }))),
        };
        let commit = Commit::event(mine);
        let answer = crate::save::append(&between, &ours.ledger, None, commit).await;
        assert!(answer.unwrap().was_repeated());
        assert_eq!(server.log().len(), 2);
    });
}
