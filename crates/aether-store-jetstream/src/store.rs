//! The store.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use aether_core::{
    ActorId, ActorSnapshot, Appended, Commit, EventFeed, EventFilter, EventStore, EventStream,
    FeedStart, FeedStream, SnapshotSaved, SnapshotStore, StoreError, StoredNotifier, Version,
};
use async_nats::Client;
use tokio::sync::Semaphore;

use crate::builder::JetStreamStoreBuilder;
use crate::config::JetStreamConfig;
use crate::ledger::Ledger;
use crate::message::Incarnation;
use crate::newest::Reader;
use crate::risk::Risk;
use crate::scan::CONSUMERS_AT_ONCE;
use crate::server::JetStream;
use crate::subscription::{self, Gap, StoredSubscription};
use crate::verify::{self, HistoryReport};
use crate::{feed, glance, read, save, snapshot};

/// An event store on NATS JetStream. A clone is cheap and shares the connection.
///
/// [The crate's front page](crate) says what it promises and what it needs.
///
/// # Cancellation
///
/// Dropping the future of a save leaves its events stored or not stored, never half of them;
/// saving them again tells which. Dropping a read, or a stream of events, leaves nothing behind.
#[derive(Clone)]
pub struct JetStreamStore {
    shared: Shared,
}

/// What all clones of a store have in common.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) server: JetStream,
    pub(crate) ledger: Ledger,
    pub(crate) snapshots_incarnation: Incarnation,
    /// Whether snapshots can't be had in the quickest way.
    pub(crate) snapshots_by_leader: AtomicBool,
    /// Those that long replays may have at once; closed where none may be made.
    pub(crate) consumers: Arc<Semaphore>,
    notifier: Option<StoredNotifier>,
    risks: Vec<Risk>,
}

impl Deref for Shared {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Inner {
    /// Reads an actor's newest commits.
    pub(crate) fn reader<'s>(
        &'s self,
        actor_id: &'s ActorId,
        subject: &'s str,
    ) -> Reader<'s, JetStream> {
        Reader {
            server: &self.server,
            ledger: &self.ledger,
            actor_id,
            subject,
        }
    }
}

