//! What a small request takes where requests arrive at a fixed rate, whether the ones before were answered or not.

use std::time::Duration;

use super::Pace;
use super::client::Target;
use super::figures::Figures;
use super::load::{Ready, at_rate};
use super::peers::Peer;
use super::requests::RATE;
use super::stage::{Stage, at};

const P50: &str = "p50";
const P99: &str = "p99";
const P999: &str = "p99.9";
const SLOW: [&str; 3] = ["p50 at 1,000/s", "p99 at 1,000/s", "p99.9 at 1,000/s"];
/// The upstream itself, without TLS and without anything before it.
const DIRECT: &str = "no proxy";

pub(crate) async fn measure(stage: &Stage, peers: &[Peer], figures: &mut Figures, pace: Pace) {
    let half = |figures: &Figures, peer: &Peer| figures.median(RATE, peer.name).unwrap_or(2_000.0) / 2.0;
    let ours = peers.first().unwrap();
    let ours_half = half(figures, ours);
    let direct = Target { address: at(stage.small), tls: None };
    for _ in 0..pace.rounds.min(3) {
        for (rate, names) in [(None, [P50, P99, P999]), (Some(1_000.0), SLOW)] {
            let mut ready = Ready::open(&direct, ours.small()).await;
            note(figures, DIRECT, names, &mut ready, rate.unwrap_or(ours_half), pace.burst).await;
            for peer in peers {
                let mut ready = peer.open().await;
                let rate = rate.unwrap_or_else(|| half(figures, peer));
                note(figures, peer.name, names, &mut ready, rate, pace.burst).await;
            }
        }
    }
    let title =
        "Milliseconds at half of what each can answer (without a proxy: at half of what Doorward can), open arrivals";
    figures.table(title, &[(P50, P50), (P99, P99), (P999, P999)]);
    figures.table(
        "Milliseconds at 1,000 requests a second, open arrivals",
        &[(SLOW[0], P50), (SLOW[1], P99), (SLOW[2], P999)],
    );
    if let (Some(with), Some(without)) = (figures.median(P99, ours.name), figures.median(P99, DIRECT)) {
        figures.hold("p99 added at half of saturation, milliseconds", with - without, 1.0);
    }
}

async fn note(
    figures: &mut Figures,
    peer: &'static str,
    names: [&'static str; 3],
    ready: &mut Ready,
    rate: f64,
    time: Duration,
) {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is a small positive number")]
    let took = at_rate(ready, rate.max(1.0) as u64, time).await;
    for (name, of_thousand) in names.into_iter().zip([500, 990, 999]) {
        let at = took.get(took.len() * of_thousand / 1000).unwrap();
        figures.note(name, peer, at.as_secs_f64() * 1e3);
    }
}
