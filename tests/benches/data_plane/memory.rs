//! Memory (proportional set size): idle, with a thousand hosts, and for each idle WebSocket.

use super::Pace;
use super::figures::Figures;
use super::load;
use super::peers::{self, Checks, Doorward, Peer};
use super::process::memory;
use super::stage::{HOST, Stage};

const IDLE: &str = "idle, MB";
const ROUTES: &str = "1,000 hosts, MB";
const TUNNEL: &str = "an idle WebSocket, KB";

pub(crate) async fn measure(stage: &Stage, figures: &mut Figures, pace: Pace) {
    for hosts in [1, 1_000] {
        let doorward = Doorward { name: "Doorward", hosts: hosts - 1, ..Doorward::SMALL };
        let of = |peer: &Peer| memory(&peer.servers) as f64 / 1024.0;
        let what = if hosts == 1 { IDLE } else { ROUTES };
        let mut running = vec![peers::doorward(stage, doorward).await.peer];
        if peers::has("nginx") {
            running.push(peers::nginx(stage, Checks::Nobody { hosts }).ready().await);
        }
        if peers::has("haproxy") {
            running.push(peers::haproxy(stage, hosts).ready().await);
        }
        if hosts == 1 {
            for asked in [peers::Asked::Nobody, peers::Asked::Authoriser] {
                if let Some(envoy) = peers::envoy(stage, asked) {
                    running.push(envoy.ready().await);
                }
            }
        }
        for peer in &running {
            figures.note(what, peer.name, of(peer));
            if hosts == 1 && !peer.name.contains('+') {
                tunnels(peer, figures, pace.tunnels).await;
            }
        }
    }
    figures.table("Memory", &[(IDLE, "idle, MB"), (ROUTES, "1,000 hosts, MB"), (TUNNEL, "WebSocket, KB")]);
    for (what, most) in [(IDLE, 25.0), (TUNNEL, 20.0)] {
        if let Some(figure) = figures.median(what, "Doorward") {
            figures.hold(&format!("memory: {what}"), figure, most);
        }
    }
}

async fn tunnels(peer: &Peer, figures: &mut Figures, many: usize) {
    let request = load::upgrade(&peer.head("GET", "/echo"));
    // What the first ones make it allocate for good is not theirs.
    let first = load::tunnels(&peer.target, HOST, &request, 32).await;
    let before = memory(&peer.servers);
    let open = load::tunnels(&peer.target, HOST, &request, many).await;
    let grown = memory(&peer.servers).saturating_sub(before);
    figures.note(TUNNEL, peer.name, grown as f64 / many as f64);
    drop((first, open));
}
