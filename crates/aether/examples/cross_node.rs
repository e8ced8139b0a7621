//! Two processes that hear what the other one stores, also when the server dies in between.
//!
//! The office takes orders, and the warehouse ships them: each a process of its own with a store on
//! NATS JetStream and a bus over NATS, and no other way to each other. A store tells its bus of each
//! event that it has saved; the bus brings the notice to both processes. Notices can be lost, events
//! can't: so each listens *healed* by its store's feed, and is told of each event once, live or from
//! the store.
//!
//! Then the server is killed and started again, and the warehouse is the last one to come back.
//!
//! ```sh
//! cargo xtask with-nats -- cargo run --features aether/nats,aether/jetstream --example cross_node
//! ```
//!
//! The server that it kills is one of its own. On Unix, since it pauses the second process.

#[path = "cross_node/processes.rs"]
mod processes;

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;

use aether::bus::{
    HealedNotice, HealedNotices, NatsBusConfig, NatsEventBus, StoredDelivery, Subscribe,
    SubscribeStored as _,
};
use aether::jetstream::async_nats::{self, Client};
use aether::jetstream::{JetStreamConfig, JetStreamStore};
use aether::{
    ActorId, Event, EventDraft, EventStoreExt as _, EventType, FeedStart, Namespace, Version,
};
use processes::{OtherProcess, PATIENCE, Server};
use tokio::time::timeout;

const SHOP: Namespace = Namespace::from_static("shop");
const BANK: Namespace = Namespace::from_static("bank");

const PLACED: EventType = EventType::from_static("OrderPlaced");
const SHIPPED: EventType = EventType::from_static("OrderShipped");
const PAID: EventType = EventType::from_static("InvoicePaid");
const CLOSED: EventType = EventType::from_static("ShopClosed");

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => office().await,
        ["warehouse", url] => warehouse(url).await,
        _ => Err(format!("unknown arguments {args:?}: there are none to be given").into()),
    }
}

/// What each process has: one connection, for its bus and its stores.
struct Node {
    client: Client,
    bus: NatsEventBus,
}

impl Node {
    async fn connect(url: &str) -> Result<Self, Box<dyn Error>> {
        let client = async_nats::connect(url).await?;
        let bus = NatsEventBus::with_client(client.clone(), NatsBusConfig::default()).await?;
        Ok(Self { client, bus })
    }

    /// The store of a namespace, which tells the bus what it has saved.
    async fn store(&self, namespace: Namespace) -> Result<JetStreamStore, Box<dyn Error>> {
        let config = JetStreamConfig::new("cross-node").namespace(namespace.clone());
        let store =
            JetStreamStore::builder(config).broadcaster(namespace, Arc::new(self.bus.clone()));
        Ok(store.with_client(self.client.clone()).await?)
    }

    /// The notices of all that is stored in the shop, from the very first event on: those that the
    /// bus has lost are read from the store.
    async fn hear(&self, shop: &JetStreamStore) -> Result<HealedNotices, Box<dyn Error>> {
        let notices = self.bus.subscribe_event_stored(Subscribe::to(SHOP)).await?;
        Ok(notices.healed_by(shop.clone(), FeedStart::Beginning))
    }
}

/// The second process: ships what is placed, until the shop is closed.
async fn warehouse(url: &str) -> Result<(), Box<dyn Error>> {
    let node = Node::connect(url).await?;
    let shop = node.store(SHOP).await?;
    let mut healed = node.hear(&shop).await?;
    // The same without healing, to show what the bus alone says.
    let mut alone = node.bus.subscribe_event_stored(Subscribe::to(SHOP)).await?;
    let mut last = "nothing".to_owned();
    loop {
        tokio::select! {
            delivery = alone.next() => match delivery.ok_or("the bus has stopped")? {
                StoredDelivery::Gap { missed } => {
                    println!("    warehouse: the bus has a gap after {last}: {missed:?}");
                }
                StoredDelivery::Stored { namespace, notice } => {
                    assert_eq!(namespace, SHOP);
                    last = notice.actor_id.to_string();
                }
                other => return Err(format!("{other:?}").into()),
            },
            heard = timeout(PATIENCE, healed.next()) => {
                let heard = heard?.ok_or("the bus has stopped")??;
                let id = &heard.notice().actor_id;
                match (id.category(), heard.notice().version) {
                    ("order", Version::FIRST) => {
                        println!("    warehouse: ships {id}, of which it has heard {}", way(&heard));
                        // Who was told twice would be refused here.
                        save(&shop, id.as_str(), 2, SHIPPED).await?;
                    }
                    ("shop", _) => break,
                    _ => {}
                }
            }
        }
    }
    node.bus.stop().await;
    println!("    warehouse: closed");
    Ok(())
}

