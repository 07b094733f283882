//! Readers on HTTP/2 who open no window: each loses that one stream, in time, and what it held is let go of.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::floods::{DATA, END_HEADERS, END_STREAM, GET, HEADERS, PING, RESET, SETTINGS, WINDOW_UPDATE, frame, http2};
use super::server::{Server, long};
use crate::{Limits, Reason};

const PATIENCE: Duration = Duration::from_secs(20);
/// How soon an end from outside must be felt, with room for a slow machine.
const SOON: Duration = Duration::from_secs(3);
/// Longer than a machine that has other things to do takes between two pieces.
const STALLED: Duration = Duration::from_secs(2);
const CANCEL: u32 = 8;

struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

impl Frame {
    /// The code with which this stream was reset, if it was.
    fn reset(&self, stream: u32) -> Option<u32> {
        let is_reset = self.kind == RESET && self.stream == stream;
        is_reset.then(|| u32::from_be_bytes(self.payload[..4].try_into().unwrap()))
    }
}

/// A reader who says frame by frame what may come.
struct Reader(TcpStream);

impl Reader {
    /// Takes as much as comes on the connection, and of each stream what HTTP/2 begins with: 64 KiB less one.
    async fn connect(server: &Server) -> Self {
        let mut this = Self(http2(server).await);
        this.opens(0, 1 << 30).await;
        this
    }

    async fn sends(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.0.write_all(&frame(kind, flags, stream, payload)).await.unwrap();
    }

    async fn opens(&mut self, stream: u32, bytes: u32) {
        self.sends(WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes()).await;
    }

    async fn gets(&mut self, stream: u32, path: &str) {
        let head = [&b"\x82\x86\x04"[..], &[u8::try_from(path.len()).unwrap()], path.as_bytes(), b"\x01\x01a"].concat();
        self.sends(HEADERS, END_HEADERS | END_STREAM, stream, &head).await;
    }

    /// Opens a tunnel as RFC 8441 has it.
    async fn connects(&mut self, stream: u32, path: &str) {
        let length = u8::try_from(path.len()).unwrap();
        let head =
            [&b"\x02\x07CONNECT\0\x09:protocol\x04test\x86\x04"[..], &[length], path.as_bytes(), b"\x01\x01a"].concat();
        self.sends(HEADERS, END_HEADERS, stream, &head).await;
    }

    async fn next(&mut self) -> Frame {
        let reading = async {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).await.expect("the connection goes on");
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            let mut payload = vec![0; length];
            self.0.read_exact(&mut payload).await.unwrap();
            Frame { kind: head[3], flags: head[4], stream, payload }
        };
        timeout(PATIENCE, reading).await.expect("a frame")
    }

    /// Reads until the stream has sent so much.
    async fn until(&mut self, stream: u32, bytes: usize) {
        let mut taken = 0;
        while taken < bytes {
            let next = self.next().await;
            assert_eq!(next.reset(stream), None);
            if next.kind == DATA && next.stream == stream {
                taken += next.payload.len();
            }
        }
    }

    /// Reads until the stream is reset, and says with which code and how long that took.
    async fn is_reset(&mut self, stream: u32) -> (u32, Duration) {
        let began = Instant::now();
        loop {
            if let Some(code) = self.next().await.reset(stream) {
                return (code, began.elapsed());
            }
        }
    }

    /// Another request on the same connection is answered.
    async fn is_served(&mut self, stream: u32) {
        self.sends(HEADERS, END_HEADERS | END_STREAM, stream, GET).await;
        loop {
            let next = self.next().await;
            if next.stream == stream {
                assert_ne!(next.kind, RESET);
                if next.flags & END_STREAM != 0 && matches!(next.kind, HEADERS | DATA) {
                    return;
                }
            }
        }
    }
}

fn stalling() -> Limits {
    Limits { stalled_write_timeout: STALLED, ..long() }
}

