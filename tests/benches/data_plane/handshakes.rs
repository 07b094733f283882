//! Full handshakes of TLS 1.3 with one P-256 key and X25519, nothing asked.

use super::Pace;
use super::figures::Figures;
use super::load;
use super::peers::Peer;
use super::process::cpu;
use super::stage::HOST;

const CPU: &str = "CPU a full handshake";
const RATE: &str = "handshakes a second";

pub(crate) async fn measure(peers: &[Peer], figures: &mut Figures, pace: Pace) {
    // Whether they check or not makes no difference here.
    let peers: Vec<&Peer> =
        peers.iter().filter(|peer| !["nginx + auth_request", "Envoy + ext_authz"].contains(&peer.name)).collect();
    for round in 0..pace.rounds {
        for place in 0..peers.len() {
            let peer = peers[(round + place) % peers.len()];
            let before = cpu(&peer.servers);
            let done = load::handshakes(&peer.target, HOST, pace.burst).await as f64;
            let used = cpu(&peer.servers).saturating_sub(before);
            figures.note(CPU, peer.name, used.as_secs_f64() * 1e6 / done);
            figures.note(RATE, peer.name, done / used.as_secs_f64());
        }
    }
    let columns = [(CPU, "CPU us each"), (RATE, "a second of CPU")];
    figures.table("Full handshakes, TLS 1.3, ECDSA P-256, X25519", &columns);
    figures.hold_ratio(CPU, "nginx", 0.7);
}
