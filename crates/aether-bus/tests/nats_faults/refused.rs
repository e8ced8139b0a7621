//! What is refused, and says why.

use std::time::Duration;

use aether_bus::async_nats::ConnectOptions;
use aether_bus::{BusError, InvalidNatsBusConfig, NatsBusConfig, NatsEventBus, Subscribe};
use aether_core::{ActorId, EventDraft, Version, WireForm};
use serde_json::json;

use crate::Tally;
use crate::nats::{config, nats_url, node, unique_prefix};
use crate::server::Server;
use crate::support::{SHOP, Said, event, expect};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_over_the_payload_limit_comes_to_nobody_and_is_missed_by_nobody() {
    let prefix = unique_prefix();
    let (bus, listener) = (
        node(&nats_url(), &prefix).await,
        node(&nats_url(), &prefix).await,
    );
    let mut near = bus.subscribe(Subscribe::to(&SHOP)).await.unwrap();
    let mut far = listener.subscribe(Subscribe::to(&SHOP)).await.unwrap();
    let limit = bus.client().max_payload();
    let large = |bytes: usize| {
        let actor_id = ActorId::new("order-1").unwrap();
        let draft = EventDraft::new(&actor_id, "OrderChanged", &"x".repeat(bytes)).unwrap();
        draft.at(Version::FIRST).unwrap()
    };
    let refused = bus.publish(&SHOP, large(limit)).await;
    let Err(BusError::TooLarge { bytes, bytes_max }) = refused else {
        panic!("{refused:?}");
    };
    assert!(bytes > bytes_max && bytes_max == limit);
    assert!(matches!(
        bus.publish_now(&SHOP, large(limit)),
        Err(BusError::TooLarge { .. })
    ));
    bus.publish(&SHOP, event(2)).await.unwrap();
    for subscription in [&mut near, &mut far] {
        expect(subscription, &[Said::Event(2)]).await;
    }
    // The largest that there is place for, to the byte.
    let over = bytes - limit;
    bus.publish(&SHOP, large(limit - over + 1))
        .await
        .unwrap_err();
    bus.publish(&SHOP, large(limit - over)).await.unwrap();
    for subscription in [&mut near, &mut far] {
        expect(subscription, &[Said::Event(1)]).await;
    }
}

