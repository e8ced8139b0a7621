//! A read model, kept by the feed: how many of each item are ordered, over all orders.
//!
//! It is built from everything that was ever stored, dies in the middle, goes on in another process
//! from where it was, catches up, and follows what is being stored. Then: what an order was before
//! it was corrected.
//!
//! In memory, with no server:
//!
//! ```sh
//! cargo run --example read_model
//! ```
//!
//! On NATS JetStream, with a server that xtask brings along for the time of the command (or any
//! other, named by `AETHER_NATS_URL`):
//!
//! ```sh
//! cargo xtask with-nats -- cargo run --features aether/jetstream --example read_model -- --jetstream
//! ```

use std::collections::BTreeMap;
use std::error::Error;

use aether::{
    ActorId, Event, EventDraft, EventFeed, EventFilter, EventId, EventStore, EventStoreExt,
    FeedItem, FeedStart, MemoryStore, Position, StoreError, SystemClock, Version,
};
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};

const PLACED: &str = "OrderPlaced";
const CORRECTED: &str = "OrderCorrected";

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Order {
    item: String,
    quantity: u32,
}

impl Order {
    /// Both kinds of event say all that is to be known.
    fn apply(&mut self, event: &Event) -> Result<(), Box<dyn Error>> {
        if [PLACED, CORRECTED].contains(&event.event_type().as_str()) {
            *self = event.decode()?;
        }
        Ok(())
    }
}

/// What is kept, with the place up to which it is right: both in one transaction of whatever
/// database it is in. So an event counts once, wherever the process dies.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct ReadModel {
    orders: BTreeMap<ActorId, Order>,
    checkpoint: Option<Position>,
}

impl ReadModel {
    fn start(&self) -> FeedStart {
        self.checkpoint
            .map_or(FeedStart::Beginning, FeedStart::After)
    }

    fn apply(&mut self, event: &Event, position: Position) -> Result<(), Box<dyn Error>> {
        let order = self.orders.entry(event.actor_id().clone()).or_default();
        order.apply(event)?;
        self.checkpoint = Some(position);
        Ok(())
    }

    fn ordered(&self) -> BTreeMap<&str, u32> {
        let mut ordered = BTreeMap::new();
        for order in self.orders.values() {
            *ordered.entry(order.item.as_str()).or_default() += order.quantity;
        }
        ordered
    }

    /// Goes on from the checkpoint, until this says that it is enough.
    async fn follow(
        &mut self,
        store: &impl EventFeed,
        mut is_enough: impl FnMut(&Self, &FeedItem) -> bool,
    ) -> Result<(), Box<dyn Error>> {
        let orders = || EventFilter::all().category("order");
        let mut feed = store.feed(self.start(), orders());
        while let Some(item) = feed.next().await {
            match item {
                Ok(item) => {
                    if let FeedItem::Event(recorded) = &item {
                        self.apply(recorded.event(), recorded.position())?;
                    }
                    if is_enough(self, &item) {
                        return Ok(());
                    }
                }
                // Something that is no event, with its place and the reason: for the log and for
                // somebody to look at. What comes after it is given.
                Err(StoreError::Malformed(report)) => eprintln!("passed over: {report}"),
                // The store is another one, or has lost what came last: whatever was counted of
                // it is not true any more.
                Err(StoreError::PositionLost { reason, .. }) => {
                    eprintln!("built anew: {reason}");
                    *self = Self::default();
                    feed = store.feed(self.start(), orders());
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err("a feed has no end".into())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => run(&MemoryStore::new()).await,
        ["--jetstream"] => run(&on_jetstream().await?).await,
        _ => Err(format!("unknown arguments {args:?}: there is --jetstream").into()),
    }
}

#[cfg(feature = "jetstream")]
async fn on_jetstream() -> Result<impl EventStore + EventFeed, Box<dyn Error>> {
    use aether::jetstream::{JetStreamConfig, JetStreamStore};

    let url = std::env::var("AETHER_NATS_URL").map_err(
        |_| "AETHER_NATS_URL is not set: where is the server? (cargo xtask nats starts one)",
    )?;
    println!("on NATS JetStream at {url}");
    Ok(JetStreamStore::connect(&url, JetStreamConfig::new("aether-read-model")).await?)
}

#[cfg(not(feature = "jetstream"))]
async fn on_jetstream() -> Result<MemoryStore, Box<dyn Error>> {
    Err("built without JetStream: run with `--features aether/jetstream`".into())
}

async fn run(store: &(impl EventStore + EventFeed)) -> Result<(), Box<dyn Error>> {
    println!("\n-- a hundred orders are placed");
    let mut placed = Vec::new();
    for n in 0..100 {
        let item = ["book", "pen", "lamp"][n % 3];
        placed.push(place(store, item, 1 + u32::try_from(n)? % 5).await?);
    }

    println!("\n-- a read model of everything that was ever ordered, which dies after 60 events");
    let mut model = ReadModel::default();
    let mut given = 0;
    model
        .follow(store, |_, _| {
            given += 1;
            given == 60
        })
        .await?;
    println!("so far: {:?}", model.ordered());

    println!("\n-- another process goes on from the checkpoint, and catches up");
    model
        .follow(store, |_, item| *item == FeedItem::CaughtUp)
        .await?;
    println!("now: {:?}", model.ordered());

    println!("\n-- an order is corrected while it follows");
    let (wrong, right) = (&placed[0], 500);
    let following = model.follow(store, |model, _| {
        let order = model.orders.get(wrong);
        order.is_some_and(|order| order.quantity == right)
    });
    tokio::try_join!(following, correct(store, wrong, right))?;
    println!("now: {:?}", model.ordered());

    println!("\n-- each order is what its own history adds up to");
    for (id, order) in &model.orders {
        let mut replayed = Order::default();
        for event in store.get_events(id, Version::ZERO).await? {
            replayed.apply(&event)?;
        }
        assert_eq!(*order, replayed, "{id}");
    }
    println!("{} orders compared", model.orders.len());

    println!("\n-- what the order was before");
    let mut before = Order::default();
    for event in store
        .get_events_until(wrong, Version::ZERO, Version::FIRST)
        .await?
    {
        before.apply(&event)?;
    }
    println!(
        "{wrong} at version 1: {before:?}, now {:?}",
        model.orders[wrong]
    );
    Ok(())
}

/// An order of its own.
async fn place(
    store: &impl EventStore,
    item: &str,
    quantity: u32,
) -> Result<ActorId, Box<dyn Error>> {
    let id = ActorId::new(format!("order-{}", EventId::generate(&SystemClock)))?;
    let item = item.to_owned();
    let order = EventDraft::new(&id, PLACED, &Order { item, quantity })?;
    store.save_event(order.at(Version::FIRST)?).await?;
    Ok(id)
}

async fn correct(
    store: &impl EventStore,
    id: &ActorId,
    quantity: u32,
) -> Result<(), Box<dyn Error>> {
    let history = store.get_events(id, Version::ZERO).await?;
    let mut order = Order::default();
    for event in &history {
        order.apply(event)?;
    }
    order.quantity = quantity;
    let correction = EventDraft::new(id, CORRECTED, &order)?;
    store.append_next([correction]).await?;
    Ok(())
}
