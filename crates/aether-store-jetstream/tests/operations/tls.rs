//! The guide's TLS, with certificates that are made for the test.

use std::path::{Path, PathBuf};

use aether_core::EventStoreExt as _;
use aether_store_jetstream::async_nats::ConnectOptions;
use aether_store_jetstream::{JetStreamConfig, JetStreamStore};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use tempfile::TempDir;

use crate::support::{actor, event};
use crate::{from_guide, server_with};

/// Who signs certificates, and its own one in a file.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: PathBuf,
}

impl Authority {
    pub(crate) fn new(file: PathBuf) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "the test's authority");
        std::fs::write(&file, params.self_signed(&key).unwrap().pem()).unwrap();
        let issuer = Issuer::new(params, key);
        Self { issuer, file }
    }

    /// Writes `server.pem` and `server-key.pem`.
    pub(crate) fn certify_server(&self, folder: &Path) {
        let to_clients = ExtendedKeyUsagePurpose::ServerAuth;
        let to_servers = ExtendedKeyUsagePurpose::ClientAuth;
        self.certify(folder, "server", "127.0.0.1", vec![to_clients, to_servers]);
    }

    /// Writes `NAME.pem` and `NAME-key.pem`.
    pub(crate) fn certify_client(&self, folder: &Path, name: &str) {
        let purpose = ExtendedKeyUsagePurpose::ClientAuth;
        self.certify(folder, name, "service", vec![purpose]);
    }

    /// The options with a client's certificate, and with this authority as the one to trust.
    pub(crate) fn secure(&self, options: ConnectOptions, name: &str) -> ConnectOptions {
        let file = |name| self.file.with_file_name(format!("{name}.pem"));
        options
            .add_root_certificates(self.file.clone())
            .add_client_certificate(file(name.to_owned()), file(format!("{name}-key")))
            .require_tls(true)
    }

    fn certify(
        &self,
        folder: &Path,
        name: &str,
        host: &str,
        purposes: Vec<ExtendedKeyUsagePurpose>,
    ) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = purposes;
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(folder.join(format!("{name}.pem")), certificate.pem()).unwrap();
        std::fs::write(folder.join(format!("{name}-key.pem")), key.serialize_pem()).unwrap();
    }
}

#[tokio::test]
async fn a_store_works_over_tls_with_a_certificate_on_each_side() {
    let files = TempDir::new().unwrap();
    let folder = files.path();
    let authority = Authority::new(folder.join("ca.pem"));
    let stranger = Authority::new(folder.join("stranger.pem"));
    authority.certify_server(folder);
    authority.certify_client(folder, "service");
    stranger.certify_client(folder, "other");

    let configuration = from_guide("tls.conf").replace("/etc/nats", folder.to_str().unwrap());
    let right = || authority.secure(ConnectOptions::new(), "service");
    let server = server_with(&configuration, &files, right).await;

    let client = right().connect(server.url()).await.unwrap();
    let store = JetStreamStore::with_client(client, JetStreamConfig::new("orders"))
        .await
        .unwrap();
    store.save_event(event(&actor("order-1"), 1)).await.unwrap();

    // Without TLS, without a certificate, with somebody else's, and to a server that we can't trust.
    let trusting = || {
        ConnectOptions::new()
            .add_root_certificates(authority.file.clone())
            .require_tls(true)
    };
    let wrong = [
        ("no TLS", ConnectOptions::new()),
        ("no certificate", trusting()),
        (
            "a stranger's",
            authority.secure(ConnectOptions::new(), "other"),
        ),
        (
            "another server",
            stranger.secure(ConnectOptions::new(), "service"),
        ),
    ];
    for (what, options) in wrong {
        assert!(options.connect(server.url()).await.is_err(), "{what}");
    }
}
