//! Big bodies, down and up, over one connection: CPU time and speed.

use super::Pace;
use super::client::Answer;
use super::figures::Figures;
use super::peers::Peer;
use super::process::cpu;
use super::stage::HOST;
use super::upstream::{BIG, SMALL};

const DOWN: [&str; 2] = ["CPU a megabyte down", "megabytes a second down"];
const UP: [&str; 2] = ["CPU a megabyte up", "megabytes a second up"];
const BUFFER: usize = 128 * 1024;

pub(crate) async fn measure(peers: &[Peer], figures: &mut Figures, pace: Pace) {
    let times = if pace.full { 4 } else { 2 };
    let part = vec![b'x'; BUFFER];
    for _ in 0..pace.rounds {
        for peer in peers {
            let mut connection = peer.target.connect_with(HOST, BUFFER).await.unwrap();
            let (before, begun) = (cpu(&peer.servers), std::time::Instant::now());
            for _ in 0..times {
                let answer = connection.exchange(&peer.get("/big")).await.unwrap();
                assert_eq!(answer, Answer { status: 200, body: BIG << 20 }, "{}", peer.name);
            }
            note(figures, DOWN, peer, times, before, begun);
        }
        for peer in peers {
            let mut connection = peer.target.connect_with(HOST, BUFFER).await.unwrap();
            let head = peer.head("POST", "/sink") + &format!("Content-Length: {}\r\n\r\n", BIG << 20);
            let (before, begun) = (cpu(&peer.servers), std::time::Instant::now());
            for _ in 0..times {
                connection.send(head.as_bytes()).await.unwrap();
                for _ in 0..(BIG << 20) / BUFFER as u64 {
                    connection.send(&part).await.unwrap();
                }
                let answer = connection.answer().await.unwrap();
                assert_eq!(answer, Answer { status: 200, body: SMALL.len() as u64 }, "{}", peer.name);
            }
            note(figures, UP, peer, times, before, begun);
        }
    }
    figures.table("Bodies of 64 MB down", &[(DOWN[0], "CPU us/MB"), (DOWN[1], "MB/s")]);
    figures.table("Bodies of 64 MB up", &[(UP[0], "CPU us/MB"), (UP[1], "MB/s")]);
    figures.hold_ratio(DOWN[0], "nginx", 0.6);
    figures.hold_ratio(UP[0], "nginx", 0.8);
}

fn note(
    figures: &mut Figures,
    [cost, speed]: [&'static str; 2],
    peer: &Peer,
    times: u64,
    before: std::time::Duration,
    begun: std::time::Instant,
) {
    let megabytes = (BIG * times) as f64;
    figures.note(speed, peer.name, megabytes / begun.elapsed().as_secs_f64());
    let used = cpu(&peer.servers).saturating_sub(before);
    figures.note(cost, peer.name, used.as_secs_f64() * 1e6 / megabytes);
}
