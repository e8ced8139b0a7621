//! Snapshots: the newest one of each actor, on a stream of their own.

use std::sync::atomic::Ordering;

use aether_core::{ActorId, ActorSnapshot, SnapshotSaved, StoreError};

use crate::decide::Answer;
use crate::errors::Fault;
use crate::link::Wanted;
use crate::message::{Outgoing, Stored};
use crate::patience::Patience;
use crate::store::Shared;

/// Saves a snapshot unless a newer one is there: a compare-and-set, so that one which is late
/// never replaces one which is newer, whoever saves them.
pub(crate) async fn save(
    store: &Shared,
    snapshot: ActorSnapshot,
) -> Result<SnapshotSaved, StoreError> {
    const ACTION: &str = "save a snapshot";
    let stream = &store.ledger.names.snapshots_stream;
    let subject = store.ledger.names.snapshot_subject(snapshot.actor_id());
    let message = Outgoing::snapshot(stream, &snapshot, store.ledger.form)?;
    // The largest sequence there is, so that the check covers every one.
    let largest = message.clone().expecting(u64::MAX);
    largest.check_size("the snapshot", store.server.snapshot_bytes_max())?;
    let mut patience = store.ledger.patience();
    let mut attempts = 0;
    loop {
        let fault = match newest(store, &subject, &patience).await {
            Ok(there) => {
                let expected = there.as_ref().map_or(0, |stored| stored.sequence);
                if let Some(there) = there {
                    // Its version alone decides: what this release can't read, a later one may.
                    // One that says no version, or none above this one, is replaced.
                    match there.snapshot_version() {
                        Some(by) if by > snapshot.version() => {
                            return Ok(SnapshotSaved::Superseded { by });
                        }
                        _ => {}
                    }
                    if there.snapshot(snapshot.actor_id()).as_ref() == Ok(&snapshot) {
                        return Ok(SnapshotSaved::Saved);
                    }
                }
                let message = message.clone().expecting(expected);
                attempts += 1;
                store.ledger.observer.sends(&message, attempts);
                match store
                    .server
                    .link
                    .publish(&subject, message, &patience)
                    .await
                {
                    Ok(ack) if ack.stream == *stream => return Ok(SnapshotSaved::Saved),
                    Ok(ack) => Fault::Garbled(format!("acknowledged by stream {:?}", ack.stream)),
                    Err(fault) => fault,
                }
            }
            Err(fault) => fault,
        };
        // Refused or not heard: read again what is there now, and decide anew.
        let hopeless = !fault.may_pass() || Answer::of(&fault) == Answer::Never;
        if hopeless || !patience.pause().await {
            return Err(fault.into_store_error(ACTION, stream));
        }
        tracing::debug!(subject, %fault, "saving the snapshot again");
    }
}

/// The actor's newest snapshot.
pub(crate) async fn latest(
    store: &Shared,
    actor_id: &ActorId,
) -> Result<Option<ActorSnapshot>, StoreError> {
    let subject = store.ledger.names.snapshot_subject(actor_id);
    let mut patience = store.ledger.patience();
    let stored = loop {
        match newest(store, &subject, &patience).await {
            Ok(stored) => break stored,
            Err(fault) => {
                if !fault.may_pass() || !patience.pause().await {
                    let stream = &store.ledger.names.snapshots_stream;
                    return Err(fault.into_store_error("read the actor's snapshot", stream));
                }
                store.ledger.observer.rereads(&fault);
                tracing::debug!(subject, %fault, "reading the snapshot again");
            }
        }
    };
    let Some(stored) = stored else {
        return Ok(None);
    };
    match stored.snapshot(actor_id) {
        Ok(snapshot) => Ok(Some(snapshot)),
        Err(reason) => Err(store.snapshots_incarnation.malformed(stored, reason).into()),
    }
}

/// The newest snapshot: where there is one server, in the quickest way.
async fn newest(
    store: &Shared,
    subject: &str,
    patience: &Patience,
) -> Result<Option<Stored>, Fault> {
    let wanted = Wanted::Last {
        last_by_subj: subject,
    };
    let (link, stream) = (&store.server.link, &store.ledger.names.snapshots_stream);
    if !store.ledger.replicated && !store.snapshots_by_leader.load(Ordering::Relaxed) {
        match link.direct(stream, &wanted, patience).await {
            // The stream, which somebody else may have made, or the account may not allow it.
            Err(Fault::NoResponders | Fault::Denied(_)) => {
                store.snapshots_by_leader.store(true, Ordering::Relaxed);
            }
            answer => return answer,
        }
    }
    link.message(stream, &wanted, patience).await
}
