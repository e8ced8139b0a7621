//! A server of a test's own, to be killed, paused and restarted.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long a server may take to be ready, or to be gone.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a server is begun anew whose port somebody else took first.
const STARTS_MAX: usize = 5;

/// A server process of a test's own. It and its files are gone when this is dropped, and its
/// process also when the test binary is killed.
#[derive(Debug)]
pub(crate) struct Server {
    url: String,
    settings: Settings,
    files: TempDir,
    store_dir: PathBuf,
    keeper: Option<Keeper>,
    paused: AtomicBool,
}

/// What a server is started with, again and again.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) port: Port,
    /// More arguments for its command line.
    pub(crate) options: Vec<String>,
    /// No file of its can grow past this: it gets an error when it tries to.
    pub(crate) file_kib_max: Option<u64>,
    /// Where the others of its cluster find it.
    pub(crate) route: Option<Port>,
    /// Where it tells about itself.
    pub(crate) monitor: Option<Port>,
}

impl Server {
    /// With JetStream, on a free port, in a directory of its own; waits until it is ready.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with more arguments on its command line.
    pub(crate) async fn start_with(options: &[&str]) -> Self {
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        for _ in 0..STARTS_MAX {
            let mut server = Self::new(Settings {
                port: Port::free(),
                options: options.clone(),
                file_kib_max: None,
                route: None,
                monitor: None,
            });
            server.launch();
            match server.ready().await {
                Ok(()) => return server,
                Err(log) if log.contains("address already in use") => {}
                Err(log) => panic!("the server is not ready:\n{log}"),
            }
        }
        panic!("no port stayed free long enough to start a server on it");
    }

    /// Not started yet.
    pub(crate) fn new(settings: Settings) -> Self {
        let files = TempDir::with_prefix("aether-nats-").unwrap();
        Self {
            url: format!("nats://127.0.0.1:{}", settings.port.number),
            settings,
            store_dir: files.path().join("store"),
            files,
            keeper: None,
            paused: AtomicBool::new(false),
        }
    }

    /// The same after a restart.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Where it keeps its streams, for who changes something there while it is stopped.
    pub(crate) fn store_dir(&self) -> &Path {
        &self.store_dir
    }

    /// The limit that it has from the next start on.
    pub(crate) fn set_file_kib_max(&mut self, max: Option<u64>) {
        self.settings.file_kib_max = max;
    }

    /// Whether it is there and not paused.
    pub(crate) fn is_running(&self) -> bool {
        self.keeper.is_some() && !self.paused.load(Ordering::SeqCst)
    }

    /// SIGKILL; it is gone when this returns.
    pub(crate) fn kill(&mut self) {
        self.end("KILL");
    }

    /// SIGTERM, which it takes as a request to end in order; it is gone when this returns.
    pub(crate) fn stop(&mut self) {
        self.end("TERM");
    }

    /// Starts it again on the same port and the same files; waits until it is ready (a member of
    /// a cluster: until clients can connect, since all else takes most of the members).
    pub(crate) async fn restart(&mut self) {
        self.kill();
        self.launch();
        if let Err(log) = self.ready().await {
            panic!("the server is not ready again:\n{log}");
        }
    }

    /// SIGSTOP: it does nothing more, and its connections stay open.
    pub(crate) fn pause(&self) {
        self.paused.store(true, Ordering::SeqCst);
        self.running().signal("STOP");
    }

    /// SIGCONT.
    pub(crate) fn resume(&self) {
        self.running().signal("CONT");
        self.paused.store(false, Ordering::SeqCst);
    }

    /// What it tells about itself at this path; none where it does not.
    pub(crate) async fn monitor(&self, path: &str) -> Option<serde_json::Value> {
        let port = self.settings.monitor.as_ref()?.number;
        let mut socket = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
        let request = format!("GET {path} HTTP/1.0\r\n\r\n");
        socket.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.ok()?;
        let (_, body) = answer.split_once("\r\n\r\n")?;
        serde_json::from_str(body).ok()
    }

    /// Starts the process, without waiting.
    pub(crate) fn launch(&mut self) {
        let mut arguments = vec!["-js".to_owned(), "-sd".into()];
        arguments.push(self.store_dir().to_str().unwrap().to_owned());
        arguments.extend(["-a".into(), "127.0.0.1".into(), "-p".into()]);
        arguments.push(self.settings.port.number.to_string());
        arguments.extend(self.settings.options.iter().cloned());
        let log = self.log();
        self.keeper = Some(Keeper::start(&arguments, &log, self.settings.file_kib_max));
    }

