//! The HTTP/2 connections to one upstream address, each shared by many requests.
//!
//! Refuses to dial for each of a crowd: while one dials, those who come meanwhile wait and share what comes of it, be it
//! a connection or a failure.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::dial::{self, DialError, Offer, Target};
use super::endpoint::{Sender, alone};
use super::http2::{Connection, Stream};

/// How often idle connections are looked for; one is closed the second time it is found idle.
const SWEEP: Duration = Duration::from_secs(30);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// Held while dialling.
    turn: tokio::sync::Mutex<()>,
    /// Whether the last one that was asked chose HTTP/1.1.
    speaks_http1: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    connections: Vec<Arc<Connection>>,
    /// How often dialling has failed, and how last.
    failures: u64,
    failure: Option<Arc<DialError>>,
    /// Whether a task is looking after the idle ones.
    swept: bool,
}

impl Shared {
    /// A stream on a connection that has room.
    pub(super) fn take(&self) -> Option<Stream> {
        let mut over = Vec::new();
        let mut state = self.lock();
        let mut found = None;
        state.connections.retain(|connection| {
            let keep = found.is_some() || !connection.is_over();
            if !keep {
                over.push(Arc::clone(connection));
            } else if found.is_none() {
                found = connection.stream();
            }
            keep
        });
        drop(state);
        // Those without streams close now, and not under the lock.
        drop(over);
        found
    }

    /// A stream on a new connection, or one that another's dialling has brought; or a connection of its own where the
    /// upstream speaks HTTP/1.1.
    pub(super) async fn connect(self: &Arc<Self>, target: &Target, within: Duration) -> Result<Sender, DialError> {
        if self.speaks_http1.load(Ordering::Relaxed) {
            return self.dial(target, within).await;
        }
        let failures = self.lock().failures;
        let turn = self.turn.lock().await;
        if let Some(stream) = self.take() {
            return Ok(Sender::Stream(stream));
        }
        if let Some(failure) = self.failed_since(failures) {
            return Err(DialError::Together(failure));
        }
        if self.speaks_http1.load(Ordering::Relaxed) {
            drop(turn);
        }
        let dialled = self.dial(target, within).await;
        dialled.map_err(|error| {
            let error = Arc::new(error);
            let mut state = self.lock();
            state.failures += 1;
            state.failure = Some(Arc::clone(&error));
            DialError::Together(error)
        })
    }

    async fn dial(self: &Arc<Self>, target: &Target, within: Duration) -> Result<Sender, DialError> {
        let dialled = dial::dial(target, within, Offer::Both).await?;
        self.speaks_http1.store(!dialled.http2, Ordering::Relaxed);
        if !dialled.http2 {
            return Ok(Sender::Alone(alone(dialled.wire, false).await?));
        }
        let connection = Connection::begin(dialled, within).await?;
        let stream = connection.first_stream();
        let mut state = self.lock();
        state.connections.push(connection);
        if !std::mem::replace(&mut state.swept, true) {
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
        Ok(Sender::Stream(stream))
    }

    fn failed_since(&self, failures: u64) -> Option<Arc<DialError>> {
        let state = self.lock();
        state.failure.clone().filter(|_| state.failures != failures)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The list is whole between any two statements that could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes connections that nobody uses; ends when there are none, or their upstream is gone.
async fn sweep(shared: Weak<Shared>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(shared) = shared.upgrade() else { return };
        let mut state = shared.lock();
        let connections = std::mem::take(&mut state.connections);
        let (over, good) = connections.into_iter().partition(|connection| connection.is_over() || connection.is_idle());
        state.connections = good;
        let done = state.connections.is_empty();
        if done {
            state.swept = false;
        }
        drop(state);
        drop::<Vec<_>>(over);
        if done {
            return;
        }
    }
}
