//! What forwarding costs, beside nginx, HAProxy, Apache with mod_auth_openidc and Envoy: `make bench`.
//!
//! All of them in one run, in turn, with the same certificate, upstreams and load; the proxy on one core, everything
//! else on another. Fails beyond the bars and a margin for noise, which hold for ratios: no time on a clock means
//! anything on another machine. `BENCH=quick` takes less than two minutes, the name of a part does that part alone (say
//! `BENCH=growth` or `BENCH=http2`, see [`PARTS`]); without it, everything is done.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a bench prints, counts in fractions, and ends when it cannot"
)]

mod bodies;
mod client;
mod figures;
mod growth;
mod handshakes;
mod http2;
mod instructions;
mod latency;
mod load;
mod memory;
mod peers;
mod process;
mod requests;
mod stage;
mod startup;
mod syscalls;
mod tunnels;
mod upstream;

use std::process::ExitCode;
use std::time::Duration;

use figures::Figures;
use peers::{Asked, Checks, Doorward, Peer};
use stage::Stage;

/// How long and how often everything is measured.
#[derive(Debug, Clone, Copy)]
struct Pace {
    rounds: usize,
    burst: Duration,
    /// Idle WebSockets: as many as descriptors allow.
    tunnels: usize,
    full: bool,
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [_, upstream::BEHIND, port] => upstream::behind(port.parse().unwrap()),
        [_, upstream::AUTHORISE, port] => upstream::authorise(port.parse().unwrap()),
        _ => {}
    }
    let mode = std::env::var("BENCH").unwrap_or_default();
    let pace = match mode.as_str() {
        "quick" => Pace { rounds: 3, burst: Duration::from_millis(700), tunnels: 1_000, full: false },
        _ => Pace { rounds: 5, burst: Duration::from_secs(2), tunnels: 9_000, full: true },
    };
    process::pin_this();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut figures = Figures::default();
    let stage = Stage::new();
    let parts: Vec<&str> = match mode.as_str() {
        "" => PARTS.to_vec(),
        "quick" => PARTS.into_iter().filter(|part| !["growth", "instructions"].contains(part)).collect(),
        part if PARTS.contains(&part) => vec![part],
        other => panic!("BENCH={other}: it is `quick`, nothing, or one of {}", PARTS.join(", ")),
    };
    runtime.block_on(measure(&parts, &stage, &mut figures, pace));
    figures.verdicts();
    for failure in &figures.failed {
        println!("FAILED: {failure}");
    }
    if figures.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// In the order in which they are done. Those before `memory` share one set of running peers.
const PARTS: [&str; 11] = [
    "requests",
    "latency",
    "handshakes",
    "http2",
    "bodies",
    "websockets",
    "syscalls",
    "memory",
    "startup",
    "growth",
    "instructions",
];

async fn measure(parts: &[&str], stage: &Stage, figures: &mut Figures, pace: Pace) {
    let (with_peers, alone): (Vec<&str>, Vec<&str>) = parts
        .iter()
        .partition(|part| PARTS.iter().take_while(|of_all| **of_all != "memory").any(|of_all| of_all == *part));
    if !with_peers.is_empty() {
        let peers = all(stage).await;
        for part in with_peers {
            match part {
                "requests" => requests::measure(&peers, figures, pace).await,
                "latency" => latency::measure(stage, &peers, figures, pace).await,
                "handshakes" => handshakes::measure(&peers, figures, pace).await,
                "http2" => http2::measure(&peers, figures, pace),
                "bodies" => bodies::measure(&peers, figures, pace).await,
                "websockets" => tunnels::measure(&peers, figures, pace).await,
                _ => syscalls::measure(&peers, figures).await,
            }
        }
    }
    for part in alone {
        match part {
            "memory" => memory::measure(stage, figures, pace).await,
            "startup" => startup::measure(stage, figures, pace).await,
            "growth" => growth::measure(stage, figures, pace).await,
            _ => instructions::measure(stage, figures).await,
        }
    }
}

/// All that are on this machine, Doorward first.
async fn all(stage: &Stage) -> Vec<Peer> {
    let mut all = vec![peers::doorward(stage, Doorward::SMALL).await.peer];
    if peers::has("nginx") {
        all.push(peers::nginx(stage, Checks::Nobody { hosts: 1 }).ready().await);
        all.push(peers::nginx(stage, Checks::Service).ready().await);
    }
    if peers::has("haproxy") {
        all.push(peers::haproxy(stage, 1).ready().await);
    }
    for asked in [Asked::Nobody, Asked::Authoriser] {
        if let Some(envoy) = peers::envoy(stage, asked) {
            all.push(envoy.ready().await);
        }
    }
    if let Some(apache) = peers::apache(stage).await {
        all.push(apache.ready().await);
    }
    all
}
