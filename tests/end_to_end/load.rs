//! Visitors by the dozen: each does one thing over and over, and notes every answer that is not what it has to be.

pub(crate) mod processor;
pub(crate) mod vitals;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::harness::doorward::Doorward;
use crate::harness::scripted::{NONCE, bytes_of};
use crate::harness::visitor::{Protocol, Visitor, Whole, full, nothing, socket, streamed};
use crate::harness::websocket::echo;
use crate::harness::within;

/// The visitors, until ended.
pub(crate) struct Load {
    visits: Arc<Visits>,
    stop: watch::Sender<bool>,
    visitors: JoinSet<()>,
}

/// What all visitors of a load share.
struct Visits {
    door: Arc<Doorward>,
    /// Between two requests of one visitor.
    pause: Duration,
    stop: watch::Receiver<bool>,
    given: AtomicU64,
    tally: Mutex<Tally>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// How many answers were right, by who asked.
    pub(crate) right: BTreeMap<String, u64>,
    /// What was not as it had to be.
    pub(crate) wrong: Vec<String>,
    /// Of the plain requests that were right.
    pub(crate) latencies: Vec<Duration>,
}

/// Somebody who visits one host.
#[derive(Clone)]
pub(crate) struct Who {
    pub(crate) host: &'static str,
    pub(crate) protocol: Protocol,
    pub(crate) cookie: Option<String>,
}

impl Who {
    pub(crate) fn stranger(host: &'static str, protocol: Protocol) -> Self {
        Self { host, protocol, cookie: None }
    }
}

impl Load {
    pub(crate) fn on(door: &Arc<Doorward>, pause: Duration) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (given, tally) = (AtomicU64::new(0), Mutex::default());
        let visits = Visits { door: Arc::clone(door), pause, stop: stopped, given, tally };
        Self { visits: Arc::new(visits), stop, visitors: JoinSet::new() }
    }

    /// Downloads, one after the other on one connection; every one has to be answered so, a 200 with its own bytes.
    pub(crate) fn downloads(&mut self, who: Who, status: u16) {
        let visits = Arc::clone(&self.visits);
        self.visitors.spawn(async move { visits.downloads(who, status).await });
    }

    /// Uploads that come back, every one whole.
    pub(crate) fn uploads(&mut self, who: Who) {
        let visits = Arc::clone(&self.visits);
        self.visitors.spawn(async move { visits.uploads(who).await });
    }

    /// One WebSocket that lives as long as the load.
    pub(crate) fn websocket(&mut self, who: Who) {
        let visits = Arc::clone(&self.visits);
        self.visitors.spawn(async move { visits.websocket(who).await });
    }

    /// One stream of events that lives as long as the load.
    pub(crate) fn events(&mut self, who: Who) {
        let visits = Arc::clone(&self.visits);
        self.visitors.spawn(async move { visits.events(who).await });
    }

    /// Requests of which only this is asked: one of these statuses or a break, and with a 200 one's own bytes.
    pub(crate) fn tries(&mut self, who: Who, statuses: &'static [u16]) {
        let visits = Arc::clone(&self.visits);
        self.visitors.spawn(async move { visits.tries(who, statuses).await });
    }

    /// The latencies noted since this was last asked.
    pub(crate) fn take_latencies(&self) -> Vec<Duration> {
        std::mem::take(&mut self.visits.tally.lock().unwrap().latencies)
    }

    /// How many answers were right so far.
    pub(crate) fn answered(&self) -> u64 {
        self.visits.tally.lock().unwrap().right.values().sum()
    }

    /// Lets everybody finish what they do, and tells what came of it.
    pub(crate) async fn end(mut self) -> Tally {
        self.stop.send_replace(true);
        within("the visitors going home", async {
            while let Some(visitor) = self.visitors.join_next().await {
                visitor.expect("a visitor who does not panic");
            }
        })
        .await;
        std::mem::take(&mut *self.visits.tally.lock().unwrap())
    }
}

impl Visits {
    fn nonce(&self) -> String {
        format!("v{}", self.given.fetch_add(1, Ordering::Relaxed))
    }

    fn goes_on(&self) -> bool {
        !*self.stop.borrow()
    }

    fn right(&self, what: &str, latency: Option<Duration>) {
        let mut tally = self.tally.lock().unwrap();
        *tally.right.entry(what.to_owned()).or_default() += 1;
        tally.latencies.extend(latency);
    }

    fn wrong(&self, what: &str, how: &str) {
        let mut tally = self.tally.lock().unwrap();
        if tally.wrong.len() < 50 {
            tally.wrong.push(format!("{what}: {how}"));
        }
    }

    /// An open connection: the one there, or a new one.
    async fn connection(&self, who: &Who, kept: Option<Visitor>) -> Option<Visitor> {
        if kept.as_ref().is_some_and(Visitor::is_open) {
            return kept;
        }
        match Visitor::try_connect(&self.door, who.host, who.protocol, 1 << 20).await {
            Ok(visitor) => Some(visitor),
            Err(error) => {
                self.wrong(who.host, &format!("no connection: {error}"));
                tokio::time::sleep(Duration::from_millis(100)).await;
                None
            }
        }
    }

