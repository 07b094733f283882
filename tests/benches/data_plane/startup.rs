//! From starting a process with a thousand hosts to its first answer.

use super::Pace;
use super::figures::Figures;
use super::peers::{self, Checks, Doorward};
use super::process::Server;
use super::stage::Stage;

const FIRST: &str = "start to the first answer with 1,000 hosts, ms";

pub(crate) async fn measure(stage: &Stage, figures: &mut Figures, pace: Pace) {
    for _ in 0..pace.rounds.min(3) {
        let mut peers = vec![peers::doorward(stage, Doorward { hosts: 999, ..Doorward::SMALL }).await.peer];
        if peers::has("nginx") {
            peers.push(peers::nginx(stage, Checks::Nobody { hosts: 1_000 }).ready().await);
        }
        if peers::has("haproxy") {
            peers.push(peers::haproxy(stage, 1_000).ready().await);
        }
        for peer in &peers {
            let started = peer.servers.first().map(Server::started).unwrap();
            let took = peer.answered.unwrap().saturating_duration_since(started);
            figures.note(FIRST, peer.name, took.as_secs_f64() * 1e3);
        }
    }
    figures.table("Start-up with 1,000 hosts", &[(FIRST, "ms")]);
    if let Some(figure) = figures.median(FIRST, "Doorward") {
        figures.hold(FIRST, figure, 100.0);
    }
}
