//! Stands between a client and a server, and loses, delays, repeats or changes what it is told to.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::frame;
pub(crate) use super::frame::Published;

/// What the proxy does now, set by the test.
#[derive(Default)]
pub(crate) struct Faults {
    /// How many acknowledgements of publishes are still to be swallowed.
    pub(crate) lose_acks: AtomicUsize,
    /// How many were.
    pub(crate) lost_acks: AtomicUsize,
    /// How many acknowledgements of publishes are still to be held back.
    pub(crate) hold_acks: AtomicUsize,
    /// Those that are.
    held_acks: Mutex<Vec<Held>>,
    /// All connections are cut, and nobody can connect: the server is gone.
    pub(crate) down: watch::Sender<bool>,
    /// The server goes down when the next commit has been passed on to it, before it can answer.
    pub(crate) down_after_commit: AtomicBool,
    /// What becomes of what the client publishes.
    rule: Mutex<Option<Rule>>,
    /// Is shown what the server sends, may change it, and says whether the client gets it.
    sieve: Mutex<Option<Sieve>>,
    /// To the server, on the newest connection.
    to_server: Mutex<Option<UnboundedSender<Vec<u8>>>>,
}

type Rule = Box<dyn FnMut(&Published) -> Action + Send>;
type Sieve = Box<dyn FnMut(&mut Vec<u8>) -> bool + Send>;

/// An answer, and the connection on which it is to be given.
struct Held {
    frame: Vec<u8>,
    to_client: UnboundedSender<Vec<u8>>,
}

/// What becomes of what a client publishes.
#[derive(Debug)]
pub(crate) enum Action {
    Pass,
    /// It never arrives.
    Lose,
    /// The server gets the first half of it, then the connection is cut.
    Cut,
    /// The server gets this request in its place.
    Replace(String),
    /// The client gets this answer, the server gets nothing.
    Answer(String),
    /// The client is told that it may not publish there, the server gets nothing.
    Deny,
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults").finish_non_exhaustive()
    }
}

/// A proxy in front of a server.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) url: String,
    pub(crate) faults: Arc<Faults>,
    _accepting: JoinSet<()>,
}

impl Proxy {
    pub(crate) async fn before(server: &str) -> Self {
        let server = server.trim_start_matches("nats://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("nats://{}", listener.local_addr().unwrap());
        let faults = Arc::new(Faults::default());
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, server, faults.clone()));
        Self {
            url,
            faults,
            _accepting: accepting,
        }
    }

    /// From now on this says what becomes of what the client publishes.
    pub(crate) fn rule(&self, rule: impl FnMut(&Published) -> Action + Send + 'static) {
        *self.faults.rule.lock().unwrap() = Some(Box::new(rule));
    }

    /// From now on this is shown each frame that the server sends.
    pub(crate) fn listen(&self, mut listener: impl FnMut(&[u8]) + Send + 'static) {
        self.sift(move |frame| {
            listener(frame);
            true
        });
    }

    /// From now on this says for each frame that the server sends whether the client gets it.
    pub(crate) fn sift(&self, mut sieve: impl FnMut(&[u8]) -> bool + Send + 'static) {
        self.set_sieve(move |frame| sieve(frame));
    }

    /// From now on this may change each frame that the server sends, in its place.
    pub(crate) fn change(&self, mut change: impl FnMut(&mut [u8]) + Send + 'static) {
        self.set_sieve(move |frame| {
            change(frame);
            true
        });
    }

    fn set_sieve(&self, sieve: impl FnMut(&mut Vec<u8>) -> bool + Send + 'static) {
        *self.faults.sieve.lock().unwrap() = Some(Box::new(sieve));
    }

    /// How many acknowledgements are held back now.
    pub(crate) fn held_acks(&self) -> usize {
        self.faults.held_acks.lock().unwrap().len()
    }

    /// Gives the client what was held back; gives how many that were.
    pub(crate) fn release_acks(&self) -> usize {
        let held = std::mem::take(&mut *self.faults.held_acks.lock().unwrap());
        let count = held.len();
        for held in held {
            held.to_client.send(held.frame).unwrap();
        }
        count
    }

    /// What was held back never arrives.
    pub(crate) fn forget_acks(&self) {
        self.faults.held_acks.lock().unwrap().clear();
    }

    /// Sends this to the server, as if the client had.
    pub(crate) fn send(&self, published: &Published) {
        let to_server = self.faults.to_server.lock().unwrap();
        let to_server = to_server.as_ref().expect("nobody has connected");
        to_server.send(published.to_frame()).unwrap();
    }

    /// The server is gone, or back.
    pub(crate) fn set_down(&self, down: bool) {
        self.faults.down.send_replace(down);
    }

    /// Cuts all connections; clients may connect again at once.
    pub(crate) fn cut(&self) {
        self.set_down(true);
        self.set_down(false);
    }
}

async fn accept(listener: TcpListener, server: String, faults: Arc<Faults>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        if *faults.down.borrow() {
            continue;
        }
        let Ok(upstream) = TcpStream::connect(&server).await else {
            continue;
        };
        connections.spawn(pass(client, upstream, faults.clone()));
    }
}

