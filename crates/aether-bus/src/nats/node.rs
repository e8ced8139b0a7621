//! A node of a bus: what its listeners, its publishers and what it knows of others share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::index::Map;
use aether_core::{Event, Namespace, TraceContext, TraceSource};
use async_nats::Client;
use async_nats::connection::State;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::AbortHandle;

use crate::index::Route;
use crate::nats::config::NatsBusConfig;
use crate::nats::course::{Course, Topic};
use crate::nats::listener::{Listener, Order};
use crate::nats::message::{self, Word};
use crate::nats::names::Names;
use crate::nats::origin::Origin;
use crate::nats::outbox::{Draft, Outbox};
use crate::nats::peers::{Listened, Peers};
use crate::nats::stats::Counters;
use crate::{BusError, EventBus, Published, Subscribe, Subscription};

/// How long it is waited for room before it is looked again.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// How long a probe is waited for before another one is sent: it may have been lost with a
/// connection.
const PROBE_AGAIN: Duration = Duration::from_secs(1);

/// What a node is made of.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) origin: Origin,
    pub(crate) names: Names,
    pub(crate) config: NatsBusConfig,
    pub(crate) client: Client,
    /// All subscriptions of this node.
    pub(crate) local: EventBus,
    pub(crate) outbox: Outbox,
    pub(crate) counters: Counters,
    pub(crate) peers: Mutex<Peers>,
    /// There may be something that a node is to be asked.
    pub(crate) to_ask: Notify,
    routes: Mutex<Routes>,
    probes: Mutex<Map<u64, (Route, oneshot::Sender<()>)>>,
    next_probe: AtomicU64,
    runtime: Handle,
}

/// Who listens, by what is listened to.
#[derive(Debug, Default)]
struct Routes {
    by_subject: Map<Arc<str>, Listening>,
    last: u64,
    is_closed: bool,
}

/// One who listens, for some subscriptions.
#[derive(Debug)]
struct Listening {
    route: Route,
    subscriptions: usize,
    orders: mpsc::UnboundedSender<Order>,
    task: AbortHandle,
    listens: watch::Receiver<Option<Result<(), BusError>>>,
    /// The server has heard of it.
    is_heard: bool,
}

/// One subscription's part in a listener. Dropping it leaves.
struct Share {
    node: std::sync::Weak<Node>,
    subject: Arc<str>,
    route: Route,
}