    async fn downloads(&self, who: Who, status: u16) {
        let what = format!("{} downloads from {}", who.protocol.name(), who.host);
        let (mut kept, mut round) = (None, 0_usize);
        while self.goes_on() {
            let Some(mut visitor) = self.connection(&who, kept.take()).await else { continue };
            let (path, length) =
                [("/bytes/1000/length", 1000), ("/bytes/40000/streamed", 40_000), ("/late/20", 100)][round % 3];
            round += 1;
            let nonce = self.nonce();
            let began = Instant::now();
            let request = request(&visitor, &who, "GET", path, &nonce).body(nothing()).unwrap();
            match visitor.exchange(request).await {
                Ok(answer) if is_right(&answer, status, &bytes_of(&nonce, length)) => {
                    // One waits on purpose.
                    self.right(&what, (length != 100).then(|| began.elapsed()));
                }
                Ok(answer) => self.wrong(&what, &told(&nonce, &answer)),
                Err(error) => self.wrong(&what, &format!("{nonce} {path}: {error:?}")),
            }
            kept = Some(visitor);
            tokio::time::sleep(self.pause).await;
        }
    }

    async fn uploads(&self, who: Who) {
        let what = format!("{} uploads to {}", who.protocol.name(), who.host);
        let (mut kept, mut round) = (None, 0_usize);
        while self.goes_on() {
            let Some(mut visitor) = self.connection(&who, kept.take()).await else { continue };
            let nonce = self.nonce();
            let bytes = bytes_of(&nonce, [10, 5000, 200_000][round % 3]);
            round += 1;
            let body = if round.is_multiple_of(2) { full(bytes.clone()) } else { streamed(bytes.clone(), None) };
            let request = request(&visitor, &who, "POST", "/echo", &nonce).body(body).unwrap();
            match visitor.exchange(request).await {
                Ok(answer) if is_right(&answer, 200, &bytes) => self.right(&what, None),
                Ok(answer) => self.wrong(&what, &told(&nonce, &answer)),
                Err(error) => self.wrong(&what, &format!("{nonce}: {error:?}")),
            }
            kept = Some(visitor);
            tokio::time::sleep(self.pause).await;
        }
    }

    async fn websocket(&self, who: Who) {
        let what = format!("a WebSocket by {} to {}", who.protocol.name(), who.host);
        let nonce = self.nonce();
        let mut headers = vec![(NONCE, nonce.as_str())];
        headers.extend(who.cookie.as_deref().map(|cookie| ("cookie", cookie)));
        let mut socket = match socket(&self.door, who.host, who.protocol, &headers).await {
            Ok(socket) => socket,
            Err(status) => return self.wrong(&what, &format!("refused with {status}")),
        };
        while self.goes_on() {
            let text = format!("{} {}", self.nonce(), ".".repeat(500));
            if !echo(&mut socket, &text).await {
                return self.wrong(&what, "ended");
            }
            self.right(&what, None);
            tokio::time::sleep(self.pause).await;
        }
    }

    async fn events(&self, who: Who) {
        let what = format!("{} events from {}", who.protocol.name(), who.host);
        let Some(mut visitor) = self.connection(&who, None).await else { return };
        let nonce = self.nonce();
        let request = request(&visitor, &who, "GET", "/events/0/20", &nonce).body(nothing()).unwrap();
        let mut answer = match within("the head of a stream", visitor.send(request)).await {
            Ok(answer) if answer.status() == 200 => answer,
            other => return self.wrong(&what, &format!("{:?}", other.map(|answer| answer.status()))),
        };
        let (mut text, mut next) = (String::new(), 0_u64);
        while self.goes_on() {
            match within("an event", answer.frame()).await {
                Some(Ok(frame)) => text += std::str::from_utf8(frame.data_ref().unwrap()).unwrap(),
                other => return self.wrong(&what, &format!("broke off after {next}: {other:?}")),
            }
            while let Some((event, rest)) = text.split_once("\n\n") {
                if event != format!("data: {nonce} {next}") {
                    return self.wrong(&what, &format!("{event:?} instead of {next}"));
                }
                next += 1;
                self.right(&what, None);
                text = rest.to_owned();
            }
        }
    }

    async fn tries(&self, who: Who, statuses: &[u16]) {
        let what = format!("{} tries of {}", who.protocol.name(), who.host);
        let (mut kept, mut round) = (None, 0_usize);
        while self.goes_on() {
            let Some(mut visitor) = self.connection(&who, kept.take()).await else { continue };
            let nonce = self.nonce();
            let method = if round.is_multiple_of(3) { "POST" } else { "GET" };
            round += 1;
            let body = if method == "POST" { streamed(vec![b'u'; 300_000], None) } else { nothing() };
            let request = request(&visitor, &who, method, "/bytes/500/length", &nonce).body(body).unwrap();
            match visitor.exchange(request).await {
                Ok(answer) if !statuses.contains(&answer.status) => self.wrong(&what, &told(&nonce, &answer)),
                Ok(answer) if answer.status == 200 && answer.body != bytes_of(&nonce, 500) => {
                    self.wrong(&what, &told(&nonce, &answer));
                }
                Ok(_) | Err(_) => self.right(&what, None),
            }
            // A connection on which an answer broke off is closed (HTTP/1.1) or good (HTTP/2).
            kept = Some(visitor);
            tokio::time::sleep(self.pause).await;
        }
    }
}

fn request(visitor: &Visitor, who: &Who, method: &str, path: &str, nonce: &str) -> http::request::Builder {
    let request = visitor.request(method, path).header(NONCE, nonce).header("accept", "*/*");
    match &who.cookie {
        Some(cookie) => request.header("cookie", cookie),
        None => request,
    }
}

fn is_right(answer: &Whole, status: u16, bytes: &[u8]) -> bool {
    answer.status == status && (status != 200 || answer.body == bytes)
}

/// What is said of an answer that is wrong.
fn told(nonce: &str, answer: &Whole) -> String {
    let beginning = answer.body.get(..300).unwrap_or(&answer.body);
    let id = answer.headers.get("x-request-id");
    let beginning = String::from_utf8_lossy(beginning);
    format!("{nonce} got {} ({} bytes, request {id:?}): {beginning}", answer.status, answer.body.len())
}