impl JetStreamStore {
    /// Connects to a server, and makes the streams or checks the ones that are there.
    ///
    /// The address is one or several of `nats://host:port`, separated by commas, with
    /// `user:password@` or `token@` before the host where the server wants it. For TLS with own
    /// certificates, credentials files, or a broadcaster, see [`builder`](Self::builder).
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] where nobody can be reached, within seconds;
    /// [`StoreError::PermissionDenied`] where the server wants other credentials;
    /// [`StoreError::Misconfigured`] where a field of the configuration is wrong, where the server
    /// is older than 2.11 or has no JetStream, and where a stream is there that differs where it
    /// matters. It names what.
    pub async fn connect(address: &str, config: JetStreamConfig) -> Result<Self, StoreError> {
        Self::builder(config).connect(address).await
    }

    /// Uses a connection that is there already, and makes the streams or checks the ones that are
    /// there.
    ///
    /// Being denied a subject shows only on the connection's own events, which are the client's:
    /// here it looks like a server that does not answer.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub async fn with_client(client: Client, config: JetStreamConfig) -> Result<Self, StoreError> {
        Self::builder(config).with_client(client).await
    }

    /// A store that is to do more than keep, or to be connected in another way.
    #[must_use]
    pub fn builder(config: JetStreamConfig) -> JetStreamStoreBuilder {
        JetStreamStoreBuilder::new(config)
    }

    pub(crate) fn of(
        server: JetStream,
        ledger: Ledger,
        snapshots_incarnation: Incarnation,
        notifier: Option<StoredNotifier>,
        risks: Vec<Risk>,
    ) -> Self {
        Self {
            shared: Shared(Arc::new(Inner {
                server,
                ledger,
                snapshots_incarnation,
                snapshots_by_leader: AtomicBool::new(false),
                consumers: Arc::new(Semaphore::new(CONSUMERS_AT_ONCE)),
                notifier,
                risks,
            })),
        }
    }

    /// Walks an actor's whole history and says where it breaks: what can't be read, is missing, was
    /// changed, or was lost and written anew.
    ///
    /// Each commit carries the version and the SHA-256 of the one before it, so that nobody can
    /// change the past without changing everything after it. What is behind the newest commit
    /// does not show: a tail that was lost is noticed by who knows of it
    /// ([`StoreError::HistoryRegressed`]).
    ///
    /// It reads everything that the actor has, with one page of it in memory at a time. Dropping
    /// the future leaves nothing behind.
    ///
    /// # Errors
    ///
    /// [`StoreError::HistoryRegressed`] where this store knows of a newer commit and it is gone;
    /// whatever keeps the history from being read. What is wrong with the history itself is in
    /// the report.
    pub async fn verify(&self, actor_id: &ActorId) -> Result<HistoryReport, StoreError> {
        let call = self.shared.ledger.observer.verify(actor_id);
        call.watch(verify::verify(&self.shared, actor_id)).await
    }

    /// Takes a hint that this version of an actor is stored: from another node's
    /// [`EventStored`](aether_core::EventStored), say.
    ///
    /// A save that would have been sure to be refused reads first then, which saves it two round
    /// trips: the refusal, and the look at what is there instead. Nothing else depends on it: a
    /// hint that is wrong costs one read. It is for actors that are remembered; of the others it
    /// is remembered itself, as long as there is room.
    pub fn update_version_cache(&self, actor_id: &ActorId, version: Version) {
        self.shared.ledger.actors.hint(actor_id, version);
    }

    /// Hears of events that pass the filter while they are stored: the server itself sends each
    /// commit that it has stored ([`JetStreamConfig::republish`]), whoever wrote it.
    ///
    /// It is sent **at most once**, in the order of the stream, and what is missed is said
    /// ([`Heard::Gap`]) where it can be seen. So it is the quick way to hear of the newest, and
    /// [`fill`](Self::fill) gives the rest. This loop handles every event once, in order, from a
    /// checkpoint on:
    ///
    /// ```no_run
    /// # use aether_core::{EventFilter, FeedStart, RecordedEvent, StoreError};
    /// # use aether_store_jetstream::JetStreamStore;
    /// use aether_store_jetstream::{Gap, Heard};
    /// use futures_util::StreamExt;
    ///
    /// # async fn handle(recorded: RecordedEvent) -> FeedStart { FeedStart::After(recorded.position()) }
    /// # async fn run(store: JetStreamStore) -> Result<(), StoreError> {
    /// let filter = EventFilter::all();
    /// let mut checkpoint = FeedStart::Beginning; // or after the position of the last event
    /// let mut stored = store.subscribe_stored(filter.clone());
    /// while let Some(heard) = stored.next().await {
    ///     let gap = match heard? {
    ///         Heard::Event(recorded) => {
    ///             checkpoint = handle(recorded).await;
    ///             continue;
    ///         }
    ///         // What was stored before one listened, and what was missed since.
    ///         Heard::Listening { from } => Gap {
    ///             start: checkpoint,
    ///             before: from,
    ///             filter: filter.clone(),
    ///         },
    ///         Heard::Gap(gap) => gap,
    ///         Heard::Foreign { .. } => continue, // somebody else's
    ///     };
    ///     let mut missed = store.fill(gap);
    ///     while let Some(recorded) = missed.next().await {
    ///         checkpoint = handle(recorded?).await;
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # What is listened to, and what is not seen then
    ///
    /// A filter of one actor or of one category is told to the server; of any other, also of several
    /// actors of one category, all commits come, and those that don't pass are left out here.
    ///
    /// - **Everything**, and **one actor**: whatever is missed is seen at the next message, by
    ///   its sequence or by that of the message before it on the subject.
    /// - **One category**: it is seen at the *same actor's* next commit, as a gap of that actor
    ///   alone, and others' events come before it. So no one checkpoint says how far one has come:
    ///   what is kept after such a gap was told, and before it was filled, passes over it when one
    ///   begins again. It is not seen where more than 16,384 other actors were heard meanwhile, or
    ///   the connection was made anew before that commit came.
    /// - A **last** message that was missed is seen when the next one comes; and without one when
    ///   the stream is asked how far it has come, which it is every 30 seconds (or three
    ///   [deadlines](JetStreamConfig::deadline) where that is less). What it has come to and what
    ///   is not heard until the next time is a gap: so after a minute at most. Of one category it
    ///   is the last message of the whole category that shows so, not that of each actor. After the
    ///   connection was made anew it is asked at once.
    ///
    /// The same question tells of a stream that sends no more, or was made anew, and of a listener
    /// who is deaf without being told so: where the server has no room for another subscription,
    /// say.
    ///
    /// Where the connection was made anew a gap may hold nothing, or events that were on their way
    /// and do not come any more. No event comes twice.
    ///
    /// What is missed: whatever is stored while the connection is down; what a reader too slow for
    /// the client's buffer leaves there (`ConnectOptions::subscription_capacity`, 65,536 messages
    /// if nothing else is said); and, of several replicas, commits that are stored while another
    /// server becomes their leader.
    ///
    /// **Where events expire** (or are removed) a gap begins with what is left, and its fill says
    /// what of it has gone. Of one actor or category what was missed, and has expired before the
    /// actor's next commit comes, is not said.
    ///
    /// **A stream that is made anew, or loses its end,** while the connection lives, is noticed at
    /// the first message that does not fit what was heard, and otherwise after 30 seconds. Of a
    /// category one of an actor of whom nothing was heard fits: the stream is asked about those once
    /// a second, so for a second what is given may be of the new stream, with positions of the old
    /// one.
    ///
    /// # Who else can be heard
    ///
    /// Whoever may publish on `<stream>.stored.>`: the messages carry nothing that proves who sent
    /// them. What the stream can't have sent is [`Heard::Foreign`], but a whole forged message is
    /// not told apart: its events are given, and where its sequence is one that the stream has not
    /// come to the subscription ends soon, as if the stream had lost its end. Nobody needs that
    /// permission, the server sends without: deny it (`docs/operations.md`). What decides something
    /// is to be read from the store.
    ///
    /// # Errors
    ///
    /// As items. After [`StoreError::Malformed`], of a message that is no commit of its actor,
    /// others follow; whether versions rise is left to reads and to the feed. Any other is the
    /// end: [`StoreError::Misconfigured`] where the stream does not republish, or does no more, or
    /// is gone; [`StoreError::PermissionDenied`] where one may not listen (of a client that was
    /// [connected by somebody else](Self::with_client), denials are not heard, and what is stored
    /// comes as gaps, each a while after it was); [`StoreError::PositionLost`] where the stream was made
    /// anew, or has lost what was heard; [`StoreError::Closed`] with the connection; at the beginning
    /// [`StoreError::Unavailable`]. Once it listens it waits for the server as long as it takes.
    ///
    /// It does nothing until it is polled; dropping it unsubscribes and leaves nothing behind.
    ///
    /// [`Heard::Gap`]: crate::Heard::Gap
    /// [`Heard::Foreign`]: crate::Heard::Foreign
    #[must_use]
    pub fn subscribe_stored(&self, filter: EventFilter) -> StoredSubscription {
        subscription::subscribe(self.shared.clone(), filter)
    }

    /// What a [subscription](Self::subscribe_stored) has missed, from the feed: each event once, in
    /// order; then it ends.
    ///
    /// Any stretch of the feed can be asked for: with a checkpoint as its start, and as its end the
    /// place from which on a subscription has listened, it leads from the past to what is heard.
    ///
    /// # Errors
    ///
    /// As items: those of the [feed](EventFeed::feed), and [`StoreError::PositionLost`] where the
    /// stream does not come as far as the gap does. After [`StoreError::Malformed`] others follow;
    /// the first one may say which messages of the gap have expired, or were removed, before it was
    /// filled. A start that is a checkpoint, of an event that has expired itself, is refused as the
    /// feed refuses it; that of a gap is where the subscription knew so when it told of it.
    ///
    /// What a filter of event types alone leaves out is read by the client: such a fill costs as
    /// much as one of everything.
    ///
    /// It does nothing until it is polled; dropping it leaves nothing behind.
    #[must_use]
    pub fn fill(&self, gap: Gap) -> EventStream {
        subscription::fill(self.shared.clone(), gap)
    }

    /// The name of the stream of events, the namespace included.
    #[must_use]
    pub fn events_stream(&self) -> &str {
        &self.shared.ledger.names.events_stream
    }

    /// The name of the stream of snapshots.
    #[must_use]
    pub fn snapshots_stream(&self) -> &str {
        &self.shared.ledger.names.snapshots_stream
    }

    /// The subject of an actor's events, for who looks with other tools.
    #[must_use]
    pub fn events_subject(&self, actor_id: &ActorId) -> String {
        self.shared.ledger.names.events_subject(actor_id)
    }

    /// The subject on which the server sends an actor's events once it has stored them.
    #[must_use]
    pub fn stored_subject(&self, actor_id: &ActorId) -> String {
        self.shared.ledger.names.stored_subject(actor_id)
    }

    /// The subject of an actor's snapshot.
    #[must_use]
    pub fn snapshot_subject(&self, actor_id: &ActorId) -> String {
        self.shared.ledger.names.snapshot_subject(actor_id)
    }

    /// What is risky about the streams as they were when the store connected: each was said by a
    /// warning then.
    #[must_use]
    pub fn risks(&self) -> &[Risk] {
        &self.shared.risks
    }

    /// The connection.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.shared.server.link.client
    }
}

