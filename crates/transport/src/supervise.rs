//! Driving one connection to its end, with an eye on the drain and on the clock.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use bytes::Bytes;
use http_body::Body;
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::server::conn::{http1, http2};
use hyper::service::HttpService;

use crate::drain::Drain;
use crate::handler::BoxError;
use crate::streams::Streams;
use crate::watch::{Overdue, Watch};

/// A connection that can be told to end after the requests it is at.
pub(crate) trait Graceful: Future<Output = hyper::Result<()>> {
    fn end_after_requests(self: Pin<&mut Self>);
}

impl<I, S, B> Graceful for http1::UpgradeableConnection<I, S>
where
    S: HttpService<Incoming, ResBody = B>,
    S::Error: Into<BoxError>,
    I: Read + Write + Unpin + Send + 'static,
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
    fn end_after_requests(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I, S, B> Graceful for http2::Connection<I, S, Streams>
where
    S: HttpService<Incoming, ResBody = B>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    I: Read + Write + Unpin + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn end_after_requests(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// Why a connection ended.
#[derive(Debug)]
pub(crate) enum End {
    /// By itself, with or without an error of the protocol.
    Closed(hyper::Result<()>),
    /// Because something lasted too long.
    Overdue(Overdue),
}

/// Polls `connection` until it ends. It must be polled by one task only, for the drain keeps that task's waker.
pub(crate) async fn supervise<C: Graceful>(connection: C, watch: &Watch, drain: &Drain) -> End {
    let mut connection = pin!(connection);
    let mut begun = pin!(drain.begun());
    let mut waits_for_drain = false;
    let mut is_ending = false;
    let mut armed = watch.due().unwrap_or_else(|| watch.later());
    let mut alarm = pin!(tokio::time::sleep_until(armed));
    poll_fn(move |cx| {
        // Once the waker is left there, a flag is enough: asking the token takes a lock that all connections
        // share.
        let drains = if waits_for_drain {
            drain.is_begun()
        } else {
            waits_for_drain = true;
            begun.as_mut().poll(cx).is_ready()
        };
        if drains && !is_ending {
            is_ending = true;
            connection.as_mut().end_after_requests();
        }
        loop {
            if let Poll::Ready(result) = connection.as_mut().poll(cx) {
                return Poll::Ready(End::Closed(result));
            }
            if let Some(due) = watch.due()
                && due < armed
            {
                armed = due;
                alarm.as_mut().reset(due);
            }
            if alarm.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            match watch.overdue() {
                // Between requests the client did nothing wrong: it is told, and gets a moment to close.
                Some(Overdue::Request) => {
                    is_ending = true;
                    watch.closing();
                    connection.as_mut().end_after_requests();
                }
                Some(Overdue::Close) => {
                    // Only the connection knows why it was closed, and it tells once it waits for its client no more.
                    watch.lingered();
                    return Poll::Ready(match connection.as_mut().poll(cx) {
                        Poll::Ready(result) => End::Closed(result),
                        Poll::Pending => End::Overdue(Overdue::Close),
                    });
                }
                Some(overdue) => return Poll::Ready(End::Overdue(overdue)),
                None => {}
            }
            armed = watch.due().unwrap_or_else(|| watch.later());
            alarm.as_mut().reset(armed);
        }
    })
    .await
}
