//! Three servers with the guide's files, and what it says to do and to look at when they run.

use std::path::PathBuf;

use aether_core::{EventStoreExt as _, StoreError, StoreErrorKind, Version};
use aether_store_jetstream::{JetStreamConfig, JetStreamStore, Risk};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::server::{Port, Server, Settings};
use crate::support::{actor, event, eventually};
use crate::tls::Authority;
use crate::{SECOND, User, from_guide};

/// The guide's program.
#[allow(dead_code, reason = "its main function is not run here")]
#[path = "../../examples/setup.rs"]
mod setup;

/// The guide's servers: one of it, and two that differ where it says so.
struct Production {
    servers: Vec<Server>,
    files: TempDir,
}

/// One server's addresses in the guide, and what they are here.
struct Place {
    zone: char,
    folder: PathBuf,
    clients: Port,
    routes: Port,
    monitor: Port,
}

impl Production {
    fn start() -> Self {
        let files = TempDir::new().unwrap();
        let authority = Authority::new(files.path().join("ca.pem"));
        authority.certify_client(files.path(), "service");
        let places: Vec<Place> = ('a'..='c').map(|zone| Place::new(zone, &files)).collect();
        for (index, place) in places.iter().enumerate() {
            authority.certify_server(&place.folder);
            std::fs::copy(files.path().join("ca.pem"), place.folder.join("ca.pem")).unwrap();
            place.write_files(index, &places);
        }
        let mut servers: Vec<Server> = places.into_iter().map(Place::into_server).collect();
        servers.iter_mut().for_each(Server::launch);
        Self { servers, files }
    }

    async fn connect(
        &self,
        user: User,
        config: JetStreamConfig,
    ) -> Result<JetStreamStore, StoreError> {
        let urls: Vec<&str> = self.servers.iter().map(Server::url).collect();
        let User(name) = user;
        let password = format!("{name}-password");
        let files = self.files.path();
        setup::connect(config, &urls.join(","), name, &password, files).await
    }

    /// What the stream's leader tells of it.
    async fn stream(&self, name: &str) -> Option<Value> {
        for (index, server) in self.servers.iter().enumerate() {
            let told = server.monitor("/jsz?accounts=1&streams=1&config=1").await?;
            let accounts = told["account_details"].as_array()?;
            let mut streams = accounts
                .iter()
                .filter_map(|account| account["stream_detail"].as_array())
                .flatten();
            let leader = format!("nats-{}", index + 1);
            let is_it = |stream: &&Value| {
                stream["name"] == name && stream["cluster"]["leader"] == leader.as_str()
            };
            if let Some(stream) = streams.find(is_it) {
                return Some(stream.clone());
            }
        }
        None
    }
}

impl Place {
    fn new(zone: char, files: &TempDir) -> Self {
        let folder = files.path().join(zone.to_string());
        std::fs::create_dir(&folder).unwrap();
        Self {
            zone,
            folder,
            clients: Port::free(),
            routes: Port::free(),
            monitor: Port::free(),
        }
    }

    /// The guide's files with the names and paths of this server.
    fn write_files(&self, index: usize, all: &[Self]) {
        let number = index + 1;
        let mut main = from_guide("nats-server.conf")
            .replace(
                "server_name: nats-1",
                &format!("server_name: nats-{number}"),
            )
            // It is given on the command line.
            .replace("  store_dir: \"/var/lib/nats\"\n", "")
            .replace("az:a", &format!("az:{}", self.zone))
            .replace(
                "nats-1.internal:4222",
                &format!("127.0.0.1:{}", self.clients.number),
            )
            .replace(
                "127.0.0.1:8222",
                &format!("127.0.0.1:{}", self.monitor.number),
            )
            .replace(
                "0.0.0.0:4222",
                &format!("127.0.0.1:{}", self.clients.number),
            )
            .replace("0.0.0.0:6222", &format!("127.0.0.1:{}", self.routes.number));
        for (index, place) in all.iter().enumerate() {
            let route = format!("127.0.0.1:{}", place.routes.number);
            main = main.replace(&format!("nats-{}.internal:6222", index + 1), &route);
        }
        assert!(
            !main.contains(".internal") && !main.contains("0.0.0.0"),
            "{main}"
        );
        let write = |name: &str, text: &str| {
            let text = text.replace("/etc/nats", self.folder.to_str().unwrap());
            std::fs::write(self.folder.join(name), text).unwrap();
        };
        write("nats-server.conf", &main);
        write("accounts.conf", &from_guide("accounts.conf"));
        write("tls.conf", &from_guide("tls.conf"));
    }

    fn into_server(self) -> Server {
        let file = self.folder.join("nats-server.conf");
        Server::new(Settings {
            port: self.clients,
            options: vec!["-c".to_owned(), file.to_str().unwrap().to_owned()],
            file_kib_max: None,
            route: Some(self.routes),
            monitor: Some(self.monitor),
        })
    }
}

fn orders() -> JetStreamConfig {
    toml::from_str(&from_guide("store.toml")).unwrap()
}

#[tokio::test]
async fn the_guides_three_servers_work_and_tell_of_themselves_what_it_says() {
    let production = Production::start();
    let (setup, service, operator) = (User("setup"), User("service"), User("operator"));
    eventually("the streams are made", async || {
        production.connect(setup, orders()).await.is_ok()
    })
    .await;
    let store = production.connect(service, orders()).await.unwrap();
    let old = |risk: &Risk| matches!(risk, Risk::OldServerOnReplicas { .. });
    assert!(store.risks().iter().all(old), "{:?}", store.risks());
    let id = actor("order-1");
    for version in 1..=3 {
        store.save_event(event(&id, version)).await.unwrap();
    }
    let events = store.get_events(&id, Version::ZERO).await.unwrap();
    assert_eq!(events.len(), 3);

    for server in &production.servers {
        let told = server.monitor("/jsz").await.unwrap();
        assert_eq!(told["config"]["sync_always"], true, "{told}");
        assert_eq!(told["meta_cluster"]["cluster_size"], 3, "{told}");
        assert!(told["meta_cluster"]["leader"].is_string(), "{told}");
        let told = server.monitor("/varz").await.unwrap();
        assert_eq!(told["cluster"]["tls_required"], true, "{told}");
    }
    for name in ["orders", "orders=~snapshots"] {
        eventually("its leader calls both replicas current", async || {
            let stream = production.stream(name).await.unwrap_or_default();
            let replicas = stream["cluster"]["replicas"].as_array();
            stream["config"]["num_replicas"] == 3
                && stream["config"]["persist_mode"]
                    .as_str()
                    .is_none_or(|mode| mode == "default")
                && replicas.is_some_and(|all| {
                    all.len() == 2 && all.iter().all(|one| one["current"] == true)
                })
        })
        .await;
    }

    // More replicas than there are zones: not silence, but what is wrong.
    let five = JetStreamConfig::new("five")
        .replicas(5)
        .deadline(2 * SECOND);
    let error = production.connect(operator, five).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Misconfigured, "{error}");
    assert!(error.to_string().contains("replicas of stream"), "{error}");
}

#[test]
fn the_guides_program_is_the_one_that_these_tests_connect_with() {
    let program = include_str!("../../examples/setup.rs");
    let (_, connect) = program
        .split_once("-> Result<JetStreamStore, StoreError> {\n")
        .unwrap();
    let (connect, _) = connect.split_once("\n}\n").unwrap();
    let lines = connect
        .lines()
        .map(|line| line.strip_prefix("    ").unwrap_or(line));
    let connect: Vec<&str> = lines.collect();
    assert_eq!(from_guide("connect.rs").trim_end(), connect.join("\n"));
}
