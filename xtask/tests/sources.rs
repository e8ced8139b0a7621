//! Each source gives a server, and says which one it is.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::process::Command;
use std::thread;

use support::{ADDRESS, Finished, Session, finish, without_installed_server, xtask};

/// Nothing listens there: port 1 is reserved, and not ours to open.
const NO_DOCKER: &str = "tcp://127.0.0.1:1";

/// `xtask with-nats` around a command that shows the address.
fn show_address(args: &[&str]) -> Command {
    let mut command = xtask(&["with-nats"]);
    command.args(args);
    command.args(["--", "sh", "-c", "echo $AETHER_NATS_URL"]);
    command
}

fn assert_server(finished: &Finished, version: &str) {
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(
        finished.stdout.starts_with("nats://127.0.0.1:"),
        "{finished:?}"
    );
    let line = format!("server: nats-server {version} at 127.0.0.1:");
    assert!(finished.stderr.contains(&line), "{finished:?}");
}

#[test]
fn without_docker_a_process_takes_its_place_and_the_reason_is_said() {
    let mut command = show_address(&["--server-version", "2.15.1"]);
    command.env("DOCKER_HOST", NO_DOCKER);
    let finished = finish(command);
    assert_server(&finished, "2.15.1");
    let reason = format!("no container (Docker cannot be reached at {NO_DOCKER}");
    assert!(finished.stderr.contains(&reason), "{finished:?}");
    assert!(finished.stderr.contains("a process (pid "), "{finished:?}");
}

#[test]
fn docker_at_a_socket_that_is_not_there_is_no_obstacle_either() {
    let mut command = show_address(&["--server-version", "2.15.1"]);
    command.env("DOCKER_HOST", "unix:///nowhere/docker.sock");
    assert_server(&finish(command), "2.15.1");
}

#[test]
fn a_version_that_was_asked_for_is_the_one_that_runs() {
    let finished = finish(show_address(&[
        "--nats",
        "binary",
        "--server-version",
        "2.12.8",
    ]));
    assert_server(&finished, "2.12.8");
}

#[test]
fn an_address_in_the_environment_is_used_as_it_is() {
    let session = Session::start(&["--nats", "binary"]).expect("a server");
    let url = format!("nats://{}", session.address);
    for args in [&[][..], &["--nats", "url"]] {
        let mut command = show_address(args);
        command.env(ADDRESS, &url);
        let finished = finish(command);
        assert_eq!(finished.stdout.trim(), url, "{finished:?}");
        assert!(
            finished.stderr.contains("one that ran already"),
            "{finished:?}"
        );
    }
}

#[test]
fn a_server_of_another_version_than_asked_for_is_refused() {
    let session = Session::start(&["--nats", "binary"]).expect("a server");
    let mut command = show_address(&["--server-version", "2.12.8"]);
    command.env(ADDRESS, format!("nats://{}", session.address));
    let finished = finish(command);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(
        finished.stderr.contains("asked for was 2.12.8"),
        "{finished:?}"
    );
}

#[test]
fn two_runs_that_fetch_the_same_server_do_not_disturb_each_other() {
    let target = tempfile::tempdir().expect("a folder");
    thread::scope(|scope| {
        let run = || {
            let mut command = show_address(&["--nats", "binary", "--server-version", "2.15.1"]);
            command.env("CARGO_TARGET_DIR", target.path());
            without_installed_server(&mut command);
            finish(command)
        };
        let runs = [scope.spawn(run), scope.spawn(run)];
        for run in runs {
            assert_server(&run.join().expect("no panic"), "2.15.1");
        }
    });
    let versions = std::fs::read_dir(target.path().join("nats")).expect("there");
    assert_eq!(versions.count(), 1, "no scratch folder is left");
}

#[test]
fn the_exit_code_is_the_commands_own() {
    let mut command = xtask(&["with-nats", "--nats", "binary"]);
    command.args(["--", "sh", "-c", "exit 7"]);
    assert_eq!(finish(command).code, Some(7));
}
