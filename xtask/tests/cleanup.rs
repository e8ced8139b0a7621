//! Whatever ends xtask, the server that it started is gone afterwards.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::net::TcpStream;

use rustix::process::Signal;
use support::{Session, eventually, is_gone};
use testcontainers::core::client::docker_client_instance;

fn with_a_process() -> Session {
    let session = Session::start(&["--nats", "binary"]).expect("a server");
    session.assert_server_runs();
    session
}

fn assert_all_goes(session: &Session) {
    session.assert_server_goes();
    session.assert_command_goes();
    let server = session.server_process();
    eventually("the server's process has ended", || is_gone(server));
}

#[test]
fn when_the_command_ends_the_server_goes() {
    let mut session = with_a_process();
    rustix::process::kill_process(session.command, Signal::TERM).expect("it runs");
    assert_eq!(
        session.wait().code(),
        Some(128 + 15),
        "the command's own end"
    );
    assert_all_goes(&session);
}

#[test]
fn after_ctrl_c_the_server_and_the_command_are_gone() {
    let mut session = with_a_process();
    session.signal(Signal::INT);
    assert_eq!(session.wait().code(), Some(128 + 2));
    assert_all_goes(&session);
}

#[test]
fn after_sigterm_the_server_and_the_command_are_gone() {
    let mut session = with_a_process();
    session.signal(Signal::TERM);
    assert_eq!(session.wait().code(), Some(128 + 15));
    assert_all_goes(&session);
}

#[test]
fn after_the_terminal_hangs_up_the_server_and_the_command_are_gone() {
    let mut session = with_a_process();
    session.signal(Signal::HUP);
    assert_eq!(session.wait().code(), Some(128 + 1));
    assert_all_goes(&session);
}

#[test]
fn after_a_panic_the_server_and_the_command_are_gone() {
    let mut session = Session::start(&["--nats", "binary", "--panic-on-signal"]).expect("a server");
    session.assert_server_runs();
    session.signal(Signal::USR1);
    assert_eq!(session.wait().code(), Some(101), "a panic's code");
    assert_all_goes(&session);
}

#[test]
fn after_kill_9_the_server_is_gone() {
    let mut session = with_a_process();
    session.signal(Signal::KILL);
    session.wait();
    session.assert_server_goes();
    let server = session.server_process();
    eventually("the server's process has ended", || is_gone(server));
}

#[test]
fn after_kill_9_no_server_of_a_cluster_is_left() {
    let mut session = Session::start(&["--cluster", "3"]).expect("a cluster");
    let servers: Vec<_> = session.address.split(",nats://").collect();
    assert_eq!(servers.len(), 3, "{servers:?}");
    for server in &servers {
        TcpStream::connect(server).expect("it listens");
    }
    let servers: Vec<_> = servers.into_iter().map(str::to_owned).collect();
    session.signal(Signal::KILL);
    session.wait();
    for server in servers {
        eventually("the server's port is closed", || {
            TcpStream::connect(&server).is_err()
        });
    }
    session.assert_folder_empties();
}

/// A session in a container; where Docker does not answer, xtask has to have said so.
fn with_a_container(more: &[&str]) -> Option<Session> {
    match Session::start(&[&["--nats", "container"], more].concat()) {
        Ok(session) => Some(session),
        Err(complaint) => {
            assert!(
                complaint.contains("Docker cannot be reached"),
                "{complaint}"
            );
            None
        }
    }
}

fn assert_container_goes(name: &str) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let docker = docker_client_instance().await.expect("Docker");
        let gone = async || docker.inspect_container(name, None).await.is_err();
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
        while !gone().await {
            assert!(
                tokio::time::Instant::now() < deadline,
                "{name} is still there"
            );
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    });
}

#[test]
fn after_sigterm_the_container_is_gone() {
    let Some(mut session) = with_a_container(&[]) else {
        return;
    };
    session.assert_server_runs();
    session.signal(Signal::TERM);
    session.wait();
    session.assert_server_goes();
    session.assert_command_goes();
    assert_container_goes(session.container());
}

#[test]
fn after_a_panic_the_container_is_gone() {
    let Some(mut session) = with_a_container(&["--panic-on-signal"]) else {
        return;
    };
    session.assert_server_runs();
    session.signal(Signal::USR1);
    assert_eq!(session.wait().code(), Some(101), "a panic's code");
    session.assert_server_goes();
    session.assert_command_goes();
    assert_container_goes(session.container());
}

#[test]
fn after_kill_9_the_container_is_gone() {
    let Some(mut session) = with_a_container(&[]) else {
        return;
    };
    session.signal(Signal::KILL);
    session.wait();
    session.assert_server_goes();
    assert_container_goes(session.container());
}
