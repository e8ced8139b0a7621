//! An order's life: placed and shipped, replayed to its state, a second writer refused, reloaded
//! and tried again, a snapshot taken and replayed from.
//!
//! In memory, with no server:
//!
//! ```sh
//! cargo run --example quickstart
//! ```
//!
//! On NATS JetStream, with a server that xtask brings along for the time of the command (or any
//! other, named by `AETHER_NATS_URL`):
//!
//! ```sh
//! cargo xtask with-nats -- cargo run --features aether/jetstream --example quickstart -- --jetstream
//! ```
//!
//! There the history is still there in the next run: `--read` only shows what is stored.

use std::error::Error;

use aether::{
    ActorId, ActorSnapshot, Event, EventDraft, EventStore, EventStoreExt, MemoryStore, RestoreExt,
    SnapshotStore, StoreError, Version,
};
use serde::{Deserialize, Serialize};

// What can happen to an order.

const PLACED: &str = "OrderPlaced";
const SHIPPED: &str = "OrderShipped";
const CORRECTED: &str = "OrderCorrected";

#[derive(Debug, Serialize, Deserialize)]
struct Placed {
    item: String,
    quantity: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct Shipped {
    carrier: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Corrected {
    quantity: u32,
}

/// What an order is: nothing but what its events add up to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Order {
    item: String,
    quantity: u32,
    carrier: Option<String>,
    version: Version,
}

impl Order {
    fn apply(mut self, event: &Event) -> Result<Self, Box<dyn Error>> {
        match event.event_type().as_str() {
            PLACED => {
                let placed: Placed = event.decode()?;
                (self.item, self.quantity) = (placed.item, placed.quantity);
            }
            SHIPPED => self.carrier = Some(event.decode::<Shipped>()?.carrier),
            CORRECTED => self.quantity = event.decode::<Corrected>()?.quantity,
            // Written by a later release: it doesn't change what this one knows.
            _ => {}
        }
        self.version = event.version();
        Ok(self)
    }

    fn replay(self, events: &[Event]) -> Result<Self, Box<dyn Error>> {
        events.iter().try_fold(self, Self::apply)
    }

