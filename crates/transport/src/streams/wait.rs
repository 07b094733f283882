//! The clock of a stream whose reader keeps it waiting.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::ends::{Ended, Ends};

/// Lasts as long as its stream; runs from the last piece that the reader made room for.
#[derive(Debug)]
pub(super) struct Wait {
    most: Duration,
    since: Instant,
    timer: Pin<Box<Sleep>>,
    ended: Option<Ended>,
}

/// Why a stream has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// Nothing was taken for too long.
    Stalled,
    /// What it belongs to has ended.
    Ended,
}

impl Wait {
    /// A reader may take nothing for so long.
    pub(super) fn new(most: Duration) -> Self {
        let since = Instant::now();
        Self { most, since, timer: Box::pin(sleep_until(since + most)), ended: None }
    }

    /// The reader has taken something.
    pub(super) fn begin(&mut self) {
        self.since = Instant::now();
    }

    pub(super) fn until(&mut self, ends: Ends) {
        self.ended = Some(ends.into());
    }

    /// To be asked only while the reader is waited for.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Over> {
        if let Some(ended) = &mut self.ended
            && Pin::new(ended).poll(cx).is_ready()
        {
            return Poll::Ready(Over::Ended);
        }
        loop {
            // The timer is not set back for every piece: it fires early and is set again.
            ready!(self.timer.as_mut().poll(cx));
            let due = self.since + self.most;
            if due <= Instant::now() {
                return Poll::Ready(Over::Stalled);
            }
            self.timer.as_mut().reset(due);
        }
    }
}
