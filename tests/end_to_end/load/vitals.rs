//! What a process holds: to be the same after a storm as before it.

use std::net::SocketAddr;

use crate::harness::doorward::Doorward;
use crate::harness::raw::Raw;

/// What is held at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vitals {
    /// Open file descriptors.
    pub(crate) files: usize,
    pub(crate) threads: u64,
    /// Resident memory, in kilobytes.
    pub(crate) memory: u64,
    /// WebSockets and long answers.
    pub(crate) tunnels: u64,
}

impl Vitals {
    /// `metrics` is where the program tells its figures.
    pub(crate) async fn of(door: &Doorward, metrics: SocketAddr) -> Self {
        let mut raw = Raw::plain(metrics).await;
        raw.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
        let text = raw.answer().await.text();
        let tunnels = text.lines().find_map(|line| line.strip_prefix("doorward_tunnels ")).expect("a figure");
        Self {
            files: std::fs::read_dir(format!("/proc/{}/fd", door.pid())).unwrap().count(),
            threads: door.memory("Threads"),
            memory: door.memory("VmRSS"),
            tunnels: tunnels.trim().parse().unwrap(),
        }
    }

    /// Once what lies idle has been closed: the number of files has stopped falling.
    pub(crate) async fn at_rest(door: &Doorward, metrics: SocketAddr) -> Self {
        let mut last = Self::of(door, metrics).await;
        let mut same = 0;
        // Connections to applications lie idle for four seconds.
        while same < 12 {
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            let now = Self::of(door, metrics).await;
            same = if now.files < last.files || now.tunnels > 0 { 0 } else { same + 1 };
            last = now;
        }
        last
    }
}