impl Node {
    /// To be used within a runtime.
    pub(crate) fn new(client: Client, config: NatsBusConfig) -> Self {
        let origin = Origin::new();
        let names = Names::new(&config.prefix);
        let outbox = Outbox::new(origin, names.clone(), client.clone(), config.subjects_max);
        Self {
            origin,
            names,
            client,
            local: EventBus::new(),
            outbox,
            counters: Counters::default(),
            peers: Mutex::default(),
            to_ask: Notify::new(),
            routes: Mutex::default(),
            probes: Mutex::default(),
            next_probe: AtomicU64::new(0),
            runtime: Handle::current(),
            config,
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// How many times a connection was made.
    pub(crate) fn connects(&self) -> u64 {
        self.client.statistics().connects.load(Ordering::Relaxed)
    }

    /// What goes out for an event, and what subscribers of this node get.
    pub(crate) fn draft(
        &self,
        namespace: &Namespace,
        event: Event,
    ) -> Result<(Draft, Published), BusError> {
        let trace = self.config.trace.as_ref().and_then(TraceSource::current);
        let trace = trace.or_else(|| TraceContext::of_event(&event));
        let encoded = message::encode(&event, self.config.form, trace.as_ref());
        let (mut headers, body) = encoded.map_err(|error| BusError::Unencodable {
            reason: error.to_string(),
        })?;
        if let Some(cloud_events) = &self.config.cloud_events {
            for (name, value) in cloud_events.headers(&event, self.config.form.media_type()) {
                headers.insert(name, value);
            }
        }
        let subject = self.names.subject(namespace, event.event_type());
        let topic = Topic {
            namespace: namespace.clone(),
            event_type: event.event_type().clone(),
        };
        message::topic_headers(&mut headers, &topic, &subject);
        let draft = Draft {
            subject: subject.into(),
            headers,
            body,
            topic,
        };
        Ok((draft, Published::in_trace(namespace.clone(), event, trace)))
    }

    /// Subscribes; when that is answered the server has heard of it.
    pub(crate) async fn subscribe(
        self: &Arc<Self>,
        asked: Subscribe,
    ) -> Result<Subscription, BusError> {
        let subscribed = tokio::time::timeout(self.config.deadline, self.subscribe_in_time(asked));
        subscribed.await.unwrap_or(Err(BusError::Unreachable))
    }

    async fn subscribe_in_time(
        self: &Arc<Self>,
        asked: Subscribe,
    ) -> Result<Subscription, BusError> {
        let subject: Arc<str> = self.names.listened(&asked.pattern, &asked.filter).into();
        let (route, share, mut listens) = self.share(&subject)?;
        let begun = listens.wait_for(Option::is_some).await;
        begun.map_or(Err(BusError::Closed), |begun| {
            begun.clone().unwrap_or(Ok(()))
        })?;
        self.probe(&subject, route).await?;
        // Only now, so that nothing comes to it that was published long before.
        let subscription = self.local.subscribe_by(route, asked, move || drop(share))?;
        let mut routes = self.routes.lock();
        if let Some(listening) = routes.by_subject.get_mut(&subject)
            && !std::mem::replace(&mut listening.is_heard, true)
        {
            drop(routes);
            self.to_ask.notify_one();
        }
        Ok(subscription)
    }

    /// Whether who listens to this is heard of by the server.
    async fn probe(&self, subject: &str, route: Route) -> Result<(), BusError> {
        let probed = Names::probed(subject);
        self.round_trip(route, |number| self.outbox.probe(&probed, number))
            .await
    }

    /// Looks whether all who listen are still heard of by the server, after the connection was made
    /// anew; who is not is told that nobody knows what he misses.
    pub(crate) async fn probe_all(&self) {
        let connects = self.connects();
        for (subject, route) in self.listened() {
            let probed = self.probe(&subject, route).await;
            // Of another connection there is another look.
            if !self.is_connected() || self.connects() != connects {
                return;
            }
            let is_listened_to = self.listened().contains(&(subject.clone(), route));
            if probed == Err(BusError::Unreachable) && is_listened_to {
                tracing::warn!(%subject, "the server does not send what is listened to");
                crate::nats::stats::count(&self.counters.unknown, 1);
                self.local.tell_unknown(route);
            }
        }
    }

    /// A share in who listens to this, who begins where nobody does.
    #[allow(clippy::type_complexity, reason = "each part is used once, right away")]
    fn share(
        self: &Arc<Self>,
        subject: &Arc<str>,
    ) -> Result<(Route, Share, watch::Receiver<Option<Result<(), BusError>>>), BusError> {
        let mut routes = self.routes.lock();
        if routes.is_closed {
            return Err(BusError::Stopped);
        }
        if !routes.by_subject.contains_key(subject) {
            routes.last += 1;
            let route = Route(routes.last);
            let listening = self.begin(route, subject.clone());
            routes.by_subject.insert(subject.clone(), listening);
        }
        let Some(listening) = routes.by_subject.get_mut(subject) else {
            return Err(BusError::Closed);
        };
        listening.subscriptions += 1;
        let share = Share {
            node: Arc::downgrade(self),
            subject: subject.clone(),
            route: listening.route,
        };
        let (route, listens) = (listening.route, listening.listens.clone());
        Ok((route, share, listens))
    }

    fn begin(self: &Arc<Self>, route: Route, subject: Arc<str>) -> Listening {
        let (orders, receiver) = mpsc::unbounded_channel();
        let (begun, listens) = watch::channel(None);
        let listener = Listener {
            node: self.clone(),
            route,
            orders: receiver,
            course: Course::new(),
        };
        let task = self.runtime.spawn(listener.listen(subject, begun));
        Listening {
            route,
            subscriptions: 0,
            orders,
            task: task.abort_handle(),
            listens,
            is_heard: false,
        }
    }

    /// Nobody needs this share any more. The task is aborted, which drops what it reads from within
    /// the runtime, wherever this is called.
    fn leave(&self, subject: &str, route: Route) {
        let mut routes = self.routes.lock();
        let listening = routes.by_subject.get_mut(subject);
        let Some(listening) = listening.filter(|listening| listening.route == route) else {
            return;
        };
        listening.subscriptions -= 1;
        if listening.subscriptions == 0 {
            listening.task.abort();
            routes.by_subject.remove(subject);
        }
    }

    /// Nobody listens to this any more who did.
    pub(crate) fn forget(&self, subject: &str, route: Route) {
        let mut routes = self.routes.lock();
        if routes
            .by_subject
            .get(subject)
            .is_some_and(|there| there.route == route)
        {
            routes.by_subject.remove(subject);
        }
    }

    /// All that is listened to, as far as the server has heard of it.
    pub(crate) fn listened(&self) -> Vec<Listened> {
        let routes = self.routes.lock();
        let heard = routes.by_subject.iter();
        let heard = heard.filter(|(_, listening)| listening.is_heard);
        heard
            .map(|(subject, listening)| (subject.clone(), listening.route))
            .collect()
    }

    /// Tells all who listen.
    pub(crate) fn order_all(&self, order: impl Fn(Route) -> Order) {
        for listening in self.routes.lock().by_subject.values() {
            // Who has ended meanwhile needs no orders.
            let _ended = listening.orders.send(order(listening.route));
        }
    }

    /// Tells those of these who still listen.
    pub(crate) fn order(&self, listened: &[Listened], order: impl Fn() -> Order) {
        let routes = self.routes.lock();
        for (subject, route) in listened {
            if let Some(listening) = routes.by_subject.get(subject)
                && listening.route == *route
            {
                let _ended = listening.orders.send(order());
            }
        }
    }

    /// Asks those who do not know of all that is listened to.
    pub(crate) fn ask(&self) {
        let listened = self.listened();
        let questions = self.peers.lock().questions(&listened, Instant::now());
        for question in questions {
            let to = self.names.node(question.to);
            let asks = Word::Asks {
                question: question.number,
            };
            self.outbox.tell(to, &asks, question.subjects.into());
        }
    }

    /// Sends a probe, and waits until it has come back: all that the server had sent before is in the
    /// buffers then.
    pub(crate) async fn round_trip(
        &self,
        route: Route,
        send: impl Fn(u64),
    ) -> Result<(), BusError> {
        let number = self.next_probe.fetch_add(1, Ordering::Relaxed);
        let (sender, mut returned) = oneshot::channel();
        self.probes.lock().insert(number, (route, sender));
        // Taken out again however this ends.
        let _probe = Probe { node: self, number };
        let returns = async {
            loop {
                send(number);
                if let Ok(returned) = tokio::time::timeout(PROBE_AGAIN, &mut returned).await {
                    return returned.map_err(|_| BusError::Closed);
                }
            }
        };
        let waited = tokio::time::timeout(self.config.deadline, returns).await;
        waited.unwrap_or(Err(BusError::Unreachable))
    }

    /// A probe was heard on this route.
    pub(crate) fn came_back(&self, route: Route, number: u64) {
        let mut probes = self.probes.lock();
        if probes
            .get(&number)
            .is_some_and(|(meant, _)| *meant == route)
            && let Some((_, returned)) = probes.remove(&number)
        {
            drop(probes);
            // Nobody is there where it was given up.
            let _given_up = returned.send(());
        }
    }

    /// Says that it stops, behind all that was published, and lets listeners finish what has come.
    pub(crate) async fn stop(&self) {
        // Before the ends of series are said, which are to go over the connection that there is now.
        let connects = self.connects();
        self.outbox.stop();
        // What is left of the deadline is for the listeners.
        let until = tokio::time::Instant::now() + self.config.deadline / 2;
        let said = tokio::time::timeout_at(until, async {
            while !self.outbox.has_announced_all() {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            self.probe_own().await
        });
        // Where the server has them for certain. Otherwise others find out that it is gone, and that
        // nobody knows what it has published last.
        if matches!(said.await, Ok(Ok(()))) && self.connects() == connects {
            let left = tokio::time::timeout_at(until, async {
                while !self.outbox.has_left() {
                    let all = self.names.all_nodes();
                    self.outbox.tell(all, &Word::Stopped, Bytes::new());
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
                self.client.flush().await
            });
            let _in_time = left.await;
        }
        let _in_time = tokio::time::timeout(self.config.deadline / 2, self.drain()).await;
        self.close();
    }

    /// Whether what this node alone hears comes.
    pub(crate) async fn probe_own(&self) -> Result<(), BusError> {
        self.round_trip(Route::NONE, |number| {
            let own = self.names.node(self.origin);
            self.outbox.tell(own, &Word::Probe(number), Bytes::new());
        })
        .await
    }

    async fn drain(&self) {
        let mut all = Vec::new();
        for listening in self.routes.lock().by_subject.values() {
            let (drained, wait) = oneshot::channel();
            if listening.orders.send(Order::Drain(drained)).is_ok() {
                all.push(wait);
            }
        }
        futures_util::future::join_all(all).await;
    }

    /// How many other nodes there are, and how many of them don't know of all that is listened to.
    pub(crate) fn nodes(&self) -> (usize, usize) {
        let listened = self.listened();
        self.peers.lock().count(&listened)
    }

    /// Nobody listens any more, and subscriptions end.
    pub(crate) fn close(&self) {
        self.local.stop();
        let mut routes = self.routes.lock();
        routes.is_closed = true;
        let all = std::mem::take(&mut routes.by_subject);
        drop(routes);
        all.into_values()
            .for_each(|listening| listening.task.abort());
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some(node) = self.node.upgrade() {
            node.leave(&self.subject, self.route);
        }
    }
}

/// Waits for a probe.
struct Probe<'a> {
    node: &'a Node,
    number: u64,
}

impl Drop for Probe<'_> {
    fn drop(&mut self) {
        self.node.probes.lock().remove(&self.number);
    }
}
