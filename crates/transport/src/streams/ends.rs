//! What ends an answer from outside.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// When an answer has to end although its reader has not taken it: that of a session, when the session is over.
#[derive(Debug, Clone)]
pub struct Ends {
    /// Cancelled when it has to end.
    pub when: CancellationToken,
    /// When it has to end in any case.
    pub at: Option<Instant>,
}

/// Waits for either.
#[derive(Debug)]
pub(super) struct Ended {
    when: Pin<Box<WaitForCancellationFutureOwned>>,
    at: Option<Pin<Box<Sleep>>>,
}

impl From<Ends> for Ended {
    fn from(ends: Ends) -> Self {
        let at = ends.at.map(|at| Box::pin(sleep_until(at)));
        Self { when: Box::pin(ends.when.cancelled_owned()), at }
    }
}

impl Future for Ended {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.when.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        self.at.as_mut().map_or(Poll::Pending, |at| at.as_mut().poll(cx))
    }
}
