//! An application behind Doorward that shows exactly what arrived.
//!
//! It answers with a JSON description of the request and keeps the same for the test to look at, so that
//! "nothing reached the application" can be held true as well. A test sets other ways to answer with a
//! [`Reply`].

mod connection;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::authority::Pair;
use super::wire::{self, Lines};

/// How the application answers.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// 200 and what arrived; a WebSocket is accepted and every message sent back.
    Echo,
    /// As [`Reply::Echo`], with these header lines too.
    EchoWith(Vec<(&'static str, String)>),
    /// As [`Reply::Echo`], but only after this long.
    Late(Duration),
    /// So many bytes, with a Content-Length.
    Bytes(u64),
    /// So many chunks, a pause before each.
    Stream { chunks: usize, every: Duration },
    /// Exactly these bytes, whatever was asked; then the connection is closed.
    Raw(Vec<u8>),
    /// Exactly these bytes; the connection stays open.
    RawOpen(Vec<u8>),
    /// A 101 whose `Sec-WebSocket-Accept` belongs to another key.
    WrongAccept,
    /// The refusal code-server gives: a 403 without any header, and a close.
    RefuseUpgrade,
    /// Exactly these bytes, a 101 and perhaps more; then every byte that comes is sent back.
    Switch(Vec<u8>),
    /// A right 101, and then bytes without end, counted in [`Upstream::flooded`].
    Flood,
    /// Reads the request and closes without a word.
    HangUp,
}

/// One request as it came off the wire.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Arrived {
    pub(crate) line: String,
    pub(crate) headers: Lines,
    pub(crate) body_length: u64,
    pub(crate) body_sha256: String,
    pub(crate) trailers: Lines,
}

impl Arrived {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        wire::first(&self.headers, name)
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        wire::all(&self.headers, name)
    }

    /// The path and query.
    pub(crate) fn target(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }
}

/// The application, until dropped.
pub(crate) struct Upstream {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    reply: Mutex<Reply>,
    arrived: watch::Sender<Vec<Arrived>>,
    /// Bytes of request bodies seen so far.
    body: watch::Sender<u64>,
    flooded: watch::Sender<u64>,
    /// Connections open now.
    open: watch::Sender<usize>,
    /// WebSockets open now.
    tunnels: watch::Sender<usize>,
    connections: AtomicUsize,
}

impl Upstream {
    pub(crate) async fn start() -> Self {
        Self::replying(Reply::Echo).await
    }

    pub(crate) async fn replying(reply: Reply) -> Self {
        Self::listen(reply, None).await
    }

    /// Over TLS, showing this certificate.
    pub(crate) async fn with_tls(pair: &Pair) -> Self {
        Self::listen(Reply::Echo, Some(TlsAcceptor::from(Arc::new(pair.server_config())))).await
    }

    async fn listen(reply: Reply, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            reply: Mutex::new(reply),
            arrived: watch::Sender::default(),
            body: watch::Sender::default(),
            flooded: watch::Sender::default(),
            open: watch::Sender::default(),
            tunnels: watch::Sender::default(),
            connections: AtomicUsize::new(0),
        });
        let scheme = if tls.is_some() { "https" } else { "http" };
        let accepting = tokio::spawn(accept(listener, tls, shared.clone()));
        Self { address, scheme, shared, accepting }
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// The same under another name for the same machine.
    pub(crate) fn url_as(&self, host: &str) -> String {
        format!("{}://{host}:{}", self.scheme, self.address.port())
    }

    pub(crate) fn reply_with(&self, reply: Reply) {
        *self.shared.reply.lock().unwrap() = reply;
    }

    /// Every request so far.
    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        self.shared.arrived.borrow().clone()
    }

    /// The newest request.
    pub(crate) fn last(&self) -> Arrived {
        self.arrived().pop().expect("a request reached the application")
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How many bytes of a flood the other side has taken.
    pub(crate) fn flooded(&self) -> u64 {
        *self.shared.flooded.borrow()
    }

    /// Waits until so many requests have come.
    pub(crate) async fn wait_for_arrivals(&self, count: usize) {
        wait(&self.shared.arrived, |arrived| arrived.len() >= count, "requests at the application").await;
    }

    /// Waits until so many bytes of request bodies have come.
    pub(crate) async fn wait_for_body(&self, bytes: u64) {
        wait(&self.shared.body, |seen| *seen >= bytes, "bytes at the application").await;
    }

    /// Waits until at most so many connections are open.
    pub(crate) async fn wait_for_quiet(&self, most: usize) {
        wait(&self.shared.open, |open| *open <= most, "fewer open connections at the application").await;
    }

    /// Waits until so many WebSockets are open, and tells how long that took.
    pub(crate) async fn wait_for_tunnels(&self, count: usize) -> Duration {
        let started = std::time::Instant::now();
        wait(&self.shared.tunnels, |open| *open == count, "open WebSockets at the application").await;
        started.elapsed()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn wait<'a, T: std::fmt::Debug>(
    sender: &'a watch::Sender<T>,
    done: impl FnMut(&T) -> bool + 'a,
    what: &'static str,
) -> impl Future<Output = ()> + 'a {
    let mut receiver = sender.subscribe();
    async move {
        let waited = tokio::time::timeout(super::PATIENCE, receiver.wait_for(done)).await.is_ok();
        assert!(waited, "waited in vain for {what}: {:?}", sender.borrow());
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        // A head and its body are two writes: without this the second may wait 40 ms for word of the first.
        let _nodelay = stream.set_nodelay(true);
        let shared = shared.clone();
        let tls = tls.clone();
        shared.connections.fetch_add(1, Ordering::SeqCst);
        shared.open.send_modify(|open| *open += 1);
        tokio::spawn(async move {
            // What goes wrong on one connection shows in what the test sees.
            let _ended = match tls {
                None => connection::serve(stream, &shared).await,
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => connection::serve(stream, &shared).await,
                    Err(error) => Err(error),
                },
            };
            shared.open.send_modify(|open| *open -= 1);
        });
    }
}