impl fmt::Debug for JetStreamStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JetStreamStore")
            .field("events_stream", &self.events_stream())
            .field("snapshots_stream", &self.snapshots_stream())
            .finish_non_exhaustive()
    }
}

impl EventStore for JetStreamStore {
    async fn append(&self, commit: Commit) -> Result<Appended, StoreError> {
        let Inner {
            server,
            ledger,
            notifier,
            ..
        } = &*self.shared;
        let call = ledger.observer.append(&commit);
        let append = save::append(server, ledger, notifier.as_ref(), commit);
        call.watch(append).await
    }

    fn events(&self, actor_id: &ActorId, from: Version) -> EventStream {
        read::events(self.shared.clone(), actor_id.clone(), from)
    }

    async fn latest_version(&self, actor_id: &ActorId) -> Result<Version, StoreError> {
        let call = self.shared.ledger.observer.latest_version(actor_id);
        call.watch(glance::latest_version(&self.shared, actor_id))
            .await
    }
}

impl EventFeed for JetStreamStore {
    fn feed(&self, start: FeedStart, filter: EventFilter) -> FeedStream {
        feed::feed(self.shared.clone(), start, filter)
    }
}

impl SnapshotStore for JetStreamStore {
    async fn save_snapshot(&self, snapshot: ActorSnapshot) -> Result<SnapshotSaved, StoreError> {
        let observer = &self.shared.ledger.observer;
        let call = observer.save_snapshot(snapshot.actor_id());
        call.watch(snapshot::save(&self.shared, snapshot)).await
    }

    async fn latest_snapshot(
        &self,
        actor_id: &ActorId,
    ) -> Result<Option<ActorSnapshot>, StoreError> {
        let call = self.shared.ledger.observer.latest_snapshot(actor_id);
        call.watch(snapshot::latest(&self.shared, actor_id)).await
    }
}
