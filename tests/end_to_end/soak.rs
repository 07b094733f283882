//! Mixed load at a bounded rate for long: `make soak`. Fails when anything is answered wrongly, or anything grows.
//!
//! `SOAK_SECONDS` says how long; ten minutes unless it does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::harness::authority::Authority;
use crate::harness::doorward::Doorward;
use crate::harness::ports::free_port;
use crate::harness::scene::EVERYBODY;
use crate::harness::scripted::{Scripted, Speaks};
use crate::harness::setup::Setup;
use crate::harness::visitor::Protocol;
use crate::load::processor::{Processor, Spent};
use crate::load::vitals::Vitals;
use crate::load::{Load, Who};

/// Rows of the table.
const SAMPLES: u32 = 20;
/// Between two requests of one visitor.
const PAUSE: Duration = Duration::from_millis(100);
/// WebSockets and streams of events that live as long as the load.
const LASTING: u64 = 16;
/// What memory may grow by from the first quarter to the last, in kilobytes, and files in number.
const MEMORY: u64 = 8 * 1024;
const FILES: usize = 8;
/// How many times as long the last quarter's slowest hundredth may take as the first's, besides a little.
const SLOWER: u32 = 3;
const A_LITTLE: Duration = Duration::from_millis(50);
/// With more of a hundred ticks for others on this machine, how long an answer takes says nothing.
const QUIET: u64 = 15;
/// By how much an answer may come to cost more processor time, in per cent.
const DEARER: u64 = 50;

struct Row {
    vitals: Vitals,
    median: Duration,
    slowest: Duration,
    answered: u64,
    spent: Spent,
}

/// Microseconds of processor time for each answer.
fn cost(rows: &[Row]) -> u64 {
    let spent: u64 = rows.iter().map(|row| row.spent.program * 10_000).sum();
    spent / rows.iter().map(|row| row.answered).sum::<u64>().max(1)
}

/// The slowest hundredth of all rows in which others left the machine alone.
fn slowest(rows: &[Row]) -> Option<Duration> {
    rows.iter().filter(|row| row.spent.others <= QUIET).map(|row| row.slowest).max()
}

async fn start() -> (Arc<Doorward>, SocketAddr, Vec<Scripted>) {
    let pair = Authority::shared().issue(&["localhost"]);
    let metrics = free_port();
    let mut setup = Setup::new().with(&format!("metrics_address: 127.0.0.1:{metrics}\nlog_level: warn"));
    let authority = setup.file("upstreams.pem", &Authority::shared().pem());
    let keys = format!(
        "{EVERYBODY}\nallow_websockets: true\npreserve_host_header: true\ntls_custom_ca_file: {}",
        authority.display()
    );
    let mut applications = Vec::new();
    for speaks in [Speaks::Http1, Speaks::Http1Tls, Speaks::Http2Tls, Speaks::Http2] {
        let application = Scripted::start(speaks, &pair).await;
        setup = setup.route(speaks.name(), &application.url(), &keys);
        applications.push(application);
    }
    (Arc::new(setup.start().await), ([127, 0, 0, 1], metrics).into(), applications)
}

fn everybody(door: &Arc<Doorward>) -> Load {
    let mut load = Load::on(door, PAUSE);
    for host in ["h1", "h1-tls", "h2-tls", "h2c"] {
        for protocol in Protocol::ALL {
            let who = Who::stranger(host, protocol);
            load.downloads(who.clone(), 200);
            load.downloads(who.clone(), 200);
            load.uploads(who.clone());
            load.events(who.clone());
            load.websocket(who);
        }
    }
    load
}

fn at(sorted: &[Duration], per_cent: usize) -> Duration {
    sorted.get(sorted.len() * per_cent / 100).copied().unwrap_or_default()
}

fn mean(rows: &[Row], of: impl Fn(&Row) -> u64) -> u64 {
    rows.iter().map(of).sum::<u64>() / rows.len() as u64
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "ten minutes: make soak"]
async fn nothing_grows_in_ten_minutes() {
    let seconds = std::env::var("SOAK_SECONDS").map_or(600, |seconds| seconds.parse().expect("a number of seconds"));
    let (door, metrics, applications) = start().await;
    let load = everybody(&door);
    let began = Instant::now();
    let mut rows = Vec::new();
    let mut answered = 0;
    let mut processor = Processor::now(door.pid());
    println!(
        "{:>8} {:>9} {:>10} {:>7} {:>8} {:>8} {:>9} {:>9} {:>9} {:>8}",
        "seconds", "answers/s", "RSS kB", "files", "threads", "tunnels", "p50 µs", "p99 µs", "CPU µs", "others %"
    );
    for sample in 1..=SAMPLES {
        let due = Duration::from_secs(seconds) * sample / SAMPLES;
        tokio::time::sleep(due.saturating_sub(began.elapsed())).await;
        let vitals = Vitals::of(&door, metrics).await;
        let mut latencies = load.take_latencies();
        latencies.sort_unstable();
        let (so_far, now) = (load.answered(), Processor::now(door.pid()));
        let row = Row {
            vitals,
            median: at(&latencies, 50),
            slowest: at(&latencies, 99),
            answered: so_far - answered,
            spent: now.since(&processor),
        };
        (answered, processor) = (so_far, now);
        println!(
            "{:>8} {:>9} {:>10} {:>7} {:>8} {:>8} {:>9} {:>9} {:>9} {:>8}",
            due.as_secs(),
            row.answered * u64::from(SAMPLES) / seconds,
            vitals.memory,
            vitals.files,
            vitals.threads,
            vitals.tunnels,
            row.median.as_micros(),
            row.slowest.as_micros(),
            cost(std::slice::from_ref(&row)),
            row.spent.others
        );
        rows.push(row);
        for application in &applications {
            application.forget();
        }
    }
    let tally = load.end().await;
    assert!(tally.wrong.is_empty(), "{}", tally.wrong.join("\n"));

    // The first sample is warm-up.
    let quarter = rows.len() / 4;
    let (first, last) = (&rows[1..=quarter], &rows[rows.len() - quarter..]);
    for row in &rows {
        // A slow download counts among them for a while.
        assert!(row.vitals.tunnels >= LASTING, "{} WebSockets and streams of {LASTING}", row.vitals.tunnels);
    }
    let grown = mean(last, |row| row.vitals.memory).saturating_sub(mean(first, |row| row.vitals.memory));
    assert!(grown <= MEMORY, "memory grew by {grown} kB");
    let most = |rows: &[Row]| rows.iter().map(|row| row.vitals.files).max().unwrap();
    assert!(most(last) <= most(first) + FILES, "open files: {} at first, {} at last", most(first), most(last));
    let (at_first, at_last) = (cost(first), cost(last));
    assert!(
        at_last * 100 <= at_first * (100 + DEARER),
        "{at_first} µs of processor time for an answer, at last {at_last}"
    );
    match (slowest(first), slowest(last)) {
        (Some(at_first), Some(at_last)) => {
            assert!(at_last <= at_first * SLOWER + A_LITTLE, "{at_first:?}, at last {at_last:?}");
        }
        _ => println!("others kept this machine busy: how long answers took is not judged"),
    }
    let rest = Vitals::at_rest(&door, metrics).await;
    assert_eq!(rest.tunnels, 0);
    println!("at rest  {:>20} {:>7} {:>8} {:>8}", rest.memory, rest.files, rest.threads, rest.tunnels);
}
