//! How an upstream is asked whether it wants a body that is kept back (`Expect: 100-continue`, RFC 9110 §10.1.1).
//!
//! Refuses to wait for ever: a client that has heard nothing sends in the end, and so do we.

use std::time::Duration;

use http::header::EXPECT;
use http::{HeaderValue, Request, StatusCode};
use hyper::ext::on_informational;

use crate::body::Upload;

/// How long an upstream may say nothing, as most clients have it. Applications that have never heard of this wait for the
/// body, and would wait for ever.
const PATIENCE: Duration = Duration::from_secs(1);
/// The same where it has no way to say that it goes on: the HTTP/2 library tells nobody of a 100. Every upload that is
/// wanted waits in vain then, so the wait is as long as a refusal needs that is made of the head alone, and no longer.
const PATIENCE_OF_HTTP2: Duration = Duration::from_millis(300);

/// Over HTTP/1.1 it is asked.
pub(super) fn over_http1(request: &mut Request<Upload>, within: Option<Duration>) {
    match request.body_mut().wait_to_be_asked(shorter(PATIENCE, within)) {
        Some(expectation) => {
            request.headers_mut().insert(EXPECT, HeaderValue::from_static("100-continue"));
            on_informational(request, move |said| {
                if said.status() == StatusCode::CONTINUE {
                    expectation.ask();
                }
            });
        }
        // It was asked for already, and is sent as it comes.
        None if request.body().expectation().is_some() => drop(request.headers_mut().remove(EXPECT)),
        None => {}
    }
}

/// Over HTTP/2 it is not asked; it may say no by itself.
pub(super) fn over_http2(request: &mut Request<Upload>, within: Option<Duration>) {
    if request.body().expectation().is_some() {
        let _asked_already = request.body_mut().wait_to_be_asked(shorter(PATIENCE_OF_HTTP2, within));
        request.headers_mut().remove(EXPECT);
    }
}

/// The time in which an answer has to come is not to be spent on the question.
fn shorter(patience: Duration, within: Option<Duration>) -> Duration {
    within.map_or(patience, |within| patience.min(within / 2))
}
