//! The first line that a NATS server says: who it is.

use std::time::Duration;

use ::url::Url;
use anyhow::{Context as _, Result, bail, ensure};
use semver::Version;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The port that NATS has unless another is named.
const DEFAULT_PORT: u16 = 4222;

/// How long a server may take to accept a connection and to introduce itself.
const INTRODUCTION_TIMEOUT: Duration = Duration::from_secs(3);

/// More than any introduction needs.
const INTRODUCTION_BYTES_MAX: u64 = 64 * 1024;

/// What matters to us of the server's `INFO {...}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Info {
    pub(crate) version: Version,
    #[serde(default)]
    jetstream: bool,
}

impl Info {
    fn parse(line: &str) -> Result<Self> {
        let Some(json) = line.strip_prefix("INFO ") else {
            bail!("what answers is not a NATS server");
        };
        serde_json::from_str(json.trim()).context("the server's INFO line cannot be read")
    }
}

/// Connects and reads the introduction; a server without JetStream is refused.
pub(crate) async fn ask(server: &str) -> Result<Info> {
    let address = address_of(server)?;
    let introduction = timeout(INTRODUCTION_TIMEOUT, introduction(&address))
        .await
        .with_context(|| {
            let seconds = INTRODUCTION_TIMEOUT.as_secs();
            format!("no NATS server answers at {address} within {seconds} s")
        })??;
    let info = Info::parse(&introduction).with_context(|| address.clone())?;
    ensure!(
        info.jetstream,
        "the server at {address} has no JetStream: start it with `-js`"
    );
    Ok(info)
}

async fn introduction(address: &str) -> Result<String> {
    let stream = TcpStream::connect(address)
        .await
        .with_context(|| format!("nothing listens at {address}"))?;
    let mut line = String::new();
    BufReader::new(stream)
        .take(INTRODUCTION_BYTES_MAX)
        .read_line(&mut line)
        .await
        .with_context(|| format!("the server at {address} hung up"))?;
    Ok(line)
}

/// Whether JetStream answers there, which in a cluster it does only with a leader.
pub(crate) async fn jetstream_answers(server: &str) -> Result<bool> {
    const REQUEST: &[u8] = b"CONNECT {\"verbose\":false}\r\nSUB answer 1\r\n\
                             PUB $JS.API.INFO answer 0\r\n\r\n";
    let mut stream = TcpStream::connect(address_of(server)?).await?;
    stream.write_all(REQUEST).await?;
    let answered = timeout(INTRODUCTION_TIMEOUT, async {
        let mut lines = BufReader::new(stream.take(INTRODUCTION_BYTES_MAX)).lines();
        while let Some(line) = lines.next_line().await? {
            if line.contains("account_info_response") {
                return Ok(!line.contains("\"error\""));
            }
        }
        Ok(false)
    });
    // Silence is what a cluster without a leader has to say.
    answered.await.unwrap_or(Ok(false))
}

/// Host and port of a NATS URL, without the credentials it may carry; the first one of a list.
pub(crate) fn address_of(server: &str) -> Result<String> {
    let first = server.split(',').next().unwrap_or_default().trim();
    let first = if first.contains("://") {
        first.to_owned()
    } else {
        format!("nats://{first}")
    };
    let url = Url::parse(&first).context("not an address")?;
    let host = url.host_str().context("the address names no host")?;
    let port = url.port().unwrap_or(DEFAULT_PORT);
    Ok(format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_introduction_gives_the_version_and_jetstream() {
        let line = "INFO {\"server_id\":\"NA\",\"version\":\"2.15.1\",\"proto\":1,\
                    \"jetstream\":true,\"port\":4222} \r\n";
        let info = Info::parse(line).expect("an INFO line");
        assert_eq!(info.version, Version::new(2, 15, 1));
        assert!(info.jetstream);
    }

    #[test]
    fn a_server_that_does_not_mention_jetstream_has_none() {
        let info = Info::parse("INFO {\"version\":\"2.15.1\"}").expect("an INFO line");
        assert!(!info.jetstream);
    }

    #[test]
    fn something_else_that_listens_is_not_taken_for_nats() {
        assert!(Info::parse("SSH-2.0-OpenSSH_9.2\r\n").is_err());
        assert!(Info::parse("").is_err());
        assert!(Info::parse("INFO {").is_err());
    }

    #[test]
    fn addresses_come_in_many_forms_and_credentials_are_left_out() {
        for (url, address) in [
            ("nats://127.0.0.1:4333", "127.0.0.1:4333"),
            ("nats://example.com", "example.com:4222"),
            ("127.0.0.1:4333", "127.0.0.1:4333"),
            ("localhost", "localhost:4222"),
            ("tls://user:secret@example.com:443", "example.com:443"),
            ("nats://[::1]:4222", "[::1]:4222"),
            ("nats://one:1,nats://two:2", "one:1"),
        ] {
            assert_eq!(address_of(url).expect(url), address);
        }
        assert!(address_of("").is_err());
    }
}
