//! A client that speaks HTTP/2 as browsers do, WebSockets on its streams included (RFC 8441).

use bytes::Bytes;
use http::{Method, Request, Response, Version};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::ext::Protocol;
use hyper::upgrade::Upgraded;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::doorward::Doorward;
use super::tls::{Undemanding, shake_hands};
use super::within;

/// One connection to one host.
pub(crate) struct Http2 {
    sender: SendRequest<Empty<Bytes>>,
    authority: String,
    connection: JoinHandle<()>,
}

/// A WebSocket on one of its streams.
pub(crate) type StreamSocket = WebSocketStream<TokioIo<Upgraded>>;

impl Http2 {
    /// Connects, and waits until the server has said what it can.
    pub(crate) async fn connect(door: &Doorward, host: &str) -> Self {
        let stream = within("connecting", TcpStream::connect(door.setup.address())).await.unwrap();
        let config = Undemanding::new(&["h2"], rustls::ALL_VERSIONS).config;
        let name = format!("{host}.example.test");
        let stream = within("shaking hands", shake_hands(config, stream, Some(&name))).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (sender, connection) = Builder::new(TokioExecutor::new()).handshake(TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(async move { drop(connection.await) });
        let mut this = Self { sender, authority: door.authority(host), connection };
        // The settings come before any answer, and a page of our own disturbs no application.
        this.get("/.doorward/user", &[]).await;
        this
    }

    pub(crate) async fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
        let mut request = self.request(Method::GET, path, headers);
        *request.version_mut() = Version::HTTP_2;
        let answer = self.send(request).await;
        (answer.status().as_u16(), text(answer).await)
    }

    /// An extended CONNECT with all that a browser puts there, and these lines too.
    pub(crate) fn handshake(&self, path: &str, headers: &[(&str, &str)]) -> Request<Empty<Bytes>> {
        let mut request = self.request(Method::CONNECT, path, headers);
        request.headers_mut().entry("sec-websocket-version").or_insert(http::HeaderValue::from_static("13"));
        request.extensions_mut().insert(Protocol::from_static("websocket"));
        request
    }

    pub(crate) async fn send(&mut self, request: Request<Empty<Bytes>>) -> Response<Incoming> {
        within("room for a stream", self.sender.ready()).await.unwrap();
        within("an answer", self.sender.send_request(request)).await.unwrap()
    }

    /// A WebSocket, or the refusal.
    pub(crate) async fn websocket(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<StreamSocket, (u16, String)> {
        let request = self.handshake(path, headers);
        let answer = self.send(request).await;
        if answer.status() != 200 {
            return Err((answer.status().as_u16(), text(answer).await));
        }
        for name in ["connection", "upgrade", "sec-websocket-accept", "content-length"] {
            assert!(!answer.headers().contains_key(name), "{name} in {:?}", answer.headers());
        }
        let stream = within("the stream", hyper::upgrade::on(answer)).await.unwrap();
        Ok(WebSocketStream::from_raw_socket(TokioIo::new(stream), Role::Client, None).await)
    }

    /// Waits until the connection is over.
    pub(crate) async fn ended(&mut self) {
        within("the end of the connection", &mut self.connection).await.unwrap();
    }

    fn request(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Request<Empty<Bytes>> {
        let mut request = Request::builder().method(method).uri(format!("https://{}{path}", self.authority));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Empty::new()).unwrap()
    }
}

impl Drop for Http2 {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

async fn text(answer: Response<Incoming>) -> String {
    let body = within("a body", answer.into_body().collect()).await.unwrap().to_bytes();
    String::from_utf8_lossy(&body).into_owned()
}
