//! One question to an address: is it well?
//!
//! Refuses to carry anything of a visitor: what is sent is what the operator configured, on a connection of its own that
//! no request ever uses.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use doorward_config::{CheckKind, HealthCheck, HttpCheck};
use http::header::{HOST, USER_AGENT};
use http::{HeaderValue, Request, Response, StatusCode, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::time::timeout;

use super::grpc;
use crate::upstreams::dial::{self, DialError, Dialled, Offer, Target};
use crate::upstreams::endpoint::Endpoint;

/// How much of an answer is buffered at most.
const LARGEST_ANSWER: usize = 64 * 1024;
const WHO_ASKS: HeaderValue = HeaderValue::from_static("Doorward-Health-Check");

/// Why an address is not well.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unwell {
    #[error("{0}")]
    Unreachable(#[from] DialError),
    #[error("no answer within {} s", .0.as_secs_f32())]
    TimedOut(Duration),
    #[error("{0}")]
    BrokeOff(#[from] hyper::Error),
    #[error("it answered {0}")]
    Status(StatusCode),
    #[error("it does not speak HTTP/2 there")]
    OnlyHttp1,
    #[error("{0}")]
    Grpc(&'static str),
    #[error("the question cannot be written: {0}")]
    Question(#[from] http::Error),
}

/// Asks once.
pub(super) async fn ask(endpoint: &Endpoint, check: &HealthCheck) -> Result<(), Unwell> {
    match timeout(check.timeout, asked(endpoint, check)).await {
        Ok(asked) => asked,
        Err(_) => Err(Unwell::TimedOut(check.timeout)),
    }
}

async fn asked(endpoint: &Endpoint, check: &HealthCheck) -> Result<(), Unwell> {
    let dial = async |offer: Offer| dial_for_a_health_check(&endpoint.target, offer, check.timeout).await;
    match &check.kind {
        CheckKind::Tcp => {
            drop(dial(Offer::Both).await?);
            Ok(())
        }
        CheckKind::Http(http) => {
            let http2 = http.http2 || endpoint.target.h2c;
            let request = question(endpoint, http, http2)?;
            let status = if http2 {
                over_http2(dial(Offer::Both).await?, request, async |answer| Ok(answer.status())).await?
            } else {
                over_http1(dial(Offer::Http1).await?, request).await?
            };
            let code = status.as_u16();
            let expected = http.expected.iter().any(|(start, end)| (*start..*end).contains(&code));
            if expected { Ok(()) } else { Err(Unwell::Status(status)) }
        }
        CheckKind::Grpc(check_of) => {
            let authority = authority(endpoint, check_of.authority.as_deref())?;
            let request = grpc::question(scheme(endpoint), &authority, &check_of.service)?;
            over_http2(dial(Offer::Both).await?, request, grpc::judge).await
        }
    }
}

/// The second of the two doors to an upstream. The first takes a permit of policy; this one carries no request of
/// anybody: the stream it opens is used for the configured question alone, and closed.
async fn dial_for_a_health_check(target: &Target, offer: Offer, within: Duration) -> Result<Dialled, DialError> {
    // Checks do not count among the connections that `max_connections` bounds.
    let target = Target { open: Arc::default(), ..target.clone() };
    dial::dial(&target, within, offer).await
}

fn scheme(endpoint: &Endpoint) -> &'static str {
    if endpoint.target.tls.is_some() { "https" } else { "http" }
}

fn authority(endpoint: &Endpoint, configured: Option<&str>) -> Result<HeaderValue, http::Error> {
    match configured {
        Some(host) => Ok(HeaderValue::from_str(host)?),
        None => Ok(endpoint.authority.clone()),
    }
}

fn question(endpoint: &Endpoint, check: &HttpCheck, http2: bool) -> Result<Request<Full<Bytes>>, http::Error> {
    let host = authority(endpoint, check.host.as_deref())?;
    let request = Request::builder().method(check.method.clone()).header(USER_AGENT, WHO_ASKS);
    if http2 {
        let host = String::from_utf8_lossy(host.as_bytes());
        let uri = format!("{}://{host}{}", scheme(endpoint), check.path);
        return request.uri(uri).version(Version::HTTP_2).body(Full::default());
    }
    request.uri(check.path.as_str()).header(HOST, host).body(Full::default())
}

async fn over_http1(dialled: Dialled, request: Request<Full<Bytes>>) -> Result<StatusCode, Unwell> {
    let mut builder = hyper::client::conn::http1::Builder::new();
    builder.max_buf_size(LARGEST_ANSWER);
    let (mut sender, connection) = builder.handshake(TokioIo::new(dialled.wire)).await?;
    beside(connection, async move { Ok(sender.send_request(request).await?.status()) }).await
}

/// `judge` looks at the answer while the connection goes on. In the clear HTTP/2 is spoken unasked: it was configured.
async fn over_http2<T>(
    dialled: Dialled,
    request: Request<Full<Bytes>>,
    judge: impl AsyncFnOnce(Response<Incoming>) -> Result<T, Unwell>,
) -> Result<T, Unwell> {
    if dialled.wire.is_tls() && !dialled.http2 {
        return Err(Unwell::OnlyHttp1);
    }
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(dialled.wire)).await?;
    beside(connection, async move { judge(sender.send_request(request).await?).await }).await
}

/// Carries a conversation on for as long as it takes, and its connection no longer.
async fn beside<T>(
    connection: impl Future<Output = Result<(), hyper::Error>>,
    conversation: impl Future<Output = Result<T, Unwell>>,
) -> Result<T, Unwell> {
    let (mut connection, mut conversation) = (pin!(connection), pin!(conversation));
    tokio::select! {
        said = &mut conversation => said,
        // What came before the end is still to be heard; and why it ended is told to the conversation too.
        _ended = &mut connection => conversation.await,
    }
}
