//! One connection of the application: reads requests, answers as the test set.

use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::{Arrived, Reply, Shared};
use crate::harness::wire::{self, Framing, Lines, Reader};

pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(stream: S, shared: &Shared) -> std::io::Result<()> {
    let mut reader = Reader::new(stream);
    while let Some((line, headers)) = reader.head().await? {
        let upgrade = wire::first(&headers, "upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket"));
        let arrived = take_in(&mut reader, line, headers, shared).await?;
        let reply = shared.reply.lock().unwrap().clone();
        shared.arrived.send_modify(|all| all.push(arrived.clone()));
        match reply {
            Reply::HangUp => return Ok(()),
            Reply::Raw(bytes) => {
                reader.stream.write_all(&bytes).await?;
                return reader.stream.shutdown().await;
            }
            Reply::RawOpen(bytes) => {
                reader.stream.write_all(&bytes).await?;
                reader.stream.flush().await?;
            }
            Reply::Switch(bytes) => {
                reader.stream.write_all(&bytes).await?;
                return echo(reader, shared).await;
            }
            Reply::Flood => {
                let key = arrived.header("sec-websocket-key").unwrap_or_default();
                switch(&mut reader.stream, &derive_accept_key(key.as_bytes()), &[]).await?;
                return flood(reader, shared).await;
            }
            Reply::RefuseUpgrade if upgrade => {
                reader.stream.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").await?;
                return reader.stream.shutdown().await;
            }
            Reply::WrongAccept if upgrade => {
                let accept = derive_accept_key(b"another key altogether==");
                switch(&mut reader.stream, &accept, &[]).await?;
                return tunnel(reader, shared).await;
            }
            reply if upgrade => {
                let key = arrived.header("sec-websocket-key").unwrap_or_default();
                let more = if let Reply::EchoWith(more) = reply { more } else { Vec::new() };
                switch(&mut reader.stream, &derive_accept_key(key.as_bytes()), &more).await?;
                return tunnel(reader, shared).await;
            }
            reply => answer(&mut reader.stream, &arrived, reply).await?,
        }
    }
    Ok(())
}

async fn take_in<S: AsyncRead + AsyncWrite + Unpin>(
    reader: &mut Reader<S>,
    line: String,
    headers: Lines,
    shared: &Shared,
) -> std::io::Result<Arrived> {
    let framing = if wire::first(&headers, "transfer-encoding").is_some() {
        Framing::Chunked
    } else {
        Framing::Length(wire::first(&headers, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0))
    };
    if wire::first(&headers, "expect").is_some() {
        reader.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let (mut digest, mut body_length) = (Context::new(&SHA256), 0);
    let trailers = reader
        .body(framing, |piece| {
            digest.update(piece);
            body_length += piece.len() as u64;
            shared.body.send_modify(|seen| *seen += piece.len() as u64);
        })
        .await?;
    Ok(Arrived { line, headers, body_length, body_sha256: wire::hex(digest.finish().as_ref()), trailers })
}

async fn answer<S: AsyncWrite + Unpin>(stream: &mut S, arrived: &Arrived, reply: Reply) -> std::io::Result<()> {
    let head_only = arrived.line.starts_with("HEAD ");
    match reply {
        Reply::Bytes(count) => {
            stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {count}\r\n\r\n").as_bytes()).await?;
            let piece = vec![b'x'; 64 * 1024];
            let mut left = count;
            while left > 0 && !head_only {
                let take = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
                stream.write_all(&piece[..take]).await?;
                left -= take as u64;
            }
        }
        Reply::Stream { chunks, every } => {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
            stream.write_all(head.as_bytes()).await?;
            for number in 0..chunks {
                stream.flush().await?;
                tokio::time::sleep(every).await;
                let text = format!("data: {number}\n\n");
                stream.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes()).await?;
            }
            stream.write_all(b"0\r\n\r\n").await?;
        }
        reply => {
            let mut more = Vec::new();
            let mut pause = Duration::ZERO;
            match reply {
                Reply::EchoWith(lines) => more = lines,
                Reply::Late(late) => pause = late,
                _ => {}
            }
            tokio::time::sleep(pause).await;
            let body = serde_json::to_vec(arrived).unwrap();
            let mut head =
                format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n", body.len());
            push(&mut head, &more);
            stream.write_all(head.as_bytes()).await?;
            if !head_only {
                stream.write_all(&body).await?;
            }
        }
    }
    stream.flush().await
}

/// Adds header lines and the empty line.
fn push(head: &mut String, lines: &[(&str, String)]) {
    for (name, value) in lines {
        *head += &format!("{name}: {value}\r\n");
    }
    *head += "\r\n";
}

async fn switch<S: AsyncWrite + Unpin>(stream: &mut S, accept: &str, more: &[(&str, String)]) -> std::io::Result<()> {
    let mut head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n"
    );
    push(&mut head, more);
    stream.write_all(head.as_bytes()).await?;
    stream.flush().await
}

/// Sends every byte back until the other side is done.
async fn echo<S: AsyncRead + AsyncWrite + Unpin>(mut reader: Reader<S>, shared: &Shared) -> std::io::Result<()> {
    shared.tunnels.send_modify(|open| *open += 1);
    let outcome = async {
        let read = reader.buffer.split();
        reader.stream.write_all(&read).await?;
        let mut piece = vec![0; 16 * 1024];
        loop {
            let count = reader.stream.read(&mut piece).await?;
            if count == 0 {
                return reader.stream.shutdown().await;
            }
            reader.stream.write_all(&piece[..count]).await?;
        }
    }
    .await;
    shared.tunnels.send_modify(|open| *open -= 1);
    outcome
}

/// Sends for as long as anybody takes it.
async fn flood<S: AsyncRead + AsyncWrite + Unpin>(mut reader: Reader<S>, shared: &Shared) -> std::io::Result<()> {
    shared.tunnels.send_modify(|open| *open += 1);
    let piece = vec![b'x'; 64 * 1024];
    let outcome = loop {
        match reader.stream.write(&piece).await {
            Ok(taken) => shared.flooded.send_modify(|all| *all += taken as u64),
            Err(error) => break Err(error),
        }
    };
    shared.tunnels.send_modify(|open| *open -= 1);
    outcome
}

/// Sends every message back until either side is done.
async fn tunnel<S: AsyncRead + AsyncWrite + Unpin>(reader: Reader<S>, shared: &Shared) -> std::io::Result<()> {
    shared.tunnels.send_modify(|open| *open += 1);
    let read = reader.buffer.to_vec();
    let mut socket = WebSocketStream::from_partially_read(reader.stream, read, Role::Server, None).await;
    while let Some(Ok(message)) = socket.next().await {
        if message.is_close() || ((message.is_text() || message.is_binary()) && socket.send(message).await.is_err()) {
            break;
        }
    }
    shared.tunnels.send_modify(|open| *open -= 1);
    Ok(())
}
