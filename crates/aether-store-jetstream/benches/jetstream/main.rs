//! Saving and reading on JetStream beside the bare client of the same run, with the same bytes.
//!
//! `cargo xtask bench jetstream` starts a server and runs this. Limit and store take turns within
//! one process; each number is the median of the passes, each ratio the median of the ratios of
//! passes that followed each other.
//!
//! Options: `--quick` for a try, `--rows save,flight` for some of the rows ([`ROWS`]).

#![allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    reason = "a benchmark"
)]

mod bare;
mod cold;
mod feed;
mod hearing;
mod hint;
mod in_process;
mod meter;
mod read;
mod save;
mod table;
mod world;

use std::process::ExitCode;

use table::Row;
use world::World;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What can be asked for, in the order of the table.
const ROWS: [&str; 14] = [
    "save",
    "flight",
    "batch",
    "own",
    "process",
    "conflict",
    "cold",
    "short",
    "long",
    "feed",
    "live",
    "republish",
    "heard",
    "hint",
];

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Ok(url) = std::env::var("AETHER_NATS_URL") else {
        eprintln!(
            "AETHER_NATS_URL is not set: run `cargo xtask bench jetstream`, which starts a server"
        );
        return ExitCode::FAILURE;
    };
    let is_quick = arguments.iter().any(|argument| argument == "--quick");
    let wanted = match chosen(&arguments) {
        Ok(wanted) => wanted,
        Err(text) => {
            eprintln!("{text}");
            return ExitCode::FAILURE;
        }
    };
    // Within a task, as a user's saves are: what the runtime's first thread runs is slower to wake.
    let rows = tokio::spawn(measure(url, is_quick, wanted));
    print(&rows.await.expect("measured"));
    ExitCode::SUCCESS
}

/// The rows that `--rows` names, or all.
fn chosen(arguments: &[String]) -> Result<Vec<String>, String> {
    let Some(at) = arguments.iter().position(|argument| argument == "--rows") else {
        return Ok(ROWS.map(str::to_owned).into());
    };
    let names = arguments.get(at + 1).map_or("", String::as_str);
    let names: Vec<String> = names.split(',').map(str::to_owned).collect();
    match names.iter().find(|name| !ROWS.contains(&name.as_str())) {
        Some(unknown) => Err(format!("{unknown:?} is none of {}", ROWS.join(", "))),
        None => Ok(names),
    }
}

async fn measure(url: String, is_quick: bool, wanted: Vec<String>) -> Vec<Row> {
    let world = World::connect(&url, is_quick).await;
    let mut rows = Vec::new();
    for name in ROWS.iter().filter(|name| wanted.iter().any(|w| w == *name)) {
        eprintln!("measuring: {name}");
        rows.extend(match *name {
            "save" => save::one_at_a_time(&world).await,
            "flight" => save::many_at_once(&world).await,
            "batch" => save::batches(&world).await,
            "own" => in_process::own_part(&world).await,
            "process" => in_process::conflict(&world).await,
            "conflict" => cold::conflict(&world).await,
            "cold" => cold::cold(&world).await,
            "short" => read::short(&world).await,
            "long" => read::long(&world).await,
            "feed" => feed::catch_up(&world).await,
            "live" => feed::live(&world).await,
            "republish" => hearing::saves(&world).await,
            "heard" => hearing::arrival(&world).await,
            _ => hint::hint(&world).await,
        });
    }
    world.clear().await;
    eprintln!(
        "medians of {} passes, limit and store in turns",
        world.passes
    );
    rows
}

fn print(rows: &[Row]) {
    println!("{}", table::HEAD);
    for row in rows {
        println!("{row}");
    }
    println!();
    for line in rows.iter().filter_map(Row::missed) {
        println!("{line}");
    }
}
