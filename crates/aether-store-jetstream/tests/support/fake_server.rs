//! A server that speaks just enough of the protocol to be connected to, and answers every request
//! in one way.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// How requests are answered.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answers {
    /// As a server does where nobody listens: status 503.
    NoResponders,
    /// As a server does where the account may not publish: an error of the connection.
    NotPermitted,
}

/// Serves on a free port until the runtime ends; gives the address.
pub(crate) async fn serve(version: &str, answers: Answers) -> String {
    serve_and_listen(version, answers).await.0
}

/// The same, and what clients said of themselves when they connected.
pub(crate) async fn serve_and_listen(
    version: &str,
    answers: Answers,
) -> (String, mpsc::UnboundedReceiver<String>) {
    let (said, heard) = mpsc::unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let info: Arc<str> = format!(
        "INFO {{\"server_id\":\"FAKE\",\"server_name\":\"fake\",\"version\":\"{version}\",\
         \"host\":\"127.0.0.1\",\"port\":{},\"headers\":true,\"max_payload\":1048576,\"proto\":1}}\r\n",
        address.port()
    )
    .into();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(talk(socket, info.clone(), answers, said.clone()));
        }
    });
    (format!("nats://{address}"), heard)
}

async fn talk(
    socket: TcpStream,
    info: Arc<str>,
    answers: Answers,
    said: mpsc::UnboundedSender<String>,
) -> std::io::Result<()> {
    let (reader, mut writer) = socket.into_split();
    let mut reader = BufReader::new(reader);
    writer.write_all(info.as_bytes()).await?;
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["CONNECT", ..] => said.send(line.clone()).unwrap_or_default(),
            ["PING"] => writer.write_all(b"PONG\r\n").await?,
            ["PUB" | "HPUB", subject, rest @ ..] => {
                let size: usize = rest.last().unwrap().parse().unwrap();
                let mut body = vec![0; size + 2];
                reader.read_exact(&mut body).await?;
                let answer = match answers {
                    Answers::NotPermitted => {
                        format!("-ERR 'Permissions Violation for Publish to \"{subject}\"'\r\n")
                    }
                    Answers::NoResponders => {
                        let status = "NATS/1.0 503\r\n\r\n";
                        let size = status.len();
                        // The client's first subscription is for all answers.
                        format!("HMSG {} 0 {size} {size}\r\n{status}\r\n", rest[0])
                    }
                };
                writer.write_all(answer.as_bytes()).await?;
            }
            _ => {}
        }
    }
}
