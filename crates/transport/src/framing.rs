//! Which heads of an HTTP/1.1 connection say twice how long their body is.
//!
//! The HTTP library drops a `Content-Length` that stands beside `Transfer-Encoding`, and one that says the same again,
//! before anybody can refuse it (RFC 9112 §6.1, §6.3). So the bytes are followed on their way to it: heads line by line,
//! bodies by their length. Nothing is decided here, and whatever is not understood ends the following: the library refuses
//! it, or there was nothing to find.

use memchr::memchr;

/// What is kept of a line that came in pieces. No framing line that means anything is longer.
const KEPT: usize = 256;

/// A connection's bytes, followed.
#[derive(Debug, Default)]
pub(crate) struct Framing {
    state: State,
    /// How many heads have begun.
    heads: u32,
    head: Head,
    /// The beginning of a line that has not ended.
    partial: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy)]
enum State {
    /// Before a request line.
    #[default]
    Between,
    Head,
    /// So much of a body, whose end is the request's.
    Body(u64),
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    Trailers,
    /// Not followed any more.
    Lost,
}

/// What a head has said so far.
#[derive(Debug, Default)]
struct Head {
    framings: u32,
    length: u64,
    chunked: bool,
}

impl Framing {
    /// Follows these bytes. The number of the first head, counted from one, whose body is framed twice, once that head is
    /// whole.
    pub(crate) fn follow(&mut self, mut bytes: &[u8]) -> Option<u32> {
        while !bytes.is_empty() {
            match self.state {
                State::Lost => return None,
                State::Body(left) => bytes = self.skip(bytes, left, State::Body, State::Between),
                State::Chunk(left) => bytes = self.skip(bytes, left, State::Chunk, State::ChunkEnd),
                _ => {
                    let Some((line, rest)) = memchr(b'\n', bytes).and_then(|end| bytes.split_at_checked(end + 1))
                    else {
                        self.keep(bytes);
                        return None;
                    };
                    bytes = rest;
                    if self.whole_line(line) {
                        self.state = State::Lost;
                        return Some(self.heads);
                    }
                }
            }
        }
        None
    }

    fn skip<'b>(&mut self, bytes: &'b [u8], left: u64, on: fn(u64) -> State, then: State) -> &'b [u8] {
        let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let left = left - here as u64;
        self.state = if left == 0 { then } else { on(left) };
        bytes.get(here..).unwrap_or_default()
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = KEPT.saturating_sub(self.partial.len()).min(bytes.len());
        self.partial.extend_from_slice(bytes.get(..room).unwrap_or_default());
    }

    /// Whether it ends a head that frames its body twice.
    fn whole_line(&mut self, line: &[u8]) -> bool {
        if self.partial.is_empty() {
            return self.line(without_break(line));
        }
        self.keep(line);
        let mut whole = std::mem::take(&mut self.partial);
        let ends = self.line(without_break(&whole));
        // Its room is used again.
        whole.clear();
        self.partial = whole;
        ends
    }

    fn line(&mut self, line: &[u8]) -> bool {
        self.state = match self.state {
            State::Between | State::Trailers if line.is_empty() => State::Between,
            State::Between => {
                self.heads = self.heads.saturating_add(1);
                self.head = Head::default();
                State::Head
            }
            State::Head if line.is_empty() => {
                if self.head.framings > 1 {
                    return true;
                }
                match self.head {
                    Head { chunked: true, .. } => State::ChunkSize,
                    Head { length: 0, .. } => State::Between,
                    Head { length, .. } => State::Body(length),
                }
            }
            State::Head => self.head.line(line),
            State::ChunkSize => match chunk_size(line) {
                None => State::Lost,
                Some(0) => State::Trailers,
                Some(size) => State::Chunk(size),
            },
            State::ChunkEnd if line.is_empty() => State::ChunkSize,
            State::ChunkEnd => State::Lost,
            other => other,
        };
        false
    }
}

impl Head {
    /// Takes a header line; the state after it.
    fn line(&mut self, line: &[u8]) -> State {
        // Almost every line begins otherwise.
        if !matches!(line.first(), Some(b'C' | b'c' | b'T' | b't')) {
            return State::Head;
        }
        let Some((name, value)) = memchr(b':', line).and_then(|colon| line.split_at_checked(colon)) else {
            return State::Lost;
        };
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.framings += 1;
            self.chunked = true;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            self.framings += 1;
            let digits = value.get(1..).unwrap_or_default().trim_ascii();
            let Some(length) = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()) else {
                return State::Lost;
            };
            self.length = length;
        }
        State::Head
    }
}

fn without_break(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn chunk_size(line: &[u8]) -> Option<u64> {
    let end = line.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(line.len());
    u64::from_str_radix(std::str::from_utf8(line.get(..end)?).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found when the bytes come in pieces of this size.
    fn found(text: &str, size: usize) -> Option<u32> {
        let mut framing = Framing::default();
        text.as_bytes().chunks(size).find_map(|piece| framing.follow(piece))
    }

    #[test]
    fn a_body_framed_twice_is_found_wherever_it_stands() {
        let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n6;x=\"y\"\r\nab\n\ncd\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\n";
        let sized = "\r\nPUT / HTTP/1.1\r\nContent-Length: 51\r\n\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n\r\n";
        let plain = "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nCookie: content-length: 1\r\n\r\n";
        for twice in [
            "Transfer-Encoding: chunked\r\nContent-Length: 5",
            "Content-Length: 5\r\nX: y\r\nTransfer-Encoding: chunked",
            "content-LENGTH:5\r\ncontent-length:\t5 ",
            "transfer-encoding: chunked\nTransfer-Encoding: chunked",
            "Content-Length: 0\r\nTransfer-Encoding: chunked",
        ] {
            let last = format!("POST / HTTP/1.1\r\nHost: a\r\n{twice}\r\n\r\n");
            for (before, number) in [
                (String::new(), 1),
                (plain.to_owned(), 2),
                (chunked.to_owned(), 2),
                (sized.to_owned(), 2),
                (format!("{chunked}{sized}{plain}{chunked}"), 5),
            ] {
                for size in [1, 2, 3, 7, 64, 10_000] {
                    assert_eq!(found(&format!("{before}{last}"), size), Some(number), "{before}{last}");
                    assert_eq!(found(&before, size), None, "{before}");
                }
            }
        }
    }

    #[test]
    fn what_only_looks_like_it_is_not_taken_for_it() {
        let long = "x".repeat(10_000);
        for head in [
            "Content-Length: 5".to_owned(),
            "X-Content-Length: 5\r\nTransfer-Encoding: chunked".to_owned(),
            "Content-Lengths: 5\r\nTransfer-Encoding: chunked".to_owned(),
            "Transfer: 1\r\nContent: 2\r\nContent-Length: 3".to_owned(),
            format!("Cookie: {long}content-length: 1\r\nContent-Length: 5"),
            format!("T{long}: 1\r\nContent-Length: 5"),
        ] {
            for size in [1, 100, 100_000] {
                assert_eq!(found(&format!("POST / HTTP/1.1\r\n{head}\r\n\r\n"), size), None, "{head}");
            }
        }
    }

    #[test]
    fn what_is_not_understood_is_not_followed() {
        let twice = "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n";
        for before in [
            "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
        ] {
            assert_eq!(found(&format!("{before}{twice}"), 10), None, "{before}");
        }
    }

    #[test]
    fn no_line_is_kept_whole() {
        let mut framing = Framing::default();
        for _ in 0..1000 {
            framing.follow(&[b'c'; 1000]);
        }
        assert!(framing.partial.capacity() <= 2 * KEPT);
    }
}