    /// Waits until it answers. The error is what it has logged.
    pub(crate) async fn ready(&self) -> Result<(), String> {
        let started = Instant::now();
        while !self.answers().await {
            let log = std::fs::read_to_string(self.log()).unwrap_or_default();
            if log.contains("[FTL]") || started.elapsed() > PATIENCE {
                let lines: Vec<&str> = log.lines().collect();
                return Err(lines[lines.len().saturating_sub(30)..].join("\n"));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    async fn answers(&self) -> bool {
        let options = async_nats::ConnectOptions::new().connection_timeout(Duration::from_secs(1));
        let Ok(client) = options.connect(&self.url).await else {
            return false;
        };
        if self.settings.route.is_some() {
            // It needs most of the others to say more.
            return true;
        }
        let answer = client.request("$JS.API.INFO", "".into());
        match tokio::time::timeout(Duration::from_secs(1), answer).await {
            Ok(Ok(answer)) => !String::from_utf8_lossy(&answer.payload).contains("\"error\""),
            _ => false,
        }
    }

    /// What it says of itself.
    fn log(&self) -> PathBuf {
        self.files.path().join("log")
    }

    fn running(&self) -> &Keeper {
        self.keeper.as_ref().expect("the server has been ended")
    }

    fn end(&mut self, signal: &str) {
        if let Some(keeper) = self.keeper.take() {
            keeper.end(signal);
        }
        self.paused.store(false, Ordering::SeqCst);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The parent of a server's process: a shell that reads from a pipe which signals to pass on.
///
/// Only this process can write to the pipe. However it ends, the pipe ends with it, and then the
/// shell kills the server, also one that is paused. The shell does not wait for the server
/// before, so that nobody else gets its process id.
#[derive(Debug)]
struct Keeper {
    shell: Child,
    signals: ChildStdin,
    passed_on: Mutex<BufReader<ChildStdout>>,
}

const KEEPER: &str = r#"
"$@" >>"$AETHER_LOG" 2>&1 </dev/null &
server=$!
while read -r signal; do
    kill -s "$signal" $server
    case $signal in
    KILL | TERM)
        kill -s CONT $server 2>/dev/null # one that is paused would not see it
        wait $server 2>/dev/null
        exit
        ;;
    esac
    echo "$signal"
done
kill -s KILL $server
"#;

impl Keeper {
    fn start(arguments: &[String], log: &Path, file_kib_max: Option<u64>) -> Self {
        // The signal for a file that would grow too large is ignored, so that writing gives an
        // error, as on a full disk. The shell counts in blocks of 512 bytes.
        let limit = match file_kib_max {
            Some(kib) => format!("trap '' XFSZ\nulimit -f {}\n", kib * 2),
            None => String::new(),
        };
        let mut shell = Command::new("sh")
            .args(["-c", &format!("{limit}{KEEPER}"), "keeper"])
            .arg(executable())
            .args(arguments)
            .env("AETHER_LOG", log)
            // What is sent to the test's group, as Ctrl-C does, must not end the shell first.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let signals = shell.stdin.take().unwrap();
        let passed_on = Mutex::new(BufReader::new(shell.stdout.take().unwrap()));
        Self {
            shell,
            signals,
            passed_on,
        }
    }

    fn write(&self, signal: &str) {
        writeln!(&self.signals, "{signal}").unwrap();
    }

    /// Sends a signal; it has been sent when this returns.
    fn signal(&self, signal: &str) {
        let mut passed_on = self.passed_on.lock().unwrap();
        self.write(signal);
        let mut line = String::new();
        passed_on.read_line(&mut line).unwrap();
        assert_eq!(line.trim_end(), signal, "the server's shell has ended");
    }

    /// Ends the server, and waits until it has ended.
    fn end(mut self, signal: &str) {
        self.write(signal);
        let started = Instant::now();
        while self.shell.try_wait().unwrap().is_none() {
            assert!(started.elapsed() < PATIENCE, "the server does not end");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Without one these tests fail: passing by not running is a lie.
fn executable() -> String {
    std::env::var("AETHER_NATS_SERVER").unwrap_or_else(|_| {
        panic!("AETHER_NATS_SERVER is not set: run `cargo xtask integration`, which finds a server")
    })
}

/// A port of this machine that no other test uses, also while its server is down.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) number: u16,
    /// Says so to the other processes; the system lets go of it when this one ends.
    _claim: File,
}

impl Port {
    /// Below the range from which systems take ports for whoever connects to something: one of
    /// those could be taken while the server is down.
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 10_000;

    pub(crate) fn free() -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        // Processes begin at different places, so that they seldom meet.
        let begin = u16::try_from(std::process::id() * 97 % u32::from(Self::COUNT)).unwrap();
        let claims = std::env::temp_dir().join("aether-test-ports");
        std::fs::create_dir_all(&claims).unwrap();
        for _ in 0..Self::COUNT {
            let offset = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(begin);
            let number = Self::FIRST + offset % Self::COUNT;
            let claim = File::create(claims.join(number.to_string())).unwrap();
            let free = claim.try_lock().is_ok()
                && std::net::TcpListener::bind(("127.0.0.1", number)).is_ok();
            if free {
                return Self {
                    number,
                    _claim: claim,
                };
            }
        }
        panic!("no port is free from {} on", Self::FIRST);
    }
}
