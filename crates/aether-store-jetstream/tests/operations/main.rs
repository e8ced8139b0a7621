//! What `docs/operations.md` tells people to do, done: its files are taken from its text.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics says where"
)]

mod backup;
mod configuration;
mod hearing;
mod permissions;
mod production;
mod retention;
#[path = "../support/mod.rs"]
mod support;
mod tls;

use std::time::Duration;

use aether_store_jetstream::async_nats::{Client, ConnectOptions, Event, ServerError};
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::support::eventually;
use crate::support::server::{Port, Server, Settings};

const SECOND: Duration = Duration::from_secs(1);
const GUIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");

/// The block of the guide that follows the comment with this name.
fn from_guide(name: &str) -> String {
    let guide = std::fs::read_to_string(GUIDE).unwrap();
    let mark = format!("<!-- tested: {name} -->\n\n```");
    let (_, after) = guide
        .split_once(&mark)
        .unwrap_or_else(|| panic!("{GUIDE} has no block {name}"));
    // After the mark there is the name of the language.
    let (_, after) = after.split_once('\n').unwrap();
    let (block, _) = after.split_once("\n```").unwrap();
    format!("{block}\n")
}

/// A server with this configuration file, once somebody can connect as these options say.
async fn server_with(
    configuration: &str,
    files: &TempDir,
    options: impl Fn() -> ConnectOptions,
) -> Server {
    let file = files.path().join("nats-server.conf");
    std::fs::write(&file, configuration).unwrap();
    let mut server = Server::new(Settings {
        port: Port::free(),
        options: vec!["-c".to_owned(), file.to_str().unwrap().to_owned()],
        file_kib_max: None,
        route: None,
        monitor: None,
    });
    server.launch();
    let url = server.url().to_owned();
    eventually("the server takes connections", async || {
        let options = options().connection_timeout(SECOND);
        options.connect(&url).await.is_ok()
    })
    .await;
    server
}

/// A user of the guide's configuration.
#[derive(Clone, Copy)]
pub(crate) struct User(&'static str);

impl User {
    fn options(self) -> ConnectOptions {
        let Self(name) = self;
        ConnectOptions::with_user_and_password(name.to_owned(), format!("{name}-password"))
            .custom_inbox_prefix(format!("_INBOX_{name}"))
    }

    async fn connect(self, server: &Server) -> Connected {
        let (sender, denials) = mpsc::unbounded_channel();
        let client = self
            .options()
            .event_callback(move |event| {
                if let Event::ServerError(ServerError::Other(text)) = event {
                    // The test may be over.
                    sender.send(text).ok();
                }
                std::future::ready(())
            })
            .connect(server.url())
            .await
            .unwrap();
        Connected { client, denials }
    }
}

/// A client that hears what it is not allowed.
pub(crate) struct Connected {
    client: Client,
    denials: mpsc::UnboundedReceiver<String>,
}

impl Connected {
    async fn is_denied_to_publish(&mut self, subject: &str) {
        let inbox = self.client.new_inbox();
        self.client
            .publish_with_reply(subject.to_owned(), inbox, "".into())
            .await
            .unwrap();
        self.hears(&format!(
            "Permissions Violation for Publish to \"{subject}\""
        ))
        .await;
    }

    async fn is_denied_to_subscribe(&mut self, subject: &str) {
        let subscription = self.client.subscribe(subject.to_owned()).await.unwrap();
        self.hears(&format!(
            "Permissions Violation for Subscription to \"{subject}\""
        ))
        .await;
        drop(subscription);
    }

    async fn hears(&mut self, what: &str) {
        let said = tokio::time::timeout(10 * SECOND, self.denials.recv());
        let said = said.await.unwrap_or_else(|_| panic!("nobody says: {what}"));
        let said = said.unwrap().to_lowercase();
        assert!(
            said.contains(&what.to_lowercase()),
            "{said:?} is not: {what}"
        );
    }

    /// Whatever was denied has been said when the server has answered the client's ping.
    async fn was_denied_nothing(&mut self) {
        self.client.flush().await.unwrap();
        let said = self.denials.try_recv();
        assert!(said.is_err(), "{said:?}");
    }
}
