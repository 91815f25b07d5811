//! Load: how much work the running program does a second, what a request costs it in CPU time, and how that compares
//! with the least program that does the same (the floor), measured in turns within the same run. A program, not a timed
//! test: it prints tables, and only a request that fails makes it fail.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a program for developers that ends where it finds something else than it expects"
)]

#[path = "../lib/authenticator.rs"]
#[expect(dead_code, reason = "shared with attacks, which do more with it")]
mod authenticator;
mod floor;
mod growth;
mod installation;
#[path = "../lib/key.rs"]
mod key;
mod measure;
mod process;
mod scenario;
mod wire;

use clap::{Args, Parser, Subcommand, ValueEnum};
use installation::{Installation, Role, Store};
use measure::{Measured, measure, median};
use scenario::Scenario;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Measures the program under load, beside the least program that does the same work.
#[derive(Parser)]
#[command(name = "load", after_help = "Use ./integration-tests/load/run, which builds and starts all that is needed.")]
struct Arguments {
    #[command(subcommand)]
    what: What,
    /// Given by cargo.
    #[arg(long, hide = true, global = true)]
    bench: bool,
}

#[derive(Subcommand)]
enum What {
    /// Requests a second, latencies, CPU time and memory of every scenario, with the ratio to the floor
    Speed(Speed),
    /// Every scenario for a moment on SQLite: shows that this program works
    Smoke,
    /// Write throughput at 1, 8 and 32 connections: commits are shared
    Writes {
        /// Seconds for each number of connections
        #[arg(long, default_value_t = 4.0)]
        seconds: f64,
    },
    /// Size of the program, time until it is ready, memory at rest and with many live sessions
    Size {
        /// Live sessions on PostgreSQL + Redis
        #[arg(long, default_value_t = 100_000)]
        sessions: usize,
    },
    /// The CPU time of a sign-in with few and with many accounts and old rows, on PostgreSQL + Redis
    Growth(growth::Growth),
    /// The floor program
    #[command(hide = true)]
    Floor { settings: PathBuf, address: SocketAddr },
}

#[derive(Args)]
struct Speed {
    /// Seconds of one measurement; floor and program take turns
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Turns of each; the median counts
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Connections at a time
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// One store only
    #[arg(long)]
    store: Option<Store>,
    /// These scenarios only
    #[arg(long, value_delimiter = ',')]
    only: Vec<Scenario>,
    /// People with accounts
    #[arg(long, default_value_t = 400)]
    people: usize,
}

fn main() {
    let arguments = Arguments::parse();
    if let What::Floor { settings, address } = arguments.what {
        // As many threads as the provider takes.
        return runtime(None).block_on(floor::serve(&settings, address));
    }
    let folder = Folder::new();
    // One thread: the load must leave the machine to what it measures.
    runtime(Some(1)).block_on(async {
        match arguments.what {
            What::Speed(speed) => run_speed(&speed, &folder.0).await,
            What::Smoke => {
                let seconds = 0.1;
                let store = Some(Store::Sqlite);
                let only = Vec::new();
                run_speed(&Speed { seconds, rounds: 1, connections: 2, store, only, people: 8 }, &folder.0).await;
            }
            What::Writes { seconds } => run_writes(Duration::from_secs_f64(seconds), &folder.0).await,
            What::Size { sessions } => run_size(sessions, &folder.0).await,
            What::Growth(growth) => growth.run(&folder.0).await,
            What::Floor { .. } => {}
        }
    });
}

fn runtime(threads: Option<usize>) -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = threads {
        builder.worker_threads(threads);
    }
    builder.enable_all().build().unwrap()
}

/// base64url without padding.
fn base64_url(bytes: impl AsRef<[u8]>) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// The folder of a run, gone with it unless something failed.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let parent = std::env::var_os("DINHDANH_LOAD_FOLDER").map_or_else(std::env::temp_dir, PathBuf::from);
        let path = parent.join(format!("dinhdanh-load-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("\nlogs: {}", self.0.display());
        } else {
            drop(std::fs::remove_dir_all(&self.0));
        }
    }
}

