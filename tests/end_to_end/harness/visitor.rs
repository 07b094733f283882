//! A client that keeps one connection and sees everything a library shows of it: bodies while they come, in both
//! directions, trailers, several requests at once.

use bytes::Bytes;
use futures_util::stream;
use http::header::HOST;
use http::{HeaderMap, Request, Response, Version};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::authority::Authority;
use super::doorward::Doorward;
use super::raw::Io;
use super::setup::DOMAIN;
use super::tls::{shake_hands, trusting};
use super::websocket::{self, Socket};
use super::within;

pub(crate) type Sent = UnsyncBoxBody<Bytes, std::io::Error>;

/// What the visitor speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

impl Protocol {
    pub(crate) const ALL: [Self; 2] = [Self::Http1, Self::Http2];

    /// Its name in TLS, and for messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Http1 => "http/1.1",
            Self::Http2 => "h2",
        }
    }
}

/// One connection to one host. Dropping it closes the connection at once.
pub(crate) struct Visitor {
    sender: Sender,
    authority: String,
    /// The socket once more, to close it without a word.
    socket: Option<std::net::TcpStream>,
}

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<Sent>),
    Http2(http2::SendRequest<Sent>),
}

/// An answer read to its end.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: Option<HeaderMap>,
}

impl Visitor {
    pub(crate) async fn connect(door: &Doorward, host: &str, protocol: Protocol) -> Self {
        Self::try_connect(door, host, protocol, 1 << 20).await.unwrap()
    }

    /// With so many bytes of window for each stream of HTTP/2; the connection's is as large as can be.
    pub(crate) async fn try_connect(
        door: &Doorward,
        host: &str,
        protocol: Protocol,
        window: u32,
    ) -> std::io::Result<Self> {
        let name = format!("{host}.{DOMAIN}");
        let config = trusting(&[Authority::shared().pem()], &[protocol.name()]);
        let stream = TcpStream::connect(door.setup.address()).await?;
        stream.set_nodelay(true)?;
        let stream = stream.into_std()?;
        let socket = stream.try_clone()?;
        let stream = TcpStream::from_std(stream)?;
        let stream = TokioIo::new(shake_hands(config, stream, Some(&name)).await?);
        let sender = match protocol {
            Protocol::Http1 => {
                let (sender, connection) = http1::handshake(stream).await.map_err(std::io::Error::other)?;
                tokio::spawn(connection.with_upgrades());
                Sender::Http1(sender)
            }
            Protocol::Http2 => {
                let mut builder = http2::Builder::new(TokioExecutor::new());
                builder.timer(TokioTimer::new()).initial_stream_window_size(window);
                builder.initial_connection_window_size(0x7fff_ffff).max_header_list_size(1 << 20);
                let (sender, connection) = builder.handshake(stream).await.map_err(std::io::Error::other)?;
                tokio::spawn(connection);
                Sender::Http2(sender)
            }
        };
        Ok(Self { sender, authority: door.authority(host), socket: Some(socket) })
    }

    pub(crate) fn protocol(&self) -> Protocol {
        match self.sender {
            Sender::Http1(_) => Protocol::Http1,
            Sender::Http2(_) => Protocol::Http2,
        }
    }

    /// A request of this connection's host.
    pub(crate) fn request(&self, method: &str, path: &str) -> http::request::Builder {
        let builder = Request::builder().method(method);
        match self.protocol() {
            Protocol::Http1 => builder.uri(path).header(HOST, &self.authority),
            Protocol::Http2 => builder.version(Version::HTTP_2).uri(format!("https://{}{path}", self.authority)),
        }
    }

    /// Lets the connection go on for what is open on it.
    pub(crate) fn leave_open(mut self) {
        self.socket = None;
    }

