//! Kinds of load: a closed loop over kept-alive connections, arrivals at a fixed rate, handshakes, echoes.
//!
//! Refuses to count what was not answered as it should be.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::{Mutex, mpsc};
use tokio::time::timeout;

use super::client::{Answer, Connection, Target};

/// How many connections a closed loop has.
pub(crate) const CONNECTIONS: usize = 32;

/// What one connection asks for, in turn and again from the start.
#[derive(Clone)]
pub(crate) struct Work {
    /// The name of the handshake.
    pub(crate) host: String,
    pub(crate) requests: Vec<Vec<u8>>,
    /// What every answer is.
    pub(crate) expected: Answer,
}

/// Connections that are open and have had an answer to each request once, where there are not many.
pub(crate) struct Ready {
    open: Vec<(Connection, Work)>,
}

impl Ready {
    /// Opens a connection for each piece of work.
    pub(crate) async fn open(target: &Target, work: Vec<Work>) -> Self {
        let open = work.into_iter().map(|work| async {
            let mut connection = target.connect(&work.host).await.unwrap();
            for request in work.requests.iter().take(4) {
                ask(&mut connection, request, work.expected).await;
            }
            (connection, work)
        });
        Self { open: join_all(open).await }
    }

    /// Asks for everything once.
    pub(crate) async fn once(&mut self) {
        join_all(self.open.iter_mut().map(|(connection, work)| async {
            for request in &work.requests {
                ask(connection, request, work.expected).await;
            }
        }))
        .await;
    }

    /// Every connection asks as soon as it was answered; how many answers came.
    pub(crate) async fn run(&mut self, time: Duration) -> u64 {
        let end = Instant::now() + time;
        let counts = join_all(self.open.iter_mut().map(|(connection, work)| async {
            let mut done = 0;
            for request in work.requests.iter().cycle() {
                ask(connection, request, work.expected).await;
                done += 1;
                if Instant::now() >= end {
                    break;
                }
            }
            // The next run goes on where this one ended.
            let at = usize::try_from(done).unwrap() % work.requests.len();
            work.requests.rotate_left(at);
            done
        }));
        counts.await.into_iter().sum()
    }
}

async fn ask(connection: &mut Connection, request: &[u8], expected: Answer) {
    let answer = connection.exchange(request).await;
    match answer {
        Ok(answer) if answer == expected => {}
        other => panic!("{other:?} to {}", String::from_utf8_lossy(request.get(..300).unwrap_or(request))),
    }
}

/// What answers took that arrived at a fixed rate, from when each was due: what waits for a slow answer counts as slow.
pub(crate) async fn at_rate(ready: &mut Ready, a_second: u64, time: Duration) -> Vec<Duration> {
    let (send, receive) = mpsc::unbounded_channel();
    let receive = Mutex::new(receive);
    // A thread of its own: the timer of the runtime counts in milliseconds.
    let arrivals = std::thread::spawn(move || {
        let (start, gap) = (Instant::now(), Duration::from_secs(1) / u32::try_from(a_second).unwrap());
        for number in 0.. {
            let due = start + gap * number;
            if due >= start + time {
                break;
            }
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            if send.send(due).is_err() {
                break;
            }
        }
    });
    let receive = &receive;
    let took = join_all(ready.open.iter_mut().map(|(connection, work)| async move {
        let mut took = Vec::new();
        let mut requests = work.requests.iter().cycle();
        loop {
            // Released before the request is made.
            let due = receive.lock().await.recv().await;
            let (Some(due), Some(request)) = (due, requests.next()) else { return took };
            ask(connection, request, work.expected).await;
            took.push(due.elapsed());
        }
    }));
    let mut took = took.await.concat();
    arrivals.join().unwrap();
    took.sort_unstable();
    took
}

/// Full handshakes, eight at a time, nothing asked; how many were done.
pub(crate) async fn handshakes(target: &Target, host: &str, time: Duration) -> u64 {
    let end = Instant::now() + time;
    let one = || async {
        let mut done = 0;
        while Instant::now() < end {
            let mut connection = target.connect_with(host, 0).await.unwrap();
            // Says goodbye, so that nobody logs an error.
            let _reset = connection.stream.shutdown().await;
            done += 1;
        }
        done
    };
    join_all((0..8).map(|_| one())).await.into_iter().sum()
}

/// What a browser sends to open a WebSocket.
pub(crate) fn upgrade(head: &str) -> Vec<u8> {
    format!(
        "{head}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .into_bytes()
}

/// A masked text frame of 32 bytes. The echo sends back the very bytes.
const FRAME: &[u8] = b"\x81\xa0\0\0\0\0thirty-two bytes, and masked by 0";

/// Opens so many WebSockets, a few at a time.
pub(crate) async fn tunnels(target: &Target, host: &str, request: &[u8], many: usize) -> Vec<Connection> {
    let mut open = Vec::new();
    while open.len() < many {
        let batch = (many - open.len()).min(32);
        let one = || async {
            let mut connection = target.connect_with(host, 1024).await.unwrap();
            ask(&mut connection, request, Answer { status: 101, body: 0 }).await;
            echo(&mut connection).await;
            connection
        };
        let batch = timeout(Duration::from_secs(30), join_all((0..batch).map(|_| one()))).await;
        open.extend(batch.unwrap_or_else(|_| panic!("of {many} WebSockets no more than {} open", open.len())));
    }
    open
}

/// Round trips of a small frame on every one of them; how many.
pub(crate) async fn echoes(open: &mut [Connection], time: Duration) -> u64 {
    let end = Instant::now() + time;
    let one = |connection| async move {
        let connection: &mut Connection = connection;
        let mut done = 0;
        while Instant::now() < end {
            echo(connection).await;
            done += 1;
        }
        done
    };
    join_all(open.iter_mut().map(one)).await.into_iter().sum()
}

async fn echo(connection: &mut Connection) {
    connection.send(FRAME).await.unwrap();
    connection.read(FRAME.len()).await.unwrap();
}
