//! Floods of frames that cost their sender nothing: each ends the connection, or waits for its sender to read.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::clients::{exchange, get_once, status, tcp};
use super::server::{Server, long};
use crate::{Limits, Reason};

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RESET: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;
/// `GET http://a/`, each line from the static table but the authority (RFC 7541, Appendix A).
pub(super) const GET: &[u8] = b"\x82\x86\x84\x01\x01a";
const POST_SLOW: &[u8] = b"\x83\x86\x04\x05/slow\x01\x01a";
const ENOUGH: Duration = Duration::from_secs(20);

pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

pub(super) async fn http2(server: &Server) -> TcpStream {
    let mut stream = tcp(server).await;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    stream
}

/// Sends what `next` makes, reading all along, until the other side closes; whether it did before `most` were sent.
async fn is_ended(stream: TcpStream, most: u32, mut next: impl FnMut(u32) -> Vec<u8>) -> bool {
    let (mut read, mut write) = stream.into_split();
    let reading = tokio::spawn(async move {
        let mut sink = vec![0; 64 * 1024];
        while read.read(&mut sink).await.is_ok_and(|count| count > 0) {}
    });
    let sending = async {
        for number in 0..most {
            if write.write_all(&next(number)).await.is_err() {
                return;
            }
        }
    };
    timeout(ENOUGH, sending).await.expect("it never refuses, and never takes all");
    timeout(Duration::from_secs(2), reading).await.is_ok()
}

async fn is_served(server: &Server) {
    assert_eq!(status(&exchange(&mut tcp(server).await, &get_once("/")).await), "200");
}

#[tokio::test]
async fn a_flood_of_resets_ends_the_connection_and_is_counted() {
    let server = Server::cleartext(long());
    let ended = is_ended(http2(&server).await, 50_000, |number| {
        let id = 2 * number + 1;
        let opened = frame(HEADERS, END_HEADERS | END_STREAM, id, GET);
        [opened, frame(RESET, 0, id, &8_u32.to_be_bytes())].concat()
    });
    assert!(ended.await);
    is_counted(&server, Reason::Resets).await;
    is_served(&server).await;
}

/// Something is counted when the connection is done with, a moment after its other end has heard so.
async fn is_counted(server: &Server, reason: Reason) {
    let counted = async {
        while server.admission.counts().of(reason) == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(Duration::from_secs(5), counted).await.expect("it is never counted");
    assert_eq!(server.admission.counts().of(reason), 1);
}

#[tokio::test]
async fn who_never_closes_their_end_is_counted_all_the_same() {
    let server = Server::cleartext(Limits { resets_per_connection: 3, ..long() });
    let mut flood = Vec::new();
    for id in [1, 3, 5, 7] {
        flood.extend(frame(HEADERS, END_HEADERS | END_STREAM, id, GET));
        flood.extend(frame(RESET, 0, id, &8_u32.to_be_bytes()));
    }
    let mut held = http2(&server).await;
    held.write_all(&flood).await.unwrap();
    held.read_to_end(&mut Vec::new()).await.unwrap();
    is_counted(&server, Reason::Resets).await;

    let mut held = tcp(&server).await;
    held.write_all(format!("GET / HTTP/1.1\r\nx: {}", "y".repeat(70_000)).as_bytes()).await.unwrap();
    let mut answer = String::new();
    held.read_to_string(&mut answer).await.unwrap();
    assert_eq!(status(&answer), "431");
    is_counted(&server, Reason::HeadTooLarge).await;
}

#[tokio::test]
async fn a_head_without_end_ends_the_connection() {
    let server = Server::cleartext(long());
    let ended = is_ended(http2(&server).await, 100_000, |number| {
        let kind = if number == 0 { HEADERS } else { CONTINUATION };
        // A line that is never indexed, and nothing that ends the head.
        frame(kind, 0, 1, b"\0\x01x\x01y")
    });
    assert!(ended.await);
    is_served(&server).await;
}

#[tokio::test]
async fn a_flood_of_data_without_data_ends_the_connection() {
    let server = Server::cleartext(long());
    let ended = is_ended(http2(&server).await, 500_000, |number| match number {
        0 => frame(HEADERS, END_HEADERS, 1, POST_SLOW),
        _ => frame(DATA, 0, 1, &[]),
    });
    assert!(ended.await);
    is_served(&server).await;
}

#[tokio::test]
async fn floods_that_are_answered_wait_for_their_sender_to_read() {
    for (kind, payload) in [(SETTINGS, &[][..]), (PING, &[0; 8])] {
        let server = Server::cleartext(Limits { stalled_write_timeout: Duration::from_millis(500), ..long() });
        let mut stream = http2(&server).await;
        let frames = frame(kind, 0, 0, payload).repeat(1000);
        // Reads nothing: each frame asks for an answer, which has nowhere to go.
        let flood = async { while stream.write_all(&frames).await.is_ok() {} };
        timeout(ENOUGH, flood).await.expect("the connection is closed");
        is_counted(&server, Reason::StalledWrite).await;
        is_served(&server).await;
    }
}

#[tokio::test]
async fn whoever_reads_byte_by_byte_holds_up_nobody_else() {
    let server = Server::cleartext(long());
    let mut stream = http2(&server).await;
    // A window of one byte, opened byte by byte.
    stream.write_all(&frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 1])).await.unwrap();
    stream.write_all(&frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x82\x86\x04\x04/big\x01\x01a")).await.unwrap();
    for _ in 0..200 {
        stream.write_all(&frame(WINDOW_UPDATE, 0, 1, &1_u32.to_be_bytes())).await.unwrap();
        is_served(&server).await;
    }
    let mut received = vec![0; 1 << 20];
    let count = timeout(ENOUGH, stream.read(&mut received)).await.unwrap().unwrap();
    assert!(count < 16 * 1024, "more than the windows allow: {count}");
}
