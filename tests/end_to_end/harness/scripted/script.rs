//! What each path does. The first segment is the behaviour, the others its numbers.

use std::io::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use aws_lc_rs::digest::{Context as Digest, SHA256};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt, stream};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::{NONCE, Noted, Report, Shared, bytes_of};
use crate::harness::wire::{Lines, hex};

type Told = UnsyncBoxBody<Bytes, Error>;
type Frames = Vec<Result<Frame<Bytes>, Error>>;

/// How much of a streamed body is told in one piece.
const PIECE: usize = 16 * 1024;
/// How long an upload is left unread by `hold`.
const HOLDING: Duration = Duration::from_secs(60);

pub(super) async fn answer(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Response<Told>, Error> {
    let nonce = request.headers().get(NONCE).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    shared.note(&nonce, Noted::Came);
    let mut guard = Guard { shared, nonce, done: false };
    let path = request.uri().path().to_owned();
    let mut words = path.trim_start_matches('/').split('/');
    let behaviour = words.next().unwrap_or_default();
    let words: Vec<&str> = words.collect();
    let number = |at: usize| words.get(at).and_then(|word| word.parse::<usize>().ok()).unwrap_or_default();
    let answer = match behaviour {
        // What came, read to the end.
        "report" => report(request, &guard).await?,
        // The body, while it comes.
        "echo" => echo(request, &guard),
        // early/STATUS/LENGTH/read|hold|drop: an answer that does not wait for the body.
        "early" => early(request, number(0), number(1), words.get(2).copied().unwrap_or_default(), &guard),
        "socket" => socket(request, &guard)?,
        _ => {
            // A polite application reads what it does not want.
            drain(request.into_body());
            unasked(behaviour, number(0), number(1), words.get(1) == Some(&"length"), &guard.nonce).await?
        }
    };
    guard.done = true;
    let nonce = guard.nonce.clone();
    let watch = Guard { shared: Arc::clone(&guard.shared), nonce, done: false };
    let (mut parts, body) = answer.into_parts();
    parts.headers.insert(NONCE, HeaderValue::from_str(&guard.nonce).unwrap());
    Ok(Response::from_parts(parts, Watched { inner: body, watch }.boxed_unsync()))
}

/// The behaviours that do not look at the request.
async fn unasked(
    behaviour: &str,
    first: usize,
    second: usize,
    says_length: bool,
    nonce: &str,
) -> Result<Response<Told>, Error> {
    Ok(match behaviour {
        // bytes/LENGTH/length|streamed
        "bytes" => bytes(first, says_length, nonce),
        // trailers/LENGTH: bytes, then trailers.
        "trailers" => trailers(first, nonce),
        // break/LENGTH/length|streamed: bytes, then no end.
        "break" => breaks(first, says_length, nonce),
        // The connection (HTTP/1.1) or the stream (HTTP/2) ends without an answer.
        "close" => return Err(Error::other("closed without an answer, as asked")),
        "hang" => std::future::pending().await,
        // late/MILLISECONDS, then bytes.
        "late" => {
            tokio::time::sleep(Duration::from_millis(first as u64)).await;
            plain(200, Full::from(bytes_of(nonce, 100)))
        }
        // events/COUNT/MILLISECONDS: that many, a pause after each. No count is without end.
        "events" => events(first, second as u64, nonce),
        // empty/STATUS
        "empty" => plain(first, Empty::new()),
        // length/BYTES: as HEAD wants it, a length and no byte.
        "length" => {
            let mut answer = plain(200, Empty::new());
            answer.headers_mut().insert("content-length", HeaderValue::from(first));
            answer
        }
        // heads/COUNT/LENGTH
        "heads" => heads(first, second),
        // A page to begin with.
        "" => plain(200, Full::from("a page")),
        _ => plain(404, Empty::new()),
    })
}

fn drain(mut body: Incoming) {
    if !body.is_end_stream() {
        tokio::spawn(async move { while let Some(Ok(_)) = body.frame().await {} });
    }
}

/// Notes that a request was given up, unless it was done.
struct Guard {
    shared: Arc<Shared>,
    nonce: String,
    done: bool,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.done {
            self.shared.note(&self.nonce, Noted::GivenUp);
        }
    }
}

