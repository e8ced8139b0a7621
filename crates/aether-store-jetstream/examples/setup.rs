//! Makes the streams of a store, once, when a service is installed, and says what is risky about
//! them: the program of `docs/operations.md`.
//!
//! It takes the store's settings from the environment, the same as the service's, and besides
//! `NATS_ADDRESS`, `NATS_PASSWORD`, and in `NATS_CERTIFICATES` the folder with `ca.pem`,
//! `service.pem` and `service-key.pem`.
//!
//! ```sh
//! AETHER_STREAM=orders AETHER_REPLICAS=3 NATS_ADDRESS=nats://nats-1.internal:4222 \
//! NATS_PASSWORD=… NATS_CERTIFICATES=/etc/aether \
//!     cargo run -p aether-store-jetstream --example setup
//! ```

use std::error::Error;
use std::path::Path;

use aether_core::StoreError;
use aether_store_jetstream::async_nats::ConnectOptions;
use aether_store_jetstream::{JetStreamConfig, JetStreamStore};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let given = |name| std::env::var(name).map_err(|error| format!("{name}: {error}"));
    let config = JetStreamConfig::from_env()?;
    let (address, password) = (given("NATS_ADDRESS")?, given("NATS_PASSWORD")?);
    let certificates = given("NATS_CERTIFICATES")?;
    let store = connect(config, &address, "setup", &password, certificates.as_ref()).await?;
    println!("{} is there", store.events_stream());
    for risk in store.risks() {
        println!("risk: {risk}");
    }
    Ok(())
}

/// As a user of the guide's accounts, over TLS.
pub(crate) async fn connect(
    config: JetStreamConfig,
    address: &str,
    user: &str,
    password: &str,
    certificates: &Path,
) -> Result<JetStreamStore, StoreError> {
    let file = |name: &str| certificates.join(name);
    let options = ConnectOptions::with_user_and_password(user.to_owned(), password.to_owned())
        .custom_inbox_prefix(format!("_INBOX_{user}"))
        .add_root_certificates(file("ca.pem"))
        .add_client_certificate(file("service.pem"), file("service-key.pem"))
        .require_tls(true);
    let store = JetStreamStore::builder(config);
    store.connect_with(address, options).await
}