async fn run_speed(speed: &Speed, folder: &Path) {
    let length = Duration::from_secs_f64(speed.seconds);
    for store in Store::value_variants() {
        if speed.store.is_some_and(|only| only != *store) {
            continue;
        }
        let server = Installation::start(*store, Role::Server, speed.people, folder).await;
        let floor = Installation::start(*store, Role::Floor, speed.people, folder).await;
        println!("\n## {}: {} connections, {} x {length:?}\n", store.title(), speed.connections, speed.rounds);
        println!("| scenario | a second | p50 ms | p99 ms | CPU µs | floor µs | ratio | aim | memory MiB |");
        println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|");
        for scenario in Scenario::value_variants() {
            if speed.only.is_empty() || speed.only.contains(scenario) {
                let connections = if scenario.is_long() { speed.connections.min(4) } else { speed.connections };
                compare(*scenario, (&server, &floor), (connections, length, speed.rounds)).await;
            }
        }
    }
}

async fn compare(
    scenario: Scenario,
    (server, floor): (&Installation, &Installation),
    (connections, length, rounds): (usize, Duration, usize),
) {
    let roles = scenario::roles(scenario);
    // The first touch fills caches and opens pools.
    for site in [server, floor].into_iter().filter(|site| roles.contains(&site.role)) {
        drop(measure(scenario, site, connections, length.min(Duration::from_millis(300))).await);
    }
    let (mut ours, mut theirs): (Vec<Measured>, Vec<Measured>) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        if roles.contains(&Role::Floor) {
            theirs.push(measure(scenario, floor, connections, length).await);
        }
        ours.push(measure(scenario, server, connections, length).await);
    }
    let middle = |all: &[Measured], of: fn(&Measured) -> f64| median(all.iter().map(of).collect());
    let ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(ours, theirs)| ours.cpu / theirs.cpu).collect();
    let with_floor = !theirs.is_empty();
    println!(
        "| {} | {:.0} | {:.2} | {:.2} | {:.0} | {} | {} | {} | {:.0} |",
        scenario.title(),
        middle(&ours, Measured::rate),
        middle(&ours, |one| one.percentile(0.5)),
        middle(&ours, |one| one.percentile(0.99)),
        middle(&ours, |one| one.cpu),
        if with_floor { format!("{:.0}", middle(&theirs, |one| one.cpu)) } else { "-".to_owned() },
        if with_floor { format!("{:.2}", median(ratios)) } else { "-".to_owned() },
        scenario.aim().map_or_else(|| "-".to_owned(), |aim| format!("{aim}")),
        middle(&ours, |one| one.memory),
    );
}

async fn run_writes(length: Duration, folder: &Path) {
    println!("\n## Refresh (one write transaction each)\n");
    println!("| store | connections | a second | p50 ms | p99 ms | CPU µs |\n|---|--:|--:|--:|--:|--:|");
    for store in Store::value_variants() {
        let site = Installation::start(*store, Role::Server, 40, folder).await;
        for connections in [1, 8, 32] {
            drop(measure(Scenario::Refresh, &site, connections, Duration::from_millis(300)).await);
            let measured = measure(Scenario::Refresh, &site, connections, length).await;
            println!(
                "| {} | {connections} | {:.0} | {:.2} | {:.2} | {:.0} |",
                store.title(),
                measured.rate(),
                measured.percentile(0.5),
                measured.percentile(0.99),
                measured.cpu
            );
        }
    }
}

async fn run_size(sessions: usize, folder: &Path) {
    let bytes = std::fs::metadata(installation::program()).unwrap().len();
    println!("\n## Size\n\nprogram: {:.1} MiB (aim: at most 40 MB)", bytes as f64 / 1_048_576.0);
    for store in Store::value_variants() {
        let mut site = Installation::start(*store, Role::Server, 8, folder).await;
        let mut ready = vec![site.ready.as_secs_f64() * 1000.0];
        for _ in 0..4 {
            site.restart().await;
            ready.push(site.ready.as_secs_f64() * 1000.0);
        }
        let idle = site.process.lock().unwrap().memory();
        println!("{}: ready after {:.0} ms (aim 100), idle {idle:.1} MiB (aim 40)", store.title(), median(ready));
        drop(measure(Scenario::AuthorizeExchange, &site, 8, Duration::from_secs(3)).await);
        println!("{}: {:.1} MiB after 3 s of load", store.title(), site.process.lock().unwrap().memory());
    }
    let site = Installation::start(Store::Postgres, Role::Server, 8, folder).await;
    growth::add_sessions(&site, sessions).await;
    let before = site.process.lock().unwrap().memory();
    let measured = measure(Scenario::AuthorizeExchange, &site, 8, Duration::from_secs(10)).await;
    println!(
        "{sessions} live sessions on PostgreSQL + Redis: {before:.1} MiB at rest, {:.1} MiB after {} sign-ins (aim 80)",
        measured.memory, measured.done
    );
}