/// A body that notes when it is dropped before its end.
struct Watched {
    inner: Told,
    watch: Guard,
}

impl Body for Watched {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) || self.inner.is_end_stream() {
            self.watch.done = true;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

async fn report(request: Request<Incoming>, guard: &Guard) -> Result<Response<Told>, Error> {
    let (head, mut body) = request.into_parts();
    let (mut digest, mut length, mut trailers) = (Digest::new(&SHA256), 0, Lines::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            guard.shared.note(&guard.nonce, Noted::Broke);
            Error::other(error)
        })?;
        match frame.into_data() {
            Ok(data) => {
                if length == 0 {
                    guard.shared.note(&guard.nonce, Noted::Body);
                }
                length += data.len() as u64;
                digest.update(&data);
            }
            Err(frame) => trailers = frame.trailers_ref().map(lines).unwrap_or_default(),
        }
    }
    guard.shared.note(&guard.nonce, Noted::Read);
    let report = Report {
        version: format!("{:?}", head.version),
        method: head.method.to_string(),
        target: head.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        headers: lines(&head.headers),
        length,
        sha256: hex(digest.finish().as_ref()),
        trailers,
    };
    Ok(plain(200, Full::from(serde_json::to_vec(&report).unwrap())))
}

fn lines(map: &HeaderMap) -> Lines {
    map.iter().map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())).collect()
}

fn echo(request: Request<Incoming>, guard: &Guard) -> Response<Told> {
    let length = request.headers().get("content-length").cloned();
    let trailer = request.headers().get("trailer").cloned();
    let (shared, nonce) = (Arc::clone(&guard.shared), guard.nonce.clone());
    let body = request.into_body().map_err(move |error| {
        shared.note(&nonce, Noted::Broke);
        Error::other(error)
    });
    let mut answer = Response::new(body.boxed_unsync());
    for (name, value) in [("content-length", length), ("trailer", trailer)] {
        if let Some(value) = value {
            answer.headers_mut().insert(name, value);
        }
    }
    answer
}

fn pieces(nonce: &str, length: usize) -> Frames {
    let all = Bytes::from(bytes_of(nonce, length));
    (0..length).step_by(PIECE).map(|at| Ok(Frame::data(all.slice(at..(at + PIECE).min(length))))).collect()
}

fn told(frames: Frames) -> Told {
    StreamBody::new(stream::iter(frames)).boxed_unsync()
}

fn bytes(length: usize, says_length: bool, nonce: &str) -> Response<Told> {
    let mut answer = Response::new(told(pieces(nonce, length)));
    if says_length {
        answer.headers_mut().insert("content-length", HeaderValue::from(length));
    }
    answer
}

fn trailers(length: usize, nonce: &str) -> Response<Told> {
    let mut frames = pieces(nonce, length);
    let mut map = HeaderMap::new();
    map.insert("x-sum", HeaderValue::from_str(nonce).unwrap());
    map.insert("x-doorward-claim-email", HeaderValue::from_static("evil@example.com"));
    frames.push(Ok(Frame::trailers(map)));
    let mut answer = Response::new(told(frames));
    answer.headers_mut().insert("trailer", HeaderValue::from_static("x-sum, x-doorward-claim-email"));
    answer
}

fn early(request: Request<Incoming>, status: usize, length: usize, rest: &str, guard: &Guard) -> Response<Told> {
    let http2 = request.version() == Version::HTTP_2;
    let body = request.into_body();
    match rest {
        "read" => drain(body),
        // Neither read nor refused, for long.
        "hold" => drop(tokio::spawn(async move {
            tokio::time::sleep(HOLDING).await;
            drop(body);
        })),
        // HTTP/2 has a word for it; in HTTP/1.1 the connection is reset, and what is under way may be lost with it.
        _ => {}
    }
    let mut answer = plain(status, Full::from(bytes_of(&guard.nonce, length)));
    answer.headers_mut().insert("content-length", HeaderValue::from(length));
    if !http2 && rest != "read" {
        // Where the next request would begin is known to nobody.
        answer.headers_mut().insert("connection", HeaderValue::from_static("close"));
    }
    answer
}

