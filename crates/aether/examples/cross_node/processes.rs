//! The processes that the example starts: a NATS server, and itself once more.

use std::error::Error;
use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// However slow the machine is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

const NO_SERVER: &str = "AETHER_NATS_SERVER is not set: which nats-server is to be started, and \
    killed? `cargo xtask with-nats -- cargo run --features aether/nats,aether/jetstream --example \
    cross_node` says which";

/// A NATS server with JetStream, of the example's own. It and its files are gone when it is dropped.
pub(crate) struct Server {
    pub(crate) url: String,
    program: String,
    port: u16,
    running: Child,
    files: TempDir,
}

impl Server {
    pub(crate) async fn start() -> Result<Self, Box<dyn Error>> {
        let program = std::env::var("AETHER_NATS_SERVER").map_err(|_| NO_SERVER)?;
        let files = TempDir::with_prefix("aether-cross-node-")?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        Ok(Self {
            url: format!("nats://127.0.0.1:{port}"),
            running: run(&program, port, &files).await?,
            program,
            port,
            files,
        })
    }

    /// SIGKILL: it has no time to say or to write anything.
    pub(crate) async fn kill(&mut self) -> Result<(), Box<dyn Error>> {
        Ok(self.running.kill().await?)
    }

    /// Starts it again, with the streams that it had.
    pub(crate) async fn restart(&mut self) -> Result<(), Box<dyn Error>> {
        self.running = run(&self.program, self.port, &self.files).await?;
        Ok(())
    }
}

/// Starts a server and waits until it takes connections.
async fn run(program: &str, port: u16, files: &TempDir) -> Result<Child, Box<dyn Error>> {
    let port = port.to_string();
    let mut server = Command::new(program)
        .args(["-js", "-a", "127.0.0.1", "-p", &port, "-sd"])
        .arg(files.path())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut log = lines(server.stderr.take())?;
    while !next(&mut log).await?.contains("Server is ready") {}
    // Somebody has to read what it says from now on.
    tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
    Ok(server)
}

/// This program once more, in another role. It is gone when it is dropped.
pub(crate) struct OtherProcess {
    running: Child,
    output: Lines<BufReader<ChildStdout>>,
    /// All that it has said so far.
    pub(crate) said: Vec<String>,
}

impl OtherProcess {
    pub(crate) fn start(arguments: [&str; 2]) -> Result<Self, Box<dyn Error>> {
        let mut running = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self {
            output: lines(running.stdout.take())?,
            running,
            said: Vec::new(),
        })
    }

    /// Prints what it says, until it has said this.
    pub(crate) async fn says(&mut self, expected: &str) -> Result<(), Box<dyn Error>> {
        while !self.said.iter().any(|line| line.contains(expected)) {
            let line = next(&mut self.output).await?;
            println!("{line}");
            self.said.push(line);
        }
        Ok(())
    }

    /// SIGSTOP: it does nothing more until it is resumed.
    pub(crate) async fn pause(&self) -> Result<(), Box<dyn Error>> {
        self.signal("-STOP").await
    }

    /// SIGCONT.
    pub(crate) async fn resume(&self) -> Result<(), Box<dyn Error>> {
        self.signal("-CONT").await
    }

    async fn signal(&self, signal: &str) -> Result<(), Box<dyn Error>> {
        let pid = self.running.id().ok_or("it has ended")?.to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().await?;
        match sent.success() {
            true => Ok(()),
            false => Err(format!("kill {signal} {pid}: {sent}").into()),
        }
    }

    /// Waits until it ends by itself, which it should do without an error.
    pub(crate) async fn ends(&mut self) -> Result<(), Box<dyn Error>> {
        let ended = timeout(PATIENCE, self.running.wait()).await??;
        match ended.success() {
            true => Ok(()),
            false => Err(format!("the other process: {ended}").into()),
        }
    }
}

fn lines<R: AsyncRead + Unpin>(pipe: Option<R>) -> Result<Lines<BufReader<R>>, Box<dyn Error>> {
    let pipe = pipe.ok_or("a process without the pipe that was asked for")?;
    Ok(BufReader::new(pipe).lines())
}

async fn next<R: AsyncRead + Unpin>(
    lines: &mut Lines<BufReader<R>>,
) -> Result<String, Box<dyn Error>> {
    let line = timeout(PATIENCE, lines.next_line()).await??;
    Ok(line.ok_or("a process has ended too early")?)
}
