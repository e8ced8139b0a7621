//! Servers that replicate, each a process of this machine.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::ValueEnum;
use futures_util::future::select_all;

use super::program::{self, Given};
use super::{Server, Wanted, binary, info};
use crate::workspace::Workspace;

/// How long the servers may take to elect a leader. They need a few seconds.
const LEADER_TIMEOUT: Duration = Duration::from_secs(60);

/// How often we ask for it.
const LEADER_POLL: Duration = Duration::from_millis(100);

/// How many servers: a number of which a majority outlives the loss of one or of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Size {
    #[value(name = "3")]
    Three,
    #[value(name = "5")]
    Five,
}

impl Size {
    fn servers(self) -> usize {
        match self {
            Self::Three => 3,
            Self::Five => 5,
        }
    }
}

/// Servers that know each other; all are gone when this is dropped.
pub(crate) struct Cluster {
    servers: Vec<Server>,
    program: PathBuf,
}

impl Cluster {
    /// Returns once JetStream has a leader.
    pub(crate) async fn start(size: Size, wanted: &Wanted, workspace: &Workspace) -> Result<Self> {
        let program = program::ours(wanted, workspace).await?;
        let shown = program.strip_prefix(workspace.root()).unwrap_or(&program);
        let shown = shown.display().to_string();
        let routes = free_addresses(size.servers())?;
        let mut servers = Vec::new();
        for (index, own) in routes.iter().enumerate() {
            let args = arguments(index + 1, own, &routes);
            let server = binary::start(Path::new(&program), &shown, &args).await?;
            eprintln!("{server}");
            servers.push(server);
        }
        let cluster = Self { servers, program };
        cluster.wait_for_leader().await?;
        Ok(cluster)
    }

    async fn wait_for_leader(&self) -> Result<()> {
        let deadline = Instant::now() + LEADER_TIMEOUT;
        for server in &self.servers {
            while !info::jetstream_answers(&server.url).await? {
                ensure!(
                    Instant::now() < deadline,
                    "the servers have no JetStream leader after {} s",
                    LEADER_TIMEOUT.as_secs()
                );
                tokio::time::sleep(LEADER_POLL).await;
            }
        }
        Ok(())
    }

    pub(crate) fn urls(&self) -> impl Iterator<Item = &str> {
        self.servers.iter().map(|server| server.url.as_str())
    }

    pub(crate) fn given(&self) -> Given {
        Given {
            url: self.urls().collect::<Vec<_>>().join(","),
            program: self.program.clone(),
        }
    }

    /// Resolves when one of the servers is gone.
    pub(crate) async fn one_ended(&mut self) {
        let ends = self
            .servers
            .iter_mut()
            .map(|server| Box::pin(server.ended()));
        select_all(ends).await;
    }
}

/// Addresses for the servers to reach each other, all held until all are known.
fn free_addresses(count: usize) -> Result<Vec<String>> {
    let listeners = (0..count)
        .map(|_| TcpListener::bind("127.0.0.1:0"))
        .collect::<Result<Vec<_>, _>>()?;
    let addresses = listeners.iter().map(|listener| {
        let address = listener.local_addr()?;
        Ok(format!("nats://{address}"))
    });
    addresses.collect()
}

/// What a server of a cluster is told beyond what each is.
fn arguments(number: usize, own: &str, routes: &[String]) -> Vec<String> {
    let others: Vec<_> = routes.iter().filter(|route| *route != own).collect();
    let others: Vec<_> = others.into_iter().map(String::as_str).collect();
    [
        "--server_name",
        &format!("aether-{number}"),
        "--cluster_name",
        "aether",
        "--cluster",
        own,
        "--routes",
        &others.join(","),
    ]
    .map(str::to_owned)
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_told_of_the_others_and_not_of_itself() {
        let routes = ["nats://a:1", "nats://b:2", "nats://c:3"].map(str::to_owned);
        let args = arguments(2, &routes[1], &routes).join(" ");
        assert!(args.contains("--server_name aether-2 "), "{args}");
        assert!(
            args.ends_with("--cluster nats://b:2 --routes nats://a:1,nats://c:3"),
            "{args}"
        );
    }

    #[test]
    fn addresses_differ() {
        let mut addresses = free_addresses(5).expect("free ports");
        addresses.sort_unstable();
        addresses.dedup();
        assert_eq!(addresses.len(), 5);
    }
}
