//! Round trips of small frames over WebSockets.

use super::Pace;
use super::figures::Figures;
use super::load::{self, CONNECTIONS};
use super::peers::Peer;
use super::process::cpu;
use super::stage::HOST;

const CPU: &str = "CPU a WebSocket round trip";
const RATE: &str = "WebSocket round trips a second";

pub(crate) async fn measure(peers: &[Peer], figures: &mut Figures, pace: Pace) {
    for round in 0..pace.rounds {
        for place in 0..peers.len() {
            let peer = &peers[(round + place) % peers.len()];
            // A tunnel costs the same whoever let it in.
            if ["nginx + auth_request", "Envoy + ext_authz"].contains(&peer.name) {
                continue;
            }
            let request = load::upgrade(&peer.head("GET", "/echo"));
            let mut open = load::tunnels(&peer.target, HOST, &request, CONNECTIONS).await;
            let (before, begun) = (cpu(&peer.servers), std::time::Instant::now());
            let done = load::echoes(&mut open, pace.burst).await as f64;
            let used = cpu(&peer.servers).saturating_sub(before);
            figures.note(CPU, peer.name, used.as_secs_f64() * 1e6 / done);
            figures.note(RATE, peer.name, done / begun.elapsed().as_secs_f64());
        }
    }
    let title = format!("WebSocket echoes over TLS 1.3, {CONNECTIONS} tunnels");
    figures.table(&title, &[(CPU, "CPU us/trip"), (RATE, "trips/s")]);
    figures.hold_ratio(CPU, "nginx", 1.1);
}