/// Passes both ways until either ends, or the server is gone.
async fn pass(client: TcpStream, upstream: TcpStream, faults: Arc<Faults>) {
    // Frames go out one by one, and shall not wait for the acknowledgement of the one before.
    for connection in [&client, &upstream] {
        connection.set_nodelay(true).ok();
    }
    let (from_client, mut to_client) = client.into_split();
    let (from_server, mut to_server) = upstream.into_split();
    let (mut from_client, mut from_server) =
        (BufReader::new(from_client), BufReader::new(from_server));
    let (answers, mut forged) = unbounded_channel::<Vec<u8>>();
    let (requests, mut sent) = unbounded_channel::<Vec<u8>>();
    *faults.to_server.lock().unwrap() = Some(requests.clone());
    let mut down = faults.down.subscribe();
    let commands = async {
        loop {
            // Reading a frame is not to be interrupted, so what is sent waits for one.
            let bytes = tokio::select! {
                frame = sent.recv() => {
                    to_server.write_all(&frame.unwrap_or_default()).await?;
                    continue;
                }
                ready = from_client.fill_buf() => {
                    if ready?.is_empty() { None } else { frame::read(&mut from_client).await? }
                }
            };
            let Some(bytes) = bytes else {
                return std::io::Result::Ok(());
            };
            match judge(&bytes, &faults) {
                Verdict::Send(frame) => to_server.write_all(&frame).await?,
                Verdict::Drop => {}
                Verdict::Cut => {
                    to_server.write_all(&bytes[..bytes.len() / 2]).await?;
                    return Ok(());
                }
                Verdict::Answer(answer) => answers.send(answer).unwrap(),
            }
            let commit = Published::in_frame(&bytes).is_some_and(|published| published.is_commit());
            if commit && faults.down_after_commit.swap(false, Ordering::SeqCst) {
                faults.down.send_replace(true);
            }
        }
    };
    let messages = async {
        loop {
            // The same for forged answers and for those that were held back.
            let bytes = tokio::select! {
                forged = forged.recv() => {
                    to_client.write_all(&forged.unwrap_or_default()).await?;
                    continue;
                }
                ready = from_server.fill_buf() => {
                    if ready?.is_empty() { None } else { frame::read(&mut from_server).await? }
                }
            };
            let Some(mut bytes) = bytes else {
                return std::io::Result::Ok(());
            };
            let sifted = match faults.sieve.lock().unwrap().as_mut() {
                Some(sieve) => !sieve(&mut bytes),
                None => false,
            };
            if sifted || loses(&bytes, &faults) || holds(&bytes, &faults, &answers) {
                continue;
            }
            to_client.write_all(&bytes).await?;
        }
    };
    tokio::select! {
        _ = down.wait_for(|down| *down) => {}
        _ = commands => {}
        _ = messages => {}
    }
}

enum Verdict {
    Send(Vec<u8>),
    Drop,
    Cut,
    Answer(Vec<u8>),
}

fn judge(frame: &[u8], faults: &Faults) -> Verdict {
    let Some(published) = Published::in_frame(frame) else {
        return Verdict::Send(frame.to_vec());
    };
    let (subject, reply) = (&published.subject, &published.reply);
    let mut rule = faults.rule.lock().unwrap();
    match rule.as_mut().map_or(Action::Pass, |rule| rule(&published)) {
        Action::Pass => Verdict::Send(frame.to_vec()),
        Action::Lose => Verdict::Drop,
        Action::Cut => Verdict::Cut,
        Action::Replace(body) => {
            let size = body.len();
            Verdict::Send(format!("PUB {subject} {reply} {size}\r\n{body}\r\n").into())
        }
        Action::Answer(body) => {
            // The client's first subscription is for all answers.
            let size = body.len();
            Verdict::Answer(format!("MSG {reply} 0 {size}\r\n{body}\r\n").into())
        }
        Action::Deny => {
            let denial = format!("Permissions Violation for Publish to \"{subject}\"");
            Verdict::Answer(format!("-ERR '{denial}'\r\n").into())
        }
    }
}

/// Whether this is an acknowledgement that is to be lost.
fn loses(frame: &[u8], faults: &Faults) -> bool {
    let lose = frame::is_ack(frame) && takes_one(&faults.lose_acks);
    faults
        .lost_acks
        .fetch_add(usize::from(lose), Ordering::SeqCst);
    lose
}

/// Whether this is an acknowledgement that is to be held back; it is, then.
fn holds(frame: &[u8], faults: &Faults, to_client: &UnboundedSender<Vec<u8>>) -> bool {
    let hold = frame::is_ack(frame) && takes_one(&faults.hold_acks);
    if hold {
        faults.held_acks.lock().unwrap().push(Held {
            frame: frame.to_vec(),
            to_client: to_client.clone(),
        });
    }
    hold
}

fn takes_one(left: &AtomicUsize) -> bool {
    let order = Ordering::SeqCst;
    left.fetch_update(order, order, |left| left.checked_sub(1))
        .is_ok()
}
