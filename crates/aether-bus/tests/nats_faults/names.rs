//! Names that a careless encoding would confuse.

use aether_bus::Subscribe;
use aether_core::{EventFilter, EventType, Namespace};

use crate::nats::{nats_url, node, unique_prefix};
use crate::support::{SHOP, Said, expect, strange_names, typed};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_in_its_name_a_type_is_that_one_only() {
    let prefix = unique_prefix();
    let (bus, listener) = (
        node(&nats_url(), &prefix).await,
        node(&nats_url(), &prefix).await,
    );
    let mut names = strange_names();
    names.insert("ü".repeat(128));
    names.insert("x".repeat(EventType::BYTES_MAX));
    let mut subscriptions = Vec::new();
    for name in &names {
        let only = EventFilter::all().event_type(EventType::new(name.as_str()).unwrap());
        let asked = Subscribe::to(&SHOP).only(only);
        subscriptions.push(listener.subscribe(asked).await.unwrap());
    }
    for (version, name) in (1..).zip(&names) {
        bus.publish(&SHOP, typed("order-1", name, version))
            .await
            .unwrap();
    }
    for (version, subscription) in (1..).zip(&mut subscriptions) {
        expect(subscription, &[Said::Event(version)]).await;
    }
    for name in &names {
        bus.publish(&SHOP, typed("order-1", name, 1_000))
            .await
            .unwrap();
    }
    for subscription in &mut subscriptions {
        expect(subscription, &[Said::Event(1_000)]).await;
    }
    assert_eq!(listener.stats().foreign, 0);
}

#[test]
fn what_has_no_name_is_refused_before_it_comes_to_a_bus() {
    assert!(Namespace::new("").is_err());
    assert!(Namespace::new("x".repeat(300)).is_err());
    assert!(EventType::new("").is_err());
    assert!(EventType::new("x".repeat(300)).is_err());
}
