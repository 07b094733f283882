//! What forwarding costs, beside nginx, HAProxy, Apache with mod_auth_openidc and Envoy: `make bench`.
//!
//! All of them in one run, in turn, with the same certificate, upstreams and load; the proxy on one core, everything
//! else on another. Fails beyond the bars and a margin for noise, which hold for ratios: no time on a clock means
//! anything on another machine. `BENCH=quick` takes less than two minutes, `BENCH=instructions` counts instructions and
//! `BENCH=growth` compares Doorward with itself; without it, everything is done.
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
    match mode.as_str() {
        "instructions" => runtime.block_on(instructions::measure(&stage, &mut figures)),
        "growth" => runtime.block_on(growth::measure(&stage, &mut figures, pace)),
        "" | "quick" => runtime.block_on(everything(&stage, &mut figures, pace)),
        other => panic!("BENCH={other}: it is `quick`, `instructions`, `growth`, or nothing"),
    }
    figures.verdicts();
    for failure in &figures.failed {
        println!("FAILED: {failure}");
    }
    if figures.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn everything(stage: &Stage, figures: &mut Figures, pace: Pace) {
    let peers = all(stage).await;
    requests::measure(&peers, figures, pace).await;
    latency::measure(stage, &peers, figures, pace).await;
    handshakes::measure(&peers, figures, pace).await;
    http2::measure(&peers, figures, pace);
    bodies::measure(&peers, figures, pace).await;
    tunnels::measure(&peers, figures, pace).await;
    syscalls::measure(&peers, figures).await;
    drop(peers);
    memory::measure(stage, figures, pace).await;
    startup::measure(stage, figures, pace).await;
    if pace.full {
        growth::measure(stage, figures, pace).await;
        instructions::measure(stage, figures).await;
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
