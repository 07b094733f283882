//! What many routes, sessions and upstreams do to the cost of a request: Doorward beside itself.

use super::Pace;
use super::figures::Figures;
use super::load::Ready;
use super::peers::{Doorward, doorward};
use super::process::{cpu, memory};
use super::stage::Stage;

const CPU: &str = "CPU a small request, small or grown";
const MEMORY: &str = "memory after that, MB";

const GROWN: [Doorward; 3] = [
    Doorward { name: "10,000 hosts", hosts: 9_999, ..Doorward::SMALL },
    Doorward { name: "100,000 sessions", people: 100_000, ..Doorward::SMALL },
    Doorward { name: "1,000 upstreams", upstreams: 1_000, ..Doorward::SMALL },
];

pub(crate) async fn measure(stage: &Stage, figures: &mut Figures, pace: Pace) {
    let mut all = Vec::new();
    for with in [Doorward::SMALL].into_iter().chain(GROWN) {
        let running = doorward(stage, Doorward { name: with.name, ..with }).await;
        let mut ready = Ready::open(&running.peer.target, running.work.clone()).await;
        // Every session has been found in the store once, and every upstream has been dialled.
        ready.once().await;
        all.push((running.peer, ready));
    }
    for _ in 0..pace.rounds {
        for (peer, ready) in &mut all {
            ready.run(pace.burst / 5).await;
            let before = cpu(&peer.servers);
            let answers = ready.run(pace.burst).await as f64;
            let used = cpu(&peer.servers).saturating_sub(before);
            figures.note(CPU, peer.name, used.as_secs_f64() * 1e6 / answers);
        }
    }
    for (peer, _) in &all {
        figures.note(MEMORY, peer.name, memory(&peer.servers) as f64 / 1024.0);
    }
    figures
        .table("Growth: the same request with much of everything", &[(CPU, "CPU us/request"), (MEMORY, "memory, MB")]);
    for with in GROWN {
        if let Some(ratio) = figures.ratio(CPU, with.name, "Doorward") {
            figures.hold(&format!("a small request with {}, to one with few", with.name), ratio, 1.1);
        }
    }
}
