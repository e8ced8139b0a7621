//! How a store is made: connected, its streams made or checked.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aether_core::{
    Clock, EventBroadcaster, Namespace, StoreError, StoredNotifier, SystemClock, TraceContext,
    TraceSource,
};
use async_nats::{Client, ConnectOptions};

use crate::actors::Actors;
use crate::address::Addresses;
use crate::config::JetStreamConfig;
use crate::denials::Denials;
use crate::errors::{connect_failed, misconfigured, unavailable};
use crate::ledger::Ledger;
use crate::link::Link;
use crate::observe::Observer;
use crate::patience::Patience;
use crate::server::JetStream;
use crate::store::JetStreamStore;
use crate::streams::Ensured;
use crate::{metrics, server_version, streams};

/// However short a request may take: a connection takes several.
const CONNECT_TIMEOUT_MIN: Duration = Duration::from_secs(2);

/// Makes a [`JetStreamStore`] that is to do more than keep, or to be connected in another way.
///
/// ```no_run
/// # use std::sync::Arc;
/// # use aether_core::{BroadcastError, Event, EventBroadcaster, Namespace};
/// use aether_store_jetstream::async_nats::ConnectOptions;
/// use aether_store_jetstream::{JetStreamConfig, JetStreamStore};
///
/// # struct Print;
/// # impl EventBroadcaster for Print {
/// #     fn broadcast(&self, namespace: &Namespace, event: &Event) -> Result<(), BroadcastError> {
/// #         println!("{namespace}: {event:?}");
/// #         Ok(())
/// #     }
/// # }
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let options = ConnectOptions::new()
///     .require_tls(true)
///     .credentials_file("orders.creds").await?;
/// let store = JetStreamStore::builder(JetStreamConfig::new("orders").replicas(3))
///     .broadcaster(Namespace::from_static("shop"), Arc::new(Print))
///     .connect_with("nats://a.example,nats://b.example", options)
///     .await?;
/// # Ok(())
/// # }
/// ```
pub struct JetStreamStoreBuilder {
    config: JetStreamConfig,
    broadcaster: Option<(Namespace, Arc<dyn EventBroadcaster>)>,
    clock: Arc<dyn Clock>,
    trace: Option<TraceSource>,
    /// The address, where it is one.
    server: Option<(String, u16)>,
}

impl JetStreamStoreBuilder {
    pub(crate) fn new(config: JetStreamConfig) -> Self {
        Self {
            config,
            broadcaster: None,
            clock: Arc::new(SystemClock),
            trace: None,
            server: None,
        }
    }

    /// Tells this broadcaster of each event that this store has saved, in this namespace
    /// (clause 11 of [`EventStore`](aether_core::EventStore)'s contract): before the save returns,
    /// and before another save of this actor through this store begins.
    #[must_use]
    pub fn broadcaster(
        mut self,
        namespace: Namespace,
        broadcaster: Arc<dyn EventBroadcaster>,
    ) -> Self {
        self.broadcaster = Some((namespace, broadcaster));
        self
    }

    /// Stamps notices with this clock's time; the system's where none is given.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Writes the trace that a commit is made in into its headers, `traceparent` and `tracestate`
    /// ([W3C Trace Context](https://www.w3.org/TR/trace-context-1/)).
    ///
    /// It is asked for within the span of the save, once for each message that is made; all copies
    /// of one message that are sent are the same. Where it says none, the `traceId` and `spanId` in
    /// the first event's metadata do, if they are there.
    ///
    /// ```
    /// use aether_core::TraceContext;
    /// use aether_store_jetstream::{JetStreamConfig, JetStreamStore};
    ///
    /// /// From what the `SpanContext` of the crate `opentelemetry` gives: `trace_id().to_bytes()`,
    /// /// `span_id().to_bytes()`, `trace_flags().to_u8()` and `trace_state().header()`.
    /// fn context(trace: [u8; 16], span: [u8; 8], flags: u8, state: &str) -> Option<TraceContext> {
    ///     let (trace_id, span_id) = (u128::from_be_bytes(trace), u64::from_be_bytes(span));
    ///     // Ids that are zero stand for no trace, and are an error here.
    ///     let context = TraceContext::new(trace_id, span_id, flags).ok()?;
    ///     context.clone().with_state(state).ok().or(Some(context))
    /// }
    ///
    /// # fn current_ids() -> ([u8; 16], [u8; 8], u8, String) {
    /// #     ([7; 16], [8; 8], 1, "vendor=1".to_owned())
    /// # }
    /// let builder = JetStreamStore::builder(JetStreamConfig::new("orders")).trace_context(|| {
    ///     let (trace, span, flags, state) = current_ids();
    ///     context(trace, span, flags, &state)
    /// });
    /// # assert_eq!(
    /// #     context([7; 16], [8; 8], 1, "vendor=1").unwrap().to_string(),
    /// #     "00-07070707070707070707070707070707-0808080808080808-01"
    /// # );
    /// ```
    ///
    /// Who reads commits from the stream by other means finds both in the headers, in lower case,
    /// and gives them to the propagator of his own library. What this store reads comes without.
    #[must_use]
    pub fn trace_context(
        mut self,
        current: impl Fn() -> Option<TraceContext> + Send + Sync + 'static,
    ) -> Self {
        self.trace = Some(TraceSource::new(current));
        self
    }