async fn json_node(prefix: &str) -> NatsEventBus {
    let config = config(prefix).form(WireForm::Json);
    NatsEventBus::connect(&nats_url(), config).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_without_a_form_in_json_is_refused() {
    let prefix = unique_prefix();
    let bus = json_node(&prefix).await;
    let mut near = bus.subscribe(Subscribe::to(&SHOP)).await.unwrap();
    let actor_id = ActorId::new("order-1").unwrap();
    let draft = EventDraft::new(&actor_id, "Measured", &f64::NAN).unwrap();
    let refused = bus.publish(&SHOP, draft.at(Version::FIRST).unwrap()).await;
    assert!(
        matches!(refused, Err(BusError::Unencodable { .. })),
        "{refused:?}"
    );
    bus.publish(&SHOP, event(2)).await.unwrap();
    expect(&mut near, &[Said::Event(2)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_of_both_forms_hear_each_other() {
    let prefix = unique_prefix();
    let (json, other) = (json_node(&prefix).await, node(&nats_url(), &prefix).await);
    let mut heard = [
        json.subscribe(Subscribe::to(&SHOP)).await.unwrap(),
        other.subscribe(Subscribe::to(&SHOP)).await.unwrap(),
    ];
    let actor_id = ActorId::new("order-1").unwrap();
    let data = json!({"book": [1, 2.5, null]});
    let draft = EventDraft::new(&actor_id, "Placed", &data).unwrap();
    let sent = draft.at(Version::FIRST).unwrap();
    json.publish(&SHOP, sent.clone()).await.unwrap();
    other.publish(&SHOP, sent.clone()).await.unwrap();
    for subscription in &mut heard {
        for _ in 0..2 {
            let delivery = crate::support::next(subscription).await.unwrap();
            assert_eq!(delivery.event(), Some(&sent));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_does_not_echo_is_refused() {
    let client = ConnectOptions::new()
        .no_echo()
        .connect(nats_url())
        .await
        .unwrap();
    let config = config(&unique_prefix())
        .deadline(Duration::from_millis(300))
        .unwrap();
    let refused = NatsEventBus::with_client(client, config).await;
    assert_eq!(refused.unwrap_err(), BusError::Unreachable);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_listen_is_told_so() {
    let files = tempfile::tempdir().unwrap();
    let path = files.path().join("server.conf");
    let conf = r#"authorization { users = [
        { user: a, password: a, permissions: {
            publish: ["may.>", "may=nodes.>"], subscribe: ["may=nodes.>", "may.*.shop", "may.*.aether-bus.probe", "_INBOX.>"] } }
        { user: b, password: b }
    ] }
    no_auth_user: b"#;
    std::fs::write(&path, conf).unwrap();
    let server = Server::start_with(&["-c", path.to_str().unwrap()]).await;
    let url = server.url().replace("nats://", "nats://a:a@");
    let config = |prefix| config(prefix).deadline(Duration::from_millis(500)).unwrap();
    let bus = NatsEventBus::connect(&url, config("may")).await.unwrap();
    drop(bus.subscribe(Subscribe::to(&SHOP)).await.unwrap());
    let refused = bus
        .subscribe(Subscribe::to(crate::support::namespace("bank")))
        .await;
    assert_eq!(refused.unwrap_err(), BusError::Unreachable);
    let refused = NatsEventBus::connect(&url, config("may-not")).await;
    assert_eq!(refused.unwrap_err(), BusError::Unreachable);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_can_not_be_reached_is_said_to_be() {
    let nobody = NatsEventBus::connect("nats://127.0.0.1:1", NatsBusConfig::default()).await;
    assert!(
        matches!(nobody, Err(BusError::Connect { .. })),
        "{nobody:?}"
    );
    let nowhere = NatsEventBus::connect("", NatsBusConfig::default()).await;
    assert!(
        matches!(nowhere, Err(BusError::Connect { .. })),
        "{nowhere:?}"
    );
    assert!(matches!(
        NatsBusConfig::new("a.b"),
        Err(InvalidNatsBusConfig::Prefix { .. })
    ));
    assert!(NatsBusConfig::default().heartbeat(Duration::ZERO).is_err());
}

/// A store's call can't wait: what there is no room for is a gap for others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_full_connection_does_not_take_at_once_others_miss() {
    let server = Server::start().await;
    let prefix = unique_prefix();
    let listener = node(server.url(), &prefix).await;
    let mut far = listener
        .subscribe(Subscribe::to(&SHOP).capacity(1_000_000))
        .await
        .unwrap();
    let options = ConnectOptions::new().client_capacity(16);
    let client = options.connect(server.url()).await.unwrap();
    let config = config(&prefix)
        .deadline(Duration::from_millis(500))
        .unwrap();
    let bus = NatsEventBus::with_client(client, config).await.unwrap();
    let mut near = bus
        .subscribe(Subscribe::to(&SHOP).capacity(1_000_000))
        .await
        .unwrap();
    let mut sent = 0_u32;
    let mut full = 0_u64;
    server.pause();
    // More than the connection, and the system, take.
    let data = "x".repeat(10_000);
    while full < 100 {
        sent += 1;
        let actor_id = ActorId::new("order-1").unwrap();
        let draft = EventDraft::new(&actor_id, "OrderChanged", &data).unwrap();
        match bus.publish_now(&SHOP, draft.at(sent.into()).unwrap()) {
            Ok(_) => tokio::task::yield_now().await,
            Err(error) => {
                assert_eq!(error, BusError::Full);
                full += 1;
            }
        }
    }
    assert_eq!(bus.stats().left_out, full);
    // Nor is there room for a subscription, which is said in time.
    let elsewhere = Subscribe::to(crate::support::namespace("bank"));
    let refused = bus.subscribe(elsewhere).await;
    assert_eq!(refused.unwrap_err(), BusError::Unreachable);
    server.resume();
    let all = Tally::default().until(&mut near, sent.into()).await;
    assert_eq!(all.received, u64::from(sent));
    let tally = Tally::default().until(&mut far, sent.into()).await;
    assert_eq!(
        (tally.received, tally.missed),
        (u64::from(sent) - full, full)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_subscribes_while_the_server_is_away_is_told_so() {
    let mut server = Server::start().await;
    let config = config(&unique_prefix())
        .deadline(Duration::from_millis(300))
        .unwrap();
    let bus = NatsEventBus::connect(server.url(), config).await.unwrap();
    server.kill();
    let refused = bus.subscribe(Subscribe::to(&SHOP)).await;
    assert_eq!(refused.unwrap_err(), BusError::Unreachable);
    assert_eq!(bus.subscribers(&SHOP), 0);
    server.restart().await;
    let again = async { while bus.subscribe(Subscribe::to(&SHOP)).await.is_err() {} };
    tokio::time::timeout(crate::PATIENCE, again).await.unwrap();
    // And one that stops while it is away does not hang.
    server.kill();
    tokio::time::timeout(crate::PATIENCE, bus.stop())
        .await
        .unwrap();
}
