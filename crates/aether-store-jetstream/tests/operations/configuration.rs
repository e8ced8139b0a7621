//! The guide's files for the servers and for the store are taken as they are.

use std::process::Command;

use aether_store_jetstream::JetStreamConfig;
use tempfile::TempDir;

use crate::from_guide;
use crate::tls::Authority;

#[test]
fn the_servers_file_and_what_it_includes_are_taken_by_the_server() {
    let files = TempDir::new().unwrap();
    let folder = files.path();
    Authority::new(folder.join("ca.pem")).certify_server(folder);
    let check = |main: &str| {
        for (name, text) in [
            ("nats-server.conf", main),
            ("accounts.conf", &from_guide("accounts.conf")),
            ("tls.conf", &from_guide("tls.conf")),
        ] {
            let text = text.replace("/etc/nats", folder.to_str().unwrap());
            std::fs::write(folder.join(name), text).unwrap();
        }
        let server = std::env::var("AETHER_NATS_SERVER")
            .expect("AETHER_NATS_SERVER is not set: run `cargo xtask integration`");
        let checked = Command::new(server)
            .args(["-t", "-c"])
            .arg(folder.join("nats-server.conf"))
            .output()
            .unwrap();
        (checked.status.success(), String::from_utf8(checked.stderr))
    };
    let right = from_guide("nats-server.conf");
    let (taken, said) = check(&right);
    assert!(taken, "{said:?}");
    // The check has teeth: a word that the server does not know is refused.
    let wrong = right.replace("sync_interval", "sync_intervall");
    let (taken, said) = check(&wrong);
    assert!(!taken, "{said:?}");
}

#[test]
fn the_stores_file_is_a_configuration() {
    let config: JetStreamConfig = toml::from_str(&from_guide("store.toml")).unwrap();
    assert_eq!(config, JetStreamConfig::new("orders").replicas(3));
}
