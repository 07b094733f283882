//! Idle connections to one upstream address, last in first out.
//!
//! Refuses to hand out a connection that is closed, still busy, or older than the upstream's own patience:
//! Node closes an idle connection after five seconds, and a request written into that moment is lost.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use hyper::client::conn::http1::SendRequest;
use tokio::time::Instant;

use super::endpoint::Sender;
use super::http2::Stream;
use crate::body::Upload;

/// What bounds the idle connections of one upstream address.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PoolLimits {
    /// How long a connection may lie idle before it is closed.
    pub(crate) idle: Duration,
    /// How many lie idle at most; one more replaces the oldest.
    pub(crate) most: usize,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self { idle: Duration::from_secs(4), most: 256 }
    }
}

/// The idle connections. The lock is held to push or pop, never across anything that waits.
#[derive(Debug)]
pub(crate) struct Pool {
    limits: PoolLimits,
    idle: Mutex<Idle>,
}

#[derive(Debug, Default)]
struct Idle {
    /// In the order they were put back, so the oldest are in front.
    connections: Vec<(SendRequest<Upload>, Instant)>,
    /// Whether a task is looking after the old ones.
    swept: bool,
}

impl Pool {
    /// A pool without connections.
    pub(crate) fn new(limits: PoolLimits) -> Arc<Self> {
        Arc::new(Self { limits, idle: Mutex::default() })
    }

    /// The connection used last that is still good.
    pub(super) fn take(&self) -> Option<SendRequest<Upload>> {
        let mut idle = self.lock();
        if idle.connections.is_empty() {
            return None;
        }
        let dead = idle.drop_older_than(Instant::now(), self.limits.idle);
        // Closed ones are dropped; one that is not ready yet is about to be (its last byte has just been read)
        // or is still sending: it stays for the next taker.
        let mut found = None;
        let mut index = idle.connections.len();
        let mut closed = Vec::new();
        while let Some(at) = index.checked_sub(1) {
            index = at;
            let Some((sender, _)) = idle.connections.get(at) else { break };
            if sender.is_closed() {
                closed.push(idle.connections.remove(at));
            } else if sender.is_ready() {
                found = Some(idle.connections.remove(at).0);
                break;
            }
        }
        drop(idle);
        // Closing happens outside the lock.
        drop((dead, closed));
        found
    }

    /// Puts a connection back after its answer was read to the end.
    pub(super) fn put(self: &Arc<Self>, sender: SendRequest<Upload>) {
        if sender.is_closed() || self.limits.most == 0 {
            return;
        }
        let mut idle = self.lock();
        let surplus = (idle.connections.len() >= self.limits.most).then(|| idle.connections.remove(0));
        idle.connections.push((sender, Instant::now()));
        let needs_sweeper = !std::mem::replace(&mut idle.swept, true);
        drop(idle);
        drop(surplus);
        if needs_sweeper {
            tokio::spawn(sweep(Arc::downgrade(self), self.limits.idle));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Idle> {
        // The list is whole between any two statements that could panic.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Idle {
    fn drop_older_than(&mut self, now: Instant, idle: Duration) -> Vec<(SendRequest<Upload>, Instant)> {
        let fresh = self.connections.partition_point(|(_, since)| now.duration_since(*since) >= idle);
        if fresh == 0 { Vec::new() } else { self.connections.drain(..fresh).collect() }
    }
}

/// Closes connections nobody has used for `idle`; ends when the pool is empty or gone.
async fn sweep(pool: Weak<Pool>, idle: Duration) {
    loop {
        tokio::time::sleep(idle / 2 + Duration::from_millis(1)).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut list = pool.lock();
        let dead = list.drop_older_than(Instant::now(), idle);
        list.connections.retain(|(sender, _)| !sender.is_closed());
        let done = list.connections.is_empty();
        if done {
            list.swept = false;
            list.connections.shrink_to(4);
        }
        drop(list);
        drop(dead);
        if done {
            return;
        }
    }
}

/// A connection in use, on its way back to its pool once its answer is read to the end; or a stream, as long as it lasts.
#[derive(Debug)]
pub(crate) struct Lease(Leased);

#[derive(Debug)]
enum Leased {
    Pooled { sender: SendRequest<Upload>, pool: Arc<Pool> },
    Stream(Stream),
}

impl Lease {
    /// Takes the connection out on loan.
    pub(super) fn new(sender: Sender, pool: &Arc<Pool>) -> Self {
        Self(match sender {
            Sender::Alone(sender) => Leased::Pooled { sender, pool: Arc::clone(pool) },
            Sender::Stream(stream) => Leased::Stream(stream),
        })
    }

    /// Whether the answer comes on a stream of HTTP/2.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.0, Leased::Stream(_))
    }

    /// Gives it back. Dropping the lease instead closes the connection, unless others share it.
    pub(crate) fn give_back(self) {
        match self.0 {
            Leased::Pooled { sender, pool } => pool.put(sender),
            Leased::Stream(stream) => drop(stream),
        }
    }
}
