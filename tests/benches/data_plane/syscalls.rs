//! System calls a small request, as strace counts them.

use std::process::{Command, Stdio};
use std::time::Duration;

use super::figures::Figures;
use super::peers::{self, Peer};
use super::process::family;

const CALLS: &str = "system calls a small request";

pub(crate) async fn measure(peers: &[Peer], figures: &mut Figures) {
    if !peers::has("strace") {
        return;
    }
    // Apache's hundreds of threads are more than strace follows in any time.
    for peer in peers.iter().filter(|peer| !peer.name.starts_with("Apache")) {
        let mut ready = peer.open().await;
        let mut command = Command::new("strace");
        command.args(["-c", "-f", "-U", "calls,name"]);
        for pid in family(&peer.servers) {
            command.args(["-p", &pid.to_string()]);
        }
        let strace = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
        let answers = ready.run(Duration::from_secs(1)).await as f64;
        let interrupted = Command::new("kill").args(["-INT", &strace.id().to_string()]).status().unwrap();
        let said = String::from_utf8_lossy(&strace.wait_with_output().unwrap().stderr).into_owned();
        let total = said.lines().find_map(|line| line.trim().strip_suffix(" total")?.trim().parse::<f64>().ok());
        match total {
            Some(total) if interrupted.success() => figures.note(CALLS, peer.name, total / answers),
            _ => println!("SKIPPED: strace of {}: {said}", peer.name),
        }
    }
    figures.table("System calls a small request", &[(CALLS, "calls")]);
    if let Some(figure) = figures.median(CALLS, "Doorward") {
        figures.hold(CALLS, figure, 4.6);
    }
}
