//! The contract, clause by clause, on a real server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics says where"
)]

mod support;

use aether_core::{ActorId, BoxError, Event, Position, WireForm};
use aether_store_jetstream::async_nats::{HeaderMap, jetstream};
use aether_store_jetstream::{JetStreamConfig, JetStreamStore, Retention};
use aether_testkit::{
    Boxed, Effort, ExpireHistory, PlantMalformedEvent, PlantUndecodableSnapshot, StoreBuilder,
    StoreOptions, Suite, wrapped,
};
use support::Streams;

/// Stores on streams of their own, with events written in this form.
struct Builder(WireForm);

const MESSAGE_PACK: Builder = Builder(WireForm::MessagePack);
const JSON: Builder = Builder(WireForm::Json);

impl StoreBuilder for Builder {
    type Store = JetStreamStore;
    type Guard = Streams;

    async fn build(&self, options: StoreOptions) -> Result<(JetStreamStore, Streams), BoxError> {
        let streams = Streams::new("suite");
        let mut builder = JetStreamStore::builder(streams.config().codec(self.0));
        if let Some(notices) = options.notices {
            builder = builder.broadcaster(notices.namespace, notices.broadcaster);
        }
        Ok((builder.connect(&streams.url).await?, streams))
    }

    async fn reopen(&self, streams: &Streams) -> Result<JetStreamStore, BoxError> {
        let config = streams.config().codec(self.0);
        Ok(JetStreamStore::connect(&streams.url, config).await?)
    }

    fn effort(&self) -> Effort {
        Effort::NETWORK
    }
}

impl PlantMalformedEvent for Builder {
    async fn plant_malformed_event(
        &self,
        streams: &Streams,
        actor_id: &ActorId,
        then: Vec<Event>,
    ) -> Result<(), BoxError> {
        let store = self.reopen(streams).await?;
        let subject = store.events_subject(actor_id);
        let jetstream = jetstream::new(store.client().clone());
        jetstream
            .publish(subject.clone(), "not an event".into())
            .await?
            .await?;
        let (Some(first), Some(last)) = (then.first(), then.last()) else {
            return Ok(());
        };
        let mut headers = HeaderMap::new();
        headers.insert("Content-Type", self.0.media_type());
        headers.insert("Aether-Format", "1");
        headers.insert("Aether-First-Version", first.version().to_string());
        headers.insert("Aether-Last-Version", last.version().to_string());
        let body = self.0.encode_commit(&then)?;
        jetstream
            .publish_with_headers(subject, headers, body.into())
            .await?
            .await?;
        Ok(())
    }
}

impl PlantUndecodableSnapshot for Builder {
    async fn plant_undecodable_snapshot(
        &self,
        streams: &Streams,
        actor_id: &ActorId,
    ) -> Result<(), BoxError> {
        let store = self.reopen(streams).await?;
        let subject = store.snapshot_subject(actor_id);
        let jetstream = jetstream::new(store.client().clone());
        jetstream
            .publish(subject, "not a snapshot".into())
            .await?
            .await?;
        Ok(())
    }
}

/// The same on streams where events expire.
struct Finite;

impl Finite {
    fn config(streams: &Streams) -> JetStreamConfig {
        streams.config().retention(Retention::ONE_YEAR)
    }
}

impl StoreBuilder for Finite {
    type Store = JetStreamStore;
    type Guard = Streams;

    /// The stream of events is one from which messages can be removed: nobody waits a year.
    async fn build(&self, _: StoreOptions) -> Result<(JetStreamStore, Streams), BoxError> {
        let streams = Streams::new("finite");
        let config = jetstream::stream::Config {
            max_age: Retention::ONE_YEAR.max_age().unwrap_or_default(),
            ..streams.removable()
        };
        let jetstream = jetstream::new(streams.client().await);
        jetstream.create_stream(config).await?;
        Ok((self.reopen(&streams).await?, streams))
    }

    async fn reopen(&self, streams: &Streams) -> Result<JetStreamStore, BoxError> {
        Ok(JetStreamStore::connect(&streams.url, Self::config(streams)).await?)
    }

    fn effort(&self) -> Effort {
        Effort::NETWORK
    }
}

impl ExpireHistory for Finite {
    async fn expire_through(&self, streams: &Streams, position: Position) -> Result<(), BoxError> {
        let jetstream = jetstream::new(streams.client().await);
        let events = jetstream.get_stream(&streams.base).await?;
        let last = events.get_info().await?.state.last_sequence;
        // A year is enough to copy a commit, and here there is less.
        let heads = Self::config(streams).heads_stream().unwrap_or_default();
        let heads = jetstream.get_stream(heads).await?;
        let copied = async || {
            let info = heads.get_info().await;
            info.is_ok_and(|info| info.state.last_sequence >= last)
        };
        support::eventually("every commit is copied", copied).await;
        events.purge().sequence(position.sequence() + 1).await?;
        Ok(())
    }
}

aether_testkit::conformance! {
    mod jetstream_store { builder: MESSAGE_PACK, sections: [events, notices, snapshots, feed, corruption, snapshot_corruption, feed_corruption] }

    // Where events expire, all that holds else holds for those that have not.
    mod jetstream_store_with_a_retention {
        builder: Finite,
        sections: [events, snapshots, feed, retention, snapshot_retention, feed_retention],
    }

    // The same through `dyn DynEventStore` and `dyn DynSnapshotStore`.
    mod jetstream_store_boxed {
        builder: wrapped(MESSAGE_PACK, Boxed::new),
        sections: [events, snapshots, feed],
    }
}

/// With JSON everything holds but for data that JSON has no form for (binary, NaN), which is
/// refused before anything is sent.
#[tokio::test(flavor = "multi_thread")]
async fn with_json_the_contract_holds_for_all_that_json_can_say() {
    let report = Suite::new(JSON)
        .events()
        .snapshots()
        .feed()
        .corruption()
        .snapshot_corruption()
        .feed_corruption()
        .run()
        .await;
    let failed: Vec<&str> = report.failures().map(|(case, _)| case).collect();
    let unsayable = [
        "events::clause_08_events_come_back_equal_in_every_part",
        "snapshots::clause_10_a_snapshot_comes_back_equal_in_every_part",
    ];
    assert_eq!(failed, unsayable, "{report:?}");
}
