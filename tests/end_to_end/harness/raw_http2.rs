//! HTTP/2 frames by hand: heads that no client library would send (RFC 9113, RFC 7541).

use std::collections::HashMap;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::tls::{Undemanding, shake_hands};
use super::within;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GO_AWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

/// The setting of RFC 9113 §6.5.2.
pub(crate) const MAX_CONCURRENT_STREAMS: u16 = 3;
/// The error code of RFC 9113 §7.
pub(crate) const REFUSED_STREAM: u32 = 7;

/// A connection that speaks HTTP/2.
pub(crate) struct RawHttp2 {
    stream: TlsStream<TcpStream>,
    next: u32,
}

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Answered with this status and body.
    Answered(u16, Vec<u8>),
    /// The stream was reset with this code.
    Reset(u32),
    /// The connection was given up with this code, or closed.
    Closed,
}

impl Outcome {
    /// Refused in one of the ways that HTTP/2 leaves: an error answer, a reset, a closed connection.
    pub(crate) fn is_refusal(&self) -> bool {
        match self {
            Self::Answered(status, _) => (400..500).contains(status),
            Self::Reset(_) | Self::Closed => true,
        }
    }
}

impl RawHttp2 {
    pub(crate) async fn connect(address: SocketAddr, host: &str) -> Self {
        let stream = within("connecting", TcpStream::connect(address)).await.unwrap();
        let config = Undemanding::new(&["h2"], rustls::ALL_VERSIONS).config;
        let mut stream = within("shaking hands", shake_hands(config, stream, Some(host))).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        let mut this = Self { stream, next: 1 };
        this.frame(SETTINGS, 0, 0, &[]).await.unwrap();
        this
    }

    /// Sends a head without a body and waits for what becomes of it.
    pub(crate) async fn request(&mut self, lines: &[(&str, &str)]) -> Outcome {
        self.request_with_body(lines, None).await
    }

    pub(crate) async fn request_with_body(&mut self, lines: &[(&str, &str)], body: Option<&[u8]>) -> Outcome {
        let id = self.next;
        self.next += 2;
        let head = encode(lines);
        let end = if body.is_none() { END_STREAM } else { 0 };
        within("an HTTP/2 exchange", async {
            if self.frame(HEADERS, END_HEADERS | end, id, &head).await.is_err() {
                return Outcome::Closed;
            }
            if let Some(body) = body {
                // A stream that was reset already shows when reading.
                let _sent = self.frame(DATA, END_STREAM, id, body).await;
            }
            self.outcome(id).await.unwrap_or(Outcome::Closed)
        })
        .await
    }

    /// Sends a head without a body and waits for nothing; the stream's number.
    pub(crate) async fn begin(&mut self, lines: &[(&str, &str)]) -> u32 {
        let id = self.next;
        self.next += 2;
        // A tunnel's direction stays open.
        let end = if lines[0].1 == "CONNECT" { 0 } else { END_STREAM };
        self.frame(HEADERS, END_HEADERS | end, id, &encode(lines)).await.unwrap();
        id
    }

    /// Lets so many bytes more come on a stream, or on all of them together where it is 0.
    pub(crate) async fn open_window(&mut self, stream: u32, bytes: u32) {
        self.frame(WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes()).await.unwrap();
    }

    /// Reads until so many bytes have come on a stream, and lets no more come.
    pub(crate) async fn until(&mut self, stream: u32, bytes: usize) {
        let mut taken = 0;
        while taken < bytes {
            let (kind, _, of, payload) = within("a frame", self.next_frame()).await.unwrap();
            assert!(of != stream || kind != RESET, "reset after {taken} bytes");
            taken += if kind == DATA && of == stream { payload.len() } else { 0 };
        }
    }

    /// Reads until one of these streams is reset, and says which, and with which code.
    pub(crate) async fn until_reset(&mut self, streams: &[u32]) -> (u32, u32) {
        loop {
            let (kind, _, stream, payload) = within("a reset", self.next_frame()).await.unwrap();
            if kind == RESET && streams.contains(&stream) {
                return (stream, u32::from_be_bytes(payload[..4].try_into().unwrap()));
            }
        }
    }

    /// Reads what the server announces of itself, which comes before all else, and says that it is understood.
    pub(crate) async fn settings(&mut self) -> HashMap<u16, u32> {
        let (kind, flags, _, payload) = within("settings", self.read()).await.unwrap();
        assert!(kind == SETTINGS && flags & ACK == 0, "a frame of kind {kind} before the settings");
        self.frame(SETTINGS, ACK, 0, &[]).await.unwrap();
        let name = |setting: &[u8]| u16::from_be_bytes(setting[..2].try_into().unwrap());
        let value = |setting: &[u8]| u32::from_be_bytes(setting[2..].try_into().unwrap());
        payload.chunks(6).map(|setting| (name(setting), value(setting))).collect()
    }

    pub(crate) async fn reset(&mut self, stream: u32) {
        self.frame(RESET, 0, stream, &8_u32.to_be_bytes()).await.unwrap();
    }

