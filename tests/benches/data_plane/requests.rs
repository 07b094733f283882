//! Small requests over kept-alive TLS, as fast as they are answered: CPU time and number.

use super::Pace;
use super::figures::Figures;
use super::load::CONNECTIONS;
use super::peers::Peer;
use super::process::cpu;

pub(crate) const CPU: &str = "CPU a small request";
pub(crate) const RATE: &str = "requests a second";

pub(crate) async fn measure(peers: &[Peer], figures: &mut Figures, pace: Pace) {
    for round in 0..pace.rounds {
        for place in 0..peers.len() {
            // Whoever is first differs, so that none is always the one after the slowest.
            let peer = &peers[(round + place) % peers.len()];
            let mut ready = peer.open().await;
            ready.run(pace.burst / 5).await;
            let before = cpu(&peer.servers);
            let begun = std::time::Instant::now();
            let answers = ready.run(pace.burst).await as f64;
            let took = begun.elapsed().as_secs_f64();
            let used = cpu(&peer.servers).saturating_sub(before);
            figures.note(CPU, peer.name, used.as_secs_f64() * 1e6 / answers);
            figures.note(RATE, peer.name, answers / took);
        }
    }
    let title = format!("Small requests over TLS 1.3, HTTP/1.1, {CONNECTIONS} kept-alive connections");
    figures.table(&title, &[(CPU, "CPU us/request"), (RATE, "requests/s")]);
    figures.hold_ratio(CPU, "nginx", 1.35);
    figures.hold_ratio(CPU, "Envoy + ext_authz", 0.4);
    figures.hold_ratio(CPU, "Apache + mod_auth_openidc", 0.25);
}