    /// As [`JetStreamStore::connect`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn connect(self, address: &str) -> Result<JetStreamStore, StoreError> {
        self.connect_with(address, ConnectOptions::new()).await
    }

    /// The same with these options: certificates, credentials, limits. Their callback for events
    /// of the connection is replaced; credentials in the address take the place of theirs.
    ///
    /// # Errors
    ///
    /// As [`JetStreamStore::connect`].
    pub async fn connect_with(
        mut self,
        address: &str,
        options: ConnectOptions,
    ) -> Result<JetStreamStore, StoreError> {
        self.config.validate()?;
        let addresses = Addresses::parse(address)?;
        self.server = addresses.only();
        let denials = Denials::new();
        let heard = denials.clone();
        let client = addresses
            .authenticate(options)
            .name("aether")
            .connection_timeout(self.config.request_timeout.max(CONNECT_TIMEOUT_MIN))
            .event_callback(move |event| {
                heard.hear(&event);
                std::future::ready(())
            })
            .connect(&addresses.servers[..])
            .await
            .map_err(|error| connect_failed(&addresses.shown(), error))?;
        self.set_up(client, denials).await
    }

    /// As [`JetStreamStore::with_client`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn with_client(self, client: Client) -> Result<JetStreamStore, StoreError> {
        self.config.validate()?;
        self.set_up(client, Denials::default()).await
    }

    async fn set_up(self, client: Client, denials: Denials) -> Result<JetStreamStore, StoreError> {
        let config = &self.config;
        let Some(server) = client.try_server_info() else {
            return Err(unavailable(
                "set up the store",
                "the client has not been connected yet",
            ));
        };
        let version = server_version::check(&server.version)?;
        if !server.headers {
            return Err(misconfigured("headers on the server", "off", "on"));
        }
        let link = Link::new(client, config.request_timeout, denials);
        let mut patience = Patience::new(config.deadline);
        let Ensured {
            events,
            snapshots,
            heads,
            risks,
        } = streams::ensure(&link, config, version, &mut patience).await?;
        let names = config.names();
        let bytes_max = |own: Option<usize>| own.into_iter().chain(config.message_bytes_max).min();
        let server = JetStream {
            link,
            events_stream: names.events_stream.clone(),
            heads_stream: heads.map(|_| names.heads_stream.clone()),
            event_bytes_max: bytes_max(events.message_bytes_max),
            snapshot_bytes_max: bytes_max(snapshots.message_bytes_max),
        };
        metrics::describe();
        let observer = Observer::new(&names)
            .with_server(self.server)
            .with_trace(self.trace);
        let mut ledger = Ledger::new(
            names,
            config.codec,
            events.incarnation,
            config.retention.max_age(),
            config.deadline,
            Actors::new(config.cache_actors),
        );
        ledger.replicated = events.replicas > 1;
        observer.counts_from_zero();
        ledger.observer = observer;
        let notifier = self.broadcaster.map(|(namespace, broadcaster)| {
            StoredNotifier::new(namespace, broadcaster).with_clock(self.clock)
        });
        Ok(JetStreamStore::of(
            server,
            ledger,
            snapshots.incarnation,
            notifier,
            risks,
        ))
    }
}

impl fmt::Debug for JetStreamStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JetStreamStoreBuilder")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
