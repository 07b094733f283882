//! Who holds things open: silent connections, heads and bodies that never end, answers that are never read. All at once
//! they cost a bounded amount of memory, others are answered meanwhile, and their time runs out.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::harness::doorward::Doorward;
use crate::harness::raw::Raw;
use crate::harness::scene::EVERYBODY;
use crate::harness::setup::Setup;
use crate::harness::upstream::{Reply, Upstream};

/// How long all of it may take together: limits of two seconds, on a slow machine.
const AT_MOST: Duration = Duration::from_secs(15);

async fn cleartext_door(top: &str, route: &str) -> (Upstream, Doorward) {
    let upstream = Upstream::start().await;
    let setup = Setup::new().cleartext().with(top).route("app", &upstream.url(), &format!("{EVERYBODY}\n{route}"));
    (upstream, setup.start().await)
}

/// So many connections to `door`, each of which has sent this.
async fn connections(door: &Doorward, count: usize, sends: &str) -> Vec<Raw> {
    let mut open = Vec::with_capacity(count);
    for _ in 0..count {
        let mut raw = Raw::plain(door.setup.address()).await;
        if !sends.is_empty() {
            raw.send(sends).await;
        }
        open.push(raw);
    }
    open
}

async fn status_over_plain(door: &Doorward) -> u16 {
    let mut raw = Raw::plain(door.setup.address()).await;
    raw.send(format!("GET /ordinary HTTP/1.1\r\nHost: {}\r\n\r\n", door.authority("app"))).await;
    raw.answer().await.status
}

/// Whether every one of them is closed by the other side; what it says before.
async fn all_end(open: &mut [Raw]) -> Vec<Vec<u8>> {
    join_all(open.iter_mut().map(Raw::rest)).await
}

#[tokio::test]
async fn two_thousand_connections_that_never_shake_hands() {
    let upstream = Upstream::start().await;
    let top = "limits: {handshake_timeout: 3s, connections_per_address: 5000}";
    let door = Setup::new().with(top).route("app", &upstream.url(), EVERYBODY).start().await;
    assert_eq!(door.exchange("app", "GET / HTTP/1.1\r\nHost: HOST\r\n\r\n").await.status, 200);
    let (before, started) = (door.memory("VmRSS"), Instant::now());
    // Half of them begin a handshake: the first bytes of a record that is never finished.
    let mut open = connections(&door, 1000, "").await;
    open.extend(connections(&door, 1000, "\u{16}\u{3}\u{1}").await);
    assert_eq!(door.exchange("app", "GET / HTTP/1.1\r\nHost: HOST\r\n\r\n").await.status, 200);
    let peak = door.memory("VmRSS");
    assert!(peak < before + 60_000, "from {before} kB to {peak} kB");
    all_end(&mut open).await;
    assert!(started.elapsed() < AT_MOST, "{:?}", started.elapsed());
}

#[tokio::test]
async fn five_hundred_heads_that_never_end() {
    let (_upstream, door) = cleartext_door("timeout_read: 2s", "").await;
    assert_eq!(status_over_plain(&door).await, 200);
    let (before, started) = (door.memory("VmRSS"), Instant::now());
    let mut open = connections(&door, 500, "GET / HTTP/1.1\r\nHost: app.example.test\r\nX-Slow: ").await;
    assert_eq!(status_over_plain(&door).await, 200);
    let peak = door.memory("VmRSS");
    assert!(peak < before + 40_000, "from {before} kB to {peak} kB");
    all_end(&mut open).await;
    assert!(started.elapsed() < AT_MOST, "{:?}", started.elapsed());
}

#[tokio::test]
async fn five_hundred_bodies_that_never_end() {
    for route in ["timeout: 2s", "timeout: never\nidle_timeout: 2s"] {
        let (upstream, door) = cleartext_door("", route).await;
        assert_eq!(status_over_plain(&door).await, 200);
        let (before, started) = (door.memory("VmRSS"), Instant::now());
        let head = format!("POST / HTTP/1.1\r\nHost: {}\r\nContent-Length: 1000\r\n\r\nslow", door.authority("app"));
        let mut open = connections(&door, 500, &head).await;
        assert_eq!(status_over_plain(&door).await, 200);
        let peak = door.memory("VmRSS");
        assert!(peak < before + 80_000, "{route}: from {before} kB to {peak} kB");
        for said in all_end(&mut open).await {
            assert!(said.starts_with(b"HTTP/1.1 408 "), "{route}: {}", String::from_utf8_lossy(&said));
        }
        assert!(started.elapsed() < AT_MOST, "{route}: {:?}", started.elapsed());
        upstream.wait_for_quiet(2).await;
    }
}

#[tokio::test]
async fn two_hundred_readers_that_never_read() {
    let (upstream, door) = cleartext_door("limits: {stalled_write_timeout: 2s}", "").await;
    assert_eq!(status_over_plain(&door).await, 200);
    upstream.reply_with(Reply::Bytes(64 << 20));
    let (before, started) = (door.memory("VmRSS"), Instant::now());
    let open = connections(&door, 200, &format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", door.authority("app"))).await;
    upstream.wait_for_arrivals(201).await;
    upstream.reply_with(Reply::Echo);
    assert_eq!(status_over_plain(&door).await, 200);
    let peak = door.memory("VmHWM");
    // A megabyte each: a piece of the answer on its way out, the next one read, and what TLS would make of them.
    assert!(peak < before + 200_000, "from {before} kB to {peak} kB");
    // Nobody reads, so nobody learns that they were closed; the application does.
    upstream.wait_for_quiet(2).await;
    assert!(started.elapsed() < AT_MOST, "{:?}", started.elapsed());
    drop(open);
}
