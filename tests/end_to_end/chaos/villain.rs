//! Applications that misbehave, each in its own way, on every connection in turn a little differently.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::harness::scripted::{NONCE, bytes_of};
use crate::harness::wire::{Framing, Reader, first};

/// What an application does wrong.
#[derive(Debug, Clone, Copy)]
pub(super) enum Vice {
    /// Resets the connection instead of answering, or in the middle of the answer.
    Resets,
    /// Never answers.
    Stalls,
    /// Answers before it has read the request, and closes, politely or not.
    Early,
    /// Says what is no answer, too much, too little, or an answer that nobody asked for.
    Garbage,
    /// Closes connections that it said it would keep, at the worst moment.
    ClosesKept,
}

/// One of them, until dropped.
pub(super) struct Villain {
    address: SocketAddr,
    _accepting: JoinSet<()>,
}

impl Villain {
    pub(super) async fn start(vice: Vice) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, vice));
        Self { address, _accepting: accepting }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn accept(listener: TcpListener, vice: Vice) {
    let mut connections = JoinSet::new();
    let count = Arc::new(AtomicUsize::new(0));
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        while connections.try_join_next().is_some() {}
        let count = Arc::clone(&count);
        connections.spawn(async move { drop(serve(Reader::new(stream), vice, &count).await) });
    }
}

async fn serve(mut reader: Reader<TcpStream>, vice: Vice, count: &AtomicUsize) -> std::io::Result<()> {
    let mut answered = 0;
    while let Some((_, headers)) = reader.head().await? {
        let nonce = first(&headers, NONCE).unwrap_or_default();
        let own = String::from_utf8(bytes_of(nonce, 500)).unwrap();
        let whole = format!("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{own}");
        let turn = count.fetch_add(1, Ordering::Relaxed);
        match vice {
            Vice::Resets => {
                if turn.is_multiple_of(2) {
                    reader.stream.write_all(&whole.as_bytes()[..200]).await?;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                return reader.stream.set_zero_linger();
            }
            Vice::Stalls => std::future::pending().await,
            Vice::Early => {
                let whole = whole.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
                reader.stream.write_all(whole.as_bytes()).await?;
                if turn.is_multiple_of(2) {
                    reader.stream.shutdown().await?;
                    let rest = tokio::time::timeout(Duration::from_secs(2), reader.rest());
                    drop(rest.await);
                }
                return Ok(());
            }
            Vice::Garbage => {
                if !garbage(&mut reader.stream, turn, &whole).await? {
                    return Ok(());
                }
            }
            Vice::ClosesKept => {
                if answered > 0 {
                    // It said it would take another request, and has it now.
                    return Ok(());
                }
                let framing =
                    if first(&headers, "transfer-encoding").is_some() { Framing::Chunked } else { Framing::Length(0) };
                reader.body(framing, |_| {}).await?;
                reader.stream.write_all(whole.as_bytes()).await?;
                if turn.is_multiple_of(2) {
                    tokio::time::sleep(Duration::from_millis(turn as u64 % 20)).await;
                    return Ok(());
                }
            }
        }
        answered += 1;
    }
    Ok(())
}

/// Whether the connection stays open.
async fn garbage(stream: &mut TcpStream, turn: usize, whole: &str) -> std::io::Result<bool> {
    let stolen = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen";
    let (said, stays) = match turn % 7 {
        0 => ("SSH-2.0-OpenSSH_9.2\r\n".to_owned(), false),
        1 => (whole.replace("Content-Length: 500", "Content-Length: 500\r\nContent-Length: 501"), false),
        2 => (whole.replace("Content-Length: 500", "Content-Length: 900"), false),
        3 => ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_owned(), false),
        // An answer to a request that was never made waits for the next one.
        4 => (format!("{whole}{stolen}"), true),
        5 => {
            stream.write_all(whole.as_bytes()).await?;
            tokio::time::sleep(Duration::from_millis(turn as u64 % 5)).await;
            (stolen.to_owned(), true)
        }
        _ => ("\0\u{1}\u{2}\r\n\r\n".repeat(1000), false),
    };
    stream.write_all(said.as_bytes()).await?;
    Ok(stays)
}