    /// Opens streams and resets each, all in one piece, so that nobody has looked at any of them in between.
    pub(crate) async fn burst_of_resets(&mut self, lines: &[(&str, &str)], count: usize) {
        let head = encode(lines);
        let mut all = Vec::new();
        for _ in 0..count {
            all.extend(framed(HEADERS, END_HEADERS | END_STREAM, self.next, &head));
            all.extend(framed(RESET, 0, self.next, &8_u32.to_be_bytes()));
            self.next += 2;
        }
        self.stream.write_all(&all).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Opens streams and resets each at once; false when the other side had enough before the end.
    pub(crate) async fn storm_of_resets(&mut self, lines: &[(&str, &str)], count: usize) -> bool {
        let head = encode(lines);
        for _ in 0..count {
            let id = self.next;
            self.next += 2;
            let opened = self.frame(HEADERS, END_HEADERS | END_STREAM, id, &head).await;
            if opened.is_err() || self.frame(RESET, 0, id, &8_u32.to_be_bytes()).await.is_err() {
                return false;
            }
        }
        true
    }

    /// Begins a head and goes on with it; gives the bytes that were taken before the other side had enough, or all.
    pub(crate) async fn endless_head(&mut self, most: usize) -> usize {
        let id = self.next;
        self.next += 2;
        let piece = encode(&[("x-endless", &"y".repeat(16_000))]);
        let mut kind = HEADERS;
        let mut sent = 0;
        while sent < most && self.frame(kind, END_STREAM * u8::from(kind == HEADERS), id, &piece).await.is_ok() {
            kind = CONTINUATION;
            sent += piece.len();
        }
        sent
    }

    async fn outcome(&mut self, id: u32) -> std::io::Result<Outcome> {
        let (mut status, mut body) = (0, Vec::new());
        loop {
            let (kind, flags, stream, payload) = self.next_frame().await?;
            match kind {
                GO_AWAY => return Ok(Outcome::Closed),
                RESET if stream == id => {
                    return Ok(Outcome::Reset(u32::from_be_bytes(payload[..4].try_into().unwrap())));
                }
                HEADERS if stream == id && status == 0 => status = status_of(&payload),
                DATA if stream == id => body.extend_from_slice(&payload),
                _ => {}
            }
            if stream == id && matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0 {
                return Ok(Outcome::Answered(status, body));
            }
        }
    }

    /// The next frame, answered where the protocol wants an answer.
    async fn next_frame(&mut self) -> std::io::Result<(u8, u8, u32, Vec<u8>)> {
        let (kind, flags, stream, payload) = self.read().await?;
        match kind {
            SETTINGS if flags & ACK == 0 => self.frame(SETTINGS, ACK, 0, &[]).await?,
            PING if flags & ACK == 0 => self.frame(PING, ACK, 0, &payload).await?,
            _ => {}
        }
        Ok((kind, flags, stream, payload))
    }

    /// The next frame: its kind, flags, stream and payload.
    async fn read(&mut self) -> std::io::Result<(u8, u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff;
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).await?;
        Ok((head[3], head[4], stream, payload))
    }

    async fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(&framed(kind, flags, stream, payload)).await?;
        self.stream.flush().await
    }
}

fn framed(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The head of a GET.
pub(crate) fn get<'a>(authority: &'a str, path: &'a str) -> [(&'a str, &'a str); 4] {
    [(":method", "GET"), (":scheme", "https"), (":authority", authority), (":path", path)]
}

/// Every line as a literal that is not indexed, names and values as they are (RFC 7541 §6.2.2).
fn encode(lines: &[(&str, &str)]) -> Vec<u8> {
    let mut head = Vec::new();
    for (name, value) in lines {
        head.push(0);
        for text in [name, value] {
            push_length(&mut head, text.len());
            head.extend(text.bytes());
        }
    }
    head
}

/// An integer with a prefix of seven bits (RFC 7541 §5.1).
fn push_length(head: &mut Vec<u8>, length: usize) {
    let Some(mut rest) = length.checked_sub(127) else {
        head.push(u8::try_from(length).unwrap());
        return;
    };
    head.push(127);
    while rest >= 128 {
        head.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    head.push(u8::try_from(rest).unwrap());
}

/// The status, which is always the first line of a head: indexed, or a literal with the indexed name.
fn status_of(head: &[u8]) -> u16 {
    // A change of the table's size may come before the first line (RFC 7541 §6.3).
    let head = if head[0] & 0xe0 == 0x20 { &head[1..] } else { head };
    match head[0] {
        indexed @ 0x88..=0x8e => [200, 204, 206, 304, 400, 404, 500][usize::from(indexed - 0x88)],
        // Name at 8 to 14 of the static table, as any of the three kinds of literal.
        0x08..=0x0e | 0x18..=0x1e | 0x48..=0x4e => {
            let length = usize::from(head[1] & 0x7f);
            let digits = &head[2..2 + length];
            if head[1] & 0x80 == 0 {
                std::str::from_utf8(digits).unwrap().parse().unwrap()
            } else {
                huffman_digits(digits)
            }
        }
        other => panic!("a head that begins with {other:#x}"),
    }
}

/// Three digits in the code of RFC 7541, Appendix B: 0 to 2 have five bits, 3 to 9 have six.
fn huffman_digits(bytes: &[u8]) -> u16 {
    let mut bits = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| u16::from(byte >> bit & 1)));
    let mut number = 0;
    for _ in 0..3 {
        let mut code = (0..5).fold(0, |code, _| code << 1 | bits.next().unwrap());
        if code > 2 {
            code = code << 1 | bits.next().unwrap();
            code -= 0b01_1001 - 3;
        }
        number = number * 10 + code;
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_in_every_spelling() {
        assert_eq!(status_of(&[0x88]), 200);
        assert_eq!(status_of(&[0x48, 0x03, b'4', b'2', b'1']), 421);
        // 421: 011010 00010 00001, filled up with ones.
        assert_eq!(status_of(&[0x48, 0x82, 0b0110_1000, 0b0100_0001]), 421);
        assert_eq!(status_of(&[0x20, 0x8d]), 404);
    }
}