#[tokio::test]
async fn a_reader_who_opens_no_window_loses_the_stream_and_no_other() {
    let server = Server::cleartext(stalling());
    let mut reader = Reader::connect(&server).await;
    let began = Instant::now();
    reader.gets(1, "/big").await;
    reader.until(1, 65_535).await;
    // The other one is read all along.
    reader.gets(3, "/big").await;
    let (mut of_other, mut since_reset) = (0, None);
    while since_reset.is_none_or(|since| of_other < since + (1 << 20)) {
        let next = reader.next().await;
        assert_eq!(next.reset(3), None);
        if let Some(code) = next.reset(1) {
            assert_eq!(code, CANCEL);
            assert!(began.elapsed() >= STALLED, "{:?}", began.elapsed());
            since_reset = Some(of_other);
        }
        if next.kind == DATA {
            assert_eq!(next.stream, 3);
            of_other += next.payload.len();
            reader.opens(3, u32::try_from(next.payload.len()).unwrap()).await;
            // Not all of it is to be over before the first one is reset.
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
    }
    assert_eq!(server.admission.counts().of(Reason::StalledWrite), 1);
    reader.is_served(5).await;
}

#[tokio::test]
async fn who_takes_little_by_little_is_left_alone() {
    let server = Server::cleartext(stalling());
    let mut reader = Reader::connect(&server).await;
    reader.gets(1, "/big").await;
    reader.until(1, 65_535).await;
    let began = Instant::now();
    while began.elapsed() < 2 * STALLED {
        tokio::time::sleep(STALLED / 10).await;
        reader.opens(1, 16 * 1024).await;
        reader.until(1, 16 * 1024).await;
    }
    assert_eq!(server.admission.counts().of(Reason::StalledWrite), 0);
    assert_eq!(reader.is_reset(1).await.0, CANCEL);
}

#[tokio::test]
async fn an_answer_of_one_piece_waits_no_longer() {
    let server = Server::cleartext(stalling());
    let mut reader = Reader::connect(&server).await;
    // SETTINGS_INITIAL_WINDOW_SIZE 0: of no stream anything but its head.
    reader.sends(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]).await;
    reader.sends(HEADERS, END_HEADERS | END_STREAM, 1, GET).await;
    assert_eq!(reader.is_reset(1).await.0, CANCEL);
    // What may be sent is, and then the rest is not waited for either.
    reader.gets(3, "/big").await;
    reader.opens(3, 1).await;
    reader.until(3, 1).await;
    assert_eq!(reader.is_reset(3).await.0, CANCEL);
    reader.sends(PING, 0, 0, &[7; 8]).await;
    while reader.next().await.kind != PING {}
}

#[tokio::test]
async fn waiting_for_an_answer_is_no_stall() {
    let server = Server::cleartext(stalling());
    let mut reader = Reader::connect(&server).await;
    reader.gets(1, "/slow").await;
    tokio::time::sleep(2 * STALLED).await;
    server.app.gate.add_permits(1);
    reader.until(1, 4).await;
    assert_eq!(server.admission.counts().of(Reason::StalledWrite), 0);
}

#[tokio::test]
async fn what_it_belongs_to_ends_it_although_nobody_reads() {
    let server = Server::cleartext(long());
    let mut reader = Reader::connect(&server).await;
    reader.gets(1, "/ending").await;
    reader.gets(3, "/big").await;
    reader.until(3, 65_535).await;
    server.app.end.cancel();
    let (code, after) = reader.is_reset(1).await;
    assert_eq!(code, CANCEL);
    assert!(after < SOON, "{after:?}");
    // One that begins only now, too, as soon as it would have to be waited for.
    reader.gets(5, "/ending").await;
    assert!(reader.is_reset(5).await.1 < SOON);
    assert_eq!(server.admission.counts().of(Reason::StalledWrite), 0);
    // The one beside it belongs to nobody.
    reader.opens(3, 16 * 1024).await;
    reader.until(3, 16 * 1024).await;
}

#[tokio::test]
async fn a_tunnel_that_is_over_waits_for_its_reader_no_longer_than_an_answer_does() {
    let server = Server::cleartext(stalling());
    let mut reader = Reader::connect(&server).await;
    reader.connects(1, "/pours").await;
    reader.until(1, 65_535).await;
    // As long as there is a tunnel, its own clocks are for it.
    tokio::time::sleep(2 * STALLED).await;
    let began = Instant::now();
    server.app.end.cancel();
    assert_eq!(reader.is_reset(1).await.0, CANCEL);
    assert!(began.elapsed() >= STALLED, "{:?}", began.elapsed());
    reader.is_served(3).await;
}

#[tokio::test]
async fn a_tunnel_that_has_to_end_does_so_although_nobody_reads() {
    let server = Server::cleartext(long());
    let mut reader = Reader::connect(&server).await;
    reader.connects(1, "/pours/ending").await;
    reader.until(1, 65_535).await;
    server.app.end.cancel();
    let (code, after) = reader.is_reset(1).await;
    assert_eq!(code, CANCEL);
    assert!(after < SOON, "{after:?}");
    reader.is_served(3).await;
}
