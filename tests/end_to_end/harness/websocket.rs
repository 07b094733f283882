//! WebSockets as a client, through our own connection and with any header.

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::browser::Browser;
use super::doorward::Doorward;
use super::raw::{Io, Raw, RawAnswer};
use super::within;

/// The key of RFC 6455 §1.3 and what it is answered with.
pub(crate) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub(crate) const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

pub(crate) type Socket = WebSocketStream<Box<dyn Io>>;

/// Asks for a WebSocket; the answer when it is refused. `host` is the Host header.
pub(crate) async fn over(mut raw: Raw, host: &str, path: &str, headers: &[(&str, &str)]) -> Result<Socket, RawAnswer> {
    let mut head = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n"
    );
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    raw.send(head + "\r\n").await;
    let answer = raw.answer().await;
    if answer.status != 101 {
        return Err(answer);
    }
    assert_eq!(answer.header("sec-websocket-accept"), Some(ACCEPT));
    let (stream, read) = raw.into_parts();
    Ok(WebSocketStream::from_partially_read(stream, read, Role::Client, None).await)
}

/// As a page of that host opens it, with the browser's cookies and the page's Origin.
pub(crate) async fn open(door: &Doorward, browser: &Browser, host: &str) -> Result<Socket, RawAnswer> {
    let origin = door.setup.origin(host);
    let cookies = browser.jar.header(&origin.parse().unwrap()).unwrap_or_default();
    let headers = [("Origin", origin.as_str()), ("Cookie", cookies.as_str())];
    over(door.raw(host).await, &door.authority(host), "/socket", &headers).await
}

/// Sends a text and waits for it to come back.
pub(crate) async fn echo<S>(socket: &mut WebSocketStream<S>, text: &str) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if socket.send(Message::text(text)).await.is_err() {
        return false;
    }
    loop {
        match within("the echo of a message", socket.next()).await {
            Some(Ok(Message::Text(back))) => return back.as_str() == text,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            _ => return false,
        }
    }
}

/// Waits until the other side ends the connection, and tells how long that took.
pub(crate) async fn ended<S>(socket: &mut WebSocketStream<S>) -> std::time::Duration
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let started = std::time::Instant::now();
    within("waiting for the WebSocket to end", async {
        while let Some(Ok(message)) = socket.next().await {
            if message.is_close() {
                break;
            }
        }
    })
    .await;
    started.elapsed()
}