fn breaks(length: usize, says_length: bool, nonce: &str) -> Response<Told> {
    let mut frames = pieces(nonce, length);
    frames.push(Err(Error::other("broken off, as asked")));
    // The pause lets what came before leave.
    let frames = stream::iter(frames).then(|frame| async move {
        if frame.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        frame
    });
    let mut answer = Response::new(StreamBody::new(frames).boxed_unsync());
    if says_length {
        answer.headers_mut().insert("content-length", HeaderValue::from(length + 100));
    }
    answer
}

fn events(count: usize, every: u64, nonce: &str) -> Response<Told> {
    let nonce = nonce.to_owned();
    let count = if count == 0 { usize::MAX } else { count };
    let frames = stream::unfold(0, move |at| {
        let text = format!("data: {nonce} {at}\n\n");
        async move {
            if at == count {
                return None;
            }
            if at > 0 {
                tokio::time::sleep(Duration::from_millis(every)).await;
            }
            Some((Ok(Frame::data(Bytes::from(text))), at + 1))
        }
    });
    let mut answer = Response::new(StreamBody::new(frames).boxed_unsync());
    answer.headers_mut().insert("content-type", HeaderValue::from_static("text/event-stream"));
    answer
}

fn heads(count: usize, length: usize) -> Response<Told> {
    let mut answer = plain(200, Full::from("heads"));
    for at in 0..count {
        let name: http::HeaderName = format!("x-head-{at}").parse().unwrap();
        answer.headers_mut().insert(name, HeaderValue::from_str(&"y".repeat(length)).unwrap());
    }
    answer
}

fn plain<B: Body<Data = Bytes, Error = std::convert::Infallible> + Send + 'static>(
    status: usize,
    body: B,
) -> Response<Told> {
    let mut answer = Response::new(body.map_err(|never| match never {}).boxed_unsync());
    *answer.status_mut() = StatusCode::from_u16(u16::try_from(status).unwrap()).unwrap();
    answer
}

/// Agrees to a WebSocket in the way of the protocol it came in, and sends every message back.
fn socket(mut request: Request<Incoming>, guard: &Guard) -> Result<Response<Told>, Error> {
    let mut answer = plain(200, Empty::new());
    if request.method() == Method::CONNECT {
        let protocol = request.extensions().get::<hyper::ext::Protocol>();
        protocol.filter(|name| name.as_str() == "websocket").ok_or_else(|| Error::other("no WebSocket"))?;
    } else {
        let Some(key) = request.headers().get("sec-websocket-key") else { return Ok(plain(400, Empty::new())) };
        let accept = HeaderValue::from_str(&derive_accept_key(key.as_bytes())).unwrap();
        *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        answer.headers_mut().insert("sec-websocket-accept", accept);
        answer.headers_mut().insert("upgrade", HeaderValue::from_static("websocket"));
        answer.headers_mut().insert("connection", HeaderValue::from_static("upgrade"));
    }
    let upgrade = hyper::upgrade::on(&mut request);
    let closed = Guard { shared: Arc::clone(&guard.shared), nonce: guard.nonce.clone(), done: true };
    tokio::spawn(async move {
        if let Ok(stream) = upgrade.await {
            let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(stream), Role::Server, None).await;
            while let Some(Ok(message)) = socket.next().await {
                let is_data = message.is_text() || message.is_binary();
                if message.is_close() || (is_data && socket.send(message).await.is_err()) {
                    break;
                }
            }
        }
        closed.shared.note(&closed.nonce, Noted::Closed);
    });
    Ok(answer)
}