    /// Whether the connection takes another request.
    pub(crate) fn is_open(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => !sender.is_closed(),
            Sender::Http2(sender) => !sender.is_closed(),
        }
    }

    /// Sends it; ready with the head of the answer. In HTTP/2, several may be under way.
    pub(crate) fn send(
        &mut self,
        request: Request<Sent>,
    ) -> impl Future<Output = hyper::Result<Response<Incoming>>> + Send + use<> {
        enum Either<A, B> {
            One(A),
            Two(B),
        }
        let sending = match &mut self.sender {
            Sender::Http1(sender) => Either::One(sender.send_request(request)),
            Sender::Http2(sender) => Either::Two(sender.send_request(request)),
        };
        async move {
            match sending {
                Either::One(sending) => sending.await,
                Either::Two(sending) => sending.await,
            }
        }
    }

    /// Sends it and reads the answer to its end. The next request waits until this one's connection is free.
    pub(crate) async fn exchange(&mut self, request: Request<Sent>) -> hyper::Result<Whole> {
        let what = format!("{} {}", request.method(), request.uri());
        within(&what, async {
            match &mut self.sender {
                Sender::Http1(sender) => sender.ready().await?,
                Sender::Http2(sender) => sender.ready().await?,
            }
            whole(self.send(request).await?).await
        })
        .await
    }

    /// A GET with this nonce.
    pub(crate) async fn get(&mut self, path: &str, nonce: &str) -> hyper::Result<Whole> {
        let request = self.request("GET", path).header(super::scripted::NONCE, nonce).body(nothing()).unwrap();
        self.exchange(request).await
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        if let Some(socket) = &self.socket {
            let _gone_already = socket.shutdown(std::net::Shutdown::Both);
        }
    }
}

/// Asks for a WebSocket in the way of the protocol, as a page of that host does; the status when it is refused.
pub(crate) async fn socket(
    door: &Doorward,
    host: &str,
    protocol: Protocol,
    headers: &[(&str, &str)],
) -> Result<Socket, u16> {
    let origin = door.setup.origin(host);
    let mut all = vec![("Origin", origin.as_str())];
    all.extend(headers);
    if protocol == Protocol::Http1 {
        let raw = door.raw(host).await;
        return websocket::over(raw, &door.authority(host), "/socket", &all).await.map_err(|refused| refused.status);
    }
    let mut visitor = Visitor::connect(door, host, protocol).await;
    // What a server allows is known once its settings have come.
    let _settled = visitor.get("/.doorward/user", "").await;
    let socket = visitor.websocket(&all).await;
    visitor.leave_open();
    socket
}

impl Visitor {
    /// A WebSocket on this connection, which has to be HTTP/2 (RFC 8441). The connection lives as long as it.
    pub(crate) async fn websocket(&mut self, headers: &[(&str, &str)]) -> Result<Socket, u16> {
        let mut request = self.request("CONNECT", "/socket").header("sec-websocket-version", "13");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.extension(hyper::ext::Protocol::from_static("websocket")).body(nothing()).unwrap();
        let mut answer = within("an answer to CONNECT", self.send(request)).await.unwrap();
        if answer.status() != http::StatusCode::OK {
            return Err(answer.status().as_u16());
        }
        let stream = within("the stream", hyper::upgrade::on(&mut answer)).await.unwrap();
        let stream: Box<dyn Io> = Box::new(TokioIo::new(stream));
        Ok(WebSocketStream::from_raw_socket(stream, Role::Client, None).await)
    }
}

/// Reads an answer to its end.
pub(crate) async fn whole(response: Response<Incoming>) -> hyper::Result<Whole> {
    let (head, body) = response.into_parts();
    let body = within("the rest of an answer", body.collect()).await?;
    let trailers = body.trailers().cloned();
    Ok(Whole { status: head.status.as_u16(), headers: head.headers, body: body.to_bytes(), trailers })
}

/// No body.
pub(crate) fn nothing() -> Sent {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body whose length is said.
pub(crate) fn full(bytes: impl Into<Bytes>) -> Sent {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A body whose length is not said, in pieces, with or without trailers.
pub(crate) fn streamed(bytes: impl Into<Bytes>, trailers: Option<HeaderMap>) -> Sent {
    let bytes: Bytes = bytes.into();
    let mut frames: Vec<_> = (0..bytes.len())
        .step_by(10_000)
        .map(|at| Ok(Frame::data(bytes.slice(at..(at + 10_000).min(bytes.len())))))
        .collect();
    frames.extend(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
    StreamBody::new(stream::iter(frames)).boxed_unsync()
}

/// A body that is sent as the other end of the channel says.
pub(crate) fn fed() -> (mpsc::Sender<Bytes>, Sent) {
    let (sender, mut receiver) = mpsc::channel::<Bytes>(1);
    let frames =
        stream::poll_fn(move |cx| receiver.poll_recv(cx).map(|piece| piece.map(|piece| Ok(Frame::data(piece)))));
    (sender, StreamBody::new(frames).boxed_unsync())
}