/// The first process: tells the story.
async fn office() -> Result<(), Box<dyn Error>> {
    let mut server = Server::start().await?;
    let node = Node::connect(&server.url).await?;
    let (shop, bank) = (node.store(SHOP).await?, node.store(BANK).await?);
    let mut told = Told::by(node.hear(&shop).await?);
    let mut bank_alone = node.bus.subscribe_event_stored(Subscribe::to(BANK)).await?;

    println!("\n-- an order is placed, and then a second process begins: it finds it in the store");
    place(&shop, 1).await?;
    let mut warehouse = OtherProcess::start(["warehouse", &server.url])?;
    warehouse.says("ships order-1,").await?;
    told.until_shipped(1).await?;

    println!("\n-- each process hears at once what the other one stores");
    for order in [2, 3] {
        place(&shop, order).await?;
        warehouse.says(&format!("ships order-{order},")).await?;
        told.until_shipped(order).await?;
    }

    println!("\n-- what is stored in the bank is none of the shop's business");
    save(&bank, "invoice-1", 1, PAID).await?;
    println!("office: invoice-1 is paid");

    println!("\n-- the server is killed and started again, and the warehouse is not back yet");
    warehouse.pause().await?;
    server.kill().await?;
    server.restart().await?;
    for order in [4, 5, 6] {
        place(&shop, order).await?;
    }

    println!("\n-- it comes back: the notices were lost, the orders were not");
    warehouse.resume().await?;
    warehouse.says("a gap after order-3").await?;
    for order in [4, 5, 6] {
        warehouse.says(&format!("ships order-{order},")).await?;
        told.until_shipped(order).await?;
    }

    println!("\n-- and it goes on live");
    for order in [7, 8] {
        place(&shop, order).await?;
        warehouse.says(&format!("ships order-{order},")).await?;
        told.until_shipped(order).await?;
    }

    println!("\n-- the shop is closed");
    save(&shop, "shop-1", 1, CLOSED).await?;
    warehouse.says("closed").await?;
    warehouse.ends().await?;
    // Subscriptions end behind what has come.
    node.bus.stop().await;

    for order in 1..=8 {
        let history = shop.get_events(&order_id(order)?, Version::ZERO).await?;
        let types: Vec<_> = history.iter().map(Event::event_type).collect();
        assert_eq!(types, [&PLACED, &SHIPPED], "order-{order}");
    }
    // Between two orders that it waits for it may look into the store once more.
    for (order, way) in [
        (1, FILLED),
        (3, LIVE),
        (4, FILLED),
        (5, FILLED),
        (6, FILLED),
        (8, LIVE),
    ] {
        let line = format!("ships order-{order}, of which it has heard {way}");
        let lines = warehouse.said.iter().filter(|said| said.contains(&line));
        assert_eq!(lines.count(), 1, "{line}");
    }
    assert_eq!(told.until_the_end().await?, 8 * 2 + 1);
    let Some(StoredDelivery::Stored { namespace, notice }) = bank_alone.next().await else {
        return Err("the bank's subscribers were told nothing".into());
    };
    assert_eq!((namespace, notice.actor_id.as_str()), (BANK, "invoice-1"));
    assert!(bank_alone.next().await.is_none());
    println!("each of 8 orders was shipped once, and each event was told once");
    Ok(())
}

/// What the office was told of the shop, and by what.
struct Told {
    by: HealedNotices,
    events: BTreeSet<(ActorId, Version)>,
}

impl Told {
    fn by(by: HealedNotices) -> Self {
        let events = BTreeSet::new();
        Self { by, events }
    }

    async fn until_shipped(&mut self, order: u32) -> Result<(), Box<dyn Error>> {
        let shipped = (order_id(order)?, Version::from(2));
        while !self.events.contains(&shipped) {
            if !self.next().await? {
                return Err("the bus has stopped".into());
            }
        }
        Ok(())
    }

    /// How many events there were in all.
    async fn until_the_end(mut self) -> Result<usize, Box<dyn Error>> {
        while self.next().await? {}
        Ok(self.events.len())
    }

    /// Whether there was another one.
    async fn next(&mut self) -> Result<bool, Box<dyn Error>> {
        let Some(heard) = timeout(PATIENCE, self.by.next()).await? else {
            return Ok(false);
        };
        let heard = heard?;
        let (id, version) = (&heard.notice().actor_id, heard.notice().version);
        if version == Version::from(2) {
            println!("office: has heard {} that {id} is shipped", way(&heard));
        }
        assert!(self.events.insert((id.clone(), version)), "{id} twice");
        Ok(true)
    }
}

const LIVE: &str = "live";
const FILLED: &str = "from the store";

fn way(heard: &HealedNotice) -> &'static str {
    match heard {
        HealedNotice::Live { .. } => LIVE,
        HealedNotice::Filled { .. } => FILLED,
    }
}

async fn place(shop: &JetStreamStore, order: u32) -> Result<(), Box<dyn Error>> {
    println!("office: places order-{order}");
    save(shop, order_id(order)?.as_str(), 1, PLACED).await
}

fn order_id(order: u32) -> Result<ActorId, Box<dyn Error>> {
    Ok(ActorId::new(format!("order-{order}"))?)
}

async fn save(
    store: &JetStreamStore,
    actor_id: &str,
    version: u32,
    event_type: EventType,
) -> Result<(), Box<dyn Error>> {
    let draft = EventDraft::new(&ActorId::new(actor_id)?, event_type, &())?;
    store.save_event(draft.at(version.into())?).await?;
    Ok(())
}
