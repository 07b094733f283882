//! The tasks of HTTP/2 streams, each of which can be ended while nobody takes what it has to send.
//!
//! Refuses to wait for ever for a reader who opens no window. The library asks a body for more only once there is room for the
//! piece before, so a body cannot end what waits for that. Ending the task resets its stream (CANCEL, RFC 9113 §5.4.2), with all
//! that it had sent ahead; the connection and its other streams go on.

mod ends;
mod tunnel;
mod turn;
mod wait;

use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::Executor;
use pin_project_lite::pin_project;

use crate::admission::Admission;
use crate::counts::Reason;
pub use ends::Ends;
pub use turn::ends_with;
use turn::{Said, Turn};
pub(crate) use turn::{gave, tunnels_until, waits};
use wait::Wait;

/// Runs the tasks of a listener's streams.
#[derive(Debug, Clone)]
pub(crate) struct Streams {
    stalled_write: Duration,
    admission: Admission,
}

impl Streams {
    pub(crate) fn new(stalled_write: Duration, admission: Admission) -> Self {
        Self { stalled_write, admission }
    }

    fn stalled(&self) {
        self.admission.counts().count(Reason::StalledWrite);
        tracing::debug!("stream reset: its reader takes nothing");
    }
}

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        // What a stream's task starts is the sending half of the tunnel that it has become.
        match turn::tunnel() {
            Some(tunnel) => drop(tokio::spawn(tunnel.run(task, self.clone()))),
            None => drop(tokio::spawn(Stream { task, streams: self.clone(), turn: Turn::default(), wait: None })),
        }
    }
}

pin_project! {
    /// The task of one stream. Until its reader keeps it waiting for the first time it has no clock, and nothing is allocated.
    struct Stream<F> {
        #[pin]
        task: F,
        streams: Streams,
        turn: Turn,
        wait: Option<Box<Wait>>,
    }
}

impl<F: Future<Output = ()>> Future for Stream<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let (polled, turn) = mem::take(this.turn).during(|| this.task.poll(cx));
        *this.turn = turn;
        if polled.is_ready() {
            return Poll::Ready(());
        }
        let said = this.turn.said();
        if said == Said::Waits {
            return Poll::Pending;
        }
        let wait = this.wait.get_or_insert_with(|| Box::new(Wait::new(this.streams.stalled_write)));
        if let Some(ends) = this.turn.new_ends() {
            wait.until(ends);
        }
        if said == Said::Gave {
            wait.begin();
        }
        if ready!(wait.poll(cx)) == wait::Over::Stalled {
            this.streams.stalled();
        }
        Poll::Ready(())
    }
}