    fn next(&self) -> Result<Version, Box<dyn Error>> {
        Ok(self.version.next().ok_or("an order with 2^63 events")?)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| args.iter().any(|arg| arg == flag);
    if let Some(unknown) = args.iter().find(|a| *a != "--jetstream" && *a != "--read") {
        return Err(format!("unknown argument {unknown}: there are --jetstream and --read").into());
    }
    if has("--jetstream") {
        let store = on_jetstream().await?;
        if has("--read") {
            show(&store).await
        } else {
            // An order of its own for each run: the ones of earlier runs are still there.
            let order = new_order(&store).await?;
            run(&store, &order).await
        }
    } else {
        run(&MemoryStore::new(), &ActorId::new("order-123")?).await
    }
}

#[cfg(feature = "jetstream")]
async fn on_jetstream() -> Result<impl EventStore + SnapshotStore, Box<dyn Error>> {
    use aether::jetstream::{JetStreamConfig, JetStreamStore};

    let url = std::env::var("AETHER_NATS_URL").map_err(
        |_| "AETHER_NATS_URL is not set: where is the server? (cargo xtask nats starts one)",
    )?;
    println!("on NATS JetStream at {url}");
    Ok(JetStreamStore::connect(&url, JetStreamConfig::new("aether-quickstart")).await?)
}

#[cfg(not(feature = "jetstream"))]
async fn on_jetstream() -> Result<MemoryStore, Box<dyn Error>> {
    Err("built without JetStream: run with `--features aether/jetstream`".into())
}

/// The first of order-123, order-124, … that nothing has happened to.
async fn new_order(store: &impl EventStore) -> Result<ActorId, Box<dyn Error>> {
    for n in 123.. {
        let order = ActorId::new(format!("order-{n}"))?;
        if store.latest_version(&order).await?.is_zero() {
            return Ok(order);
        }
    }
    Err("no order is free".into())
}

async fn show(store: &impl EventStore) -> Result<(), Box<dyn Error>> {
    for n in 123.. {
        let order = ActorId::new(format!("order-{n}"))?;
        let events = store.get_events(&order, Version::ZERO).await?;
        if events.is_empty() {
            println!("{} order(s) stored", n - 123);
            break;
        }
        println!(
            "{order}: {} events, {:?}",
            events.len(),
            Order::default().replay(&events)?
        );
    }
    Ok(())
}

async fn run(
    store: &(impl EventStore + SnapshotStore),
    id: &ActorId,
) -> Result<(), Box<dyn Error>> {
    println!("\n-- placed and shipped, each event at the version that follows");
    let placed = EventDraft::new(
        id,
        PLACED,
        &Placed {
            item: "book".into(),
            quantity: 30,
        },
    )?
    .at(Version::FIRST)?;
    let shipped = EventDraft::new(
        id,
        SHIPPED,
        &Shipped {
            carrier: "post".into(),
        },
    )?
    .caused_by(&placed)?
    .at(Version::from(2))?;
    store.save_events([placed.clone(), shipped.clone()]).await?;
    let before = Order::default().replay(&[placed, shipped])?;
    println!("state before: {before:?}");

    println!("\n-- replayed from the store");
    let events = store.get_events(id, Version::ZERO).await?;
    let after = Order::default().replay(&events)?;
    println!("state after:  {after:?}");
    assert_eq!(before, after);

    println!("\n-- a second writer, who has seen the order placed but not yet shipped");
    let stale = Order::default().replay(&events[..1])?;
    let refused = store.save_event(correction(id, &stale)?).await;
    let error = refused.err().ok_or("the second writer was not refused")?;
    println!("{error}");
    if let Some(conflict) = error.version_conflict() {
        println!(
            "  attempted {}, current {}",
            conflict.attempted_version, conflict.current_version
        );
    }

    println!("\n-- reloads, decides anew, tries again");
    let corrected = correct(store, id, stale).await?;
    println!("stored: {corrected:?}");

    println!("\n-- a snapshot, an event after it, and a replay from the snapshot");
    let snapshot = ActorSnapshot::new(id, corrected.version, &corrected)?;
    store.save_snapshot(snapshot).await?;
    let again = EventDraft::new(id, CORRECTED, &Corrected { quantity: 4 })?;
    store.append_next([again]).await?;

    let whole = Order::default().replay(&store.get_events(id, Version::ZERO).await?)?;
    let restored = store.restore(id).await?;
    let snapshot = restored.snapshot.as_ref().ok_or("no snapshot")?;
    println!(
        "snapshot at version {}, {} event(s) after it",
        snapshot.version(),
        restored.events.len()
    );
    let from_snapshot = snapshot.decode::<Order>()?.replay(&restored.events)?;
    println!("state from all events:   {whole:?}");
    println!("state from the snapshot: {from_snapshot:?}");
    assert_eq!(whole, from_snapshot);
    Ok(())
}

/// What is wrong is not changed; an event puts it right.
fn correction(id: &ActorId, order: &Order) -> Result<Event, Box<dyn Error>> {
    let quantity = Corrected {
        quantity: order.quantity / 10,
    };
    Ok(EventDraft::new(id, CORRECTED, &quantity)?.at(order.next()?)?)
}

/// The optimistic loop: save what was decided; on a conflict reload, decide anew, save again.
async fn correct(
    store: &impl EventStore,
    id: &ActorId,
    mut order: Order,
) -> Result<Order, Box<dyn Error>> {
    loop {
        let event = correction(id, &order)?;
        match store.save_event(event.clone()).await {
            Ok(_) => return order.apply(&event),
            Err(StoreError::VersionConflict(conflict)) => {
                println!(
                    "conflict at version {}, reloading",
                    conflict.current_version
                );
                let since = order.next()?;
                order = order.replay(&store.get_events(id, since).await?)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
}
