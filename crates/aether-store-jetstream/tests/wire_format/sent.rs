//! "What is sent once it is stored": where the stream republishes, to whoever listens.

use aether_core::{EventStore as _, EventStoreExt as _, Namespace, Timestamp};
use aether_store_jetstream::async_nats::HeaderValue;
use futures_util::StreamExt as _;

use crate::compared::stored;
use crate::reader::names::Names;
use crate::support::{Streams, actor, event, trap_ids};

#[tokio::test]
async fn what_is_sent_is_what_is_stored_with_the_headers_of_the_page_behind_its_own() {
    let mut streams = Streams::new("sent");
    let namespace = Namespace::new("eu").unwrap();
    streams.namespaces.push(namespace.clone());
    let config = streams.config().namespace(namespace).republish(true);
    let store = streams.store_with(config).await;
    let names = Names::new(&streams.base, Some("eu"));
    let client = store.client();
    let mut all = client.subscribe(names.all_sent()).await.unwrap();
    // A round trip: from then on the server knows of it.
    store.latest_version(&actor("nobody")).await.unwrap();
    for id in trap_ids().into_iter().chain([actor("order-1")]) {
        for version in 1..=2 {
            store.save_event(event(&id, version)).await.unwrap();
        }
        let mut before = 0;
        for message in stored(&store, &names, &id).await {
            let sent = all.next().await.unwrap();
            assert_eq!(sent.subject.as_str(), names.sent_subject(id.as_str()));
            assert_eq!(sent.payload[..], message.body[..]);
            let headers = sent.headers.unwrap();
            let mut has: Vec<_> = headers
                .iter()
                .flat_map(|(name, values)| {
                    let of_name =
                        |value: &HeaderValue| (name.to_string(), value.as_str().to_owned());
                    values.iter().map(of_name).collect::<Vec<_>>()
                })
                .collect();
            let time = headers.get("Nats-Time-Stamp").unwrap().as_str();
            let subject = names.subject(id.as_str());
            let added = [
                ("Nats-Stream", names.events()),
                ("Nats-Subject", subject),
                ("Nats-Sequence", message.sequence.to_string()),
                ("Nats-Time-Stamp", time.to_owned()),
                ("Nats-Last-Sequence", before.to_string()),
            ];
            before = message.sequence;
            let added = added.map(|(name, value)| (name.to_owned(), value));
            let own = message.headers.clone().unwrap();
            let mut expected: Vec<_> = own.into_iter().chain(added).collect();
            has.sort();
            expected.sort();
            assert_eq!(has, expected);
            assert!(time.ends_with('Z'), "{time}");
            time.parse::<Timestamp>().unwrap();
        }
    }
}
