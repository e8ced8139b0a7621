//! Stands between a client and a server, and loses or changes what it is told to.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What the proxy does now, set by the test.
#[derive(Default)]
pub(crate) struct Faults {
    /// How many acknowledgements of publishes are still to be swallowed.
    pub(crate) lose_acks: AtomicUsize,
    /// How many were.
    pub(crate) lost_acks: AtomicUsize,
    /// All connections are cut, and nobody can connect: the server is gone.
    pub(crate) down: watch::Sender<bool>,
    /// The server goes down when the next commit has been passed on to it, before it can answer.
    pub(crate) down_after_commit: AtomicBool,
    /// What becomes of what the client publishes.
    pub(crate) rule: std::sync::Mutex<Option<Rule>>,
}

type Rule = Box<dyn FnMut(&Published) -> Action + Send>;

/// Something that the client publishes: a commit or a request.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) subject: String,
    pub(crate) reply: String,
    /// Headers and body.
    pub(crate) bytes: Vec<u8>,
}

impl Published {
    pub(crate) fn is_commit(&self) -> bool {
        contains(&self.bytes, b"Aether-First-Version")
    }

    /// Whether the last message of a subject is asked for.
    pub(crate) fn asks_for_last(&self) -> bool {
        self.subject.starts_with("$JS.API.STREAM.MSG.GET.")
            && contains(&self.bytes, b"last_by_subj")
    }
}

/// What becomes of it.
#[derive(Debug)]
pub(crate) enum Action {
    Pass,
    /// It never arrives.
    Lose,
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
    let (from_client, mut to_client) = client.into_split();
    let (from_server, mut to_server) = upstream.into_split();
    let (mut from_client, mut from_server) =
        (BufReader::new(from_client), BufReader::new(from_server));
    let (answers, mut forged) = tokio::sync::mpsc::unbounded_channel::<Vec<u8>>();
    let mut down = faults.down.subscribe();
    let commands = async {
        while let Some(frame) = frame(&mut from_client).await? {
            match judge(&frame, &faults) {
                Verdict::Send(frame) => to_server.write_all(&frame).await?,
                Verdict::Drop => {}
                Verdict::Answer(answer) => answers.send(answer).unwrap(),
            }
            let commit = contains(&frame, b"Aether-First-Version");
            if commit && faults.down_after_commit.swap(false, Ordering::SeqCst) {
                faults.down.send_replace(true);
            }
        }
        std::io::Result::Ok(())
    };
    let messages = async {
        loop {
            // Reading a frame is not to be interrupted, so forged answers wait for one.
            let bytes = tokio::select! {
                forged = forged.recv() => forged,
                ready = from_server.fill_buf() => {
                    if ready?.is_empty() { None } else { frame(&mut from_server).await? }
                }
            };
            let Some(bytes) = bytes else {
                return std::io::Result::Ok(());
            };
            if !loses(&bytes, &faults) {
                to_client.write_all(&bytes).await?;
            }
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
    Answer(Vec<u8>),
}

fn judge(frame: &[u8], faults: &Faults) -> Verdict {
    let line_end = frame.iter().position(|b| *b == b'\n').unwrap() + 1;
    let line = String::from_utf8_lossy(&frame[..line_end]).into_owned();
    let words: Vec<&str> = line.split_whitespace().collect();
    let (Some(&("PUB" | "HPUB")), Some(subject), Some(reply)) =
        (words.first(), words.get(1), words.get(2))
    else {
        return Verdict::Send(frame.to_vec());
    };
    let published = Published {
        subject: (*subject).to_owned(),
        reply: (*reply).to_owned(),
        bytes: frame[line_end..].to_vec(),
    };
    let mut rule = faults.rule.lock().unwrap();
    match rule.as_mut().map_or(Action::Pass, |rule| rule(&published)) {
        Action::Pass => Verdict::Send(frame.to_vec()),
        Action::Lose => Verdict::Drop,
        Action::Replace(body) => {
            let size = body.len();
            Verdict::Send(format!("PUB {subject} {reply} {size}\r\n{body}\r\n").into())
        }
        Action::Answer(body) => {
            // The client's first subscription is for all answers.
            let size = body.len();
            Verdict::Answer(format!("MSG {} 0 {size}\r\n{body}\r\n", published.reply).into())
        }
        Action::Deny => {
            let denial = format!("Permissions Violation for Publish to \"{subject}\"");
            Verdict::Answer(format!("-ERR '{denial}'\r\n").into())
        }
    }
}

/// Whether this is an acknowledgement that is to be lost.
fn loses(frame: &[u8], faults: &Faults) -> bool {
    let order = Ordering::SeqCst;
    let ack = frame.starts_with(b"MSG ") && contains(frame, br#"{"stream":"#);
    let lose = ack
        && faults
            .lose_acks
            .fetch_update(order, order, |left| left.checked_sub(1))
            .is_ok();
    faults.lost_acks.fetch_add(usize::from(lose), order);
    lose
}

/// One line and, where it announces one, its body.
async fn frame(reader: &mut BufReader<OwnedReadHalf>) -> std::io::Result<Option<Vec<u8>>> {
    let mut frame = Vec::new();
    if reader.read_until(b'\n', &mut frame).await? == 0 {
        return Ok(None);
    }
    let line = String::from_utf8_lossy(&frame).into_owned();
    let with_body = ["MSG ", "HMSG ", "PUB ", "HPUB "];
    if with_body.iter().any(|word| line.starts_with(word)) {
        let size: usize = line.split_whitespace().last().unwrap().parse().unwrap();
        let start = frame.len();
        frame.resize(start + size + 2, 0);
        reader.read_exact(&mut frame[start..]).await?;
    }
    Ok(Some(frame))
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
