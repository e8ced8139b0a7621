//! The crate can be taken alone: a crate outside the workspace that depends on it by path, and on
//! nothing else, saves and reads an event.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use std::path::Path;
use std::process::Command;
use std::{env, fs};

const MANIFEST: &str = r#"
[package]
name = "scratch"
version = "0.0.0"
edition = "2024"

[dependencies]
aether-store-memory = { path = "STORE" }

[workspace]
"#;

const MAIN: &str = r#"
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use aether_store_memory::MemoryStore;
use aether_store_memory::core::{ActorId, EventDraft, EventStoreExt, Version};

fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the memory store does not wait"),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = MemoryStore::new();
    let order = ActorId::new("order-123")?;
    let placed = EventDraft::new(&order, "OrderPlaced", &("book", 3))?.at(Version::FIRST)?;
    ready(store.save_event(placed.clone()))?;
    let events = ready(store.get_events(&order, Version::ZERO))?;
    assert_eq!(events, [placed]);
    println!("read back: {:?}", events[0].decode::<(String, u32)>()?);
    Ok(())
}
"#;

#[test]
fn a_crate_outside_the_workspace_saves_and_reads_with_this_one_alone() {
    let store = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scratch");
    fs::create_dir_all(scratch.join("src")).unwrap();
    let manifest = MANIFEST.replace("STORE", &store.display().to_string());
    fs::write(scratch.join("Cargo.toml"), manifest).unwrap();
    fs::write(scratch.join("src/main.rs"), MAIN).unwrap();
    // The versions that the workspace has, which are on this machine already.
    fs::copy(store.join("../../Cargo.lock"), scratch.join("Cargo.lock")).unwrap();

    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--offline"])
        .current_dir(&scratch)
        .env("CARGO_TARGET_DIR", scratch.join("target"))
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap();
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{stdout}\n{stderr}");
    assert_eq!(stdout.trim(), r#"read back: ("book", 3)"#);
}
