//! Coming to an end in good order: no new work, what runs may finish, and a limit on how long.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The end of the process, as everything that serves a client sees it. Clones are the same drain.
#[derive(Debug, Clone, Default)]
pub struct Drain {
    token: CancellationToken,
    tracker: TaskTracker,
    /// Says the same as the token without taking its lock: connections ask at every wake-up.
    begun: Arc<AtomicBool>,
}

impl Drain {
    /// A drain that has not begun.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins it: listeners close, connections end after the requests they are at.
    pub fn begin(&self) {
        // In this order, so that whoever the token wakes sees the flag.
        self.begun.store(true, Ordering::SeqCst);
        self.token.cancel();
        self.tracker.close();
    }

    /// Whether it has begun.
    pub fn is_begun(&self) -> bool {
        self.begun.load(Ordering::SeqCst)
    }

    /// Ends when it begins.
    pub async fn begun(&self) {
        self.token.cancelled().await;
    }

    /// Cancelled when it begins.
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Spawns a task that the drain waits for: a connection, a tunnel.
    pub fn track<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.tracker.spawn(task)
    }

    /// How many tracked tasks are running.
    pub fn running(&self) -> usize {
        self.tracker.len()
    }

    /// Waits until it has begun and all tracked tasks ended, at most for `limit`; whether they did.
    pub async fn finished(&self, limit: Duration) -> bool {
        tokio::time::timeout(limit, self.tracker.wait()).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_waits_for_what_is_tracked_and_no_longer_than_it_may() {
        let drain = Drain::new();
        assert!(!drain.is_begun());
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        drain.track(async move { gone.await.ok() });
        drain.begin();
        drain.begun().await;
        assert!(drain.is_begun() && drain.token().is_cancelled());
        assert!(!drain.finished(Duration::from_millis(20)).await);
        assert_eq!(drain.running(), 1);
        go.send(()).unwrap();
        assert!(drain.finished(Duration::from_secs(5)).await);
    }

    #[tokio::test]
    async fn nothing_tracked_is_finished_at_once_but_not_before_it_begins() {
        let drain = Drain::new();
        assert!(!drain.finished(Duration::from_millis(20)).await);
        drain.clone().begin();
        assert!(drain.finished(Duration::from_secs(5)).await);
    }
}
