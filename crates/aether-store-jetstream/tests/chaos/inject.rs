//! Does to the servers and the workers what is planned.

use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use aether_store_jetstream::async_nats;

use crate::crew::Crew;
use crate::log::now;
use crate::schedule::{Fault, Planned, Schedule};
use crate::support::cluster::Cluster;

/// A fault that was injected, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Injected {
    pub(crate) fault: Fault,
    pub(crate) at: u64,
}

/// How many acknowledgements are lost at once.
const LOST_ACKNOWLEDGEMENTS: usize = 5;

/// Faults of the servers until then, one at a time; all servers run when it ends.
pub(crate) async fn servers(
    cluster: &mut Cluster,
    stream: &str,
    schedule: Schedule,
    until: Instant,
    injected: &Mutex<Vec<Injected>>,
) {
    for planned in schedule {
        tokio::time::sleep(planned.after).await;
        if Instant::now() >= until {
            return;
        }
        server(cluster, stream, planned, injected).await;
    }
}

async fn server(
    cluster: &mut Cluster,
    stream: &str,
    planned: Planned,
    injected: &Mutex<Vec<Injected>>,
) {
    let leader = match planned.fault {
        Fault::KillLeader | Fault::PauseLeader | Fault::PauseTwo | Fault::StepDown => {
            cluster.leader_of(stream).await
        }
        _ => planned.target,
    };
    let other = (leader + 1) % cluster.servers.len();
    let fault = planned.fault;
    injected.lock().unwrap().push(Injected { fault, at: now() });
    match fault {
        Fault::KillServer | Fault::KillLeader => {
            cluster.servers[leader].kill();
            tokio::time::sleep(planned.lasts).await;
            cluster.servers[leader].restart().await;
        }
        Fault::StopServer => {
            cluster.servers[leader].stop();
            tokio::time::sleep(planned.lasts).await;
            cluster.servers[leader].restart().await;
        }
        Fault::PauseServer | Fault::PauseLeader => {
            cluster.servers[leader].pause();
            tokio::time::sleep(planned.lasts).await;
            cluster.servers[leader].resume();
        }
        Fault::PauseTwo => {
            cluster.servers[leader].pause();
            cluster.servers[other].pause();
            tokio::time::sleep(planned.lasts / 2).await;
            cluster.servers[leader].resume();
            cluster.servers[other].resume();
        }
        Fault::StepDown => step_down(cluster.servers[leader].url(), stream).await,
        Fault::CutWorker | Fault::LoseAcknowledgements | Fault::KillWorker => {
            unreachable!("a fault of the workers")
        }
    }
}

async fn step_down(server: &str, stream: &str) {
    let client = async_nats::connect(server).await.unwrap();
    let subject = format!("$JS.API.STREAM.LEADER.STEPDOWN.{stream}");
    // A leader that is just going may not answer.
    let answer = client.request(subject, "".into());
    tokio::time::timeout(Duration::from_secs(5), answer)
        .await
        .ok();
}

/// Faults of the workers until then.
pub(crate) async fn workers(
    crew: &mut Crew,
    schedule: Schedule,
    until: Instant,
    injected: &Mutex<Vec<Injected>>,
) {
    for planned in schedule {
        tokio::time::sleep(planned.after).await;
        if Instant::now() >= until {
            return;
        }
        let fault = planned.fault;
        injected.lock().unwrap().push(Injected { fault, at: now() });
        let worker = &mut crew.workers[planned.target];
        match fault {
            Fault::CutWorker => {
                for proxy in &worker.proxies {
                    proxy.set_down(true);
                }
                tokio::time::sleep(planned.lasts).await;
                for proxy in &worker.proxies {
                    proxy.set_down(false);
                }
            }
            Fault::LoseAcknowledgements => {
                // The worker is connected through one of them.
                for proxy in &worker.proxies {
                    let left = &proxy.faults.lose_acks;
                    left.store(LOST_ACKNOWLEDGEMENTS, Ordering::SeqCst);
                }
            }
            _ => {
                worker.kill();
                tokio::time::sleep(planned.lasts).await;
                worker.start();
            }
        }
    }
}
