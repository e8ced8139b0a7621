//! Where there is no server to be had, xtask says so within seconds, and what to do.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::io::Write as _;
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use support::{ADDRESS, Finished, finish, xtask};

/// `--nats url` at an address; the command must never run.
fn ask(address: &str) -> Finished {
    let mut command = xtask(&["with-nats", "--nats", "url", "--", "false"]);
    command.env(ADDRESS, format!("nats://{address}"));
    let finished = finish(command);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.took < Duration::from_secs(10), "{finished:?}");
    finished
}

/// A listener that says one line to everybody.
fn listener_that_says(line: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            stream
                .and_then(|mut stream| stream.write_all(line.as_bytes()))
                .expect("written");
        }
    });
    address
}

#[test]
fn an_address_where_nothing_listens_is_named_with_what_to_do() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    drop(listener);
    let said = ask(&address).stderr;
    for part in [
        format!("nothing listens at {address}"),
        "AETHER_NATS_URL names it".to_owned(),
        "start one with JetStream (`nats-server -js`)".to_owned(),
    ] {
        assert!(said.contains(&part), "{part} is missing in: {said}");
    }
}

#[test]
fn a_listener_that_says_nothing_is_given_up_on() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    let said = ask(&address).stderr;
    assert!(said.contains("no NATS server answers at"), "{said}");
}

#[test]
fn a_server_without_jetstream_is_refused() {
    let said = ask(&listener_that_says("INFO {\"version\":\"2.15.1\"}\r\n")).stderr;
    assert!(said.contains("has no JetStream"), "{said}");
}

#[test]
fn a_server_that_is_too_old_is_refused() {
    let old = "INFO {\"version\":\"2.10.26\",\"jetstream\":true}\r\n";
    let said = ask(&listener_that_says(old)).stderr;
    assert!(said.contains("it is 2.10.26, older than 2.11.0"), "{said}");
}

#[test]
fn something_else_that_listens_is_refused() {
    let said = ask(&listener_that_says("220 mail.example.com\r\n")).stderr;
    assert!(said.contains("what answers is not a NATS server"), "{said}");
}

#[test]
fn a_version_without_a_checksum_is_never_fetched() {
    let mut command = xtask(&["with-nats", "--nats", "binary"]);
    command.args(["--server-version", "2.10.26", "--", "false"]);
    let finished = finish(command);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    for part in [
        "no checksum is pinned for nats-server 2.10.26",
        "nats-server on the PATH",
    ] {
        assert!(
            finished.stderr.contains(part),
            "{part} is missing in: {finished:?}"
        );
    }
}
