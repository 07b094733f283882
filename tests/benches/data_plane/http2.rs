//! Small requests over HTTP/2: h2load asks, eight connections with sixteen streams each.

use std::process::Command;

use super::Pace;
use super::figures::Figures;
use super::peers::{self, Peer};
use super::process::cpu;
use super::stage::HOST;

const CPU: &str = "CPU a small request over HTTP/2";
const RATE: &str = "requests a second over HTTP/2";

pub(crate) fn measure(peers: &[Peer], figures: &mut Figures, pace: Pace) {
    if !peers::has("h2load") {
        return;
    }
    for round in 0..pace.rounds {
        for place in 0..peers.len() {
            let peer = &peers[(round + place) % peers.len()];
            // So many that it takes about as long as everything else.
            let many = pace.burst.as_millis() * if peer.name.contains('+') { 5 } else { 15 };
            let before = cpu(&peer.servers);
            let begun = std::time::Instant::now();
            let done = load(peer, 8, many);
            let used = cpu(&peer.servers).saturating_sub(before);
            figures.note(CPU, peer.name, used.as_secs_f64() * 1e6 / done);
            figures.note(RATE, peer.name, done / begun.elapsed().as_secs_f64());
        }
    }
    figures.table(
        "Small requests over TLS 1.3 and HTTP/2, 8 connections of 16 streams",
        &[(CPU, "CPU us/request"), (RATE, "requests/s")],
    );
    figures.hold_ratio(CPU, "nginx", 1.35);
}

/// Asks so often, over so many connections of sixteen streams; how many answers came.
pub(crate) fn load(peer: &Peer, connections: usize, many: u128) -> f64 {
    let address = peer.target.address;
    let url = format!("https://{HOST}/");
    let output = Command::new("h2load")
        .args(["-n", &many.to_string(), "-c", &connections.to_string(), "-m", "16", "-t", "1"])
        .args(["--connect-to", &address.to_string()])
        .args(["-H", &format!("cookie: {}", peer.cookie), &url])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let done =
        text.lines().find_map(|line| line.strip_prefix("status codes: ")?.split(' ').next()?.parse::<f64>().ok());
    match done {
        Some(done) if (done - many as f64).abs() < 0.5 => done,
        _ => panic!("h2load of {}: {text}{}", peer.name, String::from_utf8_lossy(&output.stderr)),
    }
}
